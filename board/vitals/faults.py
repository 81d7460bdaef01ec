"""What is wrong with the service, for who stands before the board: the gravest first.

Judged from what the processes say of themselves (their status) and from how far journal, history and the OKR store's
clock are. A `fault` keeps results from coming or from going on; a `notice` is to be looked at. What a problem says, and
what to do about it, are texts of the catalogues: `[health.problem]` and `[health.do]`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from board.language import Language, language
from board.times import SECOND_NS, rfc3339

SILENT_SECONDS = 15.0  # without a new status: the process does not run
STILL_SECONDS = 20.0  # without a new result while entries wait
BEHIND_WALL_SECONDS = 60.0
FORWARD_SECONDS = 180.0
SETTLING_SECONDS = 10.0  # what passes within that is not worth a word
MOST_LATE = 0.01  # share of late readings
FULL = 2.0  # times the free disk below which nothing is taken in

ENGLISH = language("en")
TARGETS = ("store", "okr", "influxdb")

Json = dict[str, Any]


class Problem(NamedTuple):
    """One thing that is wrong: `code` names it, `text` its texts in the catalogues, which `values` fill in.

    `process` is whose it is; `since` RFC 3339, where known. How a value is said depends on its name: `seconds` as a
    length of time, `name` as a process, `target` as what results go to, `reason` as the meaning of a refusal, `share`
    in percent.
    """

    code: str
    process: str
    severity: str
    text: str
    values: Mapping[str, Any] = {}
    since: str | None = None

    def says(self, spoken: Language = ENGLISH) -> str:
        """A sentence or two; its times are RFC 3339."""
        return spoken.t(f"health.problem.{self.text}", **self._said(spoken))

    def what_to_do(self, spoken: Language = ENGLISH) -> str:
        """What to do about it."""
        return spoken.t(f"health.do.{self.text}", **self._said(spoken))

    def _said(self, spoken: Language) -> Json:
        return {name: _SAID.get(name, _as_it_is)(value, spoken) for name, value in self.values.items()}


def _as_it_is(value: Any, _spoken: Language) -> object:
    return value


def _length(seconds: float, spoken: Language) -> str:
    if seconds < 120:
        return spoken.t("frame.seconds", n=f"{seconds:.0f}")
    return spoken.t("frame.minutes", n=f"{seconds / 60:.0f}")


def _target(name: str, spoken: Language) -> str:
    return spoken.t(f"health.target.{name}") if name in TARGETS else name


_SAID: dict[str, Callable[[Any, Language], object]] = {
    "seconds": _length,
    "name": lambda name, spoken: spoken.t(f"health.process.{name}"),
    "target": _target,
    "reason": lambda reason, spoken: spoken.meaning(reason) or reason,
    "share": lambda share, _spoken: f"{share:.1%}",
}


def condition(status: Mapping[str, Any] | None, now_ns: int) -> Json:
    """`state` of a process (`runs`, `stopped`, `failed`, `silent`; None where it has said nothing), and its fault."""
    if status is None:
        return {"state": None, "fault": None, "started": None}
    state, age = status["state"], (now_ns - status["written_ns"]) / SECOND_NS
    return {
        "state": "silent" if state == "runs" and age > SILENT_SECONDS else state,
        "fault": status["fault"] or None,
        "started": rfc3339(status["started_ns"]),
    }


def problems(health: Json, now_ns: int) -> list[Problem]:
    """What is wrong, of `board.vitals.health.facts`' answer."""
    parts = health["processes"]
    found = [
        *_of_gateway(parts["gateway"], now_ns),
        *_of_engine(parts["engine"], parts["gateway"]),
        *_of_journal(parts["gateway"], health["clock"]),
        *_of_forwarder(parts["forwarder"], health["clock"], now_ns),
        *_of_web(parts["web"]),
        *_of_data(health["data"]),
    ]
    return sorted(found, key=lambda problem: problem.severity != "fault")


def _ended(name: str, part: Json) -> Iterator[Problem]:
    if part["state"] == "failed":
        yield Problem("ended", name, "fault", "ended", {"name": name, "why": part["fault"]})
    elif part["state"] in ("silent", "stopped"):
        yield Problem(part["state"], name, "fault", part["state"], {"name": name})


def _waits(name: str, waiting: Json | None) -> Iterator[Problem]:
    if waiting:
        values = {"name": name, "what": waiting["for"], "why": waiting["why"]}
        yield Problem("waits", name, "fault", "waits", values, rfc3339(waiting["since_ns"]))


