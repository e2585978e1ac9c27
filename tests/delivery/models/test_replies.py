"""Words are found in what readers wrote; test_postgresql.py runs this file there too."""

import pytest
from django.utils import timezone

from newsletter.delivery.models import Reply

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("槓桿", True),
        ("一桿", True),
        ("Leverage", True),
        ("LEVERAGE café", True),
        ("2026", True),
        ("mei@example.ORG 王小", True),
        ("2026mei", False),  # in two fields beside each other
        ("leverage missing", False),
        ("%", False),
        ("l_verage", False),
    ],
)
def test_words_are_found_in_either_case_and_parts_of_two_characters(words, is_found):
    text = "關於槓桿，一桿進洞。On leverage, in the café"
    row = {"text": text, "subject": "2026", "sender": "mei@example.org", "sender_name": "王小明"}
    Reply.objects.create(key="1", received_at=timezone.now(), **row)

    assert Reply.objects.containing(words).exists() == is_found
