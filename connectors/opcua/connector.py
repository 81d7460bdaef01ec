"""OPC UA in: what a server publishes goes to the intake, and is acknowledged when the journal has it.

One connector is one endpoint, one session and one subscription. Its asyncio loop runs in a thread of its own. The
first connection is retried for ever; after a cut the session and its subscription are taken up again, what was
published meanwhile is asked for, and only where the server has it no more is there a gap (`connectors.opcua.gaps`).
"""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread

from asyncua.ua import uaerrors

from connectors.errors import Untrusted
from connectors.intake import Gap, Intake, Message, Notice, Token
from connectors.opcua.gaps import HISTORY
from connectors.opcua.link import Link
from connectors.opcua.rows import Marks, Row, entries
from connectors.opcua.settings import FAILURES, OpcuaSettings
from connectors.opcua.subscription import Subscription

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.05  # how soon a full intake is offered to again
MISSING_SECONDS = 60.0  # how often nodes that the server had not are asked for again
WATCH_SECONDS = 1.0
CLOSE_SECONDS = 2.0
MOST_REFUSALS = 3  # to go on with a subscription; then it is made anew
INSECURE = (uaerrors.BadSecurityChecksFailed, uaerrors.BadCertificateInvalid, uaerrors.BadCertificateUntrusted)


