"""The page that says every command with its arguments, options and an example."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import typer.main

from flows.cli import app

HEAD = """# Commands

Written from the program's own command line; `plumbline COMMAND --help` says the same.

Exit status 0: it went well, or was told to stop. 1: it failed, and trying again may help. 2: its input is wrong, which
no repetition mends. What a person can mend is said in one line on stderr, a plant file's problems in one line each; a
traceback is a fault of the program.
"""

# Of kinds of values the word that stands for one, where the command has none of its own.
WORDS = {"Path": "PATH", "int": "N", "float": "NUMBER", "str": "TEXT", "bool": ""}


def commands() -> Mapping[str, Any]:
    """Every command by its name, as typer makes it; those of a group by both names."""
    found: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined] # it is a group
    return {full: one for name, command in found.items() if not command.hidden for full, one in _flat(name, command)}


def _flat(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    within: Mapping[str, Any] = getattr(command, "commands", {})
    yield from ((f"{name} {sub}", one) for sub, one in within.items())
    if not within:
        yield name, command


def commands_page() -> str:
    """The whole page, in Markdown."""
    rows = ((name, _anchor(name), _sentence(command.help)) for name, command in commands().items())
    index = "\n".join(f"| [`{name}`](#{anchor}) | {says} |" for name, anchor, says in rows)
    return "\n".join([HEAD, "| command | |\n|---|---|", index, "", *_sections()])


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _sections() -> Iterator[str]:
    for name, command in commands().items():
        arguments = [one for one in command.params if not one.opts[0].startswith("-")]
        options = [one for one in command.params if one.opts[0].startswith("-") and one.name != "help"]
        usage = " ".join(
            [
                "plumbline",
                name,
                *(one.metavar or one.name.upper() for one in arguments),
                *(["[OPTIONS]"] * bool(options)),
            ]
        )
        example = (command.epilog or "").removeprefix("Example: ")
        yield f"## `{name}` {{ #{_anchor(name)} }}\n\n{_sentence(command.help)}\n\n```text\n{usage}\n```\n"
        yield f"Example: `{example}`\n"
        yield "| | | default |\n|---|---|---|"
        yield from (f"| `{one.metavar or one.name.upper()}` | {_sentence(one.help)} | required |" for one in arguments)
        yield from (f"| `{_said(one)}` | {_sentence(one.help)} | {_default(one)} |" for one in options)
        yield ""


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _said(option: Any) -> str:
    """The option with what stands behind it: `--for SECONDS`."""
    kind = option.type_descriptor.annotation
    if get_origin(kind) is Literal:
        value = " or ".join(get_args(kind))
    else:
        value = option.metavar or WORDS[getattr(kind, "__name__", "str")]
    return f"{'/'.join(option.opts)} {value}".strip()


def _default(option: Any) -> str:
    return "–" if option.default in (None, (), False) else f"`{option.default}`"
