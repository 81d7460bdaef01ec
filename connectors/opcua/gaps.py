"""Known losses of an OPC UA connector: opened, back-filled from the server's history, closed, or left open."""

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds

from connectors.intake import Gap
from connectors.opcua.calls import in_calls
from connectors.opcua.history import stretches
from connectors.opcua.rows import Marks, Row, time_ns
from connectors.opcua.settings import OpcuaSettings

log = logging.getLogger(__name__)

CURRENT_TIME = ua.NodeId.from_string("i=2258")  # Server_ServerStatus_CurrentTime
NODES_A_CALL = 500
LAG_SECONDS = 3.0  # how far a history may be behind, to be waited for
SHOWN_NODES = 20  # of a gap, by name; the others are counted
HISTORY = "history"


class Outlet(Protocol):
    """Where rows and gaps go, in one order."""

    async def write(self, rows: Sequence[Row], topic: str, sequence: int = 0, published_ns: int = 0) -> None:
        """Keep rows in the journal; they are on disk on return. `topic` says how they came."""

    def tell(self, gap: Gap) -> None:
        """Keep what is known of a gap."""

    def next_number(self) -> int:
        """A number that no gap of this connector has had."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A loss that has not been dealt with: since when (our clock, and the server's), and of which nodes (None: all)."""

    reason: str
    from_ns: int
    server_ns: int
    nodes: frozenset[str] | None = None
    number: int = 0  # 0: not yet told

    def merged(self, other: "Owed") -> "Owed":
        """Both as one loss, under this one's number and reason."""
        nodes = None if self.nodes is None or other.nodes is None else self.nodes | other.nodes
        return replace(
            self,
            from_ns=min(self.from_ns, other.from_ns),
            server_ns=min(self.server_ns, other.server_ns),
            nodes=nodes,
        )


class Gaps:
    """Settles what is owed. `settle` raises one of `FAILURES` when the server goes away meanwhile."""

    def __init__(self, settings: OpcuaSettings, session: UaSession, marks: Marks, outlet: Outlet) -> None:
        self._settings, self._session, self._marks, self._outlet = settings, session, marks, outlet
        self.owed: Owed | None = None
        self.filled_to_ns = 0  # the server's time up to which was back-filled last

    def owe(self, loss: Owed) -> None:
        """Something is lost, or may be."""
        self.owed = loss if self.owed is None else self.owed.merged(loss)

    async def settle(self, nodes: Mapping[str, ua.NodeId], recorded: Collection[str], to_ns: int = 0) -> None:
        """Tell what is owed as an open gap, back-fill it, and tell what is still missing, if anything is.

        `nodes`: all that are subscribed to; `recorded`: those that the server keeps a history of; `to_ns`: where the
        loss ends (now, if 0).
        """
        owed = self.owed
        if owed is None:
            return
        number = owed.number or self._outlet.next_number()
        owed = self.owed = replace(owed, number=number)
        concerned = set(self._settings.nodes) if owed.nodes is None else set(owed.nodes)
        to_ns = to_ns or time.time_ns()
        first, last = min(owed.from_ns, to_ns), max(owed.from_ns, to_ns)
        gap = Gap(number, owed.reason, first, last, "open", self._detail(concerned))
        self._outlet.tell(gap)
        current = await self._current({node: nodes[node] for node in concerned if node in nodes})
        changed = {node for node in concerned if self._may_have_changed(node, current.get(node), owed)}
        here = {node: nodes[node] for node in changed if node in nodes and node in recorded}
        lacking = (changed - here.keys()) | await self._fill(here, owed.server_ns, current)
        self.owed = None
        if lacking:
            self._outlet.tell(gap._replace(detail=self._detail(lacking)))
        else:
            self._outlet.tell(gap._replace(state="closed"))

    def _may_have_changed(self, node: str, now_ns: int | None, owed: Owed) -> bool:
        """Whether a node had values meanwhile: not when its source time is the one that we have, or an older one."""
        since_ns = owed.server_ns - self._slack_ns()
        return now_ns is None or (now_ns != self._marks.newest_ns(node) and now_ns >= since_ns)

    def _slack_ns(self) -> int:
        """How long before it is published a value may have come about, at most."""
        return (2 * self._settings.publishing_ms + 2 * self._settings.sampling_ms + 1_000) * 1_000_000

    async def _fill(self, nodes: Mapping[str, ua.NodeId], since_ns: int, current: Mapping[str, int]) -> set[str]:
        """Append what the server kept since then and the journal has not; the nodes that this failed for.

        `current`: the source times of the values now: a history that has not come so far does not fill the gap.
        """
        if not nodes:
            return set()
        settings = self._settings
        now_ns = await self._server_time()
        slack_ns = self._slack_ns()
        oldest_ns = now_ns - settings.backfill_hours * 3_600_000_000_000
        start_ns = max(since_ns - slack_ns, oldest_ns)
        lacking = set(nodes) if since_ns < oldest_ns else set()
        rows, deadline = 0, time.monotonic() + LAG_SECONDS
        while True:
            async for stretch in stretches(self._session, nodes, start_ns, now_ns):
                lacking |= stretch.unanswered
                new = [row for row in stretch.rows if not self._marks.is_past(row)]
                await self._outlet.write(new, HISTORY)
                rows += len(new)
            behind = {node for node in nodes if (self._marks.newest_ns(node) or 0) < current.get(node, 0)} - lacking
            if not behind or time.monotonic() > deadline:
                break
            await asyncio.sleep(LAG_SECONDS / 10)
            nodes = {node: nodes[node] for node in behind}
            start_ns, now_ns = now_ns - slack_ns, await self._server_time()
        self.filled_to_ns = now_ns
        log.info("%s: %d values back-filled", settings.name, rows)
        return lacking | behind

    async def _current(self, nodes: Mapping[str, ua.NodeId]) -> dict[str, int]:
        """The source times of the values now."""

        async def call(some: Sequence[ua.NodeId]) -> Sequence[ua.DataValue]:
            return await self._session.read_attributes(list(some), AttributeIds.Value)

        answers = await in_calls(call, list(nodes.values()), NODES_A_CALL)
        times = {node: time_ns(answer.SourceTimestamp) for node, answer in zip(nodes, answers, strict=True)}
        return {node: at for node, at in times.items() if at is not None}

    async def _server_time(self) -> int:
        (answer,) = await self._session.read_attributes([CURRENT_TIME], AttributeIds.Value)
        found = answer.Value.Value if answer.Value is not None else None
        return time_ns(found) or time.time_ns()

    def _detail(self, nodes: Iterable[str]) -> str:
        names = sorted(nodes)
        more = f" and {len(names) - SHOWN_NODES} more" if len(names) > SHOWN_NODES else ""
        which = "all nodes" if set(names) == set(self._settings.nodes) else ", ".join(names[:SHOWN_NODES]) + more
        return f"{self._settings.url}: {which}"
