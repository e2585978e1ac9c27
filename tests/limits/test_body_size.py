"""What a stranger may send, and what the author may."""

from io import BytesIO

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from newsletter.limits import body_size
from tests.factories import make_publication, make_subscriber
from tests.subscribers.conftest import path_of

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


class Unreadable:
    """A body that nobody may touch."""

    def read(self, size=-1):
        raise AssertionError("the body was read")

    readline = read


@pytest.fixture
def post(client):
    """Post a body of a size that is told, and which must not be read."""

    def post(path: str, size: int | str, **extra):
        unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(size), "CONTENT_TYPE": FORM}
        return client.generic("POST", path, secure=True, **unread, **extra)

    return post


@pytest.mark.parametrize(
    "path",
    ["/", "/subscribe/", "/search/", "/healthz", "/confirm/x/", "/unsubscribe/x/", "/preferences/x/", "/nowhere/"],
)
def test_a_large_body_is_refused_unread_at_every_public_door(post, path):
    answer = post(path, body_size.PUBLIC_BYTES + 1)

    assert answer.status_code == 413


def test_nobody_can_fill_the_memory_through_the_login(post):
    assert post("/admin/login/", body_size.PUBLIC_BYTES + 1).status_code == 413


def test_the_desk_takes_a_picture_from_who_is_logged_in(admin_client):
    picture = SimpleUploadedFile("x.png", b"\0" * (body_size.DESK_BYTES - 2000))

    answer = admin_client.post("/admin/posts/image/", {"file": picture}, secure=True)

    assert answer.status_code != 413


def test_nobody_sends_the_desk_more_than_its_limit(admin_client):
    unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(body_size.DESK_BYTES + 1)}

    answer = admin_client.generic("POST", "/admin/posts/post/add/", secure=True, **unread)

    assert answer.status_code == 413
    assert "12 MB" in answer.text


@pytest.mark.parametrize(("size", "status"), [(body_size.IMPORT_BYTES, 400), (body_size.IMPORT_BYTES + 1, 413)])
def test_a_list_of_readers_may_be_larger_than_a_picture(admin_client, size, status):
    unread = {"wsgi.input": BytesIO(), "CONTENT_LENGTH": str(size), "CONTENT_TYPE": "text/csv"}

    answer = admin_client.generic("POST", body_size.IMPORT_PATHS[0], secure=True, **unread)

    assert answer.status_code == status  # 400: it was read, and no file was in it
    assert "64 MB" in answer.text  # below the field, or on the page that refuses


def test_the_page_for_lists_of_readers_is_where_it_is_said_to_be(admin_client):
    make_publication()

    names = ("reader_import", "reader_bar", "move_in")
    assert tuple(reverse(f"admin:{name}") for name in names) == body_size.IMPORT_PATHS
    for page in body_size.IMPORT_PATHS:
        assert f"{body_size.IMPORT_BYTES // 1024**2} MB at most" in admin_client.get(page, secure=True).text


def test_a_stranger_sends_no_list_of_readers(post):
    assert post(body_size.IMPORT_PATHS[0], body_size.PUBLIC_BYTES + 1).status_code == 413


def test_who_is_logged_in_is_a_stranger_at_public_doors(admin_client):
    unread = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(body_size.PUBLIC_BYTES + 1)}

    answer = admin_client.generic("POST", "/subscribe/", secure=True, **unread)

    assert answer.status_code == 413


def test_a_file_that_a_stranger_sends_never_reaches_the_disk(client, monkeypatch):
    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", Unreadable().read)
    files = {"email": "reader@example.org", "file": SimpleUploadedFile("x", b"x" * (body_size.PUBLIC_BYTES - 1000))}

    answer = client.post("/subscribe/", files, secure=True)

    assert answer.wsgi_request.FILES["file"].size == body_size.PUBLIC_BYTES - 1000


def test_the_one_click_of_a_mail_client_passes(client):
    reader = make_subscriber()

    answer = client.post(path_of(reader.unsubscribe_url), {"List-Unsubscribe": "One-Click"}, secure=True)

    assert answer.status_code == 200
    reader.refresh_from_db()
    assert reader.state == reader.State.UNSUBSCRIBED


def test_a_session_that_nobody_has_logged_in_to_opens_nothing():
    client = Client()
    session = client.session
    session["a"] = 1
    session.save()
    environ = {"PATH_INFO": "/admin/x", "CONTENT_LENGTH": "17000", "HTTP_COOKIE": f"sessionid={session.session_key}"}

    before = body_size.max_body_bytes(environ)
    client.force_login(get_user_model().objects.create_user("author"))
    environ["HTTP_COOKIE"] = f"sessionid={client.session.session_key}"

    assert (before, body_size.max_body_bytes(environ)) == (body_size.PUBLIC_BYTES, body_size.DESK_BYTES)
