"""Rows of other programs' tables: what counts as a number in them."""

from decimal import Decimal
from pathlib import Path

import polars as pl

from connectors.table_rows import PLAIN, TableRow, read_rows


def test_numbers_of_a_parquet_file_may_be_decimals(tmp_path: Path) -> None:
    path = tmp_path / "from-a-database.parquet"
    values = [Decimal("9.981"), Decimal("-0.500")]
    pl.DataFrame({"time": [1795248000000, 1795248000001], "characteristic": ["a", "a"], "value": values}).write_parquet(
        path
    )
    rows = [row for row in read_rows(path, PLAIN, "UTC") if isinstance(row, TableRow)]
    assert [row.values for row in rows] == [{"a": 9.981}, {"a": -0.5}]
