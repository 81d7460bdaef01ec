"""One characteristic: its control charts with the stored limits, its readings, its capability, its signals."""

from config.grafana.annotations import Annotation
from config.grafana.boards.charts import CHART_ROW, DISPERSION, HERE, LOCATION, READINGS
from config.grafana.boards.distribution import CAPABILITY_ROW, ROLLING
from config.grafana.boards.records import RECORDS_ROW
from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import BAD, VERDICTS, override, words
from config.grafana.links import CHARACTERISTIC
from config.grafana.panels import figure
from config.grafana.queries import Query
from config.grafana.variables import ANY_LINE, CHART, STATION, UNIT
from config.grafana.variables import CHARACTERISTIC as CHARACTERISTIC_VARIABLE

CHARTS = (LOCATION, DISPERSION, READINGS)
OF_WINDOW = f'FROM "capability" {HERE} AND "over" = \'window\''

NOW = Row("Now: ${characteristic}, ${chart} chart", (
    figure(
        "Capability of the window",
        "The last statement on the rolling window: Cpk with its one-sided 95 % lower bound, Ppk, n, and of it the "
        "readings out of specification; floor and target are those of the plant file.",
        Query(
            'SELECT last("cpk") AS "Cpk", "cpk_lower" AS "lower bound", "ppk" AS "Ppk", "cpk_floor" AS "floor", '
            f'"cpk_target" AS "target", "n" AS "n", "out_of_spec" AS "out of spec" {OF_WINDOW}'
        ),
        width=18, height=5, settings={"decimals": 3},
        overrides=(override("n", decimals=0), override("out of spec", decimals=0)),
    ),
    figure(
        "Verdict",
        "What the figures may be used for, by the last statement: `ok`, or what stands against it.",
        Query(f'SELECT last("verdict") AS "verdict" {OF_WINDOW}'),
        width=6, height=5, settings={"mappings": words(VERDICTS)}, fields="/^verdict$/",
    ),
))  # fmt: skip

CHARACTERISTIC_BOARD = Dashboard(
    CHARACTERISTIC,
    "Plumbline: characteristic",
    "Control charts, readings and capability of one characteristic. Limits, signals and indices are the stored ones.",
    (NOW, CHART_ROW, CAPABILITY_ROW, RECORDS_ROW),
    (ANY_LINE, STATION, CHARACTERISTIC_VARIABLE, UNIT, CHART),
    (
        Annotation("Signals", "signal", "rule", "message", HERE, BAD, CHARTS),
        Annotation("Limits", "limits", "state", "reason", HERE, "blue", CHARTS[:2]),
        Annotation("Changes", "change", "of", "note", HERE, "purple", (*CHARTS, ROLLING)),
        Annotation("Corrections", "correction", "action", "why", HERE, "orange", CHARTS),
        Annotation("Known losses", "gap", "reason", "state", "WHERE $timeFilter", "text", CHARTS, until="until_ms"),
    ),
    since="now-2d",
)
