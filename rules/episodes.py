"""Episodes: the faults of one subject under one rule, each under a name that restated days do not change.

What the faults are follows from the days alone (`rules.runs`). What they are called does not: an episode gets its id
when a fault is first seen, and keeps it while restatements move its days. A fault that shares a bad day with an
episode is that episode; two faults that share days with one are both that one, and so is all between them; where one
shares days with several, the first opened goes on. An episode that no fault shares a day with any more is retracted.

A subject is a characteristic or a metric; a figure is whatever its rule judges and pools (design, section 8).
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, Generic, Literal, TypeVar

from rules.runs import JUDGEMENTS, Fault, JudgedDay, Judgement, RunState, fold
from rules.spec import BreachSpec

F = TypeVar("F")
EpisodeState = Literal["open", "recovered", "retracted", "withdrawn"]
LIVE: tuple[EpisodeState, ...] = ("open", "recovered")

IN_THE_PAST = "found only in restated days: no clock runs"


@dataclass(frozen=True, slots=True)
class EpisodeRule(Generic[F]):
    """What makes a day bad: `judge(spec, figure)`, None being a day without data.

    `pool(spec, figures)` gives the figure of several days together with its one-sided 95 % upper bound.
    """

    name: str
    judge: Callable[[BreachSpec, F | None], Judgement]
    pool: Callable[[BreachSpec, tuple[F, ...]], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Episode(Generic[F]):
    """One fault as the data tell it, in one of its revisions (1, 2, …: one for every change).

    `days` are its bad days (date ordinals) with their `figures`; `value` is the pooled figure of those days and
    `upper` its one-sided 95 % upper bound: `confirmed` when that is below `floor`. `named_after` is the first bad
    day as known at the opening, from which the id comes; `opened_day` the last closed day at that time. The `clock`
    runs once the newest day that counts has been a bad day of it. `reason` says why it was retracted or withdrawn,
    or why no clock runs. What is retracted or withdrawn keeps the days and figures that it had.
    """

    id: str
    subject: str
    rule: str
    state: EpisodeState
    days: tuple[int, ...]
    figures: tuple[F, ...]
    floor: float
    value: float
    upper: float
    confidence: Literal["confirmed", "indicated"]
    named_after: int
    opened_day: int
    recovered_day: int | None
    clock: Literal["running", "none"]
    reason: str
    revision: int


@dataclass(frozen=True, slots=True)
class EpisodeMemory(Generic[F]):
    """What one subject and rule remember: the days that can still be restated, and what came of those before.

    `runs` is the state through day `frozen`; `recent` the days after it. `figures` are those of bad days that are in
    a run or an episode. `settled`: faults that ended up to `frozen` and are part of a known episode. `known`: the
    episodes that may still change, in the order of their opening. `specs`: from which day on which rules hold.
    `counted`: the newest day up to `frozen` that counts, 0 without one.
    """

    frozen: int = 0
    runs: RunState = field(default_factory=RunState)
    recent: tuple[JudgedDay, ...] = ()
    figures: Mapping[int, F] = field(default_factory=dict)
    settled: tuple[Fault, ...] = ()
    known: tuple[Episode[F], ...] = ()
    specs: tuple[tuple[int, BreachSpec], ...] = ()
    counted: int = 0

    @property
    def is_open(self) -> bool:
        """Whether an episode is open."""
        return any(episode.state == "open" for episode in self.known)

    @property
    def last_counted(self) -> int:
        """The newest day that counts, 0 without one."""
        return next((day for day, judgement in reversed(self.recent) if judgement != "uncounted"), self.counted)

    def spec_on(self, day: int) -> BreachSpec:
        """The rules that `day` goes by: those in force when it closed."""
        return next((spec for first, spec in reversed(self.specs) if first <= day), self.specs[0][1])

    def to_plain(self) -> tuple[Any, ...]:
        """The memory as plain values; figures are flat dataclasses with slots."""
        runs = self.runs
        return (
            self.frozen,
            (runs.run, runs.good, runs.gap, runs.fault and _fault(runs.fault), runs.since),
            [day for day, _ in self.recent],
            bytes([JUDGEMENTS.index(judgement) for _, judgement in self.recent]),
            {day: _values(figure) for day, figure in self.figures.items()},
            [_fault(fault) for fault in self.settled],
            [_values(replace(one, figures=tuple(map(_values, one.figures)))) for one in self.known],  # type: ignore[arg-type]  # plain ones
            [(first, _values(spec)) for first, spec in self.specs],
            self.counted,
        )

    @classmethod
    def from_plain(cls, plain: tuple[Any, ...], figure: Callable[..., F]) -> "EpisodeMemory[F]":
        """The memory that `to_plain` wrote; `figure` makes a figure of its fields."""
        frozen, (run, good, gap, newest, since), days, words, figures, settled, known, specs, counted = plain
        names = Episode.__slots__
        episodes = [dict(zip(names, values, strict=True)) for values in known]
        for one in episodes:
            one["figures"] = tuple(figure(*values) for values in one["figures"])
        return cls(
            frozen,
            RunState(run, good, gap, newest and Fault(*newest), since),
            tuple(_judged(day, JUDGEMENTS[word]) for day, word in zip(days, words, strict=True)),
            {day: figure(*values) for day, values in figures.items()},
            tuple(Fault(*fault) for fault in settled),
            tuple(Episode(**one) for one in episodes),
            _specs(tuple((first, BreachSpec(*spec)) for first, spec in specs)),
            counted,
        )


def take_days(
    rule: EpisodeRule[F],
    subject: str,
    memory: EpisodeMemory[F],
    spec: BreachSpec,
    stated: Mapping[int, F | None],
    *,
    closes: int | None,
    reach: int,
) -> tuple[EpisodeMemory[F], tuple[Episode[F], ...]]:
    """The memory after days were stated, and every episode that this changed, in a revision of its own.

    `stated` are the figures of the day that closes and of closed days that are restated, by day (date ordinal); a
    closing production day that is not among them had no data. `spec` holds for the closing day and from then on;
    a restated day goes by the rules that it closed under. Days `reach` or more before the newest closed one can no
    longer be restated: what is stated of them changes nothing.
    """
    memory = _noted(rule, memory, spec, stated, closes)
    if not memory.known and not _may_be_fault(memory):
        return _frozen_through(memory, closes, reach), ()
    state, ended = fold(memory.spec_on, memory.runs, memory.recent)
    faults = [*memory.settled, *ended, *([state.fault] if state.fault is not None else [])]
    restated = sorted(day for day in stated if day != closes)
    known, changed = _named(rule, subject, memory, faults, restated)
    return _frozen_through(replace(memory, known=known), closes, reach), changed


def withdraw(
    memory: EpisodeMemory[F], day: int, reason: str = "characteristic removed"
) -> tuple[EpisodeMemory[F], tuple[Episode[F], ...]]:
    """The memory of a subject that the plan no longer has, and its open episodes as withdrawn after `day`.

    Only what is known is kept: should the subject come back, its days begin anew.
    """
    text = f"{reason} on {date.fromordinal(day).isoformat()}"
    known: list[Episode[F]] = []
    changed: list[Episode[F]] = []
    for one in memory.known:
        if one.state == "open":
            changed.append(replace(one, state="withdrawn", clock="none", reason=text, revision=one.revision + 1))
        # One that is over is told as it is, and kept like the others: the days that it was made of are gone.
        known.append(changed[-1] if one.state == "open" else replace(one, state="withdrawn", clock="none"))
    return EpisodeMemory(frozen=memory.frozen, known=tuple(known)), tuple(changed)


def forget(memory: EpisodeMemory[F], through: int) -> EpisodeMemory[F]:
    """The memory of a withdrawn subject without the episodes whose days all lie up to `through`."""
    return replace(memory, known=tuple(one for one in memory.known if max(_held(one)) > through))


def _values(record: Any) -> tuple[Any, ...]:
    """The fields of a dataclass with slots, in order."""
    return tuple([getattr(record, name) for name in record.__slots__])


def _fault(fault: Fault) -> tuple[tuple[int, ...], int | None]:
    return fault.days, fault.recovered_day


@lru_cache(maxsize=4096)
def _judged(day: int, judgement: Judgement) -> JudgedDay:
    """One object for all subjects: most have the same days."""
    return day, judgement


@lru_cache(maxsize=4096)
def _specs(specs: tuple[tuple[int, BreachSpec], ...]) -> tuple[tuple[int, BreachSpec], ...]:
    """One object for all subjects: most go by the same rules."""
    return specs


def _noted(
    rule: EpisodeRule[F],
    memory: EpisodeMemory[F],
    spec: BreachSpec,
    stated: Mapping[int, F | None],
    closes: int | None,
) -> EpisodeMemory[F]:
    """The memory with `stated` among its recent days, each judged by the rules of its time."""
    if not memory.specs:
        memory = replace(memory, specs=_specs(((0, spec),)))
    elif closes is not None and memory.specs[-1][1] != spec:
        memory = replace(memory, specs=_specs((*memory.specs, (closes, spec))))
    recent, figures = list(memory.recent), dict(memory.figures)
    for day, figure in (stated if closes is None else {closes: None, **stated}).items():
        if day <= memory.frozen:
            continue
        judgement = rule.judge(memory.spec_on(day), figure)
        at = bisect_left(recent, (day,))
        known = at < len(recent) and recent[at][0] == day
        recent[at : at + known] = [_judged(day, judgement)]
        figures.pop(day, None)
        if judgement == "bad" and figure is not None:
            figures[day] = figure
    return replace(memory, recent=tuple(recent), figures=figures)


def _may_be_fault(memory: EpisodeMemory[F]) -> bool:
    """Whether there are bad days enough for one, in a row or not."""
    bad = sum(judgement == "bad" for _, judgement in memory.recent)
    least = min(spec.breach_days for _, spec in memory.specs)
    return memory.runs.fault is not None or len(memory.runs.run) + bad >= least


def _named(
    rule: EpisodeRule[F],
    subject: str,
    memory: EpisodeMemory[F],
    faults: Sequence[Fault],
    restated: Sequence[int],
) -> tuple[tuple[Episode[F], ...], tuple[Episode[F], ...]]:
    """All known episodes after the faults got their names, and those of them that changed."""
    names = _names(rule, subject, memory.known, faults)
    parts: dict[str, list[Fault]] = {}
    for name, fault in zip(names, faults, strict=True):
        parts.setdefault(name, []).append(fault)
    known: list[Episode[F]] = []
    changed: list[Episode[F]] = []
    for before in memory.known:
        own = parts.pop(before.id, None)
        if own is not None:
            after = _episode(rule, subject, memory, before.id, own, before)
        else:
            heir = next((n for n, f in zip(names, faults, strict=True) if not _held(before).isdisjoint(f.days)), None)
            after = _retracted(memory, before, heir, restated)
        if repr(after) != repr(before):  # nan is not equal to itself; what it is written as is
            after = replace(after, revision=before.revision + 1)
            changed.append(after)
        known.append(after)
    new = [_episode(rule, subject, memory, name, own, None) for name, own in parts.items()]
    return (*known, *new), (*changed, *new)


def _names(rule: EpisodeRule[F], subject: str, known: Sequence[Episode[F]], faults: Sequence[Fault]) -> list[str]:
    """The id of each fault's episode."""
    names: list[str] = []
    for fault in faults:
        sharing = [one for one in known if not _held(one).isdisjoint(fault.days)]
        live = [one for one in sharing if one.state in LIVE]
        first = next(iter(live or sharing), None)
        names.append(episode_id(subject, rule.name, fault.days[0]) if first is None else first.id)
    at = 0
    while at < len(names):  # no episode lies within another: what is between its parts is part of it
        last = max(k for k in range(at, len(names)) if names[k] == names[at])
        names[at : last + 1] = [names[at]] * (last + 1 - at)
        at = last + 1
    return names


