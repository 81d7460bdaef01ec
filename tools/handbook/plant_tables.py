"""The tables of the plant file, each with what it is for and an example; what each option is its model says."""

from dataclasses import dataclass

from pydantic import BaseModel

from config.characteristic import CharacteristicOptions
from config.gauges import GaugeOptions
from config.goals import KeyResultOptions, ObjectiveOptions
from config.machines import ComplaintOptions, MachineOptions
from config.metric import MetricOptions
from config.models import ClockOptions, InfluxOptions, OkrOptions, PlantOptions, StorageOptions
from config.web import WebOptions


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the plant file: its heading, what it is for, its model, and an example."""

    heading: str
    says: str
    model: type[BaseModel]
    example: str

    @property
    def key(self) -> str:
        """The table's name at the top of the file."""
        return self.heading.strip("[]").partition(".")[0]


TABLES = (
    Table(
        "[plant]",
        "Who the plant is and how its days run. The only table that has to be there.",
        PlantOptions,
        """[plant]
id = "suzhou-1"
timezone = "Asia/Shanghai"
day_starts_at = "08:00"
working_days = ["mon", "tue", "wed", "thu", "fri", "sat"]
holidays = ["2026-10-01"]
shifts = [{ name = "early", starts_at = "08:00" }, { name = "late", starts_at = "20:00" }]""",
    ),
    Table(
        "[defaults]",
        "Options of all characteristics that do not say otherwise: every option of `[characteristics.ID]`.",
        CharacteristicOptions,
        """[defaults]
unit = "mm"
owner = "production"
rules = "western-electric\"""",
    ),
    Table(
        "[characteristics.ID]",
        'What is measured: specification, chart, when its days are bad. The id is quoted: `"line1/op10/bore"`.',
        CharacteristicOptions,
        """[characteristics."line1/op10/bore"]
unit = "mm"
lsl = 9.96
usl = 10.04
target = 10.0
resolution = 0.001
chart = "xbar-r"
subgroup_size = 5
limits = { from = "baseline", subgroups = 25 }
rules = ["beyond-3-sigma", { rule = "9-on-one-side", k = 8 }]
co_owners = ["quality"]
reaction = "Check the offset of tool T3, then measure five more parts."

[characteristics."line1/op20/rejects"]
chart = "p"
limits = { center = 0.02 }""",
    ),
    Table(
        "[gauges.NAME]",
        "Gauges whose calibration is watched, by the names that messages have in `gauge`.",
        GaugeOptions,
        """[gauges.G9]
calibrated_until = 2026-12-31""",
    ),
    Table(
        "[machines.PLACE]",
        "What is planned of a machine, by the place of its states and counts: [machines](../machines.md).",
        MachineOptions,
        """[machines."line1/op10"]
ideal_cycle_seconds = 30.0
shifts = ["early", "late"]
breaks = [{ starts_at = "12:00", minutes = 30 }]
planned_stops = ["maintenance"]
not_failures = ["no material"]""",
    ),
    Table(
        "[complaints]",
        "When the answer to a complaint is late.",
        ComplaintOptions,
        """[complaints]
answer_within_hours = { default = 72.0, key = 24.0, urgent = 2.0 }""",
    ),
    Table(
        "[metrics.NAME]",
        "What a key result can be bound to: [of indices](../key-results.md), [of events](../metrics.md).",
        MetricOptions,
        """[metrics.bore_cpk]
kind = "cpk"
of = ["line1/op10/bore"]
floor = 1.2

[metrics.incoming]
kind = "incoming-pass-rate"
of = ["incoming/*"]
over = "day"
by = "supplier\"""",
    ),
    Table(
        "[objectives.ID]",
        "Objectives in three levels: company, department, post.",
        ObjectiveOptions,
        """[objectives.O1]
title = "Make OP10 capable"
level = "department"
owner = "production"
period = "2026-Q4\"""",
    ),
    Table(
        "[key_results.ID]",
        "Key results, at most five an objective.",
        KeyResultOptions,
        """[key_results.KR1]
objective = "O1"
title = "Bore Cpk at least 1.33"
metric = "bore_cpk"
start = 0.9
target = 1.33""",
    ),
    Table(
        "[clock]",
        "Whose time it is. A real plant has the wall clock and needs no such table: [clocks](../clock.md).",
        ClockOptions,
        """[clock]
source = "wall\"""",
    ),
    Table(
        "[influxdb]",
        "Where results are written for boards that read InfluxDB. Without the table nothing is.",
        InfluxOptions,
        """[influxdb]
url = "http://127.0.0.1:8086"
bucket = "plumbline"
token_env = "INFLUX_TOKEN\"""",
    ),
    Table(
        "[okr]",
        "An OKR system of your own, which is told what the built-in store is told. Without the table none is.",
        OkrOptions,
        """[okr]
url = "https://okr.example.com"
token_file = "okr.token\"""",
    ),
    Table(
        "[web]",
        "Where board and API listen, and under which addresses. [Security](../security.md) says more.",
        WebOptions,
        """[web]
host = "0.0.0.0"
public_urls = ["https://plumbline.plant.example"]""",
    ),
    Table(
        "[storage]",
        "Where the data lie and how long they are kept. [Operation](../operation.md) says more.",
        StorageOptions,
        """[storage]
directory = "/var/lib/plumbline"
keep_days = 400
journal_keep_days = 60""",
    ),
)

# By type, or type and payload: the page that says more, and an example.
CONNECTOR_EXAMPLES: dict[str | tuple[str, object], tuple[str, str]] = {
    "mqtt": (
        "mqtt.md",
        """[connectors.line1]
type = "mqtt"
host = "127.0.0.1"
username = "plumbline"
password_env = "BROKER_PASSWORD"
tls = { ca = "system" }
topics = ["factory/{line}/{station}/{kind}"]""",
    ),
    ("mqtt", "sparkplug"): (
        "sparkplug.md",
        """[connectors.cells]
type = "mqtt"
payload = "sparkplug"
client_id = "plumbline-cells"
groups = ["press-shop"]
tags = [{ tag = "PartId", kind = "context", field = "part" }]""",
    ),
    "opcua": (
        "opcua.md",
        """[connectors.press]
type = "opcua"
url = "opc.tcp://192.168.10.20:4840"
security = "Basic256Sha256"
certificate = "pki/plumbline.der"
key = "pki/plumbline.pem"
trust = "pki"
tags = [
  { tag = "ns=2;s=Line1.OP10.Bore", name = "line1/op10/bore" },
  { tag = "ns=2;s=Line1.OP10.State", kind = "state", place = "line1/op10", states = { "1" = "running" } },
]""",
    ),
    "http": (
        "http.md",
        """[connectors.forms]
type = "http"
token_env = "PLUMBLINE_INTAKE_TOKEN"
topics = ["{line}/{station}/{kind}"]""",
    ),
    "folder": (
        "files.md",
        """[connectors.cmm]
type = "folder"
path = "incoming"
pattern = "*.csv"
characteristic = "line1/cmm/{name}"
columns = { time = "Zeit", characteristic = "Merkmal", value = "Wert" }
separator = ";"
decimal = \",\"""",
    ),
}
