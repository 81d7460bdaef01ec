"""100,000 payloads as no gateway should send them. `FUZZ_SEED` and `FUZZ_PAYLOADS` say which and how many.

FUZZ_SEED=7 FUZZ_PAYLOADS=5000000 make test ARGS="tests/fuzz -s"
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from connectors.columns import INVALID, PAYLOAD_KEPT, TEXT_KEPT, UNKNOWN, Rejected
from connectors.decode import Decoder
from connectors.repetition import Repetition
from flows.frames import PlantFrame
from flows.framing import MOST_NAMES, MOST_REFUSALS, FramingLogic
from tests.decode_samples import PLAN, RECEIVED_NS
from tests.fuzz.payloads import CONNECTORS, Fuzz, Sent
from tests.plants import Journal, follow_to_the_end, query

SEED = int(os.environ.get("FUZZ_SEED", "20261121"))
PAYLOADS = int(os.environ.get("FUZZ_PAYLOADS", "100000"))
BATCH = 500
MORE_MEMORY = 200 << 20  # bytes: twice what a connector may keep of topics and names

REASONS = {
    "absent-value",
    "bad-time",
    "epoch-seconds",
    "no-values",
    "not-an-object",
    "not-finite",
    "not-json",
    "out-of-range",
    "repeated",
}
REASONS |= {"template-field-missing", "too-deep", "too-large", "unknown-characteristic", "unknown-topic"}
REASONS |= {"unsupported-kind", "wrong-type"}
AHEAD = {(connector, "ahead-of-clock") for connector in CONNECTORS}
LATER = ("ahead-of-clock", UNKNOWN)  # told after decoding; of an unknown name the first, 10th, 100th, … time


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def batches(fuzz: Fuzz, count: int) -> Iterator[list[Sent]]:
    while count > 0:
        yield [fuzz.next() for _ in range(min(BATCH, count))]
        count -= BATCH


def test_every_payload_is_taken_or_refused_with_its_reason_and_harms_no_other() -> None:
    print(f"\nFUZZ_SEED={SEED} FUZZ_PAYLOADS={PAYLOADS}")
    decoder, repetition = Decoder(PLAN), Repetition()
    came, taken, refused = 0, 0, Counter[str]()
    before = 0
    for number, some in enumerate(batches(Fuzz(SEED), PAYLOADS)):
        readings, rejected, counts, *_ = decoder.decode([sent.entry for sent in some], repetition)
        came += sum(counts.messages.values())
        taken += sum(counts.readings.values())
        assert sum(counts.rejected.values()) == len(rejected)
        refused.update(one.reason for one in rejected)
        values: dict[int, list[float]] = {}
        for seq, value, state in zip(
            *(getattr(readings, name).tolist() for name in ("seq", "value", "state")), strict=True
        ):
            values.setdefault(seq, [])
            if state != INVALID:
                values[seq].append(value)
        told = values.keys() | {one.seq for one in rejected}
        for entry, promised in some:
            assert entry.seq in told, f"FUZZ_SEED={SEED}: nothing is said of {entry}"
            assert promised is None or tuple(values[entry.seq]) == promised, f"FUZZ_SEED={SEED}: {entry}"
        assert all(one.detail and one.reason in REASONS for one in rejected)
        if number == 20:
            before = resident()
    assert came == PAYLOADS
    assert taken > PAYLOADS / 2
    if PAYLOADS >= 100_000:
        assert refused.keys() == REASONS
        assert resident() - before < MORE_MEMORY


def journal_of(count: int) -> tuple[Journal, list[Sent]]:
    """A journal with the plan, a tick, and so many payloads; every promise of theirs."""
    journal, fuzz, sent = Journal(), Fuzz(SEED), []
    journal.plan(RECEIVED_NS, PLAN)
    journal.tick(RECEIVED_NS)
    for _ in range(count):
        entry, promised = fuzz.next()
        seq = journal.add(*entry[1:2], entry.topic, entry.payload, connector=entry.connector, packet=entry.packet_id)
        sent.append(Sent(journal.entries[seq - 1], promised))
    journal.tick(RECEIVED_NS + 3_600_000_000_000)
    return journal, sent


def test_what_is_kept_of_refusals_is_bounded_and_all_are_counted() -> None:
    """Names that never end and are as long as a message may be neither fill the state nor the quarantine."""
    journal, sent = journal_of(min(PAYLOADS, 10_000))
    logic = FramingLogic(journal.plan_at)
    last: dict[tuple[str, str], int] = {}
    kept = 0
    for start in range(0, len(journal.entries), BATCH):
        for _, frame in logic.frames(journal.entries[start : start + BATCH]):
            if isinstance(frame, PlantFrame):
                for one, _, number in frame.rejected:
                    assert len(one.payload) <= PAYLOAD_KEPT
                    assert max(len(one.topic), len(one.detail)) <= TEXT_KEPT + 30
                    assert number > last.get((one.connector, one.reason), 0)
                    last[one.connector, one.reason] = number
                    kept += one.reason == UNKNOWN
    _, rejected, counts, *_ = Decoder(PLAN).decode([one.entry for one in sent], Repetition())
    expected = last_told(rejected)
    assert {pair: number for pair, number in last.items() if pair[1] not in LATER} == expected
    assert {pair for pair in counts.rejected if pair[1] == UNKNOWN} == last.keys() - expected.keys() - AHEAD
    names = {one.name for one in rejected if one.reason == UNKNOWN}
    assert max(map(len, names)) > 100_000
    assert kept <= len(CONNECTORS) * MOST_NAMES * 4  # the first, 10th, 100th, 1,000th time
    ids = len(Repetition.from_bytes(_repetition_of(sent)).to_bytes())
    assert len(logic.to_bytes()) < ids + len(CONNECTORS) * MOST_NAMES * (TEXT_KEPT + 20) + 1_000_000


def last_told(rejected: list[Rejected]) -> dict[tuple[str, str], int]:
    """The running number of the last refusal of each connector and reason that is told: of one entry the first 20."""
    of_entry, number = Counter((one.connector, one.reason, one.seq) for one in rejected), Counter[tuple[str, str]]()
    told: dict[tuple[str, str], int] = {}
    for (connector, reason, _), count in of_entry.items():
        told[connector, reason] = number[connector, reason] + min(count, MOST_REFUSALS)
        number[connector, reason] += count
    return {pair: last for pair, last in told.items() if pair[1] != UNKNOWN}


def _repetition_of(sent: list[Sent]) -> bytes:
    repetition = Repetition()
    Decoder(PLAN).decode([one.entry for one in sent], repetition)
    return repetition.to_bytes()


def test_from_the_journal_to_the_history_nothing_sound_is_lost(tmp_path: Path) -> None:
    journal, sent = journal_of(min(PAYLOADS, 4_000))
    journal.write(tmp_path)
    follow_to_the_end(tmp_path)
    _, rejected, *_ = Decoder(PLAN).decode([one.entry for one in sent], Repetition())
    told = query(tmp_path, 'SELECT "connector", "reason", max("count") AS n FROM "rejected" GROUP BY 1, 2')
    counted = {(row["connector"], row["reason"]): row["n"] for row in told}
    expected = last_told(rejected)
    assert {pair: number for pair, number in counted.items() if pair[1] not in LATER} == expected
    found = Counter[tuple[int, float]]()
    for row in query(tmp_path, 'SELECT "seq", "value" FROM "point" UNION ALL SELECT "seq", "value" FROM "reading"'):
        found[row["seq"], row["value"]] += 1
    promised = Counter((one.entry.seq, value) for one in sent for value in one.values or ())
    assert sum(promised.values()) > 1_000
    assert not promised - found
