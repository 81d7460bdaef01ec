"""`[connectors.…]` with `type = "folder"`: what is refused, and what becomes of the rest."""

from pathlib import Path

import pytest

from config.errors import PlantFileError
from config.load import load


def connector(folder: Path, options: str) -> Path:
    path = folder / "plant.toml"
    path.write_text(f'[plant]\nid = "p"\n[connectors.cmm]\ntype = "folder"\npath = "in"\n{options}\n', "utf-8")
    return path


def problems(folder: Path, options: str) -> list[str]:
    with pytest.raises(PlantFileError) as caught:
        load(connector(folder, options))
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("options", "template"),
    [
        ("", "{product}/{name}"),
        ('pattern = "*.DFX"', "{product}/{name}"),
        ('pattern = "*.csv"', "{name}"),
        ('pattern = "*.parquet"', "{name}"),
        ('pattern = "op10-*.csv"\ncharacteristic = "line1/op10/{name}"', "line1/op10/{name}"),
    ],
)
def test_how_an_id_is_made_depends_on_the_kind_of_file(tmp_path: Path, options: str, template: str) -> None:
    (plan,) = load(connector(tmp_path, options)).plan().connectors

    assert (plan.name, plan.payload, plan.characteristic, plan.dedupe, plan.place) == (
        "cmm", "json", template, "id", ""
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "path", "expected"),
    [
        ('pattern = "*"', "pattern", "expected a pattern such as *.dfq"),
        ('pattern = "../x/*.dfq"', "pattern", "expected a pattern such as *.dfq"),
        ('characteristic = "{line}/{name}"', "characteristic", "expected names of cavity, fixture"),
        ('characteristic = "{product}"', "characteristic", "expected {name} in it"),
        ('place = "{line}"', "place", "expected names of cavity"),
        ('dedupe = "none"', "dedupe", "expected 'id': a file is read again after a crash"),
        ('separator = ";"', "separator", "is not used with .dfq files"),
        ('pattern = "*.parquet"\nencoding = "cp1252"', "encoding", "is not used with .parquet files"),
        ('values = { a = "A" }', "values", "is not used with .dfq files"),
        ('pattern = "*.csv"\nencoding = "klingon"', "encoding", "expected the name of an encoding"),
        ('pattern = "*.csv"\nseparator = ", "', "separator", "expected one character"),
        ('pattern = "*.csv"\ndecimal = ","', "decimal", "expected another sign than the separator's"),
        ('pattern = "*.csv"\ncolumns = { tim = "Zeit" }', "columns", "expected fields of time, characteristic, value"),
        (
            'pattern = "*.csv"\ncolumns = { value = "Wert" }\nvalues = { a = "A" }',
            "columns",
            "value and values exclude each other",
        ),
        ("settle_seconds = 0.0", "settle_seconds", "greater than or equal to 0.1"),
        ("topics = []", "topics", "unknown"),
    ],
)
def test_what_does_not_go_together_is_named(tmp_path: Path, options: str, path: str, expected: str) -> None:
    (problem,) = problems(tmp_path, options)

    assert problem.startswith(f"connectors.cmm.{path}: ")
    assert expected in problem
