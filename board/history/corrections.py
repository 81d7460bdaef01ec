"""Readings that were voided or corrected: listed, and told with the points and readings that they are in."""

from collections.abc import Sequence

from board.history.queries import DAY_NS, Range, View, rows_in
from board.history.rows import Shown
from board.times import FIRST_NS, LAST_NS

MOST = 100_000
TOLD = ("seq", "idx", "action", "value", "was", "who", "why", "told", "state")


def corrections(view: View, globs: Sequence[str], asked: Range) -> list[Shown]:
    """The newest correction of each reading of that time, oldest reading first."""
    return view.show_all("correction", rows_in(view, "correction", globs, asked))


def with_corrections(view: View, globs: Sequence[str], asked: Range, shown: list[Shown]) -> list[Shown]:
    """Points with the `corrections` of their readings (a list), readings with their `correction` (null for none)."""
    around = Range(max(asked.start_ns - DAY_NS, FIRST_NS), min(asked.end_ns + DAY_NS, LAST_NS), MOST)
    known = {
        (one["characteristic"], one["seq"], one["idx"]): {name: one[name] for name in TOLD}
        for one in corrections(view, globs, around)
    }
    for row in shown:
        name, own = row["characteristic"], (row["seq"], row["idx"])
        if "refs" in row:
            refs = row["refs"]
            places = [(ref["seq"], ref["idx"]) for ref in refs] if isinstance(refs, list) else [own]
            row["corrections"] = [known[name, *place] for place in places if (name, *place) in known]
        else:
            row["correction"] = known.get((name, *own))
    return shown
