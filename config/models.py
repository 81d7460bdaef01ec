"""The plant file's tables about the plant and its surroundings, and the whole file as `PlantFile`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.characteristic import CharacteristicOptions
from config.connector import ConnectorOptions, LoginOptions
from config.errors import Problem
from config.gauges import GaugeOptions
from config.goals import KeyResultOptions, ObjectiveOptions
from config.machines import ComplaintOptions, MachineOptions
from config.metric import MetricOptions
from config.mqtt import BrokerOptions, MqttOptions, mqtt_topic
from config.options import (
    Day,
    Identifier,
    Number,
    Options,
    Text,
    TimeOfDay,
    TimeZone,
    Whole,
    minutes_of,
    or_empty,
    web_address,
)
from config.plan import Plan
from config.secret import read_secret, secret_problems
from config.topics import TopicPattern
from config.web import WebOptions
from rules.spec import CalendarSpec

WeekDay = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK_DAYS: tuple[WeekDay, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LIVE_STEP_SECONDS = 1
SIMULATED_STEP_SECONDS = 60


Address = Annotated[str, AfterValidator(web_address)]


class ShiftOptions(Options):
    """One of `[plant] shifts`: it is on from `starts_at` until the next one starts."""

    name: Annotated[Text, Field(min_length=1, max_length=50)]
    """What it is called; points, readings and signals bear the name of the shift that was on."""
    starts_at: TimeOfDay
    """The local time at which it begins; it lasts until the next one starts."""


class PlantOptions(Options):
    """`[plant]`: who it is and how its days run."""

    id: Identifier
    """The plant's name in client ids and backups; it stays as it is for the plant's life."""
    timezone: TimeZone = "UTC"
    """The IANA time zone of the production days, of shifts and of times that come without an offset."""
    day_starts_at: TimeOfDay = "00:00"
    """The local time at which a production day begins; it runs to the same time of the next day."""
    working_days: tuple[WeekDay, ...] = WEEK_DAYS
    """The days of the week on which the plant works; other days count only where data came."""
    holidays: tuple[Day, ...] = ()
    """Days on which it does not work though their day of the week would."""
    extra_working_days: tuple[Day, ...] = ()
    """Days on which it works though their day of the week or a holiday would not."""
    grace_minutes: Annotated[Whole, Field(ge=0, le=720)] = 15
    """How many minutes after its end a production day closes, for readings that are on their way."""
    restate_days: Annotated[Whole, Field(ge=0, le=60)] = 7
    """How many days back late data and corrections still restate a closed day; older ones are refused."""
    shifts: tuple[ShiftOptions, ...] = ()
    """The shifts of a day; without any, nothing bears the name of a shift."""

    def problems(self, path: str) -> Iterator[Problem]:
        """Shifts of one name, or that start at one time."""
        for option in ("name", "starts_at"):
            values = [getattr(shift, option) for shift in self.shifts]
            for place, value in enumerate(values):
                first = values.index(value)
                if first < place:
                    yield Problem(f"{path}.shifts[{place}].{option}", f"is that of shifts[{first}] too (got {value!r})")

    def calendar(self) -> CalendarSpec:
        """The production calendar as the core knows it."""
        shifts = sorted((minutes_of(shift.starts_at), shift.name) for shift in self.shifts)
        return CalendarSpec(
            timezone=self.timezone,
            day_starts_at=minutes_of(self.day_starts_at),
            working_days=frozenset(WEEK_DAYS.index(day) for day in self.working_days),
            holidays=frozenset(day.toordinal() for day in self.holidays),
            extra_working_days=frozenset(day.toordinal() for day in self.extra_working_days),
            grace_minutes=self.grace_minutes,
            shift_names=tuple(name for _, name in shifts),
            shift_starts=tuple(start for start, _ in shifts),
        )


class ClockOptions(Options):
    """`[clock]`: the wall clock, or for a simulated plant the times that come on a topic."""

    source: Literal["wall", "topic"] = "wall"
    """Whose time it is: the wall clock's, or that of a simulated plant, which publishes it on a topic."""
    topic: Annotated[str, AfterValidator(or_empty(mqtt_topic))] = ""
    """The topic on which the time comes; with the wall clock none."""
    connector: Text = ""
    """The connector on which that topic comes; empty: the only one there is."""

    def problems(self, path: str, connectors: Mapping[str, ConnectorOptions], names: list[str]) -> Iterator[Problem]:
        """A topic that is missing, a pattern or also a connector's; `names` are all connectors, sound or not."""
        if self.source == "wall":
            for option in ("topic", "connector"):
                if getattr(self, option):
                    yield Problem(
                        f"{path}.{option}", f'is used by source = "topic" only (got {getattr(self, option)!r})'
                    )
            return
        if not self.topic:
            yield Problem(f"{path}.topic", 'is required with source = "topic"')
        elif set(self.topic) & set("{}+#"):
            yield Problem(f"{path}.topic", f"expected one topic without parts and wildcards (got {self.topic!r})")
        if self.connector not in names and (self.connector or len(names) != 1):
            expected = f"expected one of the connectors {', '.join(names) or '(there is none)'}"
            yield Problem(f"{path}.connector", f"{expected} (got {self.connector!r})")
        chosen = connectors.get(self.connector or next(iter(names), ""))
        if chosen is not None and not isinstance(chosen, MqttOptions):
            yield Problem(f"{path}.connector", f"expected a connector to an MQTT broker (got one to {chosen.type})")
        for name, connector in connectors.items():
            if self.topic and any(TopicPattern(topic).match(self.topic) is not None for topic in connector.patterns):
                yield Problem(f"{path}.topic", f"is also a topic of connector {name} (got {self.topic!r})")


