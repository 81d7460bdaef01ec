"""The case book: complaints, and what they come to by production day."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from config.plan import Plan
from flows.event_shelf import Group, Placed, Shelf
from rules.complaints import ComplaintBook
from rules.event_tally import Tally
from rules.events import Complaint
from rules.metric_kind import hours
from rules.planned_time import Span
from rules.timeline import Timeline, days_of, end_of_day

GroupOf = Callable[
    [str], Group | None
]  # the context fields that metrics ask for, of a context; None: it counts nowhere


class CaseBook:
    """All complaints that metrics may still look at, and the tallies of closed days.

    A complaint adds to the days of its receipt, its decision and its answer (`rules.complaints`), of which the
    decision may lie ahead: tallies are made when a day closes, and again when metrics are next looked at after a
    message has changed a closed one.
    """

    def __init__(self) -> None:
        self.tallies = Shelf()
        self._complaints = ComplaintBook()
        self._late: set[int] = set()  # times at which closed days may be others, in ns

    def take(self, place: str, context: str, body: Complaint, plan: Plan, closed_ns: int) -> None:
        """Take a message; `settle` sees to days closed by then, which end with `closed_ns`."""
        changed = self._complaints.take(place, context, body, plan.complaints)
        self._late.update(time_ns for time_ns in changed if time_ns < closed_ns)

    @property
    def is_late(self) -> bool:
        """Whether a closed day may be another."""
        return bool(self._late)

    def settle(
        self, plan: Plan, timeline: Timeline, closed: int, oldest: int, group_of: GroupOf
    ) -> list[tuple[int, str]]:
        """State the closed days from `oldest` on anew that a message has changed; gives them with their places."""
        if not self._late:
            return []
        days = set(days_of(timeline, np.array(sorted(self._late), np.int64)).tolist())
        self._late = set()
        changed = []
        for day in sorted(day for day in days if oldest <= day <= closed):
            places = self.tallies.replace(day, self._of_day(day, plan, timeline, group_of))
            changed += [(day, place) for place in sorted(places)]
        return changed

    def close(self, days: Iterable[int], plan: Plan, timeline: Timeline, group_of: GroupOf) -> None:
        """State days that have closed."""
        for day in days:
            self.tallies.replace(day, self._of_day(day, plan, timeline, group_of))

    def within(self, span: Span, plan: Plan, group_of: GroupOf) -> Iterator[Placed]:
        """What any stretch of time comes to, by place and group."""
        for (place, group), tally in sorted(self._grouped(span, plan, group_of).items()):
            yield place, group, tally

    def waiting(self, day: int, timeline: Timeline, of: Callable[[str], bool]) -> dict[str, float]:
        """How many complaints of some places were open at the end of a day, and for how long; empty without any."""
        found = self._complaints.open_at(end_of_day(timeline, day), of)
        if not found.n:
            return {}
        return {"open": found.n, "mean_hours": hours(found.all_ns / found.n), "oldest_hours": hours(found.oldest_ns)}

    def forget(self, oldest: int, plan: Plan, timeline: Timeline) -> None:
        """Forget what is of days before `oldest` only."""
        self.tallies.forget(oldest)
        self._complaints.forget(end_of_day(timeline, oldest - 1), plan.complaints)

    def _of_day(self, day: int, plan: Plan, timeline: Timeline, group_of: GroupOf) -> dict[tuple[str, Group], Tally]:
        return self._grouped((end_of_day(timeline, day - 1), end_of_day(timeline, day)), plan, group_of)

    def _grouped(self, span: Span, plan: Plan, group_of: GroupOf) -> dict[tuple[str, Group], Tally]:
        found: dict[tuple[str, Group], Tally] = {}
        for (place, context), tally in self._complaints.tallies(*span, plan.complaints).items():
            group = group_of(context)
            if group is not None:
                found.setdefault((place, group), Tally()).add(tally)
        return found

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {
            "tallies": self.tallies.to_plain(),
            "complaints": self._complaints.to_plain(),
            "late": sorted(self._late),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "CaseBook":
        """The book that `to_plain` wrote."""
        book = cls()
        book.tallies = Shelf.from_plain(plain["tallies"])
        book._complaints = ComplaintBook.from_plain(plain["complaints"])
        book._late = set(plain["late"])
        return book
