import random

import numpy as np
import pytest

from connectors.columns import Counts, Readings
from connectors.decode import Decoder
from connectors.repetition import Repetition
from tests import oracle_decode
from tests.decode_samples import PLAN, entry, random_entries


def labels_agree(hashes, labels):
    """Equal hashes for equal labels, and 0 for None."""
    pairs = set(zip(hashes, labels, strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({label for _, label in pairs})
    assert all((one == 0) == (label is None) and one >= 0 for one, label in pairs)


@pytest.mark.parametrize("seed", range(8))
def test_random_messages_are_decoded_as_by_the_slow_decoder(seed):
    entries = random_entries(random.Random(seed), 800)
    readings, rejected, counts, *_ = Decoder(PLAN).decode(entries)
    rows, refused = oracle_decode.decode(PLAN, entries)
    for name in ("characteristic", "time_ns", "seq", "idx", "ends", "state", "connector"):
        assert getattr(readings, name).tolist() == [row[name] for row in rows], name
    assert [None if np.isnan(value) else value for value in readings.value.tolist()] == [row["value"] for row in rows]
    assert [readings.contexts[number] for number in readings.context] == [row["context"] for row in rows]
    labels_agree(readings.subgroup.tolist(), [row["subgroup"] for row in rows])
    labels_agree(readings.change.tolist(), [None if row["change"] is None else repr(row["change"]) for row in rows])
    assert sorted((one.seq, one.idx, one.reason) for one in rejected) == sorted(refused)
    assert [one.seq for one in rejected] == sorted(one.seq for one in rejected)
    assert sum(counts.readings.values()) == sum(row["state"] != 2 for row in rows)
    assert sum(counts.messages.values()) == len(entries)
    assert len(rows) > 200
    assert len({reason for _, _, reason in refused}) >= 9


@pytest.mark.parametrize("seed", range(4))
def test_how_the_entries_are_cut_changes_nothing(seed):
    rng = random.Random(seed)
    entries = random_entries(rng, 200)
    whole, rejected, counts, *_ = Decoder(PLAN).decode(entries, Repetition())
    decoder, repetition = Decoder(PLAN), Repetition()
    pieces, refused, summed, start = [], [], Counts(), 0
    while start < len(entries):
        stop = start + rng.randint(1, 40)
        readings, more, count, *_ = decoder.decode(entries[start:stop], repetition)
        pieces.append(readings)
        refused += more
        summed += count
        start = stop
        repetition = Repetition.from_bytes(repetition.to_bytes())
    assert Readings.concat(pieces).to_bytes() == whole.to_bytes()
    assert refused == rejected
    assert summed == counts


def test_no_payload_raises_and_each_refusal_has_its_reason():
    rng = random.Random(11)
    seeds = [one.payload for one in random_entries(rng, 60)]
    tokens = [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
        b"NaN",
        b"-",
        b"1e400",
        b"\x00",
        b"\xff",
        b"null",
        b"9" * 30,
    ]
    known = {"not-json", "not-an-object", "no-values", "wrong-type", "not-finite", "absent-value", "bad-time"}
    known |= {"out-of-range"}
    known |= {"unknown-characteristic", "template-field-missing", "too-deep", "unsupported-kind"}
    entries = []
    for seq in range(4000):
        payload = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(payload) + 1)
            payload[place : place + rng.randint(0, 3)] = rng.choice([*tokens, rng.randbytes(2)])
        entries.append(entry(bytes(payload) if seq % 20 else rng.randbytes(rng.randrange(60)), seq, packet_id=seq % 7))
    readings, rejected, *_ = Decoder(PLAN).decode(entries, Repetition())
    assert {one.reason for one in rejected} <= known
    assert all(one.detail for one in rejected)
    assert np.isfinite(readings.value[readings.state != 2]).all()
    told = {one.seq for one in rejected} | set(readings.seq.tolist())
    assert len(told) == 4000  # nothing vanishes
