"""Where pictures lie: the same on files and in a bucket, on a real server of S3; and what happens while it is away."""

from io import BytesIO, StringIO

import pytest
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from PIL import Image as Drawing

from newsletter.buckets import PicturesUnavailable
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.mail import letters
from newsletter.posts.models import Image, Post
from newsletter.posts.tasks import finish_pictures
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.pictures import prepared_once
from tests.support.s3 import store_pictures_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pictures_made_once")]
NAME = "0123456789abcdef/bridge.png"


def octets(width=900, height=300):
    out = BytesIO()
    Drawing.radial_gradient("L").resize((width, height)).save(out, "JPEG")
    return out.getvalue()


def kept(**more):
    return Image.objects.get_or_store(prepared_once(octets()), "bridge.jpg", "一座橋", **more)[0]


# --- What both can do ---


def test_what_was_put_can_be_read(either_media):
    either_media.put(NAME, BytesIO(b"octets"))

    assert (either_media.exists(NAME), either_media.size(NAME), either_media.read(NAME)) == (True, 6, b"octets")
    with either_media.open(NAME) as file:
        assert (file.read(2), file.seek(0), file.read()) == (b"oc", 0, b"octets")
    assert default_storage.url(NAME) == f"/media/{NAME}"


@pytest.mark.parametrize("name", ["0123456789abcdef/lost.png", "fedcba9876543210/lost.png"])
def test_what_is_not_there_is_said_to_be(either_media, name):
    either_media.put(NAME, BytesIO(b"octets"))

    assert not either_media.exists(name)
    for ask in (either_media.read, either_media.open, either_media.size):
        with pytest.raises(FileNotFoundError):
            ask(name)


def test_pictures_are_listed_and_what_is_drawn_is_not(either_media):
    for name in (NAME, "0123456789abcdef/a.png", "cards/abc.png", "volumes/2026-page-1.html"):
        either_media.put(name, BytesIO(name.encode()))

    assert either_media.picture_byte_counts() == {"0123456789abcdef/a.png": 22, NAME: 27}
    assert list(either_media.contents([NAME, "cards/abc.png"])) == [
        (NAME, NAME.encode()),
        ("cards/abc.png", b"cards/abc.png"),
    ]


def test_many_are_read_ahead_and_come_in_their_order(either_media):
    names = [f"{number:016x}/a.png" for number in range(40)]
    for name in names:
        either_media.put(name, BytesIO(name.encode()))

    assert list(either_media.contents(names)) == [(name, name.encode()) for name in names]


# --- What readers are given ---


def test_a_picture_and_its_sizes_are_served_for_ever(either_media, client):
    image = kept()

    for address, kind in ((image.get_absolute_url(), "image/jpeg"), (image.url_for("webp", 640), "image/webp")):
        served = client.get(address)
        assert served.getvalue() == either_media.read(address.removeprefix("/media/"))
        assert served.headers["Content-Length"] == str(either_media.size(address.removeprefix("/media/")))
        assert (served.headers["Content-Type"], "immutable" in served.headers["Cache-Control"]) == (kind, True)
    lost = client.get("/media/0123456789abcdef/lost.jpg")
    assert (lost.status_code, "immutable" in lost.headers.get("Cache-Control", "")) == (404, False)


def test_a_card_is_drawn_once_and_its_former_one_goes(either_media, client):
    post = make_post("題目")
    for accent in ("#0b4f9c", "#14532d"):
        make_publication(accent=accent, language="zh-hant")
        address = Post.objects.get(pk=post.pk).preview_card_url
        drawn = client.get(address).getvalue()
        assert drawn.startswith(b"\x89PNG")
        assert drawn == client.get(address).getvalue() == either_media.read(address.removeprefix("/"))

    assert either_media.names_with_prefix("cards/p/") == [address.removeprefix("/")]


