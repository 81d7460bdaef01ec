"""Files to replay gone wrong: each is read or refused, nothing else happens. `FUZZ_SEED`, `FUZZ_FILES`."""

import io
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from connectors.errors import WrongInput
from connectors.event_time import LIMIT_NS
from connectors.files import read_measurements

SEED = int(os.environ.get("FUZZ_SEED", "20261121"))
FILES = int(os.environ.get("FUZZ_FILES", "1500"))

TIMES = ("2026-11-21T08:00:00Z", "2026-11-21 08:00:00.5", "1795248000000", "0", "-1", "", " ", "9" * 30, "24:00", "nan")
VALUES = ("10.0", "1e400", "-inf", "NaN", "", " 9.9 ", "10,5", "0x1", "1e-400", "9" * 400, "😀", '"', "\x00", "'1'")
NAMES = ("a/b/c", "", " ", "ü", "\n", '"x"', "n" * 10_000)
CELLS: dict[str, tuple[str, ...]] = {
    "time": TIMES,
    "value": VALUES,
    "characteristic": NAMES,
    "lot": NAMES,
    "part": VALUES,
}
COLUMNS: tuple[tuple[pl.DataType | type[pl.DataType], list[Any]], ...] = (
    (pl.Float64, [10.0, float("nan"), None]),
    (pl.Float32, [1e38, -1.0, 0.0]),
    (pl.Int8, [-128, 127, None]),
    (pl.UInt64, [2**64 - 1, 0, 1]),
    (pl.Int64, [1_795_248_000_000, -(2**63), 2**63 - 1]),
    (pl.Boolean, [True, False, None]),
    (pl.Binary, [b"\xff", b"", None]),
    (pl.Date, [date(1, 1, 1), date(9999, 12, 31), None]),
    (pl.Datetime("ms"), [datetime(1, 1, 1), datetime(9999, 12, 31), None]),
    (pl.Datetime("us", "Asia/Shanghai"), [datetime(2026, 1, 1, tzinfo=UTC), datetime(1800, 1, 1, tzinfo=UTC), None]),
    (pl.Duration, [timedelta(1), None, timedelta(-1)]),
    (pl.List(pl.Float64), [[1.0], [], None]),
    (pl.Struct({"a": pl.Int64}), [{"a": 1}, None, {"a": None}]),
    (pl.String, ["2026-11-21T08:00:00Z", "x", None]),
    (pl.Categorical, ["a", "b", None]),
    (pl.Null, [None, None, None]),
)
BYTES = b"\"',;\n\r\0 aZ09.-\xff\xc3"


def spoilt(random: Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 4, 30))):
        place = random.randrange(len(found) + 1)
        found[place : place + random.randint(0, 4)] = bytes(random.choices(BYTES, k=random.randint(0, 4)))
    return bytes(found)


def csv(random: Random) -> bytes:
    header = ["time", "characteristic", "value", *random.sample(["lot", "part"], random.randint(0, 2))]
    if random.random() < 0.1:
        header[random.randrange(len(header))] = random.choice(("", "time", "colour", "Value"))
    sound = {"time": TIMES[0], "value": "10.0", "characteristic": "a/b/c", "lot": "L1", "part": "7"}
    rows = [[sound.get(name, "x") for name in header] for _ in range(random.randint(0, 5))]
    for _ in range(random.choice((0, 0, 1, 3)) if rows else 0):
        place = random.randrange(len(header))
        random.choice(rows)[place] = random.choice(CELLS.get(header[place], ("x",)))
    text = random.choice(("\n", "\r\n")).join(map(",".join, (header, *rows)))
    form = random.randrange(12)
    return text.encode(("utf-16", "latin-1", "utf-8-sig")[form], "replace") if form < 3 else text.encode()


def parquet(random: Random) -> bytes:
    sound = pl.DataFrame({"time": [1_795_248_000_000] * 3, "characteristic": ["a", "b", "c"], "value": [1.0, 2.0, 3.0]})
    for _ in range(random.choice((0, 1, 1, 2))):
        kind, values = random.choice(COLUMNS)
        name = random.choice(("time", "characteristic", "value", "lot", "part", "colour"))
        sound = sound.with_columns(pl.Series(name, values, dtype=kind))
    into = io.BytesIO()
    sound.write_parquet(into)
    return into.getvalue()


def read_or_refused(path: Path) -> pl.DataFrame | str:
    try:
        return read_measurements([path], "Asia/Shanghai").readings
    except WrongInput as error:
        return str(error)


def test_every_file_to_replay_is_read_or_refused(tmp_path: Path) -> None:
    print(f"\nFUZZ_SEED={SEED} FUZZ_FILES={FILES}")
    random, read, refused = Random(SEED), 0, 0
    for number in range(FILES):
        suffix, content = (".csv", csv(random)) if random.random() < 0.6 else (".parquet", parquet(random))
        path = tmp_path / f"measured{suffix}"
        path.write_bytes(spoilt(random, content) if random.random() < 0.3 else content)
        readings = read_or_refused(path)
        if isinstance(readings, str):
            assert readings.startswith(str(path)), f"FUZZ_SEED={SEED}, file {number}"
            assert "expected" in readings
            refused += 1
        else:
            assert readings["time_ns"].is_sorted()
            assert readings["time_ns"].is_between(0, LIMIT_NS).all()
            assert readings["value"].is_finite().all()
            assert not (readings["characteristic"] == "").any()
            read += 1
    assert min(read, refused) > FILES / 6
