"""The README is right: its commands run word for word, its plant file is well, its links lead somewhere."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.test_run import FIRST_START_SECONDS, answers, command, plant_file, wait_until
from tests.programs import find_program, require_program
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.splitlines() if line]
RUNS = re.search(r"`plumbline ([\w-]+(?: \|\s[\w-]+)+)`", README)
COMMANDS = re.split(r" \|\s", RUNS.group(1)) if RUNS else []
BORE = (10.003, 9.998, 10.001, 9.996, 10.004)  # mean 50.002 / 5 = 10.0004, range 10.004 - 9.996 = 0.008


def line_of(start: str) -> str:
    (found,) = [line for line in SHELL if line.startswith(start)]
    return found


def test_these_are_all_the_commands_that_the_readme_has():
    known = ("make demo ", "make test ", ".venv/bin/plumbline run ", "mosquitto_pub ", "curl ")
    assert [[start for start in known if line.startswith(start)] for line in SHELL] == [[start] for start in known]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_make_targets_are_there(target: str):
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    assert line_of(f"make {target} ").split("#")[0].split() == ["make", target]
    subprocess.run([make, "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_that_is_named_has_help_with_an_example(name: str):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flows.cli", name, "--help"], capture_output=True, text=True, check=True
    )
    assert f"Example: plumbline {name}" in done.stdout


def test_the_commands_of_the_text_are_among_those_that_are_named():
    used = set(re.findall(r"`plumbline ([\w-]+)(?: [^|`]*)?`", README))
    assert {"run", "check", "replay"} <= used <= set(COMMANDS)


def test_the_plant_file_of_the_readme_is_well(tmp_path: Path):
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.S)
    (tmp_path / "plant.toml").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flows.cli", "check", "plant.toml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 connector, 1 characteristic, 1 metric, 1 objective, 1 key result" in done.stdout


def test_what_the_readme_links_to_is_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", README) if "://" not in link]
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """Mosquitto with the configuration that the README names, on a free port and with its files in `folder`."""
    (configuration,) = re.findall(r"`mosquitto -c (\S+)`", README)
    program, port = require_program("mosquitto"), free_port()
    text = (ROOT / configuration).read_text("utf-8")
    assert text.count("\nlistener 1883 127.0.0.1\n") == 1
    text = text.replace("\nlistener 1883 ", f"\nuser root\nlistener {port} ")
    (folder / "mosquitto.conf").write_text(f"{text}\npersistence_location {folder}/\n", "utf-8")
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(folder / "mosquitto.conf")], stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_a_gateway_s_message_becomes_the_point_that_the_readme_promises(tmp_path: Path):
    publish, ask = shlex.split(line_of("mosquitto_pub ")), shlex.split(line_of("curl "))
    publish[0] = require_program("mosquitto_pub")
    assert shlex.split(line_of(".venv/bin/plumbline run ")) == [
        ".venv/bin/plumbline", "run", "config/plant.example.toml",
    ]  # fmt: skip
    web = free_port()
    with broker(tmp_path) as port:
        file = plant_file(tmp_path, broker=port, web=web)  # the sample, with these two ports
        with command("run", file, "--data", tmp_path / "data", log=tmp_path / "run.log") as running:
            wait_until(lambda: "connected to" in running.said(), running, FIRST_START_SECONDS)
            wait_until(lambda: answers(web, "/health") is not None, running)
            wait_until(lambda: "engine runs" in running.said(), running, FIRST_START_SECONDS)
            subprocess.run([*publish, "-p", str(port)], check=True, capture_output=True, timeout=10)
            assert ask[0] == "curl"
            assert ask[1].startswith("http://127.0.0.1:8080/api/v1/points?")
            path = ask[1].removeprefix("http://127.0.0.1:8080")
            wait_until(lambda: answers(web, path), running)
            found = answers(web, path)
            assert isinstance(found, list)
            (point,) = found
            assert point["values"] == list(BORE)
            assert point["value"] == pytest.approx(10.0004, abs=1e-12)
            assert point["dispersion"] == pytest.approx(0.008, abs=1e-12)
            assert (point["characteristic"], point["n"]) == ("line1/op10/bore", 5)
            assert point["contexts"] == [{"lot": "L77"}] * 5
            bore, depth = (answers(web, f"/api/v1/characteristics?characteristic=line1/op10/{name}")
                           for name in ("bore", "depth"))  # fmt: skip
            assert isinstance(bore, list)
            assert isinstance(depth, list)
            assert (bore[0]["chart"], depth[0]["chart"]) == ("xbar-r", "individuals")
            assert depth[0]["point"]["value"] == 5.012  # type: ignore[index]
            if find_program("curl"):
                asked = [*ask[:1], "--fail", "--silent", "--noproxy", "*", f"http://127.0.0.1:{web}{path}"]
                said = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=10).stdout
                assert json.loads(said) == found
            subprocess.run([*publish, "-p", str(port)], check=True, capture_output=True, timeout=10)  # the same id
            time.sleep(1.0)
            assert len(answers(web, path) or []) == 1
            assert running.stop() == 0