def test_a_logo_is_in_icons_and_mails_and_a_book_has_its_pictures(either_media, client):
    publication = make_publication()
    publication.logo.save("0123456789abcdef/logo.png", ContentFile(octets(64, 32)))
    issue = make_issue(make_post(cover=kept()), number=7, sent_at=PUBLISHED_AT)

    assert Drawing.open(BytesIO(client.get("/icon-192.png").content)).size == (192, 192)
    assert 'src="https://news.example.org/media/0123456789abcdef/logo.png"' in freeze_letter(issue).html
    book = client.get(f"/issues/{PUBLISHED_AT.year}.epub")
    assert b".jpg" in book.getvalue()


# --- Uploads ---


def upload(client, admin_user, name="upload/"):
    client.force_login(admin_user)
    file = SimpleUploadedFile("bridge.jpg", octets(), "image/jpeg")
    return client.post(f"/admin/posts/image/{name}", {"file": file, "alt": "一座橋"})


def test_an_upload_at_the_desk(either_media, client, admin_user):
    said = upload(client, admin_user).json()

    image = Image.objects.get()
    assert said["url"] == image.get_absolute_url()
    assert sorted(either_media.picture_byte_counts()) == sorted(
        image.path(form, width) for form in ("fallback", "webp", "thumb") for width in image.widths(form)
    )
    finish_pictures()
    image.refresh_from_db()
    assert image.sizes["avif"]
    assert either_media.exists(image.path("avif", 640))


# --- While the bucket is away ---


def test_a_picture_is_503_and_pages_go_on(lost_bucket, client, caplog):
    client.raise_request_exception = False
    publication = make_publication()
    publication.logo = NAME
    publication.save()
    make_post(cover=Image.objects.create(digest="0" * 16, name="a.jpg", alt="a", width=1280, height=183))

    for address in (f"/media/{NAME}", "/icon-192.png"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")
        assert "Retry-After" in answer.headers

    for page in ("/", "/feed.xml", "/posts/"):
        assert client.get(page).status_code == 200
    assert 'length="0"' in client.get("/feed.xml").text


def test_no_book_is_bound_without_its_pictures(either_media, settings, client):
    client.raise_request_exception = False
    make_publication()
    make_issue(make_post(cover=kept()), number=7, sent_at=PUBLISHED_AT)
    where, address = settings.STORAGES, f"/issues/{PUBLISHED_AT.year}.epub"
    store_pictures_in(settings, "s3://key:secret@127.0.0.1:9/pictures?tls=false")

    assert client.get(address).status_code == 503

    settings.STORAGES = where
    book = client.get(address)
    assert (book.status_code, b".jpg" in book.getvalue()) == (200, True)


@pytest.mark.parametrize("name", ["upload/", "add/"])
def test_an_upload_that_cannot_be_kept_is_told_and_nothing_is_there(lost_bucket, client, admin_user, name):
    answer = upload(client, admin_user, name)

    said = answer.json()["error"] if name == "upload/" else answer.text
    assert "圖片存不進去" in said
    assert not Image.objects.exists()


def test_sizes_are_made_later_and_never_given_up(either_media, settings, monkeypatch):
    image = kept(defer_sizes=True)
    where = settings.STORAGES
    store_pictures_in(settings, "s3://key:secret@127.0.0.1:9/pictures?tls=false")
    with pytest.raises(PicturesUnavailable):
        finish_pictures()
    with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
        call_command("make_picture_sizes", stdout=StringIO())
    image.refresh_from_db()
    assert image.finished_at is None

    settings.STORAGES = where
    finish_pictures()

    image.refresh_from_db()
    assert image.sizes["avif"]


def test_a_letter_is_not_frozen_without_its_logo_but_a_confirmation_leaves(lost_bucket):
    publication = make_publication()
    publication.logo = NAME
    publication.save()
    issue = make_issue(make_post(), number=7)

    with pytest.raises(PicturesUnavailable):
        freeze_letter(issue)

    publication.logo = ""
    publication.save()
    caches["pages"].clear()
    assert "題" in freeze_letter(make_issue(make_post("題"), number=8)).html

    publication.logo = NAME
    context = {"publication": publication, "days": 2}
    letter = letters.render("confirmation", "主旨", context, base_url="https://news.example.org")
    assert "<img" not in letter.html
