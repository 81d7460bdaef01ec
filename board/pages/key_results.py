"""Objectives from the company to the posts, each key result with how far it is and what it is waiting for."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from board.goals import Json
from board.history import lineage
from board.history.rows import Shown
from board.page import Asked, Page
from board.pages.goals_charts import bar, spark
from board.pages.goals_words import (
    affects,
    amount,
    course,
    goal,
    path_to_alert,
    path_to_key_result,
    subject,
    texts,
    waiting,
    walk,
)
from board.tones import tone

# From the worst: what wants attention first.
STATUSES = ("red", "yellow", "stale", "incomplete", "insufficient", "no-data", "starting", "green")
LEVELS = ("company", "department", "post")
SORTS = ("tree", "worst")
TREND = 40  # values of the small course
UNSAID = dict.fromkeys(("evidence", "who", "members", "counted", "as_of", "day", "reason", "lower", "n", "expected"))


def show(asked: Asked) -> Shown:
    """`tree`: objectives with what was asked for; `worst`: key results from the worst; else how they are filtered."""
    goals = asked.board.goals
    tree = goals.objectives()
    chosen = {name: asked.query.get(name, "") for name in ("owner", "level", "status", "period")}
    members = {} if asked.snapshot is None else lineage.members(asked.snapshot)
    opened = [alert for alert in goals.alerts() if alert["state"] == "open"]
    every = list(walk(tree))
    shown = {kr["id"]: row(asked, kr, objective, [one for one in opened if affects(one, kr, members)])
             for kr, objective in every if _is_wanted(kr, objective, chosen)}  # fmt: skip
    options = {"owner": sorted({one["owner"] for one in _objectives(tree) if one["owner"]}), "level": LEVELS,
               "status": STATUSES, "period": sorted({one["period"] for one in _objectives(tree)})}  # fmt: skip
    sort = asked.query.get("sort", "tree")
    return {
        "tree": [found for one in tree if (found := _branch(one, shown, chosen)) is not None],
        "worst": sorted(shown.values(), key=_badness),
        "sort": sort if sort in SORTS else "tree", "sorts": SORTS, "chosen": chosen, "options": options,
        "sums": [(status, n) for status in STATUSES if (n := Counter(kr["status"] for kr, _ in every)[status])],
        "as_of": goals.time(), "any": bool(tree), "few": len(shown) < len(every),
    }  # fmt: skip


def row(asked: Asked, kr: Json, objective: Json, alerts: Sequence[Json]) -> Json:
    """A key result as the pages show it: its fields, with bar, course, amounts and what it waits for."""
    kr = UNSAID | kr
    language, unit = asked.language, kr["unit"]
    calendar = None if asked.snapshot is None else asked.snapshot.calendar
    past = [one for one in asked.board.goals.course(kr["id"]) if one["value"] is not None]
    latest = past[-1] if past else None
    clamped = None if kr["progress"] is None else min(1.0, max(0.0, kr["progress"]))
    expected = kr.get("expected") if kr["kind"] == "reach" else None
    values = [one["value"] for one in past[-TREND:]]
    t, way = texts(language), course(language, kr)
    says = t("key-results.course_of", name=kr["id"], values=", ".join(amount(unit, value, 3) for value in values))
    return {
        **kr, "owner": objective["owner"], "level": objective["level"], "period": objective["period"],
        "path": path_to_key_result(kr["id"]), "amount": amount(unit, kr["value"]), "goal": goal(kr), "course": way,
        "start_text": amount(unit, kr["start"]), "lower_text": amount(unit, kr["lower"], 3),
        "groups": any("characteristic" not in one for one in kr.get("sources", ())),
        "unvarying": any(one["counted"] and one["reason"] == "resolution" for one in kr.get("sources", ())),
        "last": latest and {"day": latest["day"], "text": amount(unit, latest["value"])},
        "after_end": (kr.get("restated_after_end") or None)
        and amount(unit, kr["restated_after_end"]["value"]),
        "bar": bar(clamped, expected, tone(kr["status"]), way), "spark": spark(values, kr["target"], says),
        "waits": waiting(language, kr, objective, alerts, calendar),
        "alerts": [{"path": path_to_alert(one["alert"]), "subject": subject(one)} for one in alerts],
    }  # fmt: skip


def _objectives(tree: Sequence[Json]) -> list[Json]:
    return [found for one in tree for found in (one, *_objectives(one["objectives"]))]


def _is_wanted(kr: Json, objective: Json, chosen: dict[str, str]) -> bool:
    known = {"status": kr["status"], "owner": objective["owner"], "level": objective["level"],
             "period": objective["period"]}  # fmt: skip
    return all(not wanted or known[name] == wanted for name, wanted in chosen.items())


def _branch(objective: Json, shown: dict[str, Json], chosen: dict[str, str]) -> Json | None:
    """An objective with those of its key results that are shown; None where nothing of it is."""
    below = [found for one in objective["objectives"] if (found := _branch(one, shown, chosen)) is not None]
    mine = [shown[kr["id"]] for kr in objective["key_results"] if kr["id"] in shown]
    if not mine and not below and any(chosen.values()):
        return None
    counts = Counter(kr["status"] for kr, _ in walk([objective]))
    rollup = [(status, counts[status]) for status in STATUSES if counts[status]]
    return {**objective, "key_results": mine, "objectives": below, "rollup": rollup}


def _badness(kr: Json) -> tuple[Any, ...]:
    """Status first, then how far behind its course."""
    status = STATUSES.index(kr["status"]) if kr["status"] in STATUSES else len(STATUSES)
    ahead = (kr["progress"] if kr["progress"] is not None else 0.0) - (kr.get("expected") or 0.0)
    return status, ahead, kr["id"]


PAGE = Page("key-results", "/key-results", parts={"results": show})
