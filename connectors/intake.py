"""Where connectors hand in what they received: a bounded queue between network threads and the journal's writer.

A network thread never waits here. When half of the bound is used, or the gateway shuts the intake (disk nearly full,
journal unwritable), `accepting` is false: a connector then reads nothing more, and disconnects when that lasts, so that
its broker holds what comes. Beyond the bound, or shut, a message is refused, and then it must not be acknowledged.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from threading import Condition
from typing import Literal, NamedTuple, Protocol

from connectors.journal import Row

MAX_MESSAGES = 20_000
MAX_BYTES = 64 << 20
GROUP_MESSAGES = 500  # a group commit is made of at least so many, or of what came in GROUP_SECONDS
GROUP_SECONDS = 0.010
QUIET_SECONDS = 0.002  # a group is not waited for when nothing came for so long (a broker with few under way)
TAKE_MESSAGES = 2_000  # one transaction at most

Token = tuple[int, int]  # what a connector needs to acknowledge: its connection's number, the packet id


class Source(Protocol):
    """A connector, as the gateway sees it: opened by its factory, which starts its thread."""

    @property
    def failure(self) -> BaseException | None:
        """What ended its thread; None while all is well."""

    @property
    def trouble(self) -> str:
        """Why it is not connected; empty while it is."""

    def acknowledge(self, tokens: Sequence[Token]) -> None:
        """These are on disk; never waits. Tokens of an earlier connection are dropped."""

    def quiesce(self) -> None:
        """Take no more in; acknowledgements still go out."""

    def close(self) -> None:
        """Send the acknowledgements that are due, disconnect so that the session is kept, and end the thread."""


class Message(NamedTuple):
    """One received message; `token` is None when nothing is to be acknowledged.

    `state`: what the connector is to be told at its next opening, by key; on disk together with the message.
    """

    row: Row
    source: Source
    token: Token | None
    state: Mapping[str, str] | None = None


class Gap(NamedTuple):
    """A known loss, told when it is noticed and again, under the same number, when it is filled or known better."""

    number: int  # the connector's; 0: the next one, and it is told once
    reason: str
    from_ns: int  # what came about between these times, and only that, may be missing
    to_ns: int
    state: Literal["open", "closed"]
    detail: str = ""  # of what: a server, its nodes


class Notice(NamedTuple):
    """What befell a connector at `at_ns`, in order with its messages.

    `new-session`: connected, and the other side held nothing for us; `resumed`: connected, and it did; `lost`: not
    connected any more; `dropped`: something that nobody will send again was not taken in; `gap`: the connector knows
    itself what is lost.
    """

    connector: str
    kind: Literal["new-session", "resumed", "lost", "dropped", "gap"]
    at_ns: int
    gap: Gap | None = None


class Intake:
    """The queue; its bound is what it holds, not what has been taken and not yet committed."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages, self._max_bytes = max_messages, max_bytes
        self._items: deque[Message | Notice] = deque()
        self._bytes = 0
        self._shut: frozenset[str] = frozenset()
        self._changed = Condition()
        self._taken_at = 0.0

    @property
    def accepting(self) -> bool:
        """Whether more is wanted; read without a lock."""
        return not self._shut

    @property
    def room(self) -> int:
        """How many messages, at least one, until it wants no more; read without a lock."""
        return max(1, self._max_messages // 2 + 1 - len(self._items))

    @property
    def shut_for(self) -> list[str]:
        """Why nothing more is wanted: `disk`, `journal`, `queue`; empty while it is."""
        return sorted(self._shut)

    @property
    def waiting(self) -> int:
        """How many messages and notices wait to be taken."""
        return len(self._items)

    def offer(self, messages: Sequence[Message]) -> int:
        """Take messages in, in order; how many of them. The rest were not, and must not be acknowledged."""
        with self._changed:
            for taken, message in enumerate(messages):
                if not self._fits(message):
                    return taken
                self._add(message)
            return len(messages)

    def tell(self, notice: Notice) -> None:
        """Take a notice in: always, they are few and small."""
        with self._changed:
            self._add(notice)

    def shut(self, reason: str) -> None:
        """Accept nothing more until `reopen(reason)`; several reasons may hold at once."""
        with self._changed:
            self._shut |= {reason}

    def reopen(self, reason: str) -> None:
        """The reason is over."""
        with self._changed:
            self._shut -= {reason}

    def take(self, timeout_seconds: float) -> list[Message | Notice]:
        """What came, in order: at once when little comes, else 10 ms' worth or 500; empty after the time-out."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_seconds)
            if not self._items:
                return []
            group_ends = self._taken_at + GROUP_SECONDS
            before = 0
            while before < len(self._items) < GROUP_MESSAGES and (rest := group_ends - time.monotonic()) > 0:
                before = len(self._items)
                self._changed.wait(min(rest, QUIET_SECONDS))
            self._taken_at = time.monotonic()
            taken = [self._items.popleft() for _ in range(min(len(self._items), TAKE_MESSAGES))]
            self._bytes -= sum(len(item.row[5]) + len(item.row[2]) for item in taken if isinstance(item, Message))
            if len(self._items) <= self._max_messages // 10 and self._bytes <= self._max_bytes // 10:
                self._shut -= {"queue"}
            return taken

    def _fits(self, message: Message) -> bool:
        """Whether there is room, and count it; beyond half of the bound the intake is shut."""
        held, size_held = len(self._items), self._bytes + len(message.row[5]) + len(message.row[2])
        if self._shut - {"queue"} or (held and (held >= self._max_messages or size_held > self._max_bytes)):
            return False
        if held >= self._max_messages // 2 or size_held > self._max_bytes // 2:
            self._shut |= {"queue"}
        self._bytes = size_held
        return True

    def _add(self, item: Message | Notice) -> None:
        self._items.append(item)
        if len(self._items) in (1, GROUP_MESSAGES):  # what `take` waits for
            self._changed.notify()
