"""From a new post to a scheduled issue in a real browser: few clicks, no word typed twice, a dialog at the end."""

from datetime import timedelta

import pytest
from django.urls import reverse

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.desk import auto_rehearsal, tasks
from newsletter.issues.models import Issue
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_accessible
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser
CLICKS_MAX = 6


@pytest.fixture(autouse=True)
def _asks_nobody(monkeypatch):
    """No test asks other sites, nor waits for a rest."""
    written = auto_rehearsal.rehearse
    monkeypatch.setattr(auto_rehearsal, "rehearse", lambda *args: written(*args)._replace(links=[]))
    monkeypatch.setattr(auto_rehearsal, "IDLE_TIME", timedelta())


@pytest.fixture
def author(desk):
    """The author's browser; their mails have a sender, so that a rehearsal finds no error."""
    make_publication(sender_email="news@news.example.org")
    make_subscriber()
    desk.set_viewport_size({"width": 1280, "height": 1600})
    return desk


def begun() -> Rehearsal:
    """The rehearsal that a press begins, once the server has taken it."""
    return wait_until(lambda: Rehearsal.objects.filter(begun_at=None).first(), what="a rehearsal")


def work() -> None:
    """Look outside, as a worker does a moment after the rehearsal has begun."""
    tasks.look_outside(begun().pk)


def address(issue: Issue) -> str:
    return reverse("admin:issues_issue_change", args=[issue.pk])


def test_the_dialog_says_what_will_happen_and_schedules_it(author, server):
    issue = make_issue(make_post("甲"), number=7, subject="第七期")
    tasks.rehearse_by_itself()
    author.goto(server.url + address(issue))

    author.fill("#id_preheader", "還沒有存")
    author.get_by_role("button", name="Schedule…").click()
    dialog = author.get_by_role("dialog", name="Issue 7 goes to 1 reader.")
    dialog.wait_for()
    issue.refresh_from_db()
    assert_accessible(author)
    text = dialog.inner_text()

    assert issue.preheader == "還沒有存"
    assert "第七期" in text
    assert "Asia/Taipei" in text
    assert "The rehearsal is still under way." in text  # the preheader has changed since the last one
    dialog.get_by_role("button", name="Schedule", exact=True).click()
    dialog.get_by_text("It is scheduled as soon as the rehearsal is over.").wait_for()
    assert not Mailing.objects.exists()
    work()
    author.wait_for_url("**/delivery/mailing/**")
    assert Mailing.objects.get().issue == issue


def test_an_error_of_the_rehearsal_stops_what_was_pressed_and_is_shown_where_it_was_pressed(author, server):
    issue = make_issue(make_post("甲"), number=7, subject="第七期")
    author.goto(server.url + address(issue))
    author.get_by_role("button", name="Schedule…").click()
    dialog = author.get_by_role("dialog")
    dialog.get_by_role("button", name="Schedule", exact=True).click()
    begun()
    Rehearsal.objects.update(remarks=[{"topic": "size", "level": "error", "text": "太大了", "hint": ""}])
    work()  # and the page, which asks again and again, is not answered before

    dialog.get_by_text("This issue has no valid rehearsal.").wait_for()
    assert "太大了" in dialog.inner_text()
    assert not Mailing.objects.exists()
    dialog.get_by_label("Send it without a valid rehearsal").check()
    dialog.get_by_role("button", name="Schedule", exact=True).click()
    author.wait_for_url("**/delivery/mailing/**")


@pytest.mark.exhaustive
def test_the_dialog_closes_by_a_press_and_by_a_key_and_nothing_is_scheduled(author, server):
    issue = make_issue(make_post("甲"), number=7, subject="第七期")
    author.goto(server.url + address(issue))
    dialog = author.get_by_role("dialog")

    author.get_by_role("button", name="Schedule…").click()
    dialog.get_by_role("button", name="Not now").click()
    dialog.wait_for(state="hidden")
    author.get_by_role("button", name="Schedule…").click()
    dialog.wait_for()
    author.keyboard.press("Escape")
    dialog.wait_for(state="hidden")

    assert not Mailing.objects.exists()


@pytest.mark.exhaustive
def test_what_cannot_be_saved_opens_no_dialog_and_is_told_at_its_field(author, server):
    issue = make_issue(make_post("甲"), number=7, subject="")
    author.goto(server.url + address(issue))

    author.get_by_role("button", name="Schedule…").click()

    author.locator(".errorlist").wait_for()
    assert author.locator("dialog[open]").count() == 0


@pytest.mark.exhaustive
def test_a_new_post_is_in_a_scheduled_issue_after_few_clicks_and_no_word_is_typed_twice(author, server):
    make_issue(number=42, subject="")
    clicks = []

    def click(role: str, name: str) -> None:
        author.get_by_role(role, name=name, exact=True).locator("visible=true").click()
        clicks.append(name)

    author.goto(server.url + reverse("admin:posts_post_add"))
    author.fill("#id_title", "會議前先寫一頁")
    author.fill("#id_body", "會議開始前的五分鐘。")
    click("link", "Publish…")
    click("button", "Publish now")
    click("button", "Put into issue 42")
    author.wait_for_url("**/issues/issue/*/change/")
    click("button", "會議前先寫一頁")  # the title becomes the subject
    author.locator(".saving-said", has_text="Saved: ").wait_for()
    click("button", "Schedule…")
    author.get_by_role("dialog").wait_for()
    click("button", "Schedule")
    work()
    author.wait_for_url("**/delivery/mailing/**")

    mailing = Mailing.objects.get()
    assert (mailing.issue.number, mailing.subject, mailing.state) == (42, "會議前先寫一頁", "scheduled")
    assert len(clicks) <= CLICKS_MAX


@pytest.mark.exhaustive
def test_whoever_presses_schedule_by_key_while_the_rehearsal_goes_on_stays_in_the_dialog(author, server):
    issue = make_issue(make_post("甲"), number=7, subject="第七期")
    author.goto(server.url + address(issue))
    author.get_by_role("button", name="Schedule…").click()
    dialog = author.get_by_role("dialog")
    dialog.get_by_role("button", name="Schedule", exact=True).focus()

    author.keyboard.press("Enter")

    dialog.get_by_text("It is scheduled as soon as the rehearsal is over.").wait_for()
    assert author.evaluate("document.activeElement.value") == "Schedule"
