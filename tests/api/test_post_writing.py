"""Posts by the API: written, changed, published and taken back as on the desk."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from newsletter.operation.accounts.roles import WRITER
from newsletter.posts.models import Image, Post, Revision, Tag, WorkingCopy
from newsletter.posts.search.index import search
from newsletter.publication.changes import Change
from tests.api.conftest import Program
from tests.factories import make_helper, make_issue, make_post

pytestmark = pytest.mark.django_db


def _etag(program, post):
    return program.get(f"/posts/{post.pk}").headers["ETag"]


def _pointers(answer):
    assert answer.status_code == 422, answer.text
    return {error.get("pointer"): error["detail"] for error in answer.json()["errors"]}


def test_a_post_is_written(editor):
    tag = Tag.objects.create(name="槓桿", slug="lever")

    answer = editor.post("/posts", {"title": "Managing leverage", "body": "第一段。\r\n第二行", "tags": ["槓桿", "新"]})

    post = Post.objects.get()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/posts/{post.pk}"
    assert (post.title, post.body, post.words) == ("Managing leverage", "第一段。\n第二行", "managing-leverage")
    assert set(post.tags.values_list("name", flat=True)) == {"槓桿", "新"}
    assert tag in post.tags.all()
    assert (post.published_at, post.created_by) == (None, editor.user)
    assert answer.json() == editor.get(f"/posts/{post.pk}").json()
    assert answer.headers["ETag"] == _etag(editor, post)


def test_what_a_program_does_stands_in_the_record_with_the_name_of_its_token(editor):
    editor.post("/posts", {"title": "題", "body": "文"})
    post = Post.objects.get()
    editor.patch(f"/posts/{post.pk}", {"body": "新文"}, match=_etag(editor, post))
    editor.post(f"/posts/{post.pk}/publish", match=_etag(editor, post))
    editor.post(f"/posts/{post.pk}/withdraw", match=_etag(editor, post))

    lines = [(one.by, one.via, one.what, one.detail) for one in Change.objects.of(post).order_by("pk")]
    who = ("edith (Obsidian)", "api")
    assert lines == [
        (*who, "added", {}),
        (*who, "changed", {"fields": ["body"]}),
        (*who, "changed", {"fields": ["published_at"]}),
        (*who, "published", {}),
        (*who, "withdrawn", {}),
    ]
    assert {(one.by, one.via) for one in Revision.objects.saved_for(post.pk)} == {who}


def test_the_desk_shows_who_it_was(editor):
    editor.post("/posts", {"title": "題", "body": "文"})
    client = Client()
    client.force_login(editor.user)

    page = client.get(f"/admin/posts/post/{Post.objects.get().pk}/history/")

    assert "edith (Obsidian) · by the API" in page.text


def test_a_change_of_a_published_post_is_seen_by_readers_when_it_is_published_again(editor):
    post = make_post("題", body="舊文。", tags=("old",))

    answer = editor.patch(f"/posts/{post.pk}", {"body": "新文。", "tags": ["new"]}, match=_etag(editor, post))

    assert (answer.json()["body"], answer.json()["tags"], answer.json()["is_changed"]) == ("新文。", ["new"], True)
    assert "舊文。" in Client().get(post.get_absolute_url()).text
    published = editor.post(f"/posts/{post.pk}/publish", match=answer.headers["ETag"])
    assert published.json()["is_changed"] is False
    assert "新文。" in Client().get(post.get_absolute_url()).text
    assert [tag.name for tag in Post.objects.get().tags.all()] == ["new"]
    assert [one.body for one in Revision.objects.saved_for(post.pk)] == ["新文。", "舊文。"]
    assert not WorkingCopy.objects.exists()


def test_what_was_published_is_found_and_what_was_taken_back_is_not(editor):
    editor.post("/posts", {"title": "管理槓桿", "body": "第一段。"})
    post = Post.objects.get()
    before = len(search("槓桿", now=timezone.now()).results)
    published = editor.post(f"/posts/{post.pk}/publish", match=_etag(editor, post))
    found = len(search("槓桿", now=timezone.now()).results)
    withdrawn = editor.post(f"/posts/{post.pk}/withdraw", match=published.headers["ETag"])

    assert (before, found) == (0, 1)
    assert (published.json()["state"], withdrawn.json()["state"]) == ("published", "draft")
    assert search("槓桿", now=timezone.now()).results == []


def test_a_time_schedules_a_post_in_whatever_zone_it_is_told(editor):
    at = timezone.now().replace(microsecond=0) + timedelta(days=2)

    answer = editor.post("/posts", {"title": "題", "body": "文", "published_at": at.isoformat()})

    assert answer.json()["state"] == "scheduled"
    assert Post.objects.get().published_at == at
    assert answer.json()["published_at"].endswith("+08:00")


def test_only_what_is_named_changes(editor):
    cover = Image.objects.create(digest="0" * 16, name="a.png", alt="a", width=1, height=1)
    post = make_post(
        "題", body="文", summary="摘要", words="words", tags=("a",), cover=cover, is_web_only=True, published_at=None
    )
    was = editor.get(f"/posts/{post.pk}").json()

    now = editor.patch(f"/posts/{post.pk}", {"title": "新題"}, match=_etag(editor, post)).json()

    assert {name for name in was if was[name] != now[name]} <= {"title", "changed_at"}
    assert now["title"] == "新題"


def test_a_change_of_nothing_writes_nothing(editor):
    post = make_post()

    answer = editor.patch(f"/posts/{post.pk}", {"title": post.title}, match=_etag(editor, post))

    assert answer.status_code == 200
    assert not Change.objects.of(post).exists()
    assert not WorkingCopy.objects.exists()


def test_a_change_without_the_state_that_was_seen_is_refused(editor):
    post = make_post()

    answer = editor.patch(f"/posts/{post.pk}", {"title": "x"})

    assert (answer.status_code, answer.json()["title"]) == (428, "There is no If-Match")


@pytest.mark.parametrize("verb", ["change", "publish", "withdraw"])
def test_nobody_changes_what_was_changed_meanwhile(editor, verb):
    post = make_post(published_at=None)
    seen = _etag(editor, post)
    post.body = "另一個視窗。"
    post.save()

    if verb == "change":
        answer = editor.patch(f"/posts/{post.pk}", {"title": "x"}, match=seen)
    else:
        answer = editor.post(f"/posts/{post.pk}/{verb}", match=seen)

    assert (answer.status_code, answer.json()["title"]) == (412, "It was changed meanwhile")
    assert answer.headers["ETag"] == _etag(editor, post)
    assert Post.objects.get().title == "管理槓桿"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": "", "body": "x"}, "/title"),
        ({"title": "x"}, "/body"),
        ({"title": "\u000b", "body": "x"}, "/title"),
        ({"title": "x" * 121, "body": "x"}, "/title"),
        ({"title": "x", "body": "x", "words": "é"}, "/words"),
        ({"title": "x", "body": "x", "tags": ["a"] * 11}, "/tags"),
        ({"title": "x", "body": "x", "tags": ["a,b" * 14]}, "/tags/0"),
        ({"title": "x", "body": "x", "cover": "nothing"}, "/cover"),
        ({"title": "x", "body": "x", "published_at": "soon"}, "/published_at"),
        ({"title": "x", "body": "x", "published_at": "2026-11-28T21:10:00"}, "/published_at"),
        ({"title": "x", "body": "x", "published_at": "9999-12-31T23:59:59-08:00"}, "/published_at"),
        ({"title": "x", "body": "x", "publish": True}, "/publish"),
        ([], None),
    ],
)
def test_what_is_not_valid_is_named_and_nothing_is_written(editor, body, pointer):
    assert pointer in _pointers(editor.post("/posts", body))
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    "raw", [b"{", b'{"title": NaN}', b"\xff", b'{"title": "\\ud800", "body": "x"}', b"[" * 100_000]
)
def test_what_is_no_json_is_refused(editor, raw):
    sent = {"authorization": f"Bearer {editor.secret}", "idempotency-key": "k"}

    answer = editor.client.post("/api/v1/posts", raw, content_type="application/json", headers=sent)

    assert (answer.status_code, answer.json()["title"]) == (400, "The request cannot be read")


def test_the_address_of_a_post_that_was_mailed_stays(editor):
    post = make_post(words="old")
    make_issue(post, sent_at=timezone.now())

    answer = editor.patch(f"/posts/{post.pk}", {"words": "new"}, match=_etag(editor, post))

    assert _pointers(answer) == {"/words": "Frozen: this post was mailed with this address."}


def test_a_post_of_an_issue_is_not_hidden(editor):
    post = make_post()
    make_issue(post, number=7)

    answer = editor.patch(f"/posts/{post.pk}", {"is_unlisted": True}, match=_etag(editor, post))

    assert "Issue 7 carries this post" in _pointers(answer)["/is_unlisted"]


# --- Who may what ---


def test_a_writer_writes_drafts_and_publishes_nothing(editor):
    writer = Program(make_helper(WRITER))
    made = writer.post("/posts", {"title": "題", "body": "文"})
    post = Post.objects.get()

    changed = writer.patch(f"/posts/{post.pk}", {"body": "新"}, match=made.headers["ETag"])
    dated = writer.patch(f"/posts/{post.pk}", {"published_at": timezone.now().isoformat()}, match="*")
    published = writer.post(f"/posts/{post.pk}/publish", match="*")
    scheduled = writer.post("/posts", {"title": "題", "body": "文", "published_at": timezone.now().isoformat()})

    assert (made.status_code, changed.status_code) == (201, 200)
    assert {dated.status_code, published.status_code, scheduled.status_code} == {403}
    assert Post.objects.get().published_at is None


def test_a_writer_does_not_change_a_post_of_theirs_once_it_has_a_date(editor):
    writer = Program(make_helper(WRITER))
    post = make_post(created_by=writer.user)

    answer = writer.patch(f"/posts/{post.pk}", {"body": "新"}, match=_etag(writer, post))

    assert answer.status_code == 403
    assert not WorkingCopy.objects.exists()


def test_a_post_goes_into_a_series_by_its_title_and_out_again_by_null(editor):
    post = make_post(published_at=None)

    placed = editor.patch(f"/posts/{post.pk}", {"series": "慢工作"}, match=_etag(editor, post)).json()
    out = editor.patch(f"/posts/{post.pk}", {"series": None}, match=_etag(editor, post)).json()

    assert (placed["series"], placed["series_number"]) == ("慢工作", 1)
    assert (out["series"], out["series_number"]) == (None, None)
