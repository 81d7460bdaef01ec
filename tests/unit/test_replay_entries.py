import json
import random
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest

from config.plan import ConnectorPlan, Plan
from connectors.columns import Readings
from connectors.decode import Decoder
from connectors.journal import Row
from connectors.segments import Entry
from flows.replay_entries import MOST_READINGS, ReplayEntries
from flows.ticks import TickState, tick_step
from rules.calendar import closed_through
from rules.spec import CalendarSpec, CharacteristicSpec

MINUTE = 60_000_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
START = 1_795_248_000 * 1_000_000_000  # 2026-11-21T08:00:00Z
NAMES = ("a", 'b"\\', "line1/op10/ü")
CALENDAR = CalendarSpec("UTC", day_starts_at=360, grace_minutes=15)
PLAN = Plan(
    "p",
    CALENDAR,
    connectors=(ConnectorPlan("replay", "json", ("replay",), "{name}", "UTC", "none"),),
    characteristics=tuple(CharacteristicSpec(name) for name in sorted(NAMES)),
    clock_step_seconds=60,
)


def frame(*rows: tuple[int, str, float], **context: list[str | None]) -> pl.DataFrame:
    table = pl.DataFrame(rows, {"time_ns": pl.Int64, "characteristic": pl.String, "value": pl.Float64}, orient="row")
    return table.with_columns(pl.Series(name, values, pl.String) for name, values in context.items())


def made(readings: pl.DataFrame, until: int | None = None, plan: Plan = PLAN) -> list[Row]:
    entries = ReplayEntries(readings, plan, int(readings["time_ns"][-1]) if until is None else until)
    return list(entries.rows(0, len(entries)))


def decoded(rows: list[Row]) -> Readings:
    entries = [Entry(seq, *row) for seq, row in enumerate(rows, 1) if row[1] == "replay"]
    readings, rejected, *_ = Decoder(PLAN).decode(entries)
    assert rejected == []
    return readings


def marks(rows: list[Row]) -> list[tuple[str, int]]:
    return [(row[2], row[0]) for row in rows]


def random_readings(seed: int, count: int) -> pl.DataFrame:
    draw = random.Random(seed)
    rows, time = [], START
    for _ in range(count):
        time += draw.choice((0, 0, 0, 1, 1_000_000, 7 * 1_000_000_000, 20 * MINUTE))
        rows.append((time, draw.choice(NAMES), draw.choice((0.1 + 0.2, 5.0, -0.0, 1e99, 5e-324, draw.gauss(10, 1)))))
    lots = [draw.choice(("L1", 'L"2\n', None)) for _ in rows]
    return frame(*rows, lot=lots, part=[None] * count)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_decoded_is_what_the_files_held_bit_for_bit(seed: int) -> None:
    readings = random_readings(seed, 2_000)

    out = decoded(made(readings))

    ids = [spec.id for spec in PLAN.characteristics]
    assert out.time_ns.tolist() == readings["time_ns"].to_list()
    assert [ids[number] for number in out.characteristic] == readings["characteristic"].to_list()
    assert out.value.tobytes() == readings["value"].to_numpy().tobytes()
    lots = ["" if lot is None else json.dumps({"lot": lot}, separators=(",", ":")) for lot in readings["lot"]]
    assert [out.contexts[number] for number in out.context] == lots
    assert not out.ends.any()
    assert not out.subgroup.any()


def test_contexts_are_those_of_the_rows() -> None:
    times = [(START, "a", 1.0), (START, 'b"\\', 2.0), (START, "a", 3.0), (START, "a", 4.0)]
    out = decoded(made(frame(*times, lot=["L1", "L1", 'L"2', None], subgroup=[None, None, "7", None])))

    assert [out.contexts[number] for number in out.context] == [
        '{"lot":"L1"}', '{"lot":"L1"}', '{"lot":"L\\"2","subgroup":"7"}', ""
    ]  # fmt: skip
    assert (out.subgroup != 0).tolist() == [False, False, True, False]


def test_places_within_an_entry_do_not_depend_on_how_messages_are_shared() -> None:
    same = decoded(made(frame(*[(START, NAMES[k % 3], float(k)) for k in range(9)])))
    apart = decoded(made(frame(*[(START + k, NAMES[k % 3], float(k)) for k in range(9)])))

    assert same.idx.tolist() == apart.idx.tolist() == list(range(9))


def test_readings_of_one_time_and_context_share_a_message_unless_a_name_repeats() -> None:
    shared = frame(*[(START, name, 1.0) for name in ("a", "line1/op10/ü")], (START + 1_000_000, "a", 2.0))
    repeated = frame(*[(START, "a", value) for value in (1.0, 2.0)])

    first = '{"time":1795248000000,"values":{"a":1.0,"line1/op10/ü":1.0}}'
    assert made(shared)[-2][5].decode() == f'[{first},{{"time":1795248000001,"values":{{"a":2.0}}}}]'
    assert made(repeated)[-2][5].count(b'"values"') == 2


