"""The capability table: every index of the stored statements, with bounds by the functions of `rules`."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import NamedTuple

from board.formats import fixed, number
from rules.capability import UPPER_95, bissell_bound, expected_out

# Every figure, and how it is shown.
INDEX, MEASURE, COUNT = "index", "measure", "count"
LINES: tuple[tuple[str, str], ...] = (
    ("cp", INDEX), ("cpl", INDEX), ("cpu", INDEX), ("cpk", INDEX),
    ("pp", INDEX), ("ppl", INDEX), ("ppu", INDEX), ("ppk", INDEX), ("cpm", INDEX),
    ("mean", MEASURE), ("sigma_within", MEASURE), ("sigma_overall", MEASURE),
    ("n", COUNT), ("subgroups", COUNT), ("out_of_spec", COUNT), ("beyond_limits", COUNT),
)  # fmt: skip
SYMBOLS = {name: name.capitalize() for name, kind in LINES if kind == INDEX}
PARTS_PER_MILLION = 1e6


class Line(NamedTuple):
    """One line: `values` as text, one of each statement; `bounds` beside them, empty where there are none."""

    name: str
    values: tuple[str, ...]
    bounds: tuple[str, ...]


def lines(statements: Sequence[Mapping[str, object] | None], unit: str) -> list[Line]:
    """The table of statements (stored rows as the API shows them, or a study's; None where there is none)."""
    return [
        Line(
            name,
            tuple(_text(kind, one, name, unit) for one in statements),
            tuple(bounds(one, name) for one in statements),
        )
        for name, kind in LINES
    ]


def bounds(statement: Mapping[str, object] | None, name: str) -> str:
    """The one-sided 95 % bounds of Cpk and Ppk: the stored lower one, and the upper one where its df are known."""
    if statement is None or name not in ("cpk", "ppk"):
        return ""
    index, n, lower = (_number(statement.get(key)) for key in (name, "n", f"{name}_lower"))
    df = _number(statement.get("within_df")) if name == "cpk" else n - 1
    upper = bissell_bound(index, n, df, UPPER_95)
    if isnan(lower):
        return ""
    return f"≥ {fixed(lower)}" if isnan(upper) else f"{fixed(lower)} … {fixed(upper)}"


def parts_per_million(statement: Mapping[str, object] | None, lsl: float, usl: float) -> str:
    """The share of all parts to expect out, of a normal process with the stored mean and sigma overall."""
    if statement is None:
        return number(None)
    share = expected_out(_number(statement.get("mean")), _number(statement.get("sigma_overall")), lsl, usl)
    return number(None if isnan(share) else share * PARTS_PER_MILLION, 3)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else nan


def _text(kind: str, statement: Mapping[str, object] | None, name: str, unit: str) -> str:
    value = None if statement is None else statement.get(name)
    if isinstance(value, float) and isnan(value):
        value = None
    if kind == INDEX:
        return fixed(value)
    if kind == MEASURE:
        return f"{number(value, 6 if name == 'mean' else 4)} {unit}".rstrip() if value is not None else number(None)
    return number(value, 15)
