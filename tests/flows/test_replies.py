"""A reader answers an issue, is answered, lets themself be quoted, is read by everybody, and is erased on wish."""

import io
import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone, translation

from newsletter.delivery import tasks
from newsletter.delivery.author import alerts
from newsletter.delivery.letter import rendering
from newsletter.delivery.models import Answer, Delivery, InboundMessage, Quote, Reply, ReplyMail
from newsletter.delivery.models.mailing import Alert
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.readers import quoting
from subscribers.models import Subscriber
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.exhaustive]
LIST = "/admin/subscribers/subscriber/sentences/replies/"
WORDS = "第三段關於留白的例子最有用。"


@pytest.fixture(autouse=True)
def _publication():
    make_publication(name="Gipi電子報", sender_email="news@news.example.org", reply_to="gipi@example.net")
    with translation.override("en"):
        yield


@pytest.fixture
def reader(db):
    return make_subscriber("ming@example.org", name="王小明", welcomed_at=timezone.now())


@pytest.fixture
def letter(reader):
    """The reader's copy of issue 7, as it left."""
    now = timezone.now()
    mailing = approving.approve(
        make_issue(make_post("管理槓桿"), number=7, subject="第七期"), send_at=None, now=now, hold=timedelta()
    )
    beginning.plan_mailing(mailing, now)
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=now, attempts=1)
    return rendering.build_copy(mailing, reader, ids=(mailing.pk, mailing.deliveries.get().seq)).message()


@pytest.fixture
def pipe(monkeypatch):
    def hand_over(octets):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets)))
        call_command("receive_mail")
        while InboundMessage.objects.waiting().exists():
            tasks.apply_events()

    return hand_over


def reply_to(letter, text, *, sender="王小明 <ming@example.org>", name="<1@phone.example>"):
    """Return what a mail program makes of an answer, with the letter quoted below and a picture."""
    answer = EmailMessage(policy=policy.SMTP)
    answer["From"], answer["To"], answer["Subject"] = sender, letter["Reply-To"], f"Re: {letter['Subject']}"
    answer["Message-ID"], answer["In-Reply-To"], answer["References"] = name, letter["Message-ID"], letter["Message-ID"]
    answer.set_content(f"{text}\n\nOn Tue, Nov 3, 2026 Gipi <news@news.example.org> wrote:\n> 管理槓桿\n")
    answer.add_alternative(f"<p>{text}</p><script>alert(1)</script><img src='https://t.example/p.gif'>", subtype="html")
    answer.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="手稿.png")
    return answer.as_bytes()


def sent_to(address):
    return [
        message_from_bytes(one.message().as_bytes())
        for one in mail.outbox
        if one.to[0].endswith(f"<{address}>") or one.to == [address]
    ]


def test_from_the_readers_answer_to_the_next_issue_and_out_of_it(author, reader, letter, pipe, client):
    # Their answer arrives, with the issue and whose it is.
    pipe(reply_to(letter, WORDS))
    reply = Reply.objects.get()
    page = author.get(f"{LIST}{reply.pk}/").text
    assert (reply.subscriber, reply.is_certain, reply.issue.number) == (reader, True, 7)
    assert WORDS in author.get(LIST).text
    assert WORDS in page
    assert "手稿.png" in page
    assert "alert(1)" not in page
    assert "t.example" not in page
    assert "One reply waits for your answer" in author.get("/admin/").text

    # The author answers, and the reader's next mail goes on with it.
    author.post(f"{LIST}{reply.pk}/answer/", {"text": "謝謝你。"})
    tasks.send_welcomes()
    [answer] = sent_to("ming@example.org")
    assert answer["In-Reply-To"] == "<1@phone.example>"
    assert "<news@news.example.org>" in answer["From"]
    pipe(reply_to(answer, "不客氣", name="<2@phone.example>"))
    assert Reply.objects.get(text="不客氣").thread == reply

    # The author asks for a quote; GET of the link changes nothing; the reader chooses a name.
    author.post(f"{LIST}{reply.pk}/quote/", {"passage": "留白的例子最有用"})
    tasks.send_welcomes()
    asked = sent_to("ming@example.org")[-1].get_payload(0).get_payload(decode=True).decode()
    link = re.search(r"https://news\.example\.org(/quote/\w+/)", asked)[1]
    client.logout()
    assert "留白的例子最有用" in client.get(link).text
    assert Quote.objects.get().state == "asked"
    assert client.post(link, {"allow": "1", "name": "小明，台南"}).status_code == 302
    assert Quote.objects.get().name == "小明，台南"

    # It stands in the next issue: letter, text, page and feed.
    issue = make_issue(make_post("另一篇"), number=8, subject="第八期")
    client.force_login(make_helper("owner", name="gipi2", is_superuser=True))
    assert "Put it into issue 8" in client.get("/admin/subscribers/subscriber/sentences/quotes/").text
    client.post(f"/admin/subscribers/subscriber/sentences/quotes/{Quote.objects.get().pk}/place/")
    frozen = rendering.freeze_letter(issue)
    for part in (frozen.html, frozen.text):
        assert "留白的例子最有用" in part
        assert "小明，台南" in part
    assert "王小明" not in frozen.html
    issue.mark_sent(timezone.now())
    for path in ("/issues/8/", "/issues/feed.xml"):
        assert "小明，台南" in client.get(path).text, path
    assert "cannot be taken back" in client.get(link).text
    assert client.post(link, {"decline": "1"}).status_code == 409

    # Who is erased is gone, from the public page as well.
    Subscriber.objects.get().erase()
    assert not [model for model in (Reply, ReplyMail, Answer, Quote) if model.objects.exists()]
    assert "小明" not in client.get("/issues/8/").text
    assert client.get(link).status_code == 404


