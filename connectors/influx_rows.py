"""Rows of the history on their way to InfluxDB: by column names, in their columns' types, with what the plan means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from config.plan import Plan
from connectors.influx_schema import BY_NAME, FieldType
from connectors.influx_text import make_fields
from rules.results import KINDS, LEADING, Sql
from rules.spec import KeyResultSpec, MetricSpec

Row = tuple[object, ...]
Values = dict[str, object]  # a row by its column names
Named = Mapping[int, Values]  # the row that names a characteristic, by its number
Tags = list[tuple[str, object]]

COLUMNS = {kind.name: tuple(column.name for column in LEADING + kind.columns) for kind in KINDS}
_SQL: dict[tuple[str, str], Sql] = {(kind.name, column.name): column.sql for kind in KINDS for column in kind.columns}
_TYPE_OF: dict[Sql, FieldType] = {"INTEGER": "integer", "REAL": "float", "TEXT": "text"}


@dataclass(frozen=True, slots=True)
class Meant:
    """What the plan says and rows do not: `lengths` is k by (characteristic's id, rule) where the plan chose one."""

    lengths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)
    key_results: Mapping[str, KeyResultSpec] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> "Meant":
        """What this plan says."""
        return cls(
            {(spec.id, rule.name): rule.k for spec in plan.characteristics for rule in spec.rules if rule.k},
            {metric.id: metric for metric in plan.metrics},
            {goal.id: goal for goal in plan.key_results},
        )


def by_name(kind: str, row: Row) -> Values:
    """A row by its column names."""
    return dict(zip(COLUMNS[kind], row, strict=True))


def shared_fields(kind: str, measurement: str) -> tuple[str, ...]:
    """The fields of a measurement that are columns of a kind under the same name and in the same type."""
    fields = BY_NAME[measurement].fields
    return tuple(name for name, typed in fields.items() if _TYPE_OF.get(_SQL.get((kind, name), "BLOB")) == typed)


def fields_of(kind: str, row: Values, names: Iterable[str]) -> str:
    """The field set of these columns, each in its column's type: a REAL is a float even where it came whole."""
    return make_fields((name, _typed(kind, name, row[name])) for name in names)


def joined(*field_sets: str) -> str:
    """Several field sets as one."""
    return ",".join(fields for fields in field_sets if fields)


def whole(value: object) -> int:
    """The value as the whole number that its column holds."""
    assert isinstance(value, int), f"expected a whole number, got {value!r}"
    return value


def when(row: Values) -> tuple[int, int, int]:
    """Time, seq and idx of a row, as `line_time` takes them."""
    return whole(row["time"]), whole(row["seq"]), whole(row["idx"])


def name_of(named: Named, number: int) -> str:
    """The characteristic's id; its number while nothing has named it."""
    return str(named.get(number, {}).get("name") or number)


def subject(named: Named, number: int) -> Tags:
    """The tags of a characteristic: its id, line and station."""
    known = named.get(number, {})
    return [
        ("characteristic", name_of(named, number)),
        ("line", known.get("line")),
        ("station", known.get("station")),
    ]


def _typed(kind: str, name: str, value: object) -> object:
    if isinstance(value, int) and _SQL[kind, name] != "INTEGER":
        return float(value)
    return value
