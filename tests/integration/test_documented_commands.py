"""Every command of the documentation runs, in a folder of its own, on a plant that runs meanwhile.

The commands that start the broker and the plant are those that the pages show. What `make` would do is looked at
without being done: its targets have tests of their own. The README's commands are run by `test_readme`. Commands to a
container engine, which is not there, are held against the files that they name.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import httpx
import polars as pl
import pytest

from config.load import load
from tests import doc_commands
from tests.doc_commands import PAGES, PLANT, PROGRAMS, ROOT, SHELL, Line, blocks, compose_problems
from tests.integration.test_run import FIRST_START_SECONDS, answers, command, wait_until
from tests.programs import find_program, require_program
from tests.servers import PERSISTENT, Mosquitto, free_port

COMMANDS = list(doc_commands.commands())
TOKEN = "a token of the documentation's plant"
BROKER = "mosquitto -c config/mosquitto/plumbline.conf"
RUN = "plumbline run plant.toml"
RUNNING = (BROKER, RUN)  # they go on: the fixture starts them


class World:
    """The folder in which commands are run, and where its plant listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web, self.intake = free_port(), free_port()
        self.env = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PLUMBLINE_INTAKE_TOKEN": TOKEN}

    def prepare(self, broker: int) -> None:
        """The files that the pages speak of, and the programs as they are called there."""
        text = PLANT.format(broker=broker, intake=self.intake, web=self.web, year=datetime.now(UTC).year)
        (self.folder / "plant.toml").write_text(text, "utf-8")
        shutil.copytree(ROOT / "config" / "mosquitto", self.folder / "config" / "mosquitto")
        (self.folder / "mnt" / "backup").mkdir(parents=True)
        archive = self.folder / "data" / "archive" / "reading"
        archive.mkdir(parents=True)
        times = [datetime(2026, 7, 1, 8, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(50)]
        frame = pl.DataFrame(
            {
                "time": [time.isoformat() for time in times],
                "characteristic": ["line1/op10/bore"] * 50,
                "value": [10.0 + (minute * 7 % 11 - 5) / 1000 for minute in range(50)],
            }
        )
        frame.write_parquet(archive / "2026-07-01-journal-1.parquet")
        programs = {
            "plumbline": f"exec {sys.executable} -P -m flows.cli",
            "make": f"exec {find_program('make')} --dry-run -C {ROOT}",
            "curl": f"exec {find_program('curl')} --fail-with-body --silent --show-error --noproxy '*' --max-time 20",
            **{name: f"exec {find_program(name)} -p {broker}" for name in ("mosquitto_pub", "mosquitto_sub")},
        }
        (self.folder / "bin").mkdir()
        for name, does in programs.items():
            path = self.folder / "bin" / name
            path.write_text(f'#!/bin/sh\n{does} "$@"\n', "utf-8")
            path.chmod(0o755)

    def here(self, text: str) -> str:
        """A command with this plant's ports, and folders of this world."""
        for usual, here in (
            ("127.0.0.1:8080", f"127.0.0.1:{self.web}"),
            ("127.0.0.1:8081", f"127.0.0.1:{self.intake}"),
            ("/mnt/", f"{self.folder}/mnt/"),
            ("/var/lib/", f"{self.folder}/var-lib-"),
        ):
            text = text.replace(usual, here)
        return text

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """The command, by bash as a person would."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(text)],
            cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The broker and the plant of the pages, running."""
    for program in ("mosquitto", "mosquitto_pub", "curl", "make"):
        require_program(program)
    world = World(tmp_path_factory.mktemp("documented"))
    with Mosquitto(world.folder / "broker", PERSISTENT) as broker:
        world.prepare(broker.port)
        arguments = RUN.split()[1:]
        env = {"PLUMBLINE_INTAKE_TOKEN": TOKEN}
        with command(*arguments, log=world.folder / "run.log", env=env) as running:
            wait_until(lambda: "engine runs" in running.said(), running, FIRST_START_SECONDS)
            wait_until(lambda: answers(world.web, "/api/v1/key-results/KR3") is not None, running, 60.0)
            yield world
            assert running.stop(20.0) == 0


def test_there_are_commands_and_each_kind_is_known() -> None:
    assert len(COMMANDS) >= 20
    assert {BROKER, RUN} <= {line.text for line in COMMANDS}
    assert {line.program for line in COMMANDS} <= {*PROGRAMS, "du", "rm"}, "say here how this program is to be run"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_block_of_commands_says_that_it_is_one(page: Path) -> None:
    for language, text in blocks(page):
        first = text.split(maxsplit=1)[0].rpartition("/")[2] if text.strip() else ""
        assert language in SHELL or first not in PROGRAMS or language == "text", f"fence this with ```sh: {text[:60]}"


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.text not in RUNNING], ids=str)
def test_a_command_of_the_documentation_runs(world: World, line: Line) -> None:
    if line.program == "docker":
        assert compose_problems(line.text, ROOT) == []
        return
    done = world.run(line.text)
    assert done.returncode == 0, done.stdout + done.stderr
    if line.program == "curl":
        assert done.stdout.strip(), "it answers"


def test_what_the_commands_sent_has_come_to_what_the_pages_say(world: World) -> None:
    """The subgroup is a point, the form's reading was taken, the machine is down, the milestone has moved."""
    point, state = "/api/v1/points?characteristic=line1/op10/bore", "/api/v1/shop-events?kind=state"
    deadline = monotonic() + 60.0
    while not (answers(world.web, point) and answers(world.web, state)):
        assert monotonic() < deadline
        sleep(0.1)
    points, events = answers(world.web, point), answers(world.web, state)
    assert isinstance(points, list)
    assert isinstance(events, list)
    assert points[0]["values"] == [10.003, 9.998, 10.001, 9.996, 10.004]
    assert events[0]["place"] == "line1/op10"
    milestone = answers(world.web, "/api/v1/key-results/KR3")
    assert isinstance(milestone, dict)
    assert milestone["progress"] == 1
    refused = answers(world.web, "/api/v1/rejected")
    assert [one["reason"] for one in refused or () if isinstance(one, dict)] == []


def test_every_metric_of_the_service_is_on_the_page_of_monitoring(world: World) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    told = httpx.get(f"http://127.0.0.1:{world.web}/metrics", timeout=10.0, trust_env=False).text
    names = set(re.findall(r"^# HELP (plumbline_\w+) ", told, re.M))
    assert len(names) >= 14
    assert {name for name in names if not re.search(rf"`{name}(\{{.*?\}})?`", page)} == set()


def test_the_broker_s_configuration_is_the_one_that_is_shown(tmp_path: Path) -> None:
    """As the page has it, but for the port, the folder and the user that a test has."""
    text = (ROOT / BROKER.rpartition(" ")[2]).read_text("utf-8")
    (tmp_path / "mosquitto.conf").write_text(
        re.sub(r"(?m)^listener 1883 ", f"user root\nlistener {free_port()} ", text)
        + f"\npersistence_location {tmp_path}/\n",
        "utf-8",
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([require_program("mosquitto"), "-c", tmp_path / "mosquitto.conf"], stderr=log)
    try:
        with pytest.raises(subprocess.TimeoutExpired):  # it goes on
            process.wait(1.0)
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(
    "text", [text for page in PAGES for language, text in blocks(page) if language == "toml" and "[plant]" in text]
)
def test_a_plant_file_of_the_documentation_is_sound(text: str, tmp_path: Path) -> None:
    assert "plant" in tomllib.loads(text)
    path = tmp_path / "plant.toml"
    path.write_text(text, "utf-8")
    assert load(path).plant.id
