"""One machine: its states, its OEE with the factors, its stops by reason, what it made."""

from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import STATES, coloured_words, override
from config.grafana.links import MACHINE
from config.grafana.panels import figure, lines, rows, states
from config.grafana.queries import EACH, EACH_DAY, OF_MACHINE, Query, table
from config.grafana.variables import MACHINE as MACHINE_VARIABLE

LEAD = "time >= ${__from}ms - 36h AND time <= ${__to}ms"  # a state from before the range holds into it
HERE = f"WHERE $timeFilter AND {OF_MACHINE}"
FACTORS = ("availability", "performance", "quality")
AS_STATED = ", ".join(f'"{name}" AS "{name}"' for name in FACTORS)
EACH_LAST = ", ".join(f'last("{name}") AS "{name}"' for name in FACTORS)

STATES_ROW = Row("What it does", (
    states(
        "States",
        "What the machine said of its state. A state holds until the next; after `state_valid_hours` of silence "
        "metrics take it for unknown.",
        Query(f'SELECT "state" FROM "machine" WHERE {LEAD} AND {OF_MACHINE} GROUP BY "place"', "$tag_place"),
        colours=STATES, height=4,
    ),
    states(
        "Reasons",
        "The reason that the machine gave with its state; none while it runs.",
        Query(f'SELECT "reason" FROM "machine" WHERE {LEAD} AND {OF_MACHINE} GROUP BY "place"', "$tag_place"),
        colours={"": "transparent"}, height=4,
    ),
))  # fmt: skip
OEE_ROW = Row("OEE", (
    figure(
        "OEE and its factors, last stated",
        "Availability × performance × quality of this machine, as the metric last stated them (kind `oee`; over a day, "
        "20 days or a period, as the plant file says). Not cut off at 100 %.",
        Query(f'SELECT last("value") AS "OEE", {AS_STATED} FROM "place_metric" {HERE} AND "kind" = \'oee\''),
        unit="percentunit", width=24, settings={"decimals": 1},
    ),
    lines(
        "OEE and its factors",
        "As above, over time: one statement a production day, and in between when it has changed.",
        Query(
            f'SELECT last("value") AS "OEE", {EACH_LAST} FROM "place_metric" {HERE} AND "kind" = \'oee\' '
            f'{EACH}, "metric" fill(none)',
            alias="$tag_metric: $col",
        ),
        unit="percentunit", width=12, interval="15m", custom={"insertNulls": False}, settings={"decimals": 1},
    ),
    lines(
        "Down time by reason",
        "Hours down in planned production time by reason, of metrics of the kind `downtime` over a day: a bar for each "
        "production day.",
        Query(
            f'SELECT last("hours") AS "hours" FROM "downtime" {HERE} AND "over" = \'day\' '
            f'{EACH_DAY}, "reason" fill(none)',
            alias="$tag_reason",
        ),
        unit="h", width=12, bars=True, settings={"decimals": 1},
    ),
))  # fmt: skip
MADE_ROW = Row("Made, and stopped", (
    lines(
        "Units made",
        "Units and good units counted, in each stretch of the range (an hour at least).",
        Query(f'SELECT sum("total") AS "made", sum("good") AS "good" FROM "count" {HERE} {EACH} fill(none)'),
        unit="short", width=12, interval="1h", settings={"decimals": 0},
        custom={"axisSoftMin": 0, "showPoints": "always"},
    ),
    rows(
        "Newest states",
        "The newest 200 states in the range with their reasons.",
        table(f'SELECT "state" AS "state", "reason" AS "reason" FROM "machine" {HERE} ORDER BY time DESC LIMIT 200'),
        width=12,
        overrides=(override("Time", unit="dateTimeAsIso", custom__width=170), coloured_words("state", STATES)),
        sort_by=("Time", True),
    ),
))  # fmt: skip

MACHINE_BOARD = Dashboard(
    MACHINE,
    "Plumbline: machine",
    "States, OEE and its factors, stops by reason and units made of one machine.",
    (STATES_ROW, OEE_ROW, MADE_ROW),
    (MACHINE_VARIABLE,),
)
