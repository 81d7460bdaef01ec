"""Changes on the shop floor: the marks that they put on what they touch."""

from collections.abc import Iterable, Sequence

from config.plan import Plan
from connectors.columns import UNKNOWN, Mark, Rejected
from rules.events import Change, Event, touches


def change_marks(events: Iterable[Event], plan: Plan) -> tuple[list[Mark], list[Rejected]]:
    """A mark `unverified` for each characteristic that a change touches, in order, and what names that find none.

    The change itself is kept all the same: it stands in the history, and says what was named.
    """
    marks: list[Mark] = []
    refused: list[Rejected] = []
    for event in events:
        if not isinstance(event.body, Change):
            continue
        touched = [
            number for number, spec in enumerate(plan.characteristics) if touches(event.body, event.place, spec.id)
        ]
        marks += [Mark(event.seq, event.time_ns, number, "unverified") for number in touched]
        for name in event.body.characteristics:
            if not _finds(event, name, [plan.characteristics[number].id for number in touched]):
                detail = f"change of {event.place or 'the plant'}: the plan has no characteristic {name!r}"
                refused.append(_refusal(event, plan, name, detail))
    return marks, refused


def _finds(event: Event, name: str, touched: Sequence[str]) -> bool:
    assert isinstance(event.body, Change)
    return any(touches(Change(event.body.of, (name,)), event.place, one) for one in touched)


def _refusal(event: Event, plan: Plan, name: str, detail: str) -> Rejected:
    return Rejected(event.seq, event.idx, plan.connectors[event.connector].name, "", UNKNOWN, detail, b"", name)
