"""A real Mosquitto for tests: on a free port of this machine, in a folder of the test, stopped by its pid."""

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from tests.programs import require_program

PERSISTENT = "persistence true\nautosave_interval 1\nautosave_on_changes true\n"


server_program = require_program


def free_port() -> int:
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """A broker; `config` is added to a listener without accounts and unlimited queues.

    Its sessions last over `restart()` with `PERSISTENT`, else only as long as it runs.
    """

    def __init__(self, folder: Path, config: str = "", *, tls: str = "") -> None:
        self.port = free_port()
        self._program = server_program("mosquitto")
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        user = "user root\n" if os.geteuid() == 0 else ""  # or it gives up what it needs to write its folder
        anonymous = "" if "allow_anonymous" in config else "allow_anonymous true\n"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{tls}{user}{anonymous}max_queued_messages 0\nmax_inflight_messages 1000\n"
            f"persistence_location {folder}/\n{config}"
        )
        self.start()

    def start(self) -> None:
        """Start it, and return when it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"mosquitto did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop it; a second call does nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10.0)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would: what it has not written is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10.0)
            self._process = None

    def __enter__(self) -> "Mosquitto":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
