"""Signing in with a real browser: what it keeps, sends and shows; and HTTPS by the web process itself."""

import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from config.roles import Role
from connectors.errors import TargetAway
from connectors.okr import OkrClient
from connectors.tokens import PUSH_FILE, add_token, revoke_token
from tests.browser.board import PHONE, faults_of_access, looking, needs_browser, seed
from tests.programs import require_program
from tests.serving import serving


@needs_browser
def test_a_person_signs_in_stays_signed_in_and_signs_out(browser: Browser, tmp_path: Path) -> None:
    seed(tmp_path)
    token = add_token(tmp_path, "王师傅", Role.WRITE)
    with looking(browser, tmp_path) as board:
        page = board.page
        page.goto(f"{board.url}/key-results")
        expect(page).to_have_url(f"{board.url}/login?next=/key-results")
        expect(page.get_by_label("Access token")).to_be_focused()
        assert faults_of_access(page) == []
        board.photograph("login")

        page.get_by_label("Access token").fill("plumbline_guess")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("That is no token")

        page.get_by_label("Access token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{board.url}/key-results")
        expect(page.get_by_role("link", name="王师傅")).to_be_visible()
        expect(page.locator("#live")).to_have_class("live on")
        (cookie,) = [one for one in page.context.cookies() if one["name"] == "plumbline-suzhou-1"]
        assert (cookie["httpOnly"], cookie["sameSite"], page.evaluate("document.cookie")) == (True, "Strict", "")

        page.goto("about:blank")  # a link from elsewhere, a mail: the cookie comes with what the answer leads on to
        page.evaluate(f"location.href = '{board.url}/?from=mail'")
        expect(page).to_have_url(f"{board.url}/?from=mail")
        expect(page.get_by_role("link", name="王师傅")).to_be_visible()

        page.get_by_role("link", name="王师傅").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Access token")).to_be_visible()
        page.goto(f"{board.url}/")
        expect(page).to_have_url(f"{board.url}/login?next=/")

        page.get_by_label("Access token").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#live")).to_have_class("live on")
        revoke_token(tmp_path, "王师傅")
        expect(page).to_have_url(
            f"{board.url}/login?next=%2F", timeout=30_000
        )  # the page sees that its session is over
        # What the browser says of a wrong token and of a session that is over; the page elsewhere.
        expected = ("403", "401", "about:blank")
        board.faults[:] = [fault for fault in board.faults if not any(one in fault for one in expected)]


@needs_browser
def test_on_a_phone_and_in_chinese(browser: Browser, tmp_path: Path) -> None:
    add_token(tmp_path, "wang", Role.READ)
    with looking(browser, tmp_path, viewport=PHONE, color_scheme="dark", locale="zh-CN") as board:
        page = board.page
        page.goto(f"{board.url}/login")
        expect(page.get_by_role("button", name="登录")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert faults_of_access(page) == []
        board.photograph("login-phone")
        revoke_token(tmp_path, "wang")
        page.reload()
        expect(page.get_by_text("还没有令牌")).to_be_visible()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for another name, and its key, beside the plant file."""
    for name in ("web", "other"):
        subprocess.run(
            [require_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-subj", "/CN=plumbline.plant.example", "-days", "2",
             "-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    return tmp_path


def test_it_speaks_https_itself_and_the_forwarder_takes_that_certificate_alone(certificate: Path) -> None:
    token = add_token(certificate, "ada", Role.ADMIN)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with serving(certificate, 'tls = { cert = "web.pem", key = "web.key" }\n', verify=trust) as client:
        assert client.base_url.scheme == "https"
        assert client.get("/health").json() == {"status": "ok"}
        signed_in = client.post("/login", data={"token": token}, headers={"Origin": str(client.base_url).rstrip("/")})
        assert "; Secure" in signed_in.headers["set-cookie"]
        tick = '{"tick": "2026-11-21T08:00:00Z"}'
        for name in ("web", "other"):
            okr = OkrClient(
                str(client.base_url), token_file=certificate / PUSH_FILE, built_in=True,
                certificate=certificate / f"{name}.pem",
            )  # fmt: skip
            if name == "web":
                assert okr.post("/api/v1/clock", "k", tick).status == 200
            else:
                with pytest.raises(TargetAway, match="certificate"):
                    okr.post("/api/v1/clock", "k", tick)
            okr.close()
        with pytest.raises(httpx.TransportError):
            httpx.get(str(client.base_url).replace("https", "http"), trust_env=False)
