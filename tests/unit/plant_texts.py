"""A small sound plant file, and ways to write it down changed."""

from pathlib import Path

SOUND = """
[plant]
id = "p1"

[connectors.press]
type = "mqtt"
topics = ["factory/{line}/{station}/measurements"]

[characteristics."line1/op10/bore"]
lsl = 9.96
usl = 10.04
chart = "xbar-r"
subgroup_size = 5

[characteristics."line1/op10/depth"]
lsl = 4.9

[metrics.bore]
kind = "cpk"
of = ["line1/op10/bore"]

[objectives.O1]
title = "Capable"
level = "company"
period = "2026-Q4"

[key_results.KR1]
objective = "O1"
title = "Bore"
metric = "bore"
start = 0.9
target = 1.33
"""


def write(folder: Path, text: str, name: str = "plant.toml") -> Path:
    """The text as a file of the folder."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def within(table: str, lines: str, text: str = SOUND) -> str:
    """The text with lines added at the head of a table."""
    head = f"[{table}]\n"
    assert text.count(head) == 1, table
    return text.replace(head, head + lines + "\n")


def instead(old: str, new: str, text: str = SOUND) -> str:
    """The text with one piece replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)
