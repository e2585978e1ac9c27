"""The screens of an issue in a real browser: no barrier, nothing too wide, arrows that keys press, frames that show."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.author import alerts, reminder_mails
from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.issues import composer
from newsletter.issues.models import Issue
from newsletter.publication.changes import Via, acting_as
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.page_checks import assert_accessible, assert_accessible_wide_and_narrow

pytestmark = pytest.mark.browser


@pytest.fixture
def issue(desk) -> Issue:
    issue = make_issue(make_post("甲"), make_post("乙"), make_post("丙"), introduction="大家好")
    make_post("一篇標題很長很長很長很長很長很長很長很長的文章，還沒有寄給任何人")
    return issue


def sent(subject: str, days_ago: int) -> Mailing:
    """A mailing that was closed, in which a copy failed, counted by domain."""
    at = timezone.now() - timedelta(days=days_ago)
    mailing = approving.approve(
        make_issue(make_post(published_at=at), subject=subject), send_at=at, now=at, hold=timedelta()
    )
    beginning.plan_mailing(mailing, at)
    mailing.deliveries.update(state=Delivery.State.SENT)
    mailing.deliveries.filter(seq=0).update(state=Delivery.State.FAILED, reply="554 5.7.1 blocked")
    mailing.batches.update(state="done", failed=1, sent=mailing.total - 1)
    Mailing.objects.filter(pk=mailing.pk).update(state="sent", finished_at=at)
    breakdown.count_next_mailing(at)
    return mailing


@pytest.fixture
def screens(issue) -> list[str]:
    """The addresses of every screen, with something to show on each."""
    now = timezone.now()
    for _ in range(3):
        make_subscriber()
    make_subscriber("reader@gmail.com")
    results = [sent("上一期", 14), sent("這一期", 1)]
    other = make_issue(make_post(), subject="寄送中的一期")
    mailing = approving.approve(other, send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    mailing.deliveries.filter(seq=0).update(state=Delivery.State.FAILED, reply="550 " + "x" * 60)
    mailing.batches.update(failed=1, uncertain=1)
    mailing.pause("535 authentication failed")
    later = make_issue(make_post())
    with acting_as("edith (Obsidian)", Via.API):
        scheduled = approving.approve(later, send_at=now + timedelta(days=9), now=now, hold=timedelta())
    Issue.objects.filter(pk=later.pk).update(subject="改過的主旨")
    composer.start_rehearsal(issue, "", now)
    of_issue = [f"issue_{name}" for name in ("preview", "test", "rehearsal", "send")]
    letter = {"kind": "letter", "slot_at": now + timedelta(days=3), "issue": issue, "at": now, "due_at": now}
    reminder = Reminder.objects.create(text="別的內容", content_hash="another", **letter)
    Restoration.objects.create(noticed_at=now, departures=3)
    return [
        *(reverse("admin:index"), reverse("admin:restored")),
        *(reverse(f"admin:issues_issue_{name}") for name in ("changelist", "add")),
        *(reverse("admin:issues_issue_change", args=[one.pk]) for one in (issue, later)),
        reverse("admin:issues_issue_history", args=[other.pk]),
        *(reverse(f"admin:{name}", args=[issue.pk]) for name in of_issue),
        *(reverse("admin:issue_preview_tab", args=[issue.pk, tab]) for tab in ("mail", "text", "headers")),
        reverse("delivery:approve", args=[reminder_mails.approve_token(reminder)]),
        reverse("delivery:cancel", args=[alerts.cancel_token(scheduled)]),
        reverse("admin:delivery_mailing_changelist"),
        reverse("admin:reader_growth"),
        *(reverse("admin:mailing", args=[one.pk]) for one in (mailing, scheduled, *results)),
        *(reverse(f"admin:mailing_{name}", args=[scheduled.pk]) for name in ("cancel", "move", "at_once")),
        reverse("admin:mailing_deliveries", args=[mailing.pk, "failed"]),
        reverse("admin:mailing_public", args=[results[0].pk]),
        *(reverse(f"admin:auth_user_{name}") for name in ("changelist", "add")),
        reverse("admin:auth_user_start_link", args=[User.objects.get().pk]),
        reverse("admin:auth_group_change", args=[Group.objects.get(name="editor").pk]),
        reverse("admin:publication_publication_add"),  # refused: there is one
    ]


def test_a_screen_of_each_kind_has_no_barrier_by_day(desk, server, issue):
    kinds = (
        *("admin:index", "admin:issues_issue_changelist", "admin:posts_post_add", "admin:delivery_mailing_changelist"),
        *("admin:subscribers_subscriber_changelist", "admin:auth_user_add"),
    )

    for path in (*map(reverse, kinds), reverse("admin:issues_issue_change", args=[issue.pk])):
        desk.goto(server.url + path)
        assert_accessible(desk)


@pytest.mark.exhaustive
@pytest.mark.parametrize("half", [0, 1])  # of the screens: all of them take a minute on a busy machine
def test_no_screen_has_a_barrier_or_is_wider_than_a_small_phone(desk, server, screens, half, monkeypatch):
    monkeypatch.setattr(composer, "REFRESH_SECONDS", 3600)  # a page that asks again would be in the way of the next

    for path in screens[half::2]:
        desk.goto(server.url + path)
        assert_accessible_wide_and_narrow(desk)


def test_posts_are_moved_by_keys_and_saved_in_their_new_order(desk, server, issue):
    desk.goto(server.url + reverse("admin:issues_issue_change", args=[issue.pk]))

    desk.get_by_role("button", name="Move “甲”").focus()
    desk.keyboard.press("ArrowDown")
    said = desk.locator("[data-said]").text_content()
    desk.keyboard.press("ArrowDown")  # now at the end
    desk.keyboard.press("ArrowDown")  # one too many does nothing
    focused = desk.evaluate("document.activeElement.getAttribute('aria-label')")
    desk.keyboard.press("Control+s")
    desk.locator(".saving-said", has_text="Saved: ").wait_for()

    assert (said, focused.startswith("Move “甲”")) == ("“甲” is number 2 of 3 now.", True)
    assert list(issue.items.values_list("post__title", flat=True)) == ["乙", "丙", "甲"]


@pytest.mark.exhaustive
def test_the_numbers_do_the_same_without_javascript(desk, browser, server, issue, settings):
    [cookie] = [one for one in desk.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
    profile = browser.new_context(java_script_enabled=False)
    profile.add_cookies([cookie])
    plain = profile.new_page()
    plain.goto(server.url + reverse("admin:issues_issue_change", args=[issue.pk]))

    plain.fill("#id_items-2-position", "1")
    plain.check("[name=items-1-DELETE]")
    plain.click("[name=_continue]")
    profile.close()

    assert list(issue.items.values_list("post__title", flat=True)) == ["丙", "甲"]


def test_the_frames_of_the_preview_show_the_page_and_the_mail(desk, server, issue):
    shown = {}
    for tab in ("web", "mail"):
        desk.goto(server.url + reverse("admin:issue_preview_tab", args=[issue.pk, tab]))
        shown[tab] = desk.frame_locator("iframe.sheet").locator("h1").text_content()
    under_the_edge = desk.locator("iframe.sheet").evaluate("one => getComputedStyle(one).backgroundClip")

    assert under_the_edge == "padding-box"  # its white ground is not seen through the edge at night
    assert {tab: text.strip() for tab, text in shown.items()} == {"web": issue.subject, "mail": issue.subject}
