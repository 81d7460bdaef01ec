"""The pages of the board, each a module with its template and, where it has one, its script in `assets`: one table."""

from board.page import Page
from board.pages import (
    alert,
    alerts,
    andon,
    characteristic,
    entry,
    health,
    key_result,
    key_results,
    performance,
    study,
)

PAGES: tuple[Page, ...] = (
    andon.PAGE,
    characteristic.PAGE,
    study.PAGE,
    key_results.PAGE,
    key_result.PAGE,
    alerts.PAGE,
    alert.PAGE,
    performance.PAGE,
    *entry.PAGES,
    health.PAGE,
    Page("api", "/docs", stream=False),
)
