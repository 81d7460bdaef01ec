"""One subscription: what the server publishes goes into the journal, and only then is it acknowledged.

asyncua acknowledges a notification with its next publish request, once the callback has returned: the callback waits
for the commit. A callback that cannot do its work ends the publish loop by `CancelledError`, the one way to have
asyncua acknowledge nothing; the connector then takes the subscription up again. Sequence numbers are checked here,
because the first notification after a cut may come before those that the cut has lost have been asked for.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua import uaerrors

from connectors.opcua.gaps import Gaps, Outlet, Owed
from connectors.opcua.items import Items
from connectors.opcua.rows import Marks, Row, row_of, time_ns
from connectors.opcua.settings import FAILURES, OpcuaSettings
from connectors.opcua.transfer import take_over

log = logging.getLogger(__name__)

LIFE_SECONDS = 3_600.0  # asked for: how long a server keeps a subscription that nobody reads
SILENT_KEEP_ALIVES = 3
MOST_MISSING = 10_000  # sequence numbers that are asked for one by one
SEQUENCES = 2**32 - 1  # they run from 1 to this, and begin again


class Subscription:
    """Made, kept, taken up again, made anew; one notification at a time."""

    def __init__(self, settings: OpcuaSettings, session: UaSession, marks: Marks, outlet: Outlet) -> None:
        self._settings, self._session, self._marks, self._outlet = settings, session, marks, outlet
        self._gaps = Gaps(settings, session, marks, outlet)
        self._items = Items(settings, session)
        self._turn = asyncio.Lock()
        self._id = 0
        self._next = 1  # the sequence number that is due
        self._initial: set[str] = set()  # nodes whose first value may be the one that we have
        self._silent_after = 0.0
        self._heard_at, self._heard_ns, self._server_ns = time.monotonic(), time.time_ns(), 0
        self.fault = ""  # why it must be taken up again; empty while all is well
        self.crash: BaseException | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing came for several keep-alives, not even one of those."""
        return not self._turn.locked() and time.monotonic() - self._heard_at > self._silent_after

    def owe_since(self, from_ns: int, server_ns: int) -> None:
        """What was published since then went by: the program was not running."""
        known = frozenset(node for node in self._settings.nodes if self._marks.newest_ns(node) is not None)
        self._gaps.owe(Owed("restart", from_ns - self._slack_ns(), server_ns or from_ns, known))

    def inherit(self, before: "Subscription") -> None:
        """Go on where the subscription of an earlier session ended."""
        self._gaps.owed, self._gaps.filled_to_ns = before._gaps.owed, before._gaps.filled_to_ns
        self._heard_ns, self._server_ns = before._heard_ns, before._server_ns

    async def make(self, reason: str = "") -> None:
        """Make it (again, for `reason`), and back-fill what was lost meanwhile. Raises one of `FAILURES`."""
        async with self._turn:
            if reason:
                self._gaps.owe(self._since_heard(reason))
            await self._forget()
            settings, wanted = self._settings, ua.CreateSubscriptionParameters()
            interval = float(settings.publishing_ms)
            wanted.RequestedPublishingInterval = interval
            wanted.RequestedMaxKeepAliveCount = max(1, round(settings.keep_alive_seconds * 1_000 / interval))
            wanted.RequestedLifetimeCount = int(LIFE_SECONDS * 1_000 / interval)
            wanted.MaxNotificationsPerPublish = 0
            wanted.PublishingEnabled = True
            made = await self._session.create_subscription(wanted, self._published)
            self._id, self._next = made.SubscriptionId, 1
            keep_alive = made.RevisedPublishingInterval * max(1, made.RevisedMaxKeepAliveCount) / 1_000
            self._silent_after = SILENT_KEEP_ALIVES * keep_alive + settings.request_seconds / 5
            self._items.clear()
            self._initial = set(await self._items.add(self._id))
            await self._gaps.settle(self._items.nodes, self._items.recorded)
            self._heard()

    async def resume(self, *, same_session: bool) -> bool:
        """Take it up again after a cut; False when the server has it no more. Raises one of `FAILURES`."""
        async with self._turn:
            if not self._id or not await take_over(self._session, self._id, same_session=same_session):
                return False
            await self._gaps.settle(self._items.nodes, self._items.recorded)
            while (message := await self._missed(self._next)) is not None:
                await self._take(message, "republish")
            self.fault = ""
            self._heard()
            self._session.ensure_publish_loop()
            return True

    async def add_missing(self) -> None:
        """Ask once more for the nodes that the server did not have. Raises one of `FAILURES`."""
        if not self._items.missing:
            return
        async with self._turn:
            added = await self._items.add(self._id)
            self._initial |= added
            known = frozenset(node for node in added if self._marks.newest_ns(node) is not None)
            if known:
                since = min(self._marks.newest_ns(node) or 0 for node in known)
                self._gaps.owe(Owed("node-missing", since, since, known))
                await self._gaps.settle(self._items.nodes, self._items.recorded)

    async def _forget(self) -> None:
        """Have the server forget the one before, if it has it."""
        self.fault = ""
        if self._id:
            try:
                await self._session.delete_subscriptions([self._id])
            except uaerrors.UaStatusCodeError as error:
                log.debug("%s: subscription %d: %s", self._settings.name, self._id, error)
            self._id = 0

    async def _published(self, result: ua.PublishResult) -> None:
        """Asyncua's callback: when it returns, the notification is acknowledged."""
        try:
            async with self._turn:
                if result.SubscriptionId == self._id:
                    if self.fault:  # it is taken up again first, and this one is then asked for
                        raise asyncio.CancelledError
                    await self._in_order(result.NotificationMessage)
                    self._heard()
        except FAILURES as error:
            self.fault = f"a notification could not be taken in: {error or type(error).__name__}"
            raise asyncio.CancelledError from error
        except Exception as error:  # asyncua would only log it: the connector raises it
            self.crash = error
            raise asyncio.CancelledError from error

    async def _in_order(self, message: ua.NotificationMessage) -> None:
        sequence = int(message.SequenceNumber)
        ahead = (sequence - self._next) % SEQUENCES
        if not sequence or ahead > SEQUENCES // 2:  # a keep-alive that gives none; one that was published again
            return
        if ahead:
            await self._fetch(sequence, ahead)
        if message.NotificationData and self._next == sequence:
            await self._take(message, "publish")

    async def _fetch(self, until: int, count: int) -> None:
        """Have what is missing up to `until` published again; what the server has no more is a gap."""
        told = False
        while self._next != until:
            message = await self._missed(self._next) if count <= MOST_MISSING else None
            if message is not None:
                await self._take(message, "republish")
                continue
            if not told:
                told = True
                log.warning("%s: notifications from %d on are lost", self._settings.name, self._next)
                self._gaps.owe(self._since_heard("sequence"))
                await self._gaps.settle(self._items.nodes, self._items.recorded)
            self._next = _following(self._next) if count <= MOST_MISSING else until

    async def _missed(self, sequence: int) -> ua.NotificationMessage | None:
        """A notification that was not received, if the server still has it."""
        try:
            message = await self._session.republish(self._id, sequence)
        except uaerrors.BadMessageNotAvailable:
            return None
        return message if message.NotificationData and int(message.SequenceNumber) == sequence else None

    async def _take(self, message: ua.NotificationMessage, topic: str) -> None:
        """Take one notification in; on return it is in the journal."""
        rows: list[Row] = []
        for data in message.NotificationData or ():
            if isinstance(data, ua.DataChangeNotification):
                rows += self._rows(data)
            elif isinstance(data, ua.StatusChangeNotification) and not data.Status.is_good():
                self.fault, self._id = f"the server has ended the subscription: {data.Status.name}", 0
        published_ns = time_ns(message.PublishTime) or 0
        if any(row.overflowed for row in rows):
            await self._overflowed(rows)
        rows.sort(key=lambda row: row.time_ns or 0)  # servers put them together node by node
        new = self._marks.changes([row for row in rows if not self._was_there(row)])
        await self._outlet.write(new, topic, int(message.SequenceNumber), published_ns)
        self._next = _following(int(message.SequenceNumber))
        self._server_ns = max(self._server_ns, published_ns)
        slack_ns = 4 * self._settings.publishing_ms * 1_000_000 + 1_000_000_000
        if self._gaps.filled_to_ns and published_ns > self._gaps.filled_to_ns + slack_ns:
            self._marks.forget_filled()
            self._gaps.filled_to_ns = 0

    def _rows(self, data: ua.DataChangeNotification) -> Sequence[Row]:
        names: Mapping[int, str] = self._items.names
        return [
            row_of(names[item.ClientHandle], item.Value) for item in data.MonitoredItems if item.ClientHandle in names
        ]

    def _was_there(self, row: Row) -> bool:
        """Whether a published value is in the journal: a first value that has not changed, or one back-filled."""
        if row.node in self._initial:
            self._initial.discard(row.node)
            return self._marks.is_kept(row)
        return bool(self._gaps.filled_to_ns) and self._marks.is_kept(row)

    async def _overflowed(self, rows: Sequence[Row]) -> None:
        """The server's queues were too short for these nodes: what they dropped lies before the marked values."""
        ends: dict[str, int] = {}
        for row in rows:
            if row.overflowed and row.time_ns is not None:
                ends.setdefault(row.node, row.time_ns)
        begins = {node: self._marks.newest_ns(node) for node in ends}
        since = min((begin for begin in begins.values() if begin is not None), default=min(ends.values(), default=0))
        if ends:
            self._gaps.owe(Owed("overflow", since, since, frozenset(ends)))
            await self._gaps.settle(self._items.nodes, self._items.recorded, max(ends.values()))

    def _since_heard(self, reason: str) -> Owed:
        return Owed(reason, self._heard_ns - self._slack_ns(), self._server_ns or self._heard_ns)

    def _slack_ns(self) -> int:
        """How long before it is published a value may have come about."""
        return (self._settings.publishing_ms + self._settings.sampling_ms) * 1_000_000

    def _heard(self) -> None:
        self._heard_at, self._heard_ns = time.monotonic(), time.time_ns()


def _following(sequence: int) -> int:
    return sequence % SEQUENCES + 1
