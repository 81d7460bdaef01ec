"""Missed samples: how long a machine has run since the last reading of each characteristic that is expected.

Time is what the ticks say, and counts while the machine of the characteristic's place runs. A place whose machine has
never told its state counts the time of worked production days. What is due is noted exactly, and told at the tick that
finds it: results depend on the order of ticks, states and readings alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STALE_AFTER = 3  # times the expected interval
LEVELS = ("missed-sample", "stale")

Int64s = NDArray[np.int64]
_FAR = 1 << 62


class Missed(NamedTuple):
    """What a tick finds: no reading of characteristic `which` (its place among the expected ones) since `due_ns`."""

    which: int
    level: int  # 0: a missed sample, 1: stale
    due_ns: int
    limit_ns: int


class Expectations:
    """The characteristics that are expected, n of them, and the running time of their p places.

    `expected_ns`: int64[n]; `place`: int64[n], each one's place. Times are ns since the epoch. The machine of a place
    is taken to run as `worked` says until it tells its own state.
    """

    def __init__(self, expected_ns: Int64s, place: Int64s, places: int, worked: bool = True) -> None:
        self._limits = np.stack([expected_ns, STALE_AFTER * expected_ns])  # (levels, n)
        self._place = place
        self._told = np.zeros(places, np.bool_)  # the place has told a state
        self._running = np.full(places, int(worked), np.int64)
        self._ran = np.zeros(places, np.int64)  # running time up to `_at`
        self._at = np.zeros(places, np.int64)  # 0: the clock has not begun
        self.since = np.zeros(len(place), np.int64)  # running time of the place at the last reading
        self._due = np.zeros((len(LEVELS), len(place)), np.int64)  # when it was due; 0: not yet
        self._given = np.zeros((len(LEVELS), len(place)), np.bool_)
        self._look_ns = 0  # before it nothing can be due

    def take(self, which: Int64s, arrival_ns: Int64s) -> None:
        """Readings have come, in order: what is expected begins anew with each."""
        if not len(which):
            return
        place = self._place[which]
        further = np.where(self._at[place] > 0, np.maximum(arrival_ns - self._at[place], 0), 0)
        self.since[which] = self._ran[place] + further * self._running[place]
        self._due[:, which] = 0
        self._given[:, which] = False
        self._look_ns = min(self._look_ns, int(arrival_ns.min()) + int(self._limits[0, which].min()))

    def tell(self, place: int, running: bool, time_ns: int) -> None:
        """The machine of a place runs, or does not, from `time_ns` on; what has been counted stays counted."""
        self._advance(time_ns, np.arange(len(self._at)) == place)
        self._told[place] = True
        self._running[place] = running
        self._look_ns = min(self._look_ns, time_ns)

    def begin_day(self, time_ns: int, worked: bool) -> None:
        """A production day begins, worked or not, for the places that have told no state."""
        self._advance(time_ns, ~self._told)
        self._running[~self._told] = worked
        self._look_ns = min(self._look_ns, time_ns)

    def look(self, now_ns: int) -> list[Missed]:
        """What the tick at `now_ns` finds missing for the first time, by characteristic."""
        if now_ns < self._look_ns:
            return []
        self.advance(now_ns)
        found = (self._due > 0) & ~self._given
        missed = []
        for which, level in np.argwhere(found.T).tolist():
            missed.append(Missed(which, level, int(self._due[level, which]), int(self._limits[level, which])))
        self._given |= found
        left = np.where(self._due > 0, _FAR, self._limits - (self._ran[self._place] - self.since))
        self._look_ns = now_ns + int(left.min(initial=_FAR))
        return missed

    def advance(self, now_ns: int) -> None:
        """Count the running time of every place up to `now_ns`."""
        self._advance(now_ns, np.ones(len(self._at), np.bool_))

    def _advance(self, time_ns: int, chosen: NDArray[np.bool_]) -> None:
        """Count the running time of the chosen places, and note since when what is due by then has been so."""
        until_ns = np.where(chosen, np.maximum(time_ns, self._at), self._at)
        self._ran += np.where(self._at > 0, until_ns - self._at, 0) * self._running
        self._at = until_ns
        over = self._ran[self._place] - self.since - self._limits
        due = chosen[self._place] & (over >= 0) & (self._due == 0)
        if due.any():
            self._due[due] = (until_ns[self._place] - over)[due]

    def to_plain(self, names: Sequence[str], places: Sequence[str]) -> dict[str, Any]:
        """The state by the names of characteristics and places."""
        of_place = zip(self._told, self._running, self._ran, self._at, strict=True)
        of_name = zip(self.since, self._limits[0], self._place, self._due.T, self._given.T, strict=True)
        return {
            "places": {name: [int(value) for value in row] for name, row in zip(places, of_place, strict=True)},
            "names": {
                name: [int(since), int(limit), places[place], due.tolist(), given.tolist()]
                for name, (since, limit, place, due, given) in zip(names, of_name, strict=True)
            },
        }

    def resume(self, plain: dict[str, Any], names: Sequence[str], places: Sequence[str]) -> None:
        """Go on with what `to_plain` gave, perhaps under another plan.

        What is newly expected, or at another place, is waited for from here on; with another interval the wait goes on.
        """
        for number, name in enumerate(places):
            if name in plain["places"]:
                told, running, ran, at = plain["places"][name]
                self._told[number], self._running[number] = bool(told), running
                self._ran[number], self._at[number] = ran, at
        for number, name in enumerate(names):
            self.since[number] = self._ran[self._place[number]]
            if name in plain["names"]:
                since, limit, place, due, given = plain["names"][name]
                if place == places[self._place[number]]:
                    self.since[number] = since
                    if limit == self._limits[0, number]:
                        self._due[:, number], self._given[:, number] = due, given
