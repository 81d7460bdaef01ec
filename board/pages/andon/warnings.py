"""The open alerts, newest first: of characteristics and of metrics."""

from typing import NamedTuple

from board.history.glance import Look
from board.history.queries import View
from board.times import iso_day


class Warned(NamedTuple):
    """An open alert: its id, what it is of (a characteristic or a metric), its rule, the day it was opened."""

    episode: str
    of: str
    rule: str
    day: str | None


_OPEN = (
    'SELECT e."episode", e."characteristic", e."metric", e."rule", e."opened_day" FROM "current_episode" c '
    'JOIN "episode" e ON e."row" = c."row" WHERE e."state" = \'open\' ORDER BY e."opened_day" DESC, e."row" DESC'
)


def open_alerts(view: View, look: Look) -> list[Warned]:
    """All of them."""
    found = []
    for episode, number, metric, rule, day in view.db.execute(_OPEN):
        of = look.tiles[number].name if number in look.tiles else str(metric or number)
        found.append(Warned(episode, of, rule, iso_day(day or 0)))
    return found
