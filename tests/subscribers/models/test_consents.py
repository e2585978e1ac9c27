import re
from datetime import timedelta
from html import unescape

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import Client

from subscribers import tasks
from subscribers.forms import sign_timestamp
from subscribers.mails import address_change
from subscribers.models import Subscriber, address_hash
from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import IP_LIFETIME, Consent, ConsentDetails, ConsentText
from subscribers.signup import sign_up as ask_for
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import ONE_CLICK

Kind = Consent.Kind
HOME = ConsentDetails("web:home", "words", "203.0.113.7")


def kinds(reader: Subscriber) -> list[str]:
    return [line.kind for line in reader.consents.all()]


def said(response) -> str:
    """Return the words of a page, one space between them, without its tags."""
    return " ".join(
        unescape(
            re.sub(r"<[^>]+>", " ", re.sub(r'<span class="name">(.*?)</span>', r"\1", response.content.decode()))
        ).split()
    )


# --- One line an event ---


def test_a_life_of_a_subscription_is_a_record(client, sign_up, letters, clock):
    sign_up("reader@example.org", REMOTE_ADDR="203.0.113.7")
    letters()
    reader = Subscriber.objects.get()
    client.post(path_of(reader.confirm_url), REMOTE_ADDR="203.0.113.8")
    clock.shift(timedelta(days=1))
    client.post(path_of(reader.unsubscribe_url), ONE_CLICK)
    reader.refresh_from_db()
    client.post(path_of(reader.undo_url), REMOTE_ADDR="203.0.113.9")
    reader.refresh_from_db()
    client.post(path_of(reader.data_url(NOW + timedelta(days=1))) + "address/", {"email": "new@example.net"})
    client.post(path_of(AddressChange.objects.get().confirm_url))

    rows = [(line.kind, line.at, line.source, line.ip) for line in reader.consents.all()]
    assert rows == [
        (Kind.ASKED, NOW, "web:home", "203.0.113.7"),
        (Kind.CONFIRMED, NOW, "link", "203.0.113.8"),
        (Kind.WITHDREW, NOW + timedelta(days=1), "one click", None),
        (Kind.CAME_BACK, NOW + timedelta(days=1), "undo", "203.0.113.9"),
        (Kind.MOVED, NOW + timedelta(days=1), "link in the new mailbox", "127.0.0.1"),
    ]
    assert {line.address_hash for line in reader.consents.all()} == {address_hash("reader@example.org")}


def test_what_is_done_twice_is_one_line(client, reader):
    for _ in range(2):
        client.post(path_of(reader.unsubscribe_url))

    assert kinds(reader) == [Kind.ASKED, Kind.CONFIRMED, Kind.WITHDREW]


def test_a_stranger_who_signs_a_reader_up_again_changes_nothing_of_the_proof(sign_up, reader, clock):
    before = list(reader.consents.values())
    clock.shift(timedelta(days=2))

    sign_up("reader@example.org", place="forged", REMOTE_ADDR="198.51.100.1")

    assert list(reader.consents.values()) == before


def test_a_stranger_who_signs_up_somebody_who_left_adds_a_line_that_proves_nothing(sign_up, reader, clock):
    reader.unsubscribe(NOW)
    before = list(reader.consents.values())
    clock.shift(timedelta(days=2))

    sign_up("reader@example.org", place="forged", REMOTE_ADDR="198.51.100.1")

    assert list(reader.consents.values())[:-1] == before
    assert kinds(reader)[-1] == Kind.ASKED
    reader.refresh_from_db()
    assert reader.state == Subscriber.State.UNSUBSCRIBED


def test_a_sign_up_that_sends_no_mail_leaves_no_line():
    for number in range(5):
        ask_for(f"v.ictim+{number}@gmail.com", HOME, NOW)

    assert Consent.objects.count() == Subscriber.objects.count() == 3


def test_who_signs_up_at_the_address_that_a_reader_moves_to_has_his_lines_taken_over():
    mover, other = make_subscriber("old@example.org"), make_subscriber("new@example.net")
    other.unsubscribe(NOW, ConsentDetails("page"))
    address_change.request_change(mover, "new@example.net", NOW)

    address_change.confirm_change(AddressChange.objects.get(), NOW)

    assert kinds(mover) == [Kind.MOVED, Kind.WITHDREW]
    assert Consent.objects.count() == 2


