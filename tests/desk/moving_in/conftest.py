"""Exports as other programs write them, and an author who lets them move in."""

import io
import json
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from newsletter.desk import tasks
from newsletter.desk.models import PostImport
from tests.factories import make_publication
from tests.publication.pictures.test_uploads import picture

MOVE_IN = "/admin/settings/move-in/"


@pytest.fixture(autouse=True)
def publication(settings, tmp_path, db):
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path / "data", tmp_path / "media"
    return make_publication(language="en")


def post(number: int, html: str, **values) -> dict:
    slug = f"post-{number}"
    return {
        "id": f"id{number}",
        "title": f"Post {number}",
        "slug": slug,
        "html": html,
        "status": "published",
        "visibility": "public",
        "published_at": f"2024-01-{number:02}T00:00:00.000Z",
    } | values


def mail(number: int, subject: str) -> dict:
    return {"post_id": f"id{number}", "subject": subject, "submitted_at": f"2024-01-{number:02}T01:00:00.000Z"}


def ghost(*posts: dict, **tables) -> bytes:
    return json.dumps({"db": [{"meta": {}, "data": {"posts": list(posts), **tables}}]}).encode()


def packed(**members: bytes | str) -> bytes:
    """Return a zip; in the names of members `__` stands for a slash."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def ghost_zip() -> bytes:
    """A blog of three posts, a page and a draft; two were mailed, one has a picture, one a form."""
    rows = ghost(
        post(1, '<p>甲，見<a href="https://old.example/post-2/">乙</a>。</p>'),
        post(2, '<p>乙</p><p><img src="__GHOST_URL__/content/images/a.png" alt="團隊"></p>'),
        post(3, "<p>丙</p><form><input></form>"),
        post(4, "<p>關於</p>", type="page"),
        post(5, "<p>草稿</p>", status="draft"),
        emails=[mail(1, "第一封"), mail(2, "第二封")],
        settings=[{"key": "url", "value": "https://old.example"}],
    )
    return packed(**{"blog.json": rows, "content__images__a.png": picture("PNG")})


def drop(client, content: bytes, name: str = "blog.zip"):
    return client.post(MOVE_IN, {"file": SimpleUploadedFile(name, content)}, follow=True)


def work(turns: int = 50) -> PostImport:
    """Let a worker take turns until nothing is left to do; return the import."""
    for _turn in range(turns):
        tasks.take_in_posts()
        found = PostImport.objects.latest("pk")
        if not found.is_at_work:
            break
    return found


def press(client, name: str, **values: str):
    """Press a button of the page of the latest import."""
    pk = PostImport.objects.latest("pk").pk
    return client.post(f"{MOVE_IN}{pk}/{name}/", values, follow=True)


def page_url() -> str:
    return f"{MOVE_IN}{PostImport.objects.latest('pk').pk}/"


def page(client):
    return client.get(page_url())


def said(response) -> str:
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.text.partition("<main")[2]).split())
