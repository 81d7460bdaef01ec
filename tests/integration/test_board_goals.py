"""Key results and alerts in a real browser: what they wait for, where values came from, the steps of a task."""

import re
import sqlite3
import time

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.board import Board, looking, needs_browser, seed
from tests.seeding import ALERT, BORE, DAY_CPK, DEPTH, FORCE, NAMES
from tests.seeding_goals import METRIC_ALERT, RESTATED, iso

pytestmark = needs_browser


@pytest.fixture
def scriptless(browser: Browser, tmp_path):
    """A page of a browser without scripts."""
    seed(tmp_path)
    with looking(browser, tmp_path, java_script_enabled=False) as found:
        yield found


def visit(board: Board, path: str) -> Page:
    """A page where no script says that it is live."""
    board.page.goto(board.url + path)
    return board.page


def tell_of_alert(board: Board, **changes: object) -> None:
    """A further revision of the alert, pushed as the forwarder does."""
    url = f"{board.url}/api/v1/alerts"
    told = httpx.get(f"{url}/{ALERT}", trust_env=False).json()
    body = {name: value for name, value in told.items() if name not in ("task", "events")} | changes
    answer = httpx.post(url, json=body, headers={"Idempotency-Key": str(changes)}, trust_env=False)
    assert answer.status_code == 201, answer.text


def test_the_tree_says_of_each_key_result_how_far_it_is_and_what_it_waits_for(board: Board):
    page = board.open("/key-results")
    bore = page.locator("[data-key-result=KR1]")
    expect(bore).to_contain_text("✕ red")
    expect(bore).to_contain_text("0.98, goal ≥ 1.33")
    expect(bore).to_contain_text("19 % of the way from 0.9 to 1.33; 55 % of the period is over")
    expect(bore).to_contain_text("an alert of its characteristics is open")
    expect(bore).to_contain_text("Waits for people:")
    expect(bore.get_by_role("link", name=NAMES[BORE])).to_have_attribute("href", f"/alerts/{ALERT}")
    expect(bore.locator("svg.progress")).to_have_accessible_name(re.compile("19 % of the way"))
    expect(page.locator("[data-key-result=KR0]")).to_contain_text("○ no-data")
    expect(page.locator("[data-key-result=KR0]")).to_contain_text("no update has come yet")
    share = page.locator("[data-key-result=KR4]")
    expect(share).to_contain_text("75 %, goal ≥ 100 % (95 % lower bound 33.3 %")
    expect(share).to_contain_text("50 % of the way from 50 % to 100 %")
    expect(share.get_by_role("link", name="capable")).to_have_attribute("href", f"/alerts/{METRIC_ALERT}")
    lacking = page.locator("[data-key-result=KR6] .waits")
    expect(lacking).to_contain_text("Waits for data:")
    expect(lacking).to_contain_text(f"{NAMES[DEPTH]} (insufficient), {NAMES[FORCE]} (stale)")
    expect(page.locator("[data-key-result=KR3] .waits")).to_contain_text("of the period have passed; it is judged from")
    expect(page.locator("[data-key-result=KR5] .waits")).to_contain_text("wang is to say how far it is")
    company = page.locator("#O0 > .rollup")
    expect(company).to_contain_text("1 ✕ red")
    expect(company).to_contain_text("1 ▲ incomplete")
    board.photograph("okr")


def test_key_results_are_filtered_and_ordered_by_their_address(board: Board):
    page = board.open("/key-results")
    page.get_by_label("Status").select_option("red")
    page.get_by_label("Order").select_option("worst")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"status=red&.*sort=worst"))
    expect(page.locator("[data-key-result]")).to_have_count(1)
    page = board.open("/key-results?sort=worst")
    names = page.locator("[data-key-result]").evaluate_all("all => all.map(one => one.dataset.keyResult)")
    assert names[:2] == ["KR1", "KR4"]  # red, then yellow
    assert names[-1] == "KR2"  # green
    page = board.open("/key-results?level=post")
    expect(page.locator("[data-key-result]")).to_have_count(3)
    page = board.open("/key-results?owner=nobody")
    expect(page.locator("[data-part=results]")).to_contain_text("No key result is so.")


