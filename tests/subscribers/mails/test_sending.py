import logging
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPServerDisconnected
from typing import ClassVar

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from newsletter.mail.mail_queue import send_next_of
from subscribers import tasks
from subscribers.mails import address_change, sending
from subscribers.mails.sending import build_change_mail
from subscribers.models import Subscriber, Unsent
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW
from tests.support.letters import links_in_html, links_in_text

State = Subscriber.State


class Provider(BaseEmailBackend):
    """A provider that answers each message with the next of `answers`, then accepts. Sessions as in Anymail."""

    answers: ClassVar[list[Exception]] = []
    accepted: ClassVar[list[mail.EmailMessage]] = []
    sessions: ClassVar[list[str]] = []  # "open" and "close", in order
    has_session = False

    def open(self):
        if not self.has_session:
            self.has_session = True
            self.sessions.append("open")

    def close(self):
        if self.has_session:
            self.has_session = False
            self.sessions.append("close")

    def send_messages(self, email_messages):
        if self.answers:
            raise self.answers.pop(0)
        self.accepted.extend(email_messages)
        return len(email_messages)


@pytest.fixture
def provider(settings):
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.Provider"}}
    Provider.answers, Provider.accepted, Provider.sessions = [], [], []
    return Provider


@pytest.fixture
def stranger():
    asked = {"asked_at": NOW, "confirmation_due_at": NOW}
    return make_subscriber("reader@example.org", state=State.PENDING, confirmed_at=None, **asked)


def test_a_letter_leaves_by_the_transactional_mailer(letters, stranger):
    sent = letters()

    stranger.refresh_from_db()
    assert [(letter.sent_using, letter.to) for letter in sent] == [("default", ["reader@example.org"])]
    assert (stranger.confirmation_due_at, stranger.confirmation_sent_at) == (None, NOW)


def test_both_parts_carry_the_same_links(letters, stranger):
    make_subscriber("known@example.org", confirmation_due_at=NOW)

    for letter in letters():
        html = letter.alternatives[0][0]
        assert links_in_text(letter.body) == links_in_html(html)


def test_the_headers_say_that_a_machine_wrote(letters, stranger):
    fields = letters()[0].message()

    assert fields["Auto-Submitted"] == "auto-generated"
    assert fields["Message-ID"].endswith("@example.org>")
    assert fields["List-Unsubscribe"] is None


def test_a_name_is_shown_as_its_owner_wrote_it(letters):
    make_subscriber("known@example.org", name='小"明', confirmation_due_at=NOW)

    assert letters()[0].to == ['"小\\"明" <known@example.org>']


def send_until_over(provider, stranger):
    """Send whenever the mail is due; return the minutes between the tries."""
    waits, now = [], NOW
    while stranger.confirmation_due_at and not provider.accepted:
        send_next_of([sending.SignUpMailQueue()], now)
        stranger.refresh_from_db()
        due_at = stranger.confirmation_due_at or now
        waits.append((due_at - now).total_seconds() / 60)
        now = due_at
    return waits


def test_a_provider_that_is_away_is_asked_again_with_growing_patience(provider, stranger):
    provider.answers = [SMTPServerDisconnected("gone"), ConnectionRefusedError(), *[TimeoutError()] * 7]

    assert send_until_over(provider, stranger) == [1, 1, 2, 4, 8, 16, 32, 60, 60, 0]
    assert stranger.confirmation_sent_at == NOW + timedelta(minutes=184)


def test_without_a_server_a_mail_of_another_kind_does_not_wait_for_it_too(provider, stranger):
    address_change.request_change(make_subscriber(), "new@example.net", NOW)
    provider.answers = [TimeoutError()] * 2

    tasks.send_confirmations()

    assert len(provider.answers) == 1


def test_every_try_carries_the_same_message_id(provider, stranger):
    provider.answers = [SMTPServerDisconnected("gone")]
    ids = [sending.signup_mail(stranger).message()["Message-ID"]]

    send_next_of([sending.SignUpMailQueue()], NOW)
    send_next_of([sending.SignUpMailQueue()], NOW + timedelta(minutes=1))

    assert [message.message()["Message-ID"] for message in provider.accepted] == ids


def test_an_address_that_the_server_refuses_for_good_is_tried_once(provider, stranger, caplog):
    provider.answers = [SMTPRecipientsRefused({"reader@example.org": (550, b"no reader@example.org here")})]

    with caplog.at_level(logging.WARNING):
        send_next_of([sending.SignUpMailQueue()], NOW)

    stranger.refresh_from_db()
    assert (stranger.confirmation_due_at, stranger.confirmation_sent_at) == (None, None)
    assert caplog.messages == [f"SignUpMailQueue: row {stranger.pk} was not sent: recipient refused with 550"]
    assert not Unsent.objects.exists()  # people mistype


def test_the_log_names_no_address(provider, stranger, caplog):
    provider.answers = [SMTPDataError(554, b"<reader@example.org> is not liked")]

    send_next_of([sending.SignUpMailQueue()], NOW)

    assert "SMTPDataError 554" in caplog.text
    assert "reader@example.org" not in caplog.text


def test_one_bad_letter_does_not_hold_up_the_next(provider, stranger, letters):
    make_subscriber("other@example.org", state=State.PENDING, confirmed_at=None, confirmation_due_at=NOW)
    provider.answers = [SMTPServerDisconnected("gone")]

    letters()

    assert [message.to for message in provider.accepted] == [["other@example.org"]]


def test_an_address_that_can_be_in_no_letter_is_let_go(provider, stranger, caplog):
    Subscriber.objects.update(email="two words@example.org")

    with caplog.at_level(logging.WARNING):
        assert send_next_of([sending.SignUpMailQueue()], NOW)

    assert Subscriber.objects.get().confirmation_due_at is None
    assert caplog.messages == [f"SignUpMailQueue: row {stranger.pk} was not sent: ValueError"]


def test_who_leaves_before_the_letter_gets_none(letters, stranger):
    stranger.unsubscribe(NOW)

    assert letters() == []


# --- To whom nobody has said that the address is his ---


def _to_unconfirmed_addresses() -> dict[str, mail.EmailMessage]:
    """Return every mail that goes to an address whose owner has not confirmed it, of readers with a name."""
    pending = {"state": State.PENDING, "confirmed_at": None}
    mover = make_subscriber("mover@example.org", name=ADVERT)
    address_change.request_change(mover, "stranger@example.net", NOW)
    return {
        "asked": sending.signup_mail(make_subscriber("asked@example.org", name=ADVERT, **pending)),
        "left": sending.signup_mail(make_subscriber("left@example.org", name=ADVERT, state=State.UNSUBSCRIBED)),
        "new address": build_change_mail(mover.address_changes.get()),
    }


ADVERT = "Cheap pills at https://spam.example"


@pytest.mark.parametrize("kind", ["asked", "left", "new address"])
def test_a_name_is_no_way_to_write_to_strangers(kind):
    letter = _to_unconfirmed_addresses()[kind]

    parsed = message_from_bytes(letter.message().as_bytes(), policy=policy.default)
    texts = [part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text"]
    assert parsed["To"].addresses[0].display_name == ""
    assert len(texts) == 2
    assert not any("pills" in text or "spam.example" in text for text in [*texts, *map(str, parsed.values())])


def test_the_templates_for_unconfirmed_addresses_know_no_name():
    folder = Path(settings.BASE_DIR) / "templates" / "email"
    sources = [path.read_text() for name in ("confirmation", "address_change") for path in folder.glob(f"{name}.*")]

    assert len(sources) == 4
    assert not any("subscriber.name" in source or "former" in source for source in sources)
