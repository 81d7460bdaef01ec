"""What of a characteristic's page stands in its address: the period, and by what readings are chosen."""

from dataclasses import dataclass
from urllib.parse import urlencode

from board.measured import CONTEXT, Choice
from board.page import Asked
from board.period import Period, period
from board.times import rfc3339
from rules.spec import CalendarSpec


@dataclass(frozen=True, slots=True)
class Chosen:
    """`start` and `end` as written, the `period` that they mean, or why they mean none."""

    start: str
    end: str
    period: Period
    wrong: str = ""

    @property
    def given(self) -> bool:
        """Whether a period was asked for."""
        return bool(self.start or self.end) and not self.wrong


def chosen(asked: Asked) -> Chosen:
    """The period of the address, the plant's times; all time where it is none."""
    start, end = (asked.query.get(name, "").strip() for name in ("from", "to"))
    try:
        return Chosen(start, end, period(start, end, asked.view.calendar))
    except ValueError as error:
        return Chosen(start, end, Period(), str(error))


def told(asked: Asked) -> dict[str, str]:
    """By which context the readings are chosen."""
    return {name: said for name in CONTEXT if (said := asked.query.get(name, "").strip())}


def choice(asked: Asked) -> Choice:
    """The readings that are asked for."""
    return Choice(*chosen(asked).period, told(asked))


def of_day(calendar: CalendarSpec, day: str) -> str:
    """The query of the period of a production day (an ISO date), as its times."""
    start, end = period(day, day, calendar)
    return urlencode({"from": rfc3339(start), "to": rfc3339(end)})


def query(asked: Asked, **changed: str) -> str:
    """The query that keeps the period and the choice, with some of it changed; what is empty is left out."""
    kept = {name: asked.query.get(name, "").strip() for name in ("from", "to", *CONTEXT)} | changed
    return urlencode({name: said for name, said in kept.items() if said})
