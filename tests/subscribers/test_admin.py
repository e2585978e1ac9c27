import csv

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format

from subscribers.models import Subscriber, Suppression, address_hash, count_readers
from subscribers.models.counts import COUNTS_CACHE_KEY
from tests.factories import make_subscriber

READERS, SUPPRESSED = "/admin/subscribers/subscriber/", "/admin/subscribers/suppression/"


def shown(response) -> list[str]:
    return [str(row) for row in response.context["cl"].result_list]


def act(client, action: str, *readers: Subscriber, **fields: str):
    data = {"action": action, "_selected_action": [reader.pk for reader in readers]} | fields
    return client.post(READERS, data, follow=True)


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("ann", ["anna@example.org", "ann@example.org"]),
        ("Ann@Example.org", ["ann@example.org"]),
        (address_hash("x", "y"), []),
        ("reader@例子.台灣", ["reader@例子.台灣"]),
        ("nobody", []),
    ],
)
def test_a_reader_is_found_by_the_beginning_of_his_address_or_by_any_spelling(admin_client, term, found):
    for email in ("ann@example.org", "anna@example.org", "bob@example.org", "reader@xn--fsqu00a.xn--kpry57d"):
        make_subscriber(email)

    assert shown(admin_client.get(READERS, {"q": term})) == found


def test_the_list_never_counts_all_readers(admin_client):
    make_subscriber()
    caches["pages"].set(COUNTS_CACHE_KEY, count_readers(timezone.now()))  # kept for a minute where counting takes long

    with CaptureQueriesContext(connection) as queries:
        admin_client.get(READERS, {"state": "active"})

    counts = [query["sql"] for query in queries if "COUNT" in query["sql"] and "subscribers_subscriber" in query["sql"]]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


def test_a_reader_who_is_added_by_hand_needs_a_consent(admin_client):
    refused = admin_client.post(READERS + "add/", {"email": "reader@example.org"})
    admin_client.post(READERS + "add/", {"email": "Reader@EXAMPLE.org", "name": "小明", "consent": "at the fair"})

    reader = Subscriber.objects.get()
    assert refused.context["adminform"].form.errors == {"consent": ["This field is required."]}
    assert (reader.email, reader.state) == ("Reader@example.org", "active")
    assert [(line.kind, line.source) for line in reader.consents.all()] == [("imported", "by hand: at the fair")]


@pytest.mark.parametrize(
    ("email", "answer"),
    [
        ("known@example.org", "This address is in the list already; those who have left sign up again themselves."),
        ("gone@example.org", "This address must not be mailed: see the suppressed addresses."),
        ("nobody", "This is not an e-mail address. One looks like you@example.com."),
    ],
)
def test_an_address_that_cannot_be_added_is_explained(admin_client, email, answer):
    make_subscriber("KNOWN@example.org")
    make_subscriber("gone@example.org").erase()

    response = admin_client.post(READERS + "add/", {"email": email, "consent": "at the fair"})

    assert response.context["adminform"].form.errors == {"email": [answer]}


def test_a_slip_of_the_author_is_asked_about(admin_client):
    typed = {"email": "gipi@hotmial.com", "consent": "at the fair"}
    asked = admin_client.post(READERS + "add/", typed)
    before = Subscriber.objects.exists()
    admin_client.post(READERS + "add/", typed | {"sure": "yes"})

    assert "Is it hotmail.com?" in asked.text
    assert '<input type="checkbox" name="sure" value="yes">' in asked.text
    assert (before, Subscriber.objects.get().email) == (False, "gipi@hotmial.com")


def test_of_a_reader_only_name_and_tags_are_typed_by_the_author(admin_client):
    reader = make_subscriber("reader@example.org")

    admin_client.post(
        f"{READERS}{reader.pk}/change/",
        {"name": "小明", "tag_names": "vip、課程 學員", "email": "x@example.org", "state": "unsubscribed"},
    )

    reader.refresh_from_db()
    assert (reader.name, reader.email, reader.state) == ("小明", "reader@example.org", "active")
    assert reader.tag_names == ["vip", "課程 學員"]


