"""Tables of the code as Markdown: what the docs say of charts, constants, rules, verdicts and metrics."""

from collections.abc import Callable, Iterator, Mapping

from connectors.influx_schema import MEASUREMENTS
from rules.constants import C4, D2, D3, factor_a2, factor_a3, factor_d3, factor_d4
from rules.event_metrics import EVENT_METRICS
from rules.run_rules import RULE_SETS, RULES_BY_NAME, RUN_RULES
from rules.spec import CHARTS
from rules.verdicts import VERDICTS

PLOTTED = {
    "individuals": ("each value", "moving range of two", "one value at a time"),
    "xbar-r": ("mean of a subgroup", "range", "subgroups of 2 to 25, best below 10"),
    "xbar-s": ("mean of a subgroup", "standard deviation", "subgroups of 2 to 1,000"),
    "p": ("share of units rejected", "–", "inspections of any size"),
    "np": ("number of units rejected", "–", "inspections of one size"),
    "c": ("number of defects", "–", "inspections of one size"),
    "u": ("defects a unit", "–", "inspections of any size"),
}
MEANT = {
    "no-spec": "there is neither a lower nor an upper specification limit",
    "insufficient": "fewer than `minimum_n` values",
    "gauge": "a reading of it was measured with a gauge whose calibration was over",
    "resolution": "no spread at all, or fewer than 5 steps of the gauge between smallest and largest value",
    "stale": "no reading for `stale_after_hours`, or none of three that were expected",
    "unverified": "something was changed on the shop floor, and capability has not been shown since",
    "unstable": "too many points beyond limits, or Ppk/Cpk below 0.75",
    "drifting": "Ppk < floor ≤ Cpk: the process wanders between its subgroups",
    "non-normal": "has its place here; no test gives it yet",
    "ok": "none of the others",
}
SOURCES = {
    "nelson": "Nelson 1984, tests 1 to 8",
    "western-electric": "Western Electric, *Statistical Quality Control Handbook* (1956), section I B",
    "aiag": "AIAG SPC (2nd ed.), chapter II",
    "juran": "*Juran's Quality Handbook*",
    "montgomery": "Montgomery (8th ed.), table 5.1",
}


def table(*rows: tuple[str, ...]) -> str:
    """Rows as a table, the first of them its head."""
    head, *others = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *others])


def charts() -> str:
    """Every kind of chart."""
    return table(("`chart`", "plots", "below it", "for"), *((f"`{name}`", *PLOTTED[name]) for name in CHARTS))


def constants() -> str:
    """The constants of the usual sizes, and factors made of them."""
    rows = (
        (str(n), *(f"{x:.6f}" for x in (D2[n], D3[n], C4[n], factor_a2(n), factor_a3(n), factor_d3(n), factor_d4(n))))
        for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25)
    )
    return table(("n", "d₂", "d₃", "c₄", "A₂", "A₃", "D₃", "D₄"), *rows)


def run_rules() -> str:
    """Every rule, with Nelson's number and whether its length can be chosen."""

    def rows() -> Iterator[tuple[str, ...]]:
        for rule in RUN_RULES:
            number = f"{rule.nelson}" if rule.nelson else "–"
            yield f"`{rule.name}`", rule.sentence.format(k=rule.k), number, f"{rule.k}" if rule.has_length else "fixed"

    return table(("rule", "signals", "Nelson's test", "k"), *rows())


def rule_sets() -> str:
    """Every named set, with its rules and where it is from."""

    def named(name: str, k: int) -> str:
        return f"`{name}`" + (f" (k = {k})" if k not in (0, RULES_BY_NAME[name].k) else "")

    rows = ((f"`{name}`", ", ".join(named(one.name, one.k) for one in RULE_SETS[name]), SOURCES[name])
            for name in RULE_SETS)  # fmt: skip
    return table(("set", "rules", "source"), *rows)


def verdicts() -> str:
    """Every verdict, in the order of the headline."""
    return table(("verdict", "when"), *((f"`{name}`", MEANT[name]) for name in VERDICTS))


def metrics() -> str:
    """Every metric of events."""
    rows = (
        (f"`{one.name}`", one.formula, one.unit, one.better, one.n_of, one.source) for one in EVENT_METRICS.values()
    )
    return table(("kind", "formula", "unit", "better", "n", "source"), *rows)


def _field(name: str, typed: str) -> str:
    return name if typed == "float" else f"{name} ({typed})"


def influxdb() -> str:
    """Every measurement in InfluxDB."""
    rows = (
        (f"`{one.name}`", ", ".join(one.tags), ", ".join(_field(*field) for field in one.fields.items()), one.says)
        for one in MEASUREMENTS
    )
    return table(("measurement", "tags", "fields", "one point is"), *rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "charts": charts,
    "constants": constants,
    "run-rules": run_rules,
    "rule-sets": rule_sets,
    "verdicts": verdicts,
    "metrics": metrics,
    "influxdb": influxdb,
}
