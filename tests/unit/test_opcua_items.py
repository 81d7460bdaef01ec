"""Monitored items: few calls, halved when the server finds one too big; what it refuses or revises."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import uaerrors
from asyncua.ua.attribute_ids import AttributeIds

from connectors.opcua.calls import in_calls
from connectors.opcua.items import Items
from connectors.opcua.settings import OpcuaSettings

NO_FILTER = 0x80440000  # BadMonitoredItemFilterUnsupported


class FakeSession:
    """Takes at most `most` items a call; every second node knows no filter by time; all are sampled every 500 ms."""

    def __init__(self, most: int) -> None:
        self.most, self.calls = most, list[int]()

    async def create_monitored_items(self, parameters: Any) -> list[ua.MonitoredItemCreateResult]:
        wanted = parameters.ItemsToCreate
        if len(wanted) > self.most:
            raise uaerrors.BadTooManyOperations
        self.calls.append(len(wanted))
        results = []
        for one in wanted:
            by_time = isinstance(one.RequestedParameters.Filter, ua.DataChangeFilter)
            refused = by_time and int(one.ItemToMonitor.NodeId.Identifier) % 2 == 1
            result = ua.MonitoredItemCreateResult(RevisedSamplingInterval=500.0, RevisedQueueSize=10)
            result.StatusCode = ua.StatusCode(NO_FILTER if refused else 0)
            results.append(result)
        return results

    async def read_attributes(self, nodes: list[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        return [ua.DataValue(ua.Variant(True) if int(node.Identifier) < 3 else None) for node in nodes]


def test_thousands_of_nodes_are_few_calls_and_each_is_there_once(caplog: pytest.LogCaptureFixture) -> None:
    nodes = tuple(f"ns=2;i={number}" for number in range(2_001))
    settings = OpcuaSettings("press", "opc.tcp://127.0.0.1:4840", nodes, "urn:x", trigger="timestamp", queue_size=10)
    session = FakeSession(300)
    items = Items(settings, session)  # type: ignore[arg-type]  # a fake
    with caplog.at_level(logging.WARNING):
        added = asyncio.run(items.add(1))
    assert added == set(nodes) == set(items.names.values()) == items.nodes.keys()
    assert len(session.calls) < 25
    assert items.missing == {}
    assert "an equal reading again is not seen" in caplog.text
    assert "2001 nodes are sampled more slowly than every 100 ms (ns=2;i=0: 500 ms)" in caplog.text
    assert "queues fewer" not in caplog.text
    assert asyncio.run(items.add(1)) == set()


def test_a_call_that_is_too_big_is_halved_and_one_item_that_is_too_big_is_an_error() -> None:
    calls: list[int] = []

    async def doubled(some: Sequence[int]) -> Sequence[int]:
        calls.append(len(some))
        if len(some) > 3:
            raise uaerrors.BadRequestTooLarge
        return [2 * one for one in some]

    assert asyncio.run(in_calls(doubled, range(8), 7)) == list(range(0, 16, 2))
    assert calls == [7, 3, 3, 2]

    async def refuses(some: Sequence[int]) -> Sequence[int]:
        raise uaerrors.BadEncodingLimitsExceeded

    with pytest.raises(uaerrors.BadEncodingLimitsExceeded):
        asyncio.run(in_calls(refuses, range(8), 8))
