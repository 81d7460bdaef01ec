"""What is said in the Dockerfile and in the compose files, for tests: no container engine runs where they run."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DEMO = ROOT / "docker-compose.demo.yml"
PROCESSES = ("gateway", "engine", "forwarder", "web")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile, with its stage (0 is the first)."""

    stage: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words; those of the exec form where it is one."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def dockerfile() -> list[Instruction]:
    """The instructions in order, continuation lines joined, comments left out."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8"))
    found, stage = [], -1
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(stage, name, rest.strip()))
    return found


def compose(*files: Path) -> dict[str, Any]:
    """Services and all else of these files, a later one's over an earlier one's."""
    found: dict[str, Any] = {}
    for file in files or (COMPOSE,):
        found = _over(found, yaml.safe_load(file.read_text("utf-8")))
    return found


def _over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _over(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return above
