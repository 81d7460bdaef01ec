"""Machine states, counts and inspections out of tags: what changes of a place within one message is one event.

Running counters become differences. A state's reason and its state, the good parts and all parts, may come one after
the other: what has come of a place waits for the value that makes an event of it (the state, `total`, `inspected`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from config.tag_plan import DEFECT, TagPlan
from connectors.event_json import LARGEST_COUNT
from connectors.tag_values import shown, whole_of, word_of
from rules.events import Body, Count, Inspection, MachineState, State

WHOLE = {"count": "total", "inspection": "inspected"}  # what an event of the kind cannot be without

Refuse = Callable[[str, str], None]  # a short word and a sentence


class Happened(NamedTuple):
    """An event of a place as its tags tell it; `idx` is the place of the value that made it one."""

    idx: int
    time_ns: int
    kind: str
    place: str
    body: Body


class TagEvents:
    """What the tags of one connector have told of its places. `take` each value of a message, then `happened`."""

    def __init__(self) -> None:
        self._states: dict[str, list[Any]] = {}  # by place: state, reason, time
        self._reasons: dict[str, str] = {}  # by place: what its reason tag said last
        self._counters: dict[str, list[int]] = {}  # by tag's address: last value, its time
        self._waiting: dict[str, dict[str, int]] = {}  # by place and kind: what was counted and is in no event yet
        self._told: dict[tuple[str, str], Told] = {}  # of this message, by place and kind: what makes the event

    def take(self, tag: TagPlan, words: dict[str, str], address: str, place: str, one: "Told", refuse: Refuse) -> None:
        """Takes one value of a state, reason, count or inspection tag; a historical one changes nothing kept."""
        if tag.kind == "state":
            word = words.get(word_of(one.value))
            if word is None:
                refuse("unknown-state", f"{tag.tag}: expected one of {', '.join(words)}, got {shown(one.value)}")
            else:
                self._take_state(place, word, one)
        elif tag.kind == "reason":
            if not one.historical:
                said = word_of(one.value)
                self._reasons[place] = words.get(said, said)[:500]
                self._told.setdefault((place, "reason"), one)
        else:
            number = whole_of(one.value)
            if number is None:
                refuse("wrong-type", f"{tag.tag}: expected a whole number from 0 on, got {shown(one.value)}")
            else:
                self._take_count(tag, address, place, number, one)

    def _take_state(self, place: str, word: str, one: "Told") -> None:
        if one.historical:
            self._told[place, f"state {one.idx} {word}"] = one
            return
        known = self._states.get(place)
        if known is None or (one.time_ns >= known[2] and word != known[0]):
            self._states[place] = [word, "", one.time_ns]
            self._told[place, "state"] = one
        elif word == known[0]:  # it is so still
            known[2] = max(known[2], one.time_ns)

    def _take_count(self, tag: TagPlan, address: str, place: str, number: int, one: "Told") -> None:
        more = number
        if tag.counting == "running":
            known = self._counters.get(address)
            if one.historical or (known is not None and one.time_ns < known[1]):
                return  # the next value's difference holds it
            self._counters[address] = [number, one.time_ns]
            more = 0 if known is None else counted(known[0], number, tag.wraps_at)
        if more:
            waiting = self._waiting.setdefault(f"{tag.kind} {place}", {})
            waiting[tag.field] = min(waiting.get(tag.field, 0) + more, LARGEST_COUNT)
            if tag.field == WHOLE[tag.kind]:
                self._told[place, tag.kind] = one

    def happened(self) -> list[Happened]:
        """The events of the message that was taken."""
        found = []
        for (place, kind), (_, time_ns, idx, _, with_good) in self._told.items():
            if kind in WHOLE:
                waiting = self._waiting[f"{kind} {place}"]
                body = _count(waiting, with_good) if kind == "count" else _inspection(waiting)
                found.append(Happened(idx, time_ns, kind, place, body))
            elif kind.startswith("state "):
                found.append(Happened(idx, time_ns, "state", place, _state(kind.split(" ")[2], "")))
            elif (known := self._states.get(place)) is not None:
                reason = "" if known[0] == "running" else self._reasons.get(place, "")
                if kind == "state" or ((place, "state") not in self._told and reason != known[1]):
                    known[1] = reason
                    found.append(Happened(idx, time_ns, "state", place, _state(known[0], reason)))
        self._told.clear()
        return sorted(found, key=lambda one: one[:4])

    def to_plain(self) -> list[Any]:
        """What is remembered, for JSON."""
        return [
            sorted(self._states.items()),
            sorted(self._reasons.items()),
            sorted(self._counters.items()),
            sorted((place, sorted(waiting.items())) for place, waiting in self._waiting.items() if waiting),
        ]

    def resume(self, plain: list[Any]) -> None:
        """Go on with what `to_plain` gave."""
        states, reasons, counters, waiting = plain
        self._states, self._reasons, self._counters = dict(states), dict(reasons), dict(counters)
        self._waiting = {place: dict(counts) for place, counts in waiting}


class Told(NamedTuple):
    """One value as these tags need it; `with_good`: the good parts of its place are counted too."""

    value: Any
    time_ns: int
    idx: int
    historical: bool
    with_good: bool


def counted(before: int, now: int, wraps_at: int) -> int:
    """How far a running counter has gone on; one that is lower than before has wrapped, or was set to 0.

    It has wrapped when it can (`wraps_at` is the value behind its highest) and that is the shorter way.

    >>> counted(65_530, 4, 65_536), counted(120, 3, 65_536), counted(120, 3, 0)
    (10, 3, 3)
    """
    if now >= before:
        return now - before
    through = now + wraps_at - before
    return through if before < wraps_at and through <= wraps_at // 2 else now


def _state(word: str, reason: str) -> MachineState:
    state: State = word  # type: ignore[assignment] # the plant file allows no other word
    return MachineState(state, reason)


def _count(waiting: dict[str, int], with_good: bool) -> Count:
    """All that were made; of the good ones no more than that: the others wait for the next count."""
    total = waiting.pop("total")
    return Count(total, _take(waiting, "good", total) if with_good else total)


def _inspection(waiting: dict[str, int]) -> Inspection:
    """All that were inspected, with what was found since the last time; see `_count`."""
    inspected = waiting.pop("inspected")
    rejected = _take(waiting, "rejected", inspected)
    scrapped = _take(waiting, "scrapped", rejected)
    reworked = _take(waiting, "reworked", rejected - scrapped)
    missed = _take(waiting, "missed", inspected)
    names = sorted(name for name in waiting if name.startswith(DEFECT))
    defects = tuple((name.removeprefix(DEFECT), waiting.pop(name)) for name in names)
    return Inspection(inspected, rejected, reworked, scrapped, missed, defects)


def _take(waiting: dict[str, int], name: str, most: int) -> int:
    found = min(waiting.get(name, 0), most)
    if found:
        waiting[name] -= found
    return found
