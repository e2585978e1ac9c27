"""The author takes a text out of the public list of changes, and puts it back: both with a reason that is kept."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from newsletter.delivery.models import Delivery
from newsletter.delivery.planning import approving, beginning
from tests.factories import finish_batches, make_helper, make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)


@pytest.fixture
def desk(author):
    make_publication()
    author.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return author


@pytest.fixture
def mailing(desk):
    make_subscriber()
    issue = make_issue(make_post("管理槓桿", published_at=NOW - timedelta(days=1)), number=7, subject="第七期")
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.update(state=Delivery.State.SENT)
    finish_batches(mailing)
    mailing.finish(NOW)
    return mailing


def screen(mailing):
    return reverse("admin:mailing_public", args=[mailing.pk])


def page_of(desk, mailing):
    return desk.get(reverse("admin:mailing", args=[mailing.pk]))


def last_words(desk, mailing):
    entry = page_of(desk, mailing).context["entries"][0]
    return entry.text, entry.actor, entry.details


def take_out(desk, mailing, reason="裡面有客戶的名字。"):
    return desk.post(screen(mailing), {"wanted": "withhold", "reason": reason})


def test_a_text_is_taken_out_and_the_record_says_who_and_why(desk, mailing):
    response = take_out(desk, mailing)

    assert response["Location"] == reverse("admin:mailing", args=[mailing.pk])
    assert last_words(desk, mailing) == (
        "The text was taken out of the public list of changes",
        "gipi · on the desk",
        ("裡面有客戶的名字。",),
    )
    assert "What it said was taken out of this list on" in desk.get("/issues/7/changes/").text
    assert "Show it again" in desk.get(screen(mailing)).text


@pytest.mark.parametrize("reason", ["", "   ", "長" * 501])
def test_without_a_reason_nothing_is_done(desk, mailing, reason):
    page = take_out(desk, mailing, reason)

    assert page.status_code == 200
    assert page.context["form"].errors["reason"]
    assert "taken out" not in desk.get("/issues/7/changes/").text


def test_a_second_press_in_another_tab_puts_nothing_back(desk, mailing):
    take_out(desk, mailing)

    page = desk.post(screen(mailing), {"wanted": "withhold", "reason": "又一次。"}, follow=True)

    assert "Nothing was changed: it was done before, perhaps in another tab." in page.text
    assert last_words(desk, mailing)[2] == ("裡面有客戶的名字。",)


def test_what_waits_to_be_sent_is_in_no_list(desk):
    make_subscriber()
    issue = make_issue(make_post(), number=8)
    waiting = approving.approve(issue, send_at=NOW + timedelta(days=900), now=NOW, hold=timedelta())

    page = desk.get(screen(waiting), follow=True)

    assert screen(waiting) not in page.text
    assert "What is not sent yet is not in the public list." in page.text


def test_whoever_may_not_send_may_not_take_out(client, mailing):
    client.force_login(make_helper("writer"))

    assert client.post(screen(mailing), {"wanted": "withhold", "reason": "好玩"}).status_code == 403
    assert not mailing.steps.filter(what="withheld").exists()
