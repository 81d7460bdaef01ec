"""What of a characteristic's page stands in its address: the period, and by what readings are chosen."""

from dataclasses import dataclass
from urllib.parse import urlencode

from board.history.measured import CONTEXT, Choice
from board.page import Asked
from board.period import Period, period, written
from board.times import rfc3339
from rules.spec import CalendarSpec

# By context field its name in the address of a page, where `part` stands for a part of the page.
PARAMETERS = {name: "serial" if name == "part" else name for name in CONTEXT}


@dataclass(frozen=True, slots=True)
class Chosen:
    """`start` and `end` as people write them, the `period` that they mean, or why they mean none."""

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
        found = period(start, end, asked.view.calendar)
        return Chosen(*written(found, asked.view.calendar), found)
    except ValueError as error:
        return Chosen(start, end, Period(), str(error))


def told(asked: Asked) -> dict[str, str]:
    """By which context the readings are chosen."""
    return {name: said for name, key in PARAMETERS.items() if (said := asked.query.get(key, "").strip())}


def choice(asked: Asked) -> Choice:
    """The readings that are asked for."""
    return Choice(*chosen(asked).period, told(asked))


def of_day(calendar: CalendarSpec, day: str) -> str:
    """The query of the period of a production day (an ISO date), as its times."""
    start, end = period(day, day, calendar)
    return urlencode({"from": rfc3339(start), "to": rfc3339(end)})


def query(asked: Asked, **changed: str) -> str:
    """The query that keeps the period and the choice, with some of it changed; what is empty is left out."""
    kept = {key: asked.query.get(key, "").strip() for key in ("from", "to", *PARAMETERS.values())} | changed
    return urlencode({key: said for key, said in kept.items() if said})


def download(asked: Asked) -> str:
    """The query of a download of the same readings."""
    period_of = {key: asked.query.get(key, "").strip() for key in ("from", "to")}
    kept = {"characteristic": asked.name} | period_of | told(asked)
    return urlencode({key: said for key, said in kept.items() if said})