def test_a_value_leads_to_its_members_their_days_and_their_charts(board: Board):
    page = board.open("/key-results/KR1")
    expect(page.locator(".figures").first).to_contain_text("Metric")
    expect(page.locator(".days-chart .dot")).to_have_count(len(DAY_CPK))
    first = page.locator("#updates tbody tr").first
    expect(first).to_contain_text("0.98")
    first.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/key-results/KR1\?revision=12#lineage$"))
    member = page.locator("#members tbody tr")
    expect(member).to_contain_text(NAMES[BORE])
    expect(member).to_contain_text("limits 1, specification 1")
    day = page.locator("#member-days tbody tr")
    expect(day).to_have_count(1)
    day.get_by_role("link", name="charts").click()
    # the production day of 20 November, from midnight in Shanghai
    expect(page).to_have_url(
        f"{board.url}/characteristics/{NAMES[BORE]}?from=2026-11-19T16:00:00Z&to=2026-11-20T16:00:00Z"
    )


def test_a_restated_value_is_struck_out_and_explained(board: Board):
    page = board.open("/key-results/KR1?revision=11")
    struck = page.locator("#updates tr", has_text=iso(RESTATED)).locator("s").first
    expect(struck).to_have_text("1.52")
    expect(page.locator("[data-part=result]")).to_contain_text("1.52 1.47 – later or corrected data have changed")
    day = page.locator("#member-days tbody tr")
    expect(day.locator("s")).to_have_text("1.52")
    expect(day).to_contain_text("1.47")
    expect(day).to_contain_text("restated (revision 2)")
    board.photograph("key-result-restated")


def test_a_milestone_is_moved_with_evidence(board: Board):
    page = board.open("/key-results/KR5")
    page.get_by_label("Your name").fill("li")
    page.get_by_label("Evidence").fill("report 4711")
    page.get_by_role("button", name="Record").click()
    card = page.locator("[data-key-result=KR5]")
    expect(card).to_contain_text("report 4711")
    expect(card).to_contain_text("✓ green")
    expect(page.locator(".log")).to_contain_text("li")
    expect(page.get_by_label("Your name")).to_have_value("li")  # it is remembered
    assert "KR5" in board.open("/key-results").locator("main").inner_text()
    expect(page.locator("[data-key-result=KR5]")).to_contain_text("report 4711")


def test_alerts_are_shown_with_their_days_the_open_ones_first(board: Board):
    page = board.open("/alerts")
    cards = page.locator("article")
    expect(cards).to_have_count(3)
    expect(page.locator("#open-alerts")).to_have_text("2")
    bore = page.locator(f'[data-alert="{ALERT}"]')
    expect(bore).to_contain_text("Cpk below 1.2 on 3 production days")
    expect(bore.locator("tbody tr")).to_have_count(3)
    expect(bore.locator(".dot.bad")).to_have_count(3)
    expect(bore.locator(".days-chart .dot")).to_have_count(len(DAY_CPK))
    expect(bore).to_contain_text("Rectification plan due 2026-11-22 08:15: 24 h left")
    expect(bore).to_contain_text("confirmed: the upper 95 % bound of the pooled figure is below the floor too")
    expect(bore).to_contain_text("Owner: production with quality, purchasing")
    metric = page.locator(f'[data-alert="{METRIC_ALERT}"]')
    expect(metric).to_contain_text("pooled value 75 % (at most –), floor 90 %")
    expect(metric).to_contain_text("indicated")
    expect(metric.locator(".days-chart .dot")).to_have_count(4)
    expect(cards.last).to_contain_text("✓ recovered")
    page.get_by_label("Owner").select_option("wang")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("owner=wang"))
    expect(page.locator("article")).to_have_count(1)
    board.photograph("alerts")


