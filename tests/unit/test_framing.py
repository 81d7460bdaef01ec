"""Frames: where the journal is cut, which shard gets what, and what is refused on the way."""

import json
from typing import Any

import numpy as np

from flows.frames import SHARDS, PlantFrame, ShardFrame, shard_of
from flows.framing import PLANT, FramingLogic
from rules.spec import CalendarSpec, CharacteristicSpec
from tests.plants import MINUTE, SECOND, Journal, at, make_plan, ordinal

START = at("2026-11-16 08:00")
NAMES = [f"c{number}" for number in range(40)]
PLAN = make_plan(*(CharacteristicSpec(name, lsl=0.0) for name in NAMES), calendar=CalendarSpec("Europe/Berlin", 360))


def begin() -> Journal:
    journal = Journal()
    journal.plan(START, PLAN)
    journal.tick(START)
    return journal


def frames(journal: Journal, logic: FramingLogic | None = None, start: int = 0) -> list[tuple[str, Any]]:
    return list((logic or FramingLogic(journal.plan_at)).frames(journal.entries[start:]))


def refused(logic: FramingLogic, entries: list[Any]) -> list[Any]:
    """What the frames of a stretch refuse."""
    frames = [item for _, item in logic.frames(entries) if isinstance(item, PlantFrame)]
    return [one for frame in frames for one in frame.rejected]


def plant_frames(journal: Journal) -> list[PlantFrame]:
    return [item for key, item in frames(journal) if key == PLANT]


def test_a_frame_goes_to_the_plant_and_to_every_shard_empty_or_not() -> None:
    parts = frames(begin())
    assert [key for key, _ in parts] == [PLANT, *(f"{number:02d}" for number in range(SHARDS))]
    assert {item.number for _, item in parts} == {1}
    assert all(len(item.readings) == 0 for _, item in parts[1:])


def test_the_journal_is_cut_before_plans_gaps_and_commands_and_behind_checkpoints() -> None:
    journal = begin()
    journal.message(START, {"c1": 1})
    gap = journal.gap(START, "line", 1)
    journal.message(START, {"c1": 2})
    command = journal.accept(START, "c1")
    plan = journal.plan(START, PLAN)
    journal.add(START, "checkpoint", b"{}")
    journal.message(START, {"c1": 3})
    given = plant_frames(journal)
    assert [(frame.first_seq, frame.last_seq) for frame in given] == [(1, 3), (4, 5), (6, 6), (7, 8), (9, 9)]
    leads = [(frame.lead.kind, frame.lead.seq) for frame in given if frame.lead]
    assert leads == [("plan", 1), ("gap", gap), ("command", command), ("plan", plan)]
    assert [frame.plan_seq for frame in given] == [1, 1, 1, plan, plan]
    assert [frame.number for frame in given] == [1, 4, 6, 7, 9]
    assert [frame.state is not None for frame in given] == [False, False, False, True, False]
    asked = [item.checkpoint for _, item in frames(journal) if isinstance(item, ShardFrame)]
    assert asked == [frame.state is not None for frame in given for _ in range(SHARDS)]


def test_each_reading_goes_to_the_shard_of_its_characteristic_with_the_ticks_at_their_places() -> None:
    journal = begin()
    for minute in range(1, 4):
        journal.message(START + minute * MINUTE, dict.fromkeys(NAMES, minute))
        journal.tick(START + minute * MINUTE)
    plant, *parts = [item for _, item in frames(journal)]
    assert isinstance(plant, PlantFrame)
    assert plant.ticks.at.tolist() == [0, 40, 80, 120]
    place = {spec.id: number for number, spec in enumerate(PLAN.characteristics)}
    seen = 0
    for part in parts:
        assert isinstance(part, ShardFrame)
        own = [place[name] for name in NAMES if shard_of(name) == part.shard]  # in document order
        assert part.readings.characteristic.tolist() == own * 3
        assert part.readings.value.tolist() == [float(minute) for minute in range(1, 4) for _ in own]
        assert part.ticks.at.tolist() == [len(own) * minute for minute in range(4)]
        assert part.ticks.ns.tolist() == [START + minute * MINUTE for minute in range(4)]
        assert part.cause_seq.tolist() == part.readings.seq.tolist()
        seen += len(own)
    assert seen == 40


def test_readings_carry_their_production_day_and_ticks_the_last_closed_one() -> None:
    """The day starts at 06:00 in Berlin, which is 05:00 UTC, and closes at 06:15."""
    journal = begin()
    for text in ("2026-11-17 04:59", "2026-11-17 05:00"):
        journal.ticks(at(text), 30 * MINUTE)
        journal.message(at(text), {"c1": 1})
    journal.tick(at("2026-11-17 05:14"))
    journal.tick(at("2026-11-17 05:15"))
    parts = frames(journal)
    (shard,) = (item for key, item in parts if key == f"{shard_of('c1'):02d}")
    assert shard.day.tolist() == [ordinal("2026-11-16"), ordinal("2026-11-17")]
    assert shard.ticks.closed_through[-2:].tolist() == [ordinal("2026-11-15"), ordinal("2026-11-16")]
    assert shard.ticks.closed_through.tolist() == parts[0][1].ticks.closed_through.tolist()


def test_ticks_that_do_not_go_forward_are_none() -> None:
    journal = begin()
    for seconds in (60, 60, 30, 120):
        journal.tick(START + seconds * SECOND)
    (frame,) = plant_frames(journal)
    assert [ns - START for ns in frame.ticks.ns.tolist()] == [0, 60 * SECOND, 120 * SECOND]
    assert frame.ticks.seq.tolist() == [2, 3, 6]


