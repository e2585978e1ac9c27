"""The trash: what is deleted on the desk is hidden for thirty days, and comes back by one press."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.models import Reminder
from newsletter.desk.tasks import empty_trash
from newsletter.issues.models import Issue, not_yet_mailed
from newsletter.posts.models import Post, Tag
from newsletter.posts.search.index import index_post
from tests.desk.test_admin import schedule
from tests.factories import make_helper, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    """The desk of an owner who logged in long ago: whatever asks for the password would be refused."""
    make_publication(language="en")
    client = Client()
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    return client


def trash(desk, row, **given):
    page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])
    return desk.post(page, {"post": "yes"} | given, follow=True)


def put_back(desk, row):
    return desk.post(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_put_back", args=[row.pk]))


def test_a_deleted_post_is_seen_nowhere_and_comes_back_by_one_press_without_a_password(desk):
    post = make_post(title="Borrowed ideas", tags=("ai",))
    index_post(post)
    pages = ("/", "/posts/", "/feed.xml", "/search/?q=Borrowed", "/admin/posts/post/")

    def shown() -> list[bool]:
        addresses = (f"/p/{post.pk}", reverse("admin:posts_post_change", args=[post.pk]))
        return [any(one in desk.get(page).text for one in addresses) for page in pages]

    assert shown() == [True] * 5

    page = trash(desk, post)

    assert "“Borrowed ideas” is in the trash." in page.text
    assert "Put back" in page.text
    assert shown() == [False] * 5
    assert not Tag.objects.in_use(timezone.now()).exists()
    assert desk.get(post.get_absolute_url()).status_code == 404
    assert desk.get(reverse("admin:posts_post_change", args=[post.pk])).status_code == 302
    assert reverse("admin:posts_post_trash") in desk.get("/admin/posts/post/").text

    put_back(desk, post)

    assert desk.get(post.get_absolute_url()).status_code == 200
    assert shown() == [True] * 5


def test_several_posts_go_by_one_action_and_those_of_an_issue_stay(desk):
    posts = [make_post(title=title) for title in ("One", "Two", "Three")]
    make_issue(posts[0])

    chosen = {"action": "delete_selected", "_selected_action": [post.pk for post in posts]}
    page = desk.post("/admin/posts/post/", chosen, follow=True).text

    assert "2 are in the trash." in page
    assert "1 is part of an issue, and stays." in page
    assert list(Post.objects.all()) == posts[:1]


def test_an_issue_in_the_trash_gives_its_number_and_its_posts_to_another_and_comes_back_under_the_next(desk):
    post = make_post()
    issue = make_issue(post, number=1)
    slot = datetime(2026, 12, 15, tzinfo=UTC)
    letter = Reminder.objects.create(kind=Reminder.Kind.LETTER, slot_at=slot, issue=issue, at=slot - timedelta(days=1))

    trash(desk, issue)

    assert not Issue.objects.exists()
    assert not Reminder.objects.filter(pk=letter.pk).exists()  # its links approve nothing any more
    form = desk.get(reverse("admin:issues_issue_add"))
    assert form.context["adminform"].form.initial["number"] == 1
    assert [row["post"] for row in form.context["adminform"].form.initial["proposals"]] == [post.pk]
    make_issue(post, number=1)

    put_back(desk, issue)

    assert Issue.objects.get(pk=issue.pk).number == 2


def test_what_was_scheduled_or_is_in_an_issue_does_not_go(desk):
    post = make_post()
    issue = make_issue(post)
    schedule(issue)

    assert "cannot be deleted" in trash(desk, issue).text
    assert "cannot be deleted" in trash(desk, post).text
    assert (Issue.objects.count(), Post.objects.count()) == (1, 1)


def test_after_thirty_days_it_is_deleted(desk):
    rows = [make_post(title="Old"), make_issue()]
    for row in rows:
        trash(desk, row)
    fresh = make_post(title="Fresh")
    trash(desk, fresh)
    for row in rows:
        type(row).with_trash.filter(pk=row.pk).update(trashed_at=timezone.now() - timedelta(days=30, minutes=1))

    empty_trash()

    assert list(Post.with_trash.all()) == [fresh]
    assert not Issue.with_trash.exists()


def test_the_trash_is_shut_to_those_who_may_not_delete(desk):
    post = make_post()
    trash(desk, post)
    writer = Client()
    writer.force_login(make_helper("writer"))

    assert writer.get(reverse("admin:posts_post_trash")).status_code == 403
    assert put_back(writer, post).status_code == 403
    assert Post.with_trash.get(pk=post.pk).trashed_at


def test_an_emptied_draft_is_offered_to_no_issue_and_is_in_the_trash_a_day_later(desk):
    post = make_post("", body="", published_at=None)
    assert list(not_yet_mailed(Post.objects.all())) == []
    empty_trash()
    assert Post.objects.count() == 1

    Post.objects.update(updated_at=timezone.now() - timedelta(days=2))
    empty_trash()

    assert not Post.objects.exists()
    put_back(desk, post)
    assert Post.objects.get() == post
