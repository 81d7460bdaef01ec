"""Run rules: one table of rules with parameters, named sets that choose from it, and one step of them all.

A point is standardised first (z = (value − centre)/sigma of the plotted statistic), so that subgroups of
different size can follow each other. Definitions: Nelson, "The Shewhart control chart: tests for special
causes", JQT 16 (1984) 237-239; where programs differ on them, the side taken is named with `run_rules_step`.
"""

from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
import numpy.typing as npt

from rules.compiled import compiled
from rules.spec import RuleSpec

AppliesTo = Literal["location", "dispersion", "specification"]


@dataclass(frozen=True, slots=True)
class RunRule:
    """One rule: `m` of the last `k` points show it, `zone` is its line in sigma, `bit` its place in `signals`.

    `m` equals `k` where every point of the run must show it; then k may be chosen, else the two are fixed.
    `sentence` is a template with `{k}`. `zone` is nan where no line takes part.
    """

    name: str
    bit: int
    nelson: int | None
    m: int
    k: int
    zone: float
    applies_to: AppliesTo
    sentence: str

    @property
    def has_length(self) -> bool:
        """Whether k may be chosen."""
        return self.applies_to == "location" and self.m == self.k > 1


RUN_RULES: tuple[RunRule, ...] = (
    RunRule("beyond-3-sigma", 0, 1, 1, 1, 3.0, "location", "a point beyond 3 sigma"),
    RunRule("9-on-one-side", 1, 2, 9, 9, 0.0, "location", "{k} points in a row on one side of the centre line"),
    RunRule("6-trending", 2, 3, 6, 6, nan, "location", "{k} points in a row, each above (or each below) the last"),
    RunRule("14-alternating", 3, 4, 14, 14, nan, "location", "{k} points in a row alternating up and down"),
    RunRule("2-of-3-beyond-2-sigma", 4, 5, 2, 3, 2.0, "location", "2 of 3 points beyond 2 sigma on one side"),
    RunRule("4-of-5-beyond-1-sigma", 5, 6, 4, 5, 1.0, "location", "4 of 5 points beyond 1 sigma on one side"),
    RunRule("15-within-1-sigma", 6, 7, 15, 15, 1.0, "location", "{k} points in a row within 1 sigma"),
    RunRule("8-beyond-1-sigma", 7, 8, 8, 8, 1.0, "location", "{k} points in a row beyond 1 sigma, on either side"),
    RunRule("dispersion-beyond-limits", 8, None, 1, 1, 3.0, "dispersion", "a dispersion beyond its limits"),
    RunRule("out-of-spec", 9, None, 1, 1, nan, "specification", "a value out of specification"),
)
RULES_BY_NAME: dict[str, RunRule] = {rule.name: rule for rule in RUN_RULES}
LOCATION_RULES = 8  # the first rows of the table: those that a plant chooses; the others are always on

# Points of themselves: each one raises a signal. Of the other rules only the completing point does.
SINGLE_POINT_BITS = sum(1 << rule.bit for rule in RUN_RULES if rule.k == 1)

# westgard (1-2s, 1-3s, 2-2s, R-4s, 4-1s, 10x) is absent: 2-2s and 4-1s need windows of 2 and 4 without an
# exception, R-4s the range of two points, and no row of the table says that.
RULE_SETS: dict[str, tuple[RuleSpec, ...]] = {
    # Nelson 1984: tests 1 to 8
    "nelson": tuple(RuleSpec(rule.name) for rule in RUN_RULES[:LOCATION_RULES]),
    # Western Electric, Statistical Quality Control Handbook (1956), section I B
    "western-electric": (
        RuleSpec("beyond-3-sigma"),
        RuleSpec("2-of-3-beyond-2-sigma"),
        RuleSpec("4-of-5-beyond-1-sigma"),
        RuleSpec("9-on-one-side", 8),
    ),
    # AIAG SPC 2nd ed., chapter II (typical special cause criteria): as Nelson, but 7 on one side
    "aiag": (
        RuleSpec("beyond-3-sigma"),
        RuleSpec("9-on-one-side", 7),
        RuleSpec("6-trending"),
        RuleSpec("14-alternating"),
        RuleSpec("2-of-3-beyond-2-sigma"),
        RuleSpec("4-of-5-beyond-1-sigma"),
        RuleSpec("15-within-1-sigma"),
        RuleSpec("8-beyond-1-sigma"),
    ),
    # Juran's Quality Handbook
    "juran": (
        RuleSpec("beyond-3-sigma"),
        RuleSpec("2-of-3-beyond-2-sigma"),
        RuleSpec("4-of-5-beyond-1-sigma"),
        RuleSpec("6-trending"),
        RuleSpec("9-on-one-side"),
        RuleSpec("8-beyond-1-sigma"),
    ),
    # Montgomery, SQC 8th ed., table 5.1: Western Electric's four, then his sensitising rules 5 to 8
    "montgomery": (
        RuleSpec("beyond-3-sigma"),
        RuleSpec("2-of-3-beyond-2-sigma"),
        RuleSpec("4-of-5-beyond-1-sigma"),
        RuleSpec("9-on-one-side", 8),
        RuleSpec("6-trending"),
        RuleSpec("15-within-1-sigma"),
        RuleSpec("14-alternating"),
        RuleSpec("8-beyond-1-sigma"),
    ),
}


