"""The command line, and the composition root: here alone files, environment and processes are named.

Exit status: 0 it went well, 1 it failed, 2 the input was wrong. What a person can mend is said in one line
on stderr (a plant file: one line for each problem); a traceback means a fault in the program.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:  # a command imports what it needs when it runs: `--help` answers at once
    from config.models import PlantFile

FAILED = 1
WRONG_INPUT = 2

app = typer.Typer(
    help="Streaming shop-floor analytics that keep a plant's key results true.",
    epilog="Try: plumbline demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PlantPath = Annotated[Path, typer.Argument(metavar="FILE", help="The plant file (TOML).")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the data lie, instead of where the plant file says.")
]
REPLAY_FILES = (
    "CSV or Parquet files with the columns time (RFC 3339 or epoch ms), characteristic, value, and optionally "
    "subgroup, part, lot, operator, tool, machine; Q-DAS files (.dfq, or .dfd with .dfx), whose characteristics are "
    "PRODUCT/NAME (K1001, K2002)."
)
Seed = Annotated[int, typer.Option(min=0, help="Another seed, another plant; the same seed, the same messages.")]
Days = Annotated[int, typer.Option(min=3, max=60, help="Simulated production days that are sent at once.")]
DaySeconds = Annotated[
    float, typer.Option(min=0.0, help="Then: how long a simulated day takes (`simulate`: 0 ends instead).")
]


@app.command(epilog="Example: plumbline demo --seed 7 --day-seconds 30")
def demo(
    seed: Seed = 8,
    days: Days = 20,
    day_seconds: DaySeconds = 60.0,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the data here; else a folder that goes with the demo.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The board's port; else 8080 or a free one.")
    ] = None,
    for_seconds: Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End after so long.")] = None,
    broker: Annotated[
        Literal["mosquitto", "embedded"] | None, typer.Option(help="Else Mosquitto where it is installed.")
    ] = None,
) -> None:
    """Everything on this machine: a broker, a simulated plant, the four processes, the board."""
    from flows.demo import Settings
    from flows.demo import run as show

    with _reported("demo"):
        settings = Settings(
            seed=seed, days=days, day_seconds=day_seconds, data=data, port=port, for_seconds=for_seconds, broker=broker
        )
        raise typer.Exit(show(settings, stop=_stop_on_signals()))


@app.command(epilog="Example: plumbline run plant.toml --data /var/lib/plumbline")
def run(file: PlantPath, data: DataFolder = None) -> None:
    """Run gateway, engine, forwarder and web on this machine; start again what dies."""
    from connectors.locking import RoleLock
    from flows.supervise import Supervisor, board_address, plant_children, require_free_port

    with _reported("run"):
        plant = _load(file)
        folder = _data_folder(plant, data)
        require_free_port(plant.web.host, plant.web.port)
        stop, reload = _stop_on_signals(), _reload_on_hangup()
        logging.getLogger("run").info("the board will be at %s", board_address(plant))
        with RoleLock(folder / "run.lock", "run"):
            children = plant_children(file, folder)
            raise typer.Exit(Supervisor(children).run(stop=stop, reload=reload))


@app.command(epilog="Example: plumbline gateway plant.toml")
def gateway(file: PlantPath, data: DataFolder = None) -> None:
    """Write what the connectors receive into the journal, then acknowledge it. SIGHUP reads FILE again."""
    with _process("gateway"):
        from flows.gateway import run as serve
        from flows.watchdog import watched

        plant = _load(file)
        folder, stop, reload = _data_folder(plant, data), _stop_on_signals(), _reload_on_hangup()
        with watched("gateway", folder) as pulse:
            serve(plant, folder, stop=stop, reload=reload, pulse=pulse)


@app.command(epilog="Example: plumbline engine plant.toml")
def engine(file: PlantPath, data: DataFolder = None) -> None:
    """Compute the history from the journal."""
    with _process("engine"):
        from flows.engine import run as serve
        from flows.watchdog import watched

        plant = _load(file)
        folder, stop = _data_folder(plant, data), _stop_on_signals()
        with watched("engine", folder, waits_by_wall_clock=True) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline forwarder plant.toml")
def forwarder(file: PlantPath, data: DataFolder = None) -> None:
    """Push the history to InfluxDB, and updates and alerts to the OKR store."""
    with _process("forwarder"):
        from flows.forwarder import run as serve
        from flows.watchdog import watched

        plant = _load(file)
        folder, stop = _data_folder(plant, data), _stop_on_signals()
        with watched("forwarder", folder) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline web plant.toml")
def web(file: PlantPath, data: DataFolder = None) -> None:
    """Serve the board, the query API and the OKR store."""
    with _process("web"):
        from flows.watchdog import watched
        from flows.web import run as serve

        plant = _load(file)
        folder, stop = _data_folder(plant, data), _stop_on_signals()
        with watched("web", folder) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline renew plant.toml")
def renew(file: PlantPath, data: DataFolder = None) -> None:
    """Set the history aside and begin a new one where the journal begins, for when the engine says so."""
    from flows.recovery import renew_history

    with _reported("renew"):
        aside = renew_history(_data_folder(_load(file), data))
        typer.echo(f"the history is now {aside}" if aside else "there was no history")
        typer.echo("a new one begins where the journal does, as soon as the engine runs")


@app.command(epilog="Example: plumbline check plant.toml --per-day 100")
def check(
    file: PlantPath,
    per_day: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Values a production day, of each characteristic; else its minimum_n."),
    ] = None,
) -> None:
    """Check a plant file: every problem with its place, what was expected and what is there; else what to expect."""
    with _reported("check"):
        from config.check import check as report_on
        from flows.check_lines import show
        from flows.progress import progress_of

        plant = _load(file)
        with progress_of("settings") as progress:
            report = report_on(plant, per_day, progress)
        show(report)


@app.command(epilog="Example: plumbline replay plant.toml march.csv april.parquet may.dfq --data replayed")
def replay(
    file: PlantPath,
    measurements: Annotated[list[Path], typer.Argument(metavar="DATA...", help=REPLAY_FILES)],
    data: DataFolder = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The last tick (RFC 3339); else the last reading's time.")
    ] = None,
) -> None:
    """Send measurements from files through the same flow, into the history of a folder of its own."""
    with _reported("replay"):
        from flows.progress import progress_of
        from flows.replay import run as play

        plant = _load(file)
        last_tick = None if until is None else _time_ns(until)
        with progress_of("readings") as progress:
            done = play(plant, measurements, _data_folder(plant, data), until=last_tick, progress=progress)
        for line in done.refused.lines:
            typer.echo(f"plumbline: refused: {line}", err=True)
        typer.echo(str(done))


@app.command(epilog="Example: plumbline backup plant.toml /mnt/backup/today")
def backup(
    file: PlantPath,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The backup: a folder that is not there yet.")],
    data: DataFolder = None,
) -> None:
    """Copy the plant's data, while it runs, into a folder from which it can be restored."""
    with _reported("backup"):
        from flows.backup import backup as copy
        from flows.progress import progress_of

        folder = _data_folder(_load(file), data)
        with progress_of("MiB") as progress:
            contents = copy(folder, target, progress).contents
        typer.echo(f"{target}: journal entries {contents.first_seq} to {contents.last_seq}, "
                   f"results up to entry {contents.applied_seq}")  # fmt: skip


