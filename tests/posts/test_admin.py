"""Writing, publishing and withdrawing posts, and keeping pictures, as the author does it."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.posts.forms import PostForm
from newsletter.posts.models import Image, Post, Tag, WorkingCopy
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.search.index import index_post, search
from tests.factories import make_issue, make_post
from tests.publication.pictures.test_uploads import picture
from tests.support.page_checks import assert_valid, flash_messages

ADD, LIST = "/admin/posts/post/add/", "/admin/posts/post/"
PREVIEW, UPLOAD, ADD_PICTURE = "/admin/posts/post/preview/", "/admin/posts/image/upload/", "/admin/posts/image/add/"
DRAFT = {"title": "管理槓桿與 GPT-4", "body": "第一段。", "published_at": ""}

pytestmark = pytest.mark.usefixtures("english")


def change(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


def fields_of(post: Post, **changed: str) -> dict[str, str]:
    return {
        "title": post.title,
        "body": post.body,
        "words": post.words,
        "published_at": "",
    } | changed


def errors_of(response) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def photo(name: str = "photo.jpg", form: str = "JPEG") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture(form))


# --- Writing ---


def test_a_new_post_is_a_draft_with_words_from_its_title(author):
    response = author.post(ADD, DRAFT | {"_continue": "1"})

    post = Post.objects.get()
    assert (post.published_at, post.words) == (None, "gpt-4")
    assert response.url == change(post)
    assert flash_messages(response)[1] == "“管理槓桿與 GPT-4” is a draft: only you see it."


def test_publish_now_publishes_now_and_shows_where(author):
    response = author.post(ADD, DRAFT | {"_publish": "1"})

    post = Post.objects.get()
    assert timedelta(0) <= timezone.now() - post.published_at < timedelta(minutes=1)
    address = post.get_absolute_url()
    link = f'<a href="{address}">{address}</a>'
    assert flash_messages(response) == [f"Published: “{post.title}”. Readers see it at {link}."]


def test_tags_are_typed_and_made_when_new(author):
    known = Tag.objects.create(name="AI", slug="ai")

    author.post(ADD, DRAFT | {"tag_names": "ai、管理，#Product Design, 管理"})

    post = Post.objects.get()
    assert [(tag.name, tag.slug) for tag in post.tags.all()] == [
        ("AI", "ai"),
        ("Product Design", "product-design"),
        ("管理", "tag"),
    ]
    assert known in post.tags.all()


def found(query: str) -> list[int]:
    return [result.key for result in search(query, now=timezone.now()).results]


def test_posts_are_not_found_by_a_tag_that_was_deleted(author):
    post = make_post(tags=("ai",))
    index_post(post)
    tag = post.tags.get()

    author.post(reverse("admin:posts_tag_delete", args=[tag.pk]), {"post": "yes"})

    assert not Tag.objects.exists()
    assert found("ai") == []


def test_the_preview_keeps_nothing_and_saving_drops_what_another_renderer_made(author):
    Rendering.objects.create(key="old", renderer="old", html="", han_count=0, word_count=0)

    author.post(PREVIEW, DRAFT)
    assert [made.key for made in Rendering.objects.all()] == ["old"]

    author.post(ADD, DRAFT)
    assert [made.html for made in Rendering.objects.all()] == ["<p>第一段。</p>"]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("x" * 41, f"The tag “{'x' * 41}” is too long: 40 characters at most."),
        (",".join("abcdefghijk"), "A post has at most 10 tags."),
    ],
)
def test_too_long_and_too_many_tags_are_refused(author, typed, message):
    response = author.post(ADD, DRAFT | {"tag_names": typed})

    assert errors_of(response) == {"tag_names": [message]}
    assert not Post.objects.exists()


def test_a_text_that_is_too_long_is_refused_with_the_reason(author):
    response = author.post(ADD, DRAFT | {"body": "x" * 500_001})

    message = "The text has 500,001 characters; at most 500,000 fit. Divide it into several posts."
    assert errors_of(response) == {"body": [message]}
    assert not Post.objects.exists()


# --- The list ---


def test_the_list_shows_drafts_first_and_filters_by_state(author):
    now = timezone.now()
    make_post("published", published_at=now - timedelta(days=1))
    make_post("scheduled", published_at=now + timedelta(days=1))
    make_post("draft", published_at=None)

    def shown(query: str = "") -> list[str]:
        return [post.title for post in author.get(LIST + query).context["cl"].result_list]

    assert shown() == ["draft", "scheduled", "published"]
    for state in ("draft", "scheduled", "published"):
        assert shown(f"?state={state}") == [state]


def test_the_list_costs_the_same_for_many_posts(author, django_assert_max_num_queries):
    for number in range(30):
        make_post(f"post {number}", tags=("ai",))

    with django_assert_max_num_queries(10):
        author.get(LIST)


def test_the_list_says_which_issue_carries_a_post_and_when_a_draft_was_edited(author):
    make_issue(make_post("甲"), number=5)
    make_post("乙", published_at=None)
    make_post("丙"), make_post("丁", is_web_only=True)

    page = author.get(LIST).text

    states = re.findall(r'class="state state-\w+">([^<]+)<', page)
    assert states == ["draft", "only on the web", "not mailed yet", "issue 5"]
    assert "edited " in page


def test_publishing_many_says_how_many(author):
    posts = [make_post(published_at=None), make_post(published_at=timezone.now() + timedelta(days=9)), make_post()]
    old = posts[2].published_at

    chosen = {"action": "publish_now", "_selected_action": [post.pk for post in posts]}
    response = author.post(LIST, chosen)

    assert flash_messages(response) == ["2 posts are published.", "1 was so already."]
    assert Post.objects.published(timezone.now()).count() == 3
    assert Post.objects.get(pk=posts[2].pk).published_at == old


@pytest.mark.parametrize("lacking", ["title", "body"])
def test_a_post_without_title_or_text_is_published_by_no_list(author, lacking):
    post = make_post(**{"title": "題", "published_at": None} | {lacking: ""})

    chosen = {"action": "publish_now", "_selected_action": [post.pk]}
    response = author.post(LIST, chosen)

    assert not Post.objects.published(timezone.now()).exists()
    assert flash_messages(response) == [f"“{post}” has no title or no text, and stays a draft."]


def test_a_save_by_itself_that_publishes_still_asks_for_title_and_text(author):
    post = make_post("", body="", published_at=None)

    author.post(f"{LIST}{post.pk}/change/", {"title": "", "body": "", "_auto": "1", "_publish": "1"})

    assert not Post.objects.published(timezone.now()).exists()


def test_back_to_draft_hides_them_again(author):
    posts = [make_post(), make_post(published_at=None)]

    chosen = {"action": "back_to_draft", "_selected_action": [post.pk for post in posts]}
    response = author.post(LIST, chosen)

    assert flash_messages(response) == ["1 post is a draft again.", "1 was so already."]
    assert Post.objects.drafts().count() == 2


# --- Deleting ---


def test_a_post_of_an_issue_cannot_be_deleted_and_the_page_says_why(author):
    post = make_post()
    make_issue(post, number=3, subject="Leverage", sent_at=timezone.now())
    make_issue(post, number=4, subject="Next")

    page = author.get(f"/admin/posts/post/{post.pk}/delete/").content.decode()
    author.post(f"/admin/posts/post/{post.pk}/delete/", {"post": "yes"})

    assert "cannot be deleted: it is part of an issue" in page
    assert "#3 Leverage · sent" in " ".join(page.split())
    assert "#4 Next · not sent yet: take the post out of it first" in " ".join(page.split())
    assert Post.objects.filter(pk=post.pk).exists()


# --- Preview ---


def test_the_preview_shows_what_is_typed_and_saves_nothing(author):
    response = author.post(PREVIEW, {"title": "Draft", "body": "**bold** <script>alert(1)</script>"})

    page = response.content.decode()
    assert "<strong>bold</strong>" in page
    assert "<h1>Draft</h1>" in page
    assert "<script" not in page
    assert not Post.objects.exists()


def test_the_preview_of_a_greeting_shows_it_with_a_name_and_without(author):
    typed = "{name|朋友}，早安。`{name|朋友}`[^1]\n\n[^1]: 註。"

    page = author.post(PREVIEW, {"body": typed, "field": "introduction"}).text

    assert_valid(page)
    assert "<p>朋友，早安。<code>{name|朋友}</code>" in page
    assert "<p>Anna Miller，早安。<code>{name|朋友}</code>" in page
    assert "A reader without a name reads" in page


def test_the_preview_of_a_post_calls_nobody(author):
    page = author.post(PREVIEW, {"body": "{name|朋友}，早安。", "field": "body"}).text

    assert "朋友，早安。" in page
    assert "Anna Miller" not in page


def test_a_saved_draft_is_read_by_staff_only(author):
    post = make_post("Not yet", published_at=None)
    page = reverse("admin:posts_post_read", args=[post.pk])

    assert "Not yet" in author.get(page).content.decode()
    assert Client().get(page).status_code == 302
    assert author.get(change(post)).context["absolute_url"] == page


@pytest.mark.parametrize("popup", ["", "?_popup=1"])
def test_every_page_of_a_post_is_valid_and_points_at_nothing_that_is_not_there(author, popup):
    now = timezone.now()
    changed, previewed = make_post("改過"), make_post("預覽", published_at=None)
    WorkingCopy.objects.store(Post.objects.get(pk=changed.pk), "", now=now)
    previewed.open_preview(now)
    dated = make_post("排定", published_at=now + timedelta(days=2), body="好,的", summary="摘要")

    for address in (ADD, *map(change, (changed, previewed, dated))):
        assert_valid(author.get(address + popup).text)
    assert_valid(author.post(ADD, {"title": "", "body": "", "published_at_how": "at"}).text)


# --- Pictures ---


def test_an_uploaded_picture_comes_back_as_markdown(author, tmp_path):
    response = author.post(UPLOAD, {"file": photo("Team Photo.jpg"), "alt": "The [old] team"})

    image = Image.objects.get()
    address = f"/media/{image.digest}/team-photo.jpg"
    assert response.json() == {
        "url": address,
        "alt": "The [old] team",
        "markdown": rf"![The \[old\] team]({address})",
    }
    assert (tmp_path / image.digest / "team-photo.jpg").exists()
    assert (image.width, image.height) == (60, 40)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"alt": "text"}, "This field is required."),
        (
            {"file": SimpleUploadedFile("x.png", b"hello"), "alt": "text"},
            "This is not a picture that can be read. JPEG, PNG, GIF and WebP can.",
        ),
        (
            {"file": SimpleUploadedFile("x.png", b"\0" * 10_485_761), "alt": "text"},
            "The file is larger than 10 MB. Make the picture smaller and try again.",
        ),
    ],
)
def test_an_upload_that_cannot_be_used_says_why(author, fields, error):
    response = author.post(UPLOAD, fields)

    assert (response.status_code, response.json()) == (400, {"error": error})
    assert not Image.objects.exists()


def test_uploads_are_posted_by_staff_from_our_own_pages(author):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.get())

    assert author.get(UPLOAD).status_code == 405
    assert Client().post(UPLOAD, {"file": photo(), "alt": "text"}).status_code == 302
    assert strict.post(UPLOAD, {"file": photo(), "alt": "text"}).status_code == 403
    assert not Image.objects.exists()


def test_staff_without_the_right_may_not_upload(author):
    author.force_login(get_user_model().objects.create_user("helper", is_staff=True))

    response = author.post(UPLOAD, {"file": photo(), "alt": "text"})

    assert (response.status_code, response.json()) == (403, {"error": "You may not upload pictures."})


def test_a_picture_is_added_by_the_form_too_and_only_its_text_changes_later(author):
    author.post(ADD_PICTURE, {"file": photo(), "alt": "A team"})
    image = Image.objects.get()
    address = reverse("admin:posts_image_change", args=[image.pk])

    author.post(address, {"alt": "Our team"})

    page = author.get(address).content.decode()
    assert 'name="file"' not in page
    assert f"![Our team]({image.get_absolute_url()})" in page
    assert Image.objects.get().digest == image.digest


def test_a_picture_is_never_deleted(author):
    author.post(UPLOAD, {"file": photo(), "alt": "A team"})
    image = Image.objects.get()

    assert author.post(f"/admin/posts/image/{image.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in author.get("/admin/posts/image/").content.decode()


# --- Addresses ---


def test_words_are_frozen_when_the_post_was_mailed(author):
    post = make_post("AI 時代", words="leverage", published_at=None)
    issue = make_issue(post)
    author.post(change(post), fields_of(post, words="draft-words"))
    assert Post.objects.get().words == "draft-words"

    issue.mark_sent(timezone.now())
    author.post(change(post), fields_of(post, words="other", title="改了"))

    mailed = Post.objects.get()
    assert (mailed.title, mailed.words) == ("改了", "draft-words")
    assert "Frozen: this post was mailed with this address." in author.get(change(post)).content.decode()


@pytest.mark.django_db
def test_control_characters_pass_no_door_of_the_writing_desk():
    """As Word and chat programs leave them in what is pasted."""
    typed = {
        "title": "標\x0b題\x02",
        "body": "前\x08後\r\n二\x00",
        "summary": "摘\x1f要",
        "tag_names": "管\x02理、團\x07隊",
    }

    form = PostForm(typed)

    assert form.is_valid(), form.errors
    assert [form.cleaned_data[name] for name in ("title", "body", "summary")] == ["標 題", "前後\n二", "摘要"]
    assert form.cleaned_data["tag_names"] == ["管理", "團隊"]
