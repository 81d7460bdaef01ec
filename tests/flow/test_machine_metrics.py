"""Machine states, counts and complaints through the whole flow: published OEE, late states, complaints falling due."""

import json

import pytest

from config.plan import ConnectorPlan
from rules.complaints import AnswerLimit, ComplaintSpec
from rules.machine_spec import BreakSpec, MachineSpec
from rules.spec import CalendarSpec, MetricSpec
from tests.flow.test_event_metrics import FIRST, begin, close, happen, local
from tests.plants import MINUTE, Journal, Rows, bits, make_plan, named, ordinal, run_logics
from tests.truth_tables import load

TRUTH = load("oee_worked_examples")
DAYS = CalendarSpec(shift_names=("early", "late"), shift_starts=(360, 840))
EIGHT_HOURS = ComplaintSpec((AnswerLimit("default", 8.0),))
LINES = ConnectorPlan("line", "json", ("{line}/{kind}",), "{name}", "UTC", "id", place="{line}")


def of_day(kind: str, place: str = "press", **more: object) -> MetricSpec:
    return MetricSpec(kind, kind, (place,), over="day", reduce="total", **more)  # type: ignore[arg-type] # its fields


def state(journal: Journal, time_ns: int, word: str, reason: str = "", place: str = "press") -> None:
    happen(journal, place, time_ns, kind="state", state=word, reason=reason)


def count(journal: Journal, time_ns: int, total: int, good: int, place: str = "press") -> None:
    happen(journal, place, time_ns, kind="count", total=total, good=good)


def day_values(rows: Rows, metric: str) -> dict[int, list[tuple[float | None, bool]]]:
    """By day (1, 2, …), each row's value and whether it is complete."""
    found: dict[int, list[tuple[float | None, bool]]] = {}
    for row in named(rows, "metric"):
        if row["metric"] == metric:
            found.setdefault(row["day"] - ordinal(FIRST) + 1, []).append((row["value"], bool(row["complete"])))
    return found


def last_value(rows: Rows, metric: str) -> float | None:
    return [row["value"] for row in named(rows, "metric") if row["metric"] == metric][-1]


def detail(rows: Rows, metric: str) -> dict[str, object]:
    found = json.loads([row["detail"] for row in named(rows, "metric") if row["metric"] == metric][-1])
    assert len(found) == 1
    return dict(found[0])


