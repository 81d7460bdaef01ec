"""The Q-DAS reader: on files that these tests write, and on real ones where they are."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.dfq import Count, Value, files_of, read_dfq
from connectors.dfq_description import plain, read_descriptions
from connectors.dfq_lines import MOST_BYTES, Fault
from connectors.dfq_times import DfqTimes
from connectors.errors import WrongInput
from tests.dfq_texts import BORE, HEAD, compact, two_characteristics, written
from tests.real_files import real_file
from tests.truth_tables import load

BERLIN = "Europe/Berlin"
T1, T2 = "21.11.2026/09:00:00", "21.11.2026/09:00:05"  # Berlin, winter: UTC + 1
NS1, NS2 = 1_795_248_000_000_000_000, 1_795_248_005_000_000_000


def found(path: Path) -> list[Value | Count | Fault]:
    return list(read_dfq(path, BERLIN))


def values(path: Path) -> list[tuple[str, float]]:
    return [(one.name, one.value) for one in found(path) if isinstance(one, Value)]


def faults(path: Path) -> list[str]:
    return [str(one) for one in found(path) if isinstance(one, Fault)]


def local_ns(text: str) -> int:
    return int(datetime.strptime(text, "%d.%m.%Y/%H:%M:%S").replace(tzinfo=ZoneInfo(BERLIN)).timestamp()) * 10**9


# Files that are written here.


def test_key_lines_give_one_value_for_each_k0001(tmp_path: Path) -> None:
    lines = f"K0001/1 10.01\nK0004/1 {T1}\nK0001/1 9.99\nK0004/1 {T2}\nK0001/2 5.01\nK0004/2 {T1}\n"
    path = written(tmp_path, two_characteristics(lines))

    assert found(path) == [
        Value(19, NS1, "Bore", 10.01, {"product": "P-17"}),
        Value(21, NS2, "Bore", 9.99, {"product": "P-17"}),
        Value(23, NS1, "Depth", 5.01, {"product": "P-17"}),
    ]


def test_compact_lines_hold_all_characteristics_and_what_follows_adds_to_them(tmp_path: Path) -> None:
    first = compact([1.001e1, 0, T1, "", "#L77", 4, 49, 0, "", 0], ["5.01000E+0000", 0, T1])
    second = compact([9.99, 0, T2], ["", ""])
    lines = f"{first}\nK0053/1 O55\nK0014/0 SN1\n{second}\n"
    path = written(tmp_path, two_characteristics(lines))

    context = {"product": "P-17", "part": "SN1"}
    assert found(path) == [
        Value(19, NS1, "Bore", 10.01, {**context, "lot": "L77", "cavity": "4", "operator": "49", "order": "O55"}),
        Value(19, NS1, "Depth", 5.01, context),
        Value(22, NS2, "Bore", 9.99, {"product": "P-17"}),
    ]


def test_two_values_with_one_time_are_both_kept(tmp_path: Path) -> None:
    path = written(tmp_path, two_characteristics(f"{compact([1, 0, T1])}\n{compact([2, 0, T1])}\n"))

    assert [(one.time_ns, one.value) for one in found(path) if isinstance(one, Value)] == [(NS1, 1.0), (NS1, 2.0)]


@pytest.mark.parametrize(
    "lines",
    [
        f"K0001/1 1\nK0001/2 2\nK0004/0 {T1}\nK0001/1 3\nK0001/2 4\nK0004/0 {T2}\n",  # behind the values
        f"K0004/0 {T1}\nK0001/1 1\nK0001/2 2\nK0004/0 {T2}\nK0001/1 3\nK0001/2 4\n",  # before them
        f"K0001/1 1\nK0004/0 {T1}\nK0001/2 2\nK0004/0 {T1}\nK0001/1 3\nK0004/0 {T2}\nK0001/2 4\nK0004/0 {T2}\n",
    ],
)
def test_slash_0_is_meant_for_all(tmp_path: Path, lines: str) -> None:
    path = written(tmp_path, two_characteristics(lines))

    measured = [(one.name, one.time_ns, one.value) for one in found(path) if isinstance(one, Value)]
    assert sorted(measured) == [("Bore", NS1, 1.0), ("Bore", NS2, 3.0), ("Depth", NS1, 2.0), ("Depth", NS2, 4.0)]


@pytest.mark.parametrize("attribute", ["255", "256", "1"])
def test_a_value_with_an_attribute_is_kept_for_another_purpose(tmp_path: Path, attribute: str) -> None:
    lines = f"{compact([10.5, attribute, T1], [5.0, 0, T1])}\nK0001/1 10.6\nK0002/1 {attribute}\nK0004/1 {T2}\n"
    path = written(tmp_path, two_characteristics(lines))

    purposes = [(one.value, one.context.get("purpose")) for one in found(path) if isinstance(one, Value)]
    assert purposes == [(10.5, f"attribute {attribute}"), (5.0, None), (10.6, f"attribute {attribute}")]


def test_attributive_characteristics_are_counts(tmp_path: Path) -> None:
    head = HEAD.format(count=3) + BORE + "K2002/2 Scratches\nK2004/2 1\nK2002/3 Dents\n"
    lines = (
        compact([10, 0, T1], [50, 2, 0, T1], [])
        + "\n"
        + compact([], [60, 3, "", 0, T2, "", "L1"], [])  # a field behind K0021
        + f"\nK0020/3 40\nK0021/3 1\nK0004/3 {T2}\n"
    )
    path = written(tmp_path, head + lines)

    assert found(path) == [
        Value(16, NS1, "Bore", 10.0, {"product": "P-17"}),
        Count(16, NS1, "Scratches", 50, 2, {"product": "P-17"}),
        Count(17, NS2, "Scratches", 60, 3, {"product": "P-17", "lot": "L1"}),
        Count(18, NS2, "Dents", 40, 1, {"product": "P-17"}),
    ]


def test_several_parts_and_descriptions_keep_their_own_characteristics(tmp_path: Path) -> None:
    text = (
        f"K0100 2\nK1001/1 A\nK2002/1 Width\nK0001/1 1\nK0004/1 {T1}\nK1001/2 B\nK2002/2 Width\nK0001/2 2\n"
        f"K0004/2 {T1}\nK0100 1\nK1001/1 C\nK2002/1 Width\nK0001/1 3\nK0004/1 {T1}\n{compact([4, 0, T2])}\n"
    )
    path = written(tmp_path, text)

    assert [(one.context["product"], one.value) for one in found(path) if isinstance(one, Value)] == [
        ("A", 1.0), ("B", 2.0), ("C", 3.0), ("C", 4.0)
    ]  # fmt: skip


def test_hierarchies_groups_and_keys_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    other = "K0101 2\nK5002/1 group\nK5111/1 1\nK5112/2 1\nK5102/1 1\nK2998/1 0/0/0\nK4093/1 catalogue\nK0080/1 x\n"
    path = written(tmp_path, two_characteristics(f"{other}K0001/1 1\nK0004/1 {T1}\nK0081/1 1\n"))

    assert values(path) == [("Bore", 1.0)]
    assert faults(path) == []


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_and_ends_of_lines_mean_the_same(tmp_path: Path, ends: str, encoding: str) -> None:
    text = f"K0100 1\nK1001/1 Gehäuse\nK2002/1 Ø Bohrung µ\nK0001/1 10,25\nK0004/1 {T1}\nK0006/1 Größe\n"
    path = written(tmp_path, text.replace("\n", ends), encoding=encoding)

    assert found(path) == [Value(4, NS1, "O_Bohrung_u", 10.25, {"product": "Gehaeuse", "lot": "Größe"})]


def test_a_broken_line_is_told_and_its_neighbours_are_taken(tmp_path: Path) -> None:
    lines = [
        "K0001/1 1", f"K0004/1 {T1}",
        "K0001/1 ten", f"K0004/1 {T1}",
        "K0001/1 2", "K0004/1 31.02.2026/09:00:00",
        "K0001/1 3",
        "what is this",
        "K0001/7 3", f"K0004/7 {T1}",
        compact([4, 0, T1], ["1e999", 0, T1]),
        compact([5, 0, T1], [6, 0, T1], [7, 0, T1]),
        compact(range(11), [8, 0, T1]),
        compact([9, 0, T1]),
    ]  # fmt: skip
    path = written(tmp_path, two_characteristics("\n".join(lines) + "\n"))
    time = "expected a time such as 31.12.2026/23:59:59 as K0004/1"

    told = sorted(faults(path), key=lambda one: int(one.split(":")[0].removeprefix("line ")))
    assert told == [
        "line 21: expected a number as K0001/1, got 'ten'",
        f"line 24: {time}, got '31.02.2026/09:00:00'",
        f"line 25: {time}, got 'none'",
        "line 26: expected a key such as K0001/1 and its value, or a line of values, got 'what is this'",
        "line 27: expected a characteristic that the file describes (K2001/7), got 'K0001/7 3'",
        f"line 28: expected a characteristic that the file describes (K2001/7), got 'K0004/7 {T1}'",
        "line 29: expected a number as K0001/2, got '1e999'",
        "line 30: expected values of at most 2 characteristics, as the file describes, got '3 of them'",
        "line 31: expected at most 10 fields of a characteristic, got '11 of them'",
    ]
    assert [value for _, value in values(path)] == [1.0, 4.0, 5.0, 6.0, 8.0, 9.0]


def test_a_line_without_end_is_one_fault(tmp_path: Path) -> None:
    lines = f"K0001/1 1\nK0004/1 {T1}\nK0900/1 {'x' * 3 * MOST_BYTES}\nK0001/1 2\nK0004/1 {T2}\n"
    path = written(tmp_path, two_characteristics(lines))

    assert len(faults(path)) == 1
    assert faults(path)[0].startswith(f"line 21: expected a line of at most {MOST_BYTES} bytes")
    assert [value for _, value in values(path)] == [1.0, 2.0]


@pytest.mark.parametrize("content", [b"", b"time,characteristic,value\n1,a,1\n", b"\x00\x01\x02", b"PK\x03\x04" * 50])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.dfq"
    path.write_bytes(content)

    with pytest.raises(WrongInput, match=r"other\.dfq: expected the Q-DAS ASCII transfer format"):
        found(path)


def test_utf_16_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path, two_characteristics(""), encoding="utf-16")

    with pytest.raises(WrongInput, match="got UTF-16: save it as UTF-8"):
        found(path)


def test_a_dfd_and_its_dfx_belong_together(tmp_path: Path) -> None:
    described = written(tmp_path, two_characteristics(""), "part.DFD")
    valued = written(tmp_path, f"{compact([1, 0, T1])}\nK0001/2 2\nK0004/2 {T2}\n", "part.dfx")

    assert files_of(described) == files_of(valued) == (described, valued)
    assert values(described) == values(valued) == [("Bore", 1.0), ("Depth", 2.0)]
    valued.unlink()
    with pytest.raises(WrongInput, match=r"part\.DFD: expected part\.dfx beside it"):
        found(described)


def test_names_that_are_shared_become_names_with_the_number_for_all_of_them(tmp_path: Path) -> None:
    text = (
        "K0100 6\nK1001/1 A\nK2001/1 1\nK2002/1 Width\nK2001/2 2\nK2002/2 Width\nK2001/3 3\nK2002/3 Depth\n"
        "K2002/4 Hole\nK2002/5 Hole\nK2101/6 1\n"
    )
    (description,) = read_descriptions(written(tmp_path, text))

    names = [one.name for one in description.characteristics.values()]
    assert names == ["Width_1", "Width_2", "Depth", "Hole_c4", "Hole_c5", "c6"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ø 12 H7", "O_12_H7"),
        ("Größe (µm)", "Groesse_um"),
        ("été", "ete"),
        ("a/b*c?", "a_b_c"),
        ("直径", ""),
        ("±2°", "+-2deg"),
    ],
)
def test_ids_are_ascii(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1.2.26/3:04:05", "01.02.2026/03:04:05"),
        ("01.02.2026 03:04:05", "01.02.2026/03:04:05"),
        ("01.02.2026.03:04:05", "01.02.2026/03:04:05"),
        ("01.02.2026/03:04", "01.02.2026/03:04:00"),
        ("01.02.99/03:04:05", "01.02.1999/03:04:05"),
        ("2/1/2026 3:04:05 PM", "01.02.2026/15:04:05"),
        ("2/1/26/12:04:05 am", "01.02.2026/00:04:05"),
        ("2026-02-01/03:04:05", "01.02.2026/03:04:05"),
        ("2026-02-01T03:04:05", "01.02.2026/03:04:05"),
        ("01.07.2026/03:04:05", "01.07.2026/03:04:05"),  # summer
    ],
)
def test_the_usual_forms_of_a_date(text: str, same: str) -> None:
    assert DfqTimes(BERLIN).ns(text) == local_ns(same)


@pytest.mark.parametrize("text", ["", "x", "32.01.2026/00:00:00", "1.1.2026", "13/13/2026 1:00 PM", "1/1/26 13:00 PM"])
def test_what_is_no_date(text: str) -> None:
    assert DfqTimes(BERLIN).ns(text) is None


# Real files, where they are (data/SOURCES.md beside them says where they come from).


def test_the_published_values_of_a_file_with_separators() -> None:
    truth = load("qdas_dfq_binary_separators")
    measured = [one for one in found(real_file("qdas/successfactory_testmeasures.dfq")) if isinstance(one, Value)]

    records = [tuple(measured[start : start + 2]) for start in range(0, len(measured), 2)]
    assert len(records) == len(truth.data["records"]) == 5
    for got, expected in zip(records, truth.data["records"], strict=True):
        assert [one.value for one in got] == [one["value"] for one in expected]
        assert [one.time_ns for one in got] == [local_ns(one["timestamp"]) for one in expected]
        assert [one.context.get("lot", "") for one in got] == [one["comment_batch"].lstrip("#") for one in expected]
        assert [one.context.get("purpose") for one in got] == [None, None]
    names = [one.name.replace("_", " ") for one in measured[:2]]
    assert names == list(truth.value("mean_per_timestamp"))
    assert {one.context["product"] for one in measured} == {truth.value("K1001").replace(" ", "_")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # read off the files by eye
        ("basicDfq_singlePart_noCharacteristics", []),
        ("basicDfq_singlePart_singleCharacteristic_noValues", []),
        ("basicDfq_singlePart_threeCharacteristics", [1.6, 1.7, 1.8, 3.1, 3.2, 3.3, 4.6, 4.7, 4.8]),
        ("characteristicHierarchy_characteristicOrder", []),
        ("characteristicHierarchy_singlePart_singleGroup_twoCharacteristics", [0.1, 0.1]),
        ("characteristicHierarchy_singlePart_threeCharacteristics", [0.1, 0.1, 0.1]),
        ("characteristicHierarchy_singlePart_twoChildCharacteristics_twoGroups", [0.1, 0.1, 0.1, 0.1]),
        ("characteristicHierarchy_twoParts_singleGroup_twoCharacteristics", [0.1, 0.1, 0.1, 0.1]),
        ("multipleParts", [7.1, 7.2]),
    ],
)
def test_real_files_of_other_programs(name: str, expected: list[float]) -> None:
    real = real_file(f"qdas/diribet_{name}.dfq")
    if name == "multipleParts":
        assert [(one.context["product"], one.name) for one in found(real) if isinstance(one, Value)] == [
            ("part_1", "characteristic_1"), ("part_2", "characteristic_2")
        ]  # fmt: skip
    assert sorted(value for _, value in values(real)) == expected
    assert faults(real) == []


def test_a_real_file_of_attributive_characteristics() -> None:
    got = found(real_file("qdas/diribet_attributiveDfq_attributiveCharacteristic_and_errorLogSheet.dfq"))

    assert [(one.inspected, one.rejected) for one in got if isinstance(one, Count)] == [(1000, 1), (155_000, 8)]
    assert len(got) == 2


def test_three_parts_have_as_many_values_as_their_lines_say() -> None:
    real = real_file("qdas/diribet_basicDfq_threeParts_differentNumberOfCharacteristics.dfq")
    lines = [line for line in real.read_text("ascii").splitlines() if line.startswith("K0001/")]

    assert len(values(real)) == len(lines) > 20
    assert {one.context["product"] for one in found(real) if isinstance(one, Value)} == {
        "part_number_1", "part_number_2", "part_number_3"
    }  # fmt: skip
