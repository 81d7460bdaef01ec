"""What happens on the shop floor besides measurements: inspections, machine states, counts, complaints, changes.

Each kind of message has one body here; a decoder makes them (`connectors.event_json`), metrics fold them.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

State = Literal["running", "idle", "down", "setup"]
STATES: tuple[State, ...] = ("running", "idle", "down", "setup")

ChangeOf = Literal["design", "process", "tool", "material"]
CHANGES: tuple[ChangeOf, ...] = ("design", "process", "tool", "material")

ComplaintClass = Literal["design", "production", "service"]
COMPLAINT_CLASSES: tuple[ComplaintClass, ...] = ("design", "production", "service")


@dataclass(frozen=True, slots=True)
class Inspection:
    """A sample that was inspected: `inspected` units (a fraction where the unit is an area or a length).

    `rejected` units were not right first time; of them `reworked` were mended and `scrapped` thrown away. `missed`
    units, passed by this inspection, were found to be bad further on. `defects` counts each kind, of which a unit may
    have several.
    """

    inspected: float
    rejected: int = 0
    reworked: int = 0
    scrapped: int = 0
    missed: int = 0
    defects: tuple[tuple[str, int], ...] = ()  # sorted by name


@dataclass(frozen=True, slots=True)
class MachineState:
    """The machine is in `state` from the event's time on, until the next one of the same place."""

    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """`total` units were made since the last count, `good` of them right."""

    total: int
    good: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint, known by `id`; told again when it is answered. Times in ns since the epoch; 0: not yet answered."""

    id: str
    received_ns: int
    answered_ns: int = 0
    of: ComplaintClass = "production"
    customer_class: str = ""
    urgent: bool = False
    topic: str = ""  # what it is about, for the Pareto


@dataclass(frozen=True, slots=True)
class Change:
    """The design, process, tool or material changed; `characteristics` are ids or globs, none: all of the place."""

    of: ChangeOf
    characteristics: tuple[str, ...] = ()
    note: str = ""


def touches(change: Change, place: str, characteristic: str) -> bool:
    """Whether a change at `place` touches a characteristic (its id).

    What it names is an id or a glob (`*` also spans `/`), as a whole or below the place; naming none it touches all
    of the place, and without a place all there are.

    >>> [touches(Change("tool"), place, "line1/op10/bore") for place in ("line1/op10", "line1/op1", "")]
    [True, False, True]
    >>> touches(Change("tool", ("bore",)), "line1/op10", "line1/op10/bore")
    True
    """
    if not change.characteristics:
        return not place or characteristic == place or characteristic.startswith(f"{place}/")
    below = f"{place}/" if place else ""
    return any(
        characteristic in (name, below + name)
        or fnmatchcase(characteristic, name)
        or fnmatchcase(characteristic, below + name)
        for name in change.characteristics
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """A reading does not count (`void`), or counts with another `value` (`correct`).

    It is the one of message `ref_id`, or of `part` at `time_ns`; of several values the one of `name`.
    """

    action: Literal["void", "correct"]
    who: str
    why: str
    name: str = ""
    ref_id: str = ""
    part: str = ""
    time_ns: int = 0
    value: float | None = None


Body = Inspection | MachineState | Count | Complaint | Change | Correction
KINDS = ("inspection", "state", "count", "complaint", "change", "void", "correct")


class Event(NamedTuple):
    """One event: the journal entry `seq` and its place `idx` within it, when and where it happened.

    `place` is as the connector's template makes it of the topic (`line1/op10`); `context` the canonical JSON of the
    context fields ("" for none).
    """

    seq: int
    idx: int
    time_ns: int
    connector: int
    kind: str
    place: str
    context: str
    body: Body
