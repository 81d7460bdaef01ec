"""How the service is doing: what is wrong and what to do, lags and rates, the disk, and the quality of the data."""

from time import monotonic

from board.history import data_quality
from board.history.queries import Range, gaps, read_meta
from board.history.rows import Shown
from board.page import Asked, Page, nothing
from board.pages.health.advice import of_gap, of_refusal
from board.pages.health.gauges import gauges
from board.pages.health.storage import storage
from board.vitals.faults import BEHIND_WALL_SECONDS, FORWARD_SECONDS, STILL_SECONDS
from board.vitals.health import facts, problem_told

BUDGETS = {"gateway": BEHIND_WALL_SECONDS, "engine": STILL_SECONDS, "forwarder": FORWARD_SECONDS}
GAPS = 200


def content(asked: Asked) -> Shown:
    """What the page, or the part that is asked for, shows; there may be no history yet."""
    found: Shown = {}
    if asked.part != "quality":
        found = _of_service(asked)
    if asked.part in ("", "quality"):
        found |= _of_data(asked)
    return found


def _of_service(asked: Asked) -> Shown:
    board = asked.board
    health, wrong = facts(board.history, board.sources)
    gateway, rates = health["processes"]["gateway"], None
    if asked.snapshot is not None:
        rates = board.sources.trend.look(asked.snapshot, gateway["last_seq"] or 0, monotonic())
    return {
        "problems": [problem_told(problem, asked.language) for problem in wrong],
        "health": health,
        "behind": {name: _behind(name, part) for name, part in health["processes"].items()},
        "budgets": BUDGETS,
        "rates": rates,
        **storage(board.history.path, gateway["disk"], board.sources.trend),
    }


def _behind(name: str, part: Shown) -> object:
    """How many seconds a process is behind: the engine behind the gateway, the others as the facts say."""
    return part["behind_seconds"] if name == "engine" else part["lag_seconds"]


def _of_data(asked: Asked) -> Shown:
    view = asked.snapshot
    if view is None:
        return {key: [] for key in ("gaps", "refusals", "silent", "late", "gauges")}
    return {
        "gaps": [gap | {"do": of_gap(gap)} for gap in reversed(gaps(view, Range(limit=GAPS)))],
        "refusals": [(one, of_refusal(one.reason)) for one in data_quality.refusals(view)],
        "silent": data_quality.silent(view),
        "late": data_quality.late(view),
        "gauges": gauges(asked.board.plant, read_meta(view.db).last_tick_ns, view.calendar.timezone),
    }


# the parts follow different rows; what each shows is computed by `content`
PAGE = Page("health", "/service", content,
            parts=dict.fromkeys(("problems", "processes", "storage", "quality"), nothing))  # fmt: skip
