"""The characteristics at a glance: each with its specification, limits, latest point, figures and alert."""

from collections.abc import Callable, Sequence

from board.history.queries import View, listed, select
from board.history.rows import Row, Shown, columns_of
from rules.results import BY_NAME


def characteristics(view: View, globs: Sequence[str]) -> list[Shown]:
    """The characteristics whose names match any of `globs` (none: all), in the order of their names.

    Each has the fields of its row (`characteristic` is its name), `lsl`, `usl`, `target`, and as objects or null
    `limits`, `point`, `capability`, `day`, `alert`; `signals` are the rules its latest point shows, `status` one word.
    """
    return sorted(of_numbers(view, view.numbers(globs)).values(), key=lambda item: str(item["characteristic"]))


def of_numbers(view: View, numbers: list[int] | None) -> dict[int, Shown]:
    """The same by number, of the characteristics with these numbers (None: all)."""
    among = "" if numbers is None else f'AND c."characteristic" IN ({listed(numbers)})'
    parts = {
        "specification": _newest(view, "specification", among),
        "limits": _newest(view, "limits", among),
        "point": _newest(view, "point", among),
        "capability": _newest(view, "capability", among),
        "day": _latest_days(view, among),
        "alert": _open_alerts(view, numbers),
    }
    found = {}
    for number, row in _newest(view, "characteristic", among).items():
        one = {name: _shown(view, name, rows.get(number)) for name, rows in parts.items()}
        found[number] = _at_a_glance(view.show("characteristic", row), one)
    return found


def _shown(view: View, part: str, row: Row | None) -> Shown | None:
    return None if row is None else view.show("episode" if part == "alert" else part, row)


def _at_a_glance(fixed: Shown, parts: dict[str, Shown | None]) -> Shown:
    specification = parts.pop("specification") or {}
    point = parts["point"] or {}
    item: Shown = {
        **fixed,
        "characteristic": fixed["name"],
        **{name: specification.get(name) for name in ("lsl", "usl", "target")},
        "specification_revision": specification.get("revision"),
        **parts,
        "signals": point.get("rules", []),
    }
    return {**item, "status": status_of(item)}


def _newest(view: View, kind: str, among: str) -> dict[int, Row]:
    """By characteristic, its newest row of `kind`; of kinds with revisions the highest, of points the latest."""
    return _by_number(
        view, kind,
        f'SELECT {select(kind, "k")} FROM "current_{kind}" c JOIN "{kind}" k ON k."row" = c."row" '
        f'WHERE true {among} ORDER BY k."row"',
    )  # fmt: skip


def _latest_days(view: View, among: str) -> dict[int, Row]:
    return _by_number(
        view, "day",
        f'SELECT {select("day", "d")} FROM (SELECT max("day"), "row" FROM "current_day" c WHERE true {among} '
        'GROUP BY "characteristic") c JOIN "day" d ON d."row" = c."row"',
    )  # fmt: skip


def _open_alerts(view: View, numbers: list[int] | None) -> dict[int, Row]:
    among = "" if numbers is None else f'AND e."characteristic" IN ({listed(numbers)})'
    return _by_number(
        view, "episode",
        f'SELECT {select("episode", "e")} FROM "current_episode" c JOIN "episode" e ON e."row" = c."row" '
        f"WHERE e.\"state\" = 'open' {among} ORDER BY e.\"row\"",
    )  # fmt: skip


def _by_number(view: View, kind: str, statement: str) -> dict[int, Row]:
    place = columns_of(BY_NAME[kind]).index("characteristic")
    return {row[place]: row for row in view.db.execute(statement)}


def _verdict(item: Shown) -> str:
    return str(_part(item, "capability").get("verdict") or "")


def _part(item: Shown, name: str) -> Shown:
    part = item[name]
    return part if isinstance(part, dict) else {}


def _below(item: Shown, bound: str) -> bool:
    cpk, limit = _part(item, "capability").get("cpk"), item[bound]
    return isinstance(cpk, float) and isinstance(limit, float) and cpk < limit


def _signals(item: Shown) -> list[object]:
    signals = item["signals"]
    return signals if isinstance(signals, list) else []


# One word for a characteristic: the first that holds. Where none does, the verdict of its rolling capability.
STATUSES: tuple[tuple[str, Callable[[Shown], bool]], ...] = (
    ("withdrawn", lambda item: item["state"] == "withdrawn"),
    ("alert", lambda item: item["alert"] is not None),
    ("no-data", lambda item: item["point"] is None),
    ("out-of-spec", lambda item: "out-of-spec" in _signals(item)),
    ("signal", lambda item: bool(_signals(item)) and _part(item, "point").get("phase") == 2),
    ("no-figure", lambda item: item["capability"] is None),
    ("no-spec", lambda item: _verdict(item) == "no-spec"),
    ("insufficient", lambda item: _verdict(item) == "insufficient"),
    ("below-floor", lambda item: _below(item, "cpk_floor")),
    ("below-target", lambda item: _verdict(item) == "ok" and _below(item, "cpk_target")),
)


def status_of(item: Shown) -> str:
    """The status word of a characteristic as `characteristics` gives it."""
    return next((word for word, holds in STATUSES if holds(item)), _verdict(item) or "ok")
