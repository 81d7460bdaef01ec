"""Key results and alerts: where each stands, how it came there, what is open."""

from config.grafana.boards.signals import alert_table
from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import ALERT_STATES, STATUS, coloured_words, override
from config.grafana.links import GOALS
from config.grafana.panels import lines, rows, states
from config.grafana.queries import UNTIL_THE_END, Query, table
from config.grafana.variables import KEY_RESULT

OF = '"key_result" =~ /^${key_result:regex}$/'
LEAD = "time >= ${__from}ms - 7d AND time <= ${__to}ms"  # a status from before the range holds into it
STANDING = (
    'last("status") AS "status", "title" AS "title", "value" AS "value", "target" AS "target", '
    '"progress" AS "progress", "expected" AS "expected", "lower" AS "lower bound", "n" AS "n", "reason" AS "reason", '
    '"counted" AS "counted", "members" AS "members"'
)
SHARE = {"unit": "percentunit", "decimals": 0, "custom__width": 90}
COUNT = {"decimals": 0, "custom__width": 80}

STANDING_ROW = Row("Key results", (
    rows(
        "Where they stand",
        "The last update of each key result up to the end of the range: progress as it is and as expected by then, the "
        "status with its reason, and how many members counted. A key result without data says so.",
        table(
            f'SELECT {STANDING} FROM "key_result" WHERE {UNTIL_THE_END} AND {OF} GROUP BY "key_result", "objective"'
        ),
        height=10,
        overrides=(
            coloured_words("status", STATUS, 110),
            override("key_result", displayName="key result", custom__width=90),
            override("title", custom__minWidth=260),
            override("progress", **SHARE),
            override("expected", **SHARE),
            override("n", **COUNT),
            override("counted", **COUNT),
            override("members", **COUNT),
            override("Time", unit="dateTimeAsIso", custom__width=170, displayName="as of"),
        ),
        order=("key_result", "title", "status", "reason", "value", "target", "progress", "expected", "lower bound", "n",
               "counted", "members", "objective", "Time"),
    ),
    lines(
        "Progress",
        "The progress of each key result as it is: above 100 % when the value is beyond the target.",
        Query(
            f'SELECT "progress" AS "progress" FROM "key_result" WHERE $timeFilter AND {OF} GROUP BY "key_result"',
            "$tag_key_result",
        ),
        unit="percentunit", width=12, custom={"insertNulls": False}, settings={"decimals": 0},
    ),
    states(
        "Status",
        "The status of each key result: green, yellow or red against what is expected by then, or what is missing for "
        "one.",
        Query(f'SELECT "status" FROM "key_result" WHERE {LEAD} AND {OF} GROUP BY "key_result"', "$tag_key_result"),
        colours=STATUS, width=12, height=9,
    ),
    lines(
        "Metrics",
        "The values of all metrics as they were stated. Their units differ: choose in the legend.",
        Query('SELECT "value" AS "value" FROM "metric" WHERE $timeFilter GROUP BY "metric"', "$tag_metric"),
        custom={"insertNulls": False}, settings={"decimals": 3},
    ),
))  # fmt: skip
ALERT_ROW = Row("Alerts", (
    alert_table("All alerts", width=24, height=9),
    states(
        "When they were open",
        "Each alert from its opening to its recovery, by characteristic or metric and rule.",
        Query(
            f'SELECT "state" FROM "alert" WHERE {UNTIL_THE_END} GROUP BY "characteristic", "metric", "rule"',
            "$tag_characteristic $tag_metric $tag_rule",
        ),
        colours=ALERT_STATES,
    ),
))  # fmt: skip

GOALS_BOARD = Dashboard(
    GOALS,
    "Plumbline: key results and alerts",
    "Where each key result stands and why, how its progress came about, and the alerts of characteristics and metrics.",
    (STANDING_ROW, ALERT_ROW),
    (KEY_RESULT,),
    since="now-30d",
    refresh="1m",
)
