"""Verdicts: what is to be known about a capability figure before it is believed, a set with one headline."""

from math import isnan

from rules.binomial import binomial_quantile
from rules.compiled import compiled

# In the order of the headline: the first that holds is shown. Bit i is 1 << i. `non-normal` has its place here and is
# given by no test yet; `gauge` and `unverified` are put to them (`rules.overdue`, `rules.tally`).
VERDICTS: tuple[str, ...] = (
    "no-spec",
    "insufficient",
    "gauge",
    "resolution",
    "stale",
    "unverified",
    "unstable",
    "drifting",
    "non-normal",
    "ok",
)
BITS: dict[str, int] = {name: 1 << i for i, name in enumerate(VERDICTS)}

NO_SPEC = BITS["no-spec"]
INSUFFICIENT = BITS["insufficient"]
GAUGE = BITS["gauge"]
RESOLUTION = BITS["resolution"]
STALE = BITS["stale"]
UNVERIFIED = BITS["unverified"]
UNSTABLE = BITS["unstable"]
DRIFTING = BITS["drifting"]
OK = BITS["ok"]

# A day with none of these in its set is one that breaches and recoveries go by (`rules.breaches.counts` has the one
# exception: nothing varied, and a part was out of specification).
COUNTS_FOR_BREACH_MASK = NO_SPEC | INSUFFICIENT | GAUGE | RESOLUTION

BEYOND_3_SIGMA = 0.0026997960632601866  # 2 Φ(−3): a point of a stable normal process beyond its limits
STABLE_SHARE = 0.99  # of stable processes have no more points beyond limits than allowed
STABLE_RATIO = 0.75  # Ppk/Cpk: below it, the process moved between its subgroups
GAUGE_STEPS = 5.0  # in the range: with fewer, the figure is the gauge's


@compiled
def verdicts(  # noqa: PLR0913, PLR0917 (what the kernel has at hand; a record would be copied)
    n: int,
    minimum_n: int,
    lsl: float,
    usl: float,
    sigma_within: float,
    sigma_overall: float,
    smallest: float,
    largest: float,
    resolution: float,
    stale: bool,
    points: int,
    beyond_points: int,
    cpk: float,
    ppk: float,
    floor: float,
) -> int:
    """The bit set of verdicts of a figure of `n` values; `ok` when no other holds.

    `smallest` and `largest` value and the gauge's `resolution` in the characteristic's unit; `points` judged
    and `beyond_points` of them beyond 3 sigma; `floor` of the index. What is absent or undefined is nan.

    - no-spec: neither limit
    - insufficient: fewer than `minimum_n` values
    - resolution: two values or more without spread (all equal, or a sigma of 0), or fewer than 5 steps of the
      gauge between the smallest and the largest (to a millionth of a step: readings are rounded decimals)
    - stale: as told
    - unstable: more points beyond than the 99 % quantile of Binomial(points, 0.0027), or Ppk/Cpk below 0.75
      (sigma within / sigma overall, also of figures below zero; at a Cpk of 0 the ratio says nothing)
    - drifting: Ppk < floor ≤ Cpk

    The thresholds are this program's own (design, section 7); AIAG SPC 2nd ed., chapter IV, asks for each:
    stability, enough data, an able gauge.

    >>> names(verdicts(125, 30, 9.9, 10.1, 0.01, 0.02, 9.95, 10.05, 0.001, False, 25, 0, 1.9, 1.1, 1.2))
    ('unstable', 'drifting')
    """
    bits = 0
    if isnan(lsl) and isnan(usl):
        bits |= NO_SPEC
    if n < minimum_n:
        bits |= INSUFFICIENT
    if n > 1 and _too_coarse(sigma_within, sigma_overall, smallest, largest, resolution):
        bits |= RESOLUTION
    if stale:
        bits |= STALE
    # Cpk and Ppk rest on one mean and one nearest limit: their ratio is that of the sigmas, below zero as above it.
    if beyond_points > binomial_quantile(points, BEYOND_3_SIGMA, STABLE_SHARE) or (
        cpk != 0.0 and ppk / cpk < STABLE_RATIO
    ):
        bits |= UNSTABLE
    if ppk < floor <= cpk:
        bits |= DRIFTING
    return bits if bits != 0 else OK


@compiled
def _too_coarse(sigma_within: float, sigma_overall: float, smallest: float, largest: float, resolution: float) -> bool:
    """Nothing varies, or the gauge takes fewer than 5 steps from the smallest to the largest value."""
    if sigma_within == 0.0 or sigma_overall == 0.0 or smallest == largest:
        return True
    return resolution > 0.0 and (largest - smallest) / resolution < GAUGE_STEPS - 1e-6


def names(bits: int) -> tuple[str, ...]:
    """The verdicts of a bit set, in the order of the headline.

    >>> names(UNSTABLE | STALE)
    ('stale', 'unstable')
    """
    return tuple(name for name, bit in BITS.items() if bits & bit)


def headline(bits: int) -> str:
    """The first verdict of a bit set, the one that is shown; empty for an empty set.

    >>> headline(UNSTABLE | STALE)
    'stale'
    """
    return next(iter(names(bits)), "")
