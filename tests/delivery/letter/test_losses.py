"""What readers would not get as it was typed: nothing sends it until its author has said yes to it."""

import unicodedata
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from newsletter.delivery.ledger.claims import DeliveryResult, write_results
from newsletter.delivery.letter import losses as weights
from newsletter.delivery.letter.losses import losses, losses_digest
from newsletter.delivery.letter.rendering import PLACEHOLDER, freeze_letter, html_with
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles
from newsletter.issues.models import IssueItem
from newsletter.posts.models import Post
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post

HOLD = timedelta(minutes=3)
LOSING = "開頭。\n\n<script>\nlet 乙 = 1\n</script>"


def acknowledgement_of(issue, note=""):
    return losses_digest(losses(issue, freeze_letter(issue, note), note))


@pytest.fixture
def had(make_mailing):
    """A mailing that one of two readers has, and that was called off for the other."""
    mailing = make_mailing("ab")
    write_results(mailing.batches.get(), [DeliveryResult(0, Delivery.State.SENT)])
    mailing.cancel(NOW)
    return mailing


def corrected(issue, note="第二段寫錯了。"):
    return approving.schedule_correction(issue, note=note, send_at=None, now=NOW, hold=HOLD)


def test_what_was_acknowledged_before_an_edit_holds_for_nothing_after_it(issue):
    post = issue.items.get().post
    post.__class__.objects.update(body=LOSING)
    before = acknowledgement_of(issue)
    post.__class__.objects.update(body=LOSING.replace("乙", "丙"))

    with pytest.raises(PlanningError, match="let 丙 = 1"):
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD, acknowledged=before)


def test_the_note_of_a_correction_loses_nothing_either(had, issue):
    with pytest.raises(PlanningError, match="“Correction”, line 2, not shown"):
        corrected(issue, "寫錯了：\n<style>乙</style>")


@pytest.mark.parametrize(
    ("field", "typed", "named"),
    [
        ("subject", "{{ first_name }}，你好", "“Subject”, line 1, a field that nobody fills in: {{ first_name }}"),
        ("preheader", "%%name%% 的信", "“Preheader”, line 1, a field that nobody fills in: %%name%%"),
        ("introduction", "早。\n\n*|FNAME|*，你好", "“Introduction”, line 3, a field that nobody fills in: *|FNAME|*"),
        ("introduction", "{name}，你好", "“Introduction”, line 1, a field that nobody fills in: {name}"),
        ("closing", "[退訂]({{unsubscribe}})", "“Closing”, line 1, a field that nobody fills in: {{unsubscribe}}"),
    ],
)
def test_a_merge_field_of_another_program_reaches_nobody_unasked(issue, field, typed, named):
    setattr(issue, field, typed)
    issue.save()

    with pytest.raises(PlanningError) as refused:
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    assert named in str(refused.value)


def test_the_titles_of_posts_are_looked_at_too(publication):
    issue = make_issue(make_post("給 {姓名} 的信", body="一般的內文。"), number=9)

    with pytest.raises(PlanningError, match=r"“給 {姓名} 的信”, line 1, a field that nobody fills in: {姓名}"):
        approving.approve(issue, send_at=None, now=NOW, hold=HOLD)


def test_a_subject_that_is_cut_for_a_correction_is_named(had, issue):
    issue.subject = "長" * 190 + "句尾九個字在這裡"
    issue.save()

    with pytest.raises(PlanningError, match=r"“Subject”, line 1, not shown \(Subject\)"):
        corrected(issue)


def test_control_characters_of_an_old_row_reach_nobody(publication):
    """A door takes them out; a row may be older. Two of them around a name are a slot, which would be filled."""
    post = make_post("標\x02email\x03題\x07", body="內\x02email\x03文\x1b。")
    issue = make_issue(
        post, number=9, subject="主\x02email\x03旨\x00", preheader="前\x02day\x03言", introduction="序\x0b。"
    )

    mailing = approving.approve(issue, send_at=None, now=NOW, hold=HOLD)

    shown = [mailing.subject, PLACEHOLDER.sub("", mailing.html), PLACEHOLDER.sub("", mailing.text)]
    assert [char for text in shown for char in text if unicodedata.category(char) == "Cc" and char != "\n"] == []
    assert "標 email 題" in mailing.html
    assert "標 email 題" in mailing.text
    assert mailing.subject == "主 email 旨"


def test_the_command_sends_nothing_that_was_not_acknowledged_and_says_why(publication):
    make_issue(make_post("甲", body=LOSING), number=9)

    with pytest.raises(CommandError, match="let 乙 = 1"):
        call_command("send_issue", "9", "--no-hold")

    assert not Mailing.objects.exists()


def test_the_readers_name_with_a_word_for_those_without_one_is_no_loss_but_in_a_subject_it_is(issue):
    issue.introduction, issue.closing = "{稱呼|朋友}，你好：早。", "再見，{name|friend}。"
    issue.save()
    assert list(losses(issue, freeze_letter(issue))) == []

    issue.subject = "給 {稱呼|朋友}"
    issue.save()
    assert [one.text for one in losses(issue, freeze_letter(issue))] == ["{稱呼|朋友}"]


# --- How heavy an issue is, and what makes it lighter ---


def issue_of(*lengths):
    return make_issue(*[make_post(f"第{n}篇", body="字" * length) for n, length in enumerate(lengths, 1)], number=9)


def weighed(issue):
    return weights.weigh_letter(issue, freeze_letter(issue))


def test_an_issue_beyond_four_fifths_is_large_and_can_still_be_sent(publication):
    issue = issue_of(18_000)

    found = weighed(issue)

    assert (found.is_large, found.is_too_large) == (True, False)
    assert obstacles(issue, NOW) == []


def test_one_that_is_too_large_says_which_posts_to_shorten(publication):
    issue = issue_of(1_000, 3_000, 14_000, 15_000)

    [refusal] = obstacles(issue, NOW)

    assert refusal.endswith("Set post 4 to excerpt.")


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


def test_each_post_is_weighed_in_each_of_its_forms(publication):
    long, short = make_post("長", body="字" * 9_000), make_post("短", body="三個字。" * 75)
    issue = make_issue(long, short, number=9)

    found = weights.weights_by_form(issue, [long, short])

    assert found[long.pk]["full"] > found[short.pk]["full"] > found[short.pk]["excerpt"] > found[short.pk]["link"]


@pytest.mark.parametrize("form", ["full", "excerpt", "link"])
def test_what_a_form_is_said_to_take_is_what_it_takes(publication, form):
    post = make_post("甲", body="字" * 3_000)
    issue = make_issue(post, make_post("乙", body="字" * 900), make_post("丙"), number=9)
    IssueItem.objects.filter(post=post).update(form=form)
    whole = len(freeze_letter(issue).html.encode())
    without = len(html_with(issue, [item for item in issue.items.all() if item.post_id != post.pk]).encode())

    said = weights.weights_by_form(issue, [post])[post.pk][form]

    assert 0 <= whole - without - said < 400  # a line of the contents, and the rule before the post
