"""An author's month: the first issue by the checklist alone, a second in five clicks, moved slots, and helpers."""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from tests.flows.seeds import speak_english
from tests.flows.test_flow import PASSWORD, enter_the_desk
from tests.support.letters import link_to
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.exhaustive]

READER, HELPER, EDITOR = "reader@example.org", "mei@example.org", "lin@example.org"
CLICKS_MAX = 6
FIRST, SECOND, THIRD = "管理槓桿", "會議前先寫一頁", "給接手的人的一封信"
A_READER = """
from django.utils import timezone
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
Publication.objects.update(hold_minutes=0)
Subscriber.objects.create(email="reader@example.org", state="active", confirmed_at=timezone.now())
"""
MAILINGS = """
from newsletter.delivery.models import Mailing
answer = [[one.issue.number, one.subject, one.state] for one in Mailing.objects.order_by("pk")]
"""


@dataclass
class Author:
    """Somebody at the desk, who clicks and types. typed: every text, as nothing should be typed twice."""

    page: Any
    url: str
    clicks: list[str] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def click(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=name, exact=True).locator("visible=true").first.click()
        self.clicks.append(name)

    def type(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)
        self.typed.append(text)

    def today(self) -> str:
        """Go to the first page by its word, and return the key of its step."""
        self.page.get_by_role("link", name="Today", exact=True).first.click()
        return self.page.locator("[data-step]").get_attribute("data-step")

    def follow(self, step: str) -> None:
        """Press the one button of the first page, which must be that of `step`."""
        assert self.today() == step
        self.page.locator("[data-step]").click()

    def saved(self) -> None:
        self.page.locator(".saving-said", has_text="Saved: ").wait_for()

    def standing(self) -> list[str]:
        return [one.get_attribute("data-standing") for one in self.page.locator("[data-standing]").all()]


@pytest.fixture
def running(make_product, smtp):
    product = make_product(mail_url=smtp.url)
    product.start()
    speak_english(product)
    product.shell(A_READER)
    return product


@pytest.fixture
def author(running, page):
    enter_the_desk(running, page)
    return Author(page, running.url)


def test_a_month_at_the_desk(running, author, smtp, browser):
    send_the_first_issue_by_the_checklist(author)
    assert smtp.wait_for(READER, subject=FIRST).message["Subject"].startswith(FIRST)
    assert len(author.typed) == len(set(author.typed))

    schedule_the_second_in_five_clicks(author)
    assert running.shell(MAILINGS) == [[1, FIRST, "sent"], [2, SECOND, "scheduled"]]

    skip_a_slot_and_move_another(author)

    writer = invite(author, smtp, browser, "mei", HELPER, "Writer")
    editor = invite(author, smtp, browser, "lin", EDITOR, "Editor")
    leave_a_draft(writer)
    publish_what_was_left(editor)
    assert THIRD in editor.page.request.get(f"{running.url}/posts/").text()
    for one in (writer, editor):
        one.page.context.close()


def send_the_first_issue_by_the_checklist(author):
    page = author.page
    author.follow("no_post")
    author.type("Title", FIRST)
    author.type("Text", "讓管理變省力的**四個**技巧。")
    author.click("Publish…", "link")
    author.click("Publish now")

    author.follow("sender")
    author.type("Sender address", "letter@news.example.org")
    author.click("Save")

    author.follow("left_out")
    author.click(FIRST)  # the title of the post, offered as the subject
    author.saved()

    author.follow("rehearsal")
    author.click("Rehearse")
    wait_until(lambda: author.today() == "schedule", 40, what=lambda: page.locator("main").inner_text(), every=1)
    author.follow("schedule")
    page.get_by_label("Now", exact=True).check()
    author.click("Approve and schedule")
    page.wait_for_url("**/mailing/**")


def schedule_the_second_in_five_clicks(author):
    page = author.page
    author.today()
    author.click("New post", "link")
    author.clicks.clear()
    author.type("Title", SECOND)
    author.type("Text", "會議開始前的五分鐘。")
    author.click("Publish…", "link")
    author.click("Publish now")
    author.click("Begin an issue", "link")
    author.click(SECOND)
    author.saved()
    author.click("Schedule…")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.get_by_role("checkbox").count() == 0  # the rehearsal is under way, and nothing has to be ticked
    dialog.get_by_role("button", name="Schedule", exact=True).click()
    author.clicks.append("Schedule")
    page.wait_for_url("**/mailing/**")
    assert len(author.clicks) <= CLICKS_MAX, author.clicks


def skip_a_slot_and_move_another(author):
    """Skip the slot after that of the second issue, and move the next one by a day."""
    page = author.page
    author.click("Calendar", "link")
    skips = page.get_by_role("button", name=re.compile("^Skip"))
    skips.first.click()
    page.locator("main", has_text="skipped").wait_for()  # a message may stand there already, of what was done before
    page.get_by_role("link", name=re.compile("^Move")).nth(1).click()
    day = page.locator("[name=day]")
    moved_to = date.fromisoformat(day.input_value()) + timedelta(days=1)
    day.fill(moved_to.isoformat())
    page.locator("form.sheet-form").first.get_by_role("button").first.click()
    page.locator("main", has_text="moved from").wait_for()

    assert "skipped" in page.locator("main").inner_text()


def invite(author, smtp, browser, name, address, role):
    """Add an account, mail its link, and return the helper who has followed it in a browser of their own."""
    page = author.page
    author.click("Settings", "link")
    page.locator("main").get_by_role("link", name="Team").click()
    page.locator(".object-tools").get_by_role("link", name=re.compile("Add")).click()
    author.type("Username", name)
    author.type("Email address", address)
    page.get_by_role("checkbox", name=re.compile(f"^{role}")).check()
    author.click("Save")
    page.get_by_role("button", name=re.compile("^Mail it")).click()

    letter = smtp.wait_for(address)
    profile = browser.new_context(locale="en", timezone_id="Asia/Taipei")
    profile.set_default_timeout(30_000)
    helper = Author(profile.new_page(), author.url)
    helper.page.goto(link_to("/admin/start/", letter.text))
    helper.page.locator("[name=password1]").fill(PASSWORD)
    helper.page.locator("[name=password2]").fill(PASSWORD)
    helper.page.locator("main [type=submit], #content [type=submit]").first.click()
    helper.page.wait_for_url("**/admin/")
    return helper


def words_of_the_frame(helper):
    return helper.page.locator(".words li a").all_inner_texts()


def leave_a_draft(writer):
    """Write as somebody who may not publish."""
    assert words_of_the_frame(writer) == ["Today", "Writing", "Settings"]
    writer.page.locator("[data-step]").click()
    writer.type("Title", THIRD)
    writer.type("Text", "先說哪一件事會壞。")
    writer.saved()
    assert writer.page.get_by_role("button", name="Publish now").count() == 0


def publish_what_was_left(editor):
    """Publish the draft that the first page names."""
    editor.today()
    editor.page.get_by_role("link", name=f"Go on writing “{THIRD}”").click()
    editor.click("Publish…", "link")
    editor.click("Publish now")
    editor.page.get_by_role("heading", name=f"Readers see “{THIRD}”.").wait_for()
