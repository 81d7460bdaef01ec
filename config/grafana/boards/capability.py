"""Panels of capability that several boards show."""

from config.grafana.fields import VERDICTS, coloured_words, limit, override
from config.grafana.links import to_characteristic
from config.grafana.panels import Panel, rows
from config.grafana.queries import table

COLUMNS = (
    'last("verdict") AS "verdict", "cpk" AS "Cpk", "cpk_lower" AS "lower bound", "ppk" AS "Ppk", '
    '"n" AS "n", "out_of_spec" AS "out of spec", "cpk_floor" AS "floor", "cpk_target" AS "target"'
)
ORDER = ("characteristic", "Cpk", "lower bound", "n", "Ppk", "verdict", "floor", "target", "out of spec", "Time")
GOAL_LINES = (limit("floor"), limit("target", "green"))
OVERRIDES = (
    override("characteristic", links=to_characteristic(), custom__width=280),
    coloured_words("verdict", VERDICTS),
    override("n", decimals=0, custom__width=80),
    override("Time", unit="dateTimeAsIso", custom__width=170),
)


def window_table(of: str, *, height: int = 10) -> Panel:
    """The rolling capability of each characteristic, the lowest Cpk first."""
    return rows(
        "Rolling capability, the lowest first",
        "The last statement on each characteristic's rolling window: Cpk with its one-sided 95 % lower bound and n, "
        "the verdict on the figures, and the floor and target of the plant file. A click opens the characteristic.",
        table(
            f'SELECT {COLUMNS} FROM "capability" WHERE $timeFilter AND "over" = \'window\' AND {of} '
            'GROUP BY "characteristic"'
        ),
        height=height,
        overrides=(*OVERRIDES, override("out of spec", decimals=0, custom__width=100)),
        sort_by=("Cpk", False),
        order=ORDER,
    )


def below_floor(of: str, *, width: int = 12, height: int = 8) -> Panel:
    """The characteristics whose last day was below their floor."""
    last = (
        'SELECT last("cpk") AS "Cpk", "cpk_lower" AS "lower bound", "n" AS "n", "cpk_floor" AS "floor", '
        f'"verdict" AS "verdict" FROM "capability" WHERE $timeFilter AND "over" = \'day\' AND {of} '
        'GROUP BY "characteristic"'
    )
    columns = '"Cpk", "lower bound", "n", "floor", "verdict"'
    return rows(
        "Last day below the floor",
        "Characteristics whose last production day in the range has a Cpk strictly below their floor. Three such days "
        "in a row open an alert.",
        table(f'SELECT {columns} FROM ({last}) WHERE "Cpk" < "floor" GROUP BY "characteristic"'),
        width=width,
        height=height,
        overrides=OVERRIDES,
        sort_by=("Cpk", False),
        order=("characteristic", *("Cpk", "lower bound", "n", "floor", "verdict"), "Time"),
        no_value="none",
    )
