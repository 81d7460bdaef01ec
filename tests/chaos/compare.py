"""What is left after a run, held against what must be there: the journal against the publisher's record, the history
against an undisturbed run over the same journal, and (`tests.chaos.pushed`) what was pushed against the history.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from connectors.journal import SYSTEM, Entry, JournalReader
from tests.plants import follow_to_the_end, stored
from tests.spine import Message

SHOWN = 3  # differences of a sort that are told in full


@dataclass
class Findings:
    """What was counted, and what differed, by sort."""

    counts: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    _told: Counter[str] = field(default_factory=Counter)

    def differs(self, sort: str, what: str) -> None:
        """One difference; the first few of a sort are told."""
        self._told[sort] += 1
        if self._told[sort] <= SHOWN:
            self.different.append(f"{sort}: {what}")

    @property
    def differences(self) -> int:
        return sum(self._told.values())

    def by_sort(self) -> dict[str, int]:
        return dict(self._told)


def entries_of(data: Path) -> list[Entry]:
    """The whole journal; a hole in it raises."""
    reader = JournalReader(data / "journal")
    try:
        entries: list[Entry] = []
        after = reader.first_seq - 1
        while some := reader.read(after):
            entries += some
            after = some[-1].seq
        return entries
    finally:
        reader.close()


def compare_record(found: Findings, acknowledged: list[Message], entries: list[Entry]) -> None:
    """(a) Every acknowledged message is in the journal, at least as often as it was sent."""
    sent = Counter((message.topic, message.body) for message in acknowledged)
    held = Counter((entry.topic, entry.payload) for entry in entries if entry.connector != SYSTEM)
    lost = sent - held
    for (topic, body), _ in lost.items():
        found.differs("lost", f"{topic} {body[:200]!r} was acknowledged to its gateway and is not in the journal")
    for (topic, body), _ in held.items():
        if (topic, body) not in sent:
            found.differs("invented", f"{topic} {body[:200]!r} is in the journal, and was never sent")
    found.counts |= {
        "messages": len(sent),
        "sent": sum(sent.values()),
        "entries": sum(held.values()),
        "lost": sum(lost.values()),
        "repeated": sum(held.values()) - len(held),
    }


def compare_undisturbed(found: Findings, data: Path, folder: Path) -> None:
    """(b) Every row of every table of the history, and their order, are those of a run that nobody disturbs."""
    folder.mkdir()
    (folder / "journal").symlink_to(data.resolve() / "journal")
    follow_to_the_end(folder)
    ours, theirs = stored(data), stored(folder)
    compared = 0
    for table in sorted(ours.keys() | theirs.keys()):
        got, want = ours.get(table, []), theirs.get(table, [])
        compared += len(want)
        if got == want:
            continue
        wanted, given = Counter(map(repr, want)), Counter(map(repr, got))
        for one in wanted - given:
            found.differs(f"history.{table}", f"an undisturbed run has {one[:300]}; it is missing")
        for one in given - wanted:
            found.differs(f"history.{table}", f"an undisturbed run has no {one[:300]}")
    found.counts["rows"] = compared
