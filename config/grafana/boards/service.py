"""Service health: how far behind each process is, what was refused and why, what is known to be lost."""

from config.grafana.annotations import Annotation
from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import BAD, GOOD, coloured_words, override, steps
from config.grafana.links import SERVICE
from config.grafana.panels import Panel, figure, lines, rows
from config.grafana.queries import EACH, UNTIL_THE_END, Json, Query, table
from config.grafana.variables import PROCESS

OF = '"process" =~ /^${process:regex}$/'
OF_GATEWAY, OF_ENGINE, OF_FORWARDER = (f"\"process\" = '{name}'" for name in ("gateway", "engine", "forwarder"))
NONE_IS_GOOD: Json = {"thresholds": steps(GOOD, (1, BAD))}
LAGS = "Lag of each process"


def _last(field: str, of: str) -> Query:
    text = f'SELECT last("{field}") AS "{field}" FROM "service" WHERE $timeFilter AND {of} GROUP BY "process"'
    return Query(text, "$tag_process")


def _over_time(title: str, description: str, field: str, unit: str = "short") -> Panel:
    text = f'SELECT max("{field}") AS "{field}" FROM "service" WHERE $timeFilter AND {OF} {EACH}, "process" fill(none)'
    return lines(
        title, description, Query(text, "$tag_process"),
        unit=unit, width=12, interval="10s", custom={"axisSoftMin": 0, "insertNulls": False},
    )  # fmt: skip


NOW_ROW = Row("Now", (
    figure(
        "Lag",
        "Seconds that each process is behind: engine and forwarder with their work; gateway and web since they last "
        "said anything of themselves.",
        _last("lag_seconds", OF),
        unit="s", width=8, settings={"decimals": 1, "thresholds": steps(GOOD, (30, "yellow"), (120, BAD))},
    ),
    figure(
        "Connectors away",
        "How many connectors the gateway cannot reach now.",
        _last("away", OF_GATEWAY),
        unit="short", settings=NONE_IS_GOOD, no_value="–",
    ),
    figure(
        "Refused by InfluxDB",
        "Lines that InfluxDB did not take; they are kept in forwarder.db with its answer.",
        _last("rejected", OF_FORWARDER),
        unit="short", settings=NONE_IS_GOOD,
    ),
    figure(
        "Late readings",
        "Readings that came after a later one of their characteristic had been taken, so far.",
        _last("late", OF_ENGINE),
        unit="short",
    ),
    figure(
        "Disk free",
        "Room on the disk of the gateway's data. Below 200 MiB it takes nothing more in.",
        _last("disk_free_bytes", OF_GATEWAY),
        unit="bytes", settings={"decimals": 1}, no_value="–",
    ),
))  # fmt: skip
TIME_ROW = Row("Over time", (
    _over_time(LAGS, "The greatest lag of each stretch of the range.", "lag_seconds", "s"),
    _over_time(
        "Rows of results",
        "Rows that the engine has written and that the forwarder has passed on: the lines lie on each other while "
        "nothing waits.",
        "rows",
    ),
    lines(
        "Refused values by connector and reason",
        "How many values were refused so far; repetitions are none of them. The built-in board's page of rejected "
        "values shows examples.",
        Query(
            f'SELECT max("count") AS "refused" FROM "rejected" WHERE $timeFilter {EACH}, "connector", "reason" '
            "fill(none)",
            "$tag_connector: $tag_reason",
        ),
        unit="short", width=12, interval="10s", custom={"axisSoftMin": 0, "insertNulls": False},
        settings={"decimals": 0}, no_value="none",
    ),
    _over_time("Late readings so far", "Readings that came late, as engine and forwarder have counted them.", "late"),
))  # fmt: skip
LOSSES_ROW = Row("Known losses", (
    rows(
        "Gaps",
        "What is known to be lost, or was for a while: from when, until when, and whether it was back-filled.",
        table(
            'SELECT "state" AS "state", "until_ms" AS "until", "detail" AS "detail" FROM "gap" '
            f'WHERE {UNTIL_THE_END} GROUP BY "connector", "reason"'
        ),
        overrides=(
            override("Time", unit="dateTimeAsIso", custom__width=170, displayName="from"),
            override("until", unit="dateTimeAsIso", custom__width=170),
            coloured_words("state", {"open": BAD, "closed": GOOD, "back-filled": GOOD}),
        ),
        sort_by=("from", True),
        order=("Time", "until", "connector", "reason", "state", "detail"),
        no_value="none",
    ),
))  # fmt: skip

SERVICE_BOARD = Dashboard(
    SERVICE,
    "Plumbline: service health",
    "What the processes say of themselves, every ten seconds at the plant's own time. What stands still writes nothing "
    "here: the alert rule for missing data tells that.",
    (NOW_ROW, TIME_ROW, LOSSES_ROW),
    (PROCESS,),
    (Annotation("Known losses", "gap", "reason", "state", "WHERE $timeFilter", BAD, (LAGS,), until="until_ms"),),
    since="now-6h",
    refresh="10s",
)
