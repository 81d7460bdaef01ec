"""Messages of the other kinds: what is read of each, and what is refused."""

import pytest

from connectors.decode import Decoder
from rules.events import Change, Complaint, Correction, Count, Inspection, MachineState
from tests.decode_samples import PLAN, RECEIVED_NS, entry

EIGHT_NS = 1_795_248_000_000_000_000  # 2026-11-21T08:00:00Z


def decode(message):
    return Decoder(PLAN).decode([entry(message, seq=7)])


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (
            {
                "kind": "inspection",
                "inspected": 50,
                "rejected": 2,
                "reworked": 1,
                "defects": {"b": 1, "a": 2},
            },
            Inspection(50.0, 2, 1, 0, 0, (("a", 2), ("b", 1))),
        ),
        ({"kind": "state", "state": "down", "reason": "tool"}, MachineState("down", "tool")),
        ({"kind": "count", "total": 12, "good": 11}, Count(12, 11)),
        ({"kind": "count", "total": 12}, Count(12, 12)),
        (
            {"kind": "complaint", "complaint": "C1", "received": "2026-11-21T08:00:00Z", "class": "design"},
            Complaint("C1", EIGHT_NS, of="design"),
        ),
        ({"kind": "complaint", "complaint": "C1", "urgent": True}, Complaint("C1", RECEIVED_NS, urgent=True)),
        ({"kind": "change", "of": "tool", "characteristics": ["line1/*"]}, Change("tool", ("line1/*",))),
        (
            {"kind": "void", "ref": "gw1-7", "who": "W5", "why": "wrong part"},
            Correction("void", "W5", "wrong part", ref_id="gw1-7"),
        ),
        (
            {
                **{"kind": "correct", "name": "bore", "of_time": "2026-11-21T08:00:00Z"},
                **{"part": "SN1", "value": 10.01, "who": "W5", "why": "comma"},
            },
            Correction("correct", "W5", "comma", "bore", "", "SN1", EIGHT_NS, 10.01),
        ),
    ],
)
def test_a_message_of_another_kind_is_an_event(message, body):
    decoded = decode(message)
    ((seq, idx, time_ns, _, kind, place, context, found),) = decoded.events
    assert not decoded.rejected
    assert (seq, idx, time_ns, kind, place) == (7, 0, RECEIVED_NS, message["kind"], "op10")
    assert context == ('{"part":"SN1"}' if "part" in message else "")
    assert found == body


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"kind": "inspection", "rejected": 2}, "inspected: expected a number"),
        ({"kind": "inspection", "inspected": 0}, "expected more than 0"),
        ({"kind": "inspection", "inspected": 5, "rejected": 6}, "rejected: expected at most inspected (5), got 6"),
        ({"kind": "inspection", "inspected": 5, "rejected": 1, "scrapped": 2}, "at most rejected (1), got 0 and 2"),
        ({"kind": "inspection", "inspected": 5, "defects": {"scratch": -1}}, "scratch: expected a whole number"),
        ({"kind": "state", "state": "asleep"}, "state: expected one of running, idle, down, setup, got 'asleep'"),
        ({"kind": "count", "total": 5, "good": 6}, "good: expected at most total (5), got 6"),
        ({"kind": "complaint"}, "complaint: expected a text"),
        (
            {"kind": "complaint", "complaint": "C", "received": 6, "answered": 5},
            "answered: expected at or after received",
        ),
        ({"kind": "change", "of": "weather"}, "of: expected one of design, process, tool, material"),
        ({"kind": "void", "ref": "a"}, "who: expected a text"),
        ({"kind": "correct", "ref": "a", "who": "W", "why": "x"}, "value: expected a number"),
        ({"kind": "void", "name": "bore", "who": "W", "why": "x"}, "expected ref"),
    ],
)
def test_what_is_wrong_with_a_message_is_named(message, said):
    decoded = decode(message)
    assert not decoded.events
    (refusal,) = decoded.rejected
    assert refusal.reason == "wrong-field"
    assert said in refusal.detail
