"""A published post is changed in a working copy: readers see the former text until it is updated."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts.models import Post, Revision, WorkingCopy
from newsletter.posts.search.index import search
from newsletter.publication.changes import Change
from tests.factories import make_findable_post, make_helper, make_issue, make_post
from tests.support.page_checks import flash_messages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
IN_PLACE = {"accept": "application/json"}
LIST = "/admin/posts/post/"


@pytest.fixture
def post(author) -> Post:
    return make_findable_post("槓桿", "第一段。", words="leverage", tags=("ai",))


def change(post: Post) -> str:
    return f"/admin/posts/post/{post.pk}/change/"


def fields(author, post: Post, **changed: str) -> dict[str, str]:
    """Return what the form holds, as a browser would send it."""
    form = author.get(change(post)).context["adminform"].form
    at = timezone.localtime(post.published_at) if post.published_at else None
    dates = {"published_at": f"{at:%Y-%m-%dT%H:%M}" if at else ""}
    names = ("title", "body", "summary", "words", "tag_names", "seen_at")
    return {name: form[name].value() or "" for name in names} | dates | changed


def save(author, post: Post, *buttons: str, **changed: str):
    return author.post(change(post), fields(author, post, **changed) | dict.fromkeys(buttons or ["_continue"], "1"))


def found(query: str) -> list[int]:
    return [result.key for result in search(query, now=timezone.now()).results]


def test_readers_see_the_former_text_until_the_post_is_updated(author, post):
    before = author.get(post.get_absolute_url()).text
    updated_at = post.updated_at

    response = save(author, post, title="支點", body="改過。", summary="新的摘要", words="new", tag_names="寫作")

    post.refresh_from_db()
    assert (post.title, post.body, post.words, post.updated_at) == ("槓桿", "第一段。", "leverage", updated_at)
    assert author.get(post.get_absolute_url()).text == before
    assert (found("支點"), found("槓桿")) == ([], [post.pk])
    assert [tag.name for tag in post.tags.all()] == ["ai"]
    assert flash_messages(response)[1] == "Readers see the former text until you update the post."
    assert response.url == change(post)


def test_the_form_and_the_preview_show_the_working_copy(author, post):
    save(author, post, body="改過。", tag_names="寫作")

    form = author.get(change(post)).context["adminform"].form
    assert (form["body"].value(), form["tag_names"].value()) == ("改過。", "寫作")
    assert "改過。" in author.get(f"/admin/posts/post/{post.pk}/read/").text


def test_updating_publishes_all_of_it_and_stays_on_the_page(author, post):
    save(author, post, title="支點", body="改過。", words="new", tag_names="寫作")

    response = save(author, post, "_update")

    post.refresh_from_db()
    assert (post.title, post.body, post.words) == ("支點", "改過。", "new")
    assert [tag.name for tag in post.tags.all()] == ["寫作"]
    assert (found("支點"), found("槓桿")) == ([post.pk], [])
    assert not WorkingCopy.objects.exists()
    assert response.url == change(post)
    assert "改過。" in author.get(post.get_absolute_url()).text


def test_the_button_that_changes_the_date_alone_moves_the_date_and_no_text(author, post):
    earlier = post.published_at - timedelta(days=3)

    save(author, post, "_publish", published_at=f"{timezone.localtime(earlier):%Y-%m-%dT%H:%M}", body="改過。")

    post.refresh_from_db()
    assert (post.published_at, post.body, WorkingCopy.objects.get().body) == (earlier, "第一段。", "改過。")


def test_a_post_that_is_withdrawn_has_its_working_copy_as_its_text(author, post):
    save(author, post, body="改過。")

    save(author, post, "_publish", published_at_how="draft")

    post.refresh_from_db()
    assert (post.body, post.published_at, WorkingCopy.objects.count()) == ("改過。", None, 0)


def test_a_post_that_the_list_takes_back_keeps_its_newest_text_and_is_published_with_it(author, post):
    save(author, post, title="支點", body="改過。", words="new", tag_names="寫作")

    author.post(LIST, {"action": "back_to_draft", "_selected_action": [post.pk]})
    author.post(LIST, {"action": "publish_now", "_selected_action": [post.pk]})

    post.refresh_from_db()
    page = author.get(post.get_absolute_url()).text
    assert ("改過。" in page, "第一段。" in page) == (True, False)
    assert (post.title, post.words, [tag.name for tag in post.tags.all()]) == ("支點", "new", ["寫作"])
    assert (found("支點"), found("槓桿")) == ([post.pk], [])
    assert not WorkingCopy.objects.exists()
    assert set(Revision.objects.saved_for(post.pk).exclude(published_at=None).values_list("body", flat=True)) == {
        "第一段。",
        "改過。",
    }


def test_a_text_that_saves_itself_never_reaches_readers(author, post):
    sent = fields(author, post, body="", title="", published_at="") | {"_auto": "1"}

    answer = author.post(change(post), sent, headers=IN_PLACE).json()

    post.refresh_from_db()
    assert (answer["outcome"], answer["pending"]) == ("saved", True)
    assert (post.title, post.body, post.is_published(timezone.now())) == ("槓桿", "第一段。", True)


def test_of_two_tabs_the_second_overwrites_no_working_copy(author, post):
    first, second = (fields(author, post, body=body) | {"_auto": "1"} for body in ("甲", "乙"))

    answers = [author.post(change(post), sent, headers=IN_PLACE) for sent in (first, second)]

    copy = WorkingCopy.objects.get()
    assert [answer.status_code for answer in answers] == [200, 409]
    assert copy.body == "甲"
    assert post.revisions.exclude(refused_page="").get().body == "乙"


@pytest.mark.parametrize("button", ["_update", "_auto"])
def test_an_old_tab_overwrites_nothing_after_an_update(author, post, button):
    save(author, post, body="甲")
    old = fields(author, post, body="乙")
    save(author, post, "_update")

    response = author.post(change(post), old | {button: "1"}, headers=IN_PLACE)

    assert response.json()["outcome"] == "elsewhere"
    assert (Post.objects.get().body, WorkingCopy.objects.count()) == ("甲", 0)


def test_giving_up_shows_what_readers_see_and_loses_nothing(author, post):
    save(author, post, body="改過。")
    address = f"/admin/posts/post/{post.pk}/working-copy/"

    asked = author.get(address)
    author.post(address)

    assert "改過" in asked.text
    assert not WorkingCopy.objects.exists()
    assert fields(author, post)["body"] == "第一段。"
    assert [one.body for one in Revision.objects.saved_for(post.pk)] == ["第一段。", "改過。", "第一段。"]
    assert author.get(address).url == change(post)


def test_what_readers_saw_and_what_was_mailed_is_kept_for_good(author, post):
    save(author, post, body="改過。")
    save(author, post, "_update")
    make_issue(post)

    marks = [(one.body, bool(one.published_at)) for one in Revision.objects.saved_for(post.pk)]
    assert marks == [("改過。", True), ("第一段。", True)]


def test_a_text_that_saves_itself_is_in_the_history_once_an_hour(author):
    draft = make_post(published_at=None)
    for body in "一二三":
        author.post(change(draft), fields(author, draft, body=body) | {"_auto": "1"}, headers=IN_PLACE)

    assert [one.detail for one in Change.objects.of(draft)] == [{"fields": ["body"]}]
    assert Revision.objects.saved_for(draft.pk).count() == 4


# --- A draft that saves itself ---


def add(author, **changed: str):
    sent = {"title": "", "body": "", "document": "a1", "published_at": "", "_auto": "1"}
    return author.post("/admin/posts/post/add/", sent | changed, headers=IN_PLACE)


def test_the_first_words_of_a_new_post_are_a_draft(author):
    answer = add(author, body="嗯").json()

    post = Post.objects.get()
    assert (post.title, post.body, post.published_at, str(post)) == ("", "嗯", None, "(no title yet)")
    assert answer["address"] == change(post)
    assert "(no title yet)" in author.get(LIST).text


def test_the_page_of_a_new_post_makes_one_draft_whatever_becomes_of_the_session(author):
    add(author, body="嗯")
    author.logout()
    author.force_login(make_helper("owner", name="again"))

    again = add(author, body="嗯嗯")
    ordinary = author.post("/admin/posts/post/add/", {"title": "題", "body": "嗯嗯嗯", "document": "a1"})

    assert (again.status_code, again.json()["outcome"], ordinary.status_code) == (409, "exists", 302)
    assert [(post.title, post.body) for post in Post.objects.all()] == [("題", "嗯嗯嗯")]


def test_a_date_that_is_being_typed_publishes_nothing(author):
    add(author, body="嗯", published_at="2020-01-0")
    post = Post.objects.get()
    sent = fields(author, post, published_at="2020-01-01T08:00")

    answer = author.post(change(post), sent | {"_auto": "1"}, headers=IN_PLACE)

    assert answer.json()["outcome"] == "saved"
    assert Post.objects.get().published_at is None
