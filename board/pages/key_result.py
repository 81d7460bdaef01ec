"""One key result: its definition, its course, and where each of its values came from."""

from collections.abc import Sequence
from urllib.parse import quote

from board.formats import path_to
from board.goals import Json
from board.history import lineage
from board.history.queries import View
from board.history.rows import Shown
from board.page import Asked, NoSuchThing, Page
from board.pages.goals_charts import Dot, Line, chart
from board.pages.goals_words import affects, amount, path_to_key_result, texts, walk
from board.pages.key_results import UNSAID, row
from board.times import iso_day, parse_day
from board.tones import tone
from config.metric import MetricOptions
from config.roles import Role
from rules.calendar import working_days_between
from rules.event_metrics import EVENT_METRICS
from rules.metrics import TRAILING_DAYS

OF_MACHINES = ("machine", "counts")  # what a kind of metric folds that has a page
MOST_BACK = 90  # days in which the trailing 20 production days lie
SHOWN = 60  # updates in the table, unless all are asked for
NO_DAYS = dict.fromkeys(("first_day", "last_day", "days", "first_seq", "last_seq", "limits_revision"))
BARE = {"title": "", "owner": "", "level": "", "period": "", "first_day": None, "last_day": None, "id": ""}


def show(asked: Asked) -> Shown:
    """`kr` as the list shows it, its definition, course, updates and lineage; raises `NoSuchThing`."""
    goals = asked.board.goals
    found = goals.key_result(asked.name)
    if found is None:
        raise NoSuchThing(asked.language.t("key-result.unknown", name=asked.name))
    objective = next((one for kr, one in walk(goals.objectives()) if kr["id"] == found["id"]), BARE)
    members = {} if asked.snapshot is None else lineage.members(asked.snapshot)
    opened = [one for one in goals.alerts() if one["state"] == "open" and affects(one, found, members)]
    updates = goals.course(found["id"])
    values, was = _days(asked.snapshot, found, updates)
    newest = [_update(one, found, was) for one in reversed(updates)]
    most = len(newest) if asked.query.get("all") else SHOWN
    return {
        "kr": row(asked, found, objective, opened), "objective": objective, "metric": _metric(asked, found),
        "members": sorted(members.get(found["metric"], ())) or _named(found),
        "chart": _chart(asked, found, objective, updates, was),
        "updates": newest[:most], "more": max(0, len(newest) - most),
        "lineage": _lineage(asked, found, objective, updates), "may": asked.asker.may(Role.WRITE),
        "seen": "" if found["revision"] is None else str(found["revision"]),
        "restated_days": [(iso_day(day), amount(found["unit"], old), amount(found["unit"], values.get(day)))
                          for day, old in sorted(was.items())],
    }  # fmt: skip


def _named(kr: Json) -> list[str]:
    return sorted(one["characteristic"] for one in kr.get("sources", ()) if "characteristic" in one)


def _metric(asked: Asked, kr: Json) -> Json | None:
    """What the plant file says of its metric; None where it does not know it."""
    plant = asked.board.plant
    found: MetricOptions | None = None if plant is None else plant.metrics.get(kr["metric"])
    if found is None:
        return None
    t, of_events = texts(asked.language), EVENT_METRICS.get(found.kind)
    index = t("key-result.formula_cpk") if found.kind == "cpk" else t("key-result.formula_ppk")
    return {
        "kind": found.kind, "over": found.over, "of": found.of, "count_when": found.count_when, "by": found.by,
        "reduce": found.reduce or ("min" if of_events is None else "worst" if found.by else "total"),
        "floor": None if found.floor is None else amount(kr["unit"], found.floor), "breach_days": found.breach_days,
        "formula": of_events.formula if of_events else index,
    }  # fmt: skip


def _days(
    view: View | None, kr: Json, updates: Sequence[Json]
) -> tuple[dict[int, float | None], dict[int, float | None]]:
    """The metric's newest value of each day since the first update, and what restated ones were before."""
    days = [one["day"] for one in updates if one.get("day")]
    if view is None or not days or not kr["metric"]:
        return {}, {}
    values, was = lineage.metric_days(view, kr["metric"], parse_day(min(days)))
    return {day: value for day, value, _ in values}, was


