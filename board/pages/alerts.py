"""Alerts: the open ones first, then those whose task is not done, each with the days that opened it."""

from datetime import datetime
from typing import Any

from markupsafe import Markup

from board.formats import fixed
from board.goals import Json
from board.history import lineage, queries
from board.history.queries import View
from board.history.rows import Shown
from board.page import Asked, Page
from board.pages.goals_charts import Dot, Line, chart
from board.pages.goals_words import amount, path_to_alert, subject, task_word, texts
from board.times import iso_day, parse_day

STATES = ("open", "recovered", "retracted", "withdrawn")
TASKS = ("overdue", "open", "acknowledged", "planned", "verified", "closed")
PLAN_MISSING = ("open", "acknowledged")
INDICES = {"cpk": ("cpk",), "ppk": ("ppk",), "min": ("cpk", "ppk")}
LABELS = {"cpk": "Cpk", "ppk": "Ppk", "min": "Cpk or Ppk"}
BEFORE_DAYS, AFTER_DAYS = 7, 14  # that the chart shows around the bad ones
SHOWN = 50
UNSAID = dict.fromkeys(("title", "owner", "co_owners", "confidence", "reaction", "floor"))


def show(asked: Asked) -> Shown:
    """`alerts`: those that were asked for, what wants attention first."""
    goals = asked.board.goals
    now, every = goals.time(), goals.alerts()
    chosen = {name: asked.query.get(name, "") for name in ("state", "task", "owner")}
    shown = sorted((described(asked, one, now) for one in every), key=_urgency)
    wanted = [one for one in shown if _is_wanted(one, chosen)]
    options = {"state": STATES, "task": TASKS, "owner": sorted({o for one in every for o in owners(one)})}
    most = len(wanted) if asked.query.get("all") else SHOWN
    for one in wanted[:most]:
        one["chart"] = picture(asked, one)
    return {"alerts": wanted[:most], "more": len(wanted) - most if len(wanted) > most else 0, "chosen": chosen,
            "options": options, "any": bool(every), "as_of": now,
            "opened": sum(one["state"] == "open" for one in every),
            "overdue": sum(one["overdue"] for one in shown)}  # fmt: skip


def owners(alert: Json) -> list[str]:
    """Its owner and co-owners, without the empty."""
    return [name for name in (alert.get("owner"), *(alert.get("co_owners") or ())) if name]


def described(asked: Asked, alert: Json, now: str | None) -> Json:
    """An alert with what the pages say of it: its figures as text, and how its task stands at the plant's time."""
    task, unit = alert["task"], alert.get("unit") or "index"
    names = INDICES.get(alert.get("index") or "cpk", ("cpk",)) if not alert.get("metric") else ("cpk",)
    told = (lambda value: amount(unit, value)) if unit == "share" else fixed
    left = None
    if task["due_at"] and now and task["state"] in PLAN_MISSING:
        left = (datetime.fromisoformat(task["due_at"]) - datetime.fromisoformat(now)).total_seconds()
    t = texts(asked.language)
    days = [
        {
            **dict.fromkeys(("n", "verdict", "members", "counted")),
            **day,
            "figures": [told(day.get(name)) for name in names],
        }
        for day in alert["days"]
    ]
    return {
        **UNSAID, **alert, "path": path_to_alert(alert["alert"]), "subject": subject(alert), "days": days,
        "columns": [t("alerts.value")] if alert.get("metric") else [LABELS[name] for name in names],
        "index_label": t("alerts.value") if alert.get("metric") else LABELS.get(alert.get("index") or "cpk", "Cpk"),
        "pooled": told(alert.get("cpk")), "upper": told(alert.get("cpk_upper")), "floor_text": told(alert.get("floor")),
        "left": left, "overdue": bool(left is not None and left < 0) or bool(task["escalated"] and left is not None),
        "names": names, "standing": _standing(asked, alert), "seen": f"{task['state']}/{len(alert['events'])}",
        "title": _title(asked, alert) if days and alert.get("floor") is not None else alert.get("title"),
        "owners": owners(alert), "task_word": task_word(asked.language, task["state"]),
    }  # fmt: skip


