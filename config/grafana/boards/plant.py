"""The plant overview: what is wrong, where, and how it has been; each row leads on."""

from config.grafana.annotations import Annotation
from config.grafana.boards.capability import below_floor, window_table
from config.grafana.boards.signals import alert_table, signal_bars
from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import BAD, GOOD, steps
from config.grafana.links import GOALS, LINE, PLANT, SERVICE, board_url, link, of_series
from config.grafana.panels import figure, lines
from config.grafana.queries import EACH, EACH_DAY, OF_LINE, UNTIL_THE_END, Query
from config.grafana.variables import ANY_LINE

LAST_STATE = f'SELECT last("state") AS "state" FROM "alert" WHERE {UNTIL_THE_END} GROUP BY "episode"'
LAST_STATUS = f'SELECT last("status") AS "status" FROM "key_result" WHERE {UNTIL_THE_END} GROUP BY "key_result"'
SIGNALS = f'FROM "signal" WHERE $timeFilter AND {OF_LINE}'
NONE_IS_GOOD = steps(GOOD, (1, BAD))
TO_GOALS = [link("Key results and alerts", board_url(GOALS))]
TO_SERVICE = [link("Service health", board_url(SERVICE))]
LOWEST = "Lowest daily Cpk of each line"

NUMBERS = Row("Now", (
    figure(
        "Open alerts",
        "Alerts of characteristics and metrics that are open at the end of the range.",
        Query(f'SELECT count("state") AS "open" FROM ({LAST_STATE}) WHERE "state" = \'open\''),
        unit="short", settings={"thresholds": NONE_IS_GOOD, "links": TO_GOALS}, no_value="0",
    ),
    figure(
        "Key results in the red",
        "Key results whose last status up to the end of the range is red.",
        Query(f'SELECT count("status") AS "red" FROM ({LAST_STATUS}) WHERE "status" = \'red\''),
        unit="short", settings={"thresholds": NONE_IS_GOOD, "links": TO_GOALS}, no_value="0",
    ),
    figure(
        "Signals",
        "Signals of all rules in the range, of the lines chosen.",
        Query(f'SELECT count("message") AS "signals" {SIGNALS}'),
        unit="short", no_value="0",
    ),
    figure(
        "Out of specification",
        "Readings beyond a specification limit in the range, of the lines chosen.",
        Query(f'SELECT count("message") AS "readings" {SIGNALS} AND "rule" = \'out-of-spec\''),
        unit="short", settings={"thresholds": NONE_IS_GOOD}, no_value="0",
    ),
    figure(
        "Lag",
        "How far each process was behind when it last said so.",
        Query(
            'SELECT last("lag_seconds") AS "lag" FROM "service" WHERE $timeFilter GROUP BY "process"',
            alias="$tag_process",
        ),
        unit="s", width=8,
        settings={"decimals": 1, "thresholds": steps(GOOD, (30, "yellow"), (120, BAD)), "links": TO_SERVICE},
    ),
))  # fmt: skip
TRENDS = Row("How it has been", (
    lines(
        LOWEST,
        "The lowest Cpk of a production day over the characteristics of a line, as the days stated it. A click on a "
        "line's series opens its board.",
        Query(
            'SELECT min("cpk") AS "Cpk" FROM "capability" WHERE $timeFilter AND "over" = \'day\' '
            f'AND {OF_LINE} {EACH_DAY}, "line" fill(none)',
            alias="$tag_line",
        ),
        width=12, height=8, custom={"insertNulls": False, "showPoints": "always"},
        settings={"decimals": 2, "links": [link("The line", board_url(LINE, line=of_series("line")))]},
    ),
    signal_bars(OF_LINE, "line"),
    lines(
        "OEE",
        "Metrics of the kind `oee` as they were stated: availability × performance × quality, not cut off at 100 %.",
        Query(
            f'SELECT last("value") AS "OEE" FROM "metric" WHERE $timeFilter AND "kind" = \'oee\' {EACH}, "metric" '
            "fill(none)",
            alias="$tag_metric",
        ),
        unit="percentunit", width=12, height=8, interval="15m", custom={"insertNulls": False},
        settings={"decimals": 1},
    ),
    lines(
        "Units made",
        "Units and good units that the machines counted, in each stretch of the range (an hour at least).",
        Query(
            f'SELECT sum("total") AS "made", sum("good") AS "good" FROM "count" WHERE $timeFilter {EACH} fill(none)'
        ),
        unit="short", width=12, height=8, interval="1h", settings={"decimals": 0},
        custom={"axisSoftMin": 0, "showPoints": "always"},
    ),
))  # fmt: skip

PLANT_BOARD = Dashboard(
    PLANT,
    "Plumbline: plant",
    "What is wrong now, and where; every row leads to its line, characteristic, key result or alert.",
    (
        NUMBERS,
        Row("What to look at", (alert_table("Open alerts, in full", only="open"), below_floor(OF_LINE))),
        Row("All characteristics", (window_table(OF_LINE, height=12),)),
        TRENDS,
    ),
    (ANY_LINE,),
    (Annotation("Alerts", "alert", "rule", "state", "WHERE $timeFilter", BAD, (LOWEST,)),),
)