def _update(update: Json, kr: Json, was: dict[int, float | None]) -> Json:
    """An update as its row of the table; `restated`: the day's value has been another at first, and is new data's."""
    unit, revision = kr["unit"], update["revision"]
    day = parse_day(update["day"]) if update.get("day") else 0
    return {
        **UNSAID, **update, "amount": amount(unit, update["value"]), "lower_text": amount(unit, update.get("lower"), 3),
        "link": f"{path_to_key_result(kr['id'])}?revision={revision}#lineage",
        "restated": day in was and update["value"] == was[day],
        "after_end": amount(unit, update["restated_after_end"]["value"]) if update.get("restated_after_end") else "",
    }  # fmt: skip


def _chart(asked: Asked, kr: Json, objective: Json, updates: Sequence[Json], was: dict[int, float | None]) -> str:
    """The last value of each day with its bound, the target, and where the value should be by now."""
    newest = {parse_day(one["day"]): one for one in updates if one.get("day")}
    if kr["kind"] == "milestone" or not newest:
        return ""
    t, unit = texts(asked.language), kr["unit"]
    days = sorted(newest)
    first = parse_day(objective["first_day"]) if objective["first_day"] else days[0]
    last = parse_day(objective["last_day"]) if objective["last_day"] else days[-1]
    lines = [
        Line("c-lower", [(day, newest[day].get("lower")) for day in days], t("key-result.lower")),
        Line("c-value", [(day, newest[day]["value"]) for day in days], t("key-result.value")),
        Line("c-target", [(first, kr["target"])], t("key-results.goal", goal=amount(unit, kr["target"]))),
    ]
    if kr["kind"] == "reach":
        way = kr["target"] - kr["start"]
        expected = [(day, newest[day]["expected"]) for day in days if newest[day].get("expected") is not None]
        course = [(float(day), kr["start"] + share * way) for day, share in expected]
        lines.insert(0, Line("c-expected", [*course, (last, kr["target"])], t("key-result.expected")))
    dots = []
    for day in days:
        one = newest[day]
        says = t("key-result.on_day", day=iso_day(day), value=amount(unit, one["value"]),
                 status=asked.language.word(one["status"]))  # fmt: skip
        link = f"{path_to_key_result(kr['id'])}?revision={one['revision']}#lineage"
        shape = "diamond" if day in was else {"bad": "square", "warn": "ring"}.get(tone(one["status"]), "circle")
        dots.append(Dot(day, one["value"], f"dot {tone(one['status'])}", shape, says, link))
    labels = [(first, iso_day(first) or ""), (last, iso_day(last) or "")]
    says = t("key-result.chart", name=kr["id"], target=amount(unit, kr["target"]))
    x = (min(first, days[0]) - 0.5, max(last, days[-1]) + 0.5)
    return chart(x, lines, dots, says=says, x_labels=labels, share=unit == "share", end=last)


def _lineage(asked: Asked, kr: Json, objective: Json, updates: Sequence[Json]) -> Json | None:
    """The update that `?revision=` names (else the newest) with its members, each with its days; None without one."""
    if kr["kind"] == "milestone" or not updates:
        return None
    wanted = asked.query.get("revision", "")
    known: dict[str, int] = {str(one["revision"]): one["revision"] for one in updates}
    found = asked.board.goals.update(kr["id"], known.get(wanted, int(updates[-1]["revision"]))) or {}
    events = _events(asked, kr, objective, found)
    sources = [_source(asked, kr, found, one, events) for one in found.get("sources", ())]
    chosen = asked.query.get("member", "")
    shown = next((one for one in sources if one["name"] == chosen), sources[0] if sources else None)
    days = _days_of(asked, shown) if shown and shown["kind"] == "days" else []
    return {**found, "amount": amount(kr["unit"], found.get("value")), "sources": sources, "shown": shown,
            "days": days, "newest": found.get("revision") == updates[-1]["revision"]}  # fmt: skip


