"""Loading the plant file: TOML and CSV in, a checked `PlantFile` out, or every problem at once."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from config.characteristic import CharacteristicOptions, merged
from config.connector import ConnectorOptions
from config.connectors import BY_PAYLOAD, CONNECTOR_TYPES
from config.cross_checks import client_id_problems, key_result_problems, objective_problems
from config.errors import PlantFileError, Problem
from config.gauges import GaugeOptions, gauge_problems
from config.goals import KeyResultOptions, ObjectiveOptions
from config.machines import ComplaintOptions, MachineOptions
from config.metric import MetricOptions
from config.models import (
    ClockOptions,
    InfluxOptions,
    OkrOptions,
    PlantFile,
    PlantOptions,
    StorageOptions,
)
from config.options import Options, characteristic_id, identifier
from config.problems import got, key_path, problems_of, suggestion
from config.table import Row, read_table
from config.web import WebOptions
from rules.spec import ATTRIBUTE_CHARTS

Model = TypeVar("Model", bound=Options)
Check = Callable[[str, dict[str, Any], str], Model | None]  # (name, options, path)
Raw = dict[str, Any]  # what tomllib gives: not yet known to be anything

TABLES = (
    *("plant", "clock", "connectors", "defaults", "characteristics", "characteristics_file"),
    *("gauges", "machines", "complaints", "metrics", "objectives", "key_results", "influxdb", "okr", "web", "storage"),
)


def load(path: str | Path) -> PlantFile:
    """The checked plant file. Raises `PlantFileError` with all problems, in the order of the file."""
    path = Path(path)
    return _Loading(path, _read(path)).plant_file()


def _read(path: Path) -> Raw:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise PlantFileError([Problem(str(path), f"expected a readable plant file: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise PlantFileError(
            [Problem(str(path), f"expected UTF-8 text: {error.reason} at byte {error.start}")]
        ) from error
    except RecursionError as error:
        raise PlantFileError([Problem(str(path), "expected TOML: it is nested too deeply")]) from error
    except ValueError as error:  # TOMLDecodeError, which names the line; a number of thousands of digits
        raise PlantFileError([Problem(str(path), f"expected TOML: {error}")]) from error


class _Loading:
    """One loading: each table is checked by itself, so that a fault in one hides none in another."""

    def __init__(self, path: Path, raw: Raw) -> None:
        self.path = path
        self.raw = raw
        self.problems: list[Problem] = []

    def plant_file(self) -> PlantFile:
        """All tables in turn, then what holds between them; raises when any problem was met."""
        for key in (key for key in self.raw if key not in TABLES):
            self.problems.append(Problem(key_path(key), f"unknown table{suggestion(key, TABLES)}"))
        plant = self._one("plant", PlantOptions, None)
        if "plant" not in self.raw:
            self.problems.append(Problem("plant", "is required: a table with the plant's id"))
        connectors = self._many("connectors", self._connector)
        clock = self._one("clock", ClockOptions, {})
        characteristics, names = self._characteristics(15 if plant is None else plant.grace_minutes)
        machines = self._many("machines", self._machine)
        complaints = self._one("complaints", ComplaintOptions, {})
        gauges = self._many("gauges", lambda _, raw, path: self._check(GaugeOptions, raw, path))
        metrics = self._many("metrics", self._checked(MetricOptions))
        objectives = self._many("objectives", self._checked(ObjectiveOptions))
        key_results = self._many("key_results", self._checked(KeyResultOptions))
        influxdb = self._one("influxdb", InfluxOptions, None)
        okr = self._one("okr", OkrOptions, None)
        web = self._one("web", WebOptions, {})
        storage = self._one("storage", StorageOptions, {})

        for name, connector in connectors.items():
            self.problems += connector.problems(key_path("connectors", name))
        self.problems += client_id_problems(connectors)
        if clock is not None:
            self.problems += clock.problems("clock", connectors, sorted(self._table("connectors")))
        shifts = {shift.name for shift in plant.shifts} if plant is not None else set()
        for name, machine in machines.items():
            self.problems += machine.problems(key_path("machines", name), shifts) if plant is not None else ()
        self.problems += gauge_problems(gauges, sorted(self._table("gauges")), characteristics)
        unfit = {
            name: f"has a {one.chart} chart" if one.chart in ATTRIBUTE_CHARTS else "has neither"
            for name, one in characteristics.items()
            if one.chart in ATTRIBUTE_CHARTS or (one.lsl is None and one.usl is None)
        }
        for name, metric in metrics.items():
            self.problems += metric.problems(key_path("metrics", name), names, unfit)
        self.problems += objective_problems(objectives, self._table("objectives"))
        self.problems += key_result_problems(key_results, metrics, self._table("objectives"), self._table("metrics"))
        for table, options in (("plant", plant), ("influxdb", influxdb), ("okr", okr), ("web", web)):
            self.problems += options.problems(table) if options is not None else ()
        if plant is not None and storage is not None:
            self.problems += storage.problems("storage", plant.restate_days)

        if self.problems or plant is None or clock is None or complaints is None or web is None or storage is None:
            raise PlantFileError(self.problems)
        return PlantFile(
            path=self.path,
            plant=plant,
            clock=clock,
            connectors=connectors,
            characteristics=characteristics,
            machines=machines,
            complaints=complaints,
            gauges=gauges,
            metrics=metrics,
            objectives=objectives,
            key_results=key_results,
            influxdb=influxdb,
            okr=okr,
            web=web,
            storage=storage,
        )

    def _check(self, model: type[Model], raw: Raw, path: str) -> Model | None:
        """The checked table, or None and its problems."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.problems += problems_of(error, path, model)
            return None

    def _checked(self, model: type[Model]) -> Check[Model]:
        """How one entry of `[metrics]` and the like is checked: its name, then its options."""

        def check(name: str, raw: Raw, path: str) -> Model | None:
            self._named(identifier, name, path)
            return self._check(model, raw, path)

        return check

    def _named(self, rule: Callable[[str], str], name: str, path: str) -> None:
        try:
            rule(name)
        except ValueError as error:
            self.problems.append(Problem(path, f"{error}{got(name)}"))

    def _table(self, name: str) -> Raw:
        found = self.raw.get(name, {})
        return found if isinstance(found, dict) else {}

    def _one(self, name: str, model: type[Model], absent: Raw | None) -> Model | None:
        found = self.raw.get(name, absent)
        if found is None:
            return None
        if not isinstance(found, dict):
            self.problems.append(Problem(name, f"expected a table{got(found)}"))
            return None
        return self._check(model, found, name)

    def _many(self, table: str, check: Check[Model]) -> dict[str, Model]:
        """A table of tables: those entries that are sound, by name."""
        found = self.raw.get(table, {})
        if not isinstance(found, dict):
            self.problems.append(Problem(table, f"expected tables such as [{table}.name]{got(found)}"))
        sound = {}
        for name, raw in self._table(table).items():
            path = key_path(table, name)
            if not isinstance(raw, dict):
                self.problems.append(Problem(path, f"expected a table{got(raw)}"))
            elif (options := check(name, raw, path)) is not None:
                sound[name] = options
        return sound

    def _connector(self, name: str, raw: Raw, path: str) -> ConnectorOptions | None:
        self._named(identifier, name, path)
        kinds = ", ".join(CONNECTOR_TYPES)
        kind = raw.get("type")
        if "type" not in raw:
            self.problems.append(Problem(f"{path}.type", f"is required: one of {kinds}"))
        elif not isinstance(kind, str) or kind not in CONNECTOR_TYPES:
            self.problems.append(Problem(f"{path}.type", f"expected one of {kinds}{got(kind)}"))
        else:
            payload = raw.get("payload")
            by_payload = BY_PAYLOAD.get((kind, payload)) if isinstance(payload, str) else None
            return self._check(by_payload or CONNECTOR_TYPES[kind], raw, path)
        return None

    def _machine(self, name: str, raw: Raw, path: str) -> MachineOptions | None:
        self._named(characteristic_id, name, path)  # a place is written as a characteristic's id is
        return self._check(MachineOptions, raw, path)

    def _characteristics(self, grace_minutes: int) -> tuple[dict[str, CharacteristicOptions], set[str]]:
        """The sound characteristics with the defaults merged in, and the ids of all."""
        defaults = self._defaults()
        names: set[str] = set()

        def check(name: str, raw: Raw, path: str) -> CharacteristicOptions | None:
            self._named(characteristic_id, name, path)
            if name in names:
                self.problems.append(Problem(path, f"characteristic {name!r} is there twice"))
            names.add(name)
            options = self._check(CharacteristicOptions, merged(defaults, raw), path)
            if options is not None:
                self.problems += options.problems(path, grace_minutes=grace_minutes)
            return options

        sound = self._many("characteristics", check)
        for row in self._rows():
            if (options := check(row.id, row.options, row.path)) is not None:
                sound[row.id] = options
        return sound, names

    def _defaults(self) -> Raw:
        """The defaults, less what is wrong with them: it is said once, not again for every characteristic."""
        defaults = self._table("defaults")
        if not isinstance(self.raw.get("defaults", {}), dict):
            self.problems.append(Problem("defaults", f"expected a table{got(self.raw['defaults'])}"))
        try:
            CharacteristicOptions.model_validate(defaults)
            return defaults
        except ValidationError as error:
            self.problems += problems_of(error, "defaults", CharacteristicOptions)
            wrong = {detail["loc"][0] for detail in error.errors()}
            return {key: value for key, value in defaults.items() if key not in wrong}

    def _rows(self) -> list[Row]:
        name = self.raw.get("characteristics_file")
        if name is None:
            return []
        if not isinstance(name, str) or not name or "\0" in name:
            self.problems.append(Problem("characteristics_file", f"expected the name of a CSV file{got(name)}"))
            return []
        rows, problems = read_table(self.path.parent / name)
        self.problems += problems
        return rows
