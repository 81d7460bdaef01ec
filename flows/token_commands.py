"""`plumbline token`: who may ask the web process for what."""

from typing import Annotated

import typer

from config.roles import Role
from connectors.tokens import FILE, add_token, read_tokens, revoke_token
from flows.command import WRONG_INPUT, DataFolder, PlantPath, data_folder, end, load_plant, reported

LONGEST_NAME = 100

tokens = typer.Typer(
    help="Access tokens of the board and the API: make, list, revoke.",
    epilog="Example: plumbline token add plant.toml wang --role write",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Who it is for: what the operation log says of its deeds.")]


@tokens.command(epilog="Example: plumbline token add plant.toml wang --role write")
def add(
    file: PlantPath,
    name: Name,
    role: Annotated[
        Role,
        typer.Option(metavar="ROLE", help="read: look; write: also act; push: send results, nothing else; admin: all."),
    ] = Role.READ,
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="It holds for so long; else until it is revoked.")
    ] = None,
    data: DataFolder = None,
) -> None:
    """Make a token and print it, once: only its hash is kept. With the first one everybody needs one."""
    with reported("token"):
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            end(WRONG_INPUT, f"NAME: expected 1 to {LONGEST_NAME} printable characters (got {name!r})")
        text = add_token(data_folder(load_plant(file), data), name.strip(), role, days)
        typer.echo(f"plumbline: the token of {name.strip()} ({role}); it is not shown again", err=True)
        typer.echo(text)


@tokens.command("list", epilog="Example: plumbline token list plant.toml")
def show(file: PlantPath, data: DataFolder = None) -> None:
    """Print name, role, and since when and until when each token holds."""
    with reported("token"):
        found = read_tokens(data_folder(load_plant(file), data) / FILE)
        for one in found or ():
            until = f", {'over since' if one.is_over else 'until'} {one.until}" if one.until else ""
            typer.echo(f"{one.name}: {one.role}, since {one.made}{until}")
        if not found:
            typer.echo("there is no token" + ("" if found is None else ", and nobody comes in without one"), err=True)


@tokens.command(epilog="Example: plumbline token revoke plant.toml wang")
def revoke(file: PlantPath, name: Name, data: DataFolder = None) -> None:
    """Take a token back: what it is shown for is refused from now on, and its sessions end."""
    with reported("token"):
        revoke_token(data_folder(load_plant(file), data), name)
        typer.echo(f"the token of {name} is revoked")
