"""What everybody may read by the API: what the site shows, with its caching, from any site."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import PUBLISHED_AT, make_findable_post, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
ROOT = "/api/v1/public"


@pytest.fixture
def client():
    make_publication()
    return Client()


def _get(client, path, **headers):
    return client.get(ROOT + path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_posts_are_listed_as_the_site_lists_them(client):
    post = make_post("管理槓桿", tags=("lever",), words="leverage", body="第一段。")

    answer = _get(client, "/posts")

    assert answer.json()["items"] == [
        {
            "id": post.pk,
            "title": "管理槓桿",
            "summary": "第一段。",
            "url": f"https://news.example.org/p/{post.pk}-leverage/",
            "tags": ["lever"],
            "cover": None,
            "published_at": "2026-10-01T08:00:00+08:00",
            "changed_at": timezone.localtime(post.updated_at, PUBLISHED_AT.tzinfo)
            .astimezone(timezone.get_default_timezone())
            .isoformat(timespec="seconds"),
        }
    ]
    assert "<p>第一段。</p>" in _get(client, f"/posts/{post.pk}").json()["html"]


@pytest.mark.parametrize(
    "hidden",
    [
        {"published_at": None},
        {"published_at": timezone.now() + timedelta(days=1)},
        {"is_unlisted": True},
    ],
    ids=["taken out", "scheduled", "unlisted"],
)
def test_what_the_site_does_not_list_is_nowhere(client, hidden):
    post = make_findable_post("秘密", body="秘密", **hidden)
    issue = make_issue(*([] if "is_unlisted" in hidden else [post]), sent_at=timezone.now())

    told = [
        _get(client, path)
        for path in ("/posts", f"/posts/{post.pk}", "/issues", f"/issues/{issue.number}", "/search?q=秘密", "/tags")
    ]

    assert [answer.status_code for answer in told] == [200, 404, 200, 200, 200, 200]
    assert "秘密" not in "".join(answer.text for answer in told)


def test_an_issue_is_told_whole(client):
    post = make_post("管理槓桿", body="第一段。")
    issue = make_issue(post, subject="槓桿", introduction="開場", sent_at=timezone.now())
    make_issue(post)

    listed = _get(client, "/issues").json()["items"]
    told = _get(client, f"/issues/{issue.number}").json()

    assert [(one["number"], one["posts"]) for one in listed] == [(issue.number, [post.pk])]
    assert "第一段。" in told["html"]
    assert "開場" in told["html"]


def test_a_page_is_kept_until_something_in_it_changes(client, django_assert_num_queries):
    post = make_post("舊")
    first = _get(client, "/posts")
    with django_assert_num_queries(1):  # the version of the site
        again = _get(client, "/posts", if_none_match=first.headers["ETag"])
    post.title = "新"
    post.save()

    assert first.headers["Cache-Control"] == "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
    assert again.status_code == 304
    assert _get(client, "/posts").json()["items"][0]["title"] == "新"


def test_other_sites_may_ask_and_a_browser_may_ask_before(client):
    post = make_post()
    before = client.options(f"{ROOT}/posts", headers={"origin": "https://elsewhere.example"})

    assert _get(client, f"/posts/{post.pk}").headers["Access-Control-Allow-Origin"] == "*"
    assert _get(client, "/posts/99").headers["Access-Control-Allow-Origin"] == "*"
    assert (before.status_code, before.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
    assert "Access-Control-Allow-Origin" not in client.get("/api/v1/posts").headers


def test_pages_follow_each_other(client):
    for n in range(45):
        make_post(f"p{n}", published_at=PUBLISHED_AT + timedelta(hours=n // 3))

    titles, path = [], f"{ROOT}/posts"
    while path:
        answer = client.get(path)
        titles += [item["title"] for item in answer.json()["items"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")

    assert titles == [f"p{n}" for n in reversed(range(45))]


@pytest.mark.parametrize(
    "path", ["/posts?cursor=", "/posts?cursor=x", "/posts?tag=none", "/posts/007", "/issues/07", "/x"]
)
def test_a_spelling_that_no_page_has_is_not_kept(client, path):
    make_post()

    assert _get(client, path).status_code in {404, 422}


def test_a_list_takes_no_query_for_each_row(client, django_assert_max_num_queries):
    for n in range(20):
        make_issue(make_post(f"p{n}", tags=("a",)), sent_at=timezone.now() + timedelta(seconds=n))
    _get(client, "/posts")

    make_post("new")
    with django_assert_max_num_queries(8):
        _get(client, "/posts")
    with django_assert_max_num_queries(6):
        _get(client, "/issues")


def test_what_contains_the_words_is_found(client):
    post = make_findable_post("管理槓桿", body="第一段。")

    told = _get(client, "/search?q=槓桿").json()

    assert (told["total"], told["items"][0]["id"], told["items"][0]["title"]) == (1, post.pk, "管理槓桿")


def test_who_searches_without_end_is_stopped(client, monkeypatch):
    monkeypatch.setattr("newsletter.posts.views.SEARCHES_A_MINUTE", 2)

    answers = [_get(client, "/search?q=x") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_head_asks_for_no_body(client):
    make_post()

    assert client.head(f"{ROOT}/posts").status_code == 200
    assert client.post(f"{ROOT}/posts").status_code == 405
