"""The rules that the settings offer, and how each is said."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from newsletter.publication.rhythm import rhythm_text, validate_rule


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        ("", "every 14 days", "每 14 天"),
        ("FREQ=WEEKLY;BYDAY=MO", "every Monday", "每星期一"),
        ("FREQ=WEEKLY;BYDAY=TU,FR", "every Tuesday and Friday", "每星期二和星期五"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,FR", "every Monday, Tuesday and Friday", "每星期一、星期二和星期五"),
        ("FREQ=MONTHLY;BYMONTHDAY=22", "every month on the 22nd", "每月 22 日"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "every month on the 1st and 15th", "每月 1 日和 15 日"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day", "每月最後一天"),
        ("FREQ=MONTHLY;BYDAY=2TU", "on the second Tuesday of every month", "每月第二個星期二"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "on the last Friday of every month", "每月最後一個星期五"),
    ],
)
def test_a_rhythm_is_said_as_people_say_it(rule, english, chinese):
    said = []
    for language in ("en", "zh-hant"):
        with translation.override(language):
            said.append(rhythm_text(14, rule))

    assert said == [english, chinese]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MONTHLY;BYMONTHDAY=31",  # February has none
        "FREQ=MONTHLY;BYDAY=5MO",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
        "FREQ=SECONDLY",
        "weekly",
    ],
)
def test_no_rule_is_taken_that_the_settings_do_not_offer(rule):
    with translation.override("en"), pytest.raises(ValidationError, match="is not a rhythm"):
        validate_rule(rule)
