"""A writer works on drafts of his own: the form offers no more, and the server takes no more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts.models import Post
from tests.factories import make_helper, make_post, make_publication
from tests.support.page_checks import markup

pytestmark = pytest.mark.django_db
ADD = "/admin/posts/post/add/"


@pytest.fixture
def writer(client):
    make_publication()
    client.user = make_helper("writer")
    client.force_login(client.user)
    return client


@pytest.fixture
def draft(writer) -> Post:
    return make_post("我的草稿", published_at=None, created_by=writer.user)


def change(post: Post) -> str:
    return f"/admin/posts/post/{post.pk}/change/"


def fields(**more: str) -> dict[str, str]:
    return {"title": "改了", "body": "新的一段。", "summary": "", "words": "", "tag_names": "", "_continue": ""} | more


def test_a_writer_adds_a_draft_that_is_his(writer):
    writer.post(ADD, fields())

    post = Post.objects.get()
    assert (post.created_by, post.published_at, post.body) == (writer.user, None, "新的一段。")


def test_a_writer_changes_his_draft(writer, draft):
    response = writer.post(change(draft), fields(tag_names="管理"))

    draft.refresh_from_db()
    assert response.status_code == 302
    assert (draft.title, [tag.name for tag in draft.tags.all()]) == ("改了", ["管理"])


@pytest.mark.parametrize("address", [ADD, "change"])
def test_the_form_offers_neither_a_date_nor_a_button_to_publish(writer, draft, address):
    page = writer.get(change(draft) if address == "change" else address).text

    assert 'name="title"' in page
    assert 'name="_publish"' not in page
    assert "published_at" not in page
    assert "deletelink" not in page


@pytest.mark.parametrize("days", [-1, 1])
def test_a_date_that_a_forged_form_names_is_not_taken(writer, draft, days):
    at = timezone.localtime(timezone.now() + timedelta(days=days))
    forged = {"published_at": f"{at:%Y-%m-%dT%H:%M}", "published_at_how": "at"}

    writer.post(change(draft), fields(**forged))
    writer.post(ADD, fields(**forged))

    assert list(Post.objects.values_list("published_at", flat=True)) == [None, None]


def test_a_forged_button_to_publish_is_refused(writer, draft):
    answers = [writer.post(address, fields(_publish="")) for address in (ADD, change(draft))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "publish posts, and work on those of others" in markup(answers[0])
    assert [(post.title, post.published_at) for post in Post.objects.all()] == [("我的草稿", None)]


@pytest.mark.parametrize("action", ["publish_now", "back_to_draft", "delete_selected"])
def test_the_list_offers_a_writer_no_action_and_takes_none(writer, draft, action):
    shown = writer.get("/admin/posts/post/").text
    writer.post("/admin/posts/post/", {"action": action, "_selected_action": draft.pk, "post": "yes"})

    assert f'value="{action}"' not in shown
    assert Post.objects.get().published_at is None


@pytest.mark.parametrize("days", [-1, 1])
def test_what_was_published_or_scheduled_a_writer_reads_and_does_not_change(writer, draft, days):
    Post.objects.update(published_at=timezone.now() + timedelta(days=days))

    page, answer = writer.get(change(draft)), writer.post(change(draft), fields())

    assert page.status_code == 200
    assert 'name="title"' not in page.text
    assert "findings" not in page.text
    assert answer.status_code == 403
    assert Post.objects.get().title == "我的草稿"


def test_a_writer_shows_his_draft_to_somebody_until_it_is_published(writer, draft):
    address = f"/admin/posts/post/{draft.pk}/preview-link/"

    opened = writer.post(address, {"open": ""})
    Post.objects.update(published_at=timezone.now() + timedelta(days=1))

    assert opened.status_code == 302
    assert Post.objects.get().preview_until is not None
    assert writer.post(address, {"close": ""}).status_code == 403


def test_a_post_that_came_by_an_import_is_no_writers(writer):
    orphan = make_post("匯入的草稿", published_at=None)

    assert writer.get(change(orphan)).status_code == 403
    assert "匯入的草稿" not in writer.get("/admin/posts/post/").text


def test_an_editor_publishes_what_a_writer_wrote_and_it_stays_his(client, draft, writer):
    client.force_login(make_helper("editor"))

    client.post(change(draft), fields(published_at="", _publish=""))

    draft.refresh_from_db()
    assert draft.is_published(timezone.now())
    assert draft.created_by == writer.user


def test_a_post_outlives_the_account_of_its_writer(writer, draft):
    writer.user.delete()

    draft.refresh_from_db()
    assert draft.created_by is None
