"""The command line, and the composition root: here alone files, environment and processes are named.

How commands end, and with which status: `flows.command`.
"""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from flows.command import (
    FAILED,
    DataFolder,
    PlantPath,
    data_folder,
    load_plant,
    process,
    reload_on_hangup,
    reported,
    stop_on_signals,
    time_ns,
)
from flows.token_commands import tokens

app = typer.Typer(
    help="Streaming shop-floor analytics that keep a plant's key results true.",
    epilog="Try: plumbline demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(tokens, name="token")

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
    influxdb: Annotated[
        str | None, typer.Option(metavar="URL", help="Write results to this InfluxDB too; token in INFLUX_TOKEN.")
    ] = None,
) -> None:
    """Everything on this machine: a broker, a simulated plant, the four processes, the board."""
    from flows.demo import Settings
    from flows.demo import run as show

    with reported("demo"):
        settings = Settings(
            seed=seed, days=days, day_seconds=day_seconds, data=data, port=port, for_seconds=for_seconds, broker=broker,
            influxdb=influxdb,
        )  # fmt: skip
        raise typer.Exit(show(settings, stop=stop_on_signals()))


@app.command(epilog="Example: plumbline run plant.toml --data /var/lib/plumbline")
def run(file: PlantPath, data: DataFolder = None) -> None:
    """Run gateway, engine, forwarder and web on this machine; start again what dies."""
    from connectors.locking import RoleLock
    from flows.supervise import Supervisor, plant_children, require_free_port

    with reported("run"):
        plant = load_plant(file)
        folder = data_folder(plant, data)
        require_free_port(plant.web.host, plant.web.port)
        stop, reload = stop_on_signals(), reload_on_hangup()
        logging.getLogger("run").info("the board will be at %s", plant.web.address)
        with RoleLock(folder / "run.lock", "run"):
            children = plant_children(file, folder)
            raise typer.Exit(Supervisor(children).run(stop=stop, reload=reload))


@app.command(epilog="Example: plumbline gateway plant.toml")
def gateway(file: PlantPath, data: DataFolder = None) -> None:
    """Write what the connectors receive into the journal, then acknowledge it. SIGHUP reads FILE again."""
    with process("gateway"):
        from flows.gateway import run as serve
        from flows.watchdog import watched

        plant = load_plant(file)
        folder, stop, reload = data_folder(plant, data), stop_on_signals(), reload_on_hangup()
        with watched("gateway", folder) as pulse:
            serve(plant, folder, stop=stop, reload=reload, pulse=pulse)


@app.command(epilog="Example: plumbline engine plant.toml")
def engine(file: PlantPath, data: DataFolder = None) -> None:
    """Compute the history from the journal."""
    with process("engine"):
        from flows.engine import run as serve
        from flows.watchdog import watched

        plant = load_plant(file)
        folder, stop = data_folder(plant, data), stop_on_signals()
        with watched("engine", folder, waits_by_wall_clock=True) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline forwarder plant.toml")
def forwarder(file: PlantPath, data: DataFolder = None) -> None:
    """Push the history to InfluxDB, and updates and alerts to the OKR store."""
    with process("forwarder"):
        from flows.forwarder import run as serve
        from flows.watchdog import watched

        plant = load_plant(file)
        folder, stop = data_folder(plant, data), stop_on_signals()
        with watched("forwarder", folder) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline web plant.toml")
def web(file: PlantPath, data: DataFolder = None) -> None:
    """Serve the board, the query API and the OKR store."""
    with process("web"):
        from flows.watchdog import watched
        from flows.web import run as serve

        plant = load_plant(file)
        folder, stop = data_folder(plant, data), stop_on_signals()
        with watched("web", folder) as pulse:
            serve(plant, folder, stop=stop, pulse=pulse)


@app.command(epilog="Example: plumbline alive web --data data")
def alive(
    process_name: Annotated[
        Literal["gateway", "engine", "forwarder", "web"], typer.Argument(metavar="PROCESS", help="Which process.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The plant's data.")] = Path("data"),
) -> None:
    """End with status 0 while a process goes on, else with 1 and the reason: for a container's health check."""
    with reported("alive"):
        from flows.alive import require_alive

        require_alive(data, process_name)


@app.command(epilog="Example: plumbline renew plant.toml")
def renew(file: PlantPath, data: DataFolder = None) -> None:
    """Set the history aside and begin a new one where the journal begins, for when the engine says so."""
    from flows.recovery import renew_history

    with reported("renew"):
        aside = renew_history(data_folder(load_plant(file), data))
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
    with reported("check"):
        from config.check import check as report_on
        from flows.check_lines import show
        from flows.progress import progress_of

        plant = load_plant(file)
        with progress_of("settings") as progress:
            report = report_on(plant, per_day, progress)
        show(report)


@app.command(epilog="Example: plumbline discover plant.toml >> found.toml")
def discover(
    file: PlantPath,
    data: DataFolder = None,
    server: Annotated[
        str | None, typer.Option(metavar="CONNECTOR", help="Instead: what this connector's OPC UA server offers.")
    ] = None,
) -> None:
    """Print what came in and has no place in the plant file, as TOML that is ready to be filled in."""
    with reported("discover"):
        from flows.discover import discovered
        from flows.opcua_commands import nodes_of

        plant = load_plant(file)
        found = nodes_of(plant, server, os.environ) if server else discovered(plant, data_folder(plant, data))
        for line in found:
            typer.echo(line)