def _source(asked: Asked, kr: Json, update: Json, source: Json, events: str) -> Json:
    """One member of an update: its figures, and where its charts and readings, or `events` with its place, are."""
    view, name = asked.snapshot, source.get("characteristic")
    unit = "index" if name else kr["unit"]
    found = {
        **NO_DAYS,
        **source,
        "amount": amount(unit, source["value"]),
        "lower_text": amount(unit, source.get("lower"), 3),
    }
    revision = update.get("revision")
    if name:
        pick = f"{path_to_key_result(kr['id'])}?revision={revision}&member={quote(name, safe='/')}#lineage"
        span, kind = "", "window"
        if source.get("first_day"):
            kind = "days"
            ends = (parse_day(source["first_day"]), parse_day(source["last_day"]))
            span = "" if view is None else lineage.span_of_days(view.calendar, *ends)
        elif source.get("last_seq") and view is not None:
            span = lineage.span_of_entries(view, name, (source["first_seq"], source["last_seq"]))
        return {**found, "name": name, "kind": kind, "pick": pick, "link": f"{path_to(name)}?{span}"}
    place = next((text for key, text in source.items() if isinstance(text, str) and key != "reason"), "–")
    return {**found, "name": place, "kind": "events", "pick": "",
            "link": events + (quote(source["place"], safe="/") if "place" in source else "")}  # fmt: skip


def _events(asked: Asked, kr: Json, objective: Json, update: Json) -> str:
    """Where the events are that an update of an event metric was made of, but for the place that is still to be added.

    What machines did has its page; what else happened is what the API tells.
    """
    metric = None if asked.board.plant is None else asked.board.plant.metrics.get(kr["metric"])
    if asked.snapshot is None or metric is None or not metric.of_events or not update.get("day"):
        return "/performance?of="
    calendar, last = asked.snapshot.calendar, parse_day(update["day"])
    first = last
    if metric.over == "period" and objective["first_day"]:
        first = parse_day(objective["first_day"])
    elif metric.over == "trailing":
        back = range(last, last - MOST_BACK, -1)
        first = next((day for day in back if working_days_between(calendar, day, last) >= TRAILING_DAYS), back[-1])
    if EVENT_METRICS[metric.kind].folds in OF_MACHINES:
        return f"/performance?from={iso_day(first)}&to={iso_day(last)}&of="
    return f"/api/v1/shop-events?{lineage.span_of_days(calendar, first, last)}&limit=100000&place="


def _days_of(asked: Asked, source: Json) -> list[Json]:
    """The production days that a member's figure was pooled of; restated ones with what they were."""
    view = asked.snapshot
    if view is None:
        return []
    first, last = parse_day(source["first_day"]), parse_day(source["last_day"])
    found = []
    for revisions in lineage.days_of(view, source["name"], first, last):
        now, day = revisions[-1], parse_day(str(revisions[-1]["day"]))
        span = lineage.span_of_days(view.calendar, day, day)
        found.append({
            **now, "before": revisions[:-1], "link": f"{path_to(source['name'])}?{span}",
            "readings": f"/api/v1/readings?characteristic={source['name']}&{span}&limit=100000",
        })  # fmt: skip
    return found[::-1]


def act(asked: Asked) -> tuple[int, str]:
    """Moves a milestone; where somebody was faster, the page shows it as it is now."""
    typed, t = asked.typed, texts(asked.language)
    try:
        done = float(typed.get("percent", "")) / 100
    except ValueError:
        return 422, str(t("key-result.no_number", got=typed.get("percent", "")))
    status, refused = asked.board.goals.move(
        asked.name, asked.who, typed.get("evidence", ""), done, seen=typed.get("seen", "")
    )
    return status, str(t("key-result.conflict")) if status == 409 else refused


PAGE = Page("key-result", "/key-results/{name}", parts={"result": show}, menu=False, act=act)
