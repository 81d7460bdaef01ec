"""What the OPC UA tests run: servers of two makes, a proxy that cuts, and a journal behind a connector."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any, Literal, Self

import orjson

from connectors.intake import Intake, Message, Notice
from connectors.journal import JournalReader, JournalWriter, Row
from connectors.opcua.connector import OpcuaConnector
from connectors.opcua.settings import OpcuaSettings
from tests.gateway_runs import wait_until
from tests.npm import install
from tests.programs import require_program
from tests.servers import free_port

PEERS = Path(__file__).parent / "peers"
Make = Literal["asyncua", "node-opcua"]
ANSWER_SECONDS = 120.0  # a Node.js server that makes its keys first, on a machine that is busy


def install_peers() -> None:
    """node-opcua beside its package.json; once."""
    install(PEERS, "node-opcua-server")


class Peer:
    """A server process; `historized` of its `nodes` counters have a history."""

    def __init__(
        self, make: Make, *, nodes: int = 2, historized: int = 0, port: int = 0, pki: Path | None = None
    ) -> None:
        self.port = port or free_port()
        arguments = [str(self.port), str(nodes), str(historized)]
        if make == "node-opcua":
            install_peers()
            command = [require_program("node"), str(PEERS / "server.js"), *arguments]
        else:
            command = [sys.executable, "-m", "tests.peers.asyncua_server", *arguments, *([str(pki)] if pki else [])]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"XDG_CONFIG_HOME": str(PEERS / "node_modules" / ".config")},  # node-opcua's own keys
        )
        try:
            self._answer("ready")
        except BaseException:
            self.kill()
            raise
        self.namespace = 1 if make == "node-opcua" else 2

    def node(self, name: str) -> str:
        """The node id of a node of the peer's."""
        return f"ns={self.namespace};s={name}"

    def go(self, rate: float) -> None:
        """Write so many values a second to every counter."""
        self._say(f"go {rate}")

    def stop(self) -> dict[str, list[tuple[float, int]]]:
        """Write no more; what was written: (value, source time) by node, in order."""
        self._say("stop")
        written = self._answer("written")
        return {
            self.node(f"n{place}"): [(float(value), at) for value, at in rows] for place, rows in enumerate(written)
        }

    def burst(self, count: int) -> None:
        """Write so many values to every counter at once (node-opcua)."""
        self._say(f"burst {count}")
        self._answer("burst")

    def drop_subscriptions(self) -> None:
        """Forget every subscription, without a word to the clients."""
        self._say("drop")
        self._answer("dropped")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self, key: str) -> Any:
        assert self._process.stdout is not None
        patience = Timer(ANSWER_SECONDS, self._process.kill)
        patience.start()
        try:
            for line in self._process.stdout:
                with suppress(ValueError):
                    answer = json.loads(line)
                    if isinstance(answer, dict) and key in answer:
                        return answer[key]
        finally:
            patience.cancel()
        raise AssertionError(f"the peer ended before it said {key!r}")


class CutProxy:
    """TCP, passed on to `target`; while it is cut, connections are broken, or nothing passes (`hang`)."""

    def __init__(self, target: int) -> None:
        self._target, self._pairs = target, set[socket.socket]()
        self._passing = Event()
        self._passing.set()
        self._cut = self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break what there is and whatever comes."""
        self._cut = True
        for one in list(self._pairs):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Hold every byte back, in both directions, until `mend`."""
        self._passing.clear()

    def mend(self) -> None:
        """Pass on again."""
        self._cut = False
        self._passing.set()

    def close(self) -> None:
        self._ended = True
        self._passing.set()
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._cut:
                    raise ConnectionError
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._pairs |= {client, server}
            for source, sink in ((client, server), (server, client)):
                Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65_536):
                self._passing.wait()
                sink.sendall(content)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            self._pairs.discard(one)


@dataclass
class Kept:
    """What is in the journal: rows by node, the newest state of each gap, by its number."""

    rows: dict[str, list[tuple[Any, int, int]]] = field(default_factory=dict)  # value, source_ns, status
    gaps: dict[int, dict[str, Any]] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)


