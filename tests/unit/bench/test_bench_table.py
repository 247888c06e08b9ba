"""The numbers that measurements print."""

from __future__ import annotations

import math

import pytest

from bench.table import Table, percentile, spread


@pytest.mark.parametrize(("share", "expected"), [(1, 1), (50, 5), (95, 10), (99, 10), (100, 10)])
def test_a_percentile_is_one_of_the_values_by_nearest_rank(share: float, expected: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == expected


def test_without_values_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 50))


def test_a_table_lines_its_columns_up() -> None:
    table = Table("times, in ms", ("", "n", "max"), (("event", "400", "1.5"), ("cache", "40", "12.0")))

    assert str(table) == "times, in ms\n           n   max\n  event  400   1.5\n  cache   40  12.0"
    assert spread([1, 2]) == ("2", "1.0", "2.0", "2.0", "2.0")