# --- What a reader may say to a quote ---


@pytest.fixture
def quote(reader):
    row = {"sender": reader.email, "sender_name": "王小明", "text": WORDS, "received_at": timezone.now()}
    reply = Reply.objects.create(key="k", subscriber=reader, is_certain=True, **row)
    assert Quote.objects.ask(reply, "留白的例子最有用", timezone.now(), "gipi")
    return Quote.objects.get()


def path(quote):
    return f"/quote/{quote.token}/"


@pytest.mark.parametrize(("typed", "name"), [("", ""), (" ", ""), (" 小\u202e明\r\nBcc: x ", "小明 Bcc: x")])
def test_the_reader_chooses_the_name(client, quote, typed, name):
    client.post(path(quote), {"allow": "1", "name": typed})

    quote.refresh_from_db()
    assert (quote.state, quote.name) == ("allowed", name)


def test_a_name_that_is_too_long_allows_nothing(client, quote):
    assert client.post(path(quote), {"allow": "1", "name": "x" * 41}).status_code == 422
    quote.refresh_from_db()
    assert quote.state == "asked"


def test_no_is_no_and_can_become_yes_within_the_time(client, quote):
    client.post(path(quote), {"decline": "1"})
    assert "It is not quoted" in client.get(path(quote)).text

    client.post(path(quote), {"allow": "1"})

    assert "as said by a reader" in client.get(path(quote)).text


def test_the_question_expires(client, quote):
    Quote.objects.update(asked_at=timezone.now() - timedelta(days=61))

    assert "The time to say yes is over" in client.get(path(quote)).text
    assert client.post(path(quote), {"allow": "1"}).status_code == 409
    assert not Quote.objects.allowed().exists()


@pytest.mark.parametrize("token", ["x", "0" * 17, "1" + "a" * 16])
def test_another_token_opens_nothing(client, quote, reader, token):
    for one in (token, reader.token("feedback"), reader.token("unsubscribe")):
        answer = client.get(f"/quote/{one}/")
        assert answer.status_code == 404
        assert "This link does not open" in answer.text  # and not that a subscription has ended


def placed(quote, issue):
    client_says = {"state": Quote.State.ALLOWED, "name": "小明", "issue": issue, "placed_at": timezone.now()}
    Quote.objects.filter(pk=quote.pk).update(**client_says)


def test_what_is_taken_back_before_the_issue_leaves_leaves_the_approved_letter_too(client, quote):
    issue = make_issue(make_post(), number=8, subject="第八期")
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())
    assert "留白的例子" in mailing.html

    client.post(path(quote), {"decline": "1"})

    mailing.refresh_from_db()
    quote.refresh_from_db()
    assert (quote.state, quote.issue, quote.name) == ("withdrawn", None, "")
    assert "留白的例子" not in mailing.html + mailing.text
    assert mailing.state == "scheduled"


def test_an_approved_issue_that_was_changed_since_stops_instead_of_leaving_unseen(client, quote):
    issue = make_issue(make_post(), number=8, subject="第八期")
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())
    type(issue).objects.filter(pk=issue.pk).update(introduction="還沒看過的開頭")

    client.post(path(quote), {"decline": "1"})

    mailing.refresh_from_db()
    assert mailing.state == "paused"
    assert "還沒看過的開頭" not in mailing.html
    assert not Quote.objects.allowed().exists()


