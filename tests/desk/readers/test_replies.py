"""Replies of readers on the desk: found, read as words, answered once, marked, and their files given out safely."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone, translation

from newsletter.delivery import tasks
from newsletter.delivery.models import Answer, Reply, ReplyMail
from newsletter.mail import tokens
from tests.delivery.events.test_reply_storing import FILE
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
LIST = "/admin/subscribers/subscriber/sentences/replies/"
SENTENCES = "/admin/subscribers/subscriber/sentences/"


@pytest.fixture(autouse=True)
def _english():
    make_publication(name="Gipi電子報", sender_email="news@news.example.org")
    with translation.override("en"):
        yield


@pytest.fixture
def carer(client):
    client.force_login(make_helper("reader-care", name="mei"))
    return client


def write(text="謝謝", *, reader=True, **fields):
    if reader is True:
        reader = make_subscriber(name="王小明", welcomed_at=timezone.now())
    row = {
        "key": tokens.new_salt(),
        "received_at": timezone.now(),
        "text": text,
        "is_certain": True,
        "subject": "Re: x",
    }
    row |= {
        "subject": "Re: x",
        "sender": reader.email if reader else "x@example.net",
        "message_id": f"<{tokens.new_salt()}@example.org>",
    }
    return Reply.objects.create(subscriber=reader or None, **(row | fields))


def page_of(reply):
    return f"{LIST}{reply.pk}/"


# --- The list ---


def test_those_that_wait_come_first_and_others_stand_apart(carer):
    write("等回覆的信")
    write("回過的信", answered_at=timezone.now())
    write("廣告信", reader=None, is_certain=False)

    shown = {
        show: [text for text in ("等回覆的信", "回過的信", "廣告信") if text in carer.get(f"{LIST}?show={show}").text]
        for show in ("", "all", "others", "nonsense")
    }

    assert shown == {
        "": ["等回覆的信"],
        "all": ["等回覆的信", "回過的信"],
        "others": ["廣告信"],
        "nonsense": ["等回覆的信"],
    }


def test_they_are_found_by_words_issue_and_tag(carer):
    issue = make_issue(make_post(), number=7, subject="第七期")
    one = write("關於槓桿", issue=issue)
    write("關於留白")
    one.tag(["好問題"])

    for query in ("q=槓桿", "q=關於 槓桿", f"issue={issue.pk}", "tag=好問題", f"q={one.sender}"):
        page = carer.get(f"{LIST}?{query}").text
        assert ("關於槓桿" in page, "關於留白" in page) == (True, False), query
    assert "No reply is like that" in carer.get(f"{LIST}?q=nothing").text
    for query in ("issue=x", "tag=unknown", "p=-1", "p=999", "q=%00", f"q={'x' * 500}"):
        assert carer.get(f"{LIST}?{query}").status_code == 200, query


def test_the_queries_do_not_grow_and_no_text_is_read_whole(carer, django_assert_max_num_queries):
    for _ in range(35):
        write("長" * 5000).tag(["a", "b"])

    with django_assert_max_num_queries(16) as asked:
        page = carer.get(LIST).text

    assert "長" * 300 not in page
    assert not [one for one in asked.captured_queries if '"delivery_replymail"."body"' in one["sql"]]


def test_a_list_is_read_as_far_as_the_next_page(carer, monkeypatch):
    """A frequent word stands in each third text of a hundred thousand: nobody leafs through them."""
    monkeypatch.setattr("newsletter.desk.readers.replies.PER_PAGE", 2)
    reader = make_subscriber()
    texts = [write(f"槓桿{number}", reader=reader).text for number in range(5)]

    pages = [carer.get(f"{LIST}?q=槓桿&p={number}") for number in (1, 2, 3, 9)]

    assert [[one.text for one in page.context["page"]] for page in pages] == [
        [texts[4], texts[3]],
        [texts[2], texts[1]],
        [texts[0]],
        [texts[0]],
    ]
    assert [page.context["page"].paginator.count for page in pages] == [3, 5, 5, 5]
    assert ["of 3" in page.text for page in pages] == [False, False, True, True]
    assert ['rel="next"' in page.text for page in pages] == [True, True, False, False]


# --- One of them ---


def test_words_are_shown_as_words(carer):
    reply = write("<script>alert(1)</script>\n> 引文", quoted="<img src=https://t.example/p.gif>")

    response = carer.get(page_of(reply))

    assert "<script>alert" not in response.text
    assert "<img src=https" not in response.text
    assert "&lt;script&gt;alert(1)" in response.text
    assert "What the mail quotes" in response.text


def test_a_conversation_is_shown_in_its_order(carer):
    first = write("第一問", received_at=timezone.now() - timedelta(days=2))
    Answer.objects.write(first, "第一答", timezone.now() - timedelta(days=1), "mei")
    second = write("第二問", reader=first.subscriber, thread=first)

    for one in (first, second):
        page = carer.get(page_of(one)).text
        assert page.index("第一問") < page.index("第一答") < page.index("第二問")


def test_an_answer_of_the_form_is_mailed_once(carer):
    reply = write("請問")

    for _ in range(2):
        response = carer.post(f"{page_of(reply)}answer/", {"text": "答案\r\n在此"}, follow=True)
    tasks.send_welcomes()

    assert "not sent twice" in response.text
    assert [(one.to, one.subject) for one in mail.outbox] == [([reply.sender], "Re: x")]
    assert Answer.objects.get().by == "mei"
    assert "答案" in carer.get(page_of(reply)).text
    assert "Nobody waits for an answer" in carer.get(LIST).text


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_001])
def test_an_answer_without_words_or_with_too_many_is_refused(carer, text):
    reply = write()

    response = carer.post(f"{page_of(reply)}answer/", {"text": text})

    assert response.status_code == 422
    assert not Answer.objects.exists()


def test_who_answered_by_mail_marks_it_and_takes_it_back(carer):
    reply = write()

    carer.post(f"{page_of(reply)}answer/", {"by_mail": "1"})
    assert not Reply.objects.to_answer().exists()
    carer.post(f"{page_of(reply)}answer/", {"open": "1"})

    assert Reply.objects.to_answer().get() == reply
    assert not Answer.objects.exists()


def test_the_own_program_is_opened_in_the_conversation(carer):
    reply = write(message_id="<a+b@example.org>", subject="第七期 & more")

    page = carer.get(page_of(reply)).text

    assert "?subject=Re%3A%20%E7%AC%AC%E4%B8%83%E6%9C%9F%20%26%20more&amp;In-Reply-To=%3Ca%2Bb%40example.org%3E" in page


def test_tags_and_a_note_are_the_authors_own(carer):
    reply = write()

    carer.post(f"{page_of(reply)}mark/", {"tags": "好問題, 引用、好問題，", "note": "下期回答"})
    page = carer.get(page_of(reply)).text

    assert {one.name for one in reply.tags.all()} == {"好問題", "引用"}
    assert "下期回答" in page
    carer.post(f"{page_of(reply)}mark/", {"tags": "", "note": ""})
    assert not reply.tags.exists()


def test_a_conversation_is_deleted_with_all_that_belongs_to_it(carer):
    first = write()
    write(reader=first.subscriber, thread=first)
    Answer.objects.write(first, "好", timezone.now(), "mei")
    other = write()

    carer.post(f"{page_of(first)}mark/", {"delete": "1"})

    assert Reply.objects.get() == other
    assert not Answer.objects.exists()


def test_a_file_is_given_out_to_be_saved_and_never_to_be_shown(carer):
    files = [{"number": 1, "name": '報"告.html', "kind": "text/html", "size": 4}]
    reply = write(files=files)
    ReplyMail.objects.create(reply=reply, body=FILE)

    given = carer.get(f"{page_of(reply)}files/1/")

    assert given.content == b"%PDF"
    assert given.headers["Content-Type"] == "application/octet-stream"
    assert given.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E5%A0%B1%22%E5%91%8A.html"
    assert given.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in given.headers["Content-Security-Policy"]
    assert [carer.get(f"{page_of(reply)}files/{n}/").status_code for n in (0, 2, 999)] == [404] * 3


# --- Elsewhere on the desk ---


def test_without_a_mailbox_the_desk_speaks_of_none_of_it_but_in_the_settings(client, settings):
    client.force_login(make_helper("owner", name="gipi", is_superuser=True))
    off = [client.get(path).text for path in ("/admin/", SENTENCES)]
    line = client.get("/admin/settings/sender/").text
    settings.MAILBOX_URL = "pipe:"
    on = client.get(SENTENCES).text

    assert not [page for page in off if "replies/" in page]
    assert "With MAILBOX_URL they arrive on the desk as well" in line
    assert f'href="{LIST}"' in on


def test_the_first_page_says_how_many_wait(client):
    client.force_login(make_helper("owner", name="gipi", is_superuser=True))
    write()
    write()

    assert "2 replies wait for your answer" in client.get("/admin/").text
