"""Sequence numbers, acknowledgement after the commit, gaps and back-filling, against a server of a few lines."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import uaerrors
from asyncua.ua.attribute_ids import AttributeIds

from connectors.intake import Gap
from connectors.opcua.rows import Marks, Row, date_time, time_ns
from connectors.opcua.settings import OpcuaSettings
from connectors.opcua.subscription import Subscription

START = datetime(2026, 11, 21, 8, tzinfo=UTC)
NODES = ("ns=2;s=a", "ns=2;s=b")
SETTINGS = OpcuaSettings("press", "opc.tcp://127.0.0.1:4840", NODES, "urn:plumbline:test", request_seconds=0.1)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class FakeSession:
    """A server: `sent` can be published again; `history` holds (node, seconds, value); `now` is its clock's seconds."""

    def __init__(self, *, history: Sequence[tuple[str, float, float]] = (), recorded: bool = False) -> None:
        self.history, self.recorded, self.now = list(history), recorded, 0.0
        self.current = dict.fromkeys(NODES, -1.0)
        self.sent: dict[int, ua.NotificationMessage] = {}
        self.callback: Callable[[ua.PublishResult], Awaitable[None]]
        self.asked: list[int] = []
        self.transfer: ua.StatusCode | Exception = ua.StatusCode()
        self.made = self.loops = 0
        self.away = False

    async def create_subscription(self, wanted: Any, callback: Any) -> ua.CreateSubscriptionResult:
        self.made += 1
        self.callback = callback
        return ua.CreateSubscriptionResult(self.made, 250.0, 1_000, 8)

    async def delete_subscriptions(self, ids: list[int]) -> None:
        raise uaerrors.BadSubscriptionIdInvalid

    async def create_monitored_items(self, parameters: Any) -> list[ua.MonitoredItemCreateResult]:
        result = ua.MonitoredItemCreateResult(RevisedSamplingInterval=100.0, RevisedQueueSize=1_000)
        return [result for _ in parameters.ItemsToCreate]

    async def read_attributes(self, nodes: list[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        if attribute == AttributeIds.Historizing:
            return [ua.DataValue(ua.Variant(self.recorded)) for _ in nodes]
        if attribute == AttributeIds.UserAccessLevel:
            return [ua.DataValue(ua.Variant(5, ua.VariantType.Byte)) for _ in nodes]
        if nodes[0].Identifier == 2258:
            return [ua.DataValue(ua.Variant(at(self.now)))]
        return [
            ua.DataValue(ua.Variant(0.0), SourceTimestamp=at(self.current[f"ns=2;s={node.Identifier}"]))
            for node in nodes
        ]

    async def history_read(self, parameters: Any) -> list[ua.HistoryReadResult]:
        if self.away:
            raise ConnectionError("the way is cut")
        details, results = parameters.HistoryReadDetails, []
        for wanted in parameters.NodesToRead:
            name = f"ns=2;s={wanted.NodeId.Identifier}"
            found = [
                ua.DataValue(ua.Variant(value), SourceTimestamp=at(seconds))
                for node, seconds, value in self.history
                if node == name and details.StartTime <= at(seconds) <= details.EndTime
            ]
            result = ua.HistoryReadResult()
            first = int.from_bytes(wanted.ContinuationPoint or b"")  # two values an answer
            result.HistoryData = ua.HistoryData(DataValues=found[first : first + 2])
            result.ContinuationPoint = (first + 2).to_bytes(4) if len(found) > first + 2 else None
            results.append(result)
        return results

    async def republish(self, number: int, sequence: int) -> ua.NotificationMessage:
        self.asked.append(sequence)
        if self.away:
            raise ConnectionError("the way is cut")
        if sequence not in self.sent:
            raise uaerrors.BadMessageNotAvailable
        return self.sent[sequence]

    async def transfer_subscriptions(self, parameters: Any) -> list[ua.TransferResult]:
        if isinstance(self.transfer, Exception):
            raise self.transfer
        return [ua.TransferResult(self.transfer)]

    def ensure_publish_loop(self) -> None:
        self.loops += 1

    async def publish(self, message: ua.NotificationMessage) -> None:
        """What asyncua does; it acknowledges when this returns."""
        await self.callback(ua.PublishResult(self.made, NotificationMessage=message))


class FakeOutlet:
    """A journal; `commit` is what a write waits for."""

    def __init__(self, marks: Marks) -> None:
        self.marks, self.rows, self.gaps = marks, list[Row](), list[Gap]()
        self.topics: list[str] = []
        self.commit = asyncio.Event()
        self.commit.set()

    async def write(self, rows: Sequence[Row], topic: str, sequence: int = 0, published_ns: int = 0) -> None:
        await self.commit.wait()
        for row in rows:
            self.marks.keep(row, filled=topic == "history")
        self.rows += rows
        self.topics += [topic] * len(rows)

    def tell(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def next_number(self) -> int:
        return len({gap.number for gap in self.gaps}) + 1

    @property
    def values(self) -> list[tuple[str, float]]:
        return [(row.node[-1], row.value) for row in self.rows]


def message(sequence: int, *values: tuple[str, float, float], status: int = 0) -> ua.NotificationMessage:
    """A notification of (node, seconds, value); a keep-alive without any."""
    items = [
        ua.MonitoredItemNotification(
            NODES.index(f"ns=2;s={node}") + 1,
            ua.DataValue(ua.Variant(value), ua.StatusCode(status), SourceTimestamp=at(seconds)),
        )
        for node, seconds, value in values
    ]
    data = [ua.DataChangeNotification(MonitoredItems=items)] if items else []
    return ua.NotificationMessage(sequence, at(max((one[1] for one in values), default=0)), data)


class Case:
    """A subscription that has been made, its server and its journal."""

    def __init__(self, session: FakeSession) -> None:
        self.session, self.marks = session, Marks({})
        self.outlet = FakeOutlet(self.marks)
        self.subscription = Subscription(SETTINGS, session, self.marks, self.outlet)  # type: ignore[arg-type]  # a fake

    async def made(self) -> "Case":
        await self.subscription.make()
        return self


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]  # a coroutine function


def test_a_notification_is_acknowledged_only_when_it_is_on_disk() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        case.outlet.commit.clear()
        publishing = asyncio.create_task(case.session.publish(message(1, ("a", 1, 1.0))))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not publishing.done()
        case.outlet.commit.set()
        await publishing
        assert case.outlet.values == [("a", 1.0)]

    run(story)


def test_what_a_cut_has_lost_is_asked_for_before_what_came_later_is_taken() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        case.session.sent = {2: message(2, ("a", 2, 2.0)), 3: message(3, ("a", 3, 3.0))}
        await case.session.publish(message(1, ("a", 1, 1.0)))
        await case.session.publish(message(4, ("a", 4, 4.0)))
        await case.session.publish(message(3, ("a", 3, 3.0)))  # published after all
        assert case.outlet.values == [("a", 1.0), ("a", 2.0), ("a", 3.0), ("a", 4.0)]
        assert case.outlet.gaps == []

    run(story)


def test_a_keep_alive_tells_of_a_lost_notification_too() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        case.session.sent = {1: message(1, ("a", 1, 1.0))}
        await case.session.publish(message(2))  # a keep-alive bears the next number
        assert case.outlet.values == [("a", 1.0)]
        await case.session.publish(message(2))
        assert case.session.asked == [1]

    run(story)


def test_a_notification_that_the_server_has_no_more_is_an_open_gap_without_a_history() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        await case.session.publish(message(1, ("a", 1, 1.0), ("b", 1, 1.0)))
        case.session.current = {"ns=2;s=a": 4.0, "ns=2;s=b": 1.0}  # b has not changed
        await case.session.publish(message(3, ("a", 4, 3.0)))
        assert case.outlet.values == [("a", 1.0), ("b", 1.0), ("a", 3.0)]
        first, last = case.outlet.gaps
        assert (first.number, first.reason, first.state) == (1, "sequence", "open")
        assert (last.number, last.state, last.detail) == (1, "open", "opc.tcp://127.0.0.1:4840: ns=2;s=a")
        assert first.from_ns < first.to_ns

    run(story)


def test_a_lost_notification_is_back_filled_once_and_before_what_came_later() -> None:
    history = [("ns=2;s=a", float(second), float(second)) for second in range(1, 8)]

    async def story() -> None:
        case = await Case(FakeSession(history=history, recorded=True)).made()
        await case.session.publish(message(1, ("a", 1, 1.0)))
        case.session.now, case.session.current = 6.0, {"ns=2;s=a": 6.0, "ns=2;s=b": -1.0}
        await case.session.publish(message(3, ("a", 5, 5.0), ("a", 6, 6.0), ("a", 7, 7.0)))
        assert case.outlet.values == [("a", float(second)) for second in range(1, 8)]
        assert case.outlet.topics == ["publish"] + ["history"] * 5 + ["publish"]
        assert [gap.state for gap in case.outlet.gaps] == ["open", "closed"]

    run(story)


def test_an_overflow_is_a_gap_of_its_nodes_between_the_values_around_it() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        await case.session.publish(message(1, ("a", 1, 1.0), ("b", 1, 1.0)))
        case.session.current = {"ns=2;s=a": 9.0, "ns=2;s=b": 9.0}
        await case.session.publish(message(2, ("a", 8, 8.0), status=0x480))
        await case.session.publish(message(3, ("b", 9, 9.0), status=0x400))  # other information about the value
        gap = case.outlet.gaps[-1]
        assert len(case.outlet.gaps) == 2
        assert (gap.reason, gap.state, gap.detail[-8:]) == ("overflow", "open", "ns=2;s=a")
        assert (gap.from_ns, gap.to_ns) == (time_ns(at(1)), time_ns(at(8)))

    run(story)


def test_a_cut_in_the_middle_of_asking_again_acknowledges_nothing_and_loses_nothing() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        await case.session.publish(message(1, ("a", 1, 1.0)))
        case.session.away = True
        with pytest.raises(asyncio.CancelledError):  # asyncua then ends its loop and acknowledges nothing
            await case.session.publish(message(3, ("a", 3, 3.0)))
        assert "cut" in case.subscription.fault
        case.session.away, case.session.sent = False, {2: message(2, ("a", 2, 2.0)), 3: message(3, ("a", 3, 3.0))}
        assert await case.subscription.resume(same_session=True)
        assert case.outlet.values == [("a", 1.0), ("a", 2.0), ("a", 3.0)]
        assert (case.outlet.gaps, case.subscription.fault, case.session.loops) == ([], "", 1)

    run(story)


@pytest.mark.parametrize(
    ("answer", "same_session", "ours"),
    [
        (ua.StatusCode(), False, True),
        (ua.StatusCode(0x800F0000), True, True),  # BadNothingToDo: the session owns it already (node-opcua)
        (uaerrors.BadNothingToDo(), True, True),
        (uaerrors.BadServiceUnsupported(), True, True),
        (uaerrors.BadServiceUnsupported(), False, False),
        (ua.StatusCode(0x80280000), True, False),  # BadSubscriptionIdInvalid
        (uaerrors.BadSubscriptionIdInvalid(), True, False),
    ],
)
def test_who_owns_a_subscription_after_a_reconnect(
    answer: ua.StatusCode | Exception, same_session: bool, ours: bool
) -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        case.session.transfer = answer
        assert await case.subscription.resume(same_session=same_session) is ours

    run(story)


def test_made_anew_it_back_fills_and_takes_no_first_value_twice() -> None:
    history = [("ns=2;s=a", 1.0, 1.0), ("ns=2;s=a", 2.0, 2.0), ("ns=2;s=b", 1.0, 7.0)]

    async def story() -> None:
        case = await Case(FakeSession(history=history, recorded=True)).made()
        await case.session.publish(message(1, ("a", 1, 1.0), ("b", 1, 7.0)))
        case.session.now, case.session.current = 3.0, {"ns=2;s=a": 2.0, "ns=2;s=b": 1.0}
        await case.subscription.make("recreated")
        await case.session.publish(message(1, ("a", 2, 2.0), ("b", 1, 7.0)))
        await case.session.publish(message(2, ("b", 4, 7.0)))
        assert case.outlet.values == [("a", 1.0), ("b", 7.0), ("a", 2.0), ("b", 7.0)]
        assert [(gap.reason, gap.state) for gap in case.outlet.gaps] == [("recreated", "open"), ("recreated", "closed")]

    run(story)


def test_a_gap_whose_back_fill_is_cut_off_is_filled_later_under_its_number() -> None:
    history = [("ns=2;s=a", float(second), float(second)) for second in range(1, 4)]

    async def story() -> None:
        case = await Case(FakeSession(history=history, recorded=True)).made()
        await case.session.publish(message(1, ("a", 1, 1.0)))
        case.session.now, case.session.current, case.session.away = 3.0, {"ns=2;s=a": 3.0, "ns=2;s=b": -1.0}, True
        with pytest.raises(ConnectionError):
            await case.subscription.make("recreated")
        case.session.away = False
        later = Subscription(SETTINGS, case.session, case.marks, case.outlet)  # type: ignore[arg-type]  # a fake
        later.inherit(case.subscription)
        await later.make("recreated")
        assert case.outlet.values == [("a", 1.0), ("a", 2.0), ("a", 3.0)]
        assert [(gap.number, gap.state) for gap in case.outlet.gaps] == [(1, "open"), (1, "open"), (1, "closed")]

    run(story)


def test_a_first_value_that_is_published_twice_is_one_reading() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        await case.session.publish(message(1, ("a", 1, 1.0), ("a", 1, 1.0), ("a", 2, 1.0)))
        await case.session.publish(message(2, ("a", 2, 1.0)))
        assert [(row.value, row.source_ns) for row in case.outlet.rows] == [
            (1.0, time_ns(at(1))),
            (1.0, time_ns(at(2))),
        ]

    run(story)


def test_a_time_comes_back_to_the_microsecond() -> None:
    moment = datetime(2026, 11, 21, 8, 0, 0, 123_457, tzinfo=UTC)
    ns = time_ns(moment)
    assert ns == 1_795_248_000_123_457_000
    assert date_time(ns) == moment
    assert time_ns(datetime(1601, 1, 1, tzinfo=UTC)) is None  # how OPC UA writes that there is none
    assert time_ns(datetime(9999, 12, 31, tzinfo=UTC)) is None


def test_what_comes_before_it_is_taken_up_again_is_not_acknowledged() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        case.session.away = True
        for sequence in (2, 3):
            with pytest.raises(asyncio.CancelledError):
                await case.session.publish(message(sequence, ("a", sequence, float(sequence))))
        case.session.away = False
        case.session.sent = {number: message(number, ("a", number, float(number))) for number in (1, 2, 3)}
        assert await case.subscription.resume(same_session=True)
        assert case.outlet.values == [("a", 1.0), ("a", 2.0), ("a", 3.0)]

    run(story)


def test_a_subscription_that_the_server_ends_is_made_anew_not_resumed() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        ended = ua.StatusChangeNotification(Status=ua.StatusCode(0x800A0000))  # BadTimeout
        await case.session.publish(ua.NotificationMessage(1, at(1), [ended]))
        assert "BadTimeout" in case.subscription.fault
        assert not await case.subscription.resume(same_session=True)
        await case.subscription.make("recreated")
        assert (case.subscription.fault, case.session.made) == ("", 2)

    run(story)


def test_silence_is_noticed_after_several_keep_alives_but_not_while_the_journal_is_written() -> None:
    async def story() -> None:
        case = await Case(FakeSession()).made()
        subscription = case.subscription
        assert not subscription.silent
        subscription._heard_at -= 3 * 8 * 0.25 + 1.0  # three times the revised keep-alive of 2 s, and a little
        assert subscription.silent
        case.outlet.commit.clear()
        publishing = asyncio.create_task(case.session.publish(message(1, ("a", 1, 1.0))))
        await asyncio.sleep(0)
        assert not subscription.silent
        case.outlet.commit.set()
        await publishing
        assert not subscription.silent

    run(story)
