"""When and where readers see a post: what is chosen is a plan, until the one button does what it says."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from html5lib import HTMLParser

from newsletter.issues import assembly
from newsletter.issues.models import in_no_issue, not_yet_mailed
from newsletter.posts.models import Post
from tests.factories import make_issue, make_post, make_publication
from tests.support.page_checks import HTML, form_data

LATER = datetime(2099, 1, 7, 0, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("english")


def change(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


def saved(author: Client, post: Post, **changed: str) -> Post:
    """Save the form as a browser shows it; return what is stored then."""
    sent = form_data(author.get(change(post)).text, "post_form") | changed
    response = author.post(change(post), sent)
    assert response.status_code == 302, response.context["adminform"].form.errors
    return Post.objects.get(pk=post.pk)


def shown(author: Client, post: Post) -> tuple[str, str]:
    """Return the choice and the time that the form shows."""
    sent = form_data(author.get(change(post)).text, "post_form")
    return sent["published_at_how"], sent["published_at"]


def test_no_browser_puts_back_what_readers_see_of_a_post(author):
    """After “Publish now” and a step back, a browser would choose the draft again, and “Update” would send it."""
    page = HTMLParser().parse(author.get(change(make_post(published_at=None))).text)
    at_once = {"published_at", "published_at_how", "place"}

    fields = [one for one in page.iter(f"{HTML}input") if one.get("name") in at_once]

    assert {one.get("name") for one in fields} == at_once
    assert {one.get("autocomplete") for one in fields} == {"off"}


@pytest.mark.parametrize("at", [None, timezone.now() - timedelta(days=1), LATER])
def test_a_form_that_is_saved_untouched_moves_no_date(author, at):
    post = make_post(published_at=at)

    assert saved(author, post).published_at == at


def test_a_page_that_still_says_now_does_not_publish_it_again(author):
    post = make_post(published_at=timezone.now() - timedelta(days=3))

    assert saved(author, post, published_at_how="now").published_at == post.published_at


CHOSEN = {"published_at_how": "at", "published_at": "2099-01-07T08:00"}


def test_a_time_that_is_chosen_is_saved_like_text_and_schedules_nothing(author):
    post = saved(author, make_post(published_at=None), **CHOSEN)

    assert (post.published_at, post.planned_at) == (None, LATER)
    assert shown(author, post) == ("at", "2099-01-07T08:00")
    assert "the time is not scheduled yet" in author.get(change(post)).text


def test_the_button_schedules_at_the_publications_own_time_and_says_so(author):
    post = make_post("槓桿", published_at=None)
    sent = form_data(author.get(change(post)).text, "post_form") | CHOSEN | {"_publish": ""}

    page = author.post(change(post), sent, follow=True)

    stored = Post.objects.get()
    assert (stored.published_at, stored.planned_at) == (LATER, None)
    assert "Scheduled: “槓桿” is published on Jan. 7, 2099, 08:00." in page.text
    assert page.redirect_chain[0][0].endswith("#publish")


@pytest.mark.parametrize("at", [timezone.now() - timedelta(days=1), LATER])
def test_a_post_with_a_date_becomes_a_draft_again_by_the_button_alone(author, at):
    post = make_post(published_at=at)

    assert saved(author, post, published_at_how="draft").published_at == at
    assert saved(author, post, published_at_how="draft", _update="").published_at == at
    assert saved(author, post, published_at_how="draft", _publish="").published_at is None


def test_a_plan_to_move_a_published_post_moves_it_with_the_button(author):
    before = timezone.now() - timedelta(days=1)
    post = make_post(published_at=before)
    planned = saved(author, post, **CHOSEN)
    assert (planned.published_at, planned.planned_at) == (before, LATER)

    moved = saved(author, post, _publish="")

    assert (moved.published_at, moved.planned_at) == (LATER, None)


def test_a_plan_without_its_time_stops_no_save_and_no_post_is_published_with_it(author):
    post = make_post(published_at=None)
    assert saved(author, post, published_at_how="at", title="改了").title == "改了"

    sent = form_data(author.get(change(post)).text, "post_form") | {"published_at_how": "at", "_publish": ""}

    assert author.post(change(post), sent).context["adminform"].form.errors == {"published_at": ["Say at what time."]}
    assert Post.objects.get().published_at is None


def test_a_post_that_the_list_publishes_has_no_plan_left(author):
    post = make_post(published_at=None, planned_at=LATER)

    author.post(reverse("admin:posts_post_changelist"), {"action": "publish_now", "_selected_action": [post.pk]})

    stored = Post.objects.get()
    assert (stored.is_published(timezone.now()), stored.planned_at) == (True, None)


def test_after_publishing_the_next_step_is_the_one_filled_button(author):
    issue = make_issue(number=5, sent_at=None)
    post = saved(author, make_post("槓桿", published_at=None), _publish="")

    page = author.get(change(post)).text

    assert post.is_published(timezone.now())
    assert "Readers see “槓桿”." in page
    filled = [
        one for one in HTMLParser().parse(page).iter() if {"button", "default"} & set(one.get("class", "").split())
    ]
    words = [one.text.strip() for one in filled if "quiet" not in one.get("class")]
    assert words[0] == f"Put into issue {issue.number}"
    assert not {"Publish…", "Update", "Apply the choice above"} & set(words)


def test_the_zone_stands_beside_the_field_and_a_refused_form_keeps_what_was_chosen(author):
    make_publication(time_zone="Europe/Berlin")
    sent = {"title": "", "body": "文", "published_at_how": "at", "published_at": "2099-01-07T08:00"}

    page = author.post("/admin/posts/post/add/", sent).text
    assert form_data(page, "post_form") | {"published_at_how": "at", "published_at": "2099-01-07T08:00"} == form_data(
        page, "post_form"
    )
    assert "Europe/Berlin" in page


# --- For the web alone ---


def test_a_post_for_the_web_alone_waits_for_no_issue_and_is_proposed_for_none(author):
    post = saved(author, make_post("只在網站"), place="site")
    other = make_post("等下一期")

    assert post.is_web_only
    for waiting in (in_no_issue(Post.objects.all()), not_yet_mailed(Post.objects.all())):
        assert list(waiting) == [other]
    assert [one.post for one in assembly.proposed_posts(timezone.now() + timedelta(days=1))] == [other.pk]
    assert "Begin an issue" not in author.get(change(post)).text
    assert "Begin an issue" in author.get(change(other)).text


def test_that_a_published_post_is_for_the_web_alone_is_true_at_once_and_its_text_is_not(author):
    post = saved(author, make_post(body="一。"), place="site", body="二。")

    assert (post.is_web_only, post.body) == (True, "一。")
