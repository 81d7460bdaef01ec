"""OPC UA through the gateway's own process: plant file, journal, gaps, decoding, commands; about 20 s."""

import logging
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from config.load import load
from connectors.decode import Decoder
from connectors.journal import GAP, SYSTEM
from flows.cli import app
from tests.gateway_runs import Running, entries, system, wait_until
from tests.opcua_peers import Peer

PLANT = """
[plant]
id = "p1"
timezone = "Asia/Shanghai"
[connectors.press]
type = "opcua"
url = "opc.tcp://127.0.0.1:{port}"
publishing_ms = 100
sampling_ms = 0
{options}
tags = [
  {{ tag = "nsu=urn:plumbline:peer;s=n0", name = "line1/op10/bore" }},
  {{ tag = "nsu=urn:plumbline:peer;s=array", name = "line1/op10/depth" }},
]
[characteristics."line1/op10/bore"]
usl = 1000000.0
[characteristics."line1/op10/depth"]
usl = 10.0
"""


def plant_file(folder: Path, port: int, options: str = "") -> Path:
    path = folder / "plant.toml"
    path.write_text(PLANT.format(port=port, options=options))
    return path


def test_every_value_is_a_reading_over_a_restart_and_the_gap_is_told_and_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Peer("asyncua", nodes=1, historized=1) as peer:
        path = plant_file(tmp_path, peer.port)
        peer.go(50)
        for gaps in (0, 2):  # the second run begins with a gap: opened, then closed
            seen = len(values(path, data)) if gaps else 0
            with Running(path, data) as running:
                wait_until(lambda seen=seen: len(values(path, data)) > seen + 50, seconds=60)
                if gaps:
                    written = peer.stop()
                    last = written[peer.node("n0")][-1][0]
                    wait_until(lambda last=last: values(path, data)[-1] == last, seconds=60)
                running.stop()
            found = [orjson.loads(entry.payload) for entry in system(data, GAP)]
            assert len(found) == gaps
    (node,) = written
    assert values(path, data) == [value for value, _ in written[node] if value >= values(path, data)[0]]
    assert [(gap["gap"], gap["reason"], gap["state"]) for gap in found] == [
        ("press-1", "restart", "open"),
        ("press-1", "restart", "closed"),
    ]
    assert found[0]["from_ns"] < found[0]["to_ns"]
    assert found[0]["detail"].startswith(f"opc.tcp://127.0.0.1:{peer.port}: ")


def values(path: Path, data: Path) -> list[float]:
    """The readings of the counter, in the order of the journal."""
    if not (data / "journal").exists():
        return []
    found = Decoder(load(path).plan()).decode([entry for entry in entries(data) if entry.connector != SYSTEM])
    assert found.rejected == []
    return [float(value) for value in found.readings.value[found.readings.characteristic == 0] if value]


def test_what_a_server_offers_is_ready_to_be_a_plant_files_tags(tmp_path: Path) -> None:
    with Peer("asyncua", nodes=2) as peer:
        path = plant_file(tmp_path, peer.port)
        logging.getLogger("asyncua").setLevel(logging.NOTSET)
        told = CliRunner().invoke(app, ["discover", str(path), "--server", "press"])
        assert logging.getLogger("asyncua").level > logging.ERROR  # or each step of its is told, too
        assert told.exit_code == 0
        assert '  { tag = "nsu=urn:plumbline:peer;s=n1", name = "" },' in told.output.splitlines()
        assert "  # /Line1/array: [1.5,2.5,3.5]" in told.output.splitlines()
        list_begins = told.output.index("tags = [")
        text = path.read_text()
        begin = text.index("tags = [")
        end = text.index("]\n", begin) + 2
        path.write_text(text[:begin] + told.output[list_begins:] + text[end:])
        nodes = [tag.tag for tag in load(path).connectors["press"].tags]  # type: ignore[attr-defined]  # OpcuaOptions
        assert nodes == [f"nsu=urn:plumbline:peer;s={name}" for name in ("n0", "n1", "array")]
    for arguments in (["--server", "press"], ["--server", "nobody"]):  # the server has gone; there is none
        assert CliRunner().invoke(app, ["discover", str(path), *arguments]).exit_code == 2


def test_certificates_are_made_where_the_plant_file_wants_them_and_never_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = 'security = "Basic256Sha256"\ncertificate = "pki/own.der"\nkey = "pki/own.pem"\ntrust = "pki"'
    path = plant_file(tmp_path, 4840, options)
    made = CliRunner().invoke(app, ["certificate", str(path)])
    assert made.exit_code == 0
    assert "urn:plumbline:p1" in made.output
    assert (tmp_path / "pki" / "own.pem").stat().st_mode & 0o777 == 0o600
    content = (tmp_path / "pki" / "own.der").read_bytes()
    assert CliRunner().invoke(app, ["certificate", str(path)]).exit_code == 2
    assert (tmp_path / "pki" / "own.der").read_bytes() == content
