"""Preview and format check, pictures and tags by the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from newsletter.operation.accounts.roles import WRITER
from newsletter.posts.models import Image, Post, Tag, WorkingCopy
from newsletter.posts.search.index import index_post, search
from tests.api.conftest import Program
from tests.factories import make_findable_post, make_helper, make_post, make_publication
from tests.support.pictures import telling_png

pytestmark = pytest.mark.django_db


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

    answer = editor.post("/texts/check", {"body": body})

    assert answer.json() == client.post("/admin/writing/check/", {"body": body}).json()
    assert answer.json()["safe"] == 2
    post = make_post(body=body)
    assert editor.get(f"/posts/{post.pk}/check").json() == answer.json()


def test_what_can_be_mended_is_mended(editor):
    assert editor.post("/texts/fix", {"body": "他說,好。"}).json() == {"body": "他說，好。"}


def test_what_the_author_has_turned_off_is_not_mended(editor):
    make_publication(checks_off=["punctuation"])

    assert editor.post("/texts/fix", {"body": "他說,好。"}).json() == {"body": "他說,好。"}


# --- Pictures ---


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def _upload(program, data, alt="一張圖", key="a", name="a.png"):
    sent = {"authorization": f"Bearer {program.secret}", "idempotency-key": key}
    file = SimpleUploadedFile(name, data, content_type="image/png")
    return program.client.post("/api/v1/pictures", {"file": file, "alt": alt}, headers=sent)


def test_a_picture_is_uploaded_and_shown(editor):
    answer = _upload(editor, telling_png())

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
    first, second = _upload(editor, telling_png()), _upload(editor, telling_png())

    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()


@pytest.mark.parametrize(
    ("data", "alt", "pointer"), [(b"no picture", "x", "/file"), (None, "", "/alt"), (None, " ", "/alt")]
)
def test_a_picture_needs_words_and_must_be_one(editor, data, alt, pointer):
    answer = _upload(editor, data or telling_png(), alt)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Image.objects.exists()


def test_json_is_no_picture(editor):
    answer = editor.post("/pictures", {"alt": "x"})

    assert (answer.status_code, answer.json()["detail"]) == (415, "It has to be multipart/form-data.")


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
    _upload(editor, telling_png())
    path = f"/pictures/{Image.objects.get().digest}"
    etag = editor.get(path).headers["ETag"]

    changed = editor.patch(path, {"alt": "新"}, match=etag)
    again = editor.patch(path, {"alt": "又"}, match=etag)

    assert (changed.json()["alt"], again.status_code) == ("新", 412)


def test_pictures_are_found_by_their_words(editor):
    for n, alt in enumerate(["貓", "狗"]):
        Image.objects.create(digest=f"{n:016}", name=f"{n}.png", alt=alt, width=1, height=1)

    assert [one["alt"] for one in editor.get("/pictures?q=狗").json()["items"]] == ["狗"]
    assert editor.get("/pictures/0000000000000009").status_code == 404


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


def test_two_tags_have_two_names(editor):
    make_post(tags=("a", "b"))
    tag = Tag.objects.get(name="a")

    answer = editor.patch(f"/tags/{tag.pk}", {"name": "b"}, match="*")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")


def test_a_writer_renames_no_tag(editor):
    make_post(tags=("a",))

    assert (
        Program(make_helper(WRITER)).patch(f"/tags/{Tag.objects.get().pk}", {"name": "b"}, match="*").status_code == 403
    )
