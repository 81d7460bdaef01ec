"""Key results and alerts in words: amounts, how far something has come, and what it is waiting for."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Literal, NamedTuple
from urllib.parse import quote

from markupsafe import Markup, escape

from board.formats import broken, number, path_to
from board.goals import Json
from board.language import Language
from board.times import parse_day
from board.tones import SIGNS, tone
from rules.calendar import working_days_between
from rules.progress import GREEN_FROM, STARTING_DAYS, STARTING_SHARE
from rules.spec import CalendarSpec

FEW = 5  # members that a sentence names
COLOURLESS = ("insufficient", "incomplete")
BEHIND = ("behind", "far-behind")

Texts = Callable[..., Markup]


class Waits(NamedTuple):
    """Something that a key result waits for: data, days or people, in a sentence."""

    what: Literal["data", "days", "people"]
    says: Markup


def texts(language: Language) -> Texts:
    """The catalogue's texts with what is filled in escaped, unless it is markup."""
    return lambda key, **values: Markup(language.t(key, **{name: escape(value) for name, value in values.items()}))


def amount(unit: str, value: float | None, digits: int = 4) -> str:
    """A value with its unit: an index as it is, a share in per cent to a tenth.

    >>> amount("index", 1.3333333), amount("share", 0.97512), amount("h", 2.5), amount("h", None)
    ('1.333', '97.5 %', '2.5 h', '–')
    """
    if value is None:
        return number(None)
    if unit == "share":
        return f"{round(100 * value, 1):g} %"
    return number(value, digits) if unit in ("index", "") else f"{number(value, digits)} {unit}"


def share(value: float) -> str:
    """A share in whole per cent."""
    return f"{round(100 * value)} %"


def path_to_alert(name: str) -> str:
    """The path of an alert's page."""
    return f"/alerts/{quote(name)}"


def path_to_key_result(name: str) -> str:
    """The path of a key result's page."""
    return f"/key-results/{quote(name, safe='')}"


def link_to(characteristic: str) -> Markup:
    """A link to a characteristic."""
    return Markup('<a href="{}">{}</a>').format(path_to(characteristic), broken(characteristic))


def goal(kr: Json) -> str:
    """The target with its side: `≥ 1.33`."""
    return f"{'≤' if kr['direction'] == 'at-most' else '≥'} {amount(kr['unit'], kr['target'])}"


def course(language: Language, kr: Json) -> Markup:
    """How far a key result has come, and how much of its time is over."""
    t, progress = texts(language), kr["progress"]
    if kr["kind"] == "milestone":
        if progress is None:
            return t("key-results.not_begun")
        return t("key-results.is_done") if progress >= 1 else t("key-results.done_so_far", share=share(progress))
    if progress is None:
        return t("key-results.no_progress")
    if kr["kind"] == "maintain":
        wanted = kr["required_share"]
        return t("key-results.days_at_target", share=share(progress * wanted), wanted=share(wanted))
    unit = kr["unit"]
    if progress >= 1:
        says = t("key-results.target_met")
    elif progress < 0:
        start = amount(unit, kr["start"])
        at_most = kr["direction"] == "at-most"
        says = t("key-results.above_start", start=start) if at_most else t("key-results.below_start", start=start)
    else:
        ends = {"start": amount(unit, kr["start"]), "target": amount(unit, kr["target"])}
        says = t("key-results.way", share=share(progress), **ends)
    over = kr.get("expected")
    return says if over is None else Markup("{}; {}").format(says, t("key-results.passed", share=share(over)))


