"""One line: its characteristics, their daily Cpk, what its machines did, its signals and alerts."""

from config.grafana.annotations import Annotation
from config.grafana.boards.capability import below_floor, window_table
from config.grafana.boards.machine import LEAD
from config.grafana.boards.signals import alert_table, signal_bars, signal_table
from config.grafana.dashboard import Dashboard, Row
from config.grafana.fields import STATES
from config.grafana.links import CHARACTERISTIC, LINE, MACHINE, board_url, link, of_series
from config.grafana.panels import lines, states
from config.grafana.queries import OF_LINE, OF_STATION, Query
from config.grafana.variables import LINE as LINE_VARIABLE
from config.grafana.variables import STATION

HERE = f"{OF_LINE} AND {OF_STATION}"
MACHINES = r'"place" =~ /^${line:regex}(\/|$)/'  # places as connectors make them: the line, then the station
CPK = "Daily Cpk of each characteristic"

LINE_BOARD = Dashboard(
    LINE,
    "Plumbline: line",
    "The characteristics of a line, or of one of its stations, with its machines.",
    (
        Row("What to look at", (alert_table("Alerts", HERE), below_floor(HERE))),
        Row("Capability", (
            window_table(HERE),
            lines(
                CPK,
                "Cpk of each production day as it was stated. A click on a series opens the characteristic.",
                Query(
                    f'SELECT "cpk" AS "Cpk" FROM "capability" WHERE $timeFilter AND "over" = \'day\' AND {HERE} '
                    'GROUP BY "characteristic"',
                    alias="$tag_characteristic",
                ),
                height=10, custom={"insertNulls": False, "showPoints": "always"},
                settings={"decimals": 2, "links": [
                    link("The characteristic's charts",
                         board_url(CHARACTERISTIC, characteristic=of_series("characteristic"))),
                ]},
            ),
        )),
        Row("Machines and signals", (
            states(
                "Machine states",
                "What the line's machines said of their states (places whose name begins with the line's). A state "
                "holds until the next; after `state_valid_hours` of silence metrics take it for unknown. A click opens "
                "the machine.",
                Query(f'SELECT "state" FROM "machine" WHERE {LEAD} AND {MACHINES} GROUP BY "place"', "$tag_place"),
                colours=STATES, width=12, height=8,
                links=[link("The machine", board_url(MACHINE, machine=of_series("place")))],
            ),
            signal_bars(HERE, "station"),
            signal_table(HERE),
        )),
    ),
    (LINE_VARIABLE, STATION),
    (
        Annotation("Changes", "change", "of", "note", f"WHERE $timeFilter AND {HERE}", "purple", (CPK,)),
    ),
)  # fmt: skip