def _held(episode: Episode[F]) -> frozenset[int]:
    """The bad days by which a fault is known to be the episode: its own, and the one that it is named after."""
    return frozenset((episode.named_after, *episode.days))


def _episode(
    rule: EpisodeRule[F],
    subject: str,
    memory: EpisodeMemory[F],
    name: str,
    faults: Sequence[Fault],
    before: Episode[F] | None,
) -> Episode[F]:
    days = tuple(day for fault in faults for day in fault.days)
    figures = tuple(memory.figures[day] for day in days)
    spec = memory.spec_on(days[-1])
    value, upper = rule.pool(spec, figures)
    recovered_day = faults[-1].recovered_day
    present = recovered_day is None and days[-1] == memory.last_counted
    running = present or (before is not None and before.clock == "running")
    return Episode(
        id=name,
        subject=subject,
        rule=rule.name,
        state="open" if recovered_day is None else "recovered",
        days=days,
        figures=figures,
        floor=spec.floor,
        value=value,
        upper=upper,
        confidence="confirmed" if upper < spec.floor else "indicated",
        named_after=days[0] if before is None else before.named_after,
        opened_day=memory.recent[-1][0] if before is None else before.opened_day,
        recovered_day=recovered_day,
        clock="running" if running else "none",
        reason="" if running else IN_THE_PAST,
        revision=1 if before is None else before.revision,
    )


