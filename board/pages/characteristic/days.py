"""The production days of a characteristic's page: daily Cpk as a drawing and as a table."""

from board.figures.daily import daily
from board.history.queries import days
from board.history.rows import Shown
from board.history.statements import breach_days, item
from board.page import Asked
from board.pages.characteristic.range import chosen, download, of_day
from board.period import days_of

USUAL = 60  # days, where none are asked for
MOST = 366


def part(asked: Asked) -> Shown:
    """`daily`, the drawing, and `days_shown`, newest first."""
    own, asked_for = item(asked.view, asked.name), chosen(asked)
    first, last = days_of(asked_for.period, asked.view.calendar)
    rows = days(asked.view, [asked.name], first, last, MOST if asked_for.given else USUAL)
    breach = breach_days(asked.view, own.number)
    return {
        "daily": daily(rows, breach, own.shown, asked.view.calendar),
        "days_shown": rows[::-1],
        "days_query": {str(row["day"]): of_day(asked.view.calendar, str(row["day"])) for row in rows},
        "days_download": download(asked),
        "days_breach": breach,
        "days_item": own.shown,
        "days_counts": own.counts,
        "days_unit": own.unit,
    }
