"""The sender's address itself."""

import pytest
from django.utils import timezone, translation

from newsletter.mail.message import shouted
from newsletter.operation.senders import address
from subscribers.mails.sending import answer
from subscribers.models import Subscriber
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("hello@example.com", "sender.made_up"),
        ("gipi@gmail.com", "sender.mailbox"),
        ("gipi@Yahoo.com.TW", "sender.mailbox"),
        ("gipi@ms1.hinet.net", None),
        ("gipi@gipi.tw", None),
        ("gipi@notgmail.com", None),
    ],
)
@pytest.mark.parametrize(("mail_url", "level"), [("smtp://mail.gipi.tw", "error"), ("", "warning")])
def test_a_domain_that_is_not_ones_own_is_told(settings, sender, expected, mail_url, level):
    settings.MAIL_URL = mail_url
    make_publication(sender_email=sender)

    told = [(one.id, one.level) for one in address.sender(timezone.now())]

    assert told == ([(expected, level)] if expected else [])


def test_a_mailbox_for_everybody_is_told_with_what_to_do(settings):
    settings.MAIL_URL = "smtp://mail.gipi.tw"
    make_publication(sender_email="gipi@gmail.com")

    [told] = address.sender(timezone.now())

    assert told.message == "Mail would come from gipi@gmail.com, at whose domain only its owner can say who may send."
    assert told.hint == "Set the sender address under Publication; it needs a domain of your own."


@pytest.mark.parametrize(
    ("name", "letters"),
    [("PM 讀書會", "PM"), ("PM讀書會", ""), ("Gipi 電子報", "")],
)
def test_a_name_that_makes_a_subject_look_like_shouting_is_told(name, letters):
    make_publication(name=name, language="zh-hant")

    told = [finding.message for finding in address.subjects(timezone.now())]

    subject = answer(Subscriber(pk=1, email="reader@example.net")).subject
    assert shouted(subject) == letters
    expected = f"Some spam filters take “{subject}” for shouting: all its Latin letters are capitals ({letters})."
    assert told == ([expected] if letters else [])
