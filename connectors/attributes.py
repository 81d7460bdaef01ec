"""What inspections found, as readings of the attribute charts: counts with the number of units they were found in.

A connector's template with `{name}` = `rejected`, `reworked`, `scrapped`, `defects` (the sum of all kinds) or
`defects.<kind>` names the characteristic; what the plan does not chart is in the event alone.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from config.plan import Plan
from connectors.blocks import Blocks
from connectors.columns import PAYLOAD_KEPT, Decoded, Rejected
from connectors.context import NOTHING, Context
from connectors.segments import Entry
from rules.events import Inspection
from rules.spec import ATTRIBUTE_CHARTS, Chart

DEFECTS = "defects"
KIND = "defects."  # and the kind's name
REASON = "wrong-chart"
LARGEST = 1e9  # units, or counts, of one inspection
SMALLEST = 1e-6

SHARES = ("p", "np")


class Around(NamedTuple):
    """What stands before and after `{name}` in the id of a characteristic."""

    before: str
    behind: str


class Made(NamedTuple):
    """When and where an inspection was made: its place in its entry, its time, its connector's number."""

    idx: int
    time_ns: int
    connector: int


class Inspected:
    """What a plan charts of inspections."""

    def __init__(self, plan: Plan) -> None:
        self._charts: dict[str, tuple[int, Chart]] = {
            spec.id: (index, spec.chart) for index, spec in enumerate(plan.characteristics)
        }
        self._of_kinds: dict[str, list[str]] = defaultdict(list)  # by what stands before "defects."
        for identity, (_, chart) in self._charts.items():
            if chart in ATTRIBUTE_CHARTS and KIND in identity:
                self._of_kinds[identity[: identity.index(KIND)]].append(identity)

    def take(
        self, entry: Entry, made: Made, found: Inspection, around: Around, context: Context, blocks: Blocks
    ) -> None:
        """Put what was found into `blocks`, where the plan charts it; a count that its chart cannot take is refused."""
        number = 0 if context is NOTHING else blocks.contexts.setdefault(context.text, len(blocks.contexts))
        shared = (context.state, made.time_ns, entry.seq, context.change, number, made.connector)
        for name, count in self._counts(found, around).items():
            identity = f"{around.before}{name}{around.behind}"
            if identity not in self._charts:
                continue
            index, chart = self._charts[identity]
            fault = fault_of(chart, count, found.inspected)
            if fault:
                blocks.reject(entry, made.idx, REASON, f"{identity}: {fault}; the inspection itself is kept")
                continue
            blocks.sizes.append((len(blocks.value), found.inspected))
            blocks.characteristic.append(index)
            blocks.value.append(count)
            blocks.blocks.extend((1, made.idx, 0, 0, *shared))

    def _counts(self, found: Inspection, around: Around) -> dict[str, int]:
        """Each name's count; a kind of defects that is charted and was not named was found 0 times."""
        counts = {"rejected": found.rejected, "reworked": found.reworked, "scrapped": found.scrapped}
        counts[DEFECTS] = sum(count for _, count in found.defects)
        for identity in self._of_kinds.get(around.before, ()):
            if identity.endswith(around.behind):
                counts[identity[len(around.before) : len(identity) - len(around.behind)]] = 0
        return counts | {f"{KIND}{kind}": count for kind, count in found.defects}


def fault_of(chart: Chart, count: float, inspected: float) -> str:
    """Why a chart cannot take a count found in so many units; empty when it can."""
    if count < 0 or count != int(count):
        return f"expected a whole number from 0 on, got {count:g}"
    said = f"{count:g} in {inspected:g}"
    if chart not in ATTRIBUTE_CHARTS:
        return f"expected a chart of inspections ({', '.join(ATTRIBUTE_CHARTS)}), got {chart!r}"
    if not SMALLEST <= inspected <= LARGEST or count > LARGEST:
        return (
            f"expected {SMALLEST:g} to {LARGEST:g} units and at most {LARGEST:g} found, got {count:g} in {inspected:g}"
        )
    if chart in SHARES and inspected != int(inspected):
        return f"expected whole units for a {chart} chart, got {inspected:g}; a u chart takes areas and lengths"
    if chart in SHARES and count > inspected:
        return f"expected at most one a unit for a {chart} chart, got {said}; a u chart takes several"
    return ""


class MeasurementGuard:
    """Refuses measurements of characteristics whose chart takes inspections: they have no size."""

    def __init__(self, plan: Plan) -> None:
        self._ids = [spec.id for spec in plan.characteristics]
        self._connectors = [connector.name for connector in plan.connectors]
        charts = [spec.chart for spec in plan.characteristics]
        self._attribute = np.array([chart in ATTRIBUTE_CHARTS for chart in charts], np.bool_)
        self._charts = charts
        self._any = bool(self._attribute.any())

    def kept(self, decoded: Decoded, entries: Sequence[Entry]) -> Decoded:
        """What was decoded without such measurements, each of which is told among the refusals."""
        readings = decoded.readings
        if not self._any or not len(readings):
            return decoded
        wrong = self._attribute[readings.characteristic] & (readings.size == 0)
        if not wrong.any():
            return decoded
        of_seq = {entry.seq: entry for entry in entries}
        refused = list(decoded.rejected)
        counts = decoded.counts
        for row in np.flatnonzero(wrong):
            connector = self._connectors[readings.connector[row]]
            if not np.isfinite(readings.value[row]):
                continue  # it was refused as a value already
            entry, which = of_seq[int(readings.seq[row])], int(readings.characteristic[row])
            expected = f"expected the count of an inspection for a {self._charts[which]} chart"
            detail = f"{self._ids[which]}: {expected}, got the measurement {readings.value[row]:g}"
            refused.append(
                Rejected(
                    entry.seq, int(readings.idx[row]), entry.connector, entry.topic, REASON, detail,
                    entry.payload[:PAYLOAD_KEPT],
                )
            )  # fmt: skip
            counts.rejected[connector, REASON] = counts.rejected.get((connector, REASON), 0) + 1
            counts.readings[connector] -= 1
        refused.sort(key=lambda one: one.seq)
        return decoded._replace(readings=readings.take(~wrong), rejected=refused)
