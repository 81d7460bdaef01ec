"""What a server has kept of its nodes' values: HistoryRead, raw, with continuation points."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from asyncua import ua
from asyncua.client.ua_session import UaSession

from connectors.opcua.calls import in_calls
from connectors.opcua.rows import Row, date_time, row_of

NODES_A_CALL = 50
VALUES_A_NODE = 10_000  # a node, in one answer
WINDOW_NS = 60_000_000_000  # what is read at first at a time; longer while little is in it
NO_DATA = 0x809B0000  # BadNoData: nothing happened in that time
FEW_ROWS, MANY_ROWS = 20_000, 100_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a server kept of nodes over a stretch of time: rows in the order of time, nodes that it could not answer."""

    rows: list[Row]
    unanswered: set[str] = field(default_factory=set)


async def stretches(
    session: UaSession, nodes: Mapping[str, ua.NodeId], from_ns: int, to_ns: int
) -> AsyncIterator[Stretch]:
    """What the server kept from `from_ns` to `to_ns` (source times, both inclusive), a stretch at a time."""
    at, window = from_ns, WINDOW_NS
    while at <= to_ns and nodes:
        end = min(at + window, to_ns)
        stretch = await _stretch(session, nodes, at, end)
        yield stretch
        if len(stretch.rows) < FEW_ROWS:
            window *= 2
        elif len(stretch.rows) > MANY_ROWS:
            window = max(1_000_000_000, window // 4)
        at = end + 1_000


async def _stretch(session: UaSession, nodes: Mapping[str, ua.NodeId], from_ns: int, to_ns: int) -> Stretch:
    rows: list[Row] = []
    unanswered: set[str] = set()
    waiting: list[tuple[str, bytes | None, int]] = [(node, None, from_ns) for node in nodes]
    while waiting:
        # Each call has one start, so what goes on from a later time is asked for by itself.
        start = waiting[0][2]
        batch = [one for one in waiting if one[2] == start]
        waiting = [one for one in waiting if one[2] != start]
        results = await _read(session, nodes, batch, start, to_ns)
        for (node, before, _), result in zip(batch, results, strict=True):
            if result.StatusCode.value == NO_DATA:
                continue
            if not result.StatusCode.is_good() or (before and result.ContinuationPoint == before):
                unanswered.add(node)
                continue
            values = _values(result)
            found = [row_of(node, value) for value in values]
            rows += found
            if result.ContinuationPoint:
                waiting.append((node, bytes(result.ContinuationPoint), start))
            elif len(values) >= VALUES_A_NODE:  # some servers cut the answer and say nothing
                last = max(row.time_ns or 0 for row in found)
                if last > start:
                    waiting.append((node, None, last))
                else:
                    unanswered.add(node)
    unique = {(row.node, row.time_ns, repr(row.value)): row for row in rows if row.time_ns is not None}
    return Stretch(sorted(unique.values(), key=lambda row: row.time_ns or 0), unanswered)


async def _read(
    session: UaSession,
    nodes: Mapping[str, ua.NodeId],
    batch: Sequence[tuple[str, bytes | None, int]],
    from_ns: int,
    to_ns: int,
) -> list[ua.HistoryReadResult]:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime, details.EndTime = date_time(from_ns), date_time(to_ns) + timedelta(microseconds=1)
    details.NumValuesPerNode = VALUES_A_NODE
    details.ReturnBounds = False

    async def call(some: Sequence[tuple[str, bytes | None, int]]) -> Sequence[ua.HistoryReadResult]:
        parameters = ua.HistoryReadParameters()
        parameters.HistoryReadDetails = details
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ReleaseContinuationPoints = False
        for node, point, _ in some:
            wanted = ua.HistoryReadValueId()
            wanted.NodeId, wanted.ContinuationPoint = nodes[node], point
            parameters.NodesToRead.append(wanted)
        return await session.history_read(parameters)

    return await in_calls(call, batch, NODES_A_CALL)


def _values(result: ua.HistoryReadResult) -> Sequence[ua.DataValue]:
    data = result.HistoryData
    values = data.DataValues if isinstance(data, ua.HistoryData) else None
    return values or ()
