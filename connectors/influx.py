"""InfluxDB out: lines written through influxdb-client, synchronously, with what the server answered in view."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from connectors.errors import TargetAway

LINES_A_REQUEST = 5000
# The server looked at the lines and does not take one of them: bad request, too large, not processable.
REFUSED = (400, 413, 422)


class RefusedLine(NamedTuple):
    """A line that the server refuses by itself, with its status and what it said."""

    line: str
    status: int
    answer: str


class InfluxWriter:
    """Writes line protocol into one bucket of an InfluxDB 2 (`/api/v2/write`, nanoseconds, gzip)."""

    def __init__(
        self,
        url: str,
        *,
        bucket: str,
        org: str,
        token: str = "",
        timeout_seconds: float = 10.0,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._answered = answered  # told after each request: finding a bad line takes many
        self._where = f"InfluxDB at {url}, bucket {bucket!r}"
        self._bucket = bucket
        self._client = InfluxDBClient(
            url=url, token=token, org=org, timeout=int(timeout_seconds * 1000), enable_gzip=True
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: Sequence[str]) -> list[RefusedLine]:
        """Write all lines, at most 5,000 a request; what the server refuses is halved until each bad line is found.

        Everything else is then written. Raises `TargetAway` when the server is away, overloaded, hangs, or does
        not let us in; the same lines may be written again without effect.
        """
        refused: list[RefusedLine] = []
        waiting = [lines[at : at + LINES_A_REQUEST] for at in range(0, len(lines), LINES_A_REQUEST)][::-1]
        while waiting:
            part = waiting.pop()
            said = self._send(part)
            self._answered()
            if said is None:
                continue
            if len(part) == 1:
                refused.append(RefusedLine(part[0], *said))
            else:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
        return refused

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]  # the client says no types here

    def _send(self, lines: Sequence[str]) -> tuple[int, str] | None:
        """One request; None when written, (status, answer) when refused."""
        body = "\n".join(lines).encode("utf-8", "replace")
        try:
            # The client's precisions are plain text, whatever its signature says.
            self._api.write(bucket=self._bucket, record=body, write_precision="ns")  # type: ignore[arg-type]
        except ApiException as error:
            status, answer = int(error.status or 0), _answer(error)
            if status in REFUSED:
                return status, answer
            raise TargetAway(f"{self._where}: {_why(status)} (status {status}: {answer})", str(status)) from error
        except (HTTPError, OSError) as error:
            raise TargetAway(f"{self._where}: {error}", type(error).__name__) from error
        return None


def _why(status: int) -> str:
    if status in (401, 403):
        return "expected a token that may write there, and this one may not"
    if status == 404:
        return "expected the bucket and organisation to exist"
    return "does not take anything now"


def _answer(error: ApiException) -> str:
    """What the server said, in at most 500 characters: InfluxDB 2 says `message`, InfluxDB 1 `error`."""
    body = error.body if isinstance(error.body, str) else ""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if isinstance(said, dict):
        body = str(said.get("message") or said.get("error") or body)
    return (body or str(error.reason))[:500]
