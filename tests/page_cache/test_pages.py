"""Whole pages kept in the process: when they are fresh, how many there are, and what of a request counts."""

import gzip
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from newsletter.page_cache import pages
from newsletter.page_cache.site_version import SiteVersion
from newsletter.page_cache.triggers import tables_shown
from newsletter.posts.models import Post, Tag
from newsletter.settings import REDIS_CACHE
from newsletter.wsgi_environ import ARRIVED_MONOTONIC_KEY
from tests.factories import make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db


def moved_on_by(change) -> bool:
    before = SiteVersion.current()
    change()
    return SiteVersion.current() > before


def test_every_table_that_is_named_exists():
    assert set(tables_shown()) <= set(connection.introspection.table_names())


def test_a_change_by_whatever_way_counts():
    post = make_post()

    assert moved_on_by(post.save)
    assert moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="新題目"))
    assert moved_on_by(lambda: post.tags.add(Tag.objects.create(name="管理", slug="management")))
    assert moved_on_by(lambda: connection.cursor().execute("UPDATE posts_post SET title = 'x'"))
    assert moved_on_by(post.delete)


def test_what_readers_do_does_not_count():
    make_publication()

    assert not moved_on_by(make_subscriber)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps the triggers of a table that is altered")
def test_triggers_that_a_rebuilt_table_has_lost_come_back_with_the_next_migrate():
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER posts_post_update_shown")
    post = make_post()
    assert not moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="一"))

    call_command("migrate", verbosity=0)

    assert moved_on_by(lambda: Post.objects.filter(pk=post.pk).update(title="二"))


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


def asked(client, path, *, arrived_at):
    """Return an answer, and how many queries it took, of a request that came in at this monotonic time."""
    with CaptureQueriesContext(connection) as context:
        response = client.get(path, **{ARRIVED_MONOTONIC_KEY: arrived_at})
    return response, len(context)


def test_requests_that_waited_together_ask_the_database_once(client):
    make_publication()
    post = make_post("管理槓桿")
    client.get(post.get_absolute_url())
    arrived_at = time.monotonic()

    queries = [asked(client, post.get_absolute_url(), arrived_at=arrived_at)[1] for _request in range(3)]

    assert queries == [1, 0, 0]


def test_a_request_that_comes_after_a_change_is_not_answered_by_a_question_from_before(client):
    make_publication()
    post = make_post("管理槓桿")
    asked(client, post.get_absolute_url(), arrived_at=time.monotonic())
    Post.objects.filter(pk=post.pk).update(title="新的題目")

    response, _queries = asked(client, post.get_absolute_url(), arrived_at=time.monotonic())

    assert "新的題目" in text(response)


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


def test_a_scheduled_post_is_there_at_its_minute(client, clock):
    make_post("明早的文章", published_at=NOW + timedelta(minutes=10))
    assert "明早的文章" not in text(client.get("/posts/"))

    clock.now += timedelta(minutes=10)

    assert "明早的文章" in text(client.get("/posts/"))


def test_no_page_is_kept_for_more_than_an_hour(client, clock):
    client.get("/about/")

    clock.now += pages.LIFETIME_MAX

    with CaptureQueriesContext(connection) as context:
        client.get("/about/")
    assert len(context) > 0
    assert client.get("/about/").headers["Last-Modified"] == "Tue, 24 Nov 2026 13:00:00 GMT"


def test_a_reader_who_has_the_page_gets_no_second_copy(client):
    make_publication()
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
    assert "Content-Encoding" not in client.get("/about/", headers={"Accept-Encoding": "br, gzip;q=0"}).headers


@pytest.mark.parametrize("path", ["/", "/about/", "/posts/", "/issues/", "/feed.xml", "/feed.json"])
def test_what_a_proxy_may_keep_has_no_cookie(client, path):
    for response in (client.get(path), client.get(path)):
        assert "public" in response.headers["Cache-Control"]
        assert not response.cookies
        assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/p/99/", "/search/?q=管理", "/subscribe/"])