def test_the_printed_oee_of_a_shift_comes_out_at_the_close_of_its_day() -> None:
    given = TRUTH.data["vorne"]
    machine = MachineSpec(
        "press", given["ideal_cycle_s"], shifts=("early",), breaks=(BreakSpec(600, given["breaks_min"]),)
    )
    kinds = ("availability", "performance", "quality", "oee")
    journal = begin(*map(of_day, kinds), calendar=DAYS, machines=(machine,))
    state(journal, local(1, 6), "running")
    state(journal, local(1, 8), "down", "jam")
    state(journal, local(1, 8) + given["downtime_min"] * MINUTE, "running")
    for hour in (9, 12, 13.9):
        part = (given["total"] - 271) // 3 if hour < 13 else given["total"] - 2 * ((given["total"] - 271) // 3)
        count(journal, local(1, hour), part, part - given["rejects"] // 3)
    state(journal, local(1, 14), "idle")
    close(journal, 1)
    rows = run_logics(journal)
    printed = TRUTH.value("vorne")
    assert {kind: last_value(rows, kind) for kind in kinds} == {
        kind: pytest.approx(printed[kind], abs=TRUTH.tolerance("vorne")) for kind in kinds
    }
    assert detail(rows, "availability")["down"] == {"jam": given["downtime_min"] * MINUTE}
    assert day_values(rows, "oee")[1][-1][1]


def test_a_day_off_has_no_oee_and_a_machine_that_says_nothing_none_either() -> None:
    journal = begin(of_day("availability"), calendar=CalendarSpec(working_days=frozenset(range(5))))
    state(journal, local(4, 23), "running")
    count(journal, local(6, 9), 10, 10)  # Saturday: a production day, of which nothing is planned
    close(journal, 8)
    found = day_values(run_logics(journal), "availability")
    assert found[5][-1] == (1.0 * 23 / 24, False)  # believed for 24 hours
    assert found[6][-1] == (None, False)
    assert found[8][-1] == (None, False)


def test_a_late_state_restates_its_day_and_the_next_into_which_it_reaches() -> None:
    journal = begin(of_day("availability"), of_day("mtbf"))
    state(journal, local(1, 0.5), "running")
    state(journal, local(3, 0.5), "running")
    close(journal, 3)
    state(journal, local(1, 12), "down", "tool")
    journal.ticks(local(4, 2), 15 * MINUTE)
    rows = run_logics(journal)
    assert day_values(rows, "availability")[1][-2:] == [(23.5 / 24, False), (11.5 / 24, False)]
    assert day_values(rows, "availability")[2] == [(0.5 / 24, False), (0.0, False)]  # down to noon, then not known
    assert day_values(rows, "mtbf")[1][-1][0] == 11.5


def test_a_fast_machine_is_told_with_a_warning() -> None:
    journal = begin(of_day("performance"), machines=(MachineSpec("press", 100.0),))
    state(journal, local(1, 0.25), "running")
    count(journal, local(1, 20), 1000, 990)
    close(journal, 1)
    rows = run_logics(journal)
    assert last_value(rows, "performance") == pytest.approx(100_000 / (23.75 * 3600), rel=1e-12)
    assert detail(rows, "performance")["warning"] == "ideal-cycle"


def test_a_window_is_of_the_machines_last_hours() -> None:
    metric = MetricSpec("w", "availability", ("press",), over="window", reduce="total", window_hours=2)
    journal = begin(metric)
    state(journal, local(1, 8), "running")
    state(journal, local(1, 9), "idle")
    journal.ticks(local(1, 12), 15 * MINUTE)
    found = [(row["time"], row["value"]) for row in named(run_logics(journal), "metric")]
    assert (local(1, 10), pytest.approx(45 / 105, rel=1e-12)) in found  # the window begins with the quarter 8:15
    assert found[-1] == (local(1, 10.75), 0.0)


def complain(journal: Journal, time_ns: int, name: str, **more: object) -> None:
    happen(journal, "customer", time_ns, kind="complaint", complaint=name, **more)


def test_complaints_are_decided_on_the_day_of_their_answer_or_of_the_end_of_their_limit() -> None:
    kinds = ("complaints-answered-in-time", "dwell-time")
    journal = begin(*(of_day(kind, "customer") for kind in kinds))
    complain(journal, local(1, 8), "C1")
    complain(journal, local(1, 9), "C2", urgent=True)  # due at 11:00
    complain(journal, local(2, 8), "C1", answered=local(2, 8) // 1_000_000)
    complain(journal, local(2, 9), "C3")  # due on day 5
    close(journal, 5)
    rows = run_logics(journal)
    share = {day: values[-1][0] for day, values in day_values(rows, kinds[0]).items()}
    assert share == {1: 0.0, 2: 1.0, 3: None, 4: None, 5: 0.0}
    assert day_values(rows, "dwell-time")[2][-1] == (24.0, True)


def test_an_answer_told_late_restates_the_day_on_which_it_was_given_and_the_one_that_called_it_late() -> None:
    journal = begin(of_day("complaints-answered-in-time", "customer"))
    complain(journal, local(1, 8), "C1", customer_class="key")  # due on day 2 at 8:00
    complain(journal, local(2, 7), "C2", urgent=True, answered=local(2, 7.5) // 1_000_000)
    close(journal, 2)
    complain(journal, local(3, 3), "C1", answered=local(1, 20) // 1_000_000)
    journal.ticks(local(3, 5), 15 * MINUTE)
    found = day_values(run_logics(journal), "complaints-answered-in-time")
    assert [value for value, _ in found[1]][-2:] == [None, 1.0]
    assert [value for value, _ in found[2]] == [0.5, 1.0]
    assert [value for value, _ in found[3]] == [1.0]  # of the newest day, told on the third


def test_the_open_complaints_of_a_closed_day_are_told_with_their_age() -> None:
    journal = begin(of_day("dwell-time", "customer"))
    complain(journal, local(1, 12), "C1")
    complain(journal, local(2, 6), "C2")
    complain(journal, local(2, 8), "C3", received=local(2, 4) // 1_000_000, answered=local(2, 8) // 1_000_000)
    close(journal, 2)
    rows = [row for row in named(run_logics(journal), "metric") if row["day"] == ordinal(FIRST) + 1]
    group, waiting = json.loads(rows[-1]["detail"])
    assert (group["value"], group["n"]) == (4.0, 1)
    assert waiting == {"open": 2, "mean_hours": 27.0, "oldest_hours": 36.0}


def test_another_ideal_cycle_and_other_limits_hold_from_the_next_production_day() -> None:
    kinds = (of_day("availability"), of_day("complaints-answered-in-time", "customer"))
    journal = begin(*kinds, machines=(MachineSpec("press"),))
    state(journal, local(1, 0.5), "running")
    complain(journal, local(1, 1), "C1", urgent=True)
    complain(journal, local(1, 9), "C1", answered=local(1, 9) // 1_000_000)
    journal.ticks(local(1, 12), 30 * MINUTE)
    changed = {"machines": (MachineSpec("press", state_valid_hours=6.0),), "complaints": EIGHT_HOURS}
    journal.plan(local(1, 12), make_plan(connectors=(LINES,), metrics=kinds, **changed))
    state(journal, local(2, 0.5), "running")
    complain(journal, local(2, 1), "C2", urgent=True)
    complain(journal, local(2, 9), "C2", answered=local(2, 9) // 1_000_000)
    close(journal, 2)
    rows = run_logics(journal)
    share = day_values(rows, "availability")
    assert [share[day][-1][0] for day in (1, 2)] == [23.5 / 24, 6 / 24]
    answered = day_values(rows, "complaints-answered-in-time")
    assert [answered[day][-1][0] for day in (1, 2)] == [0.0, 1.0]
    places = range(1, len(journal.entries), 5)
    assert bits(run_logics(journal, resumes=places)) == bits(rows)


def test_the_complaint_rate_is_of_all_its_places_together() -> None:
    rate = MetricSpec("rate", "complaint-rate", ("customer", "press"), over="day", reduce="total")
    journal = begin(rate, complaints=ComplaintSpec())
    count(journal, local(1, 8), 2100, 2000)
    complain(journal, local(1, 9), "C1")
    complain(journal, local(1, 10), "C2")
    complain(journal, local(1, 11), "C2", topic="scratch")
    close(journal, 1)
    rows = run_logics(journal)
    assert day_values(rows, "rate")[1][-1] == (1.0, True)


def test_cuts_and_resumes_change_nothing() -> None:
    machines = (
        MachineSpec("op0", 30.0),
        MachineSpec("op1", 60.0, shifts=("early",), breaks=(BreakSpec(600, 30),), not_failures=("material",)),
    )
    kinds = ("oee", "mtbf", "mttr", "downtime", "throughput", "utilisation")
    metrics = (
        *(MetricSpec(kind, kind, ("op*",), over="day", reduce="total") for kind in kinds),
        MetricSpec("w", "availability", ("op*",), over="window", reduce="worst", window_hours=3),
        MetricSpec("c", "complaints-answered-in-time", ("*",), reduce="worst", by="lot"),
        MetricSpec("p", "complaint-pareto", ("*",), over="period", reduce="total"),
    )
    journal = begin(*metrics, calendar=DAYS, machines=machines)
    words = ("running", "down", "running", "idle", "setup")
    for day in range(1, 5):
        for hour in range(5, 15):
            place = f"op{hour % 2}"
            state(journal, local(day, hour), words[(hour + day) % 5], ("", "tool", "material")[hour % 3], place)
            count(journal, local(day, hour + 0.25), 20 + hour, 20, place)
        complain(journal, local(day, 16), f"C{day}", urgent=day % 2 == 0, topic="ab"[day % 2], lot="L1")
        if day > 2:
            state(journal, local(day - 1, 9.5), "down", "tool", "op1")
            complain(journal, local(day, 17), f"C{day - 2}", answered=local(day - 1, 3) // 1_000_000)
        close(journal, day)
    whole = run_logics(journal)
    assert {row["metric"] for row in named(whole, "metric") if row["value"] is not None} == {one.id for one in metrics}
    places = range(1, len(journal.entries), 7)
    assert bits(run_logics(journal, cuts=places)) == bits(whole)
    assert bits(run_logics(journal, resumes=places)) == bits(whole)
