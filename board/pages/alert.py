"""One alert: the days and figures that opened it, whom it concerns, the steps of its task, and who did what when."""

from collections.abc import Mapping, Sequence

from board.formats import fixed, path_to
from board.goals import Json
from board.history import lineage
from board.history.rows import Shown
from board.page import Asked, NoSuchThing, Page
from board.pages.alerts import described, picture
from board.pages.goals_words import affects, path_to_key_result, texts, walk
from board.times import parse_day
from config.roles import Role

# The steps of a task, each with the state that it leads to; who takes it is said on the page.
STEPS = {"acknowledge": "acknowledged", "plan": "planned", "verify": "verified", "close": "closed"}
STATES = ("open", *STEPS.values())
FACTS = ("state", "task_state", "due_at", "escalated_at")  # of a line of the log: what has changed


def show(asked: Asked) -> Shown:
    """`alert` with its chart, days, steps, key results and log; raises `NoSuchThing` for one that is not there."""
    goals = asked.board.goals
    found = goals.alert(asked.name)
    if found is None:
        raise NoSuchThing(asked.language.t("alert.unknown", name=asked.name))
    now = goals.time()
    alert = described(asked, found, now)
    members = {} if asked.snapshot is None else lineage.members(asked.snapshot)
    affected = [
        {"id": kr["id"], "title": kr["title"], "path": path_to_key_result(kr["id"]), "status": kr["status"],
         "reason": kr["reason"], "objective": one["title"], "owner": one["owner"]}
        for kr, one in walk(goals.objectives()) if affects(found, kr, members)
    ]  # fmt: skip
    return {
        "alert": alert, "as_of": now, "chart": picture(asked, alert), "days": _days(asked, alert),
        "affected": affected, "steps": _steps(found), "log": [_line(line) for line in goals.log(asked.name)],
        "may": asked.asker.may(Role.WRITE),
        "path": path_to(found["characteristic"]) if found.get("characteristic") else "",
    }  # fmt: skip


def _days(asked: Asked, alert: Json) -> list[Json]:
    """The bad days with what the history says of each now, and where its charts and readings are."""
    view = asked.snapshot
    name = alert.get("characteristic")
    known: Mapping[object, Sequence[Shown]] = {}
    if view is not None and name:
        first, last = parse_day(alert["first_day"]), parse_day(alert["last_day"])
        known = {days[-1]["day"]: days for days in lineage.days_of(view, name, first, last)}
    found = []
    for day in alert["days"]:
        revisions = known.get(day["day"], ())
        now = revisions[-1] if revisions else {}
        number = parse_day(day["day"])
        span = "" if view is None else lineage.span_of_days(view.calendar, number, number)
        found.append({
            **day, "lower": fixed(now.get("cpk_lower")), "signals": now.get("signals"),
            "out": now.get("out_of_spec_day"), "restated": len(revisions) > 1, "revision": now.get("revision"),
            "link": f"{path_to(name)}?{span}" if name and span else "",
            "readings": f"/api/v1/readings?characteristic={name}&{span}&limit=100000" if name and span else "",
        })  # fmt: skip
    return found


def _steps(alert: Json) -> list[Json]:
    """Each step: done (by whom and when), the next one, or still to come."""
    task, done = alert["task"], STATES.index(alert["task"]["state"])
    last = {event["event"]: event for event in alert["events"]}
    return [
        {"name": name, "state": state, "done": number < done, "next": name == task["next"],
         "event": last.get(name) if number < done else None}
        for number, (name, state) in enumerate(STEPS.items())
    ]  # fmt: skip


def _line(line: Json) -> Json:
    """A line of the log with what it changed: (what, before, after)."""
    before, after = line["before"] or {}, line["after"] or {}
    changes = [(name, before.get(name), after[name]) for name in FACTS
               if name in after and before.get(name) != after[name]]  # fmt: skip
    return {**line, "text": after.get("text", ""), "changes": changes, "revision": after.get("revision")}


def act(asked: Asked) -> tuple[int, str]:
    """Takes the step that was asked for; where somebody was faster, the page says how the task stands."""
    typed, t = asked.typed, texts(asked.language)
    goals = asked.board.goals
    status, refused = goals.step(
        asked.name, typed.get("step", ""), asked.who, typed.get("text", ""), seen=typed.get("seen", "")
    )
    if status != 409:
        return status, refused
    now = goals.alert(asked.name)
    state = now["task"]["state"] if now else ""
    step = STEPS.get(typed.get("step", ""), "")
    return status, str(t("alert.conflict", step=asked.language.word(step), state=asked.language.word(state)))


PAGE = Page("alert", "/alerts/{name:path}", parts={"alert": show}, menu=False, act=act)
