"""A gift in the welcome: uploaded once, behind a link of each reader's own, counted without readers."""

from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from newsletter.delivery.readers.welcome import build_welcome
from newsletter.mail.outbox import body_part
from newsletter.publication.models import Publication
from tests.delivery.conftest import NOW
from tests.factories import make_publication, make_subscriber

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n" + b"x" * 2000
EPUB = b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/epub+zip" + b"\0" * 40
SETTINGS = {"welcome": "", "welcome_question": "", "course_days": "3"}
PAGE = "/admin/settings/newcomers/"


@pytest.fixture
def author(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    make_publication(language="en")
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("gipi", "gipi@example.org", "pw"))
    with translation.override("en"):
        yield client


def give(author, data=PDF, name="一對一 手冊.pdf"):
    return author.post(PAGE, SETTINGS | {"gift": SimpleUploadedFile(name, data)})


def link_of(reader):
    return f"/gift/{reader.token('gift')}/"


def welcome_text(reader):
    with Publication.objects.used(Publication.objects.fresh()):
        return body_part(build_welcome(reader, NOW).message().as_bytes(), "plain")


def fetch(client, reader):
    """Return the status of the whole download."""
    answer = client.get(link_of(reader))
    list(answer)  # to its end, where the file is closed
    return answer.status_code


def count():
    return Publication.objects.get().gift_count


def test_the_welcome_names_the_gift_with_its_size_and_the_readers_own_link(author):
    reader = make_subscriber("new@example.org")
    give(author)

    text = welcome_text(reader)

    assert f"https://news.example.org{link_of(reader)}" in text
    assert "一對一-手冊.pdf" in text
    assert "2.0 KB" in text.replace("\xa0", " ")


def test_a_welcome_without_a_gift_says_nothing_of_one(author):
    assert "gift" not in welcome_text(make_subscriber()).casefold()


def test_the_preview_names_the_gift(author):
    give(author)

    assert "一對一-手冊.pdf" in author.get("/admin/settings/look/preview/welcome/").text


def test_a_reader_gets_the_file_as_a_download(author, client):
    give(author)

    answer = client.get(link_of(make_subscriber()))

    assert b"".join(answer.streaming_content) == PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "一對一-手冊.pdf" in unquote(answer.headers["Content-Disposition"])
    assert answer.headers["Cache-Control"] == "no-store, private"


def test_it_is_counted_once_for_each_reader_and_never_who(author, client):
    give(author)
    first, second = make_subscriber(), make_subscriber()

    for reader in (first, first, second):
        fetch(client, reader)
    list(client.head(link_of(make_subscriber())))

    assert count() == 2
    assert "fetched 2 times" in " ".join(author.get(PAGE).text.split())


def test_nobody_else_gets_it(author, client):
    give(author)
    reader = make_subscriber()
    name = Publication.objects.get().gift.name

    assert client.get("/gift/1234567890abcdefg/").status_code != 200
    assert client.get(f"/gift/{reader.token('unsubscribe')}/").status_code != 200
    assert client.get(f"/media/{name}").status_code == 404
    assert count() == 0


def test_a_reader_does_not_fetch_it_without_end(author, client):
    give(author)
    reader = make_subscriber()

    answers = [fetch(client, reader) for _time in range(21)]

    assert answers == [200] * 20 + [429]


def test_a_gift_that_was_taken_away_opens_nothing(author, client):
    give(author)
    author.post(PAGE, SETTINGS | {"gift-clear": "on"})

    assert client.get(link_of(make_subscriber())).status_code != 200
    assert not Publication.objects.get().gift


def test_another_gift_is_counted_anew(author, client):
    give(author)
    fetch(client, make_subscriber())

    give(author, EPUB, "book.epub")

    assert count() == 0
    assert Publication.objects.get().gift_name == "book.epub"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>", "This is no PDF, EPUB, MP3 or M4A."),
        (b"MZ\x90\x00", "This is no PDF, EPUB, MP3 or M4A."),
        (b"%PDF-" + b"x" * 20 * 1024**2, "The file is larger than 20 MB."),
    ],
)
def test_what_is_no_gift_is_refused(author, data, words):
    form = give(author, data).context["adminform"].form

    assert form.errors == {"gift": [words]}
    assert not Publication.objects.get().gift


def test_its_name_follows_what_it_is(author):
    give(author, b"ID3" + b"\0" * 100, "hello.exe")

    assert Publication.objects.get().gift_name == "hello.mp3"
