"""What the plant file says of a machine, as the core understands it: what is planned, what is a failure."""

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class BreakSpec:
    """A planned break of every day: from `starts_at` (minutes after local midnight), `minutes` long."""

    starts_at: int
    minutes: int


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """One machine; its id is the place of its states and counts (`line1/op10`).

    `shifts` are those of the calendar in which it is to produce, none: all of the production day. A stop for a reason
    of `planned_stops` is no planned production time and no failure; one of `not_failures` is lost time, but not the
    machine's failure. A state is believed for `state_valid_hours`, then it is unknown until the next message.
    """

    id: str
    ideal_cycle_seconds: float = nan  # planned run time per unit; nan: not known
    shifts: tuple[str, ...] = ()
    breaks: tuple[BreakSpec, ...] = ()
    planned_stops: tuple[str, ...] = ()
    not_failures: tuple[str, ...] = ()
    state_valid_hours: float = 24.0

    @property
    def valid_ns(self) -> int:
        """How long a state is believed, in ns."""
        return round(self.state_valid_hours * 3_600_000_000_000)

    @property
    def ideal_cycle_ns(self) -> int:
        """The planned run time per unit in whole ns, so that sums are exact; 0: not known."""
        return round(self.ideal_cycle_seconds * 1e9) if self.ideal_cycle_seconds > 0 else 0
