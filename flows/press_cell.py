"""A press of the simulated plant that offers its values through an OPC UA server of its own.

It begins when the first days are over: what it says goes its own way, beside the gateways' messages, and would fall
behind a clock that runs through twenty days in as many seconds. Its numbers are pure and seeded, as the others are.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from flows.plant_model import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
EVERY_MINUTES = 4  # from one stroke to the next
PLACES = 5  # at which a part's thickness is measured
RUNNING = 1
URN = "urn:plumbline:simulated-press"
START_SECONDS = 30.0
CALL_SECONDS = 10.0

logger = logging.getLogger("simulate")


@dataclass(frozen=True, slots=True)
class Stroke:
    """What the press shows after a stroke."""

    force: float  # kN
    thickness: tuple[float, ...]  # mm
    good: bool


def stroke_at(at_ns: int, seed: int) -> Stroke | None:
    """The stroke at the end of this minute; None in the minutes without one."""
    minute = at_ns // MINUTE_NS
    if minute % EVERY_MINUTES:
        return None
    rng = np.random.default_rng([seed, minute, 3])
    force = round(float(rng.normal(220.0, 1.6)), 1)
    thickness = tuple(round(float(one), 3) for one in rng.normal(1.2, 0.006, PLACES))
    return Stroke(force, thickness, bool(rng.random() < 0.99))


class PressCell:
    """The press and its OPC UA server, which listens from the first stroke on, in a thread of its own."""

    def __init__(self, url: str, seed: int) -> None:
        self._url, self._seed = url, seed
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="press", daemon=True)
        self._server: Any = None
        self._nodes: dict[str, Any] = {}
        self._strokes = self._good = 0

    def minute(self, at_ns: int) -> None:
        """Show what the minute that ends at `at_ns` brought."""
        stroke = stroke_at(at_ns, self._seed)
        if stroke is None:
            return
        self._strokes += 1
        self._good += stroke.good
        values = {"Force": stroke.force, "Thickness": list(stroke.thickness), "State": RUNNING}
        self._call(self._show(at_ns, values | {"Strokes": self._strokes, "Good": self._good}))

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            with suppress(TimeoutError):
                self._call(self._stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_SECONDS)
        self._loop.close()

    def _call(self, what: Any) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        asyncio.run_coroutine_threadsafe(what, self._loop).result(START_SECONDS)

    async def _show(self, at_ns: int, values: dict[str, Any]) -> None:
        """Set the nodes, with the simulated time as their source's."""
        ua: Any = import_module("asyncua.ua")
        at = datetime.fromtimestamp(at_ns / SECOND_NS, UTC)
        shown = {
            name: ua.DataValue(ua.Variant(value), SourceTimestamp=at, ServerTimestamp=at)
            for name, value in values.items()
        }
        if self._server is None:
            await self._start(shown)
        for name, value in shown.items():
            await self._nodes[name].write_value(value)

    async def _start(self, shown: dict[str, Any]) -> None:
        """A server with these nodes, which keeps their history; it listens once they have their values."""
        asyncua: Any = import_module("asyncua")  # takes a second: not before it is wanted
        logging.getLogger("asyncua").setLevel(logging.ERROR)
        parts = urlsplit(self._url)
        server = asyncua.Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://{parts.hostname}:{parts.port}")
        server.set_security_policy([asyncua.ua.SecurityPolicyType.NoSecurity])
        index = await server.register_namespace(URN)
        folder = await server.nodes.objects.add_folder(index, "Press")
        for name, value in shown.items():
            node = await folder.add_variable(asyncua.ua.NodeId(f"Press.{name}", index), name, value.Value.Value)
            await node.write_value(value)
            self._nodes[name] = node
        await server.start()
        for node in self._nodes.values():
            await server.historize_node_data_change(node, period=None, count=10_000)
        self._server = server
        logger.info("the press offers its values at %s", self._url)

    async def _stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
