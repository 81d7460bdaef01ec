"""A shard's records from the plan: where everything lies, and what a new plan carries over.

Where a new plan keeps a characteristic's chart and subgroup size, its memory is copied, its window as far as there is
room; where it changes them, the chart begins anew (Phase I) and keeps the numbers of its revisions and its days.
"""

from math import isnan, nan
from typing import Any

import numpy as np

from rules.attributes import FIRST_ATTRIBUTE
from rules.kernel import make_clock
from rules.limits import CHART_CODES, INDIVIDUALS
from rules.records import (
    BASIS_AUTO,
    BASIS_DAY,
    BASIS_TRAILING,
    CLOSED_THROUGH,
    DAY,
    FAR,
    INDIVIDUAL_STRIDE,
    INSPECTION_STRIDE,
    NEXT_TIMEOUT,
    ORIGIN,
    RECORD,
    REVISION,
    REVISIONS_KEPT,
    SLOT,
    SLOTS,
    SUBGROUP_STRIDE,
    Shard,
)
from rules.run_rules import RUN_STATE, compile_rules
from rules.spec import BaselineLimits, CharacteristicSpec

BASIS_CODES = {"day": BASIS_DAY, "trailing": BASIS_TRAILING, "auto": BASIS_AUTO}
SECOND_NS = 1_000_000_000

# What a day is judged by at its close.
JUDGED_DAY = ("lsl", "usl", "target", "resolution", "floor", "minimum_n", "limits_revision") + (
    "specification_revision",
    "unverified",
)

# What a characteristic remembers; all other fields of RECORD come from the plan or the layout.
MEMORY = (
    ("specification_revision", "limits_state", "limits_revision", "center", "sigma", "baseline_count")
    + ("limits_points", "limits_excluded")
    + ("ring_next", "ring_count", "started", "last_time_ns", "last_seq", "last_value", "chained", "change")
    + ("connector", "held_bits", "day_slot", "dirty", "stale", "unverified")
    + ("overdue_seq",)
)


# Of that, what a chart that begins anew keeps: what is late stays so, what is unverified too.
ORDER = ("started", "last_time_ns", "last_seq", "connector", "stale", "unverified")


def lay_out(specs: tuple[CharacteristicSpec, ...], restate_days: int) -> Shard:
    """Fresh records for `specs`, in their order: no limits, nothing seen, revisions 0."""
    records = np.zeros(len(specs), RECORD)
    ring = places = origins = slots = values = 0
    for record, spec in zip(records, specs, strict=True):
        _copy_spec(record, spec)
        record["ring_offset"], record["slot_offset"], record["value_offset"] = ring, slots, values
        record["place_offset"], record["origin_offset"] = places, origins
        ring += int(record["ring_length"] * record["ring_stride"])
        places += int(record["ring_length"])
        origins += int(record["baseline_points"])
        if record["subgroup_size"] > 1:
            slots += SLOTS
            values += SLOTS * spec.subgroup_size
    days = np.zeros((len(specs), restate_days + 2), DAY)
    days["day"] = -1
    return Shard(
        records=records,
        lengths=np.array([compile_rules(spec.rules) for spec in specs], np.int64).reshape(len(specs), 8),
        runs=np.zeros((len(specs), RUN_STATE)),
        days=days,
        revisions=np.zeros((len(specs), REVISIONS_KEPT), REVISION),
        slots=np.zeros(slots, SLOT),
        values=np.zeros(values),
        refs=np.zeros((values, 4), np.int64),
        ring=np.full(ring, nan),
        seqs=np.zeros(places, np.int64),
        flags=np.zeros(places, np.uint8),
        origins=np.zeros(origins, ORIGIN),
        clock=make_clock(records),
    )


