"""Capability on a characteristic's page: every index of the window and the latest day, and the verdict explained."""

from math import nan

from board.figures import verdicts
from board.figures.table import SYMBOLS, lines, parts_per_million
from board.history.rows import Shown
from board.history.selection import Specification, judged_by
from board.history.statements import Item, item, specification
from board.page import Asked


def part(asked: Asked) -> Shown:
    """`capability_lines` of the window and the latest day, and what is said of the first of them that there is."""
    own = item(asked.view, asked.name)
    statements = [own.statement("capability"), own.statement("day")]
    held = [_specification(asked, own, one) for one in statements]
    found: Shown = {
        "capability_item": own.shown,
        "capability_counts": own.counts,
        "capability_statements": statements,
        "capability_lines": lines(statements, own.unit),
        "capability_symbols": SYMBOLS,
        "capability_expected": [
            parts_per_million(one, by.lsl, by.usl) for one, by in zip(statements, held, strict=True)
        ],
        "capability_said": [],
        "capability_reasons": [],
    }
    told = statements[0] or statements[1]
    if told is None:
        return found
    bounds = held_against(asked, own, told, held[0] if statements[0] else held[1])
    words = told["verdicts"] if isinstance(told["verdicts"], list) else [str(told["verdict"])]
    t = asked.language.t
    said = [] if own.counts else verdicts.headline(t, told, bounds)
    shown = [word for word in words if not (own.counts and word == "no-spec")]
    return found | {"capability_said": said, "capability_reasons": verdicts.reasons(t, told, shown, bounds)}


def _specification(asked: Asked, own: Item, statement: Shown | None) -> Specification:
    revision = None if statement is None else statement["specification_revision"]
    return specification(asked.view, own.number, revision)


def held_against(asked: Asked, own: Item, told: Shown, by: Specification) -> verdicts.Bounds:
    """What a statement is held against."""
    judged, target = judged_by(own.shown, by, asked.board.plant), own.shown["cpk_target"]
    return verdicts.Bounds(
        by.lsl, by.usl, judged.floor, float(target) if isinstance(target, (int, float)) else nan, judged.minimum_n,
        judged.resolution, by.revision, int(str(told["limits_revision"] or 0)),
    )  # fmt: skip
