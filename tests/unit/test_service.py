"""What is wrong with the service: which fault is told of which facts, and its sentences in every language."""

from copy import deepcopy
from typing import Any

import pytest

from board.language import LANGUAGES, catalogue, language
from board.pages.health.advice import LOST, REFUSED, of_gap
from board.times import SECOND_NS
from board.vitals.faults import Problem, problems

NOW = 1_795_248_000 * SECOND_NS
RUNS = {"state": "runs", "fault": None}
WELL: dict[str, Any] = {
    "clock": "wall",
    "processes": {
        "gateway": RUNS | {"problem": None, "shut": {}, "away": {}, "clock_behind_seconds": None, "disk": None,
                           "lag_seconds": 0.5, "last_seq": 9},
        "engine": RUNS | {"waiting": None, "compiling": None, "applied_seq": 9, "behind_entries": 0,
                          "written_seconds_ago": 1.0, "last_tick": "2026-11-21T08:00:00Z"},
        "forwarder": RUNS | {"targets": {}, "lag_seconds": 1.0},
        "web": RUNS | {"store": None},
    },
    "data": {"open_gaps": 0, "refused_lately": [], "late_share": 0.0},
}  # fmt: skip
AWAY = {"why": "refused", "since_ns": NOW - 60 * SECOND_NS}
JUST = {"why": "refused", "since_ns": NOW - 5 * SECOND_NS}
WAITING = {"for": "history.db", "why": "disk full", "since_ns": NOW}
DISK = {"free_bytes": 300 << 20, "total_bytes": 50 << 30, "least_bytes": 200 << 20}

# facts of a process (or of the data) that differ; what is told: code, severity, how the English begins
CASES: tuple[tuple[str, dict[str, Any], tuple[str, str, str] | None], ...] = (
    ("gateway", {}, None),
    ("gateway", {"problem": "damaged"}, ("journal-unreadable", "fault", "The journal cannot be read: damaged")),
    ("gateway", {"state": "failed", "fault": "oh"}, ("ended", "fault", "The gateway has ended: oh. It is started")),
    ("engine", {"state": "silent"}, ("silent", "fault", "The engine gives no sign of life: is it running?")),
    ("forwarder", {"state": "stopped"}, ("stopped", "fault", "The forwarder has been stopped.")),
    ("gateway", {"shut": {"disk": JUST}}, ("shut-disk", "fault", "Nothing is taken in: the disk is nearly full.")),
    ("gateway", {"shut": {"journal": JUST}}, ("shut-journal", "fault", "Nothing is taken in: the journal cannot")),
    ("gateway", {"shut": {"queue": AWAY}}, ("shut-queue", "fault", "More comes in than the disk takes")),
    ("gateway", {"shut": {"queue": JUST}}, None),
    ("gateway", {"away": {"line1": AWAY}}, ("connector-away", "fault", "The connector line1 is not connected: re")),
    ("gateway", {"away": {"line1": JUST}}, None),
    ("gateway", {"clock_behind_seconds": 90.0}, ("clock-behind", "fault", "The clock of this machine is 90 s behind")),
    ("gateway", {"disk": DISK}, ("disk-low", "notice", "The disk has 300 MiB left; below 200 nothing is taken in.")),
    ("gateway", {"disk": DISK | {"free_bytes": 401 << 20}}, None),
    ("gateway", {"state": None, "lag_seconds": 300.0},
     ("journal-still", "fault", "Nothing has been written into the journal for 5 min, not even the time")),
    ("engine", {"waiting": WAITING}, ("waits", "fault", "The engine waits: history.db cannot be written (disk full).")),
    ("engine", {"compiling": True}, ("compiling", "notice", "The charts are being compiled, once for this version")),
    ("engine", {"applied_seq": None}, ("no-history", "fault", "There is no history yet, and 9 journal entries wait")),
    ("engine", {"behind_entries": 4, "written_seconds_ago": 119.0},
     ("engine-still", "fault", "The engine has stored nothing for 119 s, and 4 journal entries wait")),
    ("engine", {"behind_entries": 4, "written_seconds_ago": 19.0}, None),
    ("forwarder", {"targets": {"store": {"away": AWAY}}},
     ("target-away", "fault", "Nothing reaches the board's OKR store: refused. What waits is sent")),
    ("forwarder", {"targets": {"mes": {"refused": 3}}}, ("target-refused", "notice", "Refused by mes: 3 entries")),
    ("forwarder", {"targets": {"okr": {"waiting": WAITING}}}, ("waits", "fault", "The forwarder waits: history.db")),
    ("forwarder", {"lag_seconds": 181.0}, ("forwarder-behind", "fault", "Key results and alerts are 3 min behind")),
    ("web", {"store": "disk full"}, ("store-unwritable", "fault", "The OKR store cannot be written (disk full)")),
    ("data", {"open_gaps": 2}, ("gaps", "notice", "Known losses that nothing has filled: 2. See which, below.")),
    ("data", {"refused_lately": [{"connector": "line1", "reason": "not-json"}]},
     ("refused-line1-not-json", "notice", "line1 sends much that is refused (the message is not JSON): a hundred")),
    ("data", {"late_share": 0.034}, ("late", "notice", "3.4% of the readings of the latest production days came late")),
)  # fmt: skip