def test_the_author_changes_the_tags_that_are_there(admin_client):
    reader = make_subscriber(tags="課程學員,vip")

    page = admin_client.get(f"{READERS}{reader.pk}/change/")
    admin_client.post(f"{READERS}{reader.pk}/change/", {"name": "", "tag_names": "vip，\u202e新 的"})

    assert page.context["adminform"].form["tag_names"].value() == "課程學員,vip"
    assert reader.tag_names == ["vip", "新 的"]


def test_more_tags_than_an_export_could_bring_back_are_refused(admin_client):
    reader = make_subscriber(tags="vip")

    page = admin_client.post(f"{READERS}{reader.pk}/change/", {"name": "", "tag_names": "x" * 201})

    assert "tag_names" in page.context["adminform"].form.errors
    assert reader.tag_names == ["vip"]


def test_who_may_only_look_sees_the_tags(client, django_user_model):
    reader = make_subscriber(tags="課程學員,vip")
    helper = django_user_model.objects.create_user("helper", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["see_readers", "view_subscriber"]))
    client.force_login(helper)

    page = client.get(f"{READERS}{reader.pk}/change/")

    assert "課程學員,vip" in page.text
    assert 'name="tag_names"' not in page.text


def test_erasing_asks_once_more(admin_client):
    reader = make_subscriber("reader@example.org")

    asked = act(admin_client, "erase", reader)

    assert "reader@example.org" in asked.content.decode()
    assert Subscriber.objects.exists()

    done = act(admin_client, "erase", reader, confirmed="1")

    assert messages(done) == ["1 reader was erased."]
    assert not Subscriber.objects.exists()
    assert Suppression.objects.get().email == ""


def test_nobody_is_deleted_without_a_trace(admin_client):
    reader = make_subscriber()

    assert admin_client.post(f"{READERS}{reader.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin_client.get(READERS).content.decode()


def test_the_list_offers_an_export_that_excel_reads(admin_client):
    make_subscriber("reader@example.org", name="小明")

    page = admin_client.get(READERS)
    response = admin_client.get(READERS + "export/")

    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert f'href="{READERS}bulk/export/?all=1"' in page.content.decode()
    assert response.headers["Content-Disposition"].startswith('attachment; filename="readers-2026-')
    assert next(csv.DictReader(text.splitlines()))["name"] == "小明"


def test_an_address_is_suppressed_by_hand(admin_client):
    reader = make_subscriber("reader@example.org")

    admin_client.post(SUPPRESSED + "add/", {"email": "READER@example.org", "reason": "manual", "note": ""})

    assert Suppression.objects.get().address_hash == reader.address_hash
    assert admin_client.get(SUPPRESSED, {"q": "reader@example.org"}).context["cl"].result_count == 1


def test_an_address_is_suppressed_once(admin_client):
    make_subscriber("reader@example.org").suppress("bounced")

    response = admin_client.post(SUPPRESSED + "add/", {"email": "Reader@example.org", "reason": "manual", "note": ""})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {"email": ["This address is suppressed already."]}


def test_nothing_that_is_written_of_a_reader_turns_the_words_beside_it(admin_client):
    turned = {"name": "\u202e小明", "tag_names": "a\u2066,b", "consent": "at the \u202efair"}

    admin_client.post(READERS + "add/", {"email": "reader@example.org"} | turned)
    admin_client.post(SUPPRESSED + "add/", {"email": "b@example.org", "reason": "manual", "note": "\u202easked"})

    reader = Subscriber.objects.get()
    assert (reader.name, reader.tag_names, reader.consents.get().source[-8:]) == ("小明", ["a", "b"], "the fair")
    assert Suppression.objects.get().note == "asked"


def test_the_list_of_suppressed_addresses_says_the_day_and_leaves_out_what_nobody_wrote(admin_client):
    Suppression.objects.create(
        email="away@example.org", address_hash=address_hash("away@example.org"), reason="bounced"
    )

    page = admin_client.get(SUPPRESSED).text

    assert date_format(timezone.localdate(), "SHORT_DATE_FORMAT") in page
    assert '<td class="field-note"></td>' in page
