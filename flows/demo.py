"""The demo: a broker, a simulated plant and the four processes, as children of one supervisor.

Nothing takes a short cut: the plant publishes to the broker, and the gateway subscribes there. The broker
is made to keep the gateway's messages before the plant begins, so that none is published to nobody.
"""

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING

from config.load import load
from connectors.errors import WrongInput
from connectors.status import read_status, status_path
from flows.broker import HOST, VERSIONS, Kind, usual_kind
from flows.broker_session import open_session
from flows.plant_model import production_day, start_ns
from flows.supervise import Child, Supervisor, plant_children, plumbline, require_free_port

if TYPE_CHECKING:
    from config.models import PlantFile

PLANT_FILE = Path(__file__).with_name("demo.toml")
USUAL_PORT = 8080
TOKEN = "INFLUX_TOKEN"  # the environment variable with the token of an InfluxDB

logger = logging.getLogger("demo")


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen.

    None: a folder that goes with the demo, a port that is free, no end, the usual broker, no InfluxDB.
    """

    seed: int = 8
    days: int = 20
    day_seconds: float = 60.0
    data: Path | None = None
    port: int | None = None
    for_seconds: float | None = None
    broker: Kind | None = None
    influxdb: str | None = None


def run(settings: Settings, *, stop: Event) -> int:
    """Run the demo until `stop`, or for so long as was asked; the result is the exit status.

    Raises `PortInUse` when the board's port is taken, `WrongInput` for a folder with something in it.
    """
    web_port = _web_port(settings.port)
    kind = settings.broker or usual_kind()
    with _folder(settings.data) as folder:
        mqtt_port = _free_port()
        file = folder / "plant.toml"
        ports = {"mqtt": mqtt_port, "web": web_port, "opcua": _free_port(), "intake": _free_port()}
        file.write_text(plant_text(kind, ports) + influx_text(settings.influxdb, os.environ), "utf-8")
        _make_token(folder / "intake.token")
        broker = Child("broker", plumbline("broker", kind, str(mqtt_port), str(folder)), outlives=True)
        listening = Event()
        Thread(target=_introduce, args=(load(file), settings, listening, stop), daemon=True).start()
        if settings.for_seconds is not None:
            timer = Timer(settings.for_seconds, stop.set)
            timer.daemon = True
            timer.start()
        status = Supervisor([broker, *_plant(settings, file, folder, listening)]).run(stop=stop)
    print(farewell(settings), flush=True)
    return status


def influx_text(url: str | None, environ: Mapping[str, str]) -> str:
    """The table of an InfluxDB that takes the demo's results too; "" without one.

    >>> print(influx_text("http://127.0.0.1:8086", {TOKEN: "…"}))
    <BLANKLINE>
    [influxdb]
    url = "http://127.0.0.1:8086"
    token_env = "INFLUX_TOKEN"
    <BLANKLINE>
    """
    if url is None:
        return ""
    return f'\n[influxdb]\nurl = "{url}"\n' + (f'token_env = "{TOKEN}"\n' if environ.get(TOKEN) else "")


def farewell(settings: Settings) -> str:
    """How to get the same plant on Grafana's boards, in its own time range."""
    begin = start_ns(production_day(0)) // 1_000_000
    end = start_ns(production_day(settings.days + 6)) // 1_000_000
    board = f"/d/plumbline-plant?from={begin}&to={end}"
    return (
        "\n  The same plant on Grafana's boards:\n"
        "  - with containers: docker compose -f docker-compose.yml -f docker-compose.demo.yml up\n"
        "  - with your InfluxDB and Grafana: plumbline demo --influxdb http://127.0.0.1:8086 (docs/boards/grafana.md)\n"
        f"  Open {board} there: the plant lives on days of its own.\n"
    )


def _make_token(path: Path) -> None:
    """A token of the demo's own for the HTTP intake, for its eyes only."""
    with open(path, "w", opener=partial(os.open, mode=0o600)) as file:
        file.write(secrets.token_urlsafe())


