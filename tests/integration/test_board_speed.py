"""What `benchmarks.bench_board` measures, at a small size and with room for a slow machine that is busy."""

import httpx

from benchmarks.bench_board import answered, delays, painted
from benchmarks.board_history import END_NS, SECOND_NS, fill
from connectors.history import HistoryWriter
from tests.browser.board import looking, needs_browser
from tests.seeding import Rows, add_point

pytestmark = needs_browser

POINTS = 100_000
ANSWER_MS, PAINT_MS, SCREEN_MS = 1_000, 3_000, 5_000


def test_a_thousand_tiles_are_there_soon_and_a_point_is_on_the_screen_soon(browser, tmp_path):
    fill(tmp_path / "history.db", POINTS)
    with looking(browser, tmp_path) as board:
        page = board.open("/")
        assert page.locator("#plant [data-c]").count() == 1_000
        assert answered(board.url) < ANSWER_MS
        answer = httpx.get(board.url, headers={"Accept-Encoding": "gzip"}, trust_env=False)
        assert int(answer.headers["content-length"]) < len(answer.content) / 3
        assert painted(browser, board.url, 2) < PAINT_MS
        writer = HistoryWriter(tmp_path / "history.db", "journal")

        def send(number: int) -> str:
            rows, at = Rows(writer), END_NS + number * SECOND_NS
            add_point(rows, number, [10 + number / 1e4], at, idx=0)
            rows.commit(at)
            return f"{10 + number / 1e4:.6g}"

        taken = delays(page, send, 20, 0.05)
        writer.close()
        assert 0 < min(taken) <= max(taken) < SCREEN_MS