def test_an_import_writes_a_line_for_whom_it_makes_a_reader_or_ends(tmp_path):
    make_subscriber("here@example.org")
    ended, waits = make_subscriber("ended@example.org"), make_subscriber("waits@example.org", state="pending")
    file = tmp_path / "readers.csv"
    file.write_text(
        "email,state,consent_at\nnew@example.org,active,2024-05-01T00:00:00Z\nleft@example.org,unsubscribed,\n"
        "pending@example.org,pending,\nhere@example.org,active,\nended@example.org,unsubscribed,\n"
        "waits@example.org,active,\n"
    )
    for _ in range(2):
        call_command("import_subscribers", file)

    lines = Consent.objects.order_by("subscriber__email").values_list("subscriber__email", "kind", "source")
    source = "import on 2026-11-24"
    assert list(lines) == [
        (ended.email, Kind.WITHDREW, source),
        ("left@example.org", Kind.WITHDREW, source),
        ("new@example.org", Kind.IMPORTED, source),
        (waits.email, Kind.IMPORTED, source),
    ]
    new = Consent.objects.get(subscriber__email="new@example.org")
    assert (f"{new.at:%Y-%m-%d}", new.address_hash) == ("2024-05-01", address_hash("new@example.org"))


def test_erasing_deletes_every_line(reader):
    reader.erase()

    assert not Consent.objects.exists()


# --- It only grows ---


@pytest.mark.parametrize("change", [{"at": NOW}, {"kind": "imported"}, {"source": "x"}, {"address_hash": "x"}])
def test_the_database_refuses_to_change_a_line(reader, change):
    with pytest.raises(DatabaseError, match="the record of consent only grows"), transaction.atomic():
        Consent.objects.update(**change)


def test_the_database_refuses_to_change_the_words(reader):
    with pytest.raises(DatabaseError, match="the record of consent only grows"), transaction.atomic():
        ConsentText.objects.update(words="other words")


def test_an_ip_address_goes_after_a_year_and_nothing_else_does(reader, clock):
    before = list(reader.consents.values())
    ips = [line["ip"] for line in before]

    early = Consent.objects.delete_old_ips(NOW + IP_LIFETIME - timedelta(seconds=1))
    clock.shift(IP_LIFETIME + timedelta(days=1))
    tasks.forget_unconfirmed()

    assert early == 0
    assert None not in ips
    assert list(reader.consents.values()) == [line | {"ip": None} for line in before]


# --- The words ---


def test_the_same_words_are_kept_once():
    for number in range(3):
        ask_for(f"reader{number}@example.org", HOME, NOW)

    assert ConsentText.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", "home"),
        ("/subscribe/", "subscribe"),
        ("/posts/", "posts"),
        ("/p/1/", "post"),
        ("/issues/1/", "issue"),
        ("/issues/", "archive"),
        ("/about/", "about"),
        ("/tags/lever/", "tag"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_every_form_is_kept_with_the_words_that_its_own_page_shows(path, place, language, written):
    make_publication(
        promise="每兩週一封，談管理。", takes_readers=True, sender_email="n@example.org", language=language
    )
    client = Client()
    page = client.get(path, follow=True)
    assert f'name="place" value="{place}"' in page.content.decode()
    data = {"email": "reader@example.org", "place": place, "stamp": sign_timestamp(NOW - timedelta(seconds=9))}

    client.post("/subscribe/", data)

    words, shown = Consent.objects.get().text.words, said(page)
    assert len(words.splitlines()) >= 5
    for line in words.splitlines():
        assert " ".join(line.split()) in shown, line


@pytest.fixture
def written():
    post = make_post("管理槓桿", tags=("lever",), pk=1)
    make_issue(post, number=1, sent_at=NOW)


def test_of_a_form_that_is_not_ours_only_the_form_is_known(sign_up):
    sign_up("reader@example.org", place="elsewhere")

    assert "You get a letter" not in Consent.objects.get().text.words


def test_the_confirmation_is_kept_with_the_words_of_its_page(client, sign_up, letters):
    sign_up("reader@example.org")
    letters()
    link = path_of(Subscriber.objects.get().confirm_url)
    page = said(client.get(link))

    client.post(link)

    words = Consent.objects.get(kind=Kind.CONFIRMED).text.words
    assert "Gipi電子報 will come to your address:" in words
    for line in words.splitlines():
        assert line in page, line


# --- The author's side ---


def test_the_author_sees_the_whole_record_of_a_reader(admin_client, reader):
    reader.unsubscribe(NOW, ConsentDetails("page"))

    page = said(admin_client.get(f"/admin/subscribers/subscriber/{reader.pk}/change/"))

    for shown in ("asked", "confirmed", "web:home", "127.0.0.1", "Yes, subscribe me", "page"):
        assert shown in page
