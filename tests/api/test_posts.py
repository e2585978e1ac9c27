"""Posts by the API: read, filtered, page by page."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from newsletter.operation.accounts.roles import WRITER
from newsletter.posts.models import Image, Post, Tag, WorkingCopy
from newsletter.posts.search.index import index_post, search
from tests.api.conftest import Program
from tests.factories import make_findable_post, make_helper, make_post
from tests.support.pictures import png_with_metadata

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
        "series": None,
        "series_number": None,
        "is_page": False,
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
    editor.get("/posts?limit=100")

    with django_assert_num_queries(7):  # token, rights of the user and of groups, posts, tags, copies, covers
        few = editor.get("/posts?limit=2")
    with django_assert_num_queries(7):
        many = editor.get("/posts?limit=100")

    assert (len(few.json()["items"]), len(many.json()["items"])) == (2, 100)


def test_a_draft_is_shown_as_readers_will_see_it(editor):
    post = make_post(body="# 題\n\n**粗**", published_at=None)

    assert "<strong>粗</strong>" in editor.get(f"/posts/{post.pk}/preview").json()["html"]


def test_of_a_published_post_the_text_that_comes_next_is_shown(editor):
    post = make_post(body="舊")
    WorkingCopy.objects.create(post=post, title="題", body="**新**", updated_at=timezone.now())

    assert "新" in editor.get(f"/posts/{post.pk}/preview").json()["html"]


def test_a_text_is_shown_without_being_saved_and_without_what_could_run(editor):
    html = editor.post("/texts/preview", {"body": "*a* <script>alert(1)</script>"}).json()["html"]

    assert "<em>a</em>" in html
    assert "<script" not in html
    assert not Post.objects.exists()


def test_the_format_check_says_what_the_desk_says(editor):
    body = "他說,好。\n\n𠮷說,好。"
    client = Client()
    client.force_login(editor.user)

    answer = editor.post("/texts/check", {"body": body}).json()
    desk = client.post("/admin/writing/check/", {"body": body}).json()

    assert (answer["facts"], answer["count"], answer["safe"]) == (desk["facts"], desk["count"], 2)
    assert all(group["label"] in desk["html"] for group in answer["groups"])
    post = make_post(body=body)
    assert editor.get(f"/posts/{post.pk}/check").json() == answer


def test_what_can_be_mended_is_mended(editor):
    assert editor.post("/texts/fix", {"body": "他說,好。"}).json() == {"body": "他說，好。"}


# --- Pictures ---


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def _upload(program, data, alt="一張圖", key="a", name="a.png"):
    sent = {"authorization": f"Bearer {program.secret}", "idempotency-key": key}
    file = SimpleUploadedFile(name, data, content_type="image/png")
    return program.client.post("/api/v1/pictures", {"file": file, "alt": alt}, headers=sent)


def test_a_picture_is_uploaded_and_shown(editor):
    answer = _upload(editor, png_with_metadata())

    image = Image.objects.get()
    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/pictures/{image.digest}"
    assert told == editor.get(f"/pictures/{image.digest}").json()
    assert (told["id"], told["alt"], told["uses"]) == (image.digest, "一張圖", 0)
    assert told["url"] == f"https://news.example.org/media/{image.digest}/{image.name}"
    made = editor.post("/posts", {"title": "題", "body": told["markdown"], "cover": told["id"]})
    assert made.json()["cover"] == image.digest
    assert editor.get("/pictures").json()["items"][0]["uses"] == 1


def test_the_same_upload_again_is_done_once(editor):
    first, second = _upload(editor, png_with_metadata()), _upload(editor, png_with_metadata())

    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("data", "alt", "pointer"), [(b"no picture", "x", "/file"), (None, "", "/alt"), (None, " ", "/alt")]
)
def test_a_picture_needs_words_and_must_be_one(editor, data, alt, pointer):
    answer = _upload(editor, data or png_with_metadata(), alt)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Image.objects.exists()


def test_a_program_may_send_more_than_a_stranger(editor):
    body = "字" * 20_000

    written = editor.post("/posts", {"title": "題", "body": body})
    sent = {"authorization": "Bearer nl_0000", "idempotency-key": "a"}
    strange = Client().post("/api/v1/posts", {"body": body}, content_type="application/json", headers=sent)
    too_much = editor.post("/texts/check", {"body": "x" * (12 * 1024 * 1024)})

    assert written.status_code == 201
    assert (strange.status_code, strange.json()["detail"]) == (413, "At most 16 KB are taken here.")
    assert (too_much.status_code, too_much.json()["detail"]) == (413, "At most 12,288 KB are taken here.")


def test_the_words_of_a_picture_are_changed(editor):
    _upload(editor, png_with_metadata())
    path = f"/pictures/{Image.objects.get().digest}"
    etag = editor.get(path).headers["ETag"]

    changed = editor.patch(path, {"alt": "新"}, match=etag)
    again = editor.patch(path, {"alt": "又"}, match=etag)

    assert (changed.json()["alt"], again.status_code) == ("新", 412)


# --- Tags ---


def test_tags_are_listed_with_how_many_posts_have_them(editor):
    make_post(tags=("a", "b"))
    make_post(tags=("b",), published_at=None)

    items = editor.get("/tags").json()["items"]

    assert {(one["slug"], one["posts"]) for one in items} == {("a", 1), ("b", 2)}


def test_a_tag_is_renamed_and_its_posts_are_found_by_the_new_name(editor):
    post = make_findable_post(tags=("old",))
    index_post(post)
    tag = Tag.objects.get()

    answer = editor.patch(f"/tags/{tag.pk}", {"name": "嶄新"}, match=editor.get(f"/tags/{tag.pk}").headers["ETag"])

    assert (answer.json()["name"], answer.json()["slug"]) == ("嶄新", "old")
    assert [one.key for one in search("嶄新", now=timezone.now()).results] == [post.pk]
