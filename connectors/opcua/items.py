"""The monitored items of a subscription: made in few calls, and what the server makes of what was asked for."""

import logging
from collections.abc import Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds

from connectors.opcua.calls import in_calls
from connectors.opcua.nodes import resolve, with_history
from connectors.opcua.settings import OpcuaSettings

log = logging.getLogger(__name__)

ITEMS_A_CALL = 500
NO_FILTER = (0x80440000, 0x80450000)  # BadMonitoredItemFilterUnsupported, BadFilterNotAllowed
SHOWN = 5


class Items:
    """`nodes`: what is monitored, by its text; `names`: the texts by client handle; `recorded`: with a history."""

    def __init__(self, settings: OpcuaSettings, session: UaSession) -> None:
        self._settings, self._session = settings, session
        self.nodes: dict[str, ua.NodeId] = {}
        self.names: dict[int, str] = {}
        self.recorded: set[str] = set()
        self.missing: dict[str, str] = {}  # why, by text
        self._said: set[str] = set()

    def clear(self) -> None:
        """Nothing is monitored: the subscription is a new one."""
        self.nodes, self.names, self.recorded = {}, {}, set()

    async def add(self, subscription_id: int) -> set[str]:
        """Monitor what is not yet; those that are now. Raises one of `FAILURES`."""
        wanted = [node for node in self._settings.nodes if node not in self.nodes]
        found = await resolve(self._session, wanted)
        missing = {node: "the server has no such node" for node in wanted if node not in found}
        asked = [(node, found[node]) for node in wanted if node in found]
        handles = {node: number for number, node in enumerate(self._settings.nodes, 1)}
        self.names |= {handles[node]: node for node, _ in asked}  # a first value may come before the answer

        async def call(some: Sequence[tuple[str, ua.NodeId]]) -> Sequence[ua.MonitoredItemCreateResult]:
            return await self._make(subscription_id, [(handles[node], node_id) for node, node_id in some])

        results = await in_calls(call, asked, ITEMS_A_CALL) if asked else []
        made: dict[str, ua.NodeId] = {}
        revised: list[tuple[str, float, int]] = []
        for (node, node_id), result in zip(asked, results, strict=True):
            if result.StatusCode.is_good():
                made[node] = node_id
                revised.append((node, result.RevisedSamplingInterval, result.RevisedQueueSize))
            else:
                missing[node] = result.StatusCode.name
        recorded = await with_history(self._session, list(made.values())) if made else []
        self.recorded |= {node for node, has in zip(made, recorded, strict=True) if has}
        self.nodes |= made
        self._warn(missing, revised)
        self.missing = missing
        return set(made)

    async def _make(
        self, subscription_id: int, items: Sequence[tuple[int, ua.NodeId]]
    ) -> list[ua.MonitoredItemCreateResult]:
        by_time = self._settings.trigger == "timestamp"
        results = await self._ask(subscription_id, items, by_time=by_time)
        refused = [place for place, result in enumerate(results) if result.StatusCode.value in NO_FILTER]
        if by_time and refused:
            self._say("filter", "the server reports changes of the value only: an equal reading again is not seen")
            again = await self._ask(subscription_id, [items[place] for place in refused], by_time=False)
            for place, result in zip(refused, again, strict=True):
                results[place] = result
        return results

    async def _ask(
        self, subscription_id: int, items: Sequence[tuple[int, ua.NodeId]], *, by_time: bool
    ) -> list[ua.MonitoredItemCreateResult]:
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = subscription_id
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = [self._request(handle, node_id, by_time=by_time) for handle, node_id in items]
        return list(await self._session.create_monitored_items(parameters))

    def _request(self, handle: int, node_id: ua.NodeId, *, by_time: bool) -> ua.MonitoredItemCreateRequest:
        request = ua.MonitoredItemCreateRequest()
        request.ItemToMonitor.NodeId = node_id
        request.ItemToMonitor.AttributeId = AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        wanted = request.RequestedParameters
        wanted.ClientHandle = handle
        wanted.SamplingInterval = float(self._settings.sampling_ms)
        wanted.QueueSize = self._settings.queue_size
        wanted.DiscardOldest = True
        if by_time:
            wanted.Filter = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
        return request

    def _warn(self, missing: dict[str, str], revised: Sequence[tuple[str, float, int]]) -> None:
        """Say once what the server does otherwise than asked."""
        settings = self._settings
        new = {node: why for node, why in missing.items() if node not in self.missing}
        if new:
            shown = ", ".join(f"{node} ({why})" for node, why in list(new.items())[:SHOWN])
            log.warning("%s: %d nodes cannot be read: %s; asked for again every minute", settings.name, len(new), shown)
        slow = [(node, every) for node, every, _ in revised if every > settings.sampling_ms * 1.01]
        if slow:
            node, every = max(slow, key=lambda one: one[1])
            self._say(
                "sampling",
                f"{len(slow)} nodes are sampled more slowly than every {settings.sampling_ms} ms "
                f"({node}: {every:g} ms): values that change faster are lost; see docs/connectors/opcua.md",
            )
        short = [(node, size) for node, _, size in revised if size < settings.queue_size]
        if short:
            node, size = min(short, key=lambda one: one[1])
            self._say(
                "queue",
                f"the server queues fewer values than {settings.queue_size} for {len(short)} nodes "
                f"({node}: {size}): a longer cut overflows",
            )

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s: %s", self._settings.name, sentence)
