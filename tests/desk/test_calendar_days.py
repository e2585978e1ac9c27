"""Days and times as the desk writes them: a short form and a long one."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone, translation

from newsletter.desk.templatetags.calendar_days import short_day, short_moment

ROWS = ("admin/posts", "admin/subscribers", "admin/issues", "desk")
NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "at", "day", "moment"),
    [
        ("zh-hant", datetime(2026, 12, 8, 0, 0, tzinfo=UTC), "12/8（二）", "12/8（二）08:00"),
        ("zh-hant", datetime(2026, 12, 31, 16, 30, tzinfo=UTC), "2027/1/1（五）", "2027/1/1（五）00:30"),
        ("zh-hant", None, "", ""),
        ("en", datetime(2026, 12, 8, 0, 0, tzinfo=UTC), "Tue 8 Dec", "Tue 8 Dec, 08:00"),
        ("en", datetime(2025, 12, 8, 0, 0, tzinfo=UTC), "Mon 8 Dec 2025", "Mon 8 Dec 2025, 08:00"),
    ],
)
def test_a_time_has_its_weekday_and_a_year_only_if_it_is_another_one(language, at, day, moment):
    with time_machine.travel(NOW, tick=False), translation.override(language):
        assert short_moment(at) == moment
        assert short_day(at and timezone.localtime(at)) == day


def test_no_page_of_the_desk_has_a_third_form():
    others = re.compile(r'\|date:"(?!c"|DATE_FORMAT|DATETIME_FORMAT|YEAR_MONTH_FORMAT|Y-m-d"|l")[^"]*"')
    found = {
        str(path): others.findall(path.read_text())
        for folder in ROWS
        for path in Path("templates", folder).rglob("*.html")
        if others.search(path.read_text())
    }

    assert found == {}
