"""How the readings of a characteristic lie within the specification, and what Cpk that gave from day to day."""

from config.grafana.boards.capability import GOAL_LINES
from config.grafana.boards.charts import HERE
from config.grafana.dashboard import Row
from config.grafana.fields import BAD, fixed, override
from config.grafana.panels import histogram, lines
from config.grafana.queries import EACH, Query

ROLLING = "Rolling Cpk"
NEWEST = "ORDER BY time DESC LIMIT 20000"
LOWER_BOUND = override("lower bound", custom__lineStyle={"fill": "dot", "dash": [2, 4]}, custom__showPoints="never")


def _readings(name: str, beyond: str = "") -> Query:
    return Query(f'SELECT "value" AS "{name}" FROM "reading" {HERE}{beyond} {NEWEST}')


CAPABILITY_ROW = Row("Capability", (
    histogram(
        "Histogram of readings (${unit})",
        "Single readings, never means of subgroups: the newest 20,000 in the range. Those beyond a limit of the "
        "specification that judged them stand in their own colours, so that the classes show where the limits lie.",
        _readings("readings"),
        _readings("below the lower limit", ' AND "value" < "lsl"'),
        _readings("above the upper limit", ' AND "value" > "usl"'),
        overrides=(
            override("readings", color=fixed("blue")),
            override("below the lower limit", color=fixed("orange")),
            override("above the upper limit", color=fixed(BAD)),
        ),
    ),
    lines(
        "Daily Cpk",
        "Cpk of each production day with its one-sided 95 % lower bound, Ppk, and the floor and target that stood "
        "then. Three days in a row below the floor open an alert.",
        Query(
            'SELECT "cpk" AS "Cpk", "cpk_lower" AS "lower bound", "ppk" AS "Ppk", "cpk_floor" AS "floor", '
            f'"cpk_target" AS "target" FROM "capability" {HERE} AND "over" = \'day\''
        ),
        width=12, height=10, custom={"insertNulls": False}, settings={"decimals": 2},
        overrides=(*GOAL_LINES, LOWER_BOUND, override("Cpk", custom__lineWidth=2, custom__showPoints="always")),
    ),
    lines(
        ROLLING,
        "Cpk of the rolling window with its lower bound, as often as it was stated; floor and target as they stood.",
        Query(
            'SELECT last("cpk") AS "Cpk", last("cpk_lower") AS "lower bound", last("cpk_floor") AS "floor", '
            f'last("cpk_target") AS "target" FROM "capability" {HERE} AND "over" = \'window\' {EACH} fill(none)'
        ),
        height=8, interval="10s", settings={"decimals": 2},
        overrides=(*GOAL_LINES, LOWER_BOUND, override("Cpk", custom__lineWidth=2)),
    ),
))  # fmt: skip