def test_what_depends_on_the_asker_or_is_not_there_is_not_kept(client, path):
    response = client.get(path)

    assert "s-maxage" not in response.headers.get("Cache-Control", "")


STRANGERS = ["q=1", "utm_source=x", "q=" + "x" * 2000, "page2=2", "PAGE=2", "q=1&q=2"]


@pytest.mark.parametrize("path", ["/", "/posts/", "/issues/", "/about/", "/feed.json", "/sitemap.xml", "/icon.svg"])
def test_what_a_stranger_adds_to_an_address_leads_to_the_page_that_is_kept(client, path):
    make_publication()
    make_post()
    first = client.get(path)

    with CaptureQueriesContext(connection) as context:
        others = [client.get(f"{path}?{query}") for query in STRANGERS]

    assert len(context) == len(others), "the site's version alone is asked for"
    assert {other.content for other in others} == {first.content}


def test_a_view_sees_the_parameters_that_it_declares_and_no_others():
    seen = []

    @pages.cached_page(parameters=["page", "v"])
    def view(request):
        seen.append((request.GET.dict(), request.META["QUERY_STRING"], request.get_full_path()))
        return HttpResponse("a page")

    view(RequestFactory().get("/?q=1&v=7&page=2&page=3&next=//elsewhere.example"))

    assert seen == [({"page": "3", "v": "7"}, "page=3&v=7", "/?page=3&v=7")]


SPELLINGS = ["0", "01", "+1", "-1", "1.0", " 1", "1 ", "\uff11", "1e1", "", "x", "999999", "9" * 40]


@pytest.mark.parametrize("path", ["/posts/?page=", "/tags/ai/?page=", "/issues/?page="])
def test_a_number_has_one_spelling_and_other_pages_are_not_there_nor_kept(client, path):
    make_publication()
    make_post(tags=["ai"])
    assert client.get(path + "1").status_code == 200
    before = len(caches["pages"]._cache)

    answers = {number: client.get(path + quote(number)).status_code for number in SPELLINGS}

    assert answers == dict.fromkeys(SPELLINGS, 404)
    assert len(caches["pages"]._cache) == before


def answered(view, *, cookie=""):
    """Return the answer of a view below the middleware, for a client with or without a cookie."""
    request = RequestFactory().get("/about/", headers={"Cookie": f"who={cookie}"} if cookie else {})
    return pages.PageCacheMiddleware(view)(request)


def with_a_cookie(request, response):
    response.set_cookie("session", request.COOKIES["who"])


def with_a_header(request, response):
    response.headers["Set-Cookie"] = f"session={request.COOKIES['who']}"


def by_the_cookie(request, response):
    patch_vary_headers(response, ["Cookie"])


@pytest.mark.parametrize("made_personal", [with_a_cookie, with_a_header, by_the_cookie])
def test_what_belongs_to_one_client_is_not_kept_for_others_even_if_its_view_says_so(made_personal):
    @pages.cached_page()
    def view(request):
        response = HttpResponse(f"for {request.COOKIES['who']}")
        made_personal(request, response)
        return response

    first, second = answered(view, cookie="anna"), answered(view, cookie="bert")

    assert (first.content, second.content) == (b"for anna", b"for bert")
    for name, response in (("anna", first), ("bert", second)):
        told = f"{response.headers.get('Set-Cookie', '')}{response.cookies}"
        assert made_personal is by_the_cookie or told.endswith(f"session={name}") or f"session={name};" in told
        assert "public" not in response.headers.get("Cache-Control", "")


def test_pages_need_no_redis(client, settings):
    away = REDIS_CACHE | {"LOCATION": NOBODY}
    settings.CACHES = settings.CACHES | {"default": away}
    make_publication()
    post = make_post("管理槓桿")

    assert "管理槓桿" in text(client.get(post.get_absolute_url()))
    with CaptureQueriesContext(connection) as context:
        client.get(post.get_absolute_url())
    assert len(context) == 1, "it is kept"
