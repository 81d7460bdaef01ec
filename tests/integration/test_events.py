import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from connectors.history import HistoryWriter
from tests.seeding import BORE, END_NS, NAMES, Rows, add_point, add_signal, seed_history
from tests.serving import serving

API = "/api/v1"


class Stream:
    """The events of one stream, read in a thread."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.events: list[tuple[str, str, dict]] = []
        self._thread = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._thread.start()

    def _read(self, lines: Iterator[str]) -> None:
        found: dict[str, str] = {}
        try:
            for line in lines:
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    found[name] = value
                elif "data" in found:
                    self.events.append((found["id"], found["event"], json.loads(found["data"])))
                    found = {}
        except httpx.HTTPError:
            return

    def wait(self, count: int) -> list[tuple[str, str, dict]]:
        deadline = time.monotonic() + 30
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.events) >= count, self.events
        return self.events

    def wait_for(self, kind: str) -> None:
        """Wait until an event of a kind has come, whatever came before it."""
        deadline = time.monotonic() + 30
        while kind not in (name for _, name, _ in self.events) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert kind in [name for _, name, _ in self.events], self.events

    def ended(self) -> bool:
        self._thread.join(30)
        return not self._thread.is_alive()


@contextmanager
def stream(client: httpx.Client, last: str | None = None, **parameters: object) -> Iterator[Stream]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with client.stream("GET", f"{API}/events", params=parameters, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response.iter_lines())
        # closing alone would wait for the thread that is reading
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)


@pytest.fixture
def live(tmp_path) -> Iterator[tuple[httpx.Client, HistoryWriter]]:
    seed_history(tmp_path / "history.db")
    writer = HistoryWriter(tmp_path / "history.db", "journal-1")
    try:
        with serving(tmp_path) as client:
            yield client, writer
    finally:
        writer.close()


def one_more(writer: HistoryWriter, number: int = 1) -> None:
    more = Rows(writer)
    time_ns = END_NS + number * 60 * 10**9
    add_point(more, BORE, [10.02] * 5, time_ns, signals=1)
    add_signal(more, BORE, 10.02, time_ns, "beyond-3-sigma")
    more.commit(time_ns)


def test_events_come_as_they_are_committed_and_resume_where_they_stopped(live):
    client, writer = live
    with stream(client) as first:
        (ready,) = first.wait(1)
        one_more(writer, 1)
        events = first.wait(3)
    assert [name for _, name, _ in events] == ["ready", "point", "signal"]
    uuid, row = ready[0].split(":")
    assert events[1][0] == f"{uuid}:{int(row) + 1}"
    assert (events[1][2]["characteristic"], events[1][2]["rules"]) == (NAMES[BORE], ["beyond-3-sigma"])
    one_more(writer, 2)
    with stream(client, last=events[1][0]) as second:
        resumed = second.wait(3)
    assert [event[0] for event in resumed] == [f"{uuid}:{int(row) + k}" for k in (2, 3, 4)]


def test_events_can_be_chosen_by_kind_and_characteristic(live):
    client, writer = live
    with stream(client, kind="signal") as signals, stream(client, characteristic="line2/*") as others:
        signals.wait(1)
        others.wait(1)
        one_more(writer)
        assert [name for _, name, _ in signals.wait(2)] == ["ready", "signal"]
        more = Rows(writer)
        more.add("key_result", key_result="KR1", objective="O1", time=END_NS, day=0, status="red", revision=11)
        more.commit(END_NS)
        assert others.wait(2)[1][1] == "key_result"
        assert others.events[1][2]["day"] is None


def test_a_listener_of_another_history_or_far_behind_is_told_to_load_anew(live):
    client, _ = live
    with stream(client, last="11111111-2222-3333-4444-555555555555:5") as foreign:
        assert foreign.wait(1)[0][1] == "reset"


def test_a_history_that_comes_later_or_is_replaced_is_followed(tmp_path):
    with serving(tmp_path) as client:
        with stream(client) as first:
            seed_history(tmp_path / "history.db")
            assert first.wait(1)[0][1] == "ready"
            for path in tmp_path.glob("history.db*"):
                path.unlink()
            seed_history(tmp_path / "history.db")
            first.wait_for("reset")  # the first one was followed while it was filled
        deadline = time.monotonic() + 30
        while "plumbline_event_listeners 0.0" not in client.get("/metrics").text:
            assert time.monotonic() < deadline, "a listener that went is still counted"


def test_pages_longer_than_one_read_come_whole_and_in_order(live):
    client, writer = live
    with stream(client, characteristic=NAMES[BORE]) as all_of_it:
        (ready,) = all_of_it.wait(1)
        more = Rows(writer)
        for number in range(1300):
            add_point(more, BORE, [10.0] * 2, END_NS + number * 10**9)
            more.add("reading", characteristic=BORE, seq=number, idx=0, time=END_NS, value=1.0, state="late")
        more.commit(END_NS)
        numbers = [int(event[0].split(":")[1]) for event in all_of_it.wait(1301)]
    first = int(ready[0].split(":")[1])
    assert numbers == [first, *range(first + 1, first + 2600, 2)]


def test_the_process_stops_while_somebody_listens(tmp_path):
    seed_history(tmp_path / "history.db")
    with serving(tmp_path) as client:
        opened = client.build_request("GET", f"{API}/events")
        response = client.send(opened, stream=True)
        listener = Stream(response.iter_lines())
        listener.wait(1)
        port = client.base_url.port
    assert listener.ended()
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0