@app.command(epilog="Example: plumbline restore /mnt/backup/today --data /var/lib/plumbline")
def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `plumbline backup` has made.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A new or empty folder for the plant's data.")],
) -> None:
    """Put a backup into a new folder, from which the plant goes on."""
    with _reported("restore"):
        from flows.progress import progress_of
        from flows.restore import restore as put

        with progress_of("MiB") as progress:
            manifest = put(backup, data, progress)
        typer.echo(f"{data}: the plant as of journal entry {manifest.contents.last_seq}; the backup was made at "
                   f"{manifest.made_at}, and what was acknowledged since is not in it")  # fmt: skip


@app.command(epilog="Example: plumbline simulate flows/demo.toml --seed 7 --day-seconds 0")
def simulate(file: PlantPath, seed: Seed = 8, days: Days = 20, day_seconds: DaySeconds = 60.0) -> None:
    """Publish a simulated plant's measurements to the broker of FILE, as its gateways would."""
    with _process("simulate"):
        from flows.progress import progress_of
        from flows.simulate import Settings
        from flows.simulate import run as publish

        plant = _load(file)
        with progress_of("readings") as progress:
            settings = Settings(seed=seed, days=days, day_seconds=day_seconds)
            publish(plant, settings, stop=_stop_on_signals(), progress=progress)


@app.command("broker", hidden=True)
def demo_broker(kind: Literal["mosquitto", "embedded"], port: int, folder: Path) -> None:
    """The demo's broker, on 127.0.0.1, with its files in FOLDER."""
    with _process("broker"):
        from flows.broker import run as serve

        serve(kind, port, folder, stop=_stop_on_signals())


def main() -> NoReturn:
    """The console script `plumbline`.

    What a command opened it has closed; taking Bytewax's and numba's machinery down would take an engine seconds more.
    """
    status: object = 0
    try:
        app()
    except SystemExit as ended:
        status = 0 if ended.code is None else ended.code
    with suppress(OSError):  # whoever read the output has gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status if isinstance(status, int) else FAILED)


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Log to stderr as `name`, and end with one line and the right status for what a person can mend."""
    from flows.failures import failure_of

    _log_to_stderr(name)
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure is not None:
            _end(failure.status, *failure.lines)
        logging.getLogger(name).critical("a fault in the program", exc_info=True)
        raise typer.Exit(FAILED) from error


@contextmanager
def _process(name: str) -> Iterator[None]:
    """As `_reported`, for a long-running process, which ends with its supervisor when it has one."""
    from flows.supervise import end_with_supervisor

    end_with_supervisor()
    with _reported(name):
        logger = logging.getLogger(name)
        logger.info("started")
        yield
        logger.info("stopped")


def _end(status: int, *lines: str) -> NoReturn:
    for line in lines:
        typer.echo(f"plumbline: {line}", err=True)
    raise typer.Exit(status)


def _log_to_stderr(name: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {name:<9} %(levelname)-7s %(message)s",
        force=True,
    )
    for chatty in ("httpx", "httpcore", "uvicorn", "amqtt", "transitions"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _load(file: Path) -> "PlantFile":
    from config.load import load

    return load(file)


def _data_folder(plant: "PlantFile", data: Path | None) -> Path:
    """The data folder, made if need be and only for its owner; `OSError` when it cannot be written."""
    folder = Path(plant.storage.directory) if data is None else data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, "expected a folder that can be written", str(folder))
    return folder


def _time_ns(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        _end(WRONG_INPUT, f"--until: expected a time such as 2026-11-21T08:00:00Z (got {text!r})")
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000) * 1_000


def _stop_on_signals() -> Event:
    return _set_on(signal.SIGTERM, signal.SIGINT)


def _reload_on_hangup() -> Event:
    return _set_on(signal.SIGHUP)


def _set_on(*numbers: signal.Signals) -> Event:
    """An event that the signals set: in a thread, since the signal may find this one holding the event's lock."""
    event = Event()
    for number in numbers:
        signal.signal(number, lambda *_: Thread(target=event.set, daemon=True).start())
    return event


if __name__ == "__main__":
    main()
