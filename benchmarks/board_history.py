"""A long history of a large plant, for what measures the board: as the engine would have written it.

A tenth of the characteristics is in alert, below its floor, shows a signal or has no figure yet, so that every kind of
tile is drawn.
"""

from pathlib import Path
from struct import Struct

import numpy as np

from connectors.history import CommitUnit, HistoryWriter
from tests.history_rows import Row, row_of

SECOND_NS = 1_000_000_000
END_NS = 1_795_248_000 * SECOND_NS  # 2026-11-21T08:00:00Z: the last point
LAST_DAY = 739_940  # 2026-11-20
A_STATION = 10  # characteristics
STATIONS = 10  # of a line
A_UNIT = 5_000  # points of a transaction
FIGURES = {
    "n": 125, "subgroups": 25, "mean": 10.0, "sigma_within": 0.01, "sigma_overall": 0.011, "cp": 1.5, "cpl": 1.5,
    "cpu": 1.45, "pp": 1.4, "ppl": 1.4, "ppu": 1.35, "ppk": 1.35, "ppk_lower": 1.2, "cpm": 1.4, "out_of_spec": 0,
    "beyond_limits": 0, "verdict": "ok", "verdicts": '["ok"]', "limits_revision": 1, "specification_revision": 1,
}  # fmt: skip

LIMITS = (0.02, 5, 10.0, 10.0134, 9.9866, 0.0233, 0.0492, 0.0)  # a point's dispersion and n, and what judged it


def name_of(number: int) -> str:
    """The id of the characteristic of that number, from 1 on."""
    station, place = divmod(number - 1, A_STATION)
    line, op = divmod(station, STATIONS)
    return f"line{line + 1:02}/op{10 * op + 10:03}/c{place + 1:02}"


class Numbered:
    """Rows by kind, each with the next number."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.last = 0

    def add(self, kind: str, /, **values: object) -> None:
        """One more row."""
        self.last += 1
        self.rows.setdefault(kind, []).append(row_of(kind, self.last, self.last, **values))


def fill(path: Path, points: int, characteristics: int = 1_000) -> None:
    """A history of so many points in turn, the last of them at `END_NS`, with plan, figures, days and alerts."""
    writer = HistoryWriter(path, "journal", bulk=True)
    made = _plan(characteristics)
    writer.commit(CommitUnit(1, made.last, END_NS - points * SECOND_NS, made.rows))
    for first in range(0, points, A_UNIT):
        some = _points(made.last + 1 + first, first, min(A_UNIT, points - first), points, characteristics)
        writer.commit(CommitUnit(some[0][1], some[-1][1], some[-1][6], {"point": some}))
    writer.finish_bulk()
    writer.close()


def _plan(characteristics: int) -> Numbered:
    made = Numbered()
    start = END_NS - 86_400 * SECOND_NS
    for number in range(1, characteristics + 1):
        line, station, _ = name_of(number).split("/")
        made.add("characteristic", characteristic=number, name=name_of(number), unit="mm", line=line, station=station,
                 product="", chart="xbar-r", subgroup_size=5, cpk_target=1.33, cpk_floor=1.2, minimum_n=30,
                 owner="production", reaction="stop", state="active")  # fmt: skip
        made.add("specification", characteristic=number, revision=1, time=start, lsl=9.96, usl=10.04, target=10.0,
                 reason="plan")  # fmt: skip
        made.add("limits", characteristic=number, revision=1, time=start, state="fixed", center=10.0, sigma=0.01,
                 points=25, excluded=0, reason="plan")  # fmt: skip
        cpk = 1.05 if number % 40 == 7 else 1.25 if number % 40 == 9 else 1.5
        if number % 40 != 3:
            made.add("capability", characteristic=number, time=END_NS, first_seq=1, last_seq=2, cpk=cpk,
                     cpk_lower=0.87 * cpk, **FIGURES)  # fmt: skip
        for back in range(20):
            made.add("day", characteristic=number, day=LAST_DAY - back, revision=1, basis="day", late=0, signals=0,
                     out_of_spec_day=0, within_df=100.0, first_seq=1, last_seq=2, cpk=cpk, cpk_lower=0.87 * cpk,
                     **FIGURES)  # fmt: skip
        if number % 40 == 5:
            made.add("episode", episode=f"e{number}", characteristic=number, rule="cpk-below-floor", state="open",
                     first_day=LAST_DAY - 2, last_day=LAST_DAY, days="[]", floor=1.2, cpk=1.05, cpk_upper=1.16,
                     confidence="confirmed", opened_day=LAST_DAY, time=END_NS, reason="")  # fmt: skip
    return made


def _points(row: int, first: int, count: int, points: int, characteristics: int) -> list[Row]:
    """Rows of points from the `first` of them on, with numbers from `row` on."""
    chance = np.random.default_rng(first)
    values = chance.normal(10.0, 0.0045, count).round(5).tolist()
    blob, refs_of = np.full(5, 10.0).tobytes(), Struct("<15q").pack
    contexts = '[{"part":"SN1"},{"part":"SN2"},{"part":"SN3"},{"part":"SN4"},{"part":"SN5"}]'
    made = []
    for place, value in enumerate(values):
        at, number = first + place, (first + place) % characteristics + 1
        seq, time_ns = row + place, END_NS - (points - 1 - at) * SECOND_NS // 10
        refs = refs_of(*(part for idx in range(5) for part in (seq, idx, time_ns - (4 - idx) * SECOND_NS)))
        signals = int(abs(value - 10.0) > 0.0134 or (number % 40 == 11 and at >= points - characteristics))
        judged = (*LIMITS, signals, 2, 1, 1)
        made.append((seq, seq, 0, number, seq, 4, time_ns, value, *judged, blob, refs, contexts))
    return made
