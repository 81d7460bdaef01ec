import os
import pty
import re
import select
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from flows.cli import app
from flows.demo import PLANT_FILE

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "plant.example.toml"
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
PROCESSES = ("gateway", "engine", "forwarder", "web")


def plumbline(*arguments: object, cwd: Path, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, from another folder than the checkout."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "flows.cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def test_the_console_script_is_the_command_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"plumbline": "flows.cli:main"}


def test_help_lists_every_command(tmp_path: Path):
    done = plumbline("--help", cwd=tmp_path)
    assert done.returncode == 0
    for name in ("demo", "run", *PROCESSES, "check", "replay", "simulate"):
        assert f" {name} " in done.stdout


def test_help_waits_for_no_library():
    code = (
        "import sys, flows.cli; print({'numpy', 'numba', 'bytewax', 'pydantic', 'fastapi', 'paho'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "broker"])
def test_each_command_has_help_with_an_example(command: str, tmp_path: Path):
    done = plumbline(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"Example: plumbline {command}" in done.stdout


@pytest.mark.parametrize("arguments", [["no-such-command"], ["run"], ["demo", "--days", "none"], ["check", "a", "b"]])
def test_a_wrong_command_line_is_wrong_input(arguments: list[str], tmp_path: Path):
    done = plumbline(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", [EXAMPLE, PLANT_FILE], ids=lambda path: path.name)
def test_the_plant_files_that_come_with_it_are_well(file: Path, tmp_path: Path):
    done = plumbline("check", file, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{file}: plant ")


def test_check_tells_what_to_expect_and_warns(tmp_path: Path):
    file = tmp_path / "plant.toml"
    file.write_text(
        '[plant]\nid = "p"\n'
        '[connectors.press]\ntype = "mqtt"\nhost = "127.0.0.1"\ntopics = ["f/{line}/{station}/m"]\n'
        '[characteristics."l/s/bore"]\nlsl = 9.0\nusl = 11.0\n'
        '[characteristics."l/s/force"]\nunit = "kN"\n'
        '[metrics.all]\nkind = "cpk"\nof = ["l/s/b*"]\n'
    )
    done = plumbline("check", file, cwd=tmp_path)
    assert done.returncode == 0
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"{file}: plant p is well: 1 connector, 2 characteristics, 1 metric, 0 objectives, 0 key")
    assert rest[0] == "connector press: type mqtt; address 127.0.0.1:1883; subscriptions f/+/+/m"
    assert re.fullmatch(r"characteristic l/s/bore: .*specification 9 to 11; .*", rest[1])
    assert rest[2].startswith("characteristic l/s/force: ")
    assert re.fullmatch(r"metric all: kind cpk; .*of 1 characteristic", rest[3])
    figure = r"[0-9.,]+ ± [0-9.,]+"
    each = f"false breaches a year each {figure}; false alarms a year each {figure}"
    assert re.fullmatch(f"expected l/s/bore: values a day 30; {each}", rest[4])
    assert re.fullmatch(f"expected l/s/force: values a day 30; false alarms a year each {figure}", rest[5])
    assert rest[6].startswith("kept: readings, points, signals and rolling capability 120 production days or 50 GB")
    assert rest[7].startswith("kept: the journal 30 days or 50 GB")
    assert re.fullmatch(f"in all, .*: {figure} false breaches and {figure} false alarms a year .*", rest[8])
    assert len(rest) == 9
    assert done.stderr.splitlines() == [
        "plumbline: warning: l/s/force: neither lsl nor usl, so it has a chart and no Cpk"
    ]


def test_check_on_a_terminal_draws_tables(tmp_path: Path):
    terminal, other = pty.openpty()
    with open(terminal, "rb", buffering=0) as shown, open(other, "wb", buffering=0) as screen:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "flows.cli", "check", EXAMPLE],
            cwd=tmp_path, stdout=screen, timeout=60, env={**os.environ, "COLUMNS": "200"}, check=False,
        )  # fmt: skip
        text = b""
        while select.select([shown], [], [], 0.2)[0]:
            text += shown.read(65_536)
    assert done.returncode == 0
    assert "false breaches a year" in text.decode()
    assert "line1/op10/bore" in text.decode()
    assert "characteristic line1/op10/bore:" not in text.decode()


def test_each_problem_of_a_plant_file_is_a_line(tmp_path: Path):
    file = tmp_path / "plant.toml"
    file.write_text('[plant]\nid = "p"\ntimezone = "Mars/Olympus"\n[web]\nport = 70000\n')
    done = plumbline("check", file, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert any(line.startswith("plumbline: plant.timezone: ") and "Mars/Olympus" in line for line in lines)
    assert any(line.startswith("plumbline: web.port: ") and "70000" in line for line in lines)


@pytest.mark.parametrize("command", ["run", "check", "simulate", *PROCESSES])
def test_a_missing_plant_file_is_one_line_and_status_2(command: str, tmp_path: Path):
    done = plumbline(command, "missing.toml", cwd=tmp_path)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("plumbline: ")]
    assert len(said) == 1
    assert "missing.toml" in said[0]
    assert "No such file" in said[0]
    assert "Traceback" not in done.stderr


def test_a_folder_or_a_binary_file_is_no_plant_file(tmp_path: Path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name in (".", "binary.toml"):
        done = plumbline("check", name, cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_plant_file_is_one_line_and_status_2(tmp_path: Path):
    file = tmp_path / "plant.toml"
    file.touch(mode=0)
    done = plumbline("check", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def with_port(folder: Path, port: int) -> Path:
    """The example with its board at another port."""
    text = EXAMPLE.read_text("utf-8")
    assert text.count("# port = 8080\n") == 1
    file = folder / "plant.toml"
    file.write_text(text.replace("# port = 8080\n", f"port = {port}\n"))
    return file


@pytest.mark.parametrize("command", ["run", "web"])
def test_a_port_in_use_is_one_line_and_status_1(command: str, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = plumbline(command, with_port(tmp_path, port), "--data", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("plumbline: ")]
    assert len(said) == 1
    assert str(port) in said[0]
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_is_a_file_is_one_line_and_status_1(tmp_path: Path):
    (tmp_path / "data").write_text("")
    done = plumbline("engine", EXAMPLE, "--data", tmp_path / "data", cwd=tmp_path)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("plumbline: ")]
    assert len(said) == 1
    assert str(tmp_path / "data") in said[0]


def test_simulate_wants_a_plant_whose_clock_it_can_be(tmp_path: Path):
    done = plumbline("simulate", EXAMPLE, cwd=tmp_path)
    assert done.returncode == 2
    assert "plumbline: clock.source: " in done.stderr


def test_the_demo_begins_in_an_empty_folder_only(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    done = plumbline("demo", "--data", tmp_path / "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected an empty folder" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
