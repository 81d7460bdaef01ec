"""Tags: what the single values of an OPC UA server or a Sparkplug edge node mean.

A tag is a name with a value, a quality and a time. What belongs together in a native message (a part's number, its
measurements) comes as tags of their own here, so the plant file says what each is.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, get_args

from pydantic import Field

from config.connector import Template
from config.errors import Problem
from config.options import Options, Text, Whole
from config.tag_plan import (
    COUNT_FIELDS,
    DEFECT,
    INSPECTION_FIELDS,
    LARGEST_WRAP,
    Counting,
    Meaning,
    TagKind,
    TagPlan,
)
from config.topics import CONTEXT_FIELDS, NAME, template_names
from rules.events import State


class TagOptions(Options):
    """One of `tags = [{ tag = …, … }]` of a connector.

    `field`: of `context` the field it fills; of `count` total or good; of `inspection` inspected, rejected, reworked,
    scrapped, missed, or `defects.` and a name. `states` and `reasons` give words to values. A `running` counter counts
    up, and from 0 again behind `wraps_at` (0: never); of `each` every value is a number of its own.
    """

    tag: Annotated[Text, Field(min_length=1)]
    """The name as it is sent: a node id or path of OPC UA, a metric's name of Sparkplug B."""
    kind: TagKind = "measurement"
    """What the value is."""
    name: Template = ""
    """Of a measurement the id of its characteristic, or a template of it; empty: the connector's template."""
    place: Template = ""
    """Where it belongs, or a template of it; empty: the connector's `place`."""
    field: Text = ""
    """Of `context` the field it fills; of `count` and `inspection` what is counted; `defects.` and a name too."""
    states: dict[str, State] = Field(default_factory=dict)
    """Which value means which machine state."""
    reasons: dict[str, Text] = Field(default_factory=dict)
    """Which value means which reason."""
    counting: Counting = "running"
    """Whether a counter runs on for ever, or every value is a number of its own."""
    wraps_at: Annotated[Whole, Field(ge=0, le=LARGEST_WRAP)] = 0
    """The value behind a running counter's highest, such as 65536; 0: it never begins anew."""

    def problems(self, path: str) -> Iterator[Problem]:
        """Options that do not go with the kind, and a field that it has not."""
        usual = TagOptions(tag=self.tag)
        allowed = _ALLOWED[self.kind]
        for option in _OPTIONS:
            if option not in allowed and getattr(self, option) != getattr(usual, option):
                expected = f'is not used with kind = "{self.kind}"'
                yield Problem(f"{path}.{option}", f"{expected} (got {getattr(self, option)!r})")
        fields = _FIELDS.get(self.kind)
        if fields is not None and self.field not in fields and not self._names_defect:
            more = f" or {DEFECT}<name>" if self.kind == "inspection" else ""
            yield Problem(f"{path}.field", f"expected one of {', '.join(fields)}{more} (got {self.field!r})")
        if self.kind == "state" and not self.states:
            words = ", ".join(get_args(State))
            yield Problem(f"{path}.states", f'is required: {{ "1" = "running", … }}, each one of {words}')

    @property
    def _names_defect(self) -> bool:
        return self.kind == "inspection" and self.field.startswith(DEFECT) and len(self.field) > len(DEFECT)

    def plan(self) -> TagPlan:
        """What decides results: all of it."""
        meanings = self.states if self.kind == "state" else self.reasons
        return TagPlan(
            tag=self.tag,
            kind=self.kind,
            name=self.name,
            place=self.place,
            field=self.field,
            meanings=tuple(Meaning(value, word) for value, word in sorted(meanings.items())),
            counting=self.counting,
            wraps_at=self.wraps_at,
        )


_OPTIONS = ("name", "place", "field", "states", "reasons", "counting", "wraps_at")
_ALLOWED: dict[TagKind, Collection[str]] = {
    "measurement": ("name", "place"),
    "context": ("place", "field"),
    "state": ("place", "states"),
    "reason": ("place", "reasons"),
    "count": ("place", "field", "counting", "wraps_at"),
    "inspection": ("place", "field", "counting", "wraps_at"),
    "ignore": (),
}
_FIELDS: dict[TagKind, Collection[str]] = {
    "context": CONTEXT_FIELDS,
    "count": COUNT_FIELDS,
    "inspection": INSPECTION_FIELDS,
}


def tag_problems(tags: tuple[TagOptions, ...], path: str, parts: Collection[str]) -> Iterator[Problem]:
    """All that is wrong with a connector's tags; `parts` are the names that its templates know beside {name}.

    A tag twice; good without total, or rejected without inspected, at a place.
    """
    first: dict[str, int] = {}
    for number, one in enumerate(tags):
        where = f"{path}.tags[{number}]"
        yield from one.problems(where)
        if first.setdefault(one.tag, number) != number:
            yield Problem(f"{where}.tag", f"is that of tags[{first[one.tag]}] too (got {one.tag!r})")
        for option, known in (("name", {NAME, *parts}), ("place", set(parts))):
            for unknown in [name for name in template_names(getattr(one, option)) if name not in known]:
                expected = f"{{{unknown}}} is none of {', '.join(sorted(known)) or 'no names at all'}"
                yield Problem(f"{where}.{option}", f"{expected} (got {getattr(one, option)!r})")
        for kind, whole in (("count", "total"), ("inspection", "inspected")):
            if one.kind == kind and not any(
                other.kind == kind and other.field == whole and other.place == one.place for other in tags
            ):
                yield Problem(f"{where}.field", f'expected a tag with field = "{whole}" of the same place beside it')
