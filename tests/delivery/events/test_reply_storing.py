"""A reader's mail becomes a reply: surely theirs, perhaps theirs, or nobody's; once, and erased with them."""

from datetime import timedelta

import pytest

from newsletter.delivery.events import applying
from newsletter.delivery.models import Answer, Delivery, InboundMessage, Reply, ReplyMail
from newsletter.delivery.models.replies import RAW_KEPT_FOR, REPLIES_KEPT_FOR, STRANGERS_KEPT_FOR
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW, begin_mailing, make_seventh_issue
from tests.delivery.events.conftest import seq_of
from tests.delivery.events.mails import message_id, plain
from tests.factories import make_publication, make_subscriber

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def write():
    """A mailing to a@, b@ and c@example.org, all of whose copies were handed over."""
    make_publication(sender_email="news@news.example.org", reply_to="gipi@example.net")
    mailing = begin_mailing(make_seventh_issue(), "abc")
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=NOW, attempts=1)
    return mailing


def receive(*mails, at=NOW + DAY):
    for body in mails:
        InboundMessage.objects.store(InboundMessage.MAIL, body, at)
    while InboundMessage.objects.waiting().exists():
        applying.apply_waiting(at, 1)
    return list(Reply.objects.order_by("pk"))


def answering(mailing, *, of="a", sender="a@example.org", text="謝謝", name="<p@example.org>"):
    """Return a reply to the copy of one reader, from any address."""
    answered = f"In-Reply-To: {message_id(mailing, seq_of(mailing, of))}\n"
    return plain(text, sender=sender, extra=answered).replace(b"<p@example.org>", name.encode())


def of(reply):
    return (reply.subscriber and reply.subscriber.email, reply.is_certain, reply.issue and reply.issue.number)


def test_a_reply_to_ones_own_copy_is_surely_theirs(mailing):
    (reply,) = receive(answering(mailing, text="謝謝這一期\n\n> 第七期"))

    assert of(reply) == ("a@example.org", True, 7)
    assert (reply.text, reply.quoted, reply.subject) == ("謝謝這一期", "> 第七期", "Re: Issue 7")
    assert (reply.received_at, reply.answered_at) == (NOW + DAY, None)


def test_the_copy_is_also_found_by_what_a_thread_refers_to(mailing):
    refers = f"In-Reply-To: <x@phone.example>\nReferences: {message_id(mailing, seq_of(mailing))} <x@phone.example>\n"
    (reply,) = receive(plain("hi", extra=refers))

    assert of(reply) == ("a@example.org", True, 7)


def test_an_address_alone_says_only_who_it_may_be(mailing):
    (reply,) = receive(plain("hi"))

    assert of(reply) == ("a@example.org", False, None)


def test_a_copy_that_was_passed_on_says_only_whose_it_was(mailing):
    (reply,) = receive(answering(mailing, sender="friend@example.net"))

    assert of(reply) == ("a@example.org", False, 7)


def test_a_reader_who_names_the_copy_of_another_is_not_the_other(mailing):
    (reply,) = receive(answering(mailing, of="b", sender="a@example.org"))

    assert of(reply) == ("a@example.org", False, 7)


def test_a_forged_name_of_a_copy_proves_nothing(mailing):
    forged = f"In-Reply-To: <issue.{mailing.pk}.{seq_of(mailing)}.0123456789abcdef@news.example.org>\n"
    (reply,) = receive(plain("I am a", extra=forged))

    assert of(reply) == ("a@example.org", False, None)


def test_a_reader_who_has_moved_is_known_by_the_new_address(mailing):
    reader = Subscriber.objects.get(email="a@example.org")
    moved = make_subscriber("new@example.org")
    hash_of_new = moved.address_hash
    moved.delete()
    Subscriber.objects.filter(pk=reader.pk).update(email="new@example.org", address_hash=hash_of_new)
    seq = mailing.deliveries.get(subscriber=reader).seq
    (reply,) = receive(plain("hi", sender="new@example.org", extra=f"In-Reply-To: {message_id(mailing, seq)}\n"))

    assert of(reply) == ("new@example.org", True, 7)


def test_a_mail_of_nobody_we_know_waits_for_no_answer(mailing):
    (reply,) = receive(plain("Buy now", sender="sales@example.net"))

    assert of(reply) == (None, False, None)
    assert not Reply.objects.to_answer().exists()
    assert Reply.objects.by_strangers().get() == reply


def test_what_is_no_reply_becomes_none(mailing):
    receive(
        plain("gone fishing", extra="Auto-Submitted: auto-replied\n"),
        plain("unsubscribe", to=f"bounces+{Subscriber.objects.first().token('unsubscribe')}@news.example.org"),
    )

    assert not Reply.objects.exists()


def test_the_same_mail_by_two_ways_is_one_reply(mailing):
    body = answering(mailing)

    assert len(receive(body, b"Received: by another.example\n" + body)) == 1