def compile_rules(rules: tuple[RuleSpec, ...]) -> npt.NDArray[np.int64]:
    """int64[8]: the length of each location rule in the order of the table, 0 where it is off.

    A rule that is always on may be named and changes nothing. Raises ValueError for an unknown name, and for a
    length that a rule cannot have: below 2, or any but its own where it is fixed.

    >>> compile_rules(RULE_SETS["western-electric"]).tolist()
    [1, 8, 0, 0, 3, 5, 0, 0]
    """
    lengths = np.zeros(LOCATION_RULES, dtype=np.int64)
    for spec in rules:
        rule = RULES_BY_NAME.get(spec.name)
        if rule is None:
            raise ValueError(f"rules: expected one of {', '.join(RULES_BY_NAME)}; got {spec.name!r}")
        k = spec.k if spec.k != 0 else rule.k
        if k < 2 <= rule.k or (k != rule.k and not rule.has_length):
            raise ValueError(f"rules: {rule.name}: expected k = {rule.k}{' or more than 1' * rule.has_length}; got {k}")
        if rule.bit < LOCATION_RULES:
            lengths[rule.bit] = k
    return lengths


# The state of a characteristic's runs: float64[RUN_STATE], all zero before the first point.
RUN_STATE = 11
_SEEN = 0  # points so far, as far as a window needs them
_LAST = 1  # z of the last point
_SIDE = 2  # length of the run on one side of the centre line, negative below it
_TREND = 3  # points of the present trend, negative downwards; 0 without one
_ALTERNATING = 4  # points of the present alternation, negative when the last step went down
_WITHIN_1 = 5  # points in a row within 1 sigma
_BEYOND_1 = 6  # points in a row beyond 1 sigma
_ABOVE_2 = 7  # which of the last points were above 2 sigma: a bit each, the newest lowest
_BELOW_2 = 8
_ABOVE_1 = 9
_BELOW_1 = 10

_EPSILON = 1e-12  # of sigma: on a line, or equal, but for rounding


@compiled
def run_rules_step(z: float, state: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64]) -> int:
    """The bits of the rules whose pattern is complete at this point; `state` is advanced in place.

    `z`: the standardised point. `state`: float64[RUN_STATE], zeros at the start. `lengths`: int64[8] of
    `compile_rules`. A bit stands at the completing point and at every later one while the pattern holds.

    Sides taken, all within 1e-12 sigma: beyond is strictly beyond, a point on a zone line belongs to the inner
    zone (JMP, qcc 3), one on the centre line ends a run, equal neighbours end a trend and an alternation, six
    trending points are five steps, m of k needs a full window and its last point beyond (qcc 3), eight beyond
    1 sigma may all lie on one side (Nelson 1984, JMP, SAS), and nothing is reset by a signal.
    A nan is beyond nothing, on no side and equal to nothing: it ends every pattern.

    >>> state, lengths = np.zeros(RUN_STATE), compile_rules((RuleSpec("2-of-3-beyond-2-sigma"),))
    >>> [run_rules_step(z, state, lengths) >> 4 for z in (0, 2.3, 0.4, 2.2, -2.4, -0.2, -2.5)]  # qcc 3: 4 and 7
    [0, 0, 0, 1, 0, 0, 1]
    """
    _advance_runs(z, state)
    _advance_windows(z, state)
    bits = 0
    if lengths[0] > 0 and abs(z) > 3.0 + _EPSILON:
        bits |= 1 << 0
    if 0 < lengths[1] <= abs(state[_SIDE]):
        bits |= 1 << 1
    if 0 < lengths[2] <= abs(state[_TREND]):
        bits |= 1 << 2
    if 0 < lengths[3] <= abs(state[_ALTERNATING]):
        bits |= 1 << 3
    if lengths[4] > 0 and state[_SEEN] >= 3 and _completes(state, _ABOVE_2, _BELOW_2, 2):
        bits |= 1 << 4
    if lengths[5] > 0 and state[_SEEN] >= 5 and _completes(state, _ABOVE_1, _BELOW_1, 4):
        bits |= 1 << 5
    if 0 < lengths[6] <= state[_WITHIN_1]:
        bits |= 1 << 6
    if 0 < lengths[7] <= state[_BEYOND_1]:
        bits |= 1 << 7
    return bits