class OpcuaConnector:
    """See `connectors.intake.Source`. `known`: the journal's states of this connector, as `write` stored them."""

    def __init__(self, settings: OpcuaSettings, intake: Intake, known: Mapping[str, str]) -> None:
        self._settings, self._intake, self._known = settings, intake, known
        nodes = {key.removeprefix("node."): text for key, text in known.items() if key.startswith("node.")}
        self._marks = Marks(nodes)
        self._number = int(known.get("gaps", 0))
        self._quiet = Event()
        self._thread = Thread(target=self._run, name=f"opcua-{settings.name}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._offered = 0
        self._commits: dict[int, asyncio.Future[None]] = {}
        self._why = "connecting"
        self._said = ""
        self._counts = dict.fromkeys(("connections", "resumed", "recreated", "values", "acknowledged"), 0)
        self.failure: BaseException | None = None

    def open(self) -> "OpcuaConnector":
        """Start the thread; the first connection is made as patiently as the later ones."""
        self._thread.start()
        return self

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty while there is one."""
        return self._why

    def acknowledge(self, tokens: Sequence[Token]) -> None:
        """These entries are on disk: the notifications that wait for them are done."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                self._loop.call_soon_threadsafe(self._committed, [number for _, number in tokens])

    def quiesce(self) -> None:
        """Take nothing more in; what is committed is still acknowledged."""
        self._quiet.set()

    def close(self) -> None:
        """Close the session and end the thread; the server then forgets the subscription."""
        self._quiet.set()
        if self._loop is not None and self._main is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._main.cancel)
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def stats(self) -> dict[str, int]:
        """Counts since the start: connections, subscriptions resumed and made anew, values, entries on disk."""
        return dict(self._counts)

    async def write(self, rows: Sequence[Row], topic: str, sequence: int = 0, published_ns: int = 0) -> None:
        """Put rows into the journal, with what each node's newest now is; they are on disk on return."""
        at_ns, done = time.time_ns(), None
        for payload, some in entries(rows):
            for row in some:
                self._marks.keep(row, filled=topic == HISTORY)
            state = {f"node.{node}": text for node, text in self._marks.texts(some).items()}
            if published_ns:
                state |= {"server": str(published_ns), "heard": str(at_ns)}
            self._offered += 1
            done = self._commits[self._offered] = asyncio.get_running_loop().create_future()
            row_of_journal = (at_ns, self._settings.name, topic, sequence, 0, payload)
            message = Message(row_of_journal, self, (0, self._offered), state)
            while self._quiet.is_set() or not self._intake.accepting or not self._intake.offer([message]):
                await asyncio.sleep(AGAIN_SECONDS)
        if done is not None:
            await done
        self._counts["values"] += len(rows)

    def tell(self, gap: Gap) -> None:
        """Put what is known of a gap into the journal."""
        self._intake.tell(Notice(self._settings.name, "gap", time.time_ns(), gap))

    def next_number(self) -> int:
        """A number that no gap of this connector has had."""
        self._number += 1
        return self._number

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # kept for the gateway, which ends with it: a dead thread must not go unseen
            self.failure = error

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._quiet.is_set():
            return
        self._main = asyncio.create_task(self._keep_connected())
        with suppress(asyncio.CancelledError):
            await self._main
        counted = ", ".join(f"{count} {what}" for what, count in self.stats().items())
        log.info("%s: closed (%s)", self._settings.name, counted)

    async def _keep_connected(self) -> None:
        """A session after the other, for ever."""
        subscription: Subscription | None = None
        failures = 0
        while True:
            link = Link(self._settings)
            try:
                await link.open()
                subscription = self._subscription(link, subscription)
                await subscription.make("" if self._counts["connections"] == 0 else "recreated")
                failures = 0
                await self._converse(link, subscription)
            except (*FAILURES, Untrusted) as error:
                self._down(str(error) or type(error).__name__)
            finally:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(link.close(), CLOSE_SECONDS / 2)
            failures = min(failures + 1, 6)
            await self._back_off(failures)

    def _subscription(self, link: Link, before: Subscription | None) -> Subscription:
        """The subscription on a new session; the first one owes what went by since the journal's last entry."""
        subscription = Subscription(self._settings, link.session, self._marks, self)
        if before is not None:
            subscription.inherit(before)
        elif self._marks:
            subscription.owe_since(self._lived_until(), int(self._known.get("server", 0)))
        return subscription

    def _lived_until(self) -> int:
        """When an earlier run surely still heard the server: it may have ended before it noticed a cut."""
        settings = self._settings
        unnoticed = settings.probe_seconds + settings.request_seconds + settings.keep_alive_seconds
        alive_ns = int(self._known.get("alive", 0)) or time.time_ns()
        return max(int(self._known.get("heard", 0)), alive_ns - int(unnoticed * 1e9))

    async def _converse(self, link: Link, subscription: Subscription) -> None:
        """One session, over all cuts that it outlives. Raises one of `FAILURES` when it is gone."""
        self._up("connected")
        look_again = time.monotonic() + MISSING_SECONDS
        while True:
            ended = await link.hold(time.monotonic() + WATCH_SECONDS)
            if subscription.crash is not None:
                raise subscription.crash
            if ended or subscription.fault:
                self._down(ended or subscription.fault)
                await self._take_up(link, subscription)
            elif subscription.silent:
                self._down("the subscription has gone silent")
                await subscription.make("went-silent")
                self._up("subscribed anew")
            elif time.monotonic() > look_again:
                look_again = time.monotonic() + MISSING_SECONDS
                await subscription.add_missing()

    async def _take_up(self, link: Link, subscription: Subscription) -> None:
        """Reconnect, again and again while the server may still have the session; then resume, or make anew."""
        lost_at, failures, refused = time.monotonic(), 0, 0
        while True:
            try:
                same = link.up or await link.reopen()
                if refused < MOST_REFUSALS and await subscription.resume(same_session=same):
                    self._counts["resumed"] += 1
                    return self._up("resumed")
                await subscription.make("recreated")
                self._counts["recreated"] += 1
                return self._up("subscribed anew")
            except FAILURES as error:
                if time.monotonic() - lost_at > link.session_seconds or isinstance(error, INSECURE):
                    raise  # begin anew: its certificate may be another one
                self._why = str(error) or type(error).__name__
                refused += link.up  # the server is there, and will not go on with the subscription
            failures = min(failures + 1, 6)
            await self._back_off(failures)

    async def _back_off(self, failures: int) -> None:
        longest = self._settings.most_backoff_seconds
        await asyncio.sleep(min(longest, 0.25 * 2.0**failures * random.uniform(1.0, 1.5)))

    def _committed(self, numbers: Sequence[int]) -> None:
        self._counts["acknowledged"] += len(numbers)
        for number in numbers:
            future = self._commits.pop(number, None)
            if future is not None and not future.done():
                future.set_result(None)

    def _up(self, how: str) -> None:
        first = not self._counts["connections"]
        self._counts["connections"] += 1
        self._why, self._said = "", ""
        self._intake.tell(Notice(self._settings.name, "resumed", time.time_ns()))
        log.info("%s: %s %s", self._settings.name, how, self._settings.url)
        if first and self._settings.policy == "None":
            log.warning("%s: no security: anybody on the way can read and change what comes", self._settings.name)

    def _down(self, why: str) -> None:
        if not self._why:
            self._intake.tell(Notice(self._settings.name, "lost", time.time_ns()))
        self._why = why
        if self._said != why:
            self._said = why
            log.warning("%s: %s: %s; trying again", self._settings.name, self._settings.url, why)
