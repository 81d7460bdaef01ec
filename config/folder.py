"""The options of a connector that takes up files dropped into a folder."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.connector import ConnectorOptions, Template
from config.errors import Problem
from config.options import Number, Text
from config.plan import ConnectorPlan
from config.topics import CONTEXT_FIELDS, NAME, template_names

Q_DAS = (".dfq", ".dfx")
TABLES = (".csv", ".parquet")
FIELDS = ("time", "characteristic", "value", *CONTEXT_FIELDS)
TOPIC = "file/{file}"  # of what comes out of a file


def _pattern(text: str) -> str:
    suffix = PurePath(text).suffix.lower()
    if "/" in text or suffix not in (*Q_DAS, *TABLES):
        raise ValueError(f"expected a pattern such as *.dfq, ending in one of {', '.join((*Q_DAS, *TABLES))}")
    return text


def _separator(text: str) -> str:
    if len(text) != 1 or text in "\r\n\"'":
        raise ValueError('expected one character, such as ";" or "\\t"')
    return text


def _encoding(text: str) -> str:
    try:
        "".encode(text)
    except (LookupError, ValueError):
        raise ValueError("expected the name of an encoding, such as utf-8 or cp1252") from None
    return text


class FolderOptions(ConnectorOptions):
    """`[connectors.…]` with `type = "folder"`: which files of a folder are taken up, and what their columns mean."""

    type: Literal["folder"]
    """The kind of connector."""
    path: Annotated[Text, Field(min_length=1)]
    """The folder that files are dropped into, from the folder of the plant file."""
    pattern: Annotated[str, AfterValidator(_pattern)] = "*.dfq"
    """Which files in it are taken up; it ends in `.dfq`, `.dfx`, `.csv` or `.parquet`."""
    characteristic: Template = ""
    """How an id is made; empty: `{product}/{name}` of Q-DAS files, `{name}` of others."""
    settle_seconds: Annotated[Number, Field(ge=0.1, le=3600)] = 2.0
    """A file is complete when its size and time have not changed for so long."""
    columns: Mapping[str, Text] = Field(default_factory=dict)
    """In which column a field is; of those not named, in the one of its own name."""
    values: Mapping[Text, Text] = Field(default_factory=dict)
    """The column of each name's values, where each has one of its own."""
    separator: Annotated[str, AfterValidator(_separator)] = ","
    """What separates the cells of a CSV file."""
    decimal: Literal[".", ","] = "."
    """The decimal sign of a CSV file."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """The encoding of a CSV file."""
    time_format: Text = ""
    """How times are written, such as `%d.%m.%Y %H:%M:%S`; empty: RFC 3339, or milliseconds since 1970."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """What comes in has the name of its file as its topic."""
        return (TOPIC,)

    @property
    def address(self) -> str:
        """Which files it takes up."""
        return f"{self.path}/{self.pattern}"

    @property
    def template(self) -> str:
        """How an id is made."""
        usual = "{product}/{name}" if PurePath(self.pattern).suffix.lower() in Q_DAS else "{name}"
        return self.characteristic or usual

    @property
    def place_template(self) -> str:
        """Where inspections happen: what is said, for a file knows of no place."""
        return self.place

    def problems(self, path: str) -> Iterator[Problem]:
        """Columns for what there is no field, a characteristic given twice, options that a kind of file has not."""
        yield from super().problems(path)
        for field in self.columns:
            if field not in FIELDS:
                yield Problem(f"{path}.columns", f"expected fields of {', '.join(FIELDS)} (got {field!r})")
        for field in ("characteristic", "value"):
            if self.values and field in self.columns:
                yield Problem(
                    f"{path}.columns", f"{field} and values exclude each other: one column a name, or one row"
                )
        if self.dedupe != "id":
            yield Problem(f"{path}.dedupe", f"expected 'id': a file is read again after a crash (got {self.dedupe!r})")
        if self.decimal == self.separator:
            yield Problem(f"{path}.decimal", f"expected another sign than the separator's (got {self.decimal!r})")
        suffix = PurePath(self.pattern).suffix.lower()
        tables, texts = ("columns", "values", "time_format"), ("separator", "decimal", "encoding")
        for option in (*(tables if suffix in Q_DAS else ()), *(texts if suffix != ".csv" else ())):
            if getattr(self, option) != type(self).model_fields[option].get_default(call_default_factory=True):
                yield Problem(f"{path}.{option}", f"is not used with {suffix} files (pattern {self.pattern!r})")

    def template_problems(self, path: str) -> Iterator[Problem]:
        """Names in the templates that no file gives."""
        for option, template, known in (
            ("characteristic", self.template, {NAME, *CONTEXT_FIELDS}),
            ("place", self.place, set(CONTEXT_FIELDS)),
        ):
            for name in template_names(template):
                if name not in known:
                    expected = f"expected names of {', '.join(sorted(known))}"
                    yield Problem(f"{path}.{option}", f"{expected} (got {template!r})")
        if NAME not in template_names(self.template):
            yield Problem(f"{path}.characteristic", f"expected {{name}} in it (got {self.template!r})")

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload="json",
            topics=(TOPIC,),
            characteristic=self.template,
            time_zone=self.time_zone or plant_time_zone,
            dedupe=self.dedupe,
            place=self.place_template,
        )
