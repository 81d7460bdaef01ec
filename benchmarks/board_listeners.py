"""Browsers as the web process sees them: `python -m benchmarks.board_listeners PORT HOW_MANY`.

Each has its event stream, and asks for the tiles that have changed as `board/assets/andon.js` does: at most once a
second, and not before five times as long as the last answer took. They draw nothing, so that many fit one machine.
"""

import asyncio
import re
import sys
import time

KINDS = "&".join(f"kind={kind}" for kind in ("point", "capability", "day", "episode", "limits", "specification"))
EVERY_SECONDS = 1.0
PATIENCE = 5
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_POSITION = re.compile(rb'data-position="([^"]*)"')


def _request(port: int, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\n\r\n".encode()


async def _listen(port: int, news: asyncio.Event, ready: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(port, f"/api/v1/events?{KINDS}"))
    while some := await reader.read(1 << 20):
        if b"event: ready" in some:
            ready.set()
        news.set()
    raise ConnectionError("the event stream ended")


async def _ask(port: int, news: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    since = b""
    while True:
        await news.wait()
        news.clear()
        began = time.monotonic()
        path = f"/?part=changed&since={since.decode()}"
        writer.write(_request(port, path).replace(b"Accept-Encoding: gzip\r\n", b""))
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        assert found is not None, head
        body = await reader.readexactly(int(found[1]))
        position = _POSITION.search(body)
        assert position is not None, body[:500]
        since = position[1]
        took = time.monotonic() - began
        await asyncio.sleep(max(EVERY_SECONDS - took, PATIENCE * took))


async def _browser(port: int, ready: asyncio.Event) -> None:
    news = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_listen(port, news, ready))
        tasks.create_task(_ask(port, news))


async def _all(port: int, count: int) -> None:
    there = [asyncio.Event() for _ in range(count)]
    async with asyncio.TaskGroup() as tasks:
        for ready in there:
            tasks.create_task(_browser(port, ready))
        for ready in there:
            await ready.wait()
        print("listening", flush=True)


if __name__ == "__main__":
    asyncio.run(_all(int(sys.argv[1]), int(sys.argv[2])))
