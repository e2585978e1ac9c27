"""Values as words of a table, and back."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from django.db import models
from hypothesis import given
from hypothesis import strategies as some

from newsletter.moving.folder import sheets
from newsletter.moving.folder.sheets import CellError

TEXT = models.TextField()


def both_ways(field: sheets.Field, value: object) -> object:
    return sheets.cell_parser(field)(sheets.cell_writer(field)(value))


@given(some.text())
def test_a_text_comes_back_letter_by_letter(text):
    assert both_ways(TEXT, text) == text


@pytest.mark.parametrize("text", ["=1+1", "+886", "-1", "@here", "\tx", "\rx", "'tis"])
def test_no_cell_is_computed_by_a_spreadsheet(text):
    assert sheets.cell_writer(TEXT)(text) == f"'{text}"
    assert both_ways(TEXT, text) == text


@pytest.mark.parametrize(
    ("field", "value", "cell"),
    [
        (models.BooleanField(), True, "true"),
        (models.BooleanField(), False, "false"),
        (models.IntegerField(), -7, "-7"),
        (models.DateField(), date(2026, 11, 28), "2026-11-28"),
        (models.TimeField(), time(8, 30), "08:30:00"),
        (models.DateTimeField(), datetime(2026, 11, 28, 8, 0, 0, 5, UTC), "2026-11-28T08:00:00.000005+00:00"),
        (models.JSONField(), {"b": ["字", None], "a": 1.5}, '{"a": 1.5, "b": ["字", null]}'),
        (models.GenericIPAddressField(), "2001:db8::1", "2001:db8::1"),
        (models.DateTimeField(null=True), None, ""),
        (models.IntegerField(null=True), None, ""),
        (models.CharField(), "", ""),
    ],
)
def test_a_value_is_one_word_and_comes_back(field, value, cell):
    assert sheets.cell_writer(field)(value) == cell
    assert sheets.cell_parser(field)(cell) == value


def test_moments_are_written_in_utc():
    at = datetime(2026, 11, 28, 8, tzinfo=timezone(timedelta(hours=8)))

    assert sheets.cell_writer(models.DateTimeField())(at) == "2026-11-28T00:00:00+00:00"


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        (models.BooleanField(), "yes"),
        (models.IntegerField(), "1.5"),
        (models.IntegerField(), ""),
        (models.DateField(), "28.11.2026"),
        (models.DateTimeField(), "2026-11-28T08:00:00"),
        (models.JSONField(), "{"),
        (models.JSONField(), "[" * 100_000),
    ],
)
def test_what_says_nothing_is_refused(field, cell):
    field.set_attributes_from_name("column")

    with pytest.raises(CellError, match="column: "):
        sheets.cell_parser(field)(cell)
