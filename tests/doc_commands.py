"""The commands of the documentation: every line of every block fenced as `sh`, and the plant that they are run on."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))  # README.md has tests of its own
BLOCK = re.compile(r"^( *)```(\S*).*?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "bash", "shell", "console")
PROGRAMS = ("make", "plumbline", "curl", "mosquitto", "mosquitto_pub", "mosquitto_sub", "docker", "systemctl", "python")
SUBCOMMANDS = ("build", "config", "down", "exec", "logs", "ps", "pull", "restart", "run", "stop", "up")
INLINE = re.compile(r"`(?:\.venv/bin/)?plumbline ([^`]+)`")


def inline() -> Iterator[tuple[str, str]]:
    """`(page, what stands behind plumbline)` of every command within a sentence."""
    for page in (ROOT / "README.md", *PAGES):
        for text in INLINE.findall(page.read_text("utf-8")):
            yield page.relative_to(ROOT).as_posix(), " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Line:
    """One command, with its continuation lines, and the page that shows it."""

    page: str
    text: str

    @property
    def program(self) -> str:
        """What is run, without what it is given and without a folder."""
        return self.text.split()[0].rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]}"


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """`(language, text)` of every fenced block, as it is behind its indentation."""
    for indent, language, text in BLOCK.findall(page.read_text("utf-8")):
        yield language, "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def commands() -> Iterator[Line]:
    """Every command of every page, in order."""
    for page in PAGES:
        for language, text in blocks(page):
            if language in SHELL:
                for line in text.replace("\\\n", " ").splitlines():
                    if line.strip() and not line.lstrip().startswith("#"):
                        yield Line(page.relative_to(ROOT).as_posix(), line.strip())


def compose_problems(text: str, root: Path) -> list[str]:
    """What of a `docker compose …` could not be: no container engine runs here, so that files and services are held
    against those that there are."""
    words = shlex.split(text, comments=True)[1:]
    files = [word for before, word in pairwise(words) if before in ("-f", "--file")] or ["docker-compose.yml"]
    missing = [f"{file} is not there" for file in files if not (root / file).is_file()]
    said = [
        word for before, word in pairwise([*words, ""]) if not word.startswith("-") and before not in ("-f", "--file")
    ]
    if words[0] != "compose" or said[0] not in SUBCOMMANDS or missing:
        return missing or [f"expected docker compose and one of {', '.join(SUBCOMMANDS)}"]
    known = {name for file in files for name in yaml.safe_load((root / file).read_text("utf-8"))["services"]}
    named = said[1:2] if said[0] in ("exec", "run") else said[1:-1]
    return [
        f"{name} is none of the services {', '.join(sorted(known))}" for name in named if name and name not in known
    ]


# Enough for each of them: a broker's connector, an intake, a subgroup chart, a machine, a metric, key results.
PLANT = """[plant]
id = "documented"
timezone = "Europe/Berlin"

[connectors.line1]
type = "mqtt"
port = {broker}
topics = ["factory/{{line}}/{{station}}/{{kind}}"]

[connectors.forms]
type = "http"
port = {intake}
token_env = "PLUMBLINE_INTAKE_TOKEN"
topics = ["{{line}}/{{station}}/{{kind}}"]

[characteristics."line1/op10/bore"]
unit = "mm"
lsl = 9.96
usl = 10.04
chart = "xbar-r"
subgroup_size = 5

[machines."line1/op10"]
ideal_cycle_seconds = 30.0

[metrics.op10_oee]
kind = "oee"
of = ["line1/op10"]

[objectives.O1]
title = "Make OP10 capable"
level = "department"
period = "{year}"

[key_results.KR3]
objective = "O1"
title = "Gauge study accepted"
kind = "milestone"

[web]
port = {web}
"""
