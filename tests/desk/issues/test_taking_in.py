"""A published post goes into the next issue by one press, once, and no other way about."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from newsletter.issues.models import Issue, IssueItem
from newsletter.publication.changes import Change
from tests.factories import make_helper, make_issue, make_post, make_publication
from tests.support.page_checks import assert_accessible_in_both_schemes, assert_valid, flash_messages

pytestmark = pytest.mark.django_db
A_DAY = timedelta(days=1)


def take_in(issue: Issue, post) -> str:
    return reverse("admin:issue_take_in", args=[issue.pk, post.pk])


def page_of(client, post) -> str:
    return client.get(reverse("admin:posts_post_change", args=[post.pk])).text


@pytest.mark.parametrize("published_at", [timezone.now() - A_DAY, timezone.now() + A_DAY], ids=["out", "scheduled"])
def test_the_page_of_a_post_offers_the_next_issue(author, published_at):
    issue = make_issue(make_post(), number=42)
    post = make_post("甲", published_at=published_at)

    page = page_of(author, post)

    assert "Put into issue 42" in page
    assert f'action="{take_in(issue, post)}"' in page


def test_a_post_that_comes_second_is_put_at_the_end_as_an_excerpt_and_the_history_says_so(author):
    issue = make_issue(make_post("乙"), number=42)
    post = make_post("甲")

    response = author.post(take_in(issue, post))

    assert response.url == reverse("admin:issues_issue_change", args=[issue.pk])
    assert list(issue.items.values_list("post__title", "form")) == [("乙", "full"), ("甲", "excerpt")]
    assert Change.objects.get().detail == {"put_in": ["甲"]}
    link = reverse("admin:issues_issue_change", args=[issue.pk])
    assert flash_messages(response) == [f'“甲” is in <a href="{link}">issue 42</a> now.']
    assert "Put into issue" not in page_of(author, post)


def test_the_first_post_of_an_issue_is_shown_in_full(author):
    issue = make_issue(number=42)

    author.post(take_in(issue, make_post("甲")), {"today": ""})

    assert issue.items.get().form == IssueItem.Form.FULL


def test_a_second_press_changes_nothing_and_says_where_the_post_is(author):
    issue, post = make_issue(number=42), make_post("甲")
    author.post(take_in(issue, post))
    version = Issue.objects.get().version

    again = author.post(take_in(issue, post))

    assert "is in <a" in flash_messages(again)[-1]
    assert flash_messages(again)[-1].endswith("</a> already.")
    assert (issue.items.count(), Change.objects.count(), Issue.objects.get().version) == (1, 1, version)


def test_a_page_of_the_issue_that_was_opened_before_is_refused_its_next_save(author):
    issue = make_issue(number=42)

    author.post(take_in(issue, make_post("甲")))

    assert Issue.objects.get().version == issue.version + 1


def test_without_an_issue_in_the_making_a_new_one_is_offered_which_begins_with_the_post(author):
    post = make_post("甲")

    page = page_of(author, post)
    new = author.get(reverse("admin:issues_issue_add"))

    assert f'href="{reverse("admin:issues_issue_add")}">Begin an issue</a>' in page
    assert "take-in-form" not in page
    assert "甲" in new.text


@pytest.mark.parametrize("is_draft", [True, False], ids=["draft", "in an issue"])
def test_a_draft_and_a_post_that_an_issue_has_are_offered_nothing(author, is_draft):
    post = make_post("甲", published_at=None) if is_draft else make_post("甲")
    make_issue(*([] if is_draft else [post]), number=42)

    page = page_of(author, post)

    assert "Put into issue" not in page
    assert "Begin an issue" not in page


def test_a_helper_without_the_right_to_change_issues_sees_no_button_and_may_not_press_it(client):
    make_publication()
    helper = make_helper()
    rights = Permission.objects.filter(codename__in=["view_post", "change_post", "publish_post", "view_issue"])
    helper.user_permissions.set(rights)
    client.force_login(helper)
    issue, post = make_issue(number=42), make_post("甲")

    page, pressed = page_of(client, post), client.post(take_in(issue, post))

    assert "Put into issue" not in page
    assert pressed.status_code == 403
    assert issue.items.count() == 0


def test_the_first_page_has_the_button_beside_each_post_and_comes_back(author):
    issue, post = make_issue(number=42), make_post("甲")

    page = author.get(reverse("admin:index"))
    pressed = author.post(take_in(issue, post), {"today": ""})

    assert f'action="{take_in(issue, post)}"' in page.text
    assert pressed.url == reverse("admin:index")
    assert_valid(page.text)


@pytest.mark.exhaustive
@pytest.mark.browser
def test_the_button_is_pressed_by_keys_right_after_publishing(desk, server):
    make_publication(language="zh-hant")
    make_issue(make_post("乙"), number=42)
    post = make_post("甲", published_at=None)
    desk.goto(server.url + reverse("admin:posts_post_change", args=[post.pk]))

    desk.get_by_role("link", name="發布…").click()
    desk.get_by_role("button", name="立即發布").click()
    button = desk.get_by_role("button", name="放進第 42 期")
    button.wait_for()
    assert_accessible_in_both_schemes(desk)
    desk.set_viewport_size({"width": 320, "height": 640})
    width = desk.evaluate("document.documentElement.scrollWidth")
    button.focus()
    desk.keyboard.press("Enter")
    desk.get_by_role("link", name="第 42 期").wait_for()

    assert width <= 320
    assert list(Issue.objects.get().items.values_list("post__title", flat=True)) == ["乙", "甲"]
