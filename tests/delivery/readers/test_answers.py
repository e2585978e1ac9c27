"""The author's answer to a reader: one mail, in their conversation, to the address that wrote, and never twice."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone, translation

from newsletter.delivery import tasks
from newsletter.delivery.models import Answer, Reply
from newsletter.delivery.readers import quoting
from newsletter.mail import tokens
from subscribers.models import Suppression, address_hash
from tests.factories import make_publication, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english():
    make_publication(sender_email="news@news.example.org", reply_to="gipi@example.net", name="Gipi電子報")
    with translation.override("en"):
        yield


@pytest.fixture
def reply(db):
    reader = make_subscriber("a@example.org", welcomed_at=timezone.now())
    return make_reply(reader)


def make_reply(reader, **fields):
    row = {
        "subject": "第七期",
        "text": "第三段\n是什麼意思？",
        "message_id": "<r@example.org>",
        "sender_name": "王小明",
    }
    row |= {
        "key": tokens.new_salt(),
        "sender": reader.email,
        "sender_name": "王小明",
        "received_at": timezone.now() - timedelta(hours=1),
    }
    return Reply.objects.create(subscriber=reader, **(row | fields))


def write(reply, text="就是字面的意思。", by="gipi"):
    return Answer.objects.write(reply, text, timezone.now(), by)


def test_an_answer_goes_to_who_wrote_under_what_they_wrote(reply):
    assert write(reply)

    tasks.send_welcomes()

    [sent] = mail.outbox
    answer = Answer.objects.get()
    fields = sent.message()
    assert sent.to == ['"王小明" <a@example.org>']
    assert sent.from_email == '"Gipi電子報" <news@news.example.org>'
    assert sent.reply_to == ["gipi@example.net"]
    assert sent.subject == "Re: 第七期"
    assert (fields["In-Reply-To"], fields["References"]) == ("<r@example.org>", "<r@example.org>")
    assert fields["Message-ID"] == answer.message_id
    assert fields["Auto-Submitted"] is None
    assert "就是字面的意思。" in sent.body
    assert "> 第三段" in sent.body or "第三段" in sent.body
    assert "<blockquote" in sent.alternatives[0][0]
    assert (answer.state, answer.due_at) == (Answer.State.SENT, None)
    assert Reply.objects.get().answered_at


def test_other_words_are_another_mail_that_refers_to_all_before(reply):
    write(reply)
    first = Answer.objects.get().message_id
    again = make_reply(
        reply.subscriber, thread=reply, message_id="<s@example.org>", received_at=timezone.now() + timedelta(minutes=1)
    )
    write(again, "再說一次。")

    fields = quoting.build_answer(Answer.objects.latest("pk")).message()

    assert fields["In-Reply-To"] == "<s@example.org>"
    assert fields["References"].split() == ["<r@example.org>", first, "<s@example.org>"]


def test_what_was_typed_is_words_and_no_markup(reply):
    write(reply, "<script>alert(1)</script> & https://example.org/a")
    html = quoting.build_answer(Answer.objects.get()).alternatives[0][0]

    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert 'href="https://example.org/a"' in html


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Re: 第七期", "Re: 第七期"),
        ("回覆：第七期", "回覆：第七期"),
        ("", "Re: Gipi電子報"),
        ("長" * 199, "Re: " + "長" * 196),
    ],
)
def test_one_re_is_enough(reply, given, sent):
    reply.subject = given

    assert quoting.answer_subject(reply, make_publication(name="Gipi電子報")) == sent


def test_no_mail_goes_to_an_address_that_must_not_be_mailed(reply):
    Suppression.objects.create(email="a@example.org", address_hash=address_hash("a@example.org"), reason="complained")
    write(reply)

    tasks.send_welcomes()

    answer = Answer.objects.get()
    assert mail.outbox == []
    assert answer.state == Answer.State.FAILED
    assert answer.response.startswith("No mail goes to this address")


def test_a_reader_who_is_erased_before_it_leaves_gets_nothing(reply):
    write(reply)
    reply.subscriber.erase()

    tasks.send_welcomes()

    assert mail.outbox == []
