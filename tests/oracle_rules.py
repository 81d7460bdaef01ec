"""The eight Nelson tests written a second time, slowly: each from the whole list of points, none with a state."""

from collections.abc import Sequence
from itertools import pairwise

EPSILON = 1e-12


def above(z: float, line: float) -> bool:
    return z - line > EPSILON


def outside(z: float, line: float) -> bool:
    return above(z, line) or above(-z, line)


def last(z: Sequence[float], k: int) -> Sequence[float] | None:
    """The last k points, or None when there are fewer."""
    return z[-k:] if len(z) >= k else None


def beyond_3_sigma(z: Sequence[float], k: int) -> bool:
    return outside(z[-1], 3.0)


def one_side(z: Sequence[float], k: int) -> bool:
    window = last(z, k)
    return window is not None and (all(above(x, 0) for x in window) or all(above(-x, 0) for x in window))


def trending(z: Sequence[float], k: int) -> bool:
    window = last(z, k)
    if window is None:
        return False
    steps = [b - a for a, b in pairwise(window)]
    return all(above(s, 0) for s in steps) or all(above(-s, 0) for s in steps)


def alternating(z: Sequence[float], k: int) -> bool:
    window = last(z, k)
    if window is None:
        return False
    steps = [b - a for a, b in pairwise(window)]
    up_first = all(above(s if i % 2 == 0 else -s, 0) for i, s in enumerate(steps))
    down_first = all(above(-s if i % 2 == 0 else s, 0) for i, s in enumerate(steps))
    return up_first or down_first


def m_of_k(z: Sequence[float], m: int, k: int, line: float) -> bool:
    window = last(z, k)
    if window is None:
        return False
    high = [above(x, line) for x in window]
    low = [above(-x, line) for x in window]
    return (high[-1] and sum(high) >= m) or (low[-1] and sum(low) >= m)


def two_of_three(z: Sequence[float], k: int) -> bool:
    return m_of_k(z, 2, 3, 2.0)


def four_of_five(z: Sequence[float], k: int) -> bool:
    return m_of_k(z, 4, 5, 1.0)


def within_1_sigma(z: Sequence[float], k: int) -> bool:
    window = last(z, k)
    return window is not None and not any(outside(x, 1.0) for x in window)


def beyond_1_sigma(z: Sequence[float], k: int) -> bool:
    window = last(z, k)
    return window is not None and all(outside(x, 1.0) for x in window)


TESTS = (
    beyond_3_sigma,
    one_side,
    trending,
    alternating,
    two_of_three,
    four_of_five,
    within_1_sigma,
    beyond_1_sigma,
)


def bits(z: Sequence[float], lengths: Sequence[int]) -> list[int]:
    """The bit set at each point, from all points up to it; a rule of length 0 is off."""
    out = []
    for i in range(len(z)):
        seen = z[: i + 1]
        out.append(sum(1 << b for b, (test, k) in enumerate(zip(TESTS, lengths, strict=True)) if k and test(seen, k)))
    return out
