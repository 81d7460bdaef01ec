"""What the history states of one characteristic: its newest figures, revisions, and the days of its breaches."""

import json
from dataclasses import dataclass

from board.history import overview
from board.history.queries import View, select
from board.history.rows import Shown
from board.history.selection import Specification, specification_at
from board.times import LAST_NS

ACCEPTED_BY = "accepted by "


@dataclass(frozen=True, slots=True)
class Item:
    """A characteristic: its `number`, and what `overview.characteristics` tells of it."""

    number: int
    shown: Shown

    @property
    def unit(self) -> str:
        """Its unit, which may be empty."""
        return str(self.shown["unit"] or "")

    @property
    def counts(self) -> bool:
        """Whether it is of an attribute chart: counts, which have a rate and no index."""
        return self.shown["chart"] in ("p", "np", "c", "u")

    def statement(self, name: str) -> Shown | None:
        """Its rolling `capability` or its latest `day`, where it has one."""
        found = self.shown[name]
        return found if isinstance(found, dict) else None


def item(view: View, name: str) -> Item:
    """The characteristic of that very name; raises KeyError for an unknown one."""
    number = next((number for number, known in view.names.items() if known == name), None)
    if number is None:
        raise KeyError(name)
    return Item(number, next(one for one in overview.characteristics(view, [name]) if one["name"] == name))


def limits_told(view: View, number: int) -> list[Shown]:
    """Every state that limits have had, newest first; `accepted_by` names who accepted them."""
    rows = view.db.execute(
        f'SELECT {select("limits")} FROM "limits" WHERE "characteristic" = ? ORDER BY "row" DESC', (number,)
    )
    told = [view.show("limits", row) for row in rows]
    return [one | {"accepted_by": _accepted_by(str(one["reason"] or ""))} for one in told]


def _accepted_by(reason: str) -> str:
    return reason.removeprefix(ACCEPTED_BY) if reason.startswith(ACCEPTED_BY) else ""


def specifications_told(view: View, number: int) -> list[Shown]:
    """Every revision of the specification, newest first."""
    rows = view.db.execute(
        f'SELECT {select("specification")} FROM "specification" WHERE "characteristic" = ? ORDER BY "row" DESC',
        (number,),
    )
    return [view.show("specification", row) for row in rows]


def specification(view: View, number: int, revision: object) -> Specification:
    """That revision; the newest where the history has it not."""
    row = view.db.execute(
        'SELECT "time" FROM "specification" WHERE "characteristic" = ? AND "revision" = ?', (number, revision)
    ).fetchone()
    return specification_at(view, number, LAST_NS if row is None else int(row[0]) + 1)


def breach_days(view: View, number: int) -> frozenset[str]:
    """The days of its breaches, open and past, as ISO dates; not those that later data took away."""
    rows = view.db.execute(
        'SELECT e."days" FROM "current_episode" c JOIN "episode" e ON e."row" = c."row" '
        'WHERE e."characteristic" = ? AND e."state" <> \'retracted\'',
        (number,),
    )
    return frozenset(str(day) for (days,) in rows for day in json.loads(days or "[]"))
