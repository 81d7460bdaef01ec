"""What waits is released by the newest event time, moved on by the wall clock, and not by the ticks of the journal."""

import time

import numpy as np

from connectors.columns import Readings
from flows.holdback import HoldBack, Int64s, Taken
from tests.mutants import put


def apply() -> None:
    step = HoldBack.step
    newest = [0, 0]  # event time, and the wall clock's when it came

    def by_events(
        self: HoldBack, readings: Readings, tick_seqs: Int64s, tick_ns: Int64s, effective_ns: Int64s
    ) -> Taken:
        now = time.time_ns()
        before = newest[0] + now - newest[1] if newest[1] else 0
        times = np.maximum.accumulate(np.concatenate([np.array([before], np.int64), readings.time_ns]))
        seen = times[np.searchsorted(readings.seq, tick_seqs)]
        if len(readings):
            newest[:] = int(times[-1]), now
        return step(self, readings, tick_seqs, np.where(seen > 0, seen, tick_ns), effective_ns)

    put(HoldBack, "step", by_events)
