"""Files that are dropped in gone wrong: each line is taken or told, nothing else happens. `FUZZ_SEED`, `FUZZ_FILES`."""

import os
from math import isfinite
from pathlib import Path
from random import Random

from connectors.dfq_lines import Fault
from connectors.dropped_file import Entries, opened
from connectors.errors import WrongInput
from connectors.measured import message_of, read_file
from connectors.table_rows import Layout
from tests.dfq_texts import compact, two_characteristics
from tests.fuzz.test_replay_files import csv, parquet, spoilt

SEED = int(os.environ.get("FUZZ_SEED", "20261121"))
FILES = int(os.environ.get("FUZZ_FILES", "300"))
T1 = "21.11.2026/09:00:00"
FIELDS = ("10.0", "10,5", "", "0", "255", T1, "1/2/26 3:04 PM", "x", "nan", "1e999", "#", "\x00", "ü", "9" * 400)
LAYOUTS = (
    Layout({}, {}, ",", ".", "utf-8", ""),
    Layout({"time": "time"}, {"a": "value", "b": "part"}, ";", ",", "cp1252", "%d.%m.%Y"),
    Layout({"lot": "characteristic"}, {}, ",", ".", "utf-16", "%Y"),
)


def dfq(random: Random) -> bytes:
    lines = []
    for _ in range(random.randint(0, 8)):
        if random.random() < 0.5:
            lines.append(
                compact(*(random.choices(FIELDS, k=random.randint(0, 13)) for _ in range(random.randint(1, 3))))
            )
        else:
            key = random.choice(("K0001", "K0002", "K0004", "K0020", "K0021", "K0100", "K2001", "K1001", "K5102", "K"))
            lines.append(f"{key}/{random.choice((0, 1, 1, 2, 9, ''))} {random.choice(FIELDS)}")
    text = two_characteristics("\n".join(lines)) if random.random() < 0.9 else "\n".join(lines)
    return text.encode(random.choice(("utf-8", "utf-8-sig", "cp1252")), "replace")


def test_every_dropped_file_is_taken_line_by_line_or_refused(tmp_path: Path) -> None:
    print(f"\nFUZZ_SEED={SEED} FUZZ_FILES={FILES}")
    random, taken, told, refused = Random(SEED), 0, 0, 0
    for number in range(FILES):
        suffix, make = random.choice(((".dfq", dfq), (".dfq", dfq), (".csv", csv), (".parquet", parquet)))
        path, layout = tmp_path / f"measured{suffix}", random.choice(LAYOUTS)
        content = make(random)
        path.write_bytes(spoilt(random, content) if random.random() < 0.4 else content)
        try:
            for one in read_file(path, "Asia/Shanghai", layout):
                if isinstance(one, Fault):
                    told += 1
                    assert one.expected, f"FUZZ_SEED={SEED}, file {number}"
                else:
                    taken += 1
                    message = message_of(one)
                    values = message.get("values", {"inspected": message.get("inspected")})
                    assert values
                    assert all(isfinite(value) for value in values.values())
        except WrongInput:
            refused += 1
        entries = [list(Entries(opened(path, "UTC", layout), "UTC", layout)) for _ in range(2)]
        assert entries[0] == entries[1]  # the same ids and cuts whenever it is read
    assert min(taken, told, refused) > FILES / 20