def test_what_was_taken_back_goes_on_only_with_a_text_that_lacks_it(author, client, quote):
    """The author is told by mail; "Resume" says what is to be done first, and sends nothing."""
    issue = make_issue(make_post(), number=8, subject="第八期")
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())
    type(issue).objects.filter(pk=issue.pk).update(introduction="還沒看過的開頭")
    client.post(path(quote), {"decline": "1"})
    page = f"/admin/delivery/mailing/{mailing.pk}/resume/"

    refused = author.post(page, follow=True)

    mailing.refresh_from_db()
    assert (mailing.state, mailing.paused_by) == ("paused", "quote")
    assert "Replace the text by the current one" in refused.text
    assert [kind for kind, _words in alerts._current_alerts(mailing)] == [Alert.Kind.STOPPED]
    assert not mailing.resume(now, timedelta())

    assert approving.refreeze(mailing, now=now)
    mailing.refresh_from_db()
    assert "留白的例子" not in mailing.html
    assert mailing.resume(now, timedelta())


@pytest.mark.parametrize("is_changed", [False, True])
def test_who_is_erased_is_quoted_in_no_letter_that_has_not_left(quote, reader, is_changed):
    issue = make_issue(make_post(), number=8, subject="第八期")
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())
    if is_changed:
        type(issue).objects.filter(pk=issue.pk).update(introduction="還沒看過的開頭")

    reader.erase()

    mailing.refresh_from_db()
    assert mailing.state == "paused" if is_changed else "留白的例子" not in mailing.html + mailing.text
    assert not Quote.objects.exists()


def test_a_no_that_meets_an_approval_leaves_the_letter_too(quote):
    issue, read_before = make_issue(make_post(), number=8, subject="第八期"), Quote.objects.get()
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())

    assert quoting.decline_quote(read_before, now)

    mailing.refresh_from_db()
    assert "留白的例子" not in mailing.html + mailing.text


def test_a_no_that_meets_the_first_copy_stops_no_mailing(quote, monkeypatch):
    issue = make_issue(make_post(), number=8, subject="第八期")
    placed(quote, issue)
    now = timezone.now()
    mailing = approving.approve(issue, send_at=None, now=now, hold=timedelta())
    refreeze = approving.refreeze

    def begin_first(*args, **options):
        beginning.plan_mailing(type(mailing).objects.get(), now)
        return refreeze(*args, **options)

    monkeypatch.setattr(approving, "refreeze", begin_first)

    assert not quoting.decline_quote(quote, now)


@pytest.mark.parametrize(
    ("fields", "passage", "why"),
    [
        ({}, "不在信裡的話", "are not in the reply"),
        ({}, "", "Copy the passage"),
        ({}, "x" * 1501, "at most 1500"),
        ({"sender": "friend@example.net"}, WORDS, "from their own address"),
        ({"subscriber": None}, WORDS, "from their own address"),
    ],
)
def test_only_words_of_a_reader_are_asked_for(author, reader, fields, passage, why):
    row = {"sender": reader.email, "subscriber": reader, "text": WORDS, "received_at": timezone.now()}
    reply = Reply.objects.create(key="k", **(row | fields))

    response = author.post(f"{LIST}{reply.pk}/quote/", {"passage": passage})

    assert response.status_code == 422
    assert not Quote.objects.exists()
    if reader.email == reply.sender and reply.subscriber:
        assert why in response.text


def test_a_reader_is_asked_once_about_the_same_words(author, quote):
    author.post(f"{LIST}{quote.reply_id}/quote/", {"passage": "留白的例子最有用"})
    tasks.send_welcomes()
    tasks.send_welcomes()

    assert Quote.objects.count() == len(sent_to("ming@example.org")) == 1


def test_a_quote_is_placed_and_taken_out_only_before_the_issue_is_approved(author, quote):
    place = f"/admin/subscribers/subscriber/sentences/quotes/{quote.pk}/place/"
    issue = make_issue(make_post(), number=8, subject="第八期")
    author.post(place)
    assert Quote.objects.get().issue is None  # nobody has allowed it
    Quote.objects.update(state="allowed")
    author.post(place)
    assert Quote.objects.get().issue == issue
    author.post(place, {"out": "1"})
    assert Quote.objects.get().issue is None
    author.post(place)
    now = timezone.now()
    approving.approve(issue, send_at=now + timedelta(days=1), now=now, hold=timedelta())

    author.post(place, {"out": "1"})

    assert Quote.objects.get().issue == issue
