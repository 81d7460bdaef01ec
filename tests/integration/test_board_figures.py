import json
import sqlite3

import pytest
from playwright.sync_api import expect

from connectors.history import HistoryWriter
from tests.browser.board import needs_browser
from tests.seeding import BORE, DEPTH, END_NS, FORCE, LAST_DAY, MINUTE_NS, NAMES, Rows, add_figures, add_point

pytestmark = needs_browser


@pytest.fixture
def writer(board):
    writer = HistoryWriter(board.folder / "history.db", "journal-1")
    yield writer
    writer.close()


def shown(board, number: int, query: str = ""):
    return board.open(f"/characteristics/{NAMES[number]}{query}")


def test_the_histogram_is_of_the_windows_readings_with_limits_mean_and_curves(board):
    page = shown(board, BORE)
    histogram = page.locator("#histogram")
    expect(histogram).to_contain_text("125 single readings of the rolling window")
    expect(histogram.locator(".mark")).to_have_count(4)
    expect(histogram.locator("polyline.curve")).to_have_count(2)
    points = page.request.get(f"{board.url}/api/v1/points?characteristic={NAMES[BORE]}&limit=25").json()
    values = [value for point in points for value in point["values"]]
    below, above = sum(value < 9.96 for value in values), sum(value > 10.04 for value in values)
    told = f"Of 125 readings {below} lie below the specification and {above} above it."
    expect(histogram).to_contain_text(told)
    histogram.locator("summary").click()
    counts = histogram.locator("tbody td:nth-child(3)").all_inner_texts()
    assert sum(int(count.split()[0]) for count in counts) == 125
    histogram.get_by_role("link", name="Study of these readings").click()
    expect(page.locator(".capability tr", has_text="Readings (n)")).to_contain_text("125")


def test_the_histogram_of_a_period_says_so_and_a_period_that_is_none_too(board):
    page = shown(board, DEPTH, "?from=2026-11-21T16:00&to=2026-11-21T18:00")
    expect(page.locator("#histogram")).to_contain_text("24 single readings from 2026-11-21T16:00 to 2026-11-21T18:00")
    page = shown(board, DEPTH, "?from=2026-11-30&to=2026-11-29")
    expect(page.locator("#histogram [role=alert]")).to_contain_text("expected an end after the start")


def test_the_capability_table_has_every_index_and_the_verdict_in_a_sentence(board):
    page = shown(board, BORE)
    capability = page.locator("#capability")
    rows = dict(zip(capability.locator("tbody th").all_inner_texts(),
                    capability.locator("tbody td:nth-child(2)").all_inner_texts(), strict=True))  # fmt: skip
    assert [name for name in rows if name.startswith("C") or name.startswith("P")] == [
        "Cp", "Cpl", "Cpu", "Cpk", "Pp", "Ppl", "Ppu", "Ppk", "Cpm", "Points",
        "Points beyond limits"]  # fmt: skip
    assert rows["Cpk"].split("\n")[0].startswith("1.02")
    assert "≥ 0.89" in rows["Cpk"]
    assert (rows["Cpm"], rows["Mean"], rows["Sigma within"]) == ("1.10", "10.001 mm", "0.01 mm")
    expect(capability).to_contain_text("Cpk 1.02 is below its floor of 1.20.")
    expect(capability).to_contain_text("Judged by specification revision 1 (9.96 … 10.04) and limits revision 1.")
    expect(capability).to_contain_text("Nothing speaks against the figure")
    page = shown(board, FORCE)
    expect(page.locator("#capability")).to_contain_text("▲ unstable")
    expect(page.locator("#capability")).to_contain_text("at least 105")


def test_every_verdict_of_the_set_is_explained_and_a_new_figure_is_shown_as_it_comes(board, writer):
    page = shown(board, BORE)
    expect(page.locator("#capability .reasons li")).to_have_count(1)
    rows = Rows(writer)
    add_figures(rows, "capability", BORE, 1.4, time=END_NS + MINUTE_NS, ppk=0.9, ppk_lower=0.8, beyond_limits=6,
                verdict="unstable", verdicts='["unstable", "drifting"]')  # fmt: skip
    rows.commit(END_NS + MINUTE_NS)
    reasons = page.locator("#capability .reasons li")
    expect(reasons).to_have_count(2)
    expect(reasons.first).to_contain_text("6 of 25 points lie beyond their limits; chance explains at most 1")
    expect(reasons.first).to_contain_text("Ppk/Cpk is 0.64, below 0.75")
    expect(reasons.last).to_contain_text("Ppk 0.90 is below the floor of 1.20, though Cpk 1.40 is not")