def plant_text(kind: Kind, ports: Mapping[str, int]) -> str:
    """The demo's plant file for these ports (`mqtt`, `web`, `opcua`, `intake`) and this kind of broker."""
    text = PLANT_FILE.read_text("utf-8")
    for usual, here in (
        ("port = 1883", f"port = {ports['mqtt']}"),
        ('mqtt_version = "5"', f'mqtt_version = "{VERSIONS[kind]}"'),
        (f"port = {USUAL_PORT}", f"port = {ports['web']}"),
        ('url = "opc.tcp://127.0.0.1:4840"', f'url = "opc.tcp://{HOST}:{ports["opcua"]}"'),
        ("port = 8081", f"port = {ports['intake']}"),
    ):
        assert f"\n{usual}\n" in text, f"flows/demo.toml has lost its line {usual!r}"
        text = text.replace(f"\n{usual}\n", f"\n{here}\n")
    return text


def _plant(settings: Settings, file: Path, folder: Path, listening: Event) -> list[Child]:
    """The four processes and the simulated plant, which begin when the broker listens for the gateway."""
    simulate = ("simulate", str(file), f"--seed={settings.seed}", f"--days={settings.days}")
    data, connector = folder / "data", load(file).clock_connector
    children = plant_children(file, data)
    for child in children:
        child.after = listening.is_set
    plant = Child("simulate", plumbline(*simulate, f"--day-seconds={settings.day_seconds}"), again=False)
    plant.after = lambda: listening.is_set() and _is_connected(data, connector)
    return [*children, plant]


def _is_connected(data: Path, connector: str) -> bool:
    """Whether the gateway says so: the embedded broker sends what it kept behind what is new."""
    status = read_status(status_path(data, "gateway"))
    facts = {} if status is None else status.get("facts")
    if not isinstance(facts, dict):
        return False
    return connector in facts.get("connectors", ()) and connector not in facts.get("away", (connector,))


def _introduce(plant: "PlantFile", settings: Settings, listening: Event, stop: Event) -> None:
    """Have the broker keep the gateway's messages; let the others begin; say where to look, once it is there."""
    open_session(plant, stop=stop)
    listening.set()
    while not stop.wait(0.2):
        with closing(socket.socket()) as attempt:
            if attempt.connect_ex((HOST, plant.web.port)) == 0:
                break
    else:
        return
    bad = "line1/op10/P7/bore"
    live = f"After the first {settings.days} days a day takes {settings.day_seconds:g} s"
    print(
        f"\n  The board is at {plant.web.address}\n\n"
        f"  {settings.days} production days of a simulated plant are coming in now, at once.\n"
        f"  Look at {bad}: two bad days have closed by then.\n"
        f"  {live}: the third bad day closes, its alert opens, and its key results fall.\n"
        f"  Three good days later the alert has recovered. Ctrl-C ends the demo.\n"
        f"  Line 3 begins then too: a press by OPC UA, whose server the gateway looks for until it is there,\n"
        f"  and an oven by Sparkplug B.\n",
        flush=True,
    )


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """The folder that was asked for, which stays, or one that is deleted at the end."""
    if data is None:
        folder = Path(tempfile.mkdtemp(prefix="plumbline-demo-"))  # for its owner only
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(data.iterdir()):
        raise WrongInput(f"{data}: expected an empty folder: the simulated plant begins on its first day")
    logger.info("the data stay in %s", data)
    yield data


def _web_port(asked: int | None) -> int:
    if asked is not None:
        require_free_port(HOST, asked)
        return asked
    with closing(socket.socket()) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, USUAL_PORT))
        except OSError:
            return _free_port()
    return USUAL_PORT


def _free_port() -> int:
    with closing(socket.socket()) as attempt:
        attempt.bind((HOST, 0))
        port: int = attempt.getsockname()[1]
        return port
