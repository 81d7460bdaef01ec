"""What the simulated plant says besides measurements is read as it is meant, and adds up."""

from collections import Counter

from config.load import load
from connectors.decode import Decoder
from connectors.segments import Entry
from flows.demo import PLANT_FILE
from flows.plant_model import HOUR_NS, HOURS, STATIONS, production_day, start_ns
from flows.shop_model import happenings
from rules.events import Complaint, Count, Event, Inspection, MachineState

PLAN = load(PLANT_FILE).plan()


def events(*numbers: int, seed: int = 8) -> list[Event]:
    sent = [message for number in numbers for message in happenings(number, seed=seed)]
    entries = [Entry(k, one.at_ns, "gateways", one.topic, 0, 0, one.payload) for k, one in enumerate(sent)]
    decoded = Decoder(PLAN).decode(entries)
    assert not decoded.rejected
    inspections = sum(event.kind == "inspection" for event in decoded.events)
    names = {PLAN.characteristics[k].id for k in decoded.readings.characteristic}
    assert (names, len(decoded.readings)) == ({"line2/op30/P7/rejected"} if inspections else set(), inspections)
    return list(decoded.events)


def test_the_same_seed_gives_the_same_messages_and_another_seed_others() -> None:
    assert happenings(3, seed=1) == happenings(3, seed=1) != happenings(3, seed=2)


def test_each_message_is_read_as_an_event_of_its_station() -> None:
    found = events(*range(21))
    kinds = Counter(event.kind for event in found)
    assert kinds.keys() == {"state", "count", "inspection", "complaint", "change"}
    assert {event.place for event in found} == {f"{one.line}/{one.name}" for one in STATIONS}
    assert kinds["count"] == 21 * len(STATIONS) * HOURS
    assert kinds["inspection"] == 21 * HOURS


def test_a_machine_makes_what_it_can_in_the_time_that_it_runs() -> None:
    for number in range(5):
        found = [event for event in events(number) if event.place == "line2/op10"]
        end = start_ns(production_day(number)) + HOURS * HOUR_NS
        states = [(event.time_ns, event.body) for event in found if isinstance(event.body, MachineState)]
        assert states[-1] == (end, MachineState("idle", "no work"))
        assert ("setup", "product") in {(body.state, body.reason) for _, body in states}
        spans = zip(states, [*states[1:], (end, None)], strict=True)
        running_ns = sum(until - at for (at, body), (until, _) in spans if body.state == "running")
        made = sum(event.body.total for event in found if isinstance(event.body, Count))
        assert 0.9 < made * 30 / (running_ns / 1e9) < 1.0
        assert all(event.body.good <= event.body.total for event in found if isinstance(event.body, Count))


def test_every_complaint_is_answered_once_and_one_in_four_late() -> None:
    told = [event.body for event in events(*range(60)) if isinstance(event.body, Complaint)]
    answered = {body.id: body.answered_ns - body.received_ns for body in told if body.answered_ns}
    assert len({body.id for body in told}) == 20
    assert len(answered) >= 18
    assert set(answered.values()) == {20 * HOUR_NS, 95 * HOUR_NS}
    assert 0.1 < sum(one == 95 * HOUR_NS for one in answered.values()) / len(answered) < 0.5


def test_what_final_inspection_rejects_is_mended_or_thrown_away() -> None:
    found = [event.body for event in events(*range(5)) if isinstance(event.body, Inspection)]
    assert all(body.reworked + body.scrapped == body.rejected == sum(n for _, n in body.defects) for body in found)
    assert 0.01 < sum(body.rejected for body in found) / sum(body.inspected for body in found) < 0.03
