"""Q-DAS files that tests write: nothing of them is copied from anywhere."""

from collections.abc import Sequence
from pathlib import Path

DC4, SI = "\x14", "\x0f"

HEAD = """K0100 {count}
K1001/1 P-17
K1002/1 Housing
"""
BORE = """K2001/1 10
K2002/1 Bore
K2004/1 0
K2022/1 3
K2101/1 10
K2110/1 9.96
K2111/1 10.04
K2142/1 mm
K8500/1 5
"""
DEPTH = """K2001/2 20
K2002/2 Depth
K2101/2 5
K2112/2 -0.05
K2113/2 0.05
K2142/2 mm
"""


def two_characteristics(values: str) -> str:
    """A part P-17 with Bore and Depth, and what follows."""
    return HEAD.format(count=2) + BORE + DEPTH + values


def compact(*characteristics: Sequence[object]) -> str:
    """A compact line: the fields of each characteristic."""
    return SI.join(DC4.join(map(str, fields)) for fields in characteristics)


def written(folder: Path, text: str, name: str = "part.dfq", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path
