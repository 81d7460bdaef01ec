"""The verdicts of a stored figure as sentences: which conditions hold, and which value is held against which limit."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, isnan, nan
from typing import NamedTuple

from board.formats import fixed, number, percent
from rules.binomial import binomial_quantile
from rules.verdicts import BEYOND_3_SIGMA, GAUGE_STEPS, STABLE_RATIO, STABLE_SHARE

Text = Callable[..., str]  # `Language.t`


class Said(NamedTuple):
    """A verdict with its sentence."""

    verdict: str
    sentence: str


class Bounds(NamedTuple):
    """What a figure is held against; nan where absent. Revision 0: none."""

    lsl: float
    usl: float
    floor: float
    target: float
    minimum_n: int
    resolution: float
    specification_revision: int
    limits_revision: int


def headline(t: Text, figures: Mapping[str, object], held: Bounds) -> list[str]:
    """What the index says: against floor and target, which side decides, how sure it is, what it was judged by."""
    cpk, lower = _value(figures, "cpk"), _value(figures, "cpk_lower")
    said = [_against(t, cpk, held, out=int(_value(figures, "out_of_spec")) if figures.get("out_of_spec") else 0)]
    if isfinite(cpk):
        said.append(_side(t, figures, held))
    if isfinite(lower):
        sure = "figures.said_bound_low" if lower < held.floor <= cpk else "figures.said_bound"
        said.append(t(sure, lower=fixed(lower), n=figures["n"], floor=fixed(held.floor)))
    said.append(t("figures.said_judged", specification=held.specification_revision, limits=held.limits_revision,
                  between=between(t, held.lsl, held.usl)))  # fmt: skip
    return said


def reasons(t: Text, figures: Mapping[str, object], verdicts: Sequence[str], held: Bounds) -> list[Said]:
    """Every verdict of the set with what makes it hold, in the order of the set."""
    return [Said(verdict, " ".join(_reason(t, verdict, figures, held))) for verdict in verdicts]


def between(t: Text, lsl: float, usl: float) -> str:
    """The specification in words.

    >>> from board.language import language
    >>> between(language("en").t, float("nan"), 3.2)
    'at most 3.2'
    """
    if isnan(lsl) and isnan(usl):
        return t("figures.said_no_limits")
    if isnan(lsl):
        return t("figures.said_at_most", usl=number(usl))
    return t("figures.said_at_least", lsl=number(lsl)) if isnan(usl) else f"{number(lsl)} … {number(usl)}"


def told_apart(value: float, *limits: float) -> str:
    """A number with two decimals, or with as many as show on which side of the limits it is, up to six.

    >>> told_apart(1.3296, 1.2, 1.33), told_apart(1.33, 1.2, 1.33)
    ('1.3296', '1.33')
    """
    for decimals in range(2, 6):
        shown = float(fixed(value, decimals))
        if all((value < limit) == (shown < float(fixed(limit, decimals))) for limit in limits):
            return fixed(value, decimals)
    return fixed(value, 6)


def _value(figures: Mapping[str, object], name: str) -> float:
    found = figures.get(name)
    return float(found) if isinstance(found, (int, float)) else nan


def _against(t: Text, cpk: float, held: Bounds, *, out: int) -> str:
    values = {
        "cpk": told_apart(cpk, held.floor, held.target), "floor": fixed(held.floor), "target": fixed(held.target)
    }  # fmt: skip
    if isnan(cpk):
        return t("figures.said_none_out", out=out) if out else t("figures.said_none")
    if cpk < held.floor:
        return t("figures.said_below", **values)
    return t("figures.said_between", **values) if cpk < held.target else t("figures.said_met", **values)


def _side(t: Text, figures: Mapping[str, object], held: Bounds) -> str:
    cpl, cpu = _value(figures, "cpl"), _value(figures, "cpu")
    upper = isnan(cpl) or cpu <= cpl
    mean, sigma = _value(figures, "mean"), _value(figures, "sigma_within")
    limit = held.usl if upper else held.lsl
    return t("figures.said_upper" if upper else "figures.said_lower", mean=number(mean), limit=number(limit),
             sigmas=fixed(abs(limit - mean) / sigma), sigma=number(sigma, 4))  # fmt: skip


def _reason(t: Text, verdict: str, figures: Mapping[str, object], held: Bounds) -> list[str]:
    points, beyond = int(_value(figures, "subgroups")), int(_value(figures, "beyond_limits"))
    cpk, ppk = _value(figures, "cpk"), _value(figures, "ppk")
    most = binomial_quantile(points, BEYOND_3_SIGMA, STABLE_SHARE)
    ratio = ppk / cpk if cpk else nan
    values = {
        "n": figures["n"], "minimum": held.minimum_n, "beyond": beyond, "points": points, "most": most,
        "share": percent(STABLE_SHARE, 0), "ratio": fixed(ratio), "least": fixed(STABLE_RATIO), "cpk": fixed(cpk),
        "ppk": fixed(ppk), "floor": fixed(held.floor), "steps": f"{GAUGE_STEPS:.0f}",
        "step": number(held.resolution if isfinite(held.resolution) else None),
    }  # fmt: skip
    if verdict == "unstable":
        said = [t("figures.why_unstable_points", **values)] if beyond > most else []
        return said + ([t("figures.why_unstable_ratio", **values)] if ratio < STABLE_RATIO else [])
    if verdict == "ok" and isnan(ratio):
        return [t("figures.why_ok_points", **values)]
    return [t(f"figures.why_{verdict}", **values)]