def test_a_task_takes_its_steps_and_the_log_says_who_took_them(board: Board):
    page = board.open(f"/alerts/{ALERT}")
    expect(page.locator("#days tbody tr")).to_have_count(3)
    expect(page.locator("#days tbody tr").first).to_contain_text("≥ 0.97")  # 0.87 × 1.12: the day's own bound
    expect(page.get_by_role("link", name="KR1")).to_be_visible()
    steps = (("Acknowledge", "Note (optional)", "", "acknowledged"), ("Submit plan", "The rectification plan",
             "Change the tool every 400 parts", "planned"), ("Verify (quality)", "What was verified", "120 parts",
             "verified"), ("Close", "Closing note", "new tool life", "closed"))  # fmt: skip
    page.get_by_label("Your name").fill("wang")
    for button, label, text, state in steps:
        if text:
            page.get_by_label(label).fill(text)
        page.get_by_role("button", name=button).click()
        expect(page.locator("#task")).to_contain_text(f" {state}")
        expect(page.locator(".steps")).to_contain_text(text)
    expect(page.locator("form.preferences ~ form, .steps form")).to_have_count(0)
    expect(page.locator(".log")).to_contain_text("wang submitted the plan")
    expect(page.locator(".log")).to_contain_text(re.compile("task: acknowledged\\s+→ planned"))
    board.photograph("alert-closed")


def test_a_step_works_without_scripts_and_is_taken_once(scriptless: Board):
    page = visit(scriptless, f"/alerts/{ALERT}")
    page.get_by_label("Your name").fill("wang")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#task")).to_contain_text("acknowledged")
    form = {"step": "acknowledge", "who": "wang", "text": "", "seen": "open/0"}
    again = page.request.post(f"{scriptless.url}/alerts/{ALERT}", form=form)
    assert again.ok  # the same again: done before
    expect(visit(scriptless, f"/alerts/{ALERT}").get_by_label("Your name")).to_have_value("wang")
    with sqlite3.connect(scriptless.folder / "okr.db") as db:
        assert db.execute("SELECT event, who FROM alert_event").fetchall() == [("acknowledge", "wang")]


def test_a_step_that_somebody_else_has_taken_shows_the_alert_as_it_is_now(scriptless: Board):
    page = visit(scriptless, f"/alerts/{ALERT}")
    page.get_by_label("Your name").fill("wang")
    page.get_by_label("Note").fill("I see to it")
    page.request.post(f"{scriptless.url}/api/v1/alerts/{ALERT}/events", data={"event": "acknowledge", "who": "li"})
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#refused")).to_contain_text("the task is “acknowledged” by now")
    expect(page.locator(".log")).to_contain_text("li acknowledged it")
    expect(page.get_by_role("button", name="Submit plan")).to_be_visible()
    (fault,) = scriptless.faults  # the browser says it too
    assert "409" in fault
    scriptless.faults.clear()


def test_what_others_do_appears_in_every_browser(board: Board, browser: Browser):
    first = board.open(f"/alerts/{ALERT}")
    other = browser.new_page()
    other.goto(f"{board.url}/alerts")
    expect(other.locator("#live")).to_have_class("live on")
    anywhere = browser.new_page()
    anywhere.goto(f"{board.url}/")
    expect(anywhere.locator("#open-alerts")).to_have_text("2")
    first.get_by_label("Your name").fill("wang")
    first.get_by_role("button", name="Acknowledge").click()
    began = time.monotonic()
    expect(other.locator(f'[data-alert="{ALERT}"]')).to_contain_text("▲ acknowledged", timeout=30_000)
    print(f"a step was seen elsewhere after {time.monotonic() - began:.2f} s")
    other.goto(f"{board.url}/alerts/{ALERT}")
    expect(other.locator("#live")).to_have_class("live on")
    other.get_by_label("The rectification plan").fill("half a plan")
    other.get_by_label("Your name").focus()
    tell_of_alert(board, revision=2, state="recovered")
    expect(anywhere.locator("#open-alerts")).to_have_text("1", timeout=30_000)
    expect(other.locator("[data-alert] .word").first).to_have_text("✕ open")  # somebody types there
    other.get_by_label("Your name").blur()
    tell_of_alert(board, revision=3, state="recovered", recovered_day="2026-11-24")
    expect(other.locator("[data-alert] .word").first).to_have_text("✓ recovered", timeout=30_000)
    expect(other.get_by_label("The rectification plan")).to_have_value("half a plan")  # nothing typed is lost
    other.close()
    anywhere.close()
