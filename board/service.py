"""What is wrong with the service, in sentences for who stands before the board: the gravest first.

Judged from what the processes say of themselves (their status) and from how far journal, history and the OKR store's
clock are. A `fault` keeps results from coming or from going on; a `notice` is to be looked at.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from board.language import language
from board.times import SECOND_NS, rfc3339

SILENT_SECONDS = 15.0  # without a new status: the process does not run
STILL_SECONDS = 20.0  # without a new result while entries wait
BEHIND_WALL_SECONDS = 60.0
FORWARD_SECONDS = 180.0
SETTLING_SECONDS = 10.0  # what passes within that is not worth a word
MOST_LATE = 0.01  # share of late readings
FULL = 2.0  # times the free disk below which nothing is taken in

ENGLISH = language("en")
TARGETS = {"store": "the board's OKR store", "okr": "your OKR system", "influxdb": "InfluxDB"}

Json = dict[str, Any]


class Problem(NamedTuple):
    """One thing that is wrong: `says` is a sentence or two, its times RFC 3339; `since` the same, where known."""

    code: str
    process: str
    severity: str
    says: str
    since: str | None = None


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
    """What is wrong, of `board.vitals.vitals`' answer."""
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


def _since(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _ended(name: str, part: Json) -> Iterator[Problem]:
    if part["state"] == "failed":
        says = (
            f"The {name} has ended: {part['fault']}. It is started again by itself; if that does not help, see to it."
        )
        yield Problem("ended", name, "fault", says)
    elif part["state"] == "silent":
        yield Problem("silent", name, "fault", f"The {name} gives no sign of life: is it running?")
    elif part["state"] == "stopped":
        yield Problem("stopped", name, "fault", f"The {name} has been stopped.")


def _waits(name: str, waiting: Json | None) -> Iterator[Problem]:
    if waiting:
        says = f"The {name} waits: {waiting['for']} cannot be written ({waiting['why']}). Make room: it then goes on."
        yield Problem("waits", name, "fault", says, rfc3339(waiting["since_ns"]))


_SHUT = {
    "disk": "Nothing is taken in: the disk is nearly full. Make room there. The brokers keep what comes meanwhile.",
    "journal": "Nothing is taken in: the journal cannot be written. The brokers keep what comes meanwhile.",
    "queue": "More comes in than the disk takes: the brokers keep the rest until the gateway has caught up.",
}


def _of_gateway(gateway: Json, now_ns: int) -> Iterator[Problem]:
    if gateway["problem"]:
        says = f"The journal cannot be read: {gateway['problem']}"
        yield Problem("journal-unreadable", "gateway", "fault", says)
    yield from _ended("gateway", gateway)
    running = gateway["state"] == "runs"
    for reason, shut in gateway["shut"].items() if running else ():
        if reason != "queue" or _lasts(shut, now_ns):
            yield Problem(f"shut-{reason}", "gateway", "fault", _SHUT[reason], rfc3339(shut["since_ns"]))
    for name, away in gateway["away"].items() if running else ():
        if _lasts(away, now_ns):
            says = f"The connector {name} is not connected: {away['why']}. It tries again by itself."
            yield Problem("connector-away", "gateway", "fault", says, rfc3339(away["since_ns"]))
    if running and gateway["clock_behind_seconds"]:
        says = (
            f"The clock of this machine is {_since(gateway['clock_behind_seconds'])} behind the plant's last time: "
            "set it right. Until it has caught up no day closes."
        )
        yield Problem("clock-behind", "gateway", "fault", says)
    disk = gateway["disk"]
    if disk and "disk" not in gateway["shut"] and disk["free_bytes"] < FULL * disk["least_bytes"]:
        says = (
            f"The disk has {disk['free_bytes'] >> 20} MiB left; below {disk['least_bytes'] >> 20} nothing is taken in."
        )
        yield Problem("disk-low", "gateway", "notice", says)


def _of_journal(gateway: Json, clock: str) -> Iterator[Problem]:
    if gateway["state"] is None and clock == "wall" and (gateway["lag_seconds"] or 0) > BEHIND_WALL_SECONDS:
        says = (
            f"Nothing has been written into the journal for {_since(gateway['lag_seconds'])}, not even the time: "
            "is the gateway running?"
        )
        yield Problem("journal-still", "gateway", "fault", says)


def _of_engine(engine: Json, gateway: Json) -> Iterator[Problem]:
    yield from _ended("engine", engine)
    yield from _waits("engine", engine["waiting"] if engine["state"] == "runs" else None)
    waits = gateway["last_seq"]
    if engine["compiling"] and engine["state"] == "runs":
        says = "The charts are being compiled, once for this version: results begin in about half a minute."
        yield Problem("compiling", "engine", "notice", says)
    elif engine["applied_seq"] is None and waits is None:
        says = "Nothing has come in yet: the gateway has not begun a journal, and the engine no history."
        yield Problem("nothing-yet", "engine", "notice", says)
    elif engine["applied_seq"] is None:
        says = f"There is no history yet, and {waits} journal entries wait: the engine is starting, or is not running."
        yield Problem("no-history", "engine", "fault", says)
    elif (engine["behind_entries"] or 0) > 0 and engine["written_seconds_ago"] > STILL_SECONDS:
        says = (
            f"The engine has stored nothing for {_since(engine['written_seconds_ago'])}, and "
            f"{engine['behind_entries']} journal entries wait: is it running? All figures are as of "
            f"{engine['last_tick']}."
        )
        yield Problem("engine-still", "engine", "fault", says)


def _of_forwarder(forwarder: Json, clock: str, now_ns: int) -> Iterator[Problem]:
    yield from _ended("forwarder", forwarder)
    yield from _waits(
        "forwarder", next((t["waiting"] for t in forwarder["targets"].values() if t.get("waiting")), None)
    )
    for name, target in forwarder["targets"].items() if forwarder["state"] == "runs" else ():
        title, away = TARGETS.get(name, name), target.get("away")
        if away and _lasts(away, now_ns):
            says = f"Nothing reaches {title}: {away['why']}. What waits is sent when it is there again."
            yield Problem("target-away", "forwarder", "fault", says, rfc3339(away["since_ns"]))
        if target.get("refused"):
            says = f"Refused by {title}: {target['refused']} entries, which are kept in forwarder.db."
            yield Problem("target-refused", "forwarder", "notice", says)
    if clock == "wall" and (forwarder["lag_seconds"] or 0) > FORWARD_SECONDS:
        says = f"Key results and alerts are {_since(forwarder['lag_seconds'])} behind: is the forwarder running?"
        yield Problem("forwarder-behind", "forwarder", "fault", says)


def _of_web(web: Json) -> Iterator[Problem]:
    if web["store"]:
        says = f"The OKR store cannot be written ({web['store']}): steps and orders are refused until there is room."
        yield Problem("store-unwritable", "web", "fault", says)


def _of_data(data: Json) -> Iterator[Problem]:
    if data["open_gaps"]:
        says = f"Known losses that nothing has filled: {data['open_gaps']}. See which, below."
        yield Problem("gaps", "gateway", "notice", says)
    for one in data["refused_lately"]:
        says = (
            f"{one['connector']} sends much that is refused ({ENGLISH.meaning(one['reason']) or one['reason']}): "
            "a hundred values and more in the last ten minutes. See which, below."
        )
        yield Problem(f"refused-{one['connector']}-{one['reason']}", "engine", "notice", says)
    share = data["late_share"]
    if share is not None and share > MOST_LATE:
        says = (
            f"{share:.1%} of the readings of the latest production days came late: they count in their days, and in no "
            "run pattern or subgroup. See to the gateways' clocks and buffers, or allow for it with lateness_seconds."
        )
        yield Problem("late", "engine", "notice", says)


def _lasts(trouble: Json, now_ns: int) -> bool:
    return bool(now_ns - trouble["since_ns"] > SETTLING_SECONDS * SECOND_NS)
