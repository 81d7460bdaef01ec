import csv
import io
from math import nan

import pytest

from board.api.csv_lines import csv_lines


def test_what_is_written_is_read_again_as_it_was() -> None:
    rows = [("a,b", 'say "x"', "two\r\nlines", "中文"), (1, -2.5, None, nan)]
    read = list(csv.reader(io.StringIO(csv_lines(rows).decode(), newline="")))
    assert read == [["a,b", 'say "x"', "two\r\nlines", "中文"], ["1", "-2.5", "", ""]]


def test_a_number_keeps_all_its_digits() -> None:
    assert float(csv_lines([(0.1 + 0.2,)]).decode()) == 0.1 + 0.2


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    ((read,),) = csv.reader(io.StringIO(csv_lines([(text,)]).decode(), newline=""))
    assert read == "'" + text


def test_lines_end_as_rfc_4180_has_it() -> None:
    assert csv_lines([("a", "b"), ("c", "d")]) == b"a,b\r\nc,d\r\n"
