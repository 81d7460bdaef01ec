"""Metrics: OEE with its factors and losses, downtime by reason, machine states, and every metric of the plant file."""

from board.history.metric_days import metric_days
from board.history.rows import Shown
from board.page import Asked, Page, nothing
from board.pages.performance import figures, oee, states, stops
from board.pages.performance.choice import chosen


def content(asked: Asked) -> Shown:
    """What was chosen, and of it what the page, or the part that is asked for, shows."""
    choice, plant = chosen(asked), asked.board.plant
    found: Shown = {"choice": choice, "lines": choice.lines()}
    if asked.part in ("", "states"):
        found |= stops.pareto(asked.view, choice) | states.time_line(asked.view, choice)
    if asked.part == "states":
        return found
    options = {} if plant is None else plant.metrics
    days = metric_days(asked.view, choice.first, choice.last)
    return found | {
        "machines": oee.machines(choice, options, days),
        "advice": oee.advice(choice, options, plant),
        "without_cycle": oee.without_cycle(choice, plant),
        "families": figures.families(choice, plant, days),
    }


# the parts follow different rows; what each shows is computed by `content`
PAGE = Page("performance", "/performance", content, parts=dict.fromkeys(("oee", "states", "figures"), nothing))
