"""The compiled records: what the kernel remembers of a characteristic, and what it gives out.

One record a characteristic (`RECORD`), one a day it may still restate (`DAY`), one an open subgroup
(`SLOT`); rolling windows lie in pools addressed by offset and length, so that a window's size compiles
nothing anew. All are plain numpy arrays: their bytes are the state.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Bump when the meaning or the layout of any record changes: stored states name it.
SCHEMA_VERSION = 4

SLOTS = 4  # open subgroups a characteristic (interleaved names); a fifth closes the oldest
REVISIONS_KEPT = 8  # earlier ones of limits and specification, by which readings that come late are judged

# Limits' states, as stored.
LIMITS_STATES = ("none", "provisional", "accepted", "fixed", "rejected")
NO_LIMITS, PROVISIONAL, ACCEPTED, FIXED, REJECTED = range(5)

# Day bases, as stored, and as asked for in the plant file.
BASES = ("day", "trailing")
BASIS_DAY, BASIS_TRAILING, BASIS_AUTO = range(3)

# What became of a reading that is in no point.
READING_STATES = ("late", "single", "purpose")
LATE, SINGLE, PURPOSE = range(3)

# A point of a window in its ring of floats: an individual is its value alone, a subgroup all seven.
MEAN, DISPERSION, SIZE, M2, OUT, SMALLEST, LARGEST = range(7)
INDIVIDUAL_STRIDE, SUBGROUP_STRIDE = 1, 7
# An inspection: how many were found in how many units.
FOUND, INSPECTED = range(2)
INSPECTION_STRIDE = 2
# What else is true of it, a byte. A chained individual has a moving range: its distance from the point before.
FLAG_BEYOND, FLAG_OUT, FLAG_CHAINED = 1, 2, 4

RECORD = np.dtype(
    [
        # the specification of what is computed (copied from the plan)
        ("chart", "i8"),
        ("subgroup_size", "i8"),
        ("within_ns", "i8"),
        ("lsl", "f8"),
        ("usl", "f8"),
        ("target", "f8"),
        ("resolution", "f8"),
        ("floor", "f8"),  # in force: that of the days before `floor_from`
        ("next_floor", "f8"),
        ("cpk_target", "f8"),
        ("floor_from", "i8"),  # the first production day that goes by `next_floor`
        ("minimum_n", "i8"),
        ("window", "i8"),
        ("basis", "i8"),
        ("stale_ns", "i8"),
        ("baseline_points", "i8"),
        ("specification_revision", "i8"),
        # control limits
        ("limits_state", "i8"),
        ("limits_revision", "i8"),
        ("center", "f8"),
        ("sigma", "f8"),
        # of the baseline that gave the limits in force
        ("limits_points", "i8"),
        ("limits_excluded", "i8"),
        ("baseline_count", "i8"),  # points of the running baseline: the newest of the ring
        # where its pools lie
        ("ring_offset", "i8"),
        ("place_offset", "i8"),
        ("origin_offset", "i8"),
        ("ring_stride", "i8"),
        ("ring_length", "i8"),
        ("ring_next", "i8"),
        ("ring_count", "i8"),
        ("slot_offset", "i8"),
        ("value_offset", "i8"),
        # the chart's memory
        ("started", "i8"),
        ("last_time_ns", "i8"),
        ("last_seq", "i8"),
        ("last_value", "f8"),
        ("chained", "i8"),  # the next reading makes a moving range with last_value
        ("change", "i8"),
        ("connector", "i8"),
        ("held_bits", "i8"),  # the run rules that hold at the last point
        ("day_slot", "i8"),
        ("dirty", "i8"),  # the window changed since its capability was given out
        ("stale", "i8"),
        ("unverified", "i8"),  # a change came, and its window since has not been capable yet
        ("overdue_seq", "i8"),  # the newest reading with a gauge past its calibration, by its journal entry; -1: none
    ]
)

# What held until `until_ns` (0: this place is free), where the next revision of limits or specification came.
REVISION = np.dtype(
    [
        ("until_ns", "i8"),
        ("lsl", "f8"),
        ("usl", "f8"),
        ("center", "f8"),
        ("sigma", "f8"),
        ("limits_revision", "i4"),
        ("limited", "i4"),  # single readings had control limits
    ]
)

# Counts of one day and one window fit 32 bits: there are many days, and each is kept for every characteristic.
_TALLY = [
    ("n", "i4"),
    ("out", "i4"),
    ("points", "i4"),
    ("beyond", "i4"),
    ("mean", "f8"),
    ("m2", "f8"),
    ("smallest", "f8"),
    ("largest", "f8"),
    ("within_sum", "f8"),  # sum of the points' estimates of sigma within
    ("within_df", "f8"),
    ("within_count", "i8"),
    ("first_seq", "i8"),
    ("last_seq", "i8"),
]
DAY = np.dtype(
    [
        ("day", "i4"),  # -1: this place is free
        ("revision", "i4"),  # 0: not yet closed
        ("late", "i4"),
        ("signals", "i4"),
        ("dirty", "i4"),
        ("trailing", "i4"),  # the trailing tally below is frozen
        ("overdue", "i4"),  # a reading of it was taken with a gauge past its calibration
        ("t_overdue", "i4"),  # … or one of the trailing tally
        # what the day was judged by at its close, and is by whatever comes later; the floor is that of its beginning
        ("lsl", "f8"),
        ("usl", "f8"),
        ("target", "f8"),
        ("resolution", "f8"),
        ("floor", "f8"),
        ("minimum_n", "i4"),
        ("limits_revision", "i4"),
        ("specification_revision", "i8"),
        ("unverified", "i8"),
        *_TALLY,
        *[("t_" + name, code) for name, code in _TALLY],
        # of an attribute chart, instead of n, mean and spread: what was found in how many units
        ("found", "f8"),
        ("inspected", "f8"),
    ]
)

# Where a point of the running baseline came from: it is given out again with the limits.
ORIGIN = np.dtype([("time_ns", "i8"), ("idx", "i4")])

SLOT = np.dtype([("count", "i8"), ("name", "i8"), ("first_time_ns", "i8"), ("change", "i8"), ("day", "i8")])

POINT = np.dtype(
    [
        ("cause_seq", "i8"),
        ("characteristic", "i8"),
        ("seq", "i8"),
        ("idx", "i8"),
        ("time", "i8"),
        ("value", "f8"),
        ("dispersion", "f8"),
        ("n", "f8"),  # of an inspection the units, which need not be whole
        ("cl", "f8"),
        ("ucl", "f8"),
        ("lcl", "f8"),
        ("dispersion_cl", "f8"),
        ("dispersion_ucl", "f8"),
        ("dispersion_lcl", "f8"),
        ("signals", "i8"),
        ("raised", "i8"),  # the signals raised here: bits that came on
        ("phase", "i8"),
        ("revision", "i8"),
        ("specification_revision", "i8"),
        ("at", "i8"),  # where its values begin in the output's pools; -1: restated, nothing new
    ]
)

LOOSE = np.dtype(
    [
        ("cause_seq", "i8"),
        ("characteristic", "i8"),
        ("seq", "i8"),
        ("idx", "i8"),
        ("time", "i8"),
        ("value", "f8"),
        ("state", "i8"),
        ("context", "i8"),
    ]
)

# A signal of a single reading: out of specification, or a late individual beyond its limits.
READING_SIGNAL = np.dtype(
    [
        ("cause_seq", "i8"),
        ("characteristic", "i8"),
        ("seq", "i8"),
        ("idx", "i8"),
        ("time", "i8"),
        ("bit", "i8"),
        ("value", "f8"),
        ("limit", "f8"),
        ("revision", "i8"),
    ]
)

LIMITS = np.dtype(
    [
        ("cause_seq", "i8"),
        ("characteristic", "i8"),
        ("revision", "i8"),
        ("time", "i8"),
        ("state", "i8"),
        ("center", "f8"),
        ("sigma", "f8"),
        ("points", "i8"),
        ("excluded", "i8"),
    ]
)

# One capability statement, of the rolling window or of a day.
FIGURE = np.dtype(
    [
        ("cause_seq", "i8"),
        ("characteristic", "i8"),
        ("time", "i8"),
        ("day", "i8"),
        ("day_revision", "i8"),
        ("basis", "i8"),
        ("late", "i8"),
        ("signals", "i8"),
        ("out_of_spec_day", "i8"),
        ("within_df", "f8"),
        ("first_seq", "i8"),
        ("last_seq", "i8"),
        ("n", "i8"),
        ("subgroups", "i8"),
        ("mean", "f8"),
        ("sigma_within", "f8"),
        ("sigma_overall", "f8"),
        ("cp", "f8"),
        ("cpl", "f8"),
        ("cpu", "f8"),
        ("cpk", "f8"),
        ("cpk_lower", "f8"),
        ("pp", "f8"),
        ("ppl", "f8"),
        ("ppu", "f8"),
        ("ppk", "f8"),
        ("ppk_lower", "f8"),
        ("cpm", "f8"),
        ("out_of_spec", "i8"),
        ("beyond_limits", "i8"),
        ("verdicts", "i8"),
        ("limits_revision", "i8"),
        ("specification_revision", "i8"),
        # of a day: its own readings, whatever its figures rest on
        *[("own_" + name, code) for name, code in _TALLY],
    ]
)

# The shard's clock: an int64 array of these; MOST_POINTS is how many points one step can give out.
LAST_TICK, LAST_CAPABILITY, LAST_RESTATED, CLOSED_THROUGH, NEXT_TIMEOUT, MOST_POINTS = range(6)
CLOCK_FIELDS = 6
FAR = 2**62  # a time, or a day, that never comes

# The output's counters: an int64 array of these.
N_POINTS, N_VALUES, N_LOOSE, N_SIGNALS, N_LIMITS, N_WINDOWS, N_DAYS = range(7)
OUTPUT_COUNTERS = 7


class Shard(NamedTuple):
    """The state of one shard's characteristics, c of them; the arrays are changed in place."""

    records: NDArray[Any]  # RECORD[c]
    lengths: NDArray[np.int64]  # [c, 8] run rules' lengths, 0 = off
    runs: NDArray[np.float64]  # [c, RUN_STATE] the run rules' memory
    days: NDArray[Any]  # DAY[c, days that can be restated]
    revisions: NDArray[Any]  # REVISION[c, REVISIONS_KEPT], in any order
    slots: NDArray[Any]  # SLOT[open subgroups]
    values: NDArray[np.float64]  # the open subgroups' values
    refs: NDArray[np.int64]  # [values, 4] their (seq, idx, time, context)
    ring: NDArray[np.float64]  # the rolling windows' points, `ring_stride` numbers each
    seqs: NDArray[np.int64]  # [points in the rings] their journal entries
    flags: NDArray[np.uint8]  # [points in the rings] FLAG_…
    origins: NDArray[Any]  # ORIGIN[points of the baselines], the j-th at j modulo `baseline_points`
    clock: NDArray[np.int64]  # [CLOCK_FIELDS]