class InfluxOptions(Options):
    """`[influxdb]`: where the results are written for boards that read InfluxDB."""

    url: Address = "http://127.0.0.1:8086"
    """Where InfluxDB 1.8 or later listens."""
    bucket: Annotated[Text, Field(min_length=1)] = "plumbline"
    """The bucket, or of InfluxDB 1.8 the database, that results are written into."""
    org: Text = "plant"
    """The organisation that the bucket belongs to; InfluxDB 1.8 has none."""
    token_env: Text = ""
    """The environment variable that holds the token."""
    token_file: Text = ""
    """The file that holds the token, from the folder of the plant file."""

    def problems(self, path: str) -> Iterator[Problem]:
        """A token given twice."""
        yield from secret_problems(path, "token", self.token_env, self.token_file)


class OkrOptions(Options):
    """`[okr]`: an OKR system that receives what the built-in store receives."""

    url: Address
    """Where the other OKR system takes updates and alerts, as the built-in store does."""
    token_env: Text = ""
    """The environment variable that holds the token."""
    token_file: Text = ""
    """The file that holds the token, from the folder of the plant file."""

    def problems(self, path: str) -> Iterator[Problem]:
        """A token given twice."""
        yield from secret_problems(path, "token", self.token_env, self.token_file)


class StorageOptions(Options):
    """`[storage]`: the folder of journal and databases, from the folder in which the program is started.

    A journal segment ends after `journal_segment_hours` of ticks or `journal_segment_mb`; it is deleted when a stored
    checkpoint covers it and it is older than `journal_keep_days` or the journal larger than `journal_keep_gb`.
    `keep_days` and `keep_gb` say how long and how much the history keeps of readings, points, signals and rolling
    capability before they go into the archive.
    """

    directory: Annotated[Text, Field(min_length=1)] = "data"
    """The folder of journal and databases, on a local disk, from the folder in which the program is started."""
    keep_days: Annotated[Whole, Field(ge=1, le=36_500)] = 120
    """How many production days readings, points, signals and rolling capability stay in the history."""
    keep_gb: Annotated[Number, Field(ge=0.1)] = 50.0
    """How many gigabytes the history takes at most; the oldest of the same goes into the archive before."""
    journal_keep_days: Annotated[Whole, Field(ge=0, le=36_500)] = 30
    """After how many days a journal file that a stored checkpoint covers is deleted."""
    journal_keep_gb: Annotated[Number, Field(ge=0.0)] = 50.0
    """Beyond how many gigabytes the oldest journal files that a checkpoint covers are deleted sooner."""
    journal_segment_hours: Annotated[Whole, Field(ge=1, le=240)] = 24
    """After how many hours of the plant's clock a journal file ends, with a checkpoint."""
    journal_segment_mb: Annotated[Whole, Field(ge=1, le=100_000)] = 1024
    """At how many MiB a journal file ends sooner."""

    def problems(self, path: str, restate_days: int) -> Iterator[Problem]:
        """A journal in which a correction could not look up the days that may be restated."""
        if self.journal_keep_days < restate_days + 2:
            expected = f"expected at least {restate_days + 2}: 2 more than plant.restate_days, for corrections"
            yield Problem(f"{path}.journal_keep_days", f"{expected} (got {self.journal_keep_days})")


