"""A correction, as the author sends it: from the issue's page to its own mailing."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.urls import reverse

from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from tests.factories import finish_batches, make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def desk(author):
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0), sender_email="news@news.example.org")
    author.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return author


@pytest.fixture
def sent(desk):
    """An issue that one of two readers has: the other came later."""
    make_subscriber(tags="paid")
    issue = make_issue(make_post("管理槓桿"), number=7, subject="第七期")
    send(issue)
    make_subscriber()
    return issue


def send(issue, segment=""):
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta(), segment=segment)
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.update(state=Delivery.State.SENT)
    finish_batches(mailing)
    mailing.finish(NOW)


def screen(issue):
    return reverse("admin:issue_correct", args=[issue.pk])


def page_of(desk, issue):
    return desk.get(reverse("admin:issues_issue_change", args=[issue.pk])).text


def test_one_post_approves_it_with_a_hold(desk, sent):
    response = desk.post(screen(sent), {"note": "數字寫錯了。"})

    correction = Mailing.objects.get(kind="correction")
    assert response["Location"] == reverse("admin:mailing", args=[correction.pk])
    assert (correction.state, correction.send_at, correction.note) == (
        "scheduled",
        NOW + timedelta(minutes=3),
        "數字寫錯了。",
    )


def test_a_correction_without_a_note_is_asked_for_one(desk, sent):
    response = desk.post(screen(sent), {"note": " "})

    assert response.context["form"].errors["note"]
    assert not Mailing.objects.filter(kind="correction").exists()


def test_a_second_tab_gets_the_same_correction(desk, sent):
    desk.post(screen(sent), {"note": "數字寫錯了。"})

    response = desk.post(screen(sent), {"note": "另一句。"})

    assert response["Location"] == reverse("admin:mailing", args=[Mailing.objects.get(kind="correction").pk])


def test_an_issue_that_nobody_has_says_why_there_is_nothing_to_correct(desk):
    draft = make_issue(make_post(), number=8)

    assert "Nobody has a copy of issue 8" in " ".join(desk.get(screen(draft)).context["obstacles"])


def test_a_scheduled_correction_is_hindered_by_nothing(desk, sent):
    desk.post(screen(sent), {"note": "數字寫錯了。"})

    page = desk.get(reverse("admin:mailing", args=[Mailing.objects.get(kind="correction").pk]))

    assert page.context["obstacles"] == []


def test_a_correction_on_hold_is_not_called_outdated(desk, sent):
    desk.post(screen(sent), {"note": "數字寫錯了。"})

    assert reverse("admin:mailing_refreeze", args=[Mailing.objects.latest("pk").pk]) not in page_of(desk, sent)


def test_after_a_segment_the_page_leads_to_the_other_readers(desk):
    make_subscriber(tags="paid")
    issue = make_issue(make_post(), number=9)
    send(issue, "+paid")
    link = f'href="{reverse("admin:issue_send", args=[issue.pk])}"'
    assert link in page_of(desk, issue)

    send(issue)

    assert f'class="button" {link}' not in page_of(desk, issue)


def test_what_a_correction_would_lose_is_shown_and_acknowledged_with_it(desk, sent):
    sent.items.get().post.__class__.objects.update(body="開頭。\n\n<script>\nlet 乙 = 1\n</script>")

    asked = desk.post(screen(sent), {"note": "數字寫錯了。"})

    assert "let 乙 = 1" in asked.text
    assert asked.context["form"]["note"].value() == "數字寫錯了。"
    assert not Mailing.objects.filter(kind="correction").exists()
    box = asked.context["lost_digest"]
    assert f'name="acknowledged_digest" value="{box}"' in asked.text
    desk.post(screen(sent), {"note": "數字寫錯了。", "acknowledged_digest": box})
    assert Mailing.objects.filter(kind="correction").exists()