def _retracted(memory: EpisodeMemory[F], before: Episode[F], heir: str | None, restated: Sequence[int]) -> Episode[F]:
    """The episode that no fault is any more; what was over in this way already stays as it is."""
    if before.state not in LIVE:
        return before
    if heir is not None:
        reason = f"its days are part of {heir}"
    else:
        days = ", ".join(date.fromordinal(day).isoformat() for day in restated)
        reason = f"no run of {memory.spec_on(before.days[-1]).breach_days} bad days is left: {days} restated"
    return replace(before, state="retracted", recovered_day=None, clock="none", reason=reason)


def _frozen_through(memory: EpisodeMemory[F], closes: int | None, reach: int) -> EpisodeMemory[F]:
    """The memory without what can no longer change, once a day has closed."""
    if closes is None:
        return memory
    if memory.recent[0][0] > closes - reach:
        return replace(memory, frozen=max(memory.frozen, closes - reach))
    count = sum([day <= closes - reach for day, _ in memory.recent])
    old, recent = memory.recent[:count], memory.recent[count:]
    runs, ended = fold(memory.spec_on, memory.runs, old)
    memory = EpisodeMemory(
        frozen=closes - reach,
        runs=runs,
        recent=recent,
        figures=memory.figures,
        settled=(*memory.settled, *ended),
        known=memory.known,
        specs=memory.specs,
        counted=next((day for day, judgement in reversed(old) if judgement != "uncounted"), memory.counted),
    )
    return _pruned(memory) if memory.figures or memory.known or len(memory.specs) > 1 else memory


