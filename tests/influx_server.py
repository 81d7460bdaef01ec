"""Debian's InfluxDB 1.6 for tests: a real server in a temporary folder, with the write address of InfluxDB 2.

Version 1.6 lacks `/api/v2/write`; a small proxy in front of it translates that into `/write`, and passes
queries on. Both listen on free ports of this machine only, and both stop with the fixture.
"""

import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.servers import free_port, server_program

TOKEN = "test-token"
DATABASE = "plumbline"

CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "inmem"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""


class InfluxServer:
    """A server that can be stopped and started again on the same port with the same data."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port, self._backup = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(f"http://127.0.0.1:{self._port}"))
        self._proxy.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        Thread(target=self._proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "influxdb.conf"
        file.write_text(CONFIGURATION.format(folder=self._folder, port=self._port, backup=self._backup))
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen([self._program, "-config", str(file)], stdout=log, stderr=log)
        until = time.monotonic() + 30
        while True:
            try:
                self.query(f'CREATE DATABASE "{DATABASE}"', method="POST")
                return
            except OSError as error:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > until:
                    said = (self._folder / "log").read_text()[-2000:]
                    raise RuntimeError(f"influxd did not start ({error}): {said}") from error
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop this one process; the proxy then answers 503, as a server behind a load balancer would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._proxy.shutdown()
        self._proxy.server_close()

    def query(self, text: str, *, method: str = "GET") -> list[dict[str, object]]:
        """Rows of an InfluxQL query, times in nanoseconds, tags of a GROUP BY among the columns."""
        asked = urlencode({"db": DATABASE, "q": text, "epoch": "ns"})
        with urlopen(Request(f"http://127.0.0.1:{self._port}/query?{asked}", method=method), timeout=20) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, result
        return [
            dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
            for series in result.get("series", [])
            for values in series["values"]
        ]

    def count(self, measurement: str, field: str = "value") -> int:
        """How many values of `field` there are."""
        rows = self.query(f'SELECT count("{field}") AS "n" FROM "{measurement}"')
        return int(str(rows[0]["n"])) if rows else 0


@contextmanager
def influx_server(folder: Path) -> Iterator[InfluxServer]:
    """A running server; skips the test where Debian's package is absent, and fails it where CI=true."""
    server = InfluxServer(server_program("influxd"), folder)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _handler(server: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Authorization") != f"Token {TOKEN}":
                return self._answer(401, b'{"code":"unauthorized","message":"unauthorized access"}')
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            to = f"{server}/write?" + urlencode({"db": asked["bucket"], "precision": asked["precision"]})
            try:
                with urlopen(Request(to, data=body, method="POST"), timeout=20) as answer:
                    return self._answer(answer.status, answer.read())
            except HTTPError as error:
                return self._answer(error.code, error.read())
            except OSError:
                return self._answer(503, b'{"code":"unavailable","message":"the server is away"}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
