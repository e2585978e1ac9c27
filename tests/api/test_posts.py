"""Posts by the API: read, filtered, page by page."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.operation.accounts.roles import WRITER
from newsletter.posts.models import WorkingCopy
from tests.api.conftest import Program
from tests.factories import make_helper, make_post

pytestmark = pytest.mark.django_db


def _titles(answer):
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


def test_a_post_is_told_whole(editor):
    post = make_post("管理槓桿", tags=("leverage",), body="第一段。", summary="摘要", words="leverage")

    answer = editor.get(f"/posts/{post.pk}")

    told = answer.json()
    assert told | {"created_at": "", "changed_at": ""} == {
        "id": post.pk,
        "state": "published",
        "title": "管理槓桿",
        "summary": "摘要",
        "words": "leverage",
        "tags": ["leverage"],
        "cover": None,
        "published_at": "2026-10-01T08:00:00+08:00",
        "is_web_only": False,
        "is_unlisted": False,
        "is_changed": False,
        "author": "",
        "url": f"https://news.example.org/p/{post.pk}-leverage/",
        "created_at": "",
        "changed_at": "",
        "body": "第一段。",
    }


def test_what_is_known_is_not_sent_again(editor):
    post = make_post()
    etag = editor.get(f"/posts/{post.pk}").headers["ETag"]

    again = editor.get(f"/posts/{post.pk}", if_none_match=etag)
    post.title = "改過"
    post.save()
    changed = editor.get(f"/posts/{post.pk}", if_none_match=etag)

    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


def test_a_post_has_one_etag_whatever_is_asked_of_it(editor):
    post = make_post()

    whole, part = editor.get(f"/posts/{post.pk}"), editor.get(f"/posts/{post.pk}?fields=title,html")

    assert part.headers["ETag"] == whole.headers["ETag"]
    assert part.json() == {"title": "管理槓桿", "html": "<p>第一段。</p>"}


def test_a_field_that_does_not_exist_is_named(editor):
    answer = editor.get("/posts?fields=title,soul")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "fields"
    assert answer.json()["errors"][0]["detail"].startswith("There is no field soul: there are id, state")


def test_the_text_that_is_not_published_yet_is_what_is_told(editor):
    post = make_post(tags=("old",))
    later = timezone.now() + timedelta(minutes=5)
    WorkingCopy.objects.create(post=post, title="新題", body="新文。", tag_names="新、舊", updated_at=later)

    told = editor.get(f"/posts/{post.pk}").json()

    assert (told["title"], told["body"], told["tags"], told["is_changed"]) == ("新題", "新文。", ["新", "舊"], True)


def test_a_list_goes_page_by_page_and_loses_nothing_when_posts_come_and_go(editor):
    posts = [make_post(f"p{n}") for n in range(7)]

    first = editor.get("/posts?limit=3")
    make_post("new")
    posts[4].delete()
    second = editor.ask("GET", first.headers["Link"].partition(">")[0].removeprefix("<"))
    third = editor.get(f"/posts?limit=3&cursor={second.json()['next']}")

    assert _titles(first) == ["p6", "p5", "p4"]
    assert _titles(second) == ["p3", "p2", "p1"]
    assert _titles(third) == ["p0"]
    assert third.json()["next"] is None


@pytest.mark.parametrize("cursor", ["x", "WzFd.0000000000000000", "é.é", "." * 300])
def test_a_cursor_that_is_not_ours_is_refused(editor, cursor):
    answer = editor.get(f"/posts?cursor={cursor}")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"detail": "This is no cursor of ours.", "parameter": "cursor"}]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("state=draft", ["draft"]),
        ("state=scheduled", ["later"]),
        ("state=published", ["tagged", "old"]),
        ("tag=lever", ["tagged"]),
        ("tag=none", []),
    ],
)
def test_a_list_is_filtered(editor, query, titles):
    make_post("old")
    make_post("tagged", tags=("lever",))
    make_post("draft", published_at=None)
    make_post("later", published_at=timezone.now() + timedelta(days=1))

    assert _titles(editor.get(f"/posts?{query}")) == titles


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-08:00", "2026-11-28T21:10:00", "%00"])
def test_a_time_that_no_zone_has_is_refused(editor, since):
    answer = editor.get(f"/posts?changed_since={since}")

    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "changed_since")


def test_what_changed_since_is_found_also_where_readers_do_not_see_it(editor, time_machine):
    time_machine.move_to("2026-11-01 10:00:00+08:00", tick=False)
    changed, _same = make_post("changed"), make_post("same")
    time_machine.shift(3600)
    WorkingCopy.objects.create(post=changed, title="changed", body="x", updated_at=timezone.now())

    assert _titles(editor.get("/posts?changed_since=2026-11-01T10:30:00%2B08:00")) == ["changed"]


def test_a_writer_sees_own_posts_alone_and_others_as_if_they_were_not_there(editor):
    writer = Program(make_helper(WRITER))
    own, other = make_post("own", published_at=None, created_by=writer.user), make_post("other")

    assert _titles(writer.get("/posts")) == ["own"]
    assert writer.get(f"/posts/{own.pk}").json()["author"] == writer.user.username
    assert writer.get(f"/posts/{other.pk}").status_code == 404


def test_a_page_of_a_hundred_takes_as_many_queries_as_one_of_two(editor, django_assert_num_queries):
    for n in range(100):
        post = make_post(f"p{n}", tags=("a", "b"), created_by=editor.user)
        WorkingCopy.objects.create(post=post, title="x", body=f"y{n}", tag_names="c", updated_at=timezone.now())
    editor.get("/posts?limit=100&fields=title,html")

    with django_assert_num_queries(6):  # token, rights, posts, tags, copies, covers
        few = editor.get("/posts?limit=2&fields=title,html,tags")
    with django_assert_num_queries(6):
        many = editor.get("/posts?limit=100&fields=title,html,tags")

    assert (len(few.json()["items"]), len(many.json()["items"])) == (2, 100)
