"""Complaints: when each was received, whether it was answered within its limit, how long it waited.

A complaint is known by its id and told again when something about it is new, above all that it has been answered.
What a later message does not say stays as it was: the first time of receipt stands, the last answer, the last text;
urgent once is urgent, and a class other than the usual one (`production`) stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from rules.event_tally import Tally
from rules.events import Complaint

HOUR_NS = 3_600 * 1_000_000_000
URGENT, DEFAULT = "urgent", "default"
KEPT_OPEN_NS = 366 * 24 * HOUR_NS  # what nobody has answered in a year is forgotten


@dataclass(frozen=True, slots=True)
class AnswerLimit:
    """Within how many hours complaints of a customer class (`default`, `urgent`) are to be answered."""

    of: str
    hours: float


@dataclass(frozen=True, slots=True)
class ComplaintSpec:
    """Within how many hours a complaint is to be answered: by customer class, `default` for the others.

    `urgent` holds for those of urgent orders, whatever the class; without it they have the limit of their class.
    """

    answer_within: tuple[AnswerLimit, ...] = (
        AnswerLimit(DEFAULT, 72.0),
        AnswerLimit("key", 24.0),
        AnswerLimit(URGENT, 2.0),
    )

    def limit_ns(self, complaint: Complaint) -> int:
        """How long after its receipt a complaint is in time, in ns.

        >>> spec = ComplaintSpec()
        >>> spec.limit_ns(Complaint("C1", 0, customer_class="key")) // HOUR_NS
        24
        """
        hours = {one.of: one.hours for one in self.answer_within}
        if complaint.urgent and URGENT in hours:
            return round(hours[URGENT] * HOUR_NS)
        named = complaint.customer_class not in (URGENT, DEFAULT) and complaint.customer_class in hours
        return round(hours[complaint.customer_class if named else DEFAULT] * HOUR_NS)


USUAL_LIMITS = ComplaintSpec()


class Case(NamedTuple):
    """A complaint as it is known by now, and where it was told first."""

    place: str
    context: str
    complaint: Complaint


class Open(NamedTuple):
    """Complaints that wait for an answer: how many, and for how long in all and at most, in ns."""

    n: int
    all_ns: int
    oldest_ns: int


def contributions(complaint: Complaint, spec: ComplaintSpec) -> list[tuple[int, Tally]]:
    """What a complaint adds to the tally of which time: its receipt, its being decided, its answer.

    It is decided in time with an answer at most its limit after the receipt, late at the end of the limit. So each is
    decided exactly once, and one that is not yet due counts neither way.
    """
    due_ns = complaint.received_ns + spec.limit_ns(complaint)
    answered_ns = complaint.answered_ns
    in_time = 0 < answered_ns <= due_ns
    found = [
        (complaint.received_ns, Tally(complaints=1, topics={complaint.topic or complaint.of: 1})),
        (answered_ns if in_time else due_ns, Tally(due=1, in_time=int(in_time))),
    ]
    if answered_ns:
        found.append((answered_ns, Tally(answered=1, dwell_ns=answered_ns - complaint.received_ns)))
    return found


class ComplaintBook:
    """All complaints that may still be answered or restated, by id."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}

    def take(self, place: str, context: str, complaint: Complaint, spec: ComplaintSpec) -> list[int]:
        """Take a message in the order of the journal; gives the times whose tallies it changes, sorted."""
        known = self._cases.get(complaint.id)
        case = Case(place, context, complaint) if known is None else _told_again(known, complaint)
        self._cases[complaint.id] = case
        before = contributions(known.complaint, spec) if known is not None else []
        after = contributions(case.complaint, spec)
        return sorted({ns for ns, tally in (*before, *after) if before.count((ns, tally)) != after.count((ns, tally))})

    def tallies(self, from_ns: int, to_ns: int, spec: ComplaintSpec) -> dict[tuple[str, str], Tally]:
        """What adds up from `from_ns` up to `to_ns`, by place and context; all of it has to lie behind the clock."""
        found: dict[tuple[str, str], Tally] = {}
        for case in self._cases.values():
            for ns, tally in contributions(case.complaint, spec):
                if from_ns <= ns < to_ns:
                    found.setdefault((case.place, case.context), Tally()).add(tally)
        return dict(sorted(found.items()))

    def open_at(self, now_ns: int, of: Callable[[str], bool]) -> Open:
        """The complaints of some places that were received by `now_ns` and not answered by then."""
        ages = [
            now_ns - case.complaint.received_ns
            for case in self._cases.values()
            if of(case.place) and case.complaint.received_ns <= now_ns and not 0 < case.complaint.answered_ns <= now_ns
        ]
        return Open(len(ages), sum(ages), max(ages, default=0))

    def forget(self, before_ns: int, spec: ComplaintSpec) -> None:
        """Forget what was answered and decided before `before_ns`, and what has waited for a year by then."""
        for name, (_, _, one) in list(self._cases.items()):
            last_ns = max(ns for ns, _ in contributions(one, spec))
            if (one.answered_ns and last_ns < before_ns) or one.received_ns < before_ns - KEPT_OPEN_NS:
                del self._cases[name]

    def to_plain(self) -> list[Any]:
        """As plain values, for the state's bytes."""
        fields = Complaint.__slots__
        return [
            [case.place, case.context, [getattr(case.complaint, f) for f in fields]] for case in self._cases.values()
        ]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> "ComplaintBook":
        """What `to_plain` wrote."""
        book = cls()
        for place, context, values in plain:
            complaint = Complaint(*values)
            book._cases[complaint.id] = Case(place, context, complaint)
        return book


def _told_again(known: Case, again: Complaint) -> Case:
    was = known.complaint
    complaint = replace(
        again,
        received_ns=min(was.received_ns, again.received_ns),
        answered_ns=again.answered_ns or was.answered_ns,
        of=was.of if again.of == "production" else again.of,
        customer_class=again.customer_class or was.customer_class,
        urgent=was.urgent or again.urgent,
        topic=again.topic or was.topic,
    )
    return Case(known.place, known.context, complaint)