def test_days_are_drawn_by_kind_and_lead_to_their_time(board, writer):
    rows = Rows(writer)
    add_figures(rows, "day", BORE, 1.4, day=LAST_DAY - 4, revision=2, basis="day", late=3, signals=0, within_df=100.0,
                out_of_spec_day=0, first_seq=1, last_seq=2)  # fmt: skip
    add_figures(rows, "day", BORE, 1.7, day=LAST_DAY - 5, revision=2, basis="day", late=0, signals=0, within_df=9.0,
                out_of_spec_day=0, first_seq=1, last_seq=2, n=12, verdict="insufficient",
                verdicts='["insufficient"]')  # fmt: skip
    rows.commit(END_NS)
    page = shown(board, BORE)
    days = page.locator("#days svg.drawing")
    expect(days.locator("a")).to_have_count(10)
    expect(days.locator("path.day.breach")).to_have_count(3)
    expect(days.locator("circle.hollow")).to_have_count(1)
    expect(days.locator(".interval")).to_have_count(10)
    expect(days.locator(".restated")).to_have_text(["r2", "r2"])
    expect(days.locator("title", has_text="2026-11-20")).to_have_text("2026-11-20: Cpk 0.98, n = 125; day of a breach")
    page.locator("#days summary").click()
    newest = page.locator("#days tbody tr").first
    expect(newest).to_contain_text("▼ below floor 0.98")
    expect(newest).to_contain_text("▼ breach")
    newest.get_by_role("link", name="Chart and readings").click()
    page.wait_for_url("**/*?from=2026-11-19T16%3A00%3A00Z&to=2026-11-20T16%3A00%3A00Z")
    expect(page.locator("#readings")).to_contain_text("No reading is so.")
    board.photograph("characteristic-day")


def test_limits_have_their_history_with_who_accepted_them(board, writer):
    rows = Rows(writer)
    rows.add("limits", characteristic=DEPTH, revision=1, time=END_NS, state="accepted", center=5.0, sigma=0.004,
             points=25, excluded=0, reason="accepted by li")  # fmt: skip
    rows.add("specification", characteristic=DEPTH, revision=2, time=END_NS, lsl=4.97, usl=5.03, target=5.0,
             reason="drawing C")  # fmt: skip
    rows.commit(END_NS)
    page = shown(board, DEPTH)
    limits = page.locator("#limits table").first.locator("tbody tr")
    expect(limits).to_have_count(2)
    expect(limits.first).to_contain_text("✓ accepted")
    expect(limits.first).to_contain_text("accepted by li")
    expect(limits.last).to_contain_text("25 points, 0 left out")
    expect(page.locator("#limits table").last).to_contain_text("drawing C")
    expect(page.locator("#accept button")).to_have_count(0)


def test_readings_are_paged_and_chosen_without_a_script(board):
    page = shown(board, DEPTH)
    rows = page.locator("#readings tbody tr")
    expect(rows).to_have_count(25)
    newest = rows.first.inner_text()
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(25)
    assert rows.first.inner_text() != newest
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(10)  # of 60
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
    page.get_by_role("link", name="Newest").click()
    expect(rows.first).to_contain_text("2026-11-21 20:55:00")
    seq = (END_NS - 5 * MINUTE_NS) // MINUTE_NS
    page.get_by_label("Part", exact=True).fill(f"SN{seq}-0")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(f"SN{seq}-0")
    href = page.locator("#readings").get_by_role("link", name="Readings").get_attribute("href")
    assert href is not None
    assert f"part=SN{seq}-0" in href
    assert page.request.get(board.url + href).text().count("\r\n") == 2


def test_a_new_reading_is_among_them_as_it_comes(board, writer):
    page = shown(board, DEPTH)
    rows = Rows(writer)
    told = json.dumps([{"lot": "L7", "operator": "<b>W1</b>"}])
    add_point(rows, DEPTH, [5.0123], END_NS + MINUTE_NS, contexts=told)
    rows.commit(END_NS + MINUTE_NS)
    newest = page.locator("#readings tbody tr").first
    expect(newest).to_contain_text("5.0123")
    expect(newest).to_contain_text("<b>W1</b>")


def test_a_chart_of_counts_has_its_rate_and_neither_histogram_nor_study(board):
    with sqlite3.connect(board.folder / "history.db") as db:
        db.execute('UPDATE "characteristic" SET "chart" = \'p\' WHERE "characteristic" = ?', (DEPTH,))
        told = '"cpk" = NULL, "mean" = 0.04, "out_of_spec" = 5, "verdicts" = \'["no-spec"]\''
        for kind in ("capability", "day"):
            db.execute(f'UPDATE "{kind}" SET {told} WHERE "characteristic" = ?', (DEPTH,))
    page = shown(board, DEPTH)
    expect(page.locator("#capability")).to_contain_text("0.04 a unit: 5 found in 60 inspected, in 25 inspections.")
    expect(page.locator("#histogram")).to_have_count(0)
    expect(page.locator("#days h2")).to_have_text("Rate a day")
    expect(page.locator("#days").get_by_role("link", name="Study")).to_have_count(0)
