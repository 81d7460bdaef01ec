"""A characteristic's records: its production days, its signals, the revisions of its limits."""

from config.grafana.boards.charts import HERE
from config.grafana.boards.signals import AT
from config.grafana.dashboard import Row
from config.grafana.fields import VERDICTS, coloured_words, override
from config.grafana.panels import rows
from config.grafana.queries import OF_CHARACTERISTIC, UNTIL_THE_END, table

RECORDS_ROW = Row("Records", (
    rows(
        "Production days",
        "What each production day came to; a restated day shows its newest statement.",
        table(
            'SELECT "n" AS "n", "mean" AS "mean", "sigma_within" AS "sigma within", "sigma_overall" AS "sigma '
            'overall", "cp" AS "Cp", "cpk" AS "Cpk", "cpk_lower" AS "lower bound", "pp" AS "Pp", "ppk" AS "Ppk", '
            f'"out_of_spec" AS "out of spec", "verdict" AS "verdict" FROM "capability" {HERE} AND "over" = \'day\''
        ),
        overrides=(
            override("Time", unit="time:YYYY-MM-DD", custom__width=110, displayName="day"),
            override("n", decimals=0),
            override("out of spec", decimals=0),
            override("mean", decimals=5),
            override("sigma within", decimals=6),
            override("sigma overall", decimals=6),
            coloured_words("verdict", VERDICTS),
        ),
        sort_by=("day", True),
    ),
    rows(
        "Signals",
        "The newest 500 signals of each rule in the range: the rule in words, the value, the stored limit it was "
        "judged by.",
        table(
            'SELECT "message" AS "what was seen", "value" AS "value", "limit" AS "limit" FROM "signal" '
            f'{HERE} GROUP BY "rule", "part" ORDER BY time DESC LIMIT 500'
        ),
        width=14, overrides=(AT, override("rule", custom__width=190), override("part", custom__width=110)),
        sort_by=("Time", True), order=("Time", "rule", "part", "what was seen", "value", "limit"), no_value="none",
    ),
    rows(
        "Revisions of the limits",
        "Every revision of the control limits up to the end of the range: from when it applies, where it comes from, "
        "and whether a person has accepted it.",
        table(
            'SELECT "revision" AS "revision", "state" AS "state", "center" AS "centre", "sigma" AS "sigma", '
            f'"reason" AS "reason" FROM "limits" WHERE {UNTIL_THE_END} AND {OF_CHARACTERISTIC}'
        ),
        width=10, overrides=(AT, override("revision", decimals=0), override("sigma", decimals=6)),
        sort_by=("Time", True), no_value="none",
    ),
))  # fmt: skip
