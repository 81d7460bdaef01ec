"""The control charts of a characteristic: location, dispersion and readings, with the limits that are stored."""

from config.grafana.dashboard import Row
from config.grafana.fields import centre, envelope, limit, marks
from config.grafana.panels import lines
from config.grafana.queries import EACH, OF_CHARACTERISTIC, Query

HERE = f"WHERE $timeFilter AND {OF_CHARACTERISTIC}"
LOCATION = "Location: means or single values (${unit})"
DISPERSION = "Dispersion: range, standard deviation or moving range (${unit})"
READINGS = "Readings and specification (${unit})"
STRETCHES = 4000  # of two days: less than a minute each, so that single points stay single
CONTROL_LIMITS = (centre("centre"), limit("upper limit"), limit("lower limit"))


def _extremes(field: str, measurement: str) -> Query:
    """Highest and lowest of each stretch of time: nothing that stands out is lost, however wide the range."""
    columns = f'max("{field}") AS "highest", min("{field}") AS "lowest"'
    return Query(f'SELECT {columns} FROM "{measurement}" {HERE} {EACH} fill(none)')


def _limits(prefix: str = "") -> Query:
    columns = (
        f'last("{prefix}cl") AS "centre", last("{prefix}ucl") AS "upper limit", last("{prefix}lcl") AS "lower limit"'
    )
    return Query(f'SELECT {columns} FROM "chart" {HERE} {EACH} fill(none)')


def _signals(part: str) -> Query:
    return Query(f'SELECT "value" AS "signal" FROM "signal" {HERE} AND "part" = \'{part}\'')


CHART_ROW = Row("Control chart", (
    lines(
        LOCATION,
        "Every plotted point: highest and lowest of each stretch, one line when zoomed in. Centre line and limits are "
        "those that judged each point, and step where they were revised; before there are any, none are drawn. Red "
        "points raised a signal: its reason stands at the mark on the axis.",
        _extremes("value", "chart"), _limits(), _signals("location"),
        height=11, points=STRETCHES, overrides=(*envelope("highest", "lowest"), *CONTROL_LIMITS, marks("signal")),
    ),
    lines(
        DISPERSION,
        "The dispersion of each point, with the stored limits. The first single value of a day has none.",
        _extremes("dispersion", "chart"), _limits("dispersion_"), _signals("dispersion"),
        height=8, points=STRETCHES, custom={"axisSoftMin": 0},
        overrides=(*envelope("highest", "lowest", "purple"), *CONTROL_LIMITS, marks("signal")),
    ),
    lines(
        READINGS,
        "Readings of production, highest and lowest of each stretch, with the specification that judged them. Red "
        "points are out of specification.",
        _extremes("value", "reading"),
        Query(
            'SELECT last("usl") AS "upper specification limit", last("lsl") AS "lower specification limit" '
            f'FROM "reading" {HERE} {EACH} fill(none)'
        ),
        _signals("specification"),
        height=9, points=STRETCHES,
        overrides=(
            *envelope("highest", "lowest"),
            limit("upper specification limit", "orange"),
            limit("lower specification limit", "orange"),
            marks("signal"),
        ),
    ),
))  # fmt: skip
