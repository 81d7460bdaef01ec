"""The engine as Bytewax runs it, simulated in one process: epochs with barriers, workers, kills and power cuts.

What Bytewax promises is modelled, not Bytewax: items between two keys arrive in the order they were sent, between
other keys in any; at a barrier everything on its way has arrived and all states are kept with the offset; a kill
loses what came after the last barrier that was kept, but the history holds what was committed to it since.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import chain
from random import Random
from typing import Any

from connectors.history import CommitUnit
from flows.frames import Answer, PlantFrame, ShardFrame
from flows.framing import PLANT, FramingLogic
from flows.plant_step import PlantLogic
from flows.shard import ShardLogic
from tests.past import EntriesPast
from tests.plants import Journal, Rows

FRAMING = "framing"


class Differs(AssertionError):  # noqa: N818 - says what is the case
    """Rows that came again are not those that are held."""


class History:
    """What `connectors.history` does with commit units, in memory: passes over what it holds, and compares it."""

    def __init__(self) -> None:
        self.units: list[CommitUnit] = []
        self.applied_seq = 0
        self._held: dict[str, list[tuple[Any, ...]]] = {}
        self._synced = 0  # how many units survive a power cut

    def commit(self, unit: CommitUnit) -> None:
        assert not self.applied_seq or unit.first_seq <= self.applied_seq + 1, "a hole in the results"
        again = {kind: [row for row in rows if row[1] <= self.applied_seq] for kind, rows in unit.rows.items()}
        self._compare(again, range(unit.first_seq, min(unit.last_seq, self.applied_seq) + 1))
        if unit.last_seq > self.applied_seq:
            fresh = {kind: [row for row in rows if row[1] > self.applied_seq] for kind, rows in unit.rows.items()}
            self.units.append(CommitUnit(self.applied_seq + 1, unit.last_seq, unit.last_tick_ns, fresh))
            self.applied_seq = unit.last_seq
            if fresh.get("checkpoint"):
                self.sync()

    def _compare(self, again: Mapping[str, list[tuple[Any, ...]]], seqs: range) -> None:
        """The rows of `seqs` that come again are all that are held of them, in the same order."""
        if seqs:
            held: Rows = {}
            for unit in self.units:
                if unit.last_seq >= seqs.start and unit.first_seq < seqs.stop:
                    for kind, rows in unit.rows.items():
                        held.setdefault(kind, []).extend(row for row in rows if row[1] in seqs)
            if shown(held) != shown(again):
                raise Differs(f"entries {seqs}:\n{shown(held)}\nagain:\n{shown(again)}")

    def sync(self) -> None:
        """Inside the barrier: what is held survives a power cut."""
        self._synced = len(self.units)

    def lose_power(self, keep: int) -> None:
        """Forget units that were not synced, but the first `keep` of them: a WAL ends somewhere."""
        del self.units[self._synced + keep :]
        self.applied_seq = self.units[-1].last_seq if self.units else 0

    def rows(self) -> Rows:
        gathered: Rows = {}
        for unit in self.units:
            for kind, rows in unit.rows.items():
                gathered.setdefault(kind, []).extend(rows)
        return gathered


def shown(rows: Mapping[str, list[tuple[Any, ...]]]) -> str:
    """Rows to the last bit, nan equal to nan."""
    return repr(sorted((kind, some) for kind, some in rows.items() if some))


def difference(found: Mapping[str, list[tuple[Any, ...]]], expected: Mapping[str, list[tuple[Any, ...]]]) -> str:
    """The first row that is another, in words; empty for none. A diff of all the text would take minutes."""
    for kind in sorted(found.keys() | expected.keys()):
        ours, theirs = sorted(map(repr, found.get(kind, []))), sorted(map(repr, expected.get(kind, [])))
        if ours != theirs:
            pair = next((two for two in zip(ours, theirs, strict=False) if two[0] != two[1]), ("", ""))
            return f"{kind}: {len(ours)} rows, expected {len(theirs)}; {pair[0]}, expected {pair[1]}"
    return ""


class Engine:
    """A journal followed into a history, from the last barrier that was kept; `order` picks what arrives next."""

    def __init__(self, journal: Journal, history: Any, order: Random) -> None:
        self._journal, self.history, self._order = journal, history, order
        self._plan_at = cache(journal.plan_at)
        self._kept: tuple[int, dict[str, bytes]] = (0, {})
        self._checkpoints: dict[int, dict[str, bytes]] = {}  # by journal entry: every one there has been
        self.kills = self.barriers = 0
        self._resume()

    @property
    def at_end(self) -> bool:
        return self._offset == len(self._journal.entries)

    @property
    def kept(self) -> tuple[int, dict[str, bytes]]:
        """The offset and the states of the last barrier that was kept."""
        return self._kept

    def _resume(self) -> None:
        self._offset, states = self._kept
        self._framing = FramingLogic(self._plan_at, states.get(FRAMING), EntriesPast(self._journal.entries))
        self._plant = PlantLogic(self._plan_at, states.get(PLANT))
        own = {key: state for key, state in states.items() if key not in (FRAMING, PLANT)}
        self._shards = {key: ShardLogic(self._plan_at, state) for key, state in own.items()}
        self._inbox: dict[str, deque[ShardFrame]] = {}  # from the framing step to each shard
        self._outbox: dict[str, deque[PlantFrame | Answer]] = {}  # from each key to the plant step

    def read(self, count: int) -> None:
        """The source hands on the next entries; nothing of their frames has been worked on yet."""
        entries = self._journal.entries[self._offset : self._offset + count]
        self._offset += len(entries)
        for key, item in self._framing.frames(entries) if entries else ():
            channels: dict[str, deque[Any]] = self._outbox if key == PLANT else self._inbox
            channels.setdefault(key, deque()).append(item)

    def work(self, count: int) -> None:
        """Let `count` items arrive, from wherever something is on its way."""
        for _ in range(count):
            ways = [(self._shard, key) for key, queue in self._inbox.items() if queue]
            ways += [(self._fold, key) for key, queue in self._outbox.items() if queue]
            if not ways:
                return
            arrive, key = self._order.choice(ways)
            arrive(key)

    def _shard(self, key: str) -> None:
        shard = self._shards.setdefault(key, ShardLogic(self._plan_at))
        self._outbox.setdefault(key, deque()).append(shard.answer(self._inbox[key].popleft()))

    def _fold(self, key: str) -> None:
        for unit in self._plant.take(self._outbox[key].popleft()):
            self.history.commit(unit)
            for _, seq, _, step, own, _, state in unit.rows.get("checkpoint", ()):
                name = FRAMING if step == "frame_entries" else own
                self._checkpoints.setdefault(seq, {})[name] = state

    def drain(self) -> None:
        """Let everything arrive that is on its way."""
        while any(chain(self._inbox.values(), self._outbox.values())):
            self.work(1_000)

    def barrier(self) -> None:
        """The end of an epoch: all states as bytes, with the offset, and the history written through."""
        self.drain()
        self.history.sync()
        states = {key: shard.to_bytes() for key, shard in self._shards.items()}
        states |= {FRAMING: self._framing.to_bytes(), PLANT: self._plant.to_bytes()}
        self._kept = (self._offset, states)
        self.barriers += 1

    def unkept_barrier(self) -> None:
        """A kill after the history was written through and before the states were kept."""
        self.drain()
        self.history.sync()
        self.kill()

    def kill(self) -> None:
        """End at once, and start again from the last barrier that was kept."""
        self.kills += 1
        self._resume()

    def power_cut(self, keep: int) -> None:
        """A kill that also takes what the history had not written through, but for its first units."""
        self.history.lose_power(keep)
        self.kill()

    def lose_recovery(self) -> None:
        """A kill, and the recovery folder is gone: everything is read again from the beginning."""
        self._kept = (0, {})
        self.kill()

    def rebuild(self, number: int) -> None:
        """A kill, and the recovery folder is gone: the states are those of one of the checkpoints before."""
        applied = self.history.meta.applied_seq if hasattr(self.history, "meta") else self.history.applied_seq
        seqs = [seq for seq in self._checkpoints if seq <= applied]
        seq = seqs[number % len(seqs)] if seqs else 0
        self._kept = (seq, self._checkpoints.get(seq, {}))
        self.kill()


def run(journal: Journal, acts: Iterable[tuple[str, int]], order: int, history: Any = None) -> Engine:
    """Follow a journal to its end, whatever `acts` (a method of `Engine` with its number) befall it."""
    engine = Engine(journal, History() if history is None else history, Random(order))
    for act, number in acts:
        method = getattr(engine, act)
        if act in ("read", "work", "power_cut", "rebuild"):
            method(number)
        else:
            method()
    while not engine.at_end:
        engine.read(60)
        engine.work(30)
    engine.drain()
    return engine
