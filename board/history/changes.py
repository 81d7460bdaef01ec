"""Changes on the shop floor (design, process, tool, material), for the charts of what they touch."""

import json
from collections.abc import Sequence

from board.history.queries import Range, View, select
from board.history.rows import Shown
from board.times import rfc3339
from rules.events import Change, touches


def changes(view: View, globs: Sequence[str], asked: Range) -> list[Shown]:
    """The newest changes that touch any of the characteristics asked for, oldest first.

    Fields: time, seq, idx, place, of, note, characteristics (those of the ones asked for that it touches).
    """
    numbers = view.numbers(globs)
    names = sorted(name for number, name in view.names.items() if numbers is None or number in set(numbers))
    rows = view.db.execute(
        f'SELECT {select("event")} FROM "event" WHERE "kind" = \'change\' AND "time" >= ? AND "time" < ? '
        'ORDER BY "time" DESC, "row" DESC',
        (asked.start_ns, asked.end_ns),
    )
    found: list[Shown] = []
    for _, _, _, _, place, time, seq, idx, body, _ in rows:
        said = json.loads(body)
        change = Change(said["of"], tuple(said["characteristics"]), said["note"])
        touched = [name for name in names if touches(change, place, name)]
        if touched:
            shown = {"time": rfc3339(time), "seq": seq, "idx": idx, "place": place, "of": change.of}
            found.append(shown | {"note": change.note, "characteristics": touched})
        if len(found) == asked.limit:
            break
    return found[::-1]
