from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from connectors.errors import WrongInput
from connectors.files import read_measurements

BERLIN = "Europe/Berlin"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def csv(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def rows(*paths: Path, zone: str = BERLIN) -> list[tuple[object, ...]]:
    return read_measurements(paths, zone).readings.rows()


def problems(*paths: Path) -> list[str]:
    with pytest.raises(WrongInput) as caught:
        read_measurements(paths, BERLIN)
    return str(caught.value).splitlines()


def ns_of(moment: datetime) -> int:
    """Of a moment without microseconds."""
    return round((moment - EPOCH) / timedelta(seconds=1)) * 1_000_000_000


def one_time(folder: Path, text: str) -> int:
    path = csv(folder, f"time,characteristic,value\n{text},a,1\n")
    return int(read_measurements([path], BERLIN).readings["time_ns"][0])


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-21T08:00:00Z", 1_795_248_000_000_000_000),
        ("2026-11-21T08:00:00.123Z", 1_795_248_000_123_000_000),
        ("2026-11-21 08:00:00.123456789z", 1_795_248_000_123_456_789),
        ("2026-11-21T08:00:00.1234567899Z", 1_795_248_000_123_456_789),  # digits beyond nanoseconds are cut off
        ("2026-11-21T16:30:00+08:30", 1_795_248_000_000_000_000),
        ("1795248000123", 1_795_248_000_123_000_000),
        ("1795248000123.25", 1_795_248_000_123_250_000),
        (" 1795248000123 ", 1_795_248_000_123_000_000),
    ],
)
def test_times_are_rfc_3339_or_epoch_milliseconds(tmp_path: Path, text: str, ns: int) -> None:
    assert one_time(tmp_path, text) == ns


@pytest.mark.parametrize(
    "wall",
    [
        datetime(2026, 7, 1, 12, 0, 30),
        datetime(2026, 12, 1, 12, 0, 30),
        datetime(2026, 10, 25, 2, 30),  # twice: the first
        datetime(2026, 3, 29, 2, 30),  # never: by the offset before the change
    ],
)
def test_a_time_without_offset_is_the_plants(tmp_path: Path, wall: datetime) -> None:
    expected = ns_of(wall.replace(tzinfo=ZoneInfo(BERLIN), fold=0))

    assert one_time(tmp_path, wall.isoformat()) == expected
    path = tmp_path / "data.parquet"
    pl.DataFrame({"time": [wall], "characteristic": ["a"], "value": [1]}).write_parquet(path)
    assert rows(path) == [(expected, "a", 1.0)]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1_795_248_000_123, 1_795_248_000_124]),
        pl.Series([1_795_248_000_123.0, 1_795_248_000_124.0]),
        pl.Series(["1795248000123", "2026-11-21T08:00:00.124Z"], dtype=pl.Categorical),
        pl.Series([1_795_248_000_123, 1_795_248_000_124]).cast(pl.Datetime("ms", "Asia/Shanghai")),
        pl.Series([1_795_248_000_123_000, 1_795_248_000_124_000]).cast(pl.Datetime("us", "UTC")),
    ],
)
def test_parquet_holds_times_as_it_likes(tmp_path: Path, column: pl.Series) -> None:
    path = tmp_path / "data.parquet"
    frame = {"time": column, "characteristic": pl.Series(["a", "b"], dtype=pl.Categorical), "value": [1, 2]}
    pl.DataFrame(frame).write_parquet(path)

    assert rows(path) == [(1_795_248_000_123_000_000, "a", 1.0), (1_795_248_000_124_000_000, "b", 2.0)]


def test_readings_are_sorted_by_time_over_all_files_and_stably(tmp_path: Path) -> None:
    late = csv(tmp_path, "time,characteristic,value\n3000,a,1\n1000,a,2\n2000,a,3\n", "late.csv")
    early = csv(tmp_path, "value,time,characteristic\n4,1000,b\n5,1000,a\n6,0,b\n", "early.csv")

    assert [row[2] for row in rows(late, early)] == [6.0, 2.0, 4.0, 5.0, 3.0, 1.0]


def test_context_is_text_and_an_empty_field_is_absent(tmp_path: Path) -> None:
    first = csv(tmp_path, "time,characteristic,value,lot,subgroup\n1,a,1,L1,\n2,a,2,,7\n", "one.csv")
    second = tmp_path / "two.parquet"
    pl.DataFrame({"time": [3], "characteristic": ["a"], "value": [3.0], "part": [12]}).write_parquet(second)

    frame = read_measurements([first, second], BERLIN).readings

    assert frame.columns == ["time_ns", "characteristic", "value", "lot", "subgroup", "part"]
    assert frame.select("lot", "subgroup", "part").rows() == [("L1", None, None), (None, "7", None), (None, None, "12")]


def test_blank_lines_a_byte_order_mark_and_spaces_around_numbers_do_no_harm(tmp_path: Path) -> None:
    text = "\ufefftime,characteristic,value\n\n1, a, 2.5 \n\n\n2,b,-1e-3\n\n"

    assert rows(csv(tmp_path, text)) == [(1_000_000, " a", 2.5), (2_000_000, "b", -0.001)]


