"""HTTP proxies that fail: away, hanging, 429, 500, 400, and an answer that is lost after it was given."""

import gzip
import socket
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Event, Lock, Thread
from urllib.parse import unquote, urlsplit
from zlib import crc32

MODES = ("away", "hang", "429", "500", "400", "answer-lost")
SUFFERS = 0.7  # the share of the requests that a fault meets
HANG_SECONDS = 3.0
HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "keep-alive"}


def is_poisoned(line: str) -> bool:
    """Whether InfluxDB takes this line for a broken one, whoever sends it and whenever: one in 400."""
    return crc32(line.encode()) % 400 == 0


class FaultProxy:
    """Passes requests on to `target`; in a mode of `MODES` most of them meet its fault.

    `lines`: the target takes lines, and some of them are broken (`is_poisoned`): a request that holds one is answered
    400 whatever the mode, and in the mode 400 any request of several lines. Another target is asked for JSON, and a
    400 comes from somebody else at its address.
    """

    def __init__(self, target: str, seed: int, *, lines: bool = False) -> None:
        self.mode = "pass"
        self.met: Counter[str] = Counter()  # faults by mode
        self.poisoned: set[str] = set()  # the broken lines that were seen
        self.taken: list[str] = []  # idempotency keys of what the target has taken, in order
        self.calm = Event()
        self.lines = lines
        parts = urlsplit(target)
        self.to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._random, self._lock = Random(seed), Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def fails(self, mode: str) -> None:
        """From now on requests meet this fault, or none with `pass`."""
        self.mode = mode
        if mode == "pass":
            self.calm.set()
        else:
            self.calm.clear()

    def fault(self) -> str:
        """The fault that the next request meets, or `pass`."""
        mode = self.mode
        with self._lock:
            if mode == "pass" or self._random.random() >= SUFFERS:
                return "pass"
            self.met[mode] += 1
        return mode

    def refuses(self, body: bytes) -> bool:
        """Whether a request holds broken lines; they are kept in mind."""
        found = [line for line in plain(body).decode().split("\n") if is_poisoned(line)] if self.lines else []
        with self._lock:
            self.poisoned.update(found)
        return bool(found)

    def close(self) -> None:
        self.fails("pass")
        self._server.shutdown()
        self._server.server_close()


def plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(OSError):  # whoever asks may be killed at any moment
                super().handle()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if len(body) < size:  # whoever asks was killed meanwhile
                self._drop()
            else:
                self._meet(proxy.fault(), body)

        def _meet(self, fault: str, body: bytes) -> None:
            if fault in ("away", "hang"):
                if fault == "hang":
                    proxy.calm.wait(HANG_SECONDS)
                self._drop()
            elif fault in ("429", "500"):
                self._answer(int(fault), {"Content-Type": "application/json"}, b'{"message": "not now"}')
            elif proxy.refuses(body) or (fault == "400" and proxy.lines and b"\n" in plain(body)):
                self._answer(400, {"Content-Type": "application/json"}, b'{"message": "a broken line"}')
            elif fault == "400" and not proxy.lines:
                self._answer(400, {"Content-Type": "text/html"}, b"<h1>who are you</h1>")
            else:
                self._pass_on(body, lost=fault == "answer-lost")

        def _pass_on(self, body: bytes, *, lost: bool) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection = HTTPConnection(*proxy.to, timeout=20)
            try:
                connection.request("POST", self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except OSError:
                return self._drop()
            finally:
                connection.close()
            key = self.headers.get("Idempotency-Key")
            if key is not None and 200 <= answer.status < 300:
                proxy.taken.append(unquote(key))
            if lost:
                return self._drop()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            self._answer(answer.status, kept, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(content)
            except OSError:  # whoever asked is dead, or has given up
                self.close_connection = True

        def _drop(self) -> None:
            self.close_connection = True
            with suppress(OSError):  # it is closed already
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