class Columns(NamedTuple):
    """A frame's readings of one shard, n of them in order, and its ticks, t of them."""

    characteristic: NDArray[np.int64]  # [n] index into the shard's records
    time_ns: NDArray[np.int64]
    day: NDArray[np.int64]
    value: NDArray[np.float64]
    seq: NDArray[np.int64]
    idx: NDArray[np.int64]
    cause_seq: NDArray[np.int64]
    subgroup: NDArray[np.int64]
    ends: NDArray[np.bool_]
    change: NDArray[np.int64]
    context: NDArray[np.int64]
    state: NDArray[np.uint8]
    connector: NDArray[np.int64]
    size: NDArray[np.float64]  # units inspected, of which `value` is a count; 0: a measurement
    tick_at: NDArray[np.int64]  # [t] readings before the tick
    tick_ns: NDArray[np.int64]
    tick_seq: NDArray[np.int64]
    tick_closed: NDArray[np.int64]  # the last day that is closed at the tick


class Output(NamedTuple):
    """Where the kernel writes; `counts` says how much of each array is filled."""

    points: NDArray[Any]
    values: NDArray[np.float64]
    refs: NDArray[np.int64]
    loose: NDArray[Any]
    signals: NDArray[Any]
    limits: NDArray[Any]
    windows: NDArray[Any]
    days: NDArray[Any]
    counts: NDArray[np.int64]
