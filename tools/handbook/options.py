"""The options of the plant file, read off their models: type, allowed values, default, and the sentence on each."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from rules.spec import RuleSpec

# What a value has to be, by the function that checks it.
CHECKED = {
    "web_address": "address (`http://host:port`)",
    "_at_least_one": "",
    "_choice": "list of rules, or the name of a set",
    "_duration": "time (`30min`, `2h`)",
    "_each_once": "",
    "_encoding": "name of an encoding",
    "_has_default": "",
    "_iso_date": "date (`2026-10-01`)",
    "_level": "text without `/`, `+` and `#`",
    "_metric_kind": "[kind of metric](../metrics.md#the-kinds), `cpk` or `ppk`",
    "_one_line": "",
    "_pattern": "pattern of file names",
    "_rule": "",
    "_separator": "one character",
    "_template": "template",
    "_time_of_day": "time of day (`08:00`)",
    "_url": "`opc.tcp://host:port`",
    "identifier": "name of letters, digits, `.`, `_`, `-`",
    "known_time_zone": "IANA time zone (`Europe/Berlin`)",
    "mqtt_topic": "topic pattern",
    "origin": "address (`https://host:port`)",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One row of a table of options, in Markdown."""

    name: str
    kind: str
    default: str
    sentence: str


def options_of(model: type[BaseModel]) -> Iterator[Option]:
    """All options of a table: `type`, then its own, then those that it shares with others."""
    names = [name for one in model.__mro__ for name in vars(one).get("__annotations__", ())]
    order = ["type", *names]
    for name, field in sorted(model.model_fields.items(), key=lambda item: order.index(item[0])):
        default = "required" if field.is_required() else default_of(field)
        yield Option(field.alias or name, kind_of(field), default, sentences(model).get(name, ""))


@cache
def sentences(model: type[BaseModel]) -> Mapping[str, str]:
    """The sentence under each field, by the field's name; a field that says nothing anew has that of its parent."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        (body,) = (node.body for node in ast.parse(inspect.getsource(one)).body if isinstance(node, ast.ClassDef))
        for field, below in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                found[field.target.id] = str(ast.literal_eval(below.value))
    return found


def tables_in(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The options of a table that are tables, or lists of tables, themselves."""
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield field.alias or name, kind


def kind_of(field: FieldInfo) -> str:
    """What its value may be, in words: `whole number, 1 to 65535`."""
    return _words(field.annotation, field.metadata)


def _words(annotation: Any, metadata: list[Any]) -> str:
    checked = [CHECKED[name] for name in _checks(metadata) if CHECKED[name]]
    if checked:
        return checked[0]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(inner[0], [*inner[1:], *metadata])
    if origin in (Union, UnionType):
        return _words(next(kind for kind in inner if kind is not NoneType), metadata)
    if origin is not None:
        return _words_of_many(origin, inner)
    if issubclass(annotation, BaseModel):
        return "table, see below"
    return {int: "whole number", float: "number", str: "text", date: "date"}[annotation] + _range(metadata)


def _words_of_many(origin: Any, inner: tuple[Any, ...]) -> str:
    if origin is Literal:
        return ", ".join(f"`{toml(value)}`" for value in inner)
    if origin is tuple:
        return f"list: {_words(inner[0], [])}" if inner[-1] is Ellipsis else f"[{', '.join(['number'] * len(inner))}]"
    return f"table: text = {_words(inner[1], [])}"


def _checks(metadata: list[Any]) -> Iterator[str]:
    """The names of the functions that check a value; `or_empty(rule)` is `rule`."""
    for one in metadata:
        if isinstance(one, AfterValidator | BeforeValidator):
            inner = [cell.cell_contents for cell in getattr(one.func, "__closure__", None) or ()]
            yield (inner[0] if inner else one.func).__name__
        elif isinstance(one, FieldInfo):
            yield from _checks(one.metadata)


def _range(metadata: list[Any]) -> str:
    flat = [inner for one in metadata for inner in (one.metadata if isinstance(one, FieldInfo) else [one])]
    bound = {type(one): one for one in flat}
    low = f"{bound[Ge].ge:g}" if Ge in bound else f"above {bound[Gt].gt:g}" if Gt in bound else ""
    high = _plain(bound[Le].le) if Le in bound else ""
    if low and high:
        return f", {low} to {high}"
    if low:
        return f", {low}" if Gt in bound else f", {low} or more"
    return ", not empty" if MinLen in bound else ""


def _plain(number: Any) -> str:
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"


def default_of(field: FieldInfo) -> str:
    """Its default as the plant file would say it; `–` where there is none."""
    default = field.get_default(call_default_factory=True)
    if default is None or (isinstance(default, BaseModel) and not default.model_dump(exclude_defaults=True)):
        return "–"
    return f"`{toml(default)}`"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, RuleSpec):
        return toml(value.name)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    return str(value)
