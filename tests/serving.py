"""The web process on a free port of this machine, in a thread: for tests that talk to it."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from config.load import load
from config.models import PlantFile
from flows import web

SHIFTS = 'shifts = [{ name = "day", starts_at = "08:00" }, { name = "night", starts_at = "20:00" }]\n'


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def plant_file(folder: Path, port: int, web: str = "") -> PlantFile:
    """A plant's file, with these further options of `[web]`, and the tables of `more.toml` in that folder, if any."""
    path, more = folder / "plant.toml", folder / "more.toml"
    text = f'[plant]\nid = "suzhou-1"\ntimezone = "Asia/Shanghai"\n{SHIFTS}\n[web]\nport = {port}\n{web}'
    path.write_text(text + (more.read_text("utf-8") if more.exists() else ""), "utf-8")
    return load(path)


@contextmanager
def serving(folder: Path, web_options: str = "", *, verify: ssl.SSLContext | bool = True) -> Iterator[httpx.Client]:
    """A client of the web process on the files in `folder`, with more options of `[web]`; both end with the block."""
    port, stop = free_port(), threading.Event()
    plant = plant_file(folder, port, web_options)
    thread = threading.Thread(target=web.run, args=(plant, folder, stop))
    thread.start()
    try:
        with httpx.Client(
            base_url=f"{plant.web.scheme}://127.0.0.1:{port}", timeout=10, trust_env=False, verify=verify
        ) as client:
            _wait(client, thread)
            yield client
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive(), "the web process did not stop"


def _wait(client: httpx.Client, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and thread.is_alive():
        try:
            client.get("/health")
            return
        except httpx.ConnectError:
            time.sleep(0.02)
    raise AssertionError("the web process did not start")
