"""Gauges whose calibration is over, or soon will be, with the characteristics that name them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from config.models import PlantFile
from rules.calendar import zone

SOON_DAYS = 14


@dataclass(frozen=True, slots=True)
class Gauge:
    """One gauge: the last day of its calibration, `days` from today (below 0: over), and what is measured with it."""

    name: str
    until: str
    days: int
    characteristics: tuple[str, ...]

    @property
    def word(self) -> str:
        """`overdue` or `due-soon`."""
        return "overdue" if self.days < 0 else "due-soon"


def gauges(plant: PlantFile | None, now_ns: int, timezone: str) -> list[Gauge]:
    """Those that are overdue by the plant's clock, or will be within two weeks: the longest overdue first."""
    if plant is None:
        return []
    today: date = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(zone(timezone)).date()
    found = [
        Gauge(name, one.calibrated_until.isoformat(), (one.calibrated_until - today).days,
              tuple(sorted(who for who, options in plant.characteristics.items() if options.gauge == name)))
        for name, one in plant.gauges.items()
    ]  # fmt: skip
    return sorted((one for one in found if one.days <= SOON_DAYS), key=lambda one: (one.days, one.name))
