import logging
import math
import socket
import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from connectors.errors import TargetAway
from connectors.influx import InfluxWriter
from tests.forwarding import History, eventually, forwarding, plant_file
from tests.history_rows import TIME, Row, characteristic, point, row_of
from tests.influx_server import TOKEN, InfluxServer, influx_server
from tests.servers import free_port

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    with influx_server(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def server(running: InfluxServer) -> InfluxServer:
    running.query('DROP DATABASE "plumbline"', method="POST")
    running.query('CREATE DATABASE "plumbline"', method="POST")
    return running


def beginning() -> dict[str, list[Row]]:
    return {
        "characteristic": [characteristic(1)],
        "specification": [row_of("specification", 2, characteristic=0, revision=1, lsl=9.96, usl=10.04)],
    }


def points(first: int, count: int, **other: object) -> list[Row]:
    return [
        point(row, [10 + row / 7, 10 - row / 3], time=TIME + row * SECOND, cl=0.1 * row, **other)
        for row in range(first, first + count)
    ]


def quarantined(data: Path) -> list[Row]:
    db = sqlite3.connect(f"{(data / 'forwarder.db').as_uri()}?mode=ro", uri=True)
    found = db.execute(
        'SELECT "target", "reason", "row", "detail", "body" FROM "quarantine" ORDER BY "number"'
    ).fetchall()
    db.close()
    return found


def test_values_are_read_back_equal_and_the_same_bytes_again_change_nothing(
    server: InfluxServer, tmp_path: Path
) -> None:
    history = History(tmp_path)
    history.add(**beginning())
    context = '[{"lot":"a \\"b\\" \\\\ c, d=e","part":"ö\\n2"},null]'
    rows = points(3, 50, contexts=context)
    history.add(point=rows)
    history.add(
        signal=[
            row_of(
                "signal", 53, characteristic=0, seq=3, idx=1, time=TIME, rule="out-of-spec", value=math.pi, limit=10.04
            )
        ]
    )
    plant = plant_file(tmp_path, port=free_port(), influx=server.url)
    for _ in range(2):
        with forwarding(plant, tmp_path):
            eventually(lambda: server.count("signal") == 1, "the last row arrives")
        assert server.count("reading") == 100
        assert server.count("chart") == 50
        (tmp_path / "forwarder.db").unlink()  # the cursor is lost: all is sent again
    found = server.query('SELECT "value", "lsl", "usl", "lot", "part" FROM "reading" ORDER BY time')
    expected = [(10 + row / 7, 10 - row / 3) for row in range(3, 53)]
    assert [row["value"] for row in found] == [value for pair in expected for value in pair]
    assert {(row["lsl"], row["usl"]) for row in found} == {(9.96, 10.04)}
    assert found[0]["lot"] == 'a "b" \\ c, d=e'
    assert found[0]["part"] == "ö\n2"
    assert found[1]["lot"] is None
    tags = server.query('SELECT "value" FROM "chart" GROUP BY *')[0]
    assert (tags["characteristic"], tags["chart"], tags["station"]) == ("line1/op10/bore", "xbar-r", "op10")
    signal = server.query('SELECT "value", "limit", "message" FROM "signal"')[0]
    assert (signal["value"], signal["limit"]) == (math.pi, 10.04)
    assert str(signal["message"]).startswith("a value out of specification")
    history.writer.close()


def test_two_readings_with_one_time_stay_two(server: InfluxServer, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(**beginning())
    history.add(point=[point(row, [10.0, 10.0, 10.1], time=TIME) for row in range(3, 23)])
    with forwarding(plant_file(tmp_path, port=free_port(), influx=server.url), tmp_path):
        eventually(lambda: server.count("reading") == 60, "20 subgroups of 3 at one time")
        eventually(lambda: server.count("chart") == 20, "20 points at one time")
    history.writer.close()


def test_results_wait_while_influxdb_is_away_and_arrive_when_it_is_back(
    server: InfluxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="forwarder")
    history = History(tmp_path)
    history.add(**beginning())
    history.add(point=points(3, 10))
    with forwarding(plant_file(tmp_path, port=free_port(), influx=server.url), tmp_path):
        eventually(lambda: server.count("chart") == 10, "the first ten")
        server.stop()
        for first in range(13, 113, 10):
            history.add(point=points(first, 10))
        eventually(lambda: "influxdb: " in caplog.text, "the outage is noticed")
        server.start()
        eventually(lambda: server.count("chart") == 110, "what waited")
        assert server.count("reading") == 220
        eventually(lambda: "influxdb takes results again" in caplog.text, "one line up")
    down = [record.message for record in caplog.records if record.message.startswith("influxdb: ")]
    assert len(down) == 1, down
    assert quarantined(tmp_path) == []
    history.writer.close()


def test_a_poisoned_line_is_found_and_kept_and_its_neighbours_arrive(server: InfluxServer, tmp_path: Path) -> None:
    # somebody wrote text into a field that is a number: from now on the server refuses this series' numbers
    direct = InfluxWriter(server.url, bucket="plumbline", org="plant", token=TOKEN)
    poisoned = 'chart,characteristic=line2/op20/poisoned,chart=xbar-r,line=line1,station=op10 signals="text" 1'
    assert direct.write([poisoned, "metric,metric=other signals=1i 1"]) == []
    direct.close()
    history = History(tmp_path)
    history.add(**beginning())
    history.add(characteristic=[characteristic(3, 1, "line2/op20/x" * 6000)])  # a tag beyond InfluxDB's 64 KiB
    rows = points(4, 1500)
    rows[700] = point(704, [1.0], characteristic=1, time=TIME)
    history.add(point=rows)
    history.add(metric=[row_of("metric", 1504, metric="m", time=TIME, value=1.0, members=1, counted=1)])
    with forwarding(plant_file(tmp_path, port=free_port(), influx=server.url), tmp_path):
        eventually(lambda: server.count("metric") == 1, "the row after the poisoned one")
    assert server.count("reading") == 1499 * 2
    found = quarantined(tmp_path)
    assert {(row[0], row[1]) for row in found} == {("influxdb", "http-400")}
    assert 704 in {row[2] for row in found}
    history.writer.close()


def test_a_line_of_the_wrong_type_is_refused_alone(server: InfluxServer) -> None:
    writer = InfluxWriter(server.url, bucket="plumbline", org="plant", token=TOKEN)
    assert writer.write(["m,t=a f=1.0 1"]) == []
    lines = [f"m,t=a f={number}.5 {number}" for number in range(2, 9002)]
    lines[4321] = 'm,t=a f="text" 4323'
    lines[8000] = "no line at all"
    refused = writer.write(lines)
    assert sorted(one.line for one in refused) == sorted([lines[4321], lines[8000]])
    assert all(one.status == 400 and one.answer for one in refused)
    assert server.count("m", "f") == 9001 - 2
    assert writer.write(lines) == refused
    assert server.count("m", "f") == 9001 - 2
    writer.close()


def test_a_wrong_token_is_said_clearly_and_nothing_is_lost(
    server: InfluxServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(tmp_path)
    history.add(**beginning())
    history.add(point=points(3, 5))
    plant = plant_file(tmp_path, port=free_port(), influx=server.url)
    with forwarding(plant, tmp_path, token="wrong"):
        eventually(lambda: "expected a token that may write there" in caplog.text, "a clear line")
    assert "wrong" not in caplog.text
    assert quarantined(tmp_path) == []
    with forwarding(plant, tmp_path):
        eventually(lambda: server.count("chart") == 5, "with the right token all arrives")
    history.writer.close()


def test_a_hanging_server_is_away_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        writer = InfluxWriter(url, bucket="plumbline", org="plant", token=TOKEN, timeout_seconds=0.3)
        with pytest.raises(TargetAway) as raised:
            writer.write(["m f=1i 1"])
        writer.close()
    assert raised.value.sort == "ReadTimeoutError"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_or_failing_server_is_away_and_refuses_nothing(status: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    writer = InfluxWriter(f"http://127.0.0.1:{server.server_address[1]}", bucket="plumbline", org="plant", token=TOKEN)
    with pytest.raises(TargetAway, match=f"status {status}"):
        writer.write(["m f=1i 1"])
    writer.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_missing_bucket_is_said_clearly(server: InfluxServer) -> None:
    writer = InfluxWriter(server.url, bucket="absent", org="plant", token=TOKEN)
    with pytest.raises(TargetAway, match="expected the bucket and organisation to exist"):
        writer.write(["m f=1i 1"])
    writer.close()


def test_a_rebuilt_history_is_sent_from_its_beginning_onto_the_same_points(
    server: InfluxServer, tmp_path: Path
) -> None:
    plant = plant_file(tmp_path, port=free_port(), influx=server.url)
    history = History(tmp_path)
    history.add(**beginning())
    history.add(point=points(3, 20))
    with forwarding(plant, tmp_path):
        eventually(lambda: server.count("chart") == 20, "the old history")
        history.writer.close()
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"history.db{suffix}").unlink(missing_ok=True)
        rebuilt = History(tmp_path)
        rebuilt.add(**beginning())
        rebuilt.add(point=points(3, 30))
        eventually(lambda: server.count("chart") == 30, "ten more than before")
    assert server.count("reading") == 60
    rebuilt.writer.close()


def test_the_service_lines_tell_how_the_processes_are(server: InfluxServer, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add(**beginning())
    refused = [row_of("rejected", row, connector="line1", reason="not-json", count=row - 2) for row in (3, 4, 5)]
    late = row_of("reading", 6, characteristic=0, seq=6, idx=0, time=TIME, value=1.0, state="late")
    history.add(rejected=refused, reading=[late])
    with forwarding(plant_file(tmp_path, port=free_port(), influx=server.url), tmp_path):
        eventually(lambda: server.count("service", "rows") == 2, "one line a process")
    found = {row["process"]: row for row in server.query('SELECT * FROM "service"')}
    assert found.keys() == {"engine", "forwarder"}
    assert found["engine"]["rejected"] == 3
    assert found["engine"]["rows"] == 6
    assert 0 <= float(str(found["forwarder"]["lag_seconds"])) < 5
    history.writer.close()
