"""Panels of signals and alerts that several boards show."""

from config.grafana.fields import ALERT_STATES, coloured_words, override
from config.grafana.links import to_characteristic
from config.grafana.panels import Panel, lines, rows
from config.grafana.queries import EACH, UNTIL_THE_END, Query, table

AT = override("Time", unit="dateTimeAsIso", custom__width=170)
WHO = override("characteristic", links=to_characteristic(), custom__width=260)
ALERT_COLUMNS = ("state", "bad days", "Cpk", "upper bound", "floor", "confidence", "owner")
ALERT_TAGS = 'GROUP BY "characteristic", "metric", "rule", "episode"'


def signal_table(of: str, *, width: int = 24, height: int = 9) -> Panel:
    """The newest signals, each in words."""
    columns = '"message" AS "what was seen", "value" AS "value", "limit" AS "limit"'
    return rows(
        "Newest signals",
        "The newest 200 signals of each characteristic and rule in the range: the rule in words, the value, and the "
        "stored limit that it was judged by.",
        table(
            f'SELECT {columns} FROM "signal" WHERE $timeFilter AND {of} '
            'GROUP BY "characteristic", "rule" ORDER BY time DESC LIMIT 200'
        ),
        width=width,
        height=height,
        overrides=(AT, WHO, override("rule", custom__width=190), override("what was seen", custom__minWidth=320)),
        sort_by=("Time", True),
        order=("Time", "characteristic", "rule", "what was seen", "value", "limit"),
        no_value="none",
    )


def signal_bars(of: str, by: str, *, width: int = 12, height: int = 8) -> Panel:
    """How many signals there were, by a tag."""
    return lines(
        f"Signals by {by}",
        f"How many signals were raised in each stretch of the range (an hour at least), by {by}.",
        Query(
            f'SELECT count("message") AS "signals" FROM "signal" WHERE $timeFilter AND {of} {EACH}, "{by}" fill(none)',
            alias=f"$tag_{by}",
        ),
        unit="short",
        width=width,
        height=height,
        interval="1h",
        bars=True,
        settings={"decimals": 0},
    )


def alert_table(title: str, of: str = "", *, only: str = "", width: int = 12, height: int = 8) -> Panel:
    """Alerts as they stand, of what `of` says (all); `only` those in a state."""
    columns = (
        'last("state") AS "state", "days" AS "bad days", "cpk" AS "Cpk", "cpk_upper" AS "upper bound", '
        '"floor" AS "floor", "confidence" AS "confidence", "owner" AS "owner"'
    )
    text = f'SELECT {columns} FROM "alert" WHERE {UNTIL_THE_END}{f" AND {of}" if of else ""} {ALERT_TAGS}'
    if only:
        names = ", ".join(f'"{name}"' for name in ALERT_COLUMNS)
        text = f"SELECT {names} FROM ({text}) WHERE \"state\" = '{only}' {ALERT_TAGS}"
    return rows(
        title,
        "Alerts of a characteristic or a metric as they stood at the end of the range: how many bad days, their pooled "
        "Cpk with its upper bound, and whether that confirms the breach or only indicates it.",
        table(text),
        width=width,
        height=height,
        overrides=(
            override("Time", unit="dateTimeAsIso", custom__width=170, displayName="since"),
            WHO,
            coloured_words("state", ALERT_STATES, 100),
            override("bad days", decimals=0, custom__width=90),
        ),
        order=("state", "characteristic", "metric", "rule", *ALERT_COLUMNS[1:], "Time"),
        hidden=("episode",),
        no_value="none",
    )