def wrong(who: str, facts: dict[str, Any]) -> list[Problem]:
    health = deepcopy(WELL)
    place = health["data"] if who == "data" else health["processes"][who]
    place |= facts
    return problems(health, NOW)


@pytest.mark.parametrize(("who", "facts", "expected"), CASES)
def test_a_fault_is_told_with_its_sentence(
    who: str, facts: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    found = wrong(who, facts)
    assert [(one.code, one.severity) for one in found] == ([] if expected is None else [expected[:2]])
    for one in found:
        assert expected is not None
        assert one.says().startswith(expected[2])


def test_nothing_at_all_is_said_once() -> None:
    health = deepcopy(WELL)
    health["processes"]["gateway"] |= {"last_seq": None, "state": None}
    health["processes"]["engine"] |= {"applied_seq": None, "state": None}
    assert [one.code for one in problems(health, NOW)] == ["nothing-yet"]


def test_the_gravest_come_first() -> None:
    health = deepcopy(WELL)
    health["data"]["open_gaps"] = 1
    health["processes"]["web"]["store"] = "disk full"
    health["processes"]["gateway"]["disk"] = DISK
    assert [one.severity for one in problems(health, NOW)] == ["fault", "notice", "notice"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_problem_says_in_every_language_what_is_wrong_and_what_to_do(code: str) -> None:
    spoken = language(code)
    told = [one for who, facts, _ in CASES for one in wrong(who, facts)]
    sentences = [text for one in told for text in (one.says(spoken), one.what_to_do(spoken))]
    assert not [text for text in sentences if not text or "{" in text]
    known = {key.removeprefix("health.problem.") for key in catalogue(code) if key.startswith("health.problem.")}
    assert {one.text for one in told} | {"nothing-yet"} == known
    assert known == {key.removeprefix("health.do.") for key in catalogue(code) if key.startswith("health.do.")}


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_to_do_about_each_reason_is_in_the_catalogue(code: str) -> None:
    texts = catalogue(code)
    assert {f"health.refused.{key}" for key in (*REFUSED, "other")} == {
        key for key in texts if key.startswith("health.refused.")}  # fmt: skip
    assert {f"health.gap.{key}" for key in (*LOST, "closed", "other")} == {
        key for key in texts if key.startswith("health.gap.")}  # fmt: skip
    reasons = [reason for group in (*REFUSED.values(), *LOST.values()) for reason in group]
    assert {reason for reason in reasons if not language(code).meaning(reason)} == set()


@pytest.mark.parametrize(
    ("state", "reason", "key"),
    [("open", "session-lost", "session"), ("closed", "session-lost", "closed"), ("open", "unheard-of", "other")],
)
def test_a_gap_that_is_closed_needs_nothing(state: str, reason: str, key: str) -> None:
    assert of_gap({"state": state, "reason": reason}) == key