@compiled
def reset_runs(state: npt.NDArray[np.float64]) -> None:
    """Nothing seen: every pattern begins anew."""
    state[:] = 0.0


@compiled
def new_signals(bits: int, previous_bits: int) -> int:
    """The bits that raise a signal: single points always, patterns only where the last point had none.

    >>> new_signals(0b11, 0b01), new_signals(0b11, 0b11)  # bit 0: beyond 3 sigma; bit 1: a run
    (3, 1)
    """
    return bits & (SINGLE_POINT_BITS | ~previous_bits)


@compiled
def _advance_runs(z: float, state: npt.NDArray[np.float64]) -> None:
    """Runs on one side, trend, alternation, within and beyond 1 sigma; lengths are in points."""
    if z > _EPSILON:
        state[_SIDE] = max(state[_SIDE], 0.0) + 1.0
    elif z < -_EPSILON:
        state[_SIDE] = min(state[_SIDE], 0.0) - 1.0
    else:
        state[_SIDE] = 0.0

    step = z - state[_LAST] if state[_SEEN] > 0 else 0.0
    if step > _EPSILON:
        state[_TREND] = max(state[_TREND], 1.0) + 1.0  # a first step makes two points
        state[_ALTERNATING] = max(-state[_ALTERNATING], 1.0) + 1.0
    elif step < -_EPSILON:
        state[_TREND] = min(state[_TREND], -1.0) - 1.0
        state[_ALTERNATING] = -max(state[_ALTERNATING], 1.0) - 1.0
    else:
        state[_TREND] = 0.0
        state[_ALTERNATING] = 0.0
    state[_LAST] = z

    state[_WITHIN_1] = state[_WITHIN_1] + 1.0 if abs(z) <= 1.0 + _EPSILON else 0.0
    state[_BEYOND_1] = state[_BEYOND_1] + 1.0 if abs(z) > 1.0 + _EPSILON else 0.0


@compiled
def _advance_windows(z: float, state: npt.NDArray[np.float64]) -> None:
    """Which of the last 3 points were beyond 2 sigma, and of the last 5 beyond 1 sigma, on each side."""
    state[_SEEN] = min(state[_SEEN] + 1.0, 5.0)
    state[_ABOVE_2] = ((int(state[_ABOVE_2]) << 1) | int(z > 2.0 + _EPSILON)) & 0b111
    state[_BELOW_2] = ((int(state[_BELOW_2]) << 1) | int(z < -2.0 - _EPSILON)) & 0b111
    state[_ABOVE_1] = ((int(state[_ABOVE_1]) << 1) | int(z > 1.0 + _EPSILON)) & 0b11111
    state[_BELOW_1] = ((int(state[_BELOW_1]) << 1) | int(z < -1.0 - _EPSILON)) & 0b11111


@compiled
def _completes(state: npt.NDArray[np.float64], above: int, below: int, m: int) -> bool:
    """Whether the newest point and at least m of its window lie beyond the zone line, on the same side."""
    for side in (above, below):
        window = int(state[side])
        if window & 1 and _ones(window) >= m:
            return True
    return False


@compiled
def _ones(window: int) -> int:
    """How many bits are set."""
    count = 0
    while window > 0:
        count += window & 1
        window >>= 1
    return count