def _pruned(memory: EpisodeMemory[F]) -> EpisodeMemory[F]:
    """The memory without the episodes, faults, figures and rules that nothing can come back to."""
    runs = memory.runs
    days = {day for day, _ in memory.recent} | {*runs.run} | {*(runs.fault.days if runs.fault is not None else ())}
    known = tuple(one for one in memory.known if max(_held(one)) > memory.frozen or not days.isdisjoint(_held(one)))
    settled = tuple(
        fault
        for fault in memory.settled
        if any(one.state in LIVE and not _held(one).isdisjoint(fault.days) for one in known)
    )
    kept = days | {day for fault in settled for day in fault.days}
    return replace(
        memory,
        figures={day: figure for day, figure in memory.figures.items() if day in kept},
        settled=settled,
        known=known,
        specs=_specs(_since(memory.specs, min([memory.frozen + 1, *(one.days[-1] for one in known)]))),
    )


def _since(specs: Iterable[tuple[int, BreachSpec]], day: int) -> tuple[tuple[int, BreachSpec], ...]:
    """The rules that hold on `day` or later."""
    kept: list[tuple[int, BreachSpec]] = []
    for first, spec in specs:
        kept = [(first, spec)] if first <= day else [*kept, (first, spec)]
    return tuple(kept)


def episode_id(subject: str, rule: str, first_day: int) -> str:
    """The first bad day and 16 hex digits of SHA-256 over (subject, rule, that day)."""
    day = date.fromordinal(first_day).isoformat()
    return f"{day}-{sha256(json.dumps([subject, rule, day]).encode()).hexdigest()[:16]}"
