import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from connectors.history import HistoryWriter
from tests.seeding import BORE, DEPTH, END_NS, FORCE, MINUTE_NS, NAMES, Rows, add_point, seed_history, seed_okr
from tests.serving import serving

MANY = 3000


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The small plant, with 3,000 more points of the force, a change, a correction and two more limits revisions."""
    folder: Path = tmp_path_factory.mktemp("chart")
    seed_history(folder / "history.db")
    seed_okr(f"sqlite:///{folder / 'okr.db'}")
    writer = HistoryWriter(folder / "history.db", "journal-1")
    rows = Rows(writer)
    for number in range(MANY):
        revision = 1 + number // 1000
        add_point(rows, FORCE, [120 + number % 7], END_NS + number * MINUTE_NS, cl=120.0, ucl=129.0 + revision,
                  lcl=111.0, revision=revision, signals=1 if number in (5, 1500) else 0)  # fmt: skip
    for revision in (2, 3):
        rows.add("limits", characteristic=FORCE, revision=revision, time=END_NS + (revision - 1) * 1000 * MINUTE_NS,
                 state="accepted", center=120.0, sigma=3.0, points=25, excluded=0, reason="people")  # fmt: skip
    body = json.dumps({"of": "tool", "characteristics": [], "note": "T7"})
    rows.add("event", kind="change", place="line1/op10", time=END_NS - 20 * MINUTE_NS, seq=1, idx=0, body=body)
    seq = END_NS // MINUTE_NS - 10  # the second reading of a subgroup
    rows.add("correction", characteristic=BORE, seq=seq, idx=1, time=seq * MINUTE_NS, action="void", was=9.99,
             who="ada", why="chip", told=END_NS, state="restated")  # fmt: skip
    rows.commit(END_NS + MANY * MINUTE_NS)
    writer.close()
    with serving(folder) as client:
        yield client


def chart(client: httpx.Client, characteristic: int, **asked: object) -> dict[str, object]:
    response = client.get("/api/v1/chart", params={"characteristic": NAMES[characteristic], **asked})
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


def test_the_latest_points_are_told_before_any_has_been_counted(seeded):
    found = chart(seeded, DEPTH, last=5)
    assert (found["total"], found["before"], found["count"]) == (None, 0, 5)
    assert found["columns"]["place"] == [0, 1, 2, 3, 4]
    everything = chart(seeded, DEPTH)
    assert (everything["total"], everything["bucket"]) == (60, 1)
    counted = chart(seeded, DEPTH, last=5)
    assert (counted["total"], counted["before"], counted["columns"]["place"][-1]) == (60, 55, 59)
    assert counted["columns"]["value"] == found["columns"]["value"] == everything["columns"]["value"][-5:]


def test_columns_are_the_points_of_the_history(seeded):
    found = chart(seeded, BORE, readings=True)
    points = seeded.get(f"/api/v1/points?characteristic={NAMES[BORE]}").json()
    for name in ("seq", "idx", "time", "value", "dispersion", "n", "cl", "ucl", "lcl", "signals", "phase", "shift"):
        assert found["columns"][name] == [point[name] for point in points], name
    assert found["readings"] == [point["values"] for point in points]
    bits = dict(enumerate(found["rules"]))
    assert [[name for bit, name in bits.items() if signals >> bit & 1] for signals in found["columns"]["signals"]] == [
        point["rules"] for point in points
    ]
    signals = seeded.get(f"/api/v1/signals?characteristic={NAMES[BORE]}").json()
    assert [(one["seq"], one["rule"]) for one in found["signals"]] == [(one["seq"], one["rule"]) for one in signals]


def test_a_range_is_of_times_or_of_places(seeded):
    times = chart(seeded, DEPTH)["columns"]["time"]
    by_time = chart(seeded, DEPTH, **{"from": times[10], "to": times[20]})
    assert by_time["columns"]["place"] == list(range(10, 20))
    assert chart(seeded, DEPTH, first=10, count=10)["columns"] == by_time["columns"]
    assert chart(seeded, DEPTH, first=70)["count"] == 0


def test_many_points_are_thinned_with_their_signals_and_steps_of_limits(seeded):
    found = chart(seeded, FORCE, points=120)
    place, signals = found["columns"]["place"], found["columns"]["signals"]
    assert found["bucket"] == -(-(MANY + 60) // 20)
    assert [at for at, bits in zip(place, signals, strict=True) if bits] == [50, 65, 1560]
    assert {1059, 1060, 2059, 2060} <= set(place)
    assert found["signal_counts"] == {"beyond-3-sigma": 3}
    assert [one["revision"] for one in found["limits"]] == [1, 2, 3]
    assert len(place) < 240
    assert "readings" not in chart(seeded, FORCE, points=120, readings=True)


def test_what_stands_beside_the_points_has_their_places(seeded):
    found = chart(seeded, BORE)
    assert [(one["before"], one["of"], one["note"]) for one in found["changes"]] == [(56, "tool", "T7")]
    assert [(one["place"], one["action"], one["was"]) for one in found["corrections"]] == [(58, "void", 9.99)]
    assert [(one["after"], one["before"], one["state"]) for one in found["gaps"]] == [(-1, 60, "open")]
    days = chart(seeded, FORCE)["days"]
    starts = np.diff([one["place"] for one in days])
    assert [one["day"] for one in days] == ["2026-11-21", "2026-11-22", "2026-11-23"]
    assert starts.tolist() == [60 + 180, 1440]  # 60 points until 21:00 in Shanghai, then one a minute to midnight
    assert found["specification"] == [
        {"revision": 1, "time": "2026-11-21T08:00:00Z", "lsl": 9.96, "usl": 10.04, "target": 10.0, "reason": "plan"}
    ]


def test_a_characteristic_that_is_none_is_a_problem_that_says_so(seeded):
    response = seeded.get("/api/v1/chart", params={"characteristic": "no/such"})
    assert response.status_code == 404
    assert response.json()["detail"] == "there is no characteristic 'no/such' in the history"
    assert seeded.get("/api/v1/chart").status_code == 422
    assert seeded.get("/api/v1/chart?characteristic=a&points=1").status_code == 422
