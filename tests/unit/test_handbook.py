"""The pages that are written from the program: every option, with its default and a sentence, and sound examples."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from board.pages import PAGES
from board.words import SENTENCES
from config.connectors import BY_PAYLOAD, CONNECTOR_TYPES
from config.load import TABLES as TABLES_OF_THE_FILE
from config.load import load
from rules.results import KINDS, Kind
from tests import doc_commands
from tools.handbook import http_api, plant_file, plant_tables, stored
from tools.handbook.commands import commands, commands_page
from tools.handbook.options import options_of, sentences, tables_in

PAGE = plant_file.plant_file_page()


def models() -> Iterator[type[BaseModel]]:
    """Every model of the plant file, and those inside."""
    waiting: list[type[BaseModel]] = [table.model for table in plant_tables.TABLES]
    waiting += [*CONNECTOR_TYPES.values(), *BY_PAYLOAD.values()]
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            yield model
            waiting += [inner for _, inner in tables_in(model)]


MODELS = sorted(models(), key=lambda model: model.__name__)


def test_the_models_are_all_that_there_are() -> None:
    assert len(MODELS) >= 24
    assert sum(len(model.model_fields) for model in MODELS) >= 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_option_has_a_sentence_under_its_field(model: type[BaseModel]) -> None:
    said = sentences(model)
    lacking = [name for name in model.model_fields if not re.fullmatch(r"[^a-z].*\.", said.get(name, ""))]
    assert lacking == [], f'write """A sentence.""" under these fields of {model.__module__}.{model.__name__}'


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_option_is_on_the_page_with_its_value_default_and_sentence(model: type[BaseModel]) -> None:
    for option in options_of(model):
        cells = [cell.replace("|", "\\|") for cell in (option.kind, option.default, option.sentence)]
        assert all(cells)
        assert f">`{option.name}`</span> | {' | '.join(cells)} |" in PAGE


def test_every_table_and_every_kind_of_connector_is_on_the_page() -> None:
    headed = {table.key for table in plant_tables.TABLES} | {"connectors", "characteristics_file"}
    assert headed == set(TABLES_OF_THE_FILE)
    assert set(plant_tables.CONNECTOR_EXAMPLES) == {*CONNECTOR_TYPES, *BY_PAYLOAD}
    for name in ("connectors", *(table.key for table in plant_tables.TABLES)):
        assert f"[{name}" in PAGE


def test_the_examples_of_the_page_are_a_sound_plant_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(plant_file.examples(), "utf-8")
    loaded = load(path)
    assert len(loaded.connectors) == len(plant_tables.CONNECTOR_EXAMPLES)
    assert loaded.influxdb is not None
    assert loaded.okr is not None
    for line in filter(None, plant_file.examples().split("\n")):
        assert line in PAGE


def test_the_file_of_characteristics_on_the_page_is_sound(tmp_path: Path) -> None:
    (table,) = re.findall(r"```csv\n(.*?)```", PAGE, re.S)
    (tmp_path / "characteristics.csv").write_text(table, "utf-8")
    path = tmp_path / "plant.toml"
    path.write_text('characteristics_file = "characteristics.csv"\n[plant]\nid = "p"\n', "utf-8")
    (only,) = load(path).characteristics.values()
    assert (only.chart, only.subgroup_size, len(only.rules)) == ("xbar-r", 5, 2)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("plant-grace_minutes", "whole number, 0 to 720 | `15`"),
        ("plant-holidays", "list: date (`2026-10-01`) | `[]`"),
        ("characteristics-lsl", "number | –"),
        ("characteristics-resolution", "number, above 0 | –"),
        ("characteristics-plausible", "[number, number] | `[-inf, inf]`"),
        ("characteristics-rules", 'list of rules, or the name of a set | `["beyond-3-sigma", "9-on-one-side"]`'),
        ("characteristics-limits-from", '`"baseline"` | –'),
        ("machines-ideal_cycle_seconds", "number, above 0 to 1,000,000 | –"),
        ("mqtt-topics", "list: topic pattern | required"),
        ("mqtt-mqtt_version", '`"5"`, `"3.1.1"` | `"5"`'),
        ("opcua-tags-states", 'table: text = `"running"`, `"idle"`, `"down"`, `"setup"` | `{}`'),
    ],
)
def test_what_an_option_may_be_is_said_as_a_person_would(row: str, says: str) -> None:
    (line,) = [line for line in PAGE.split("\n") if f'id="{row}"' in line]
    assert says in line


COMMANDS = commands_page()
API = http_api.description()
API_PAGE = http_api.http_api_page()


@pytest.mark.parametrize("name", commands())
def test_every_command_is_on_the_page_with_its_options_and_an_example(name: str) -> None:
    (section,) = re.findall(rf"^## `{name}`.*?(?=^## |\Z)", COMMANDS, re.M | re.S)
    command = commands()[name]
    assert " ".join(command.help.split()) in section.replace("\\|", "|")
    assert f"Example: `plumbline {name}" in section
    for one in command.params:
        assert one.name == "help" or f"| `{one.metavar or one.opts[0]}" in section or f"| `{one.opts[0]}" in section
        assert one.help, f"{name} {one.opts[0]} has no help"


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in http_api.endpoints(API)])
def test_every_endpoint_is_on_the_page_with_a_sentence_and_its_parameters(method: str, path: str) -> None:
    (section,) = re.findall(rf"^## `{method} {re.escape(path)}` .*?(?=^## |\Z)", API_PAGE, re.M | re.S)
    operation = API["paths"][path][method.lower()]
    assert http_api.says(operation) in section
    assert re.fullmatch(r"\S+ .*\S+\.", http_api.says(operation)), f"{method} {path}: a sentence says what it answers"
    for one in operation.get("parameters", []):
        assert f"| `{one['name']}` | {one['in']} |" in section


def test_the_fields_of_a_body_are_on_the_page() -> None:
    (section,) = re.findall(r"^## `POST /api/v1/alerts/\{name\}/events` .*?(?=^## |\Z)", API_PAGE, re.M | re.S)
    assert re.search(r"^\| `who` \| .* \|$", section, re.M)


@pytest.mark.parametrize(("page", "text"), sorted(set(doc_commands.inline())))
def test_a_command_in_a_sentence_is_one_with_options_that_it_has(page: str, text: str) -> None:
    """`plumbline run FILE`; `plumbline demo | run | …` names several."""
    for one in text.split(" | "):
        name, *rest = one.split()
        if name == "…":
            continue
        assert name in {*(known.split()[0] for known in commands()), "COMMAND"}, page
        name = f"{name} {rest[0]}" if rest and f"{name} {rest[0]}" in commands() else name
        options = (
            {opt for parameter in commands()[name].params for opt in parameter.opts} if name in commands() else set()
        )
        assert {word for word in rest if word.startswith("--")} <= {*options, "--help"}, page


UNITS = [text for page in doc_commands.PAGES for language, text in doc_commands.blocks(page) if language == "ini"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_of_systemd_starts_a_command_that_there_is(unit: str) -> None:
    (started,) = re.findall(r"^ExecStart=/\S*/plumbline (.*)$", unit, re.M)
    name, *rest = started.split()
    options = {opt for parameter in commands()[name].params for opt in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options
    assert re.findall(r"^\[(\w+)\]$", unit, re.M) == ["Unit", "Service", "Install"]
    assert all(re.fullmatch(r"[A-Z]\w+=.+|\[\w+\]|", line) for line in unit.splitlines())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("docker compose up -d", []),
        ("docker compose -f docker-compose.yml -f more.yml logs engine", []),
        ("docker compose exec grafana ls", []),
        ("docker compose logs motor", ["motor is none of the services engine, grafana"]),
        ("docker compose -f lost.yml up", ["lost.yml is not there"]),
        ("docker compose fly", ["expected docker compose and one of "]),
    ],
)
def test_a_command_to_a_container_engine_is_held_against_the_files(text: str, says: list[str], tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("services: {grafana: {image: b}}")
    (tmp_path / "docker-compose.yml").write_text("services: {engine: {image: a}, grafana: {image: b}}")
    found = doc_commands.compose_problems(text, tmp_path)
    assert [one[: len(expected)] for one, expected in zip(found, says, strict=True)] == says


STORED = stored.stored_page()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_result_is_told_with_its_columns(kind: Kind) -> None:
    (section,) = re.findall(rf"^### `{kind.name}` .*?(?=^##|\Z)", STORED, re.M | re.S)
    told = list(re.findall(r"`(\w+)` (?:integer|real|text|bytes)", section))
    assert told == [column.name for column in kind.columns]
    assert set(stored.ROWS) == {one.name for one in KINDS}


@pytest.mark.parametrize("word", SENTENCES)
def test_every_word_of_the_boards_is_in_the_documentation(word: str) -> None:
    """Verdicts, statuses, reasons: what a board shows can be looked up."""
    told = (path.read_text("utf-8") for path in (doc_commands.ROOT / "docs").rglob("*.md"))
    assert any(re.search(rf"(?<![\w-]){word}(?![\w-])", text) for text in told)


@pytest.mark.parametrize("route", [page.route for page in PAGES])
def test_every_page_of_the_board_stands_among_the_boards_with_its_address(route: str) -> None:
    index = (doc_commands.ROOT / "docs" / "boards" / "index.md").read_text("utf-8")
    address = re.sub(r"/\{.*", "/", route)
    below = route != address  # of one thing: `/key-results/KR1` stands on the page of `/key-results`
    told = (
        index
        + "".join(path.read_text("utf-8") for path in (doc_commands.ROOT / "docs" / "boards").glob("*.md")) * below
    )
    assert re.search(rf"`{re.escape(address)}{'[^`]+' * below}`", told), f"say in docs/boards what is at {route}"


@pytest.mark.parametrize("page", sorted((doc_commands.ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_a_list_begins_behind_an_empty_line(page: Path) -> None:
    """Or it is one on a code host and a paragraph on the site."""
    text = doc_commands.BLOCK.sub("", page.read_text("utf-8"))
    assert re.findall(r"^(?![-|#<\s]|\d+\. ).+\n(?:- |\|).*$", text, re.M) == []
