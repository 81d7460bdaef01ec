"""The kinds of results and their columns: one table that history, InfluxDB, the API and the tests iterate.

Every row begins with `row` (its number, from one counter over all kinds), `cause_seq` (the journal entry
that made it appear) and `ordinal` (its place among the rows of that entry). Times are int64 nanoseconds
(UTC epoch), days are date ordinals (`date.toordinal`), undefined numbers are nan inside and NULL stored.
"""

from dataclasses import dataclass
from typing import Literal

Sql = Literal["INTEGER", "REAL", "TEXT", "BLOB"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its `name` is the field name everywhere (history, API); `sql` its storage class."""

    name: str
    sql: Sql


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of result. `columns` come after `row, cause_seq, ordinal`; `key` finds what is current."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


LEADING = (Column("row", "INTEGER"), Column("cause_seq", "INTEGER"), Column("ordinal", "INTEGER"))


def _columns(text: str) -> tuple[Column, ...]:
    sql: dict[str, Sql] = {"i": "INTEGER", "r": "REAL", "t": "TEXT", "b": "BLOB"}
    return tuple(Column(name, sql[code]) for name, code in (word.split(":") for word in text.split()))


# The figures of one capability statement, in the order of the compiled record (rules.capability).
CAPABILITY_FIGURES = (
    "n:i subgroups:i mean:r sigma_within:r sigma_overall:r cp:r cpl:r cpu:r cpk:r cpk_lower:r "
    "pp:r ppl:r ppu:r ppk:r ppk_lower:r cpm:r out_of_spec:i beyond_limits:i "
    "verdict:t verdicts:t limits_revision:i specification_revision:i"
)

KINDS: tuple[Kind, ...] = (
    # A characteristic's number (its name is TEXT once; everywhere else it is an integer).
    Kind(
        "characteristic",
        _columns(
            "characteristic:i name:t unit:t line:t station:t product:t chart:t "
            "subgroup_size:i cpk_target:r cpk_floor:r minimum_n:i owner:t reaction:t "
            "state:t"
        ),
        ("characteristic",),
    ),  # state: active | withdrawn
    Kind(
        "specification",
        _columns("characteristic:i revision:i time:i lsl:r usl:r target:r reason:t"),
        ("characteristic", "revision"),
    ),
    # state: provisional | accepted | fixed | rejected; center and sigma (of single values) give every limit.
    Kind(
        "limits",
        _columns("characteristic:i revision:i time:i state:t center:r sigma:r points:i excluded:i reason:t"),
        ("characteristic", "revision"),
    ),
    # A reading that is in no point. state: late | too-late | single | purpose | withdrawn |
    # implausible | remeasured
    Kind(
        "reading",
        _columns("characteristic:i seq:i idx:i time:i value:r state:t context:t"),
        ("characteristic", "seq", "idx"),
    ),
    # One plotted point: (seq, idx) is its closing reading. `values` float64[n], `refs` int64[n, 3] of
    # (seq, idx, time), `contexts` a JSON list (one per value, null without). phase: 0 unjudged, 1, 2.
    Kind(
        "point",
        _columns(
            "characteristic:i seq:i idx:i time:i value:r dispersion:r n:r cl:r ucl:r lcl:r "
            "dispersion_cl:r dispersion_ucl:r dispersion_lcl:r signals:i phase:i revision:i "
            "specification_revision:i values:b refs:b contexts:t"
        ),
        ("characteristic", "seq", "idx"),
    ),
    # part: location | dispersion | specification | data-quality (`rules.data_quality`); phase 1 signals alarm nobody.
    Kind(
        "signal",
        _columns("characteristic:i seq:i idx:i time:i rule:t part:t value:r limit:r phase:i revision:i"),
        ("characteristic", "seq", "idx", "rule"),
    ),
    Kind(
        "capability",
        _columns("characteristic:i time:i first_seq:i last_seq:i " + CAPABILITY_FIGURES),
        ("characteristic",),
    ),
    Kind(
        "day",
        _columns(
            "characteristic:i day:i revision:i basis:t late:i signals:i out_of_spec_day:i "
            "within_df:r first_seq:i last_seq:i " + CAPABILITY_FIGURES
        ),
        ("characteristic", "day"),
    ),
    # Of a characteristic, or (characteristic null) of a metric, whose values `cpk` and `cpk_upper` then are.
    Kind(
        "episode",
        _columns(
            "episode:t characteristic:i rule:t state:t first_day:i last_day:i days:t floor:r "
            "cpk:r cpk_upper:r confidence:t opened_day:i recovered_day:i time:i reason:t metric:t"
        ),
        ("episode",),
    ),
    Kind(
        "metric",
        _columns("metric:t time:i day:i value:r lower:r n:i members:i counted:i complete:i revision:i detail:t"),
        ("metric",),
    ),
    Kind(
        "key_result",
        _columns(
            "key_result:t objective:t time:i day:i revision:i value:r lower:r n:i progress:r "
            "expected:r status:t reason:t members:i counted:i detail:t restated_value:r restated_progress:r"
        ),
        ("key_result",),
    ),
    # What happened besides readings: kind and body are of `rules.events`, the body as JSON.
    Kind("event", _columns("kind:t place:t time:i seq:i idx:i body:t context:t"), ("seq", "idx")),
    # A reading that was voided or corrected: what it counts for now (value null: nothing), and what came (`was`).
    # state: restated | not-restated (its day could not be computed again). `told`: when it was corrected.
    Kind(
        "correction",
        _columns("characteristic:i seq:i idx:i time:i action:t value:r was:r who:t why:t told:i state:t"),
        ("characteristic", "seq", "idx"),
    ),
    Kind("gap", _columns("gap:t connector:t reason:t from_time:i to_time:i state:t detail:t"), ("gap",)),
    # `count`: how many of this (connector, reason) so far, this one included.
    Kind(
        "rejected",
        _columns("connector:t topic:t reason:t detail:t seq:i idx:i time:i count:i payload:b"),
        ("connector", "reason", "count"),
    ),
    Kind("checkpoint", _columns("step:t key:t schema_version:i state:b"), ("step", "key")),
    # What is to be pushed: path and body for the OKR store; `key` is its Idempotency-Key.
    Kind("outbox", _columns("path:t key:t body:t"), ("key",)),
)

BY_NAME = {kind.name: kind for kind in KINDS}
