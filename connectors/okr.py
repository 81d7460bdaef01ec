"""OKR store out: rows of the outbox pushed over HTTP, each under its own idempotency key."""

import ssl
import string
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from connectors.errors import TargetAway

# What an OKR store refuses for good with, in JSON (problem details). All else is about us, the moment, or another
# server at that address, and is sent again later.
REFUSED = (400, 409, 413, 422)
STORE_HEADER = "Plumbline-Store"  # in every answer of the built-in store: its uuid
ANSWER_KEPT = 2000  # characters

_VISIBLE = "".join(set(string.punctuation) - {"%"})


class Answer(NamedTuple):
    """What the store said for good: 2xx taken, 4xx refused."""

    status: int
    text: str

    @property
    def taken(self) -> bool:
        """Whether the store has it (now, or already before)."""
        return 200 <= self.status < 300


class OkrClient:
    """Pushes JSON to the OKR store at `url` (scheme, host and port; the outbox holds whole paths).

    `built_in`: only what names itself a Plumbline store is one. Another OKR system need not. `token_file` holds the
    token instead, and is read with each push. `certificate`: the server's own, and no other is taken.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        token_file: Path | None = None,
        timeout_seconds: float = 10.0,
        built_in: bool = False,
        certificate: Path | None = None,
    ) -> None:
        self._where = f"OKR store at {url}"
        self._built_in, self._token_file = built_in, token_file
        verify = _pinned(certificate) if certificate else True
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # trust_env: a proxy of the environment has no business with a store on the same machine
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=timeout_seconds, trust_env=False, verify=verify
        )

    def post(self, path: str, key: str, body: str, history: str = "") -> Answer:
        """Push `body` to `path`; the same key again, with results of the same `history` (uuid), changes nothing there.

        Raises `TargetAway` unless a store has taken it or refused it for good: when it is away, hangs, fails (5xx),
        is overloaded, does not let us in, or when something else answers at its address.
        """
        headers = {"Idempotency-Key": header_value(key)} | ({"Plumbline-History": history} if history else {})
        headers |= self._shown()
        try:
            response = self._client.post(path, content=body.encode(), headers=headers)
        except httpx.TransportError as error:
            raise TargetAway(f"{self._where}: {error}", type(error).__name__) from error
        answer = Answer(response.status_code, response.text[:ANSWER_KEPT])
        content_type = response.headers.get("Content-Type", "")
        says_json = "json" in content_type
        too_long = answer.status == 413 and content_type.startswith("application/problem+json")  # said before the store
        known = not self._built_in or STORE_HEADER in response.headers or too_long
        if known and (answer.taken or (answer.status in REFUSED and says_json)):
            return answer
        if answer.status in (401, 403):
            why = "expected a token that may push there"
        else:
            why = "does not take it now" if known else "something else answers there"
        raise TargetAway(
            f"{self._where}: {why} (POST {path}: status {answer.status}: {answer.text[:500]})", str(answer.status)
        )

    def _shown(self) -> dict[str, str]:
        """The token of the file; none while it is not there."""
        if self._token_file is None:
            return {}
        try:
            return {"Authorization": f"Bearer {self._token_file.read_text('ascii').strip()}"}
        except FileNotFoundError:
            return {}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _pinned(certificate: Path) -> ssl.SSLContext:
    """Takes that very certificate from the server, whatever name it is for and whoever has signed it."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def header_value(key: str) -> str:
    """The key as a header may hold it: visible ASCII as it is, all else (and %) percent-encoded, so still unique."""
    return quote(key, safe=_VISIBLE)
