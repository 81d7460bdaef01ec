from pathlib import Path

import pytest

from config.errors import PlantFileError, Problem
from config.load import load
from config.table import columns
from rules.run_rules import RULE_SETS
from rules.spec import BaselineLimits, CharacteristicSpec, FixedLimits, RuleSpec
from tests.unit.plant_texts import SOUND, write

WITH_FILE = 'characteristics_file = "many.csv"\n' + SOUND


ID_RULE = "expected 1 to 200 printable characters, no '*' or '?', no space at either end"
LACKS_SIGMA = "is required: fixed limits have a center and a sigma"


def read(folder: Path, csv: str, text: str = WITH_FILE) -> dict[str, CharacteristicSpec]:
    write(folder, csv, "many.csv")
    return {spec.id: spec for spec in load(write(folder, text)).plan().characteristics}


def refused(folder: Path, csv: str, text: str = WITH_FILE) -> list[Problem]:
    with pytest.raises(PlantFileError) as caught:
        read(folder, csv, text)
    return caught.value.problems


def test_a_row_is_a_characteristic_beside_those_of_the_plant_file(tmp_path: Path) -> None:
    specs = read(tmp_path, "id,lsl,usl,chart,subgroup_size,unit\nl/s/a,1,2.5,xbar-s,10,mm\nl/s/b,,3,,,\n")
    assert set(specs) == {"l/s/a", "l/s/b", "line1/op10/bore", "line1/op10/depth"}
    a, b = specs["l/s/a"], specs["l/s/b"]
    assert (a.lsl, a.usl, a.chart, a.subgroup_size, a.unit, a.line) == (1.0, 2.5, "xbar-s", 10, "mm", "l")
    assert (b.usl, b.chart, b.subgroup_size, b.lsl != b.lsl) == (3.0, "individuals", 1, True)


def test_a_row_says_what_a_table_of_the_plant_file_would(tmp_path: Path) -> None:
    table = (
        '[characteristics."l/s/a"]\nlsl = 1\nusl = 2\nchart = "xbar-r"\nsubgroup_size = 4\nunit = "1"\n'
        'limits = { from = "baseline", subgroups = 30 }\nrules = ["6-trending", "out-of-spec"]\n'
        'co_owners = ["quality", "sales office"]\nwindow = 150\nreaction = "stop, then ask"\nlateness_seconds = 1.5\n'
    )
    row = (
        "id,lsl,usl,chart,subgroup_size,unit,limits.from,limits.subgroups,rules,co_owners,window,reaction,lateness_seconds\n"
        'l/s/a,1,2,xbar-r,4,1,baseline,30,6-trending out-of-spec,quality;sales office,150,"stop, then ask",1.5\n'
    )
    assert repr(read(tmp_path, row)["l/s/a"]) == repr(read(tmp_path, "id\n", WITH_FILE + table)["l/s/a"])


def test_limits_sets_of_rules_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    specs = read(
        tmp_path,
        "\ufeffid,limits.center,limits.sigma,rules\r\nl/s/a,5,0.5,nelson\r\n\r\nl/s/b,,,6-trending;out-of-spec\r\n",
    )
    assert specs["l/s/a"].limits == FixedLimits(5.0, 0.5)
    assert specs["l/s/a"].rules == RULE_SETS["nelson"]
    assert specs["l/s/b"].limits == BaselineLimits(100)
    assert specs["l/s/b"].rules == (RuleSpec("6-trending"), RuleSpec("out-of-spec"))


def test_defaults_hold_for_rows_too(tmp_path: Path) -> None:
    text = WITH_FILE + '[defaults]\nunit = "mm"\nsubgroup_size = 4\n'
    specs = read(tmp_path, "id,unit,chart\nl/s/a,,\nl/s/b,µm,xbar-r\n", text)
    assert (specs["l/s/a"].unit, specs["l/s/a"].subgroup_size) == ("mm", 1)
    assert (specs["l/s/b"].unit, specs["l/s/b"].subgroup_size) == ("µm", 4)


def test_every_option_of_a_characteristic_is_a_column() -> None:
    assert columns()[0] == "id"
    assert {"lsl", "reaction", "limits.from", "limits.sigma", "co_owners"} <= set(columns())


@pytest.mark.parametrize(
    ("csv", "path", "message"),
    [
        ("id,lsl\na,1\nb,x1\n", "many.csv row 3.lsl", "Input should be a valid number (got 'x1')"),
        ("id,subgroup_size\na,1.5\n", "many.csv row 2.subgroup_size", "Input should be a valid integer (got 1.5)"),
        ("id,lsl\na,nan\n", "many.csv row 2.lsl", "Input should be a finite number (got nan)"),
        ("id,lsl,usl\n\na,2,1\n", "many.csv row 3.usl", "expected above lsl (2.0) (got 1.0)"),
        ("id,lsl\na,1\na,1\n", "many.csv row 3", "characteristic 'a' is there twice"),
        ("id,lsl\nline1/op10/bore,1\n", "many.csv row 2", "characteristic 'line1/op10/bore' is there twice"),
        ("id,lsl\n,1\n", "many.csv row 2.id", "is required"),
        ("id,lsl\na,1,2\n", "many.csv row 2", "expected at most 2 cells, as in the header (got 3)"),
        ("id,lls\na,1\n", "many.csv row 1", "unknown column 'lls'; did you mean lsl?"),
        ("id,lsl,lsl\na,1,2\n", "many.csv row 1", "column 'lsl' is there twice"),
        ("lsl\n1\n", "many.csv row 1", "expected a column id"),
        ("", "many.csv row 1", "expected a header with the column id"),
        ("id,limits.center\na,1\n", "many.csv row 2.limits.sigma", LACKS_SIGMA),
        ("id,cpk_floor\na b*,1\n", "many.csv row 2", f"{ID_RULE} (got 'a b*')"),
    ],
)
def test_a_faulty_row_names_its_line(csv: str, path: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path, csv) == [Problem(path, message)]


def test_rows_after_a_quoted_line_break_keep_their_line(tmp_path: Path) -> None:
    problems = refused(tmp_path, 'id,reaction,lsl\na,"one\ntwo",1\nb,,x\n')
    assert [problem.path for problem in problems] == ["many.csv row 3.reaction", "many.csv row 4.lsl"]


def test_columns_separated_by_semicolons_are_told(tmp_path: Path) -> None:
    assert "columns are separated by commas" in refused(tmp_path, "id;lsl;usl\na;1;2\n")[0].message


def test_a_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"id,unit\na,\xb5m\n")
    write(tmp_path, 'id\n"a', "quote.csv")
    for name, message in {
        "absent.csv": f"expected a readable file: No such file or directory (got '{tmp_path}/absent.csv')",
        "latin.csv": f"expected UTF-8 text: invalid start byte at byte 10 (got '{tmp_path}/latin.csv')",
        "quote.csv": f"expected CSV: unexpected end of data (got '{tmp_path}/quote.csv')",
    }.items():
        with pytest.raises(PlantFileError) as caught:
            load(write(tmp_path, f'characteristics_file = "{name}"\n' + SOUND))
        assert caught.value.problems == [Problem("characteristics_file", message)]


def test_the_name_of_the_table_is_a_name(tmp_path: Path) -> None:
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, "characteristics_file = 5\n" + SOUND))
    assert caught.value.problems == [Problem("characteristics_file", "expected the name of a CSV file (got 5)")]
