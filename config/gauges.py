"""`[gauges.NAME]`: the gauges whose calibration is watched, by the names that messages have in `gauge`."""

from collections.abc import Collection, Iterator, Mapping

from config.characteristic import CharacteristicOptions
from config.errors import Problem
from config.options import Day, Options
from config.problems import got, key_path, suggestion
from rules.spec import GaugeSpec

FIRST_YEAR, LAST_YEAR = 1970, 2199


class GaugeOptions(Options):
    """One gauge: it may be used up to and including the local day `calibrated_until`."""

    calibrated_until: Day
    """The last local day on which it may be used; readings of later days make their day count for no alert."""

    def problems(self, path: str) -> Iterator[Problem]:
        """A day that no reading can be of."""
        if not FIRST_YEAR <= self.calibrated_until.year <= LAST_YEAR:
            expected = f"expected a day of the years {FIRST_YEAR} to {LAST_YEAR}"
            yield Problem(f"{path}.calibrated_until", f"{expected} (got {self.calibrated_until})")

    def spec(self, name: str) -> GaugeSpec:
        """The gauge as the core knows it."""
        return GaugeSpec(name, self.calibrated_until.toordinal())


def gauge_problems(
    gauges: Mapping[str, GaugeOptions],
    names: Collection[str],
    characteristics: Mapping[str, CharacteristicOptions],
) -> Iterator[Problem]:
    """Each gauge's own problems, and characteristics whose gauge is none of `names`."""
    for name, gauge in gauges.items():
        yield from gauge.problems(key_path("gauges", name))
    for name, options in characteristics.items():
        if options.gauge and options.gauge not in names:
            choice = suggestion(options.gauge, names) if names else "; there is no table [gauges]"
            path = key_path("characteristics", name, "gauge")
            yield Problem(path, f"unknown gauge{got(options.gauge)}{choice}")
