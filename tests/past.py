"""A journal's past, of a list of entries: what `connectors.journal_past` reads from disk."""

from collections.abc import Collection, Iterator, Sequence

from connectors.journal_past import Sender
from connectors.segments import GAP, PLAN, SYSTEM, TICK, Entry


class EntriesPast:
    """The past of entries numbered from 1, of which more may come."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def senders(self, after_seq: int, before_seq: int) -> Collection[Sender]:
        return {(one.connector, one.topic) for one in self._between(after_seq, before_seq) if one.connector != SYSTEM}

    def entries(self, after_seq: int, before_seq: int, senders: Collection[Sender]) -> Iterator[list[Entry]]:
        rules = {(SYSTEM, topic) for topic in (TICK, PLAN, GAP)}
        wanted = [
            one for one in self._between(after_seq, before_seq) if (one.connector, one.topic) in {*senders, *rules}
        ]
        yield wanted

    def holding(self, connector: str, text: str, after_seq: int, before_seq: int) -> Iterator[Entry]:
        for one in reversed(self._between(after_seq, before_seq)):
            if one.connector == connector and text.encode() in one.payload:
                yield one

    def _between(self, after_seq: int, before_seq: int) -> Sequence[Entry]:
        return self._entries[after_seq : before_seq - 1]
