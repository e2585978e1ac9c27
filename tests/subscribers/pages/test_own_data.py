"""What is kept about a reader: shown in words, taken along, and erased by the reader alone."""

import csv
import io
import json
import re

import pytest

from subscribers import own_data
from subscribers.models import Consent, Note, Subscriber, Suppression, address_hash
from subscribers.models.consents import ConsentDetails
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import body


@pytest.fixture
def mine(reader):
    reader.name = "王小明"
    reader.save(update_fields=["name"])
    reader.set_tags(["主管", "=HYPERLINK(1)"])
    Note.objects.create(subscriber=reader, at=NOW.replace(microsecond=6), text="講座上認識的", by="gipi")
    return path_of(reader.data_url(NOW))


def test_the_page_says_all_that_is_kept(client, mine):
    page = body(client.get(mine))

    for said in ("reader@example.org", "王小明", "主管", "講座上認識的", "asked", "confirmed", "127.0.0.1"):
        assert said in page
    assert f'href="{mine}data.json"' in page
    moments = re.findall(r'datetime="([^"]*)"', page)
    assert moments
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", moment) for moment in moments)
    assert f'href="{mine}erase/"' in page


def test_the_file_has_every_line_of_the_record_with_the_words_of_the_form(client, mine, reader):
    response = client.get(f"{mine}data.json")
    data = json.loads(response.content)

    assert response.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    assert response.headers["Cache-Control"] == "no-store, private"
    assert (data["address"], data["name"], data["state"]) == ("reader@example.org", "王小明", "active")
    assert data["tags"] == ["主管", "=HYPERLINK(1)"]
    assert len(data["record"]) == Consent.objects.filter(subscriber=reader).count() == 2
    assert any("Your e-mail address" in detail for line in data["record"] for detail in line["details"])
    assert [line["what"] for line in data["notes"]] == ["講座上認識的"]


def test_the_table_is_safe_to_open_and_excel_reads_it_as_utf_8(client, mine):
    response = client.get(f"{mine}data.csv")
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))

    assert response.content.startswith(b"\xef\xbb\xbf")
    assert rows[0] == ["chapter", "at", "what", "details"]
    assert ["reader", "", "address", "reader@example.org"] in rows
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_every_model_that_names_a_reader_is_told_or_is_no_fact_about_them(mine):
    """A table that comes later, with a key to readers, must find its place in their data."""
    shown = {
        "acts",
        "consents",
        "address_changes",
        "notes",
        "taggings",
        "deliveries",
        "feedback",
        "once_more",
        "quotes",
        "replies",
        "sentences",
        "last_pause",
        "course_copies",
        "invited",
    }
    passing = {
        "fresh_link",
        "unsent",
        "refusals",
        "confirmation_reminder",
        "invitation_waiting",
        "invitations_waiting",
    }  # mails that are under way; what a copy says, until it was judged

    keys = {one.get_accessor_name() or one.name for one in Subscriber._meta.related_objects}

    assert {key.removesuffix("_set") for key in keys} - shown - passing == set()


def test_only_chapters_with_something_in_them_are_shown(client, reader):
    page = body(client.get(path_of(reader.data_url(NOW))))

    assert re.findall(r'<h2 id="(\w+)-title">', page) == ["address", "letters", "record", "row"]
    assert "Nothing." not in page


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("web:post /p/7/ from t.co", "another site: t.co"),
        ("web:home /", "page: home page"),
        ("web:post", "form on the site"),
        ("web:home / utm_source=talk", "campaign: talk"),
        ("by hand: at the fair", "added by hand: at the fair"),
        ("link", "link in a letter"),
        ("one click", "button of a mail program"),
    ],
)
def test_the_way_of_a_consent_is_said_in_words_and_the_file_has_it_as_it_is_stored(client, reader, source, said):
    Consent.objects.add(reader, Consent.Kind.CONFIRMED, ConsentDetails(source), NOW)
    mine = path_of(reader.data_url(NOW))

    page = body(client.get(mine))

    assert f'<p class="hint">{said}</p>' in page
    assert "web:" not in page
    assert source in client.get(f"{mine}data.json").content.decode()


def test_it_is_erased_only_when_it_is_meant(client, mine, reader):
    asked = client.get(f"{mine}erase/")
    unconfirmed = client.post(f"{mine}erase/")
    still_there = Subscriber.objects.count()
    done = client.post(f"{mine}erase/", {"confirmed": "yes"})

    assert (asked.status_code, unconfirmed.status_code, still_there) == (200, 422, 1)
    assert "Nothing has been deleted yet" in body(unconfirmed)
    assert "Everything about you has been deleted" in body(done)
    assert not Subscriber.objects.exists()
    assert not Consent.objects.exists()
    assert Suppression.objects.get().address_hash == address_hash("reader@example.org")
    assert (Suppression.objects.get().email, Suppression.objects.get().reason) == ("", "erased")


def test_what_is_erased_opens_nothing_any_more(client, mine):
    client.post(f"{mine}erase/", {"confirmed": "yes"})

    assert [client.get(mine + path).status_code for path in ("", "data.json", "data.csv", "erase/")] == [404] * 4


@pytest.mark.parametrize("path", ["data.json", "data.csv", "erase/"])
def test_a_link_of_yesterday_or_of_a_letter_opens_none_of_it(client, clock, mine, reader, path):
    clock.shift(31 * 60)

    assert client.get(mine + path).status_code == 404
    assert client.post(f"{mine}erase/", {"confirmed": "yes"}).status_code == 404
    assert client.get(f"/mine/{reader.token('preferences')}/{path}").status_code == 404
    assert Subscriber.objects.exists()


def test_a_chapter_of_another_room_stands_on_the_page_and_in_the_files(client, mine, monkeypatch):
    line = own_data.DataLine(NOW, "<b>第 5 期</b>", ("250 OK",))

    def chapter(reader, token):
        return own_data.DataChapter("letters", "Letters", (line,), intro=f"{reader.pk} {bool(token)}")

    monkeypatch.setattr(own_data, "CHAPTER_SOURCES", [chapter])

    assert "&lt;b&gt;第 5 期&lt;/b&gt;" in body(client.get(mine))
    assert json.loads(client.get(f"{mine}data.json").content)["letters"][0]["details"] == ["250 OK"]
    assert "letters," in client.get(f"{mine}data.csv").content.decode()


def test_a_long_story_shows_its_newest_lines_and_the_file_has_all(client, mine, monkeypatch):
    lines = tuple(own_data.DataLine(NOW, f"line {number}") for number in range(50))
    monkeypatch.setattr(
        own_data, "CHAPTER_SOURCES", [lambda _reader, _token: own_data.DataChapter("letters", "Letters", lines)]
    )

    page = body(client.get(mine))

    assert ("line 29<" in page, "line 30<" in page, "Older ones are in the file." in page) == (True, False, True)
    assert len(json.loads(client.get(f"{mine}data.json").content)["letters"]) == 50