def waiting(
    language: Language, kr: Json, objective: Json, alerts: Iterable[Json], calendar: CalendarSpec | None
) -> list[Waits]:
    """What a key result waits for; `alerts` are the open ones of its members or of its metric."""
    t = texts(language)
    if kr["kind"] == "milestone":
        if kr["progress"] is not None and kr["progress"] >= 1:
            return []
        return [Waits("people", t("key-results.waits_milestone", owner=objective["owner"] or "–"))]
    if kr["status"] == "no-data":
        return [Waits("data", t("key-results.waits_update"))]
    found = [Waits("people", _of_alert(language, one)) for one in alerts]
    if kr["status"] in COLOURLESS:
        found.append(Waits("data", _of_members(language, kr)))
    elif kr["status"] == "stale":
        last = max((one.get("last_day") or "" for one in kr.get("sources", ())), default="")
        says = t("key-results.waits_day", day=last) if last else t("key-results.waits_any_day")
        found.append(Waits("data", says))
    elif kr["status"] == "starting":
        found.append(Waits("days", _of_days(language, kr, objective, calendar)))
    elif kr["reason"] == "not-held-twice":
        found.append(Waits("days", t("key-results.waits_second")))
    elif kr["reason"] in BEHIND and kr["kind"] == "reach" and kr["expected"] is not None:
        green = kr["start"] + GREEN_FROM * kr["expected"] * (kr["target"] - kr["start"])
        found.append(Waits("data", t("key-results.waits_value", value=amount(kr["unit"], green))))
    elif kr["reason"] in BEHIND:
        found.append(Waits("days", t("key-results.waits_share", wanted=share(kr["required_share"] or 0))))
    return found


def _of_alert(language: Language, alert: Json) -> Markup:
    t, task = texts(language), alert["task"]
    link = Markup('<a href="{}">{}</a>').format(path_to_alert(alert["alert"]), subject(alert))
    owner = alert.get("owner") or "–"
    if task["next"] is None:
        return t("key-results.waits_alert_closed", alert=link, owner=owner)
    return t("key-results.waits_alert", alert=link, step=t(f"alerts.step_{task['next']}"), owner=owner)


def _of_members(language: Language, kr: Json) -> Markup:
    """Which members have no figure, and why; what the reason means where none is named."""
    t = texts(language)
    missing = [one for one in kr.get("sources", ()) if not one["counted"]]
    if not missing:
        return Markup("{}.").format((language.meaning(kr["reason"]) or str(kr["reason"])).capitalize())
    names = Markup(", ").join(
        Markup("{} ({})").format(_named(one), language.word(one["reason"] or "missing")) for one in missing[:FEW]
    )
    rest = len(missing) - FEW + kr.get("more", 0)
    if rest > 0:
        return t("key-results.waits_members_more", names=names, n=rest)
    return t("key-results.waits_members", names=names)


def _named(source: Json) -> Markup:
    if "characteristic" in source:
        return link_to(source["characteristic"])
    return escape(source.get("place") or source.get("group") or "–")


def _of_days(language: Language, kr: Json, objective: Json, calendar: CalendarSpec | None) -> Markup:
    t = texts(language)
    if calendar is None or not objective.get("first_day") or not kr.get("day"):
        return t("key-results.waits_beginning")
    first, last, day = (parse_day(text) for text in (objective["first_day"], objective["last_day"], kr["day"]))
    total = working_days_between(calendar, first, last)
    needed = min(total, max(STARTING_DAYS, ceil(STARTING_SHARE * total)))
    return t("key-results.waits_days", passed=working_days_between(calendar, first, day), needed=needed, total=total)


def subject(alert: Json) -> str:
    """What an alert is about: a characteristic, or a metric."""
    return str(alert.get("characteristic") or alert.get("metric") or alert["alert"])


def task_word(language: Language, state: str) -> Markup:
    """The state of an alert's task as `word` shows one, with what it means for a task."""
    kind, sense = tone(state), language.t(f"alerts.task_{state}")
    return Markup('<span class="word {}" title="{}">{} {}</span>').format(
        kind, sense, SIGNS[kind], language.word(state)
    )


def affects(alert: Json, kr: Json, members: dict[str, set[str]]) -> bool:
    """Whether an alert is of a key result's metric, or of a characteristic that the metric is made of."""
    if alert.get("metric"):
        return bool(alert["metric"] == kr["metric"])
    named = {one.get("characteristic") for one in kr.get("sources", ())}
    return alert.get("characteristic") in named | members.get(kr["metric"], set())


def walk(objectives: Sequence[Json]) -> Iterable[tuple[Json, Json]]:
    """Every key result of a tree with its objective."""
    for one in objectives:
        yield from ((kr, one) for kr in one["key_results"])
        yield from walk(one["objectives"])
