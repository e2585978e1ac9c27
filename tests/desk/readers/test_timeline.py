from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from newsletter.desk.readers import timeline
from subscribers.models import Consent, Note, Subscriber
from subscribers.models.consents import ConsentDetails
from tests.desk.readers.test_list import make_sent
from tests.factories import make_helper, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"


@pytest.fixture(autouse=True)
def publication():
    with translation.override("en"):
        yield make_publication()


def pages_of(reader: Subscriber) -> list[list[str]]:
    """What each page of the story says."""
    pages: list[list[str]] = []
    before: Any = None
    while not pages or before:
        lines, before = timeline.timeline_page(
            reader, before and timeline.TimelineCursor.parse(str(before)), with_copies=True
        )
        pages.append([line.what for line in lines])
    return pages


def test_what_was_said_sent_and_written_stands_in_one_order():
    now, reader = timezone.now(), make_subscriber("new@example.org")
    Consent.objects.add(reader, Consent.Kind.ASKED, ConsentDetails("web:page", "我要訂閱"), now - timedelta(days=3))
    reader.address_changes.create(email="other@example.org", asked_at=now - timedelta(days=2))
    sent = make_sent(subject="一期")
    Note.objects.create(subscriber=reader, at=now + timedelta(hours=1), by="gipi", text="讀書會認識的")

    lines, following = timeline.timeline_page(reader, None, with_copies=True)

    assert [line.what for line in lines] == [
        "Note",
        f"{sent.issue}: sent",
        "Asked to move to other@example.org",
        "asked",
    ]
    assert lines[1].details == ("250 2.0.0 OK",)
    assert lines[3].details == ("web:page", "Text shown: 我要訂閱")
    assert following is None


def test_each_line_stands_on_one_page(monkeypatch):
    monkeypatch.setattr(timeline, "COPIES_PER_PAGE", 2)
    reader = make_subscriber()
    Note.objects.create(subscriber=reader, at=timezone.now() - timedelta(days=9), text="first")
    mailings = [make_sent() for _number in range(5)]
    Note.objects.create(subscriber=reader, at=timezone.now(), text="last")

    pages = pages_of(reader)
    said = [what for page in pages for what in page]

    assert said == ["Note", *(f"{one.issue}: sent" for one in reversed(mailings)), "Note"]
    assert max(map(len, pages)) <= 5


def test_a_page_costs_as_many_queries_however_much_was_sent(admin_client):
    reader = make_subscriber()

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(f"{READERS}{reader.pk}/change/")
        return len(asked)

    make_sent()
    queries()
    few = queries()
    for _number in range(6):
        make_sent()
        Note.objects.create(subscriber=reader, at=timezone.now(), text="x")

    assert queries() == few


def test_who_may_not_look_at_mailings_sees_no_copies(client):
    reader = make_subscriber()
    sent = make_sent(subject="還沒有人知道的題目")
    client.force_login(make_helper("reader-care"))

    text = client.get(f"{READERS}{reader.pk}/change/").text

    assert "Story" in text
    assert f"{sent.issue}: sent" not in text


def test_a_note_is_written_and_removed(admin_client):
    reader, other = make_subscriber(), make_subscriber()

    admin_client.post(f"{READERS}{reader.pk}/note/", {"text": "讀書會認識的\n第二行\u202e"})
    [note] = Note.objects.all()
    page = admin_client.get(f"{READERS}{reader.pk}/change/")
    admin_client.post(f"{READERS}{other.pk}/note/", {"remove": str(note.pk)})

    assert (note.subscriber, note.by, note.text) == (reader, "admin", "讀書會認識的\n第二行")
    assert "讀書會認識的<br>第二行" in page.text
    assert Note.objects.exists()  # it is not about the other

    admin_client.post(f"{READERS}{reader.pk}/note/", {"remove": str(note.pk)})
    assert not Note.objects.exists()
