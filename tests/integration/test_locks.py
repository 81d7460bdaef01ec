"""One process a role: a second one of each says who is there, changes nothing and ends with status 1."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from config.load import load
from config.models import PlantFile
from connectors.errors import AlreadyRunning
from connectors.journal import SYSTEM, TICK, JournalWriter
from connectors.locking import RoleLock
from flows import backup, engine, forwarder, gateway, replay, restore, web
from tests.servers import free_port


def _replay(plant: PlantFile, data: Path) -> None:
    file = data.parent / "a.csv"
    file.write_text("time,characteristic,value\n2026-11-21T08:00:00Z,a,1\n", "utf-8")
    replay.run(plant, [file], data)


def _restore(_plant: PlantFile, data: Path) -> None:
    backup.backup(data, data.parent / "b")
    (data.parent / "r.part").mkdir(exist_ok=True)
    restore.restore(data.parent / "b", data.parent / "r")


ROLES: dict[str, tuple[str, str, Callable[[PlantFile, Path], object]]] = {
    "gateway": ("journal/writer.lock", "journal", lambda plant, data: gateway.run(plant, data, stop=Event())),
    "engine": ("history.db.lock", "history writer", lambda plant, data: engine.run(plant, data, Event())),
    "forwarder": ("forwarder.db.lock", "forwarder", lambda plant, data: forwarder.run(plant, data, Event())),
    "web": ("okr.lock", "web", lambda plant, data: web.run(plant, data, Event())),
    "replay": ("journal/writer.lock", "journal", _replay),
    "backup": ("backup.lock", "backup", lambda _, data: backup.backup(data, data.parent / "b")),
    "restore": ("../r.part/.lock", "restore", _restore),
}


@pytest.fixture
def plant(tmp_path: Path) -> PlantFile:
    text = f'[plant]\nid = "p"\n[web]\nport = {free_port()}\n[characteristics.a]\nlsl = 0\n'
    (tmp_path / "plant.toml").write_text(text, "utf-8")
    journal = JournalWriter(tmp_path / "data" / "journal")
    journal.append([(1, SYSTEM, TICK, 0, 0, b"1")])
    journal.close()
    (tmp_path / "r.part").mkdir()
    return load(tmp_path / "plant.toml")


@pytest.mark.parametrize("role", ROLES)
def test_a_second_process_of_a_role_says_who_is_there(role: str, plant: PlantFile, tmp_path: Path) -> None:
    lock, name, begin = ROLES[role]
    said = f"^{name}: another one is running \\(process {os.getpid()} holds .*{Path(lock).name}\\)$"
    with RoleLock(tmp_path / "data" / lock, name), pytest.raises(AlreadyRunning, match=said):
        begin(plant, tmp_path / "data")


def test_a_second_run_ends_with_status_1(plant: PlantFile, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "run", str(plant.path), "--data", str(tmp_path / "data")]
    with RoleLock(tmp_path / "data" / "run.lock", "run"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "plumbline: run: another one is running (process" in done.stderr
