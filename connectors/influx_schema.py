"""The schema in InfluxDB: every measurement with its tags and the types of its fields, in one table.

What writes lines, what the boards ask for and docs/grafana.md are held to it by tests. A tag never holds anything that
depends on the run; a field keeps its type. Times are those of the plant, in nanoseconds (UTC epoch).
"""

from dataclasses import dataclass
from typing import Literal

FieldType = Literal["float", "integer", "text"]

_TYPES: dict[str, FieldType] = {"f": "float", "i": "integer", "t": "text"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: `says` what one of its points is, `fields` their types by name."""

    name: str
    tags: tuple[str, ...]
    fields: dict[str, FieldType]
    says: str


def _of(name: str, tags: str, fields: str, says: str) -> Measurement:
    typed = {field: _TYPES[code] for field, _, code in (word.partition(":") for word in fields.split())}
    return Measurement(name, tuple(tags.split()), typed, says)


MEASUREMENTS: tuple[Measurement, ...] = (
    _of("reading", "characteristic line station product", "value:f lsl:f usl:f lot:t part:t",
        "a reading of production, with the specification that judged it"),
    _of("chart", "characteristic chart line station unit",
        "value:f dispersion:f n:f cl:f ucl:f lcl:f dispersion_cl:f dispersion_ucl:f dispersion_lcl:f "
        "signals:i revision:i",
        "a plotted point, with the limits that judged it; `signals` has a bit for each rule that it shows"),
    _of("signal", "characteristic line station rule part", "value:f limit:f message:t",
        "a signal, at its point; `part`: location, dispersion, specification or data-quality"),
    _of("limits", "characteristic line station", "revision:i state:t center:f sigma:f reason:t",
        "a revision of control limits, from when it applies"),
    _of("correction", "characteristic line station action", "value:f was:f who:t why:t",
        "a reading that was voided or corrected, at the reading's time"),
    _of("capability", "characteristic line station over",
        "n:i mean:f sigma_within:f sigma_overall:f cp:f cpk:f cpk_lower:f pp:f ppk:f ppk_lower:f out_of_spec:i "
        "verdict:t cpk_floor:f cpk_target:f",
        "capability over the rolling `window`, or of a production `day` (at noon UTC of its date)"),
    _of("metric", "metric kind over", "value:f lower:f n:i members:i counted:i",
        "a metric as it was stated"),
    _of("place_metric", "metric kind over place", "value:f n:i availability:f performance:f quality:f",
        "what a metric of events comes to at one place; the factors are those of an `oee`"),
    _of("downtime", "metric over place reason", "hours:f",
        "down time of a place by reason, of a metric of the kind `downtime`"),
    _of("key_result", "key_result objective",
        "value:f lower:f n:i progress:f expected:f status:t reason:t members:i counted:i title:t target:f",
        "an update of a key result"),
    _of("alert", "characteristic metric line station episode rule",
        "state:t days:i cpk:f cpk_upper:f floor:f confidence:t owner:t",
        "an alert as it opened or changed; `days`: how many bad ones"),
    _of("machine", "place", "state:t reason:t", "what a machine said of its state, until it says otherwise"),
    _of("count", "place", "total:i good:i", "units made since the last count"),
    _of("inspection", "place", "inspected:f rejected:i reworked:i scrapped:i missed:i", "a sample that was inspected"),
    _of("change", "characteristic line station place of", "note:t",
        "a change of design, process, tool or material that touches a characteristic"),
    _of("gap", "connector reason", "state:t until_ms:i detail:t",
        "a known loss, at its beginning; `until_ms`: its end in milliseconds"),
    _of("service", "process", "lag_seconds:f rejected:i late:i rows:i away:i disk_free_bytes:i",
        "how a process is doing, every ten seconds"),
    _of("rejected", "connector reason", "count:i", "how many values were refused so far, every ten seconds"),
)  # fmt: skip
BY_NAME: dict[str, Measurement] = {one.name: one for one in MEASUREMENTS}
