"""A shard's records from the plan: where everything lies, and what a new plan carries over.

Where a new plan keeps a characteristic's chart and subgroup size, its memory is copied, its window as far as there is
room; where it changes them, the chart begins anew (Phase I) and keeps the numbers of its revisions and its days.
"""

from math import isnan, nan
from typing import Any

import numpy as np

from rules.kernel import make_clock
from rules.limits import CHART_CODES, INDIVIDUALS
from rules.records import (
    BASIS_AUTO,
    BASIS_DAY,
    BASIS_TRAILING,
    DAY,
    FAR,
    INDIVIDUAL_STRIDE,
    NEXT_TIMEOUT,
    RECORD,
    SLOT,
    SLOTS,
    SUBGROUP_STRIDE,
    Shard,
)
from rules.run_rules import RUN_STATE, compile_rules
from rules.spec import BaselineLimits, CharacteristicSpec

BASIS_CODES = {"day": BASIS_DAY, "trailing": BASIS_TRAILING, "auto": BASIS_AUTO}
SECOND_NS = 1_000_000_000

# What a characteristic remembers; all other fields of RECORD come from the plan or the layout.
MEMORY = (
    ("specification_revision", "limits_state", "limits_revision", "center", "sigma", "baseline_count")
    + ("specified_since_ns", "earlier_lsl", "earlier_usl")
    + ("limits_since_ns", "earlier_limits", "earlier_center", "earlier_sigma", "earlier_limits_revision")
    + ("limits_points", "limits_excluded")
    + ("ring_next", "ring_count", "started", "last_time_ns", "last_seq", "last_value", "chained", "change")
    + ("connector", "held_bits", "day_slot", "dirty", "stale")
)


def lay_out(specs: tuple[CharacteristicSpec, ...], restate_days: int) -> Shard:
    """Fresh records for `specs`, in their order: no limits, nothing seen, revisions 0."""
    records = np.zeros(len(specs), RECORD)
    ring = entries = slots = values = 0
    for record, spec in zip(records, specs, strict=True):
        _copy_spec(record, spec)
        record["ring_offset"], record["slot_offset"], record["value_offset"] = ring, slots, values
        record["entry_offset"] = entries
        ring += int(record["ring_length"] * record["ring_stride"])
        entries += int(record["ring_length"])
        if record["chart"] != INDIVIDUALS:
            slots += SLOTS
            values += SLOTS * spec.subgroup_size
    days = np.zeros((len(specs), restate_days + 2), DAY)
    days["day"] = -1
    return Shard(
        records=records,
        lengths=np.array([compile_rules(spec.rules) for spec in specs], np.int64).reshape(len(specs), 8),
        runs=np.zeros((len(specs), RUN_STATE)),
        days=days,
        slots=np.zeros(slots, SLOT),
        values=np.zeros(values),
        refs=np.zeros((values, 4), np.int64),
        ring=np.full(ring, nan),
        entries=np.zeros((entries, 3), np.int64),
        clock=make_clock(records),
    )


def _copy_spec(record: Any, spec: CharacteristicSpec) -> None:
    individuals = CHART_CODES[spec.chart] == INDIVIDUALS
    size = 1 if individuals else spec.subgroup_size
    baseline = spec.limits.points if isinstance(spec.limits, BaselineLimits) else 0
    record["chart"] = CHART_CODES[spec.chart]
    record["subgroup_size"] = size
    record["within_ns"] = int(spec.subgroup_within_seconds * SECOND_NS)
    record["lsl"], record["usl"], record["target"] = spec.lsl, spec.usl, spec.target
    record["resolution"] = spec.resolution
    record["floor"] = spec.breach.floor
    record["minimum_n"] = spec.minimum_n
    record["window"] = spec.window
    record["basis"] = BASIS_CODES[spec.day_basis]
    record["stale_ns"] = int(spec.stale_after_seconds * SECOND_NS)
    record["baseline_points"] = baseline
    record["ring_stride"] = INDIVIDUAL_STRIDE if individuals else SUBGROUP_STRIDE
    # A charted subgroup holds at least two values, however short: room for as many points as those would be.
    needed = max(spec.window, spec.minimum_n)
    record["ring_length"] = max(needed if individuals else -(-needed // 2), baseline, 1)
    record["center"] = record["sigma"] = nan
    record["connector"] = record["day_slot"] = -1


def carry_over(old: Shard, old_at: dict[str, int], new: Shard, specs: tuple[CharacteristicSpec, ...]) -> None:
    """Copy into `new` what `old` remembers of the characteristics both have (`old_at`: id → index)."""
    for c, spec in enumerate(specs):
        if spec.id in old_at:
            _carry_one(old, old_at[spec.id], new, c)
    most = new.clock[-1]
    new.clock[:] = old.clock
    new.clock[-1] = most
    new.clock[NEXT_TIMEOUT] = 0 if len(new.slots) else FAR  # the next tick looks and remembers


def _carry_one(old: Shard, before: int, new: Shard, c: int) -> None:
    was, record = old.records[before], new.records[c]
    places = _carry_days(old.days[before], new.days[c])
    record["specification_revision"] = was["specification_revision"]
    record["limits_revision"] = was["limits_revision"]
    if chart_changes(was, record):
        return
    for name in MEMORY:
        record[name] = was[name]
    record["day_slot"] = places.get(int(was["day_slot"]), -1)
    new.runs[c] = old.runs[before]
    _carry_ring(old, was, new, record)
    if record["chart"] != INDIVIDUALS:
        new.slots[record["slot_offset"] :][:SLOTS] = old.slots[was["slot_offset"] :][:SLOTS]
        room = int(SLOTS * record["subgroup_size"])
        new.values[record["value_offset"] :][:room] = old.values[was["value_offset"] :][:room]
        new.refs[record["value_offset"] :][:room] = old.refs[was["value_offset"] :][:room]


def _carry_days(was: Any, days: Any) -> dict[int, int]:
    """Copy the newest days there is room for; gives the new place of each old one."""
    newest = np.argsort(was["day"], kind="stable")[::-1][: len(days)]
    days[: len(newest)] = was[newest]
    return {int(old): new for new, old in enumerate(newest)}


def chart_changes(was: Any, record: Any) -> bool:
    """Whether the chart begins anew: its kind or its subgroups are others."""
    return bool(was["chart"] != record["chart"] or was["subgroup_size"] != record["subgroup_size"])


def _carry_ring(old: Shard, was: Any, new: Shard, record: Any) -> None:
    """The newest points that the new window has room for, oldest first from its beginning."""
    count = int(min(was["ring_count"], record["ring_length"]))
    places = (int(was["ring_next"]) - count + np.arange(count)) % int(was["ring_length"])
    stride = int(record["ring_stride"])
    before = old.ring[was["ring_offset"] :][: was["ring_length"] * stride].reshape(-1, stride)
    new.ring[record["ring_offset"] :][: count * stride] = before[places].reshape(-1)
    new.entries[record["entry_offset"] :][:count] = old.entries[was["entry_offset"] :][places]
    record["ring_count"] = count
    record["ring_next"] = count % int(record["ring_length"])


def same(a: float, b: float) -> bool:
    """Equal numbers, or both absent (nan)."""
    return a == b or (isnan(a) and isnan(b))
