"""How heavy an issue is, and what makes it lighter."""

from datetime import timedelta

import pytest

from newsletter.delivery.ledger.claims import Result, write_results
from newsletter.delivery.letter import losses
from newsletter.delivery.letter.rendering import freeze, html_with
from newsletter.delivery.models import Delivery
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles
from newsletter.issues.models import IssueItem
from newsletter.posts.models import Post
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post


def issue_of(*lengths):
    return make_issue(*[make_post(f"第{n}篇", body="字" * length) for n, length in enumerate(lengths, 1)], number=9)


def weighed(issue):
    return losses.weigh(issue, freeze(issue))


def test_a_small_issue_is_sent_as_it_is(publication):
    found = weighed(issue_of(1_000))

    assert not found.is_large
    assert found.refusal() == ""


def test_an_issue_beyond_four_fifths_is_large_and_can_still_be_sent(publication):
    issue = issue_of(18_000)

    found = weighed(issue)

    assert (found.is_large, found.is_too_large) == (True, False)
    assert obstacles(issue, NOW) == []


def test_one_that_is_too_large_says_which_posts_to_shorten(publication):
    issue = issue_of(1_000, 3_000, 14_000, 15_000)

    [refusal] = obstacles(issue, NOW)

    assert refusal.endswith("Set post 4 to excerpt.")


def test_two_posts_are_named_in_their_order(publication):
    issue = issue_of(1_000, 22_000, 1_000, 23_000, 10_000)

    assert weighed(issue).refusal().endswith("Set posts 2 and 4 to excerpt.")


def test_what_is_proposed_is_enough(publication):
    issue = issue_of(12_000, 14_000, 13_000, 15_000)
    too_large = weighed(issue)
    assert too_large.is_too_large

    for place, item in enumerate(issue.items.all(), 1):
        if place in too_large.to_shorten:
            IssueItem.objects.filter(pk=item.pk).update(form="excerpt")

    assert not weighed(issue).is_too_large


def test_without_a_post_to_shorten_the_introduction_is_named(publication):
    issue = make_issue(make_post(), number=9, introduction="字" * 30_000)

    assert weighed(issue).refusal().endswith("Shorten the introduction and the closing.")


def test_an_issue_that_is_too_large_is_not_approved(publication):
    with pytest.raises(PlanningError, match="Set post 1 to excerpt"):
        approving.approve(issue_of(30_000), send_at=None, now=NOW, hold=timedelta())


def test_nor_does_it_replace_one_that_is_approved(publication):
    issue = issue_of(100)
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    Post.objects.update(body="字" * 30_000)

    with pytest.raises(PlanningError, match="Set post 1 to excerpt"):
        approving.refreeze(mailing, now=NOW)

    before = mailing.content_hash
    mailing.refresh_from_db()
    assert mailing.content_hash == before


def test_a_correction_that_is_too_large_is_not_approved(make_mailing, issue):
    mailing = make_mailing("ab")
    write_results(mailing.batches.get(), [Result(0, Delivery.State.SENT)])
    mailing.cancel(NOW)
    Post.objects.update(body="字" * 30_000)

    with pytest.raises(PlanningError, match="Set post 1 to excerpt"):
        approving.correct(issue, note="數字寫錯了。", send_at=None, now=NOW, hold=timedelta())

    assert not issue.mailings.filter(kind="correction").exists()


def test_each_post_is_weighed_in_each_of_its_forms(publication):
    long, short = make_post("長", body="字" * 9_000), make_post("短", body="三個字。" * 75)
    issue = make_issue(long, short, number=9)

    found = losses.weights_by_form(issue, [long, short])

    assert found[long.pk]["full"] > found[short.pk]["full"] > found[short.pk]["excerpt"] > found[short.pk]["link"]


@pytest.mark.parametrize("form", ["full", "excerpt", "link"])
def test_what_a_form_is_said_to_take_is_what_it_takes(publication, form):
    post = make_post("甲", body="字" * 3_000)
    issue = make_issue(post, make_post("乙", body="字" * 900), make_post("丙"), number=9)
    IssueItem.objects.filter(post=post).update(form=form)
    whole = len(freeze(issue).html.encode())
    without = len(html_with(issue, [item for item in issue.items.all() if item.post_id != post.pk]).encode())

    said = losses.weights_by_form(issue, [post])[post.pk][form]

    assert 0 <= whole - without - said < 400  # a line of the contents, and the rule before the post


def test_of_an_issue_without_posts_nothing_is_weighed(publication):
    assert losses.weights_by_form(make_issue(number=9), []) == {}
