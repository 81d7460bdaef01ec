"""What a Q-DAS file describes, as tables that a plant file takes."""

from pathlib import Path

import pytest

from config.characteristic import CharacteristicOptions
from config.check import check
from config.load import load
from connectors.errors import WrongInput
from flows.import_plan import import_plan
from tests.dfq_texts import two_characteristics, written
from tests.real_files import real_file
from tests.truth_tables import load as truth

PLANT = '[plant]\nid = "p1"\n\n'


def planned(folder: Path, tables: str) -> dict[str, CharacteristicOptions]:
    """The characteristics of a plant file with these tables; `plumbline check` takes it."""
    path = folder / "plant.toml"
    path.write_text(PLANT + tables, "utf-8")
    plant = load(path)
    assert check(plant).characteristics
    return plant.characteristics


def one(folder: Path, keys: str) -> CharacteristicOptions:
    text = "K0100 1\nK1001/1 A\nK2002/1 x\n" + "".join(f"{line}\n" for line in keys.split("; ") if line)
    (options,) = planned(folder, import_plan(written(folder, text))).values()
    return options


def test_each_characteristic_becomes_a_table_that_check_takes(tmp_path: Path) -> None:
    found = planned(tmp_path, import_plan(written(tmp_path, two_characteristics(""), "part.dfd")))

    assert list(found) == ["P-17/Bore", "P-17/Depth"]
    bore, depth = found.values()
    assert (bore.lsl, bore.usl, bore.target, bore.unit, bore.product) == (9.96, 10.04, 10.0, "mm", "P-17")
    assert (bore.chart, bore.subgroup_size) == ("xbar-r", 5)
    assert (depth.lsl, depth.usl, depth.target) == (4.95, 5.05, 5.0)  # K2112 and K2113 about K2101
    assert (depth.chart, depth.subgroup_size) == ("individuals", 1)


def test_a_real_file_gives_the_figures_that_were_published_with_it(tmp_path: Path) -> None:
    notes = truth("qdas_dfq_binary_separators")  # its notes: K2101=250, K2110=200, K2111=300, K2142=cm
    found = planned(tmp_path, import_plan(real_file("qdas/successfactory_testmeasures.dfq")))

    assert len(found) == notes.value("characteristics")
    diameter = found["Teil_123.456.789/Diameter"]
    assert (diameter.target, diameter.lsl, diameter.usl, diameter.unit) == (250.0, 200.0, 300.0, "cm")
    assert diameter.subgroup_size == 2  # K8500/1 2


@pytest.mark.parametrize(
    ("keys", "lsl", "usl", "target"),
    [
        ("K2110/1 1; K2111/1 2", 1.0, 2.0, None),
        ("K2101/1 0; K2110/1 0; K2111/1 0.02; K2120/1 2; K2121/1 1", None, 0.02, 0.0),  # a natural limit is none
        ("K2101/1 10; K2112/1 -0,1; K2113/1 0,2", 9.9, 10.2, 10.0),
        ("K2101/1 10; K2110/1 9; K2112/1 -0.1; K2113/1 0.1", 9.0, 10.1, 10.0),  # the absolute one counts
        ("K2112/1 -0.1; K2113/1 0.1", None, None, None),  # about nothing
        ("K2101/1 5; K2110/1 2; K2111/1 1", None, None, 5.0),
        ("K2101/1 5; K2110/1 1; K2111/1 2", 1.0, 2.0, None),
        ("K2101/1 nan; K2110/1 x; K2111/1 1e400", None, None, None),
    ],
)
def test_limits_and_nominal(tmp_path: Path, keys: str, lsl: float, usl: float, target: float) -> None:
    found = one(tmp_path, keys)

    assert (found.lsl, found.usl, found.target) == (lsl, usl, target)


@pytest.mark.parametrize(
    ("size", "chart", "subgroup_size"),
    [("1", "individuals", 1), ("2", "xbar-r", 2), ("10", "xbar-r", 10), ("11", "xbar-s", 11), ("1000", "xbar-s", 1000),
     ("1001", "individuals", 1), ("0", "individuals", 1), ("2.5", "individuals", 1)],
)  # fmt: skip
def test_the_size_of_subgroups_chooses_the_chart(tmp_path: Path, size: str, chart: str, subgroup_size: int) -> None:
    found = one(tmp_path, f"K2110/1 1; K8500/1 {size}")

    assert (found.chart, found.subgroup_size) == (chart, subgroup_size)


def test_units_and_names_beyond_ascii(tmp_path: Path) -> None:
    text = 'K0100 1\nK1001/1 Gehäuse "G"\nK2002/1 Ø Bohrung\nK2142/1 µm "x"\\\n'
    found = planned(tmp_path, import_plan(written(tmp_path, text, encoding="cp1252")))

    assert [(name, options.unit) for name, options in found.items()] == [("Gehaeuse_G/O_Bohrung", 'µm "x"\\')]


def test_attributive_characteristics_are_a_comment_and_twins_come_once(tmp_path: Path) -> None:
    described = "K0100 2\nK1001/1 A\nK2002/1 Width\nK2002/2 Scratches\nK2004/2 1\n"
    tables = import_plan(written(tmp_path, described * 2))

    assert list(planned(tmp_path, tables)) == ["A/Width"]
    assert tables.count("A/Scratches: attributive (K2004 1)") == 1


def test_the_template_makes_the_ids(tmp_path: Path) -> None:
    path = written(tmp_path, two_characteristics(""))

    assert list(planned(tmp_path, import_plan(path, "line1/cmm/{name}"))) == ["line1/cmm/Bore", "line1/cmm/Depth"]


@pytest.mark.parametrize("template", ["{product}", "{name}/{line}", "{name"])
def test_a_template_that_makes_no_ids_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(WrongInput, match="--characteristic: expected"):
        import_plan(written(tmp_path, two_characteristics("")), template)


def test_a_file_without_characteristics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match=r"part\.dfq: expected characteristics"):
        import_plan(written(tmp_path, "K0100 0\nK1001/1 A\n"))
