"""What the history knows of the quality of its data: what was refused, what is silent, what came late."""

from collections.abc import Iterator
from dataclasses import dataclass

from board.history.queries import View
from board.times import iso_day, rfc3339

SHOWN_BYTES = 400  # of an example's payload
MOST_SILENT = 200
MOST_LATE = 20
MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a connector sent that was refused for one reason: how often, and the last one; `names` it did not know."""

    connector: str
    reason: str
    count: int
    time: str
    topic: str
    detail: str
    payload: str
    is_cut: bool
    names: tuple[str, ...] = ()


def refusals(view: View) -> list[Refusal]:
    """By connector and reason."""
    rows = view.db.execute(
        'SELECT r."connector", r."reason", r."count", r."time", r."topic", r."detail", r."payload" FROM "rejected" r '
        'JOIN (SELECT max("row") AS "row" FROM "rejected" GROUP BY "connector", "reason") n ON n."row" = r."row" '
        'ORDER BY r."connector", r."reason"'
    ).fetchall()
    found = []
    for connector, reason, count, time_ns, topic, detail, payload in rows:
        blob = payload or b""
        names = tuple(_names(view, connector)) if reason == "unknown-characteristic" else ()
        found.append(Refusal(connector, reason, count, rfc3339(time_ns), topic or "", detail or "",
                             _readable(blob[:SHOWN_BYTES]), len(blob) > SHOWN_BYTES, names))  # fmt: skip
    return found


def _names(view: View, connector: str) -> Iterator[str]:
    """What the newest refusals of unknown characteristics say of them, each once."""
    rows = view.db.execute(
        'SELECT "detail", max("row") FROM "rejected" WHERE "connector" = ? AND "reason" = \'unknown-characteristic\' '
        'GROUP BY "detail" ORDER BY 2 DESC LIMIT ?',
        (connector, MOST_NAMES),
    )
    yield from (detail for detail, _ in rows if detail)


def _readable(payload: bytes) -> str:
    """A payload as text; bytes that are none as the replacement character, control characters as their pictures."""
    text = payload.decode("utf-8", "replace")
    return "".join(chr(0x2400 + ord(one)) if ord(one) < 32 and one not in "\n\t" else one for one in text)


@dataclass(frozen=True, slots=True)
class Silent:
    """A characteristic that is `stale`, or of which nothing has ever come (`no-data`, without a time)."""

    name: str
    word: str
    time: str | None


def silent(view: View) -> list[Silent]:
    """Active characteristics without new values: those of which nothing came first, then by name."""
    never = view.db.execute(
        'SELECT k."name" FROM "current_characteristic" c JOIN "characteristic" k ON k."row" = c."row" '
        'LEFT JOIN "current_point" p ON p."characteristic" = k."characteristic" '
        'WHERE p."row" IS NULL AND k."state" = \'active\' ORDER BY k."name" LIMIT ?',
        (MOST_SILENT,),
    )
    stale = view.db.execute(
        'SELECT k."name", p."time" FROM "current_capability" c JOIN "capability" v ON v."row" = c."row" '
        'JOIN "current_characteristic" cc ON cc."characteristic" = c."characteristic" '
        'JOIN "characteristic" k ON k."row" = cc."row" '
        'LEFT JOIN "current_point" cp ON cp."characteristic" = c."characteristic" '
        'LEFT JOIN "point" p ON p."row" = cp."row" '
        'WHERE v."verdicts" LIKE \'%"stale"%\' AND k."state" = \'active\' ORDER BY k."name" LIMIT ?',
        (MOST_SILENT,),
    )
    found = [Silent(name, "no-data", None) for (name,) in never]
    return found + [Silent(name, "stale", None if time_ns is None else rfc3339(time_ns)) for name, time_ns in stale]


@dataclass(frozen=True, slots=True)
class Late:
    """A characteristic's latest production day: `late` of its `n` readings came late."""

    name: str
    day: str
    late: int
    n: int


def late(view: View) -> list[Late]:
    """The characteristics with the largest share of late readings in their latest day; those with none are left out."""
    rows = view.db.execute(
        'SELECT d."characteristic", d."day", d."late", d."n" FROM (SELECT max("day"), "row" FROM "current_day" '
        'GROUP BY "characteristic") c JOIN "day" d ON d."row" = c."row" WHERE d."late" > 0 '
        'ORDER BY CAST(d."late" AS REAL) / max(d."n", 1) DESC, d."characteristic" LIMIT ?',
        (MOST_LATE,),
    )
    return [Late(view.names.get(who, str(who)), iso_day(day) or "", count, n) for who, day, count, n in rows]