def test_every_bad_row_is_named_with_file_row_column_expected_and_got(tmp_path: Path) -> None:
    good = csv(tmp_path, "time,characteristic,value\n1,a,1\n", "good.csv")
    text = (
        "time,characteristic,value\n1,a,1\n21.11.2026,a,x1\n2,,3\n3,a,nan\n4,a,\n5,a,inf\n"
        "2026-02-30T00:00:00Z,a,1\n2026-01-01T00:00:60Z,a,1\n,a,1\n-5,a,1\n9e99,a,1\n99999999999999,a,1\n"
    )
    bad = csv(tmp_path, text, "bad.csv")
    time, value = "expected RFC 3339 or milliseconds since 1970 (not seconds), up to 2116", "expected a finite number"

    assert problems(good, bad) == [
        f"{bad}: row 3, time: {time}, got '21.11.2026'",
        f"{bad}: row 3, value: {value}, got 'x1'",
        f"{bad}: row 4, characteristic: expected a name, got nothing",
        f"{bad}: row 5, value: {value}, got 'nan'",
        f"{bad}: row 6, value: {value}, got nothing",
        f"{bad}: row 7, value: {value}, got 'inf'",
        f"{bad}: row 8, time: {time}, got '2026-02-30T00:00:00Z'",
        f"{bad}: row 9, time: {time}, got '2026-01-01T00:00:60Z'",
        f"{bad}: row 10, time: {time}, got nothing",
        f"{bad}: row 11, time: {time}, got '-5'",
        f"{bad}: row 12, time: {time}, got '9e99'",
        f"{bad}: row 13, time: {time}, got '99999999999999'",
    ]


def test_a_row_of_a_parquet_file_counts_from_one(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pl.DataFrame({"time": [1, None], "characteristic": ["a", "b"], "value": [float("nan"), 2.0]}).write_parquet(path)

    assert [line.split(": ")[1].partition(",")[0] for line in problems(path)] == ["row 1", "row 2"]


def test_twenty_problems_are_shown_at_most(tmp_path: Path) -> None:
    path = csv(tmp_path, "time,characteristic,value\n" + "1,a,x\n" * 50)

    found = problems(path, path)

    assert len(found) == 21
    assert found[19].startswith(f"{path}: row 21, value")
    assert found[20] == "and more of them"


def test_files_that_are_no_measurements_are_named_together(tmp_path: Path) -> None:
    other_sign = csv(tmp_path, "time;characteristic;value\n1;a;1,5\n", "other_sign.csv")
    lacking = csv(tmp_path, "time,name,value\n1,a,1\n", "lacking.csv")
    surplus = csv(tmp_path, "time,characteristic,value,lott\n1,a,1,L1\n", "surplus.csv")
    parquet = csv(tmp_path, "no parquet", "no.parquet")
    kinds = tmp_path / "kinds.parquet"
    pl.DataFrame({"time": [[1]], "characteristic": [1.5], "value": [True]}).write_parquet(kinds)
    other, absent, empty = csv(tmp_path, "x", "data.xlsx"), tmp_path / "absent.csv", csv(tmp_path, "", "empty.csv")

    found = problems(other_sign, lacking, surplus, parquet, kinds, other, absent, empty)

    texts = [(line.partition(": ")[0], line.partition(": ")[2]) for line in found]
    commas = "line 1: expected commas between the columns and points in numbers, got ';' between the columns"
    allowed = "expected the columns time, characteristic, value and of cavity, fixture, gauge, lot, machine, operator"
    assert texts[:2] == [
        (str(other_sign), commas), (str(lacking), "expected a column characteristic, got time, name, value")
    ]  # fmt: skip
    for (file, text), (path, name) in zip(texts[2:4], ((lacking, "name"), (surplus, "lott")), strict=True):
        assert file == str(path)
        assert text.startswith(allowed)
        assert text.endswith(f"got {name!r}")
    assert texts[4][0] == str(parquet)
    assert texts[5:] == [
        (str(kinds), "time: expected text or numbers, got List(Int64)"),
        (str(kinds), "value: expected text or numbers, got Boolean"),
        (str(other), "expected a name that ends with .csv, .parquet or .dfq, got 'data.xlsx'"),
        (str(absent), "expected a readable csv file, got: No such file or directory"),
        (str(empty), "expected a readable csv file, got: empty CSV"),
    ]


@pytest.mark.parametrize(
    ("lines", "at", "got"),
    [
        (["1,a,1", "2,a,2,L1", "3,a,3"], 3, 4),
        (["1,a,1", "", '2,"a', 'b",2', "3,a", "4,a,4,5"], 6, 2),  # a blank line is none; a name may hold a line break
        (["1,a,1", '"2,a,2', "3,a,3"], 3, 1),  # a quotation mark that nothing closes
    ],
)
def test_a_line_with_another_number_of_fields_is_named(tmp_path: Path, lines: list[str], at: int, got: int) -> None:
    path = csv(tmp_path, "\n".join(["time,characteristic,value", *lines, ""]))

    assert problems(path) == [f"{path}: line {at}: expected 3 fields as in line 1, got {got}"]


def test_no_row_at_all_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "time,characteristic,value\n")

    assert problems(path) == [f"{path}: expected measurements, got no row"]
