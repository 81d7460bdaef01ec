"""The compose files and the Dockerfile as they are written: hardened, pinned, each file that they name there."""

import fnmatch
import re
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.check import check
from config.load import load
from tests.image import COMPOSE, DEMO, PROCESSES, ROOT, compose, dockerfile
from tests.programs import require_program

SERVICES = compose(COMPOSE, DEMO)["services"]
PUBLISHED = {"web": 8080, "mosquitto": 1883, "grafana": 3000}


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, DEMO)], ids=["plant", "demo"])
def test_compose_takes_the_files(files: tuple[Path, ...], tmp_path: Path) -> None:
    """Compose's own reader and JSON schema."""
    program = require_program("docker-compose")
    arguments = [part for file in files for part in ("-f", str(file))]
    done = subprocess.run([program, *arguments, "config"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(compose(*files)["services"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened_bounded_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "stop_grace_period", "restart"} <= set(service)
    assert not {"privileged", "devices", "pid", "ipc", "extra_hosts"} & set(service)
    if name == "influxdb":  # its entry point needs the rights to hand its volumes over
        assert set(service["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    else:
        assert service["read_only"] is True
        assert service["user"].split(":")[0] not in ("0", "root")
        assert "cap_add" not in service
    if name != "simulation":  # which does one thing and may end
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "plumbline" or re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?", image)


def test_only_board_broker_and_grafana_are_published_and_to_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {name: [f"127.0.0.1:{port}:{port}"] for name, port in PUBLISHED.items()}
    networks = compose()["networks"]
    assert [name for name, one in networks.items() if not one.get("internal")] == ["front"]
    assert {name for name, service in SERVICES.items() if "front" in service.get("networks", ())} == set(PUBLISHED)
    assert SERVICES["engine"]["network_mode"] == "none"


TALKS = {
    "simulation": ("mosquitto", "gateway"),
    "gateway": ("mosquitto",),
    "forwarder": ("web", "influxdb"),
    "web": ("gateway",),
    "grafana": ("influxdb",),
}


@pytest.mark.parametrize("name", TALKS)
def test_whoever_talks_to_another_is_on_a_network_with_it(name: str) -> None:
    for other in TALKS[name]:
        assert set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"]), other


def test_every_file_that_is_mounted_is_there_and_read_only() -> None:
    volumes = compose()["volumes"]
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert mode == ["ro"], f"{name}: {source}"
            else:
                assert source in volumes


def test_secrets_are_files_which_the_script_makes_and_nothing_else_holds(tmp_path: Path) -> None:
    script = tmp_path / "secrets.sh"
    script.write_text((ROOT / "config" / "compose" / "secrets.sh").read_text("utf-8"))
    subprocess.run(["sh", script], check=True, timeout=30)
    made = tmp_path / "secrets"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    before = {path.name: path.read_text() for path in made.iterdir()}
    assert len({*before.values()}) == len(before)
    assert all(len(text) >= 64 for text in before.values())
    subprocess.run(["sh", script], check=True, timeout=30)
    assert {path.name: path.read_text() for path in made.iterdir()} == before
    secrets = compose(COMPOSE, DEMO)["secrets"]
    assert {Path(one["file"]).name for one in secrets.values()} == set(before)
    assert set(before) == {name for service in SERVICES.values() for name in service.get("secrets", ())}
    assert "config/compose/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN|SECRET", variable) or value.startswith("/run/secrets/"), name


def secrets_of(value: object) -> set[str]:
    return set(re.findall(r"/run/secrets/(\w+)", str(value)))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_the_secrets_that_it_reads(name: str) -> None:
    service = SERVICES[name]
    read = secrets_of(service.get("environment")) | secrets_of(service.get("healthcheck"))
    if name == "mosquitto":
        read |= secrets_of((ROOT / "config" / "compose" / "mosquitto" / "start.sh").read_text("utf-8"))
    if name == "grafana":
        sources = (ROOT / "config" / "grafana" / "provisioning" / "datasources").glob("*.yaml")
        read |= {secret for source in sources for secret in secrets_of(source.read_text("utf-8"))}
    if name in (*PROCESSES, "simulation"):
        wanted = {"gateway": {"mqtt_gateway", "intake_token"}, "forwarder": {"influxdb_token"},
                  "web": {"intake_token"}, "simulation": {"mqtt_plant"}}  # fmt: skip
        read |= wanted.get(name, set())
    assert set(service.get("secrets", ())) == read


def test_the_plant_that_is_mounted_is_sound() -> None:
    plant = load(ROOT / "config" / "compose" / "plant" / "plant.toml")
    unencrypted = [warning.split(":")[0] for warning in check(plant).warnings if "unencrypted" in warning]
    assert unencrypted == ["connectors.gauges", "connectors.line1"]  # on networks of the containers alone
    assert len(check(plant).warnings) == 2
    assert (plant.web.store_url, plant.web.port) == ("http://web:8080", PUBLISHED["web"])
    assert plant.storage.directory == "/var/lib/plumbline"
    influxdb, wanted = SERVICES["influxdb"]["environment"], plant.influxdb
    assert wanted is not None
    assert (influxdb["DOCKER_INFLUXDB_INIT_ORG"], influxdb["DOCKER_INFLUXDB_INIT_BUCKET"]) == (
        wanted.org,
        wanted.bucket,
    )
    grafana = SERVICES["grafana"]["environment"]
    assert (grafana["INFLUXDB_URL"], grafana["INFLUXDB_DATABASE"]) == (wanted.url, wanted.bucket)


def test_grafana_finds_its_data_source_and_its_boards() -> None:
    mounted = {volume.split(":")[1]: ROOT / volume.split(":")[0] for volume in SERVICES["grafana"]["volumes"][1:]}
    provisioning = mounted["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "plumbline.yaml").read_text("utf-8"))["datasources"]
    assert source["type"] == "influxdb"
    used = set(re.findall(r"\$\{(\w+)\}", str(source)))
    assert used <= set(SERVICES["grafana"]["environment"])
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "plumbline.yaml").read_text("utf-8"))["providers"]
    assert list(mounted[provider["options"]["path"]].glob("*.json"))


def demo_plant() -> dict[str, Any]:
    script = ROOT / "config" / "compose" / "demo.sed"
    made = subprocess.run(
        ["sed", "-f", script, ROOT / "flows" / "demo.toml"], capture_output=True, text=True, check=True
    )
    return tomllib.loads(made.stdout)


def test_the_demos_plant_differs_by_where_its_parts_are_alone(tmp_path: Path) -> None:
    original, here = tomllib.loads((ROOT / "flows" / "demo.toml").read_text("utf-8")), demo_plant()
    assert {name for name in here if here[name] != original.get(name)} == {"connectors", "web", "influxdb", "storage"}
    found = here["connectors"]
    for name in ("gateways", "oven"):
        assert (found[name]["host"], found[name]["username"]) == ("mosquitto", "gateway")
        assert found[name]["password_file"] == "/run/secrets/mqtt_gateway"
    assert found["press"]["url"] == "opc.tcp://simulation:4840"
    assert (found["gauges"]["entry_url"], found["gauges"]["token_file"]) == (
        "http://gateway:8081",
        "/run/secrets/intake_token",
    )
    base = tomllib.loads((ROOT / "config" / "compose" / "plant" / "plant.toml").read_text("utf-8"))
    assert [here["web"]["public_urls"], here["web"]["internal_url"], here["influxdb"], here["storage"]] == [
        base["web"]["public_urls"], base["web"]["internal_url"], base["influxdb"], base["storage"]
    ]  # fmt: skip


# ── The Dockerfile ───────────────────────────────────────────────────────────

STEPS = dockerfile()


def test_the_image_is_of_two_stages_from_one_pinned_base() -> None:
    (argument,) = [step.text for step in STEPS if step.name == "ARG"]
    assert re.fullmatch(r"PYTHON=3\.12-slim-[a-z]+", argument)
    assert [step.text for step in STEPS if step.name == "FROM"] == ["python:${PYTHON} AS build", "python:${PYTHON}"]


def test_the_image_runs_as_nobody_of_note_and_holds_no_secret() -> None:
    last = [step for step in STEPS if step.stage == 1]
    assert [step.text for step in last if step.name == "USER"] == ["10001:10001"]
    order = [step.name for step in last]
    assert order.index("USER") > max(place for place, name in enumerate(order) if name in ("RUN", "COPY"))
    assert not [step for step in STEPS if step.name == "ADD"]
    for step in STEPS:
        if step.name in ("ARG", "ENV"):
            assert not re.search("PASSWORD|TOKEN|SECRET|KEY", step.text.upper())
        if step.name == "RUN":
            assert not re.search(r"curl|wget|apt-get|sudo|chmod 777", step.text)
            if "pip install" in step.text:
                assert {"--no-cache-dir", "--no-deps"} <= set(step.words)
    (locked,) = [step for step in STEPS if step.name == "RUN" and "requirements" in step.text]
    assert {"--require-hashes", "--only-binary"} <= set(locked.words)


def test_what_is_copied_is_there_and_sent_to_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    assert "config/compose/secrets" in lines
    for step in STEPS:
        if step.name == "COPY" and "--from=build" not in step.words:
            *sources, _ = (word for word in step.words if not word.startswith("--"))
            for source in sources:
                assert (ROOT / source).exists()
                assert any(fnmatch.fnmatch(source, one) or source.startswith(f"{one}/") for one in let_in), source
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) <= set(let_in)