def _copy_spec(record: Any, spec: CharacteristicSpec) -> None:
    individuals, attribute = CHART_CODES[spec.chart] == INDIVIDUALS, CHART_CODES[spec.chart] >= FIRST_ATTRIBUTE
    size = 1 if individuals or attribute else spec.subgroup_size
    baseline = spec.limits.points if isinstance(spec.limits, BaselineLimits) else 0
    record["chart"] = CHART_CODES[spec.chart]
    record["subgroup_size"] = size
    record["within_ns"] = int(spec.subgroup_within_seconds * SECOND_NS)
    record["lsl"], record["usl"], record["target"] = spec.lsl, spec.usl, spec.target
    record["resolution"] = spec.resolution
    record["floor"] = record["next_floor"] = spec.breach.floor
    record["cpk_target"] = spec.cpk_target
    record["minimum_n"] = spec.minimum_n
    record["window"] = spec.window
    record["basis"] = BASIS_CODES[spec.day_basis]
    # What is expected while the machine runs becomes stale by a mark (`flows.sampling`), never by the clock alone.
    record["stale_ns"] = FAR if spec.expected_every_seconds > 0 else int(spec.stale_after_seconds * SECOND_NS)
    record["baseline_points"] = baseline
    # A charted subgroup holds at least two values, however short: room for as many points as those would be.
    needed = max(spec.window, spec.minimum_n)
    # The first individual of a baseline may have a moving range, which reaches to the one before.
    if individuals:
        record["ring_stride"], record["ring_length"] = INDIVIDUAL_STRIDE, max(needed, baseline + 1)
    elif attribute:
        record["ring_stride"], record["ring_length"] = INSPECTION_STRIDE, max(spec.window, baseline)
    else:
        record["ring_stride"], record["ring_length"] = SUBGROUP_STRIDE, max(-(-needed // 2), baseline, 1)
    record["center"] = record["sigma"] = nan
    record["connector"] = record["day_slot"] = record["overdue_seq"] = -1


def carry_over(
    old: Shard, old_at: dict[str, int], new: Shard, specs: tuple[CharacteristicSpec, ...], from_day: int
) -> None:
    """Copy into `new` what `old` remembers of the characteristics both have (`old_at`: id → index).

    A changed floor is that of the production days from `from_day` on.
    """
    for c, spec in enumerate(specs):
        if spec.id in old_at:
            _carry_one(old, old_at[spec.id], new, c)
            _keep_floor(old.records[old_at[spec.id]], new.records[c], from_day)
    most = new.clock[-1]
    new.clock[:] = old.clock
    new.clock[-1] = most
    new.clock[NEXT_TIMEOUT] = 0 if len(new.slots) else FAR  # the next tick looks and remembers


def _carry_one(old: Shard, before: int, new: Shard, c: int) -> None:
    was, record = old.records[before], new.records[c]
    places = carry_days(old.days[before], new.days[c])
    if (was["chart"] >= FIRST_ATTRIBUTE) == (record["chart"] >= FIRST_ATTRIBUTE):
        new.revisions[c] = old.revisions[before]  # what held for measurements says nothing of inspections
    record["specification_revision"] = was["specification_revision"]
    record["limits_revision"] = was["limits_revision"]
    if chart_changes(was, record):
        for name in ORDER:
            record[name] = was[name]
        return
    for name in MEMORY:
        record[name] = was[name]
    record["day_slot"] = places.get(int(was["day_slot"]), -1)
    new.runs[c] = old.runs[before]
    _carry_ring(old, was, new, record)
    _carry_origins(old, was, new, record)
    if record["subgroup_size"] > 1:
        new.slots[record["slot_offset"] :][:SLOTS] = old.slots[was["slot_offset"] :][:SLOTS]
        room = int(SLOTS * record["subgroup_size"])
        new.values[record["value_offset"] :][:room] = old.values[was["value_offset"] :][:room]
        new.refs[record["value_offset"] :][:room] = old.refs[was["value_offset"] :][:room]


def _keep_floor(was: Any, record: Any, from_day: int) -> None:
    """The floor of the day in hand stays until `from_day`; that of the plan is the next."""
    record["floor"] = was["next_floor"] if from_day - 1 >= was["floor_from"] else was["floor"]
    record["floor_from"] = from_day


def carry_days(was: Any, days: Any) -> dict[int, int]:
    """Copy the newest days there is room for; gives the new place of each old one."""
    newest = np.argsort(was["day"], kind="stable")[::-1][: len(days)]
    days[: len(newest)] = was[newest]
    return {int(old): new for new, old in enumerate(newest)}


def close_unstated(shard: Shard, c: int) -> None:
    """Days that closed while the characteristic was away: what comes for them restates them, by what holds now."""
    closed = int(shard.clock[CLOSED_THROUGH])
    days, record = shard.days[c], shard.records[c]
    for day in days[(days["day"] >= 0) & (days["day"] <= closed) & (days["revision"] == 0)]:
        place = int(np.flatnonzero(days["day"] == day["day"])[0])
        for name in JUDGED_DAY:
            days[place][name] = record[name]
        days[place]["revision"] = 1


def chart_changes(was: Any, record: Any) -> bool:
    """Whether the chart begins anew: its kind or its subgroups are others."""
    return bool(was["chart"] != record["chart"] or was["subgroup_size"] != record["subgroup_size"])


def _carry_ring(old: Shard, was: Any, new: Shard, record: Any) -> None:
    """The newest points that the new window has room for, oldest first from its beginning.

    A running baseline may reach back before a change, at which the window began anew.
    """
    count = int(min(max(was["ring_count"], was["baseline_count"]), record["ring_length"]))
    places = (int(was["ring_next"]) - count + np.arange(count)) % int(was["ring_length"])
    stride = int(record["ring_stride"])
    before = old.ring[was["ring_offset"] :][: was["ring_length"] * stride].reshape(-1, stride)
    new.ring[record["ring_offset"] :][: count * stride] = before[places].reshape(-1)
    for pool in ("seqs", "flags"):
        getattr(new, pool)[record["place_offset"] :][:count] = getattr(old, pool)[was["place_offset"] :][places]
    record["ring_count"] = min(count, int(was["ring_count"]))
    record["ring_next"] = count % int(record["ring_length"])


def _carry_origins(old: Shard, was: Any, new: Shard, record: Any) -> None:
    """A running baseline goes on with its newest points, as many as the new one takes."""
    count = int(was["baseline_count"])
    kept = min(count, int(record["baseline_points"]))
    record["baseline_count"] = kept
    if kept:
        places = np.arange(count - kept, count) % int(was["baseline_points"])
        new.origins[record["origin_offset"] :][:kept] = old.origins[was["origin_offset"] + places]


def same(a: Any, b: Any) -> bool:
    """Equal, or both absent numbers (nan)."""
    return bool(a == b or (isinstance(a, float) and isinstance(b, float) and isnan(a) and isnan(b)))
