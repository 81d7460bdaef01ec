"""Signals that a chart raises over a stretch of points: how often the rules in force cry wolf."""

import numpy as np
import numpy.typing as npt

from rules.charting import DISPERSION_BIT, count_bits
from rules.compiled import compiled
from rules.run_rules import new_signals, run_rules_step


@compiled
def count_signals(
    z: npt.NDArray[np.float64],
    beyond: npt.NDArray[np.bool_],
    lengths: npt.NDArray[np.int64],
    state: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
) -> None:
    """Adds to `counts` the signals raised in each of its equal parts of the points; nothing is reset by a signal.

    `z`: float64[n], the standardised points in order. `beyond`: bool[n], whether a point's dispersion lies beyond
    its limits. `lengths`: int64[8] of `compile_rules`. `state`: float64[RUN_STATE], advanced in place. `counts`:
    int64[parts]; the points that are left over belong to the last part.

    >>> counts = np.zeros(1, np.int64)
    >>> z = np.array([0.5] * 9 + [3.5])  # nine on one side, then one more of them, beyond 3 sigma
    >>> count_signals(z, np.zeros(10, np.bool_), np.array([1, 9, 0, 0, 0, 0, 0, 0]), np.zeros(11), counts)
    >>> counts.tolist()
    [2]
    """
    held = 0
    size = max(len(z) // len(counts), 1)
    for i in range(len(z)):
        bits = run_rules_step(z[i], state, lengths)
        if beyond[i]:
            bits |= DISPERSION_BIT
        counts[min(i // size, len(counts) - 1)] += count_bits(new_signals(bits, held))
        held = bits