FILE = b"""From: a@example.org
Message-ID: <f@example.org>
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

see
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename=a.pdf

%PDF
--x--
"""


def test_octets_are_kept_once_and_only_for_files(mailing):
    receive(FILE, answering(mailing))

    assert {bytes(one) for one in InboundMessage.objects.values_list("body", flat=True)} == {b""}
    assert bytes(ReplyMail.objects.get().body) == FILE
    assert ReplyMail.objects.get().reply.files == [{"number": 1, "name": "a.pdf", "kind": "application/pdf", "size": 4}]


# --- Conversations ---


def test_what_answers_our_answer_goes_on_with_the_conversation(mailing):
    (first,) = receive(answering(mailing))
    Answer.objects.write(first, "不客氣", NOW + DAY, "gipi")
    ours = Answer.objects.get().message_id
    again = plain("再問一題", extra=f"In-Reply-To: {ours}\n").replace(b"<p@example.org>", b"<q@example.org>")
    first, second = receive(again, at=NOW + 2 * DAY)

    assert of(second) == ("a@example.org", True, 7)
    assert second.thread_id == first.pk
    assert list(Reply.objects.thread(second)) == [first, second]
    assert (first.answered_at is not None, second.answered_at) == (True, None)


def test_somebody_else_who_names_our_answer_is_no_part_of_the_conversation(mailing):
    (first,) = receive(answering(mailing))
    Answer.objects.write(first, "不客氣", NOW + DAY, "gipi")
    ours = Answer.objects.get().message_id
    forged = plain("I am a", sender="x@example.net", extra=f"In-Reply-To: {ours}\n")
    _first, second = receive(forged.replace(b"<p@example.org>", b"<q@example.net>"))

    assert (second.subscriber, second.thread) == (None, None)


@pytest.mark.parametrize("own", ["gipi@example.net", "news@news.example.org"])
def test_an_answer_by_the_authors_own_program_answers_the_reply(mailing, own):
    (first,) = receive(answering(mailing, name="<first@example.org>"))
    sent = plain("不客氣！\n\n> 謝謝", sender=own, extra="In-Reply-To: <first@example.org>\n")
    receive(sent, sent, at=NOW + 2 * DAY)
    first.refresh_from_db()

    answer = Answer.objects.get()
    assert (answer.text, answer.state, answer.due_at) == ("不客氣！", Answer.State.BY_MAIL, None)
    assert first.answered_at == NOW + 2 * DAY
    assert Reply.objects.count() == 1


def test_a_mail_of_a_stranger_answers_nothing(mailing):
    receive(answering(mailing, name="<first@example.org>"))
    receive(plain("x", sender="x@example.net", extra="In-Reply-To: <first@example.org>\n"))

    assert not Answer.objects.exists()
    assert Reply.objects.to_answer().count() == 1


# --- How long ---


def test_what_was_written_is_erased_with_its_reader(mailing):
    (reply,) = receive(FILE)
    Answer.objects.write(reply, "好", NOW, "gipi")

    reply.subscriber.erase()

    assert not Reply.objects.exists()
    assert not ReplyMail.objects.exists()
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("after", "replies", "mails"),
    [
        (RAW_KEPT_FOR - DAY, 2, 1),
        (STRANGERS_KEPT_FOR + DAY, 1, 0),
        (RAW_KEPT_FOR + DAY, 1, 0),
        (REPLIES_KEPT_FOR + DAY, 0, 0),
    ],
)
def test_each_is_kept_for_its_time(mailing, after, replies, mails):
    receive(FILE, plain("Buy", sender="sales@example.net"), at=NOW)

    Reply.objects.forget(NOW + after)

    assert (Reply.objects.count(), ReplyMail.objects.count()) == (replies, mails)


def test_hostile_mails_stop_no_other(mailing):
    deep = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(1000))
    hostile = [
        f"From: x@example.net\nMessage-ID: <deep@x>\n{deep}".encode(),
        b"From: x@example.net\nMessage-ID: <big@x>\n\n" + b"x" * 20 * 1024 * 1024,
        b"\x00\xff\xfe",
        b"From: " + b"<" * 10_000 + b"\nSubject: " + b"=?utf-8?q?" * 5000 + b"\n\nx",
        b"Content-Type: text/plain; charset=" + b"x" * 5000 + b"\n\nx",
        b"From: x@example.net\nContent-Type: text/plain; charset*=utf-8''%FF%FE; name*0=a; name*1*=b\n\nx",
        b"From: x@example.net\nContent-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n" * 400,
    ]

    receive(*hostile, answering(mailing))

    assert not InboundMessage.objects.waiting().exists()
    assert Reply.objects.filter(subscriber__email="a@example.org").get().is_certain
    assert not InboundMessage.objects.filter(state="unreadable").exists()
