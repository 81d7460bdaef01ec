"""The plan: everything of the plant file that decides a result, and nothing else (no hosts, no secrets).

The gateway appends it to the journal; the engine computes by the one it last read there. Its JSON is
canonical, so that two plans are the same exactly when their bytes are.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, lru_cache
from math import nan
from types import UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import orjson

from config.errors import PlanError
from config.tag_plan import TagPlan
from rules.complaints import USUAL_LIMITS, ComplaintSpec
from rules.machine_spec import MachineSpec
from rules.spec import CalendarSpec, CharacteristicSpec, GaugeSpec, KeyResultSpec, MetricSpec, ObjectiveSpec

Payload = Literal["json", "sparkplug", "opcua"]  # each has its decoder in `connectors.decode`
Dedupe = Literal["id", "none", "payload"]

T = TypeVar("T")
Decoder = Callable[[Any], Any]  # JSON in, a field's value out: the one place where types are not yet known


@dataclass(frozen=True, slots=True)
class ConnectorPlan:
    """How a connector's messages are read: what is left of it without host, port and password."""

    name: str
    payload: Payload
    topics: tuple[str, ...]  # patterns with {named} parts, as written
    characteristic: str  # template of a characteristic's id: topic parts, {name}, context fields
    time_zone: str  # IANA name, for times without an offset
    dedupe: Dedupe
    place: str = ""  # template of where an event happened: topic parts, context fields
    tags: tuple[TagPlan, ...] = ()  # what single values mean, where they come so

    @property
    def templates(self) -> tuple[str, ...]:
        """All templates by which it makes a characteristic's id."""
        return (self.characteristic, *(tag.name for tag in self.tags if tag.name))


@dataclass(frozen=True, slots=True)
class Plan:
    """One plant's plan. Connectors are sorted by name, all else by id; indices into them are stable."""

    plant_id: str
    calendar: CalendarSpec
    connectors: tuple[ConnectorPlan, ...] = ()
    characteristics: tuple[CharacteristicSpec, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    objectives: tuple[ObjectiveSpec, ...] = ()
    key_results: tuple[KeyResultSpec, ...] = ()
    machines: tuple[MachineSpec, ...] = ()
    complaints: ComplaintSpec = USUAL_LIMITS
    restate_days: int = 7
    clock_step_seconds: int = 1  # the grid of the ticks: 1 live, 60 in replay and simulation
    gauges: tuple[GaugeSpec, ...] = ()

    def to_json(self) -> bytes:
        """Canonical JSON: keys sorted at every level, sets as sorted lists, nan as null."""
        return orjson.dumps(orjson.loads(orjson.dumps(self, default=_sorted_set)), option=orjson.OPT_SORT_KEYS)

    @staticmethod
    def from_json(data: bytes) -> "Plan":
        """The plan whose `to_json` gave `data`; a field that was not known then has its default.

        Raises `PlanError` for anything that is not a plan, or one of a later version. Every step of the dataflow asks
        for the plan of the same entry: it is read once.
        """
        return _read(data)


@lru_cache(maxsize=2)
def _read(data: bytes) -> Plan:
    try:
        return cast(Plan, _decoder_of(Plan)(orjson.loads(data)))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanError(f"not a plan that this version reads: {error} (got {data[:80]!r})") from error


def _sorted_set(value: object) -> list[int]:
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in a plan")


@cache
def _decoder_of(kind: Any) -> Decoder:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _dataclass_decoder(cast(type, kind))
    if origin in (Union, UnionType):
        return _union_decoder(get_args(kind))
    if origin is Literal:
        return _one_of(get_args(kind))
    if origin in (tuple, frozenset):
        item = _decoder_of(get_args(kind)[0])
        return lambda value: origin(map(item, _expect(list, value)))
    if kind is float:
        return lambda value: nan if value is None else float(_number(value))
    return lambda value: _expect(kind, value)


def _dataclass_decoder(kind: type) -> Decoder:
    hints = get_type_hints(kind)
    decoders = {field.name: _decoder_of(hints[field.name]) for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}

    def decode(value: Any) -> Any:
        found = _expect(dict, value)
        if not required <= found.keys():
            raise ValueError(f"{kind.__name__} lacks {', '.join(sorted(required - found.keys()))}")
        if not found.keys() <= decoders.keys():
            raise ValueError(f"{kind.__name__} has no {', '.join(sorted(found.keys() - decoders.keys()))}")
        return kind(**{name: decoders[name](item) for name, item in found.items()})

    return decode


def _union_decoder(kinds: tuple[type, ...]) -> Decoder:
    """The members of a union are told apart by their field names."""
    by_fields = {frozenset(field.name for field in fields(kind)): _decoder_of(kind) for kind in kinds}

    def decode(value: Any) -> Any:
        return by_fields[frozenset(_expect(dict, value))](value)

    return decode


def _one_of(words: tuple[Any, ...]) -> Decoder:
    def decode(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}, got {value!r}")
        return value

    return decode


def _number(value: Any) -> int | float:
    if type(value) not in (int, float):
        raise TypeError(f"expected a number, got {value!r}")
    return cast(float, value)


def _expect(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value