@app.command(epilog="Example: plumbline certificate plant.toml")
def certificate(
    file: PlantPath,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long it is valid.")] = 3_650,
) -> None:
    """Make the certificates, and their keys, that the plant file's OPC UA connectors name and that are not there."""
    with reported("certificate"):
        from flows.opcua_commands import certificates

        for line in certificates(load_plant(file), days):
            typer.echo(line)


@app.command(epilog="Example: plumbline replay plant.toml march.csv april.parquet may.dfq --data replayed")
def replay(
    file: PlantPath,
    measurements: Annotated[list[Path], typer.Argument(metavar="DATA...", help=REPLAY_FILES)],
    data: DataFolder = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The last tick (RFC 3339); else the last reading's time.")
    ] = None,
    like: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Read them as the folder connector NAME of FILE does.")
    ] = None,
) -> None:
    """Send measurements from files through the same flow, into the history of a folder of its own."""
    with reported("replay"):
        from flows.file_reading import how_of
        from flows.progress import progress_of
        from flows.replay import run as play

        plant = load_plant(file)
        last_tick = None if until is None else time_ns(until)
        how = None if like is None else how_of(plant, like)
        with progress_of("readings") as progress:
            folder = data_folder(plant, data)
            done = play(plant, measurements, folder, until=last_tick, progress=progress, how=how)
        for line in done.refused.lines:
            typer.echo(f"plumbline: refused: {line}", err=True)
        typer.echo(str(done))


@app.command("import-plan", epilog="Example: plumbline import-plan part.dfd >> plant.toml")
def import_plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Q-DAS file (.dfd or .dfq).")],
    characteristic: Annotated[
        str, typer.Option(metavar="TEMPLATE", help="How an id is made of {product} (K1001) and {name} (K2002).")
    ] = "{product}/{name}",
) -> None:
    """Print the characteristics that a Q-DAS file describes as tables for a plant file."""
    with reported("import-plan"):
        from flows.import_plan import import_plan as tables_of

        typer.echo(tables_of(file, characteristic), nl=False)


@app.command(epilog="Example: plumbline export plant.toml line1/op10/bore --dfq bore.dfq")
def export(
    file: PlantPath,
    characteristic: Annotated[str, typer.Argument(metavar="ID", help="The characteristic.")],
    dfq: Annotated[Path, typer.Option(metavar="TARGET", help="The Q-DAS file to write; it must not be there yet.")],
    data: DataFolder = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="The first time (RFC 3339); else the earliest.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Readings before this time; else all.")
    ] = None,
) -> None:
    """Write the readings of a characteristic out of the history into a Q-DAS file, which `replay` reads again."""
    with reported("export"):
        from flows.export import export_dfq

        plant = load_plant(file)
        span = {key: time_ns(text, option) for key, option, text in
                (("from_ns", "--from", since), ("until_ns", "--until", until)) if text is not None}  # fmt: skip
        folder = Path(plant.storage.directory) if data is None else data
        count = export_dfq(plant, folder, characteristic, dfq, **span)
        typer.echo(f"{dfq}: {count:,} readings of {characteristic}")


@app.command(epilog="Example: plumbline backup plant.toml /mnt/backup/today")
def backup(
    file: PlantPath,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The backup: a folder that is not there yet.")],
    data: DataFolder = None,
) -> None:
    """Copy the plant's data, while it runs, into a folder from which it can be restored."""
    with reported("backup"):
        from flows.backup import backup as copy
        from flows.progress import progress_of

        folder = data_folder(load_plant(file), data)
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
    with reported("restore"):
        from flows.progress import progress_of
        from flows.restore import restore as put

        with progress_of("MiB") as progress:
            manifest = put(backup, data, progress)
        typer.echo(f"{data}: the plant as of journal entry {manifest.contents.last_seq}; the backup was made at "
                   f"{manifest.made_at}, and what was acknowledged since is not in it")  # fmt: skip


@app.command(epilog="Example: plumbline simulate flows/demo.toml --seed 7 --day-seconds 0")
def simulate(file: PlantPath, seed: Seed = 8, days: Days = 20, day_seconds: DaySeconds = 60.0) -> None:
    """Publish a simulated plant's measurements to the broker of FILE, as its gateways would."""
    with process("simulate"):
        from flows.progress import progress_of
        from flows.simulate import Settings
        from flows.simulate import run as publish

        plant = load_plant(file)
        with progress_of("readings") as progress:
            settings = Settings(seed=seed, days=days, day_seconds=day_seconds)
            publish(plant, settings, stop=stop_on_signals(), progress=progress)


@app.command("broker", hidden=True)
def demo_broker(kind: Literal["mosquitto", "embedded"], port: int, folder: Path) -> None:
    """The demo's broker, on 127.0.0.1, with its files in FOLDER."""
    with process("broker"):
        from flows.broker import run as serve

        serve(kind, port, folder, stop=stop_on_signals())


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


if __name__ == "__main__":
    main()
