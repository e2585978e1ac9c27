"""Kept pages: the same for everybody, asked of the database once, and gone with what they show."""

import gzip
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.posts.models import Post
from newsletter.publication import pages
from tests.factories import make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
NOBODY = "redis://127.0.0.1:1/0"  # where nothing listens
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands; move it by `clock.now += …`."""

    class Clock:
        now = NOW

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


def text(response) -> str:
    return response.content.decode()


def test_a_page_that_was_shown_before_costs_one_query(client):
    make_publication(name="電子報")
    post = make_post("管理槓桿")
    first = client.get(post.get_absolute_url())

    with CaptureQueriesContext(connection) as context:
        again = client.get(post.get_absolute_url())

    assert again.content == first.content
    assert "管理槓桿" in text(again)
    assert len(context) == 1, "the site's version alone is asked for"


def renamed(post):
    Post.objects.filter(pk=post.pk).update(title="新的題目")


def sent(post):
    make_issue(post, subject="新的題目", number=7, sent_at=NOW)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (renamed, "/"),
        (renamed, "/posts/"),
        (renamed, "/feed.xml"),
        (renamed, "/feed.json"),
        (sent, "/"),
        (sent, "/issues/"),
    ],
)
def test_a_change_is_seen_by_the_very_next_request(client, change, path):
    post = make_post("舊的題目", published_at=NOW - timedelta(days=1))
    assert "新的題目" not in text(client.get(path))

    change(post)

    assert "新的題目" in text(client.get(path))


def test_a_renamed_publication_is_on_every_page_at_once(client):
    make_publication(name="舊名")
    assert "舊名" in text(client.get("/about/"))

    publication = make_publication()
    publication.name = "新名"
    publication.save()

    assert "新名" in text(client.get("/about/"))
    assert "舊名" not in text(client.get("/about/"))


def test_a_scheduled_post_is_there_at_its_minute(client, clock):
    make_post("明早的文章", published_at=NOW + timedelta(minutes=10))
    assert "明早的文章" not in text(client.get("/posts/"))

    clock.now += timedelta(minutes=10)

    assert "明早的文章" in text(client.get("/posts/"))


def test_when_time_will_change_pages_is_asked_once_for_all_of_them(client):
    make_publication()
    post = make_post()
    make_post("明天見", published_at=NOW + timedelta(days=1))

    with CaptureQueriesContext(connection) as context:
        for path in ("/posts/", post.get_absolute_url(), "/feed.xml", "/sitemap.xml"):
            assert client.get(path).status_code == 200

    next_change = 'SELECT "posts_post"."published_at"'
    asked = [query["sql"] for query in context if query["sql"].startswith(next_change)]
    assert len(asked) == 1, asked


def test_of_two_scheduled_posts_each_is_there_at_its_minute(client, clock):
    make_post("先到的文章", published_at=NOW + timedelta(minutes=10))
    make_post("後到的文章", published_at=NOW + timedelta(minutes=20))
    seen = []

    for minutes in (0, 9, 10, 19, 20):
        clock.now = NOW + timedelta(minutes=minutes)
        page = text(client.get("/posts/"))
        seen.append(re.findall("(先|後)到的文章</a>", page))

    assert seen == [[], [], ["先"], ["先"], ["後", "先"]]


def test_no_page_is_kept_for_more_than_an_hour(client, clock):
    client.get("/about/")

    clock.now += pages.LONGEST

    with CaptureQueriesContext(connection) as context:
        client.get("/about/")
    assert len(context) > 0
    assert client.get("/about/").headers["Last-Modified"] == "Tue, 24 Nov 2026 13:00:00 GMT"


def test_a_reader_who_has_the_page_gets_no_second_copy(client):
    first = client.get("/about/")

    by_tag = client.get("/about/", headers={"If-None-Match": first.headers["ETag"]})
    by_date = client.get("/about/", headers={"If-Modified-Since": first.headers["Last-Modified"]})

    assert (by_tag.status_code, by_tag.content) == (304, b"")
    assert (by_date.status_code, by_date.content) == (304, b"")
    assert by_tag.headers["ETag"] == first.headers["ETag"]
    assert by_tag.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_pages_travel_compressed_to_those_who_take_them_so(client):
    make_publication()
    plain = client.get("/about/")
    packed = client.get("/about/", headers={"Accept-Encoding": "br, gzip"})

    assert gzip.decompress(packed.content) == plain.content
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) == len(packed.content) < len(plain.content)


@pytest.mark.parametrize("path", ["/", "/about/", "/posts/", "/issues/", "/feed.xml", "/feed.json"])
def test_what_a_proxy_may_keep_has_no_cookie(client, path):
    for response in (client.get(path), client.get(path)):
        assert "public" in response.headers["Cache-Control"]
        assert not response.cookies
        assert "Cookie" not in response.headers.get("Vary", "")


def test_pages_of_a_query_are_kept_apart(client):
    for number in range(25):
        make_post(f"第 {number} 篇", published_at=NOW - timedelta(days=number))

    first, second = client.get("/posts/"), client.get("/posts/?page=2")

    assert "第 24 篇" not in text(first)
    assert "第 24 篇" in text(second)
    assert "第 24 篇" in text(client.get("/posts/?page=2"))


@pytest.mark.parametrize("path", ["/p/99/", "/search/?q=管理", "/subscribe/"])
def test_what_depends_on_the_asker_or_is_not_there_is_not_kept(client, path):
    response = client.get(path)

    assert "s-maxage" not in response.headers.get("Cache-Control", "")


def test_a_very_long_address_is_answered_but_not_kept(client):
    address = "/posts/?" + "x" * pages.ADDRESS_LENGTH

    client.get(address)
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200

    assert len(context) > 1


def test_a_head_request_says_what_a_get_would(client):
    get, head = client.get("/about/"), client.head("/about/")

    assert head.content == b""
    assert head.headers["ETag"] == get.headers["ETag"]


def test_the_site_goes_on_when_its_cache_is_away(client, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": NOBODY},
        "pages": {"BACKEND": "newsletter.publication.memory.ForgivingRedisCache", "LOCATION": NOBODY},
    }
    post = make_post("管理槓桿")

    response = client.get(post.get_absolute_url())

    assert response.status_code == 200
    assert "管理槓桿" in text(response)
