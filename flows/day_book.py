"""The day book: closed days of every characteristic, and the episodes that runs of bad days open."""

from collections.abc import Iterable
from math import inf, isnan, nan
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from flows.outbox import OutboxRow, alert_row, iso_day, number
from rules.breaches import BREACH_RULES, BreachState, Episode, breach_step, counts, withdraw
from rules.calendar import is_working_day
from rules.capability import indices
from rules.day_figures import DayFigure, defined, root
from rules.records import FIGURE
from rules.spec import CharacteristicSpec
from rules.verdicts import BITS, headline

DAYS_KEPT = 100  # of a metric's member, at least: a quarter, and what is in hand

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
        self._breaches: dict[tuple[int, str], BreachState] = {}
        self._revisions: dict[str, int] = {}  # of episodes

    def open_breach(self, characteristic: int) -> bool:
        """Whether an episode of the characteristic is open."""
        return any(state.is_open for rule in BREACH_RULES if (state := self._breaches.get((characteristic, rule))))

    def take(self, row: Any, spec: CharacteristicSpec, is_member: bool) -> None:
        """Note one day statement (a FIGURE record) of a day that closes, or of a closed day restated."""
        day, who = int(row["day"]), int(row["characteristic"])
        stated = _stated(row, spec)
        own = _own(row, spec) if is_member else None
        if day > self.closed:
            self._pending.setdefault(day, {})[who] = stated, own
            return
        if who in self.latest and self.latest[who].day == day:
            self.latest[who] = stated
        self._note(who, stated, own, spec)

    def _note(self, who: int, stated: DayFigure, own: DayFigure | None, spec: CharacteristicSpec) -> None:
        """Take the figures of a closed day into what metrics look at."""
        if counts(stated, spec.breach.index):
            self.last_usable[who] = max(stated.day, self.last_usable.get(who, 0))
        if own is not None:
            others = [figure for figure in self.history.get(who, []) if figure.day != own.day]
            self.history[who] = sorted([*others, own], key=lambda figure: figure.day)

    def close(
        self, day: int, tick: tuple[int, int], plan: Plan, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[Any], list[tuple[Any, ...]], list[OutboxRow]]:
        """Close `day` for the whole plant at a tick (seq, ns): empty days, episode rows, their alerts.

        A working day without data is stated as such; a day without work and without data is none.
        """
        figures = self._pending.pop(day, {})
        working = is_working_day(plan.calendar, day)
        kept = days_kept(plan)
        empty: list[Any] = []
        episodes: list[tuple[Any, ...]] = []
        alerts: list[OutboxRow] = []
        for index, spec in enumerate(plan.characteristics):
            who = int(numbers[index])
            figure, own = figures.get(who, (None, None))
            if figure is None:
                if not working:
                    continue
                empty.append(_empty_day(who, day, tick, spec))
            else:
                self.latest[who] = figure
                self._note(who, figure, own, spec)
                if own is not None:
                    del self.history[who][:-kept]
            for rule in BREACH_RULES:
                state = self._breaches.get((who, rule), BreachState())
                self._breaches[who, rule], episode = breach_step(spec.breach, spec.id, rule, state, figure, day)
                if episode is not None:
                    episodes.append(self._episode_row(who, tick, episode))
                    alerts.append(self._alert(tick, episode, spec, self._breaches[who, rule]))
        self.closed = day
        if working or figures:
            self.newest = day
        return np.array(empty, FIGURE), episodes, alerts

    def withdraw(
        self, who: int, tick: tuple[int, int], spec: CharacteristicSpec
    ) -> tuple[list[tuple[Any, ...]], list[OutboxRow]]:
        """Close the open things of a characteristic that the plan no longer has; `spec` is its last one."""
        episodes, alerts = [], []
        for rule in BREACH_RULES:
            state = self._breaches.pop((who, rule), BreachState())
            state, episode = withdraw(state, self.closed)
            if episode is not None:
                episodes.append(self._episode_row(who, tick, episode))
                alerts.append(self._alert(tick, episode, spec, state))
        for book in (self.history, self.last_usable, self.latest):
            book.pop(who, None)
        for figures in self._pending.values():
            figures.pop(who, None)
        return episodes, alerts

    def _alert(
        self, tick: tuple[int, int], episode: Episode, spec: CharacteristicSpec, state: BreachState
    ) -> OutboxRow:
        revision = self._revisions[episode.id] = self._revisions.get(episode.id, 0) + 1
        return alert_row(*tick, episode, revision, spec=spec, days=list(_bad_days(state.figures)))

    def _episode_row(self, who: int, tick: tuple[int, int], episode: Episode) -> tuple[Any, ...]:
        days = orjson.dumps([iso_day(day) for day in episode.days]).decode()
        return (
            (tick[0], episode.id, who, episode.rule, episode.state, episode.first_day, episode.last_day, days)
            + (episode.floor, number(episode.cpk), number(episode.cpk_upper), episode.confidence)
            + (episode.opened_day, episode.recovered_day, tick[1], episode.reason)
        )

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {
            "closed": self.closed,
            "newest": self.newest,
            "history": {who: [_fields(figure) for figure in days] for who, days in self.history.items()},
            "last_usable": self.last_usable,
            "pending": {day: {who: _both(s) for who, s in days.items()} for day, days in self._pending.items()},
            "latest": {who: _fields(figure) for who, figure in self.latest.items()},
            "breaches": [
                (*k, s.to_json()) for k in sorted(self._breaches) if (s := self._breaches[k]) != BreachState()
            ],
            "revisions": self._revisions,
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
        book._breaches = {(who, rule): BreachState.from_json(text) for who, rule, text in plain["breaches"]}
        book._revisions = plain["revisions"]
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


def _bad_days(figures: Iterable[DayFigure]) -> Iterable[dict[str, Any]]:
    """The bad days as an alert shows them."""
    for figure in figures:
        yield {
            "day": iso_day(figure.day),
            "cpk": number(figure.cpk),
            "ppk": number(figure.ppk),
            "n": figure.n,
            "verdict": headline(figure.verdicts),
        }


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
    )


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
    return DayFigure(
        int(row["day"]), n, count, mean, within, df, overall, cpk, ppk, spec.lsl, spec.usl, int(row["verdicts"])
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
