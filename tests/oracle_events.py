"""What the oracle takes and gives: events of the journal in, results as dicts with the engine's field names out."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reading:
    characteristic: int
    time_ns: int
    day: int
    value: float
    seq: int
    idx: int = 0
    cause_seq: int = 0  # what made it appear: 0 stands for its own entry
    subgroup: int = 0
    ends: bool = False
    change: int = 0
    context: int = 0
    state: int = 0  # 1: another purpose; 2: an invalid value
    connector: int = 0
    size: float = 0.0  # units inspected, of which `value` is a count; 0: a measurement

    @property
    def cause(self) -> int:
        return self.cause_seq or self.seq

    @property
    def ref(self) -> tuple[int, int, int, int]:
        return self.seq, self.idx, self.time_ns, self.context


@dataclass(frozen=True)
class Tick:
    seq: int
    ns: int
    closed: int  # the last day that is closed at it


@dataclass(frozen=True)
class Gap:
    connector: int


@dataclass(frozen=True)
class Accept:
    characteristic: int


Event = Reading | Tick | Gap | Accept


@dataclass
class Point:
    """A charted point; `range` is its moving range, R or s, nan without one."""

    readings: list[Reading]
    mean: float
    range: float
    parts_out: int
    bits: int = 0
    beyond: bool = False  # as it stands

    @property
    def n(self) -> int:
        return len(self.readings)

    @property
    def values(self) -> list[float]:
        return [reading.value for reading in self.readings]


@dataclass
class Day:
    """What came in of a production day."""

    readings: list[Reading] = field(default_factory=list)
    points: list[tuple[Point, bool]] = field(default_factory=list)  # with: beyond limits when charted
    late: int = 0
    signals: int = 0
    revision: int = 0
    limits_revision: int = 0  # at its close: what comes later does not change by what it is judged
    changed: bool = False


@dataclass
class Results:
    """Everything given out, in order, as dicts with the engine's field names."""

    points: list[dict[str, object]] = field(default_factory=list)
    loose: list[dict[str, object]] = field(default_factory=list)
    signals: list[dict[str, object]] = field(default_factory=list)
    limits: list[dict[str, object]] = field(default_factory=list)
    windows: list[dict[str, object]] = field(default_factory=list)
    days: list[dict[str, object]] = field(default_factory=list)
