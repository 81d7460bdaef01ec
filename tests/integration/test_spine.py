"""A run of bad days over a real broker and the four processes: one alert and a falling key result, and recovery."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.servers import Mosquitto
from tests.spine import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    START_NS,
    Message,
    Publisher,
    Spine,
    clock,
    connected,
    measured,
    passing,
    plant,
)

READINGS = 40  # a day, alternating about the nominal value: then every figure is a short formula
LSL, NOMINAL, USL = 9.0, 10.0, 11.0
GOOD, BAD = 0.125, 0.1875  # how far they swing
KR_START, KR_TARGET = 0.9, 1.33
BAD_DAYS = """
[characteristics."line1/op10/bore"]
lsl = 9.0
usl = 11.0
limits = { from = "baseline", subgroups = 40 }
owner = "turning"
co_owners = ["quality"]
[metrics.bore_cpk]
kind = "cpk"
of = ["line1/op10/bore"]
over = "day"
[objectives.O1]
title = "Make OP10 capable"
level = "department"
period = "2026-11"
[key_results.KR1]
objective = "O1"
title = "Bore Cpk at least 1.33"
metric = "bore_cpk"
start = 0.9
target = 1.33
"""


def cpk_of(swing: float) -> float:
    """Cpk of readings that alternate by `swing` about the nominal value: the moving range is always twice that."""
    return (USL - NOMINAL) / (3 * 2 * swing / 1.1283791670955126)  # d2(2) = 2/sqrt(pi)


def day_stream(day: int, swing: float) -> list[Message]:
    """A day of readings, five minutes apart, each before the clock that passes it; then the clock closes the day."""
    begin = START_NS + day * DAY_NS
    stream = passing(closing(day - 1), begin) if day else []  # a reading hours ahead of the clock would be refused
    for k in range(READINGS):
        at_ns = begin + 5 * k * MINUTE_NS
        value = NOMINAL + (swing if k % 2 else -swing)
        stream.append(measured("line1/op10", at_ns, {"bore": value}, id=f"{day * READINGS + k}", part=f"P{day}-{k}"))
        stream.append(clock(at_ns + MINUTE_NS))
    return [*stream, *passing(begin + 5 * READINGS * MINUTE_NS, closing(day))]


def closing(day: int) -> int:
    return START_NS + day * DAY_NS + 17 * HOUR_NS


class Days:
    """Production days of a running plant, published one after the other."""

    def __init__(self, spine: Spine, publisher: Publisher) -> None:
        self.spine, self._publisher, self._day = spine, publisher, 0

    def pass_by(self, *swings: float) -> None:
        """Days with readings of these swings have closed, and what follows from them has been pushed."""
        for swing in swings:
            self._publisher.send(day_stream(self._day, swing))
            self._day += 1
        self.spine.wait_through(closing(self._day - 1))

    def updates(self) -> list[tuple[str, float, float, str]]:
        """The key result's updates at day closes: day, value, progress, status."""
        found = self.spine.get("key-results/KR1/updates")
        names = ("day", "value", "progress", "status")
        return [tuple(one[name] for name in names) for one in found if one["as_of"] == closing_time(one["day"])]


def closing_time(day: str) -> str:
    """The first tick after the grace: 00:15 of the next day."""
    return f"{date.fromisoformat(day) + timedelta(days=1)}T00:15:00Z"


def test_three_bad_days_are_one_alert_and_a_falling_key_result_and_recover(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, BAD_DAYS, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        days = Days(spine, publisher)
        good, bad = pytest.approx(cpk_of(GOOD), rel=1e-9), pytest.approx(cpk_of(BAD), rel=1e-9)

        days.pass_by(GOOD, GOOD)
        days.spine.post("commands", accept := {
            "kind": "accept-limits", "characteristic": "line1/op10/bore", "who": "anna"
        }, "accept-1")  # fmt: skip
        spine.wait(lambda: limits_state(spine) == "accepted", "the accepted limits")
        assert spine.post("commands", accept, "accept-1")["command"] == 1  # asked again: the first answer

        days.pass_by(BAD, BAD)
        assert spine.get("alerts") == []
        days.pass_by(BAD)
        (alert,) = spine.get("alerts")
        assert [alert[name] for name in ("characteristic", "rule", "state", "first_day", "last_day", "floor")] == [
            "line1/op10/bore", "cpk-below-floor", "open", "2026-11-03", "2026-11-05", 1.2
        ]  # fmt: skip
        assert [(one["day"], one["cpk"], one["n"]) for one in alert["days"]] == [
            (f"2026-11-0{day}", bad, READINGS) for day in (3, 4, 5)
        ]
        assert [alert["cpk"], alert["owner"], alert["co_owners"]] == [bad, "turning", ["quality"]]
        assert [alert["task"][name] for name in ("state", "next", "noticed_at", "due_at", "escalated")] == [
            "open", "acknowledge", "2026-11-06T00:15:00Z", "2026-11-07T00:15:00Z", False
        ]  # fmt: skip
        (kr,) = spine.get("key-results")
        assert [kr["value"], kr["status"], kr["reason"]] == [bad, "red", "floor"]

        for step in ("acknowledge", "plan"):
            spine.post(
                f"alerts/{alert['alert']}/events",
                {"event": step, "who": "ben", "text": "Tool T3 changed"},
                f"step-{step}",
            )
        days.pass_by(BAD, GOOD, GOOD)  # a fourth bad day is the same alert; two good ones are not yet a recovery
        (alert,) = spine.get("alerts")
        assert [alert["state"], alert["last_day"], alert["task"]["escalated"]] == ["open", "2026-11-06", False]
        days.pass_by(GOOD)
        for step in ("verify", "close"):
            spine.post(
                f"alerts/{alert['alert']}/events",
                {"event": step, "who": "cleo", "text": "Five parts measured"},
                f"step-{step}",
            )
        (alert,) = spine.get("alerts")
        assert [alert["state"], alert["recovered_day"], alert["task"]["state"]] == ["recovered", "2026-11-09", "closed"]
        assert [(step["event"], step["who"]) for step in alert["events"]] == [
            ("acknowledge", "ben"), ("plan", "ben"), ("verify", "cleo"), ("close", "cleo")
        ]  # fmt: skip

        days.pass_by(GOOD)
        assert len(spine.get("alerts")) == 1
        fallen = pytest.approx((cpk_of(BAD) - KR_START) / (KR_TARGET - KR_START), rel=1e-9)
        risen = pytest.approx((cpk_of(GOOD) - KR_START) / (KR_TARGET - KR_START), rel=1e-9)
        assert days.updates() == [
            ("2026-11-01", good, risen, "starting"),
            ("2026-11-02", good, risen, "starting"),
            ("2026-11-03", bad, fallen, "starting"),
            ("2026-11-04", bad, fallen, "starting"),
            ("2026-11-05", bad, fallen, "red"),  # the alert opens with this day
            ("2026-11-06", bad, fallen, "red"),
            ("2026-11-07", good, risen, "red"),
            ("2026-11-08", good, risen, "red"),
            ("2026-11-09", good, risen, "red"),  # recovered; a better colour must hold twice
            ("2026-11-10", good, risen, "green"),
        ]
        assert [day["cpk"] for day in spine.get("days")] == [good] * 2 + [bad] * 4 + [good] * 4


def limits_state(spine: Spine) -> str:
    (one,) = spine.get("characteristics")
    return str(one["limits"]["state"])
