"""Lines of a CSV file (RFC 4180) that a spreadsheet opens as what it is: text as text, numbers as numbers."""

import csv
import io
from collections.abc import Iterable, Sequence

BOM = "\ufeff".encode()  # without it a spreadsheet takes UTF-8 for the machine's own code page
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Cell = str | float | int | None


def csv_lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    r"""The rows as UTF-8, each ended by CR LF; None and nan are empty, numbers have all their digits.

    A text that a spreadsheet would take for a formula gets an apostrophe before it (CWE-1236); a number never is one.

    >>> csv_lines([("=1+1", -0.5, None, 'the "old" tool')])
    b'\'=1+1,-0.5,,"the ""old"" tool"\r\n'
    """
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[_cell(cell) for cell in row] for row in rows])
    return text.getvalue().encode()


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA) else cell
    return "" if cell is None or cell != cell else cell  # noqa: PLR0124 - nan
