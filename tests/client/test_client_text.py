from __future__ import annotations

import pytest

from jupyter_cloudml.client.text import duration, number, size, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (4.21, "4.2 s"),
        (59.97, "1 m"),
        (200, "3 m 20 s"),
        (7500, "2 h 5 m"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_are_powers_of_1024(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (0.123456, "0.1235"), (float("nan"), "nan"), ("inf", "inf")]
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_a_table_aligns_its_columns():
    assert table(["a", "bb"], [["xxx", "y"]]) == "a    bb\nxxx  y"