class Behind:
    """A connector, and behind it what the gateway does: the journal, and the acknowledgements once it has committed."""

    def __init__(self, settings: OpcuaSettings, folder: Path) -> None:
        self.folder, self.name = folder, settings.name
        self.intake = Intake()
        self._writer = JournalWriter(folder)
        self.connector = OpcuaConnector(settings, self.intake, known(self._writer, settings.name))
        self.taking, self._ended = Event(), Event()
        self.taking.set()
        self._thread = Thread(target=self._take, daemon=True)
        self.commits = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.connector.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.taking.set()
        self.connector.close()
        self._ended.set()
        self._thread.join(10)
        self._writer.close()

    def _take(self) -> None:
        while not self._ended.is_set():
            self.taking.wait(1)
            self.commit(self.intake.take(0.05))

    def commit(self, items: list[Message | Notice]) -> None:
        rows: list[Row] = []
        state: dict[str, str] = {}
        tokens = []
        for item in items:
            if isinstance(item, Notice):
                if item.gap is not None:
                    body = item.gap._asdict()
                    rows.append((item.at_ns, "_", "gap", 0, 0, orjson.dumps(body)))
                    state[f"gaps.{self.name}"] = str(item.gap.number)
            else:
                rows.append(item.row)
                state |= {f"source.{self.name}.{key}": text for key, text in (item.state or {}).items()}
                state[f"alive.{self.name}"] = str(item.row[0])
                tokens += [item.token] if item.token else []
        if rows:
            self._writer.append(rows, state)
            self.commits += 1
        self.connector.acknowledge(tokens)

    def kept(self) -> Kept:
        """What the journal holds now."""
        return kept_in(self.folder, self.name)


def known(writer: JournalWriter, name: str) -> Mapping[str, str]:
    """What the gateway tells a connector of its earlier runs."""
    return {
        **writer.states(f"source.{name}."),
        "alive": writer.state(f"alive.{name}") or "0",
        "gaps": writer.state(f"gaps.{name}") or "0",
    }


def kept_in(folder: Path, name: str) -> Kept:
    kept = Kept()
    for entry in every_entry(folder):
        if entry.connector == name:
            kept.topics.append(entry.topic)
            for node, value, status, source_ns, _ in orjson.loads(entry.payload):
                kept.rows.setdefault(node, []).append((value, source_ns, status))
        elif entry.topic == "gap":
            gap = orjson.loads(entry.payload)
            kept.gaps[gap["number"]] = gap
    return kept


def every_entry(folder: Path) -> Iterator[Any]:
    reader = JournalReader(folder)
    after = 0
    while entries := reader.read(after, 10_000):
        yield from entries
        after = entries[-1].seq
    reader.close()


def missing_of(kept: Kept, written: Mapping[str, list[tuple[float, int]]]) -> dict[str, int]:
    """How many values no one has, by node, all of which open gaps admit; what is there is there once and in order."""
    missing = {}
    for node, values in written.items():
        got = [(value, at) for value, at, _ in kept.rows.get(node, []) if value]
        assert got == sorted(set(got), key=lambda one: one[1]), f"{node}: twice, or out of order"
        assert set(got) <= set(values), f"{node}: nobody wrote that"
        lost = set(values) - set(got)
        unknown = [(value, at) for value, at in sorted(lost) if not _admitted(kept, node, at)]
        assert not unknown, f"{node}: {len(unknown)} values are lost and no gap says so, from {unknown[0]} on"
        if lost:
            missing[node] = len(lost)
    return missing


def _admitted(kept: Kept, node: str, at_ns: int) -> bool:
    gaps = [gap for gap in kept.gaps.values() if gap["state"] == "open"]
    return any(
        gap["from_ns"] <= at_ns <= gap["to_ns"] and (node in gap["detail"] or "all nodes" in gap["detail"])
        for gap in gaps
    )


def caught_up(behind: Behind, written: Mapping[str, list[tuple[float, int]]]) -> Kept:
    """What the journal holds once the last written values are there."""

    def last_is_there() -> bool:
        rows = behind.kept().rows
        return all(rows.get(node, [()])[-1][:2] == values[-1] for node, values in written.items())

    wait_until(last_is_there, seconds=60)
    return behind.kept()


@contextmanager
def journal_behind(settings: OpcuaSettings, folder: Path) -> Iterator[Behind]:
    with Behind(settings, folder) as behind:
        wait_until(lambda: not behind.connector.trouble, seconds=30)
        yield behind
