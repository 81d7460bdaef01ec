import csv
import io

import httpx
import pytest

from connectors.history import HistoryWriter
from tests.browser.board import seed
from tests.seeding import BORE, END_NS, MINUTE_NS, NAMES, POINTS, START_NS, Rows, add_point
from tests.serving import serving

BORE_IS = {"characteristic": NAMES[BORE]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("downloads")
    seed(folder)
    writer = HistoryWriter(folder / "history.db", "journal-1")
    rows = Rows(writer)
    told = '[{"lot": "=1+1", "part": "东-1", "operator": "O\\"Neil, A."}]'
    add_point(rows, BORE, [10.0125], END_NS, signals=0b11, contexts=told)
    who = {"who": "ada", "why": "burr", "told": END_NS, "state": "restated"}
    at = {"characteristic": BORE, "seq": int(END_NS // MINUTE_NS), "idx": 0, "time": END_NS}
    rows.add("correction", **at, action="correct", value=10.0025, was=10.0125, **who)
    rows.commit(END_NS)
    writer.close()
    with serving(folder) as found:
        yield found


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_readings_are_all_of_them_with_units_context_and_correction(client):
    answer = client.get("/api/v1/readings.csv", params=BORE_IS)
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert 'filename="line1_op10_bore-readings.csv"' in answer.headers["content-disposition"]
    rows = table(answer)
    assert len(rows) == 5 * POINTS + 2
    late = [row for row in rows if row["state"] == "late"]
    assert [(row["part"], row["value [mm]"], row["shift"]) for row in late] == [("SN7", "10.002", "day")]
    assert rows[-1] | {"seq": "", "time (UTC)": ""} == dict.fromkeys(rows[-1], "") | {
        "time (Asia/Shanghai)": "2026-11-21 21:00:00.000", "value [mm]": "10.0125", "state": "production",
        "shift": "night", "lot": "'=1+1", "part": "东-1", "operator": 'O"Neil, A.', "correction": "correct",
        "corrected to": "10.0025", "corrected by": "ada", "correction reason": "burr", "idx": "0",
    }  # fmt: skip


def test_the_json_of_the_same_readings_says_the_same(client):
    rows = table(client.get("/api/v1/readings.csv", params=BORE_IS))
    told = client.get("/api/v1/readings", params=BORE_IS | {"limit": 10_000}).json()
    assert sorted((row["time (UTC)"], float(row["value [mm]"]), row["state"]) for row in rows) == sorted(
        (one["time"], one["value"], one["state"]) for one in told
    )


def test_a_range_and_a_filter_are_kept_to_and_the_mark_can_be_left_out(client):
    asked = BORE_IS | {"from": "2026-11-21T20:30", "to": "2026-11-21", "bom": "no"}
    answer = client.get("/api/v1/readings.csv", params=asked)
    assert answer.content.startswith(b"time (UTC),")
    # 12:30Z to the end at 13:00Z, a subgroup every 5 minutes, and the corrected one
    assert len(table(answer)) == 5 * 6 + 1
    assert [row["part"] for row in table(client.get("/api/v1/readings.csv", params=asked | {"lot": "=1+1"}))] == [
        "东-1"
    ]
    seq = START_NS // MINUTE_NS
    parts = table(client.get("/api/v1/readings.csv", params=BORE_IS | {"part": f"SN{seq}-"}))
    assert [row["part"] for row in parts] == [f"SN{seq}-{place}" for place in range(5)]


def test_points_have_their_limits_and_rules(client):
    rows = table(client.get("/api/v1/points.csv", params=BORE_IS))
    assert len(rows) == POINTS + 1
    last = rows[-1]
    assert (last["value [mm]"], last["ucl [mm]"], last["rules"]) == (
        "10.0125",
        "10.0134",
        "beyond-3-sigma 9-on-one-side",
    )


def test_days_have_every_figure(client):
    rows = table(client.get("/api/v1/days.csv", params=BORE_IS | {"from": "2026-11-18"}))
    assert [(row["day"], row["cpk"], row["verdicts"]) for row in rows] == [
        ("2026-11-18", "1.12", "ok"), ("2026-11-19", "1.05", "ok"), ("2026-11-20", "0.98", "ok")]  # fmt: skip
    assert rows[0]["sigma_within [mm]"] == "0.01"


@pytest.mark.parametrize("kind", ["readings", "points", "days"])
def test_what_is_not_there_is_a_problem_that_says_so(client, kind):
    unknown = client.get(f"/api/v1/{kind}.csv", params={"characteristic": "no/such"})
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404,
        "there is no characteristic 'no/such' in the history",
    )
    wrong = client.get(f"/api/v1/{kind}.csv", params=BORE_IS | {"from": "soon"})
    assert wrong.status_code == 422
    assert "got 'soon'" in wrong.json()["detail"]
    assert client.get(f"/api/v1/{kind}.csv").status_code == 422