def _title(asked: Asked, alert: Json) -> Markup:
    """What it is about in the page's language; the stored title says the same in English."""
    t, n, floor = texts(asked.language), len(alert["days"]), alert["floor"]
    if alert.get("metric"):
        return t("alerts.metric_below", name=alert["metric"], floor=amount(alert.get("unit") or "index", floor), n=n)
    index = LABELS.get(alert.get("index") or "cpk", "Cpk")
    return t("alerts.below", name=alert["characteristic"], index=index, floor=f"{floor:g}", n=n)


def _standing(asked: Asked, alert: Json) -> Markup:
    """What has become of it, in words."""
    t, reason = texts(asked.language), alert.get("reason")
    says = t("alerts.opened", day=alert["opened_day"]) if alert.get("opened_day") else t("alerts.opened_some_day")
    if alert["state"] == "open":
        says += " " + t("alerts.not_recovered")
    elif alert["state"] == "recovered" and alert.get("recovered_day"):
        says += " " + t("alerts.recovered", day=alert["recovered_day"])
    else:
        says += " " + t("alerts.ended", state=asked.language.word(alert["state"]))
    if reason:
        says += " " + t("alerts.why", reason=reason)
    if alert["state"] != "open" and alert["task"]["state"] != "closed" and alert["task"]["due_at"]:
        says += " " + t("alerts.still")
    return says


def _is_wanted(alert: Json, chosen: dict[str, str]) -> bool:
    task = chosen["task"]
    return (
        chosen["state"] in ("", alert["state"])
        and (not task or alert["task"]["state"] == task or (task == "overdue" and alert["overdue"]))
        and (not chosen["owner"] or chosen["owner"] in alert["owners"])
    )


def _urgency(alert: Json) -> tuple[Any, ...]:
    """Open before others, overdue first, then by how far the task is, the newest first."""
    task = alert["task"]
    done = TASKS.index(task["state"]) if task["state"] in TASKS else len(TASKS)
    newest = -datetime.fromisoformat(task["noticed_at"]).timestamp()
    return alert["state"] != "open", task["state"] == "closed", not alert["overdue"], done, newest


def picture(asked: Asked, alert: Json) -> Markup:
    """The stored days around the bad ones, with the floor: bad days are squares; empty without days."""
    first, last = _span(alert)
    bad = {day["day"]: day for day in alert["days"]}
    t, share = texts(asked.language), alert.get("unit") == "share"
    told = (lambda value: amount("share", value)) if share else fixed
    lines = [Line("c-floor", [(first, alert.get("floor"))], t("alerts.floor", floor=told(alert.get("floor"))))]
    dots: list[Dot] = []
    for name in alert["names"]:
        values = _values(asked.snapshot, alert, name, first, last)
        values |= {day: bad[day].get(name) for day in bad if day not in values}
        days = sorted(values)
        lines.append(Line(f"c-{name}", [(parse_day(day), values[day]) for day in days], LABELS[name]))
        for day in days:
            says = t("alerts.on_day", day=day, value=told(values[day]))
            shape = ("square", "dot bad") if day in bad else ("circle", "dot")
            dots.append(Dot(parse_day(day), values[day], shape[1], shape[0], says))
    if not dots:
        return Markup("")
    shown = sorted({int(dot.x) for dot in dots})
    labels = [(day, iso_day(day) or "") for day in dict.fromkeys((shown[0], shown[-1]))]
    says = t("alerts.chart", subject=subject(alert), index=alert["index_label"], floor=told(alert.get("floor")))
    return chart((shown[0] - 0.5, shown[-1] + 0.5), lines, dots, says=says, x_labels=labels, share=share)


def _span(alert: Json) -> tuple[int, int]:
    """The days (ordinals) that its chart shows."""
    last = max(alert["last_day"], alert.get("recovered_day") or "")
    return parse_day(alert["first_day"]) - BEFORE_DAYS, parse_day(last) + AFTER_DAYS


def _values(view: View | None, alert: Json, name: str, first: int, last: int) -> dict[str, float | None]:
    """The index of each stored day, or the metric's value of it."""
    if view is None:
        return {}
    if alert.get("metric"):
        days, _ = lineage.metric_days(view, alert["metric"], first)
        return {iso_day(day) or "": value for day, value, _ in days if day <= last}
    shown = queries.days(view, [alert["characteristic"]], first, last, 200)
    return {str(one["day"]): _figure(one[name]) for one in shown}


def _figure(value: object) -> float | None:
    return value if isinstance(value, float) else None


PAGE = Page("alerts", "/alerts", parts={"list": show})