def _of_gateway(gateway: Json, now_ns: int) -> Iterator[Problem]:
    if gateway["problem"]:
        yield Problem("journal-unreadable", "gateway", "fault", "journal-unreadable", {"why": gateway["problem"]})
    yield from _ended("gateway", gateway)
    running = gateway["state"] == "runs"
    for reason, shut in gateway["shut"].items() if running else ():
        if reason != "queue" or _lasts(shut, now_ns):
            yield Problem(f"shut-{reason}", "gateway", "fault", f"shut-{reason}", {}, rfc3339(shut["since_ns"]))
    for name, away in gateway["away"].items() if running else ():
        if _lasts(away, now_ns):
            values = {"connector": name, "why": away["why"]}
            since = rfc3339(away["since_ns"])
            yield Problem("connector-away", "gateway", "fault", "connector-away", values, since)
    if running and gateway["clock_behind_seconds"]:
        yield Problem("clock-behind", "gateway", "fault", "clock-behind", {"seconds": gateway["clock_behind_seconds"]})
    disk = gateway["disk"]
    if disk and "disk" not in gateway["shut"] and disk["free_bytes"] < FULL * disk["least_bytes"]:
        values = {"left": disk["free_bytes"] >> 20, "least": disk["least_bytes"] >> 20}
        yield Problem("disk-low", "gateway", "notice", "disk-low", values)


def _of_journal(gateway: Json, clock: str) -> Iterator[Problem]:
    if gateway["state"] is None and clock == "wall" and (gateway["lag_seconds"] or 0) > BEHIND_WALL_SECONDS:
        yield Problem("journal-still", "gateway", "fault", "journal-still", {"seconds": gateway["lag_seconds"]})


def _of_engine(engine: Json, gateway: Json) -> Iterator[Problem]:
    yield from _ended("engine", engine)
    yield from _waits("engine", engine["waiting"] if engine["state"] == "runs" else None)
    waits = gateway["last_seq"]
    if engine["compiling"] and engine["state"] == "runs":
        yield Problem("compiling", "engine", "notice", "compiling")
    elif engine["applied_seq"] is None and waits is None:
        yield Problem("nothing-yet", "engine", "notice", "nothing-yet")
    elif engine["applied_seq"] is None:
        yield Problem("no-history", "engine", "fault", "no-history", {"n": waits})
    elif (engine["behind_entries"] or 0) > 0 and engine["written_seconds_ago"] > STILL_SECONDS:
        values = {"seconds": engine["written_seconds_ago"], "n": engine["behind_entries"], "tick": engine["last_tick"]}
        yield Problem("engine-still", "engine", "fault", "engine-still", values)


def _of_forwarder(forwarder: Json, clock: str, now_ns: int) -> Iterator[Problem]:
    yield from _ended("forwarder", forwarder)
    yield from _waits(
        "forwarder", next((t["waiting"] for t in forwarder["targets"].values() if t.get("waiting")), None)
    )
    for name, target in forwarder["targets"].items() if forwarder["state"] == "runs" else ():
        away = target.get("away")
        if away and _lasts(away, now_ns):
            values = {"target": name, "why": away["why"]}
            yield Problem("target-away", "forwarder", "fault", "target-away", values, rfc3339(away["since_ns"]))
        if target.get("refused"):
            values = {"target": name, "n": target["refused"]}
            yield Problem("target-refused", "forwarder", "notice", "target-refused", values)
    if clock == "wall" and (forwarder["lag_seconds"] or 0) > FORWARD_SECONDS:
        values = {"seconds": forwarder["lag_seconds"]}
        yield Problem("forwarder-behind", "forwarder", "fault", "forwarder-behind", values)


def _of_web(web: Json) -> Iterator[Problem]:
    if web["store"]:
        yield Problem("store-unwritable", "web", "fault", "store-unwritable", {"why": web["store"]})


def _of_data(data: Json) -> Iterator[Problem]:
    if data["open_gaps"]:
        yield Problem("gaps", "gateway", "notice", "gaps", {"n": data["open_gaps"]})
    for one in data["refused_lately"]:
        yield Problem(f"refused-{one['connector']}-{one['reason']}", "engine", "notice", "refused", one)
    share = data["late_share"]
    if share is not None and share > MOST_LATE:
        yield Problem("late", "engine", "notice", "late", {"share": share})


def _lasts(trouble: Json, now_ns: int) -> bool:
    return bool(now_ns - trouble["since_ns"] > SETTLING_SECONDS * SECOND_NS)