@dataclass(frozen=True)
class PlantFile:
    """A checked plant file. Whatever decides a result is in `plan()`; the rest is for the shell."""

    path: Path
    plant: PlantOptions
    clock: ClockOptions
    connectors: dict[str, ConnectorOptions]
    characteristics: dict[str, CharacteristicOptions]  # defaults merged in
    machines: dict[str, MachineOptions]  # by place
    complaints: ComplaintOptions
    gauges: dict[str, GaugeOptions]
    metrics: dict[str, MetricOptions]
    objectives: dict[str, ObjectiveOptions]
    key_results: dict[str, KeyResultOptions]
    influxdb: InfluxOptions | None
    okr: OkrOptions | None
    web: WebOptions
    storage: StorageOptions

    def plan(self, clock_step_seconds: int | None = None) -> Plan:
        """The plan; the step of the clock is 1 s by the wall, 60 s simulated, unless given (replay)."""
        usual = LIVE_STEP_SECONDS if self.clock.source == "wall" else SIMULATED_STEP_SECONDS
        ids = self.characteristics.keys()
        return Plan(
            plant_id=self.plant.id,
            calendar=self.plant.calendar(),
            connectors=tuple(c.plan(name, self.plant.timezone) for name, c in sorted(self.connectors.items())),
            characteristics=tuple(c.spec(name) for name, c in sorted(self.characteristics.items())),
            gauges=tuple(g.spec(name) for name, g in sorted(self.gauges.items())),
            metrics=tuple(m.spec(name, ids) for name, m in sorted(self.metrics.items())),
            objectives=tuple(o.spec(name) for name, o in sorted(self.objectives.items())),
            key_results=tuple(k.spec(name) for name, k in sorted(self.key_results.items())),
            machines=tuple(m.spec(name) for name, m in sorted(self.machines.items())),
            complaints=self.complaints.spec(),
            restate_days=self.plant.restate_days,
            clock_step_seconds=usual if clock_step_seconds is None else clock_step_seconds,
        )

    @property
    def clock_connector(self) -> str:
        """The connector on which the clock's topic comes; empty by the wall."""
        return "" if self.clock.source == "wall" else self.clock.connector or next(iter(self.connectors))

    @property
    def clock_broker(self) -> MqttOptions:
        """The options of that connector, with a clock on a topic."""
        options = self.connectors[self.clock_connector]
        assert isinstance(options, MqttOptions), "checked by ClockOptions.problems"
        return options

    def file(self, name: str) -> Path:
        """A file that the plant file names, from the folder of the plant file."""
        return self.path.parent / name

    def client_id(self, connector: str) -> str:
        """The client id of a connector: fixed, or the other side forgets its session."""
        options = self.connectors[connector]
        own = options.client_id if isinstance(options, BrokerOptions) else ""
        return own or f"plumbline-{self.plant.id}-{connector}"

    def password(self, connector: str, environ: Mapping[str, str]) -> SecretStr | None:
        """A connector's password, None without one; `PlantFileError` when it cannot be read."""
        options = self.connectors[connector]
        if not isinstance(options, LoginOptions):
            return None
        path = f"connectors.{connector}.password"
        return read_secret(path, options.password_env, self._secret_file(options.password_file), environ)

    def token(self, table: Literal["influxdb", "okr"], environ: Mapping[str, str]) -> SecretStr | None:
        """The token of `[influxdb]` or `[okr]`, None without one; `PlantFileError` when it cannot be read."""
        options = self.influxdb if table == "influxdb" else self.okr
        if options is None:
            return None
        return read_secret(f"{table}.token", options.token_env, self._secret_file(options.token_file), environ)

    def _secret_file(self, name: str) -> Path | None:
        return self.file(name) if name else None