def test_refusals_are_counted_by_connector_and_reason_over_frames_and_restarts() -> None:
    journal = begin()
    for _ in range(3):
        journal.message(START, {"c2": "x", "c1": None})
    logic = FramingLogic(journal.plan_at)
    first = frames(journal, logic)[0][1]
    told = [(one.reason, one.seq, one.idx, count) for one, _, count in first.rejected]
    assert told == [
        (reason, seq, idx, seq - 2) for seq in (3, 4, 5) for idx, reason in enumerate(("wrong-type", "absent-value"))
    ]
    assert {time for _, time, _ in first.rejected} == {START}
    resumed = FramingLogic(journal.plan_at, logic.to_bytes())
    journal.message(START, {"c2": "x"})
    later = frames(journal, resumed, 5)[0][1]
    assert [count for _, _, count in later.rejected] == [4]
    assert later.number == 6


def test_an_unknown_name_is_told_at_its_first_tenth_and_hundredth_time_over_restarts() -> None:
    journal = begin()
    for number in range(1, 101):
        journal.message(START, {"noisy": 1} if number != 50 else {"noisy": 1, "quiet": 1})
    told = refused(FramingLogic(journal.plan_at), journal.entries)
    logic = FramingLogic(journal.plan_at)
    halves = refused(logic, journal.entries[:40])
    halves += refused(FramingLogic(journal.plan_at, logic.to_bytes()), journal.entries[40:])
    assert halves == told
    assert [(one.name, one.seq, count) for one, _, count in told] == [
        ("noisy", 3, 1), ("noisy", 12, 10), ("quiet", 52, 51), ("noisy", 102, 101),
    ]  # fmt: skip
    assert [one.detail for one, _, _ in told] == [
        f"the plan has no characteristic '{name}'; {count} so far"
        for name, count in (("noisy", 1), ("noisy", 10), ("quiet", 1), ("noisy", 100))
    ]


def test_unknown_names_beyond_the_first_thousand_are_told_together() -> None:
    journal = begin()
    journal.message(START, {f"n{number}": 1 for number in range(1_000)})
    journal.message(START, {f"m{number}": 1 for number in range(20)} | {"n5": 1})
    told = [(one.name, count) for one, _, count in plant_frames(journal)[0].rejected]
    assert told == [*((f"n{number}", number + 1) for number in range(1_000)), ("m0", 1_001), ("m9", 1_010)]


def test_a_repetition_is_told_and_counted_as_such() -> None:
    journal = begin()
    for _ in range(3):
        journal.message(START, {"c1": 1}, id="m7")
    (frame,) = plant_frames(journal)
    assert [(one.reason, one.seq, one.connector, count) for one, _, count in frame.rejected] == [
        ("repeated", 4, "line", 1), ("repeated", 5, "line", 2),
    ]  # fmt: skip
    assert all("m7" in one.detail and one.payload == journal.entries[2].payload for one, _, _ in frame.rejected)


def test_one_wrong_tick_far_ahead_makes_no_later_reading_too_late() -> None:
    journal = begin()
    journal.tick(START + 365 * 24 * 60 * MINUTE)
    for minute in range(3):
        journal.message(START + minute * MINUTE, {"c1": minute})
    parts = [item for _, item in frames(journal)]
    assert parts[0].rows == {"reading": []}
    assert sum(len(part.readings) for part in parts[1:]) == 3


def test_a_repetition_is_recognised_behind_a_restart() -> None:
    journal = begin()
    journal.message(START, {"c1": 1}, id="m7")
    logic = FramingLogic(journal.plan_at)
    frames(journal, logic)
    resumed = FramingLogic(journal.plan_at, logic.to_bytes())
    journal.message(START, {"c1": 1}, id="m7")
    parts = frames(journal, resumed, 3)
    assert sum(len(item.readings) for key, item in parts if key != PLANT) == 0


def test_a_reading_ahead_of_the_clock_waits_for_its_tick_also_behind_a_restart() -> None:
    journal = begin()
    journal.message(START + 120 * SECOND, {"c1": 1.5}, received_ns=START)
    logic = FramingLogic(journal.plan_at)
    assert sum(len(item.readings) for key, item in frames(journal, logic) if key != PLANT) == 0
    resumed = FramingLogic(journal.plan_at, logic.to_bytes())
    tick = journal.tick(START + 120 * SECOND)
    (part,) = (item for key, item in frames(journal, resumed, 3) if key != PLANT and len(item.readings))
    assert (part.readings.value.tolist(), part.cause_seq.tolist(), part.ticks.at.tolist()) == ([1.5], [tick], [1])


def test_a_reading_from_before_the_last_week_is_kept_as_too_late() -> None:
    journal = begin()
    journal.message(START - 8 * 24 * 60 * MINUTE, {"c1": 1.5}, received_ns=START, part="p1")
    (frame,) = plant_frames(journal)
    ((cause, index, seq, idx, _, value, state, context),) = frame.rows["reading"]
    assert (cause, PLAN.characteristics[index].id, seq, idx, value, state) == (3, "c1", 3, 0, 1.5, "too-late")
    assert json.loads(context) == {"part": "p1"}


def test_before_any_plan_every_message_is_refused() -> None:
    journal = Journal()
    journal.message(START, {"c1": 1})
    (frame,) = plant_frames(journal)
    assert [one.reason for one, _, _ in frame.rejected] == ["unknown-topic"]
    assert np.array_equal(frame.ticks.ns, [])
