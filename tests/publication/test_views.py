import gzip
import re
from base64 import b64encode
from hashlib import sha256
from urllib.robotparser import RobotFileParser

import pytest
from django.core.cache import caches
from django.db import connection
from django.urls import reverse
from django.utils import translation

from newsletter.publication import stylesheet
from newsletter.publication.views import failure
from tests.factories import make_publication

pytestmark = pytest.mark.django_db
FOR_EVER = "max-age=31536000, public, immutable"


@pytest.fixture
def picture(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    path = tmp_path / "0123456789abcdef" / "封面.png"
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG")
    return path


def keeps(response):
    """Return Cache-Control in an order that can be compared."""
    return sorted(response.headers["Cache-Control"].split(", "))


def test_the_look_is_kept_for_ever_at_its_own_version(client):
    make_publication(accent="#0b4f9c")

    response = client.get(reverse("publication:look"), {"v": stylesheet.css_version("#0b4f9c")})

    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    assert ":root:root{--accent:light-dark(#0b4f9c," in response.text
    assert keeps(response) == sorted(FOR_EVER.split(", "))


def test_the_look_at_another_version_leads_to_the_one_of_today(client):
    response = client.get(reverse("publication:look"), {"v": "00000000"})

    assert response.status_code == 302
    assert "immutable" not in keeps(response)
    assert "immutable" in keeps(client.get(response.headers["Location"]))


def test_every_page_carries_the_look_of_today_and_its_policy_lets_it_apply(client):
    publication = make_publication(accent="#0b4f9c", theme="book")
    before = client.get("/").headers["Content-Security-Policy"]
    publication.theme = "plain"
    publication.save(update_fields=["theme"])

    page = client.get("/")

    [sheet] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert sheet == stylesheet.used_css(stylesheet.full_css("#0b4f9c", "plain"), stylesheet.names_in(page.text))
    hashed = f"style-src 'self' 'sha256-{b64encode(sha256(sheet.encode()).digest()).decode()}';"
    assert hashed in page.headers["Content-Security-Policy"]
    assert hashed not in before
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/search/?q=x", "/nowhere/", "/admin/login/"])
def test_a_page_that_is_made_for_one_reader_is_compressed_too(client, path):
    page = client.get(path, headers={"Accept-Encoding": "gzip"})

    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert gzip.decompress(page.content).decode().lstrip().startswith("<!DOCTYPE html>")


def test_a_picture_is_served_for_ever(client, picture):
    response = client.get(reverse("publication:media", args=[picture.parent.name, picture.name]))

    assert response.getvalue() == b"\x89PNG"
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert keeps(response) == sorted(FOR_EVER.split(", "))


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "secret_key", ".."])
def test_what_is_no_picture_is_never_served(client, picture, name):
    (picture.parent / "page.html").write_text("<script>")
    (picture.parent / "drawing.svg").write_text("<svg/>")
    (picture.parent.parent / "secret_key").write_text("secret")

    assert client.get(f"/media/{picture.parent.name}/{name}").status_code == 404


@pytest.mark.parametrize("path", ["../secret_key.png", "..%2fsecret.png", "x%00.png", "a%5cb.png"])
def test_no_address_leads_out_of_the_folder_of_pictures(client, picture, path):
    (picture.parent.parent / "secret.png").write_text("secret")

    assert client.get(f"/media/{picture.parent.name}/{path}").status_code == 404


def test_robots_are_told_where_the_map_is_and_where_not_to_go(client):
    response = client.get("/robots.txt")

    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Sitemap: https://news.example.org/sitemap.xml" in response.text
    assert "Disallow: /admin/\n" in response.text


def test_while_the_database_is_migrated_the_site_is_back_in_a_moment(client):
    client.raise_request_exception = False
    caches["pages"].clear()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE publication_publication RENAME TO publication_elsewhere")

    with translation.override("en"):
        page = client.get("/about/")

    assert page.status_code == 503
    assert "This site is being looked after" in page.text
    assert page.headers["Retry-After"] == "120"
    assert not page.has_header("ETag")


def test_a_bug_is_not_called_maintenance(rf):
    try:
        int("a bug")
    except ValueError:
        with translation.override("en"):
            page = failure(rf.get("/"))

    assert page.status_code == 500
    assert "Something broke on our side" in page.text


def rules(client):
    parser = RobotFileParser()
    parser.parse(client.get("/robots.txt").text.splitlines())
    return parser


@pytest.mark.parametrize(
    ("choice", "training", "answering"), [("read", True, True), ("no-training", False, True), ("none", False, False)]
)
def test_the_author_chooses_what_crawlers_of_ai_companies_are_told(client, choice, training, answering):
    make_publication(crawlers=choice)

    found = rules(client)

    for agent in ("GPTBot", "ClaudeBot", "Google-Extended", "CCBot", "Bytespider", "Kangaroo Bot"):
        assert found.can_fetch(agent, "/p/1/") is training, agent
    for agent in ("ChatGPT-User", "Claude-User", "PerplexityBot"):
        assert found.can_fetch(agent, "/p/1/") is answering, agent
    for agent in ("Googlebot", "bingbot", "Applebot", "facebookexternalhit", "Feedly"):
        assert found.can_fetch(agent, "/p/1/"), agent
        assert not found.can_fetch(agent, "/admin/"), agent
    assert found.site_maps() == ["https://news.example.org/sitemap.xml"]
