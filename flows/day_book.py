"""The day book: closed days of every characteristic, and the episodes that runs of bad days open."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from flows.outbox import OutboxRow, alert_row, episode_row
from rules.breaches import BREACH_RULES, BREACHES, BreachRule
from rules.calendar import is_working_day
from rules.capability import indices
from rules.day_figures import DayFigure, defined, root
from rules.episodes import Episode, EpisodeMemory, forget, take_days, withdraw
from rules.records import FIGURE
from rules.spec import CharacteristicSpec
from rules.verdicts import BITS

DAYS_KEPT = 100  # of a metric's member, at least: a quarter, and what is in hand

# Days before the newest closed one that may still be restated, beyond the plan's `restate_days`: a day is restated up
# to a minute after its reading came in, and that may have come in before the newest day closed.
RESTATE_SLACK = 2

Told = tuple[list[tuple[Any, ...]], list[OutboxRow]]  # rows of episodes, and their alerts

# A day's figures as stated, and on its own readings (None where no metric looks at the characteristic).
Stated = tuple[DayFigure, DayFigure | None]


class DayBook:
    """Numbers of characteristics are lasting ones.

    A day enters the book as it closes, so that days which close at one tick are each looked at without knowledge of
    the later ones. `closed` is the last closed day, 0 before the first tick; `newest` the last of those that was a
    production day (worked, or with data).
    """

    def __init__(self) -> None:
        self.closed = 0
        self.newest = 0
        self.history: dict[int, list[DayFigure]] = {}  # own readings of metric members' days, oldest first
        self.last_usable: dict[int, int] = {}
        self._pending: dict[int, dict[int, Stated]] = {}  # day → number → figures, of days not yet closed
        self.latest: dict[int, DayFigure] = {}  # as stated at the close
        self._episodes: dict[tuple[int, BreachRule], EpisodeMemory[DayFigure]] = {}
        self._plain: dict[tuple[int, BreachRule], tuple[Any, ...]] = {}  # memories that have not changed since
        self._gone: set[int] = set()  # withdrawn characteristics whose episodes are still remembered
        self._restated: dict[int, dict[int, DayFigure]] = {}  # number → day → figures, until they are settled
        # number → revision of the specification → its lsl and usl, and the last day that closed under it
        self._specifications: dict[int, dict[int, tuple[float, float, int]]] = {}

    def open_breach(self, characteristic: int) -> bool:
        """Whether an episode of the characteristic is open."""
        memories = (self._episodes.get((characteristic, rule)) for rule in BREACH_RULES)
        return any(memory is not None and memory.is_open for memory in memories)

    def take(self, row: Any, spec: CharacteristicSpec, is_member: bool) -> DayFigure:
        """Note one day statement (a FIGURE record) of a day that closes, or of a closed day restated: its figures.

        What a restated day means for episodes is told by `settle` or, at a tick that closes a day, by `close`.
        """
        day, who = int(row["day"]), int(row["characteristic"])
        spec = self._as_closed(row, spec)
        stated = _stated(row, spec)
        own = _own(row, spec) if is_member else None
        if day > self.closed:
            self._pending.setdefault(day, {})[who] = stated, own
            return stated
        if who in self.latest and self.latest[who].day == day:
            self.latest[who] = stated
        self._restated.setdefault(who, {})[day] = stated
        self._note(who, own)
        return stated

    def _as_closed(self, row: Any, spec: CharacteristicSpec) -> CharacteristicSpec:
        """`spec` with the specification that the day closed under, which a restated one keeps."""
        day, revision = int(row["day"]), int(row["specification_revision"])
        known = self._specifications.setdefault(int(row["characteristic"]), {})
        if day > self.closed or revision not in known:
            known[revision] = (spec.lsl, spec.usl, day)
        lsl, usl, _ = known[revision]
        return replace(spec, lsl=lsl, usl=usl)

    def _note(self, who: int, own: DayFigure | None) -> None:
        """Take a closed day's own readings into what metrics look at."""
        if own is not None:
            others = [figure for figure in self.history.get(who, []) if figure.day != own.day]
            self.history[who] = sorted([*others, own], key=lambda figure: figure.day)

    def settle(self, tick: tuple[int, int], plan: Plan, numbers: NDArray[np.int64]) -> Told:
        """What the days restated at a tick (seq, ns) make of episodes."""
        told: Told = [], []
        for index, spec in enumerate(plan.characteristics if self._restated else ()):
            stated = self._restated.pop(int(numbers[index]), None)
            if stated is not None:
                self._advance(int(numbers[index]), spec, stated, None, plan, tick, told)
        return told

    def close(
        self, day: int, tick: tuple[int, int], plan: Plan, numbers: NDArray[np.int64], *, happened: bool = False
    ) -> tuple[NDArray[Any], list[tuple[Any, ...]], list[OutboxRow]]:
        """Close `day` for the whole plant at a tick (seq, ns): empty days, episode rows, their alerts.

        A working day without data is stated as such; a day without work and without data is none. `happened`: there
        are events of it.
        """
        figures = self._pending.pop(day, {})
        working = is_working_day(plan.calendar, day)
        kept = days_kept(plan)
        empty: list[Any] = []
        told: Told = [], []
        for index, spec in enumerate(plan.characteristics):
            who = int(numbers[index])
            figure, own = figures.get(who, (None, None))
            stated: dict[int, DayFigure | None] = {**self._restated.pop(who, {})}
            if figure is not None:
                self.latest[who] = figure
                self._note(who, own)
                if own is not None:
                    del self.history[who][:-kept]
            elif working:
                empty.append(_empty_day(who, day, tick, spec))
            if figure is not None or working:
                self._advance(who, spec, {**stated, day: figure}, day, plan, tick, told)
            elif stated:
                self._advance(who, spec, stated, None, plan, tick, told)
        self.closed = day
        if working or figures or happened:
            self.newest = day
        self._forget(day - plan.restate_days - RESTATE_SLACK)
        return np.array(empty, FIGURE), *told

    def _advance(
        self,
        who: int,
        spec: CharacteristicSpec,
        stated: Mapping[int, DayFigure | None],
        closes: int | None,
        plan: Plan,
        tick: tuple[int, int],
        told: Told,
    ) -> None:
        reach = plan.restate_days + RESTATE_SLACK
        self._gone.discard(who)
        for rule in BREACH_RULES:
            memory = self._episodes.get((who, rule)) or EpisodeMemory()
            memory, changed = take_days(
                BREACHES[rule], spec.id, memory, spec.breach, stated, closes=closes, reach=reach
            )
            self._keep((who, rule), memory)
            self._tell(who, spec, changed, tick, told)
        self.last_usable[who] = self._episodes[who, "cpk-below-floor"].last_counted

    def _keep(self, key: tuple[int, BreachRule], memory: EpisodeMemory[DayFigure]) -> None:
        self._episodes[key] = memory
        self._plain.pop(key, None)

    def _tell(
        self,
        who: int,
        spec: CharacteristicSpec,
        episodes: tuple[Episode[DayFigure], ...],
        tick: tuple[int, int],
        told: Told,
    ) -> None:
        for episode in episodes:
            told[0].append(episode_row(*tick, who, episode))
            told[1].append(alert_row(*tick, episode, spec))

    def withdraw(self, who: int, tick: tuple[int, int], spec: CharacteristicSpec) -> Told:
        """Close the open things of a characteristic that the plan no longer has; `spec` is its last one."""
        told: Told = [], []
        for rule in BREACH_RULES:
            memory, changed = withdraw(self._episodes.get((who, rule)) or EpisodeMemory(), self.closed)
            self._keep((who, rule), memory)
            self._tell(who, spec, changed, tick, told)
        self._gone.add(who)
        for book in (self.history, self.last_usable, self.latest, self._specifications):
            book.pop(who, None)
        for figures in self._pending.values():
            figures.pop(who, None)
        return told

    def _forget(self, through: int) -> None:
        """Forget what is withdrawn or superseded once none of its days can come back."""
        for who, known in self._specifications.items():
            if len(known) > 1:
                newest = max(known)
                self._specifications[who] = {one: of for one, of in known.items() if of[2] > through or one == newest}
        for who in sorted(self._gone):
            for rule in BREACH_RULES:
                self._keep((who, rule), forget(self._episodes[who, rule], through))
            if not any(self._episodes[who, rule].known for rule in BREACH_RULES):
                self._gone.remove(who)
                for rule in BREACH_RULES:
                    del self._episodes[who, rule]

    def _plain_of(self, key: tuple[int, BreachRule]) -> tuple[Any, ...]:
        """A memory as plain values: it changes at a day's close, and is asked for every few seconds."""
        plain = self._plain.get(key)
        if plain is None:
            plain = self._plain[key] = self._episodes[key].to_plain()
        return plain

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {
            "closed": self.closed,
            "newest": self.newest,
            "history": {who: [_fields(figure) for figure in days] for who, days in self.history.items()},
            "last_usable": self.last_usable,
            "pending": {day: {who: _both(s) for who, s in days.items()} for day, days in self._pending.items()},
            "latest": {who: _fields(figure) for who, figure in self.latest.items()},
            "episodes": [(*key, self._plain_of(key)) for key in sorted(self._episodes)],
            "gone": sorted(self._gone),
            "specifications": self._specifications,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "DayBook":
        """The book that `to_plain` wrote."""
        book = cls()
        book.closed, book.newest = plain["closed"], plain["newest"]
        book.history = {who: [DayFigure(*figure) for figure in days] for who, days in plain["history"].items()}
        book.last_usable = plain["last_usable"]
        book._pending = {
            day: {who: (DayFigure(*stated), DayFigure(*own) if own else None) for who, (stated, own) in days.items()}
            for day, days in plain["pending"].items()
        }
        book.latest = {who: DayFigure(*figure) for who, figure in plain["latest"].items()}
        for who, rule, memory in plain["episodes"]:
            book._plain[who, rule] = memory
            book._episodes[who, rule] = EpisodeMemory.from_plain(memory, DayFigure)
        book._gone = set(plain["gone"])
        book._specifications = plain["specifications"]
        return book


def _fields(figure: DayFigure) -> tuple[Any, ...]:
    return tuple(getattr(figure, name) for name in DayFigure.__slots__)


def _both(figures: Stated) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    stated, own = figures
    return _fields(stated), None if own is None else _fields(own)


def days_kept(plan: Plan) -> int:
    """How many days of a metric's member are kept: those of the longest period of the plan, at least `DAYS_KEPT`.

    A plan whose metrics never look at a whole period keeps the least.
    """
    if not any(metric.over == "period" for metric in plan.metrics):
        return DAYS_KEPT
    return max([DAYS_KEPT, *(one.last_day - one.first_day + 1 for one in plan.objectives)])


def stuck(row: Any) -> bool:
    """Whether a statement (a FIGURE record) has no Cpk because nothing varies, and parts are out of specification.

    That is a bad figure, -inf, not a missing one.
    """
    return isnan(row["cpk"]) and row["out_of_spec"] > 0 and bool(int(row["verdicts"]) & BITS["resolution"])


def _stated(row: Any, spec: CharacteristicSpec) -> DayFigure:
    """The day as it was stated: on its own readings, or trailing."""
    cpk = -inf if stuck(row) else defined(float(row["cpk"]))
    return DayFigure(
        int(row["day"]),
        int(row["n"]),
        int(row["subgroups"]),
        float(row["mean"]),
        float(row["sigma_within"]),
        float(row["within_df"]),
        float(row["sigma_overall"]),
        cpk,
        defined(float(row["ppk"])),
        spec.lsl,
        spec.usl,
        int(row["verdicts"]),
        *_revisions(row),
    )


def _revisions(row: Any) -> tuple[int, int, int]:
    return int(row["day_revision"]), int(row["limits_revision"]), int(row["specification_revision"])


def _own(row: Any, spec: CharacteristicSpec) -> DayFigure:
    """The day's own readings, whatever its statement rests on: days that can be pooled without counting twice."""
    n, count = int(row["own_n"]), int(row["own_within_count"])
    mean = float(row["own_mean"]) if n else nan
    within = float(row["own_within_sum"]) / count if count else nan
    overall = root(float(row["own_m2"]) / (n - 1)) if n > 1 else nan
    df = float(row["own_within_df"])
    figures = indices(n, mean, within, df, overall, spec.lsl, spec.usl, spec.target)
    cpk, ppk = defined(figures[3]), defined(figures[8])
    if isnan(cpk) and int(row["own_out"]) > 0 and float(row["own_smallest"]) == float(row["own_largest"]):
        cpk = -inf
    verdicts = int(row["verdicts"])
    return DayFigure(
        *(int(row["day"]), n, count, mean, within, df, overall, cpk, ppk, spec.lsl, spec.usl, verdicts),
        *_revisions(row),
    )


def _empty_day(who: int, day: int, tick: tuple[int, int], spec: CharacteristicSpec) -> Any:
    row = np.zeros((), FIGURE)
    for name in FIGURE.names or ():
        if FIGURE[name].kind == "f":
            row[name] = nan
    row["cause_seq"], row["time"] = tick
    row["characteristic"], row["day"], row["day_revision"] = who, day, 1
    row["within_df"] = 0.0
    row["verdicts"] = BITS["insufficient"] | (BITS["no-spec"] if isnan(spec.lsl) and isnan(spec.usl) else 0)
    return row
