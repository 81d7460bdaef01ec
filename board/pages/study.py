"""A study: the capability of chosen readings, by the functions of the stored figures, to be printed."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from math import isnan, nan

import numpy as np

from board.figures import verdicts
from board.figures.histogram import Fitted, histogram
from board.figures.run import Plotted, run
from board.figures.table import SYMBOLS, lines, parts_per_million
from board.history.measured import CONTEXT, Choice
from board.history.queries import read_meta
from board.history.rows import Shown
from board.history.selection import (
    MOST,
    Selection,
    Specification,
    TooMany,
    judged_by,
    past_calibration,
    select,
    specification_at,
)
from board.history.statements import Item, item
from board.page import Asked, NoSuchThing, Page
from board.pages.characteristic.range import PARAMETERS, chosen, told
from board.times import rfc3339
from rules.normality import LEAST, anderson_darling
from rules.overdue import by_gauge
from rules.study import Figures, Judged, figures
from rules.verdicts import names

FEWEST = 2  # readings, below which nothing can be said
MOST_NAMED = 6  # lots, operators … that are named one by one
DOUBT = 0.05  # a p below it speaks against a normal distribution
LONGEST = 200  # of what is written about a study


def content(asked: Asked) -> Shown:
    """What was asked for, and the study of it or (`refused`) why there is none."""
    try:
        own = item(asked.view, asked.name)
    except KeyError:
        raise NoSuchThing(asked.language.t("characteristic.unknown", name=asked.name)) from None
    asked_for, context = chosen(asked), told(asked)
    found: Shown = {
        "characteristic": asked.name, "item": own.shown, "range": asked_for, "told": context, "context": PARAMETERS,
        "who": _written(asked, "who") or asked.asker.name, "note": _written(asked, "note"), "most": MOST,
        "fewest": FEWEST, "made": rfc3339(int(datetime.now(UTC).timestamp()) * 10**9),
        "as_of": rfc3339(read_meta(asked.view.db).last_tick_ns), "study": None, "refused": "",
    }  # fmt: skip
    if asked_for.wrong:
        return found | {"refused": "period"}
    if own.counts:
        return found | {"refused": "counts"}
    if not asked_for.given and not context:
        return found | {"refused": "unasked"}
    try:
        taken = select(asked.view, own.number, str(own.shown["chart"]), Choice(*asked_for.period, context))
    except TooMany:
        return found | {"refused": "too-many"}
    if len(taken.readings) < FEWEST:
        return found | {"refused": "few", "readings": len(taken.readings)}
    return found | _studied(asked, own, taken, specification_at(asked.view, own.number, asked_for.period.end_ns))


def _written(asked: Asked, name: str) -> str:
    return asked.query.get(name, "").strip()[:LONGEST]


def _studied(asked: Asked, own: Item, taken: Selection, by: Specification) -> Shown:
    """The figures of a selection, its drawings and what is said of it."""
    judged = judged_by(own.shown, by, asked.board.plant)
    of = figures(taken.chosen(), judged)
    overdue = past_calibration(taken, asked.name, asked.board.plant, asked.view.calendar)
    words = names(by_gauge(of.verdicts, bool(overdue)))
    statement, held = _statement(of), _held(own, judged, by, taken)
    t = asked.language.t
    said = [] if isnan(by.lsl) and isnan(by.usl) else verdicts.headline(t, statement, held)
    return {
        "study": statement,
        "said": said,
        "reasons": verdicts.reasons(t, statement, words, held),
        "lines": lines([statement], own.unit),
        "symbols": SYMBOLS,
        "expected": [parts_per_million(statement, by.lsl, by.usl)],
        "histogram": histogram(taken.values, judged.resolution, (by.lsl, by.target, by.usl),
                               Fitted(of.mean, of.sigma_overall, of.sigma_within)),
        "run": _run(taken, by),
        "normal": _normality(taken.values),
        "overdue": sorted(overdue),
        "first": rfc3339(min(one.time_ns for one in taken.readings)),
        "last": rfc3339(max(one.time_ns for one in taken.readings)),
        "holds": _holds(taken),
        "set_aside": [(state, count) for state, count in sorted(taken.set_aside.items()) if count],
        "gone": taken.gone,
        "specification": by,
    }  # fmt: skip


def _statement(of: Figures) -> Shown:
    """The figures as a stored statement is shown: None for what is undefined."""
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in asdict(of).items()}


def _held(own: Item, judged: Judged, by: Specification, taken: Selection) -> verdicts.Bounds:
    target = own.shown["cpk_target"]
    return verdicts.Bounds(
        by.lsl, by.usl, judged.floor, float(target) if isinstance(target, (int, float)) else nan, judged.minimum_n,
        judged.resolution, by.revision, max((point.revision for point in taken.points), default=0),
    )  # fmt: skip


def _run(taken: Selection, by: Specification) -> object:
    """Of each point the mean of what was chosen of it."""
    chosen_ones = {one.place for one in taken.readings}
    plotted = []
    for point in taken.points:
        values = [one.counts_for for one in point.readings if one.place in chosen_ones and one.counts_for is not None]
        plotted.append(Plotted(sum(values) / len(values), point.limits, point.beyond))
    return run(plotted, (by.lsl, by.usl))


def _normality(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Shown:
    a2, p = anderson_darling(values)
    verdict = "few" if len(values) < LEAST else "none" if isnan(p) else "against" if p < DOUBT else "nothing-against"
    return {"a2": None if isnan(a2) else a2, "p": None if isnan(p) else p, "verdict": verdict}


def _holds(taken: Selection) -> dict[str, str]:
    """What the readings come from, by field of the context, the most frequent first; of many the first and the last."""
    found = {}
    for name in CONTEXT:
        counts = Counter(str(one.context[name]) for one in taken.readings if one.context.get(name))
        if counts:
            few = len(counts) <= MOST_NAMED
            named = [value for value, _ in counts.most_common()] if few else [min(counts), "…", max(counts)]
            found[name] = ", ".join(named) if few else f"{len(counts)}: {' '.join(named)}"
    return found


PAGE = Page("study", "/study/{name:path}", content, menu=False, stream=False)
