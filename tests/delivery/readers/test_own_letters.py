"""「我的信呢？」: what went out to a reader and what was answered, and one issue once more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone, translation

from newsletter.delivery import tasks
from newsletter.delivery.letter import rendering
from newsletter.delivery.models import Answer, Delivery, Event, Mailing, OnceMore, Reply, course
from newsletter.delivery.models.replies import RAW_KEPT_FOR, REPLIES_KEPT_FOR, Feedback
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.readers import own_letters
from subscribers import privacy
from subscribers.models import Consent, Subscriber
from subscribers.models.consents import ConsentDetails
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
State = Delivery.State


@pytest.fixture(autouse=True)
def _english():
    make_publication(sender_email="news@example.org")
    with translation.override("en"), time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def reader():
    return make_subscriber("reader@example.org")


def sent(
    reader, *, state=State.SENT, reply="250 2.0.0 Ok: queued as 4F", kind=Mailing.Kind.ISSUE, issue=None
) -> Mailing:
    """Return a mailing with a copy for a reader in this state."""
    issue = issue or make_issue(make_post(), sent_at=NOW)
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.filter(subscriber=reader).update(state=state, reply=reply, sent_at=NOW)
    mailing.batches.update(state="done", sent=1)
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENT, finished_at=NOW, kind=kind)
    return mailing


def lines(reader, token="token"):
    return own_letters.letters_chapter(reader, token).lines


def page(reader) -> str:
    return reader.data_url(timezone.now()).removeprefix("https://news.example.org")


def outbox_of(mailoutbox):
    return [(letter.to[0], letter.subject) for letter in mailoutbox]


# --- What is told ---


@pytest.mark.parametrize(
    ("state", "words", "is_offered"),
    [
        (State.SENT, "sent", True),
        (State.FAILED, "your mail server refused it", True),
        (State.UNCERTAIN, "handed over, but no answer came back", True),
        (State.SKIPPED, "left out, because you had paused or left", False),
        (State.DEFERRED, "is tried again", False),
    ],
)
def test_each_copy_is_told_with_the_words_of_the_server(reader, state, words, is_offered):
    sent(reader, state=state, reply="550 5.2.2 Mailbox full")

    [line] = lines(reader)

    assert line.what.endswith(words)
    assert line.at == NOW
    assert line.details == ("The mail server answered: 550 5.2.2 Mailbox full",)
    assert bool(line.button) is is_offered


def test_what_went_to_others_is_not_told(reader):
    make_subscriber("other@example.org")
    mailing = sent(reader)
    mailing.deliveries.exclude(subscriber=reader).update(reply="250 secret")

    assert "secret" not in str(lines(reader))
    assert len(lines(reader)) == 1


def test_the_queries_do_not_grow_with_the_issues(reader, django_assert_max_num_queries):
    for _ in range(6):
        sent(reader)

    with django_assert_max_num_queries(6):
        assert len(lines(reader)) == 6


def test_the_page_shows_it_with_a_button(client, reader):
    sent(reader)

    text = client.get(page(reader)).text

    assert "Where is my letter?" in text
    assert "250 2.0.0 Ok" in text
    assert "Send me this issue again" in text
    assert "search for news@example.org" in text


def test_what_was_thought_of_an_issue_is_told(reader):
    issue = make_issue(make_post(), sent_at=NOW)
    issue.feedback.give(reader, issue, Feedback.Rating.HELPFUL, NOW)

    [line] = own_letters.feedback_chapter(reader, "").lines

    assert line.what.endswith(": helpful")


def test_every_letter_to_a_reader_stands_there_by_its_name(reader):
    issue, corrected = sent(reader).issue, sent(reader, kind=Mailing.Kind.CORRECTION).issue
    Subscriber.objects.update(confirmation_sent_at=NOW - timedelta(hours=2), confirmed_at=NOW, welcomed_at=NOW)
    reader.refresh_from_db()
    Consent.objects.add(reader, Consent.Kind.CONFIRMED, ConsentDetails("link"), NOW)

    told = [line.what for line in lines(reader)]

    assert sorted(told) == sorted(
        [
            f"{issue}: sent",
            f"Correction, {corrected}: sent",
            "Letter of welcome: sent",
            "Confirmation of your sign-up: sent",
        ]
    )
    assert told[-1].startswith("Confirmation")


def test_whoever_came_by_an_import_got_no_letter_of_welcome():
    reader = make_subscriber("b@example.org", confirmed_at=NOW, welcomed_at=NOW)
    Consent.objects.add(reader, Consent.Kind.IMPORTED, ConsentDetails("import on 2026-11-24"), NOW)

    assert lines(reader) == ()


def test_a_report_stands_with_the_issue_that_it_is_about(reader):
    mailing = sent(reader)
    known = {"source": "postmark", "address_hash": reader.address_hash, "at": NOW}
    Event.objects.create(source_id="1", kind="delivered", mailing_id=mailing.pk, words="250 ok", **known)
    Event.objects.create(source_id="2", kind="bounced", **known)

    told = lines(reader)

    assert {line.what for line in told} == {f"{mailing.issue}: sent", "was sent back"}
    assert "Nov. 24, 2026, 16:00 delivered to the reader's server 250 ok" in str(told)


# --- Once more ---


def ask(client, reader, mailing):
    return client.post(f"{page(reader)}again/{mailing.issue.number}/")


def test_an_issue_comes_once_more_with_a_message_id_of_its_own(client, reader, mailoutbox):
    mailing = sent(reader)

    response = ask(client, reader, mailing)
    tasks.send_welcomes()

    [letter] = [one for one in mailoutbox if mailing.subject in one.subject]
    row = OnceMore.objects.get()
    assert response["Location"].endswith("?done=again")
    assert letter.to == ["reader@example.org"]
    assert (
        letter.extra_headers["Message-ID"]
        != rendering.build_copy(mailing, reader, ids=(mailing.pk, 0)).extra_headers["Message-ID"]
    )
    assert "List-Unsubscribe" in letter.extra_headers
    assert (row.sent_at, row.due_at) == (NOW, None)
    assert "Sent once more on Nov. 24, 2026" in str(lines(reader))


def test_it_comes_once_however_often_it_is_asked_for(client, reader, mailoutbox):
    mailing = sent(reader)

    first, second = ask(client, reader, mailing), ask(client, reader, mailing)
    tasks.send_welcomes()
    tasks.send_welcomes()

    assert first["Location"].endswith("?done=again")
    assert second["Location"].endswith("?done=not-again")
    assert OnceMore.objects.count() == 1
    assert len([one for one in mailoutbox if mailing.subject in one.subject]) == 1
    assert lines(reader)[0].button is None


def test_some_a_day_and_no_more(client, reader, monkeypatch):
    monkeypatch.setattr(course, "ONCE_MORE_PER_DAY", 2)

    answers = []
    for hours in (0, 11, 22, 25):
        with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
            answers.append(ask(client, reader, sent(reader))["Location"])

    assert [one.endswith("?done=again") for one in answers] == [True, True, False, True]


def test_nobody_gets_an_issue_that_was_never_theirs(client, reader):
    make_subscriber("other@example.org")
    stranger = make_issue(make_post(), sent_at=NOW)

    assert client.post(f"{page(reader)}again/{stranger.number}/").status_code == 404
    assert not OnceMore.objects.exists()


def test_a_letter_forwarded_to_a_friend_orders_nothing(client, reader):
    mailing = sent(reader)

    for token in (reader.token("preferences"), reader.token("unsubscribe")):
        assert client.post(f"/mine/{token}/again/{mailing.issue.number}/").status_code == 404
    assert client.get(f"{page(reader)}again/{mailing.issue.number}/").status_code == 405
    assert not OnceMore.objects.exists()


def test_who_left_meanwhile_gets_nothing_and_it_is_written_down(client, reader, mailoutbox):
    mailing = sent(reader)
    ask(client, reader, mailing)
    reader.unsubscribe(NOW)

    tasks.send_welcomes()

    assert mailing.subject not in str(outbox_of(mailoutbox))
    assert (OnceMore.objects.get().due_at, OnceMore.objects.get().reply) == (
        None,
        "left, paused or suppressed meanwhile",
    )


def test_who_has_left_is_offered_nothing(client, reader):
    mailing = sent(reader)
    reader.unsubscribe(NOW)

    assert lines(reader)[0].button is None
    assert ask(client, reader, mailing)["Location"].endswith("?done=not-again")


def test_a_server_that_is_away_costs_no_wish(client, reader, settings):
    mailing = sent(reader)
    ask(client, reader, mailing)
    away = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"host": "127.0.0.1", "port": 1}}
    settings.MAILERS = settings.MAILERS | {"default": away}

    tasks.send_welcomes()

    row = OnceMore.objects.get()
    assert row.due_at is not None
    assert row.sent_at is None


def test_it_goes_with_its_reader(client, reader):
    ask(client, reader, sent(reader))

    reader.erase()

    assert not OnceMore.objects.exists()


# --- What the reader wrote ---


def test_replies_and_answers_are_told_to_who_wrote_them(reader):
    reply = Reply.objects.create(
        subscriber=reader,
        key="k",
        sender=reader.email,
        subject="Re: 第七期",
        text="謝謝",
        files=[{"number": 1, "name": "a.pdf", "kind": "application/pdf", "size": 4}],
        received_at=NOW,
    )
    Answer.objects.write(reply, "不客氣", NOW + timedelta(hours=1), "gipi")
    Reply.objects.create(key="other", sender="x@example.org", text="secret", received_at=NOW)

    told = own_letters.replies_chapter(reader, "token").lines

    assert [line.what for line in told] == ["謝謝", "The author answered: 不客氣"]
    assert told[0].details == ("Re: 第七期", "attached: a.pdf")


def test_the_privacy_notice_names_the_times_that_hold():
    facts = replace(privacy.NoticeFacts.now(), keeps_replies=True)
    words = " ".join(part.body for part in privacy.notice_sections(facts))

    assert (REPLIES_KEPT_FOR.days, RAW_KEPT_FOR.days) == (2 * 365, 90)
    assert "is deleted after two years, files that you attach after 90 days" in words
    assert "what you write in answer to a letter" in words
    assert "in answer to a letter" not in " ".join(
        part.body for part in privacy.notice_sections(privacy.NoticeFacts.now())
    )
