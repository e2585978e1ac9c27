"""A mail server hands one mail over, and learns whether it was taken."""

import io
import os
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from newsletter.delivery.management.commands import receive_mail
from newsletter.delivery.models import InboundMessage, Reply
from newsletter.delivery.models.events import MESSAGES_KEPT_FOR
from newsletter.delivery.tasks import apply_events
from tests.delivery.events.mails import plain

pytestmark = pytest.mark.django_db


@pytest.fixture
def pipe(monkeypatch):
    """Return a function that hands over a mail and returns the exit code and what was said."""

    def hand_over(body, *recipients):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
        said = io.StringIO()
        try:
            call_command("receive_mail", *recipients, stderr=said)
        except SystemExit as end:
            return end.code, said.getvalue()
        return 0, said.getvalue()

    return hand_over


def test_a_mail_is_kept_octet_by_octet_with_whom_it_was_for(pipe):
    body = plain("Grüße 你好") + b"\xff\x00"

    assert pipe(body, "news+x@news.example.org") == (os.EX_OK, "")

    arrival = InboundMessage.objects.get()
    assert bytes(arrival.body) == body
    assert arrival.about == {"to": ["news+x@news.example.org"]}
    assert (arrival.source, arrival.state) == ("mail", "waiting")


def test_the_same_mail_twice_is_taken_and_kept_once(pipe):
    assert pipe(plain("Hello."))[0] == pipe(plain("Hello."))[0] == os.EX_OK
    assert InboundMessage.objects.count() == 1


def test_nothing_at_all_is_no_mail(pipe):
    assert pipe(b" \n") == (os.EX_DATAERR, "There is no mail on standard input.\n")


def test_a_mail_that_is_too_big_is_refused(pipe, monkeypatch):
    monkeypatch.setattr(receive_mail, "SIZE_MAX", 10)

    assert pipe(b"x" * 11) == (os.EX_DATAERR, "This mail is too big.\n")
    assert not InboundMessage.objects.exists()


def test_while_the_database_is_away_the_mail_server_is_to_try_again(pipe):
    def away(*_args):
        raise OperationalError("no connection")

    with connection.execute_wrapper(away):
        code, said = pipe(plain("Hello."))

    assert (code, said) == (os.EX_TEMPFAIL, "The database does not take it: no connection\n")


def test_mails_are_forgotten_after_a_month_and_replies_stay(publication):
    for text in (plain("Thanks."), plain("away", extra="Auto-Submitted: auto-replied\n")):
        InboundMessage.objects.store("mail", text, timezone.now())
    apply_events()
    assert InboundMessage.objects.count() == 2

    InboundMessage.objects.update(applied_at=timezone.now() - MESSAGES_KEPT_FOR - timedelta(hours=1))
    apply_events()

    assert not InboundMessage.objects.exists()
    assert [one.text for one in Reply.objects.all()] == ["Thanks."]