def test_entries_hold_at_most_500_readings_and_never_reach_across_a_tick() -> None:
    readings = frame(*[(START + k * 100_000_000, "a", float(k)) for k in range(1500)])  # 600 a minute

    rows = made(readings)

    sizes = [row[5].count(b"values") if row[2] == "replay" else -1 for row in rows]
    assert sizes == [-1, -1, MOST_READINGS, 100, -1, MOST_READINGS, 100, -1, 300, -1]
    assert [row[0] - START for row in rows[1:] if row[2] == "tick"] == [0, MINUTE, 2 * MINUTE, 149_900_000_000]


def test_a_grid_tick_comes_before_each_reading_and_the_next_one_after_it() -> None:
    rows = made(frame((START + 5, "a", 1.0), (START + 10 * MINUTE, "a", 2.0), (START + 20 * MINUTE + 5, "a", 3.0)))

    assert [(name, at - START) for name, at in marks(rows)] == [
        ("plan", 0), ("tick", 0), ("replay", 5), ("tick", MINUTE),
        ("tick", 10 * MINUTE), ("replay", 10 * MINUTE), ("tick", 11 * MINUTE),
        ("tick", 20 * MINUTE), ("replay", 20 * MINUTE + 5), ("tick", 20 * MINUTE + 5),
    ]  # fmt: skip


def test_the_last_tick_comes_after_the_last_reading_though_both_are_on_the_grid() -> None:
    rows = made(frame((START, "a", 1.0), (START, 'b"\\', 2.0)))

    assert marks(rows) == [("plan", START - MINUTE), ("tick", START - MINUTE), ("replay", START), ("tick", START)]


def test_an_idle_day_keeps_the_close_of_the_day_and_ticks_never_more_than_an_hour_apart() -> None:
    # 2026-11-21 08:00 to 2026-11-22 07:30; days end at 06:00 and close at 06:15.
    rows = made(frame((START, "a", 1.0), (START + 23 * HOUR + 30 * MINUTE, "a", 2.0)))

    ticks = [at - START for name, at in marks(rows) if name == "tick"]
    assert 22 * HOUR + 15 * MINUTE in ticks
    assert max(after - before for before, after in pairwise(ticks)) == HOUR
    assert len(ticks) < 30
    assert ticks[-1] == 23 * HOUR + 30 * MINUTE


@pytest.mark.parametrize("within_seconds", [1800.0, 7 * 86_400.0])
def test_idle_years_keep_two_ticks_a_day_and_each_day_closes_at_its_own(within_seconds: float) -> None:
    spec = CharacteristicSpec("a", chart="xbar-r", subgroup_size=5, subgroup_within_seconds=within_seconds)
    plan = replace(PLAN, characteristics=(spec,))
    years = 3 * 365
    rows = made(frame((START, "a", 1.0), (START + years * DAY, "a", 2.0)), plan=plan)

    ticks = [at for name, at in marks(rows) if name == "tick"]
    awake = [at for at in ticks if at <= START + int(within_seconds) * 1_000_000_000 + HOUR]
    assert max(after - before for before, after in pairwise(awake)) <= HOUR
    assert len(ticks) < 2 * years + 30 * (within_seconds / 86_400 + 3)
    state, closes = TickState(), []
    for tick in ticks:
        before = state.effective_ns
        state, effective = tick_step(state, tick)
        if closed_through(CALENDAR, effective) > closed_through(CALENDAR, before) and before:
            closes.append(tick)
    first = START + 22 * HOUR + 15 * MINUTE  # 2026-11-22 06:15: the first day, with its grace
    assert closes == [first + k * DAY for k in range(years)]


def test_until_goes_on_with_ticks_alone_so_that_the_last_day_closes() -> None:
    rows = made(frame((START, "a", 1.0)), until=START + DAY)

    names = [name for name, _ in marks(rows)]
    assert names.index("replay") == 2  # after the plan and the tick of its own minute
    assert START + 22 * HOUR + 15 * MINUTE in [at for name, at in marks(rows) if name == "tick"]
    assert marks(rows)[-1] == ("tick", START + DAY)


def test_any_stretch_of_the_entries_is_the_same_made_by_itself() -> None:
    readings = random_readings(9, 3_000)
    entries = ReplayEntries(readings, PLAN, int(readings["time_ns"][-1]))
    whole = list(entries.rows(0, len(entries)))
    draw = random.Random(9)

    for _ in range(20):
        first = draw.randrange(len(entries))
        last = draw.randrange(first, len(entries) + 1)
        assert list(entries.rows(first, last)) == whole[first:last]
    counts = [entries.readings_up_to(count) for count in range(len(entries) + 1)]
    assert counts[-1] == len(readings)
    arrays = [len(decoded([row])) if row[2] == "replay" else 0 for row in whole]
    assert counts == [sum(arrays[:count]) for count in range(len(entries) + 1)]


def test_the_plan_comes_first_and_whole() -> None:
    rows = made(frame((START, "a", 1.0)), plan=replace(PLAN, plant_id="other"))

    assert Plan.from_json(rows[0][5]) == replace(PLAN, plant_id="other")
