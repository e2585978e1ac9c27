"""An author's month, behind the first half hour of test_newcomer: an issue in few clicks, moved slots, and helpers."""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from tests.flows.seeds import speak_english
from tests.flows.test_flow import PASSWORD, enter_the_desk
from tests.support.letters import link_to

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.exhaustive]

HELPER, EDITOR = "mei@example.org", "lin@example.org"
CLICKS_MAX = 6
TITLE, OTHER = "會議前先寫一頁", "給接手的人的一封信"
A_READER = """
from django.utils import timezone
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
Publication.objects.update(sender_email="letter@news.example.org")
Subscriber.objects.create(email="reader@example.org", state="active", confirmed_at=timezone.now())
"""
MAILINGS = """
from newsletter.delivery.models import Mailing
answer = [[one.issue.number, one.subject, one.state] for one in Mailing.objects.order_by("pk")]
"""


@dataclass
class Author:
    """Somebody at the desk, who clicks and types."""

    page: Any
    url: str
    clicks: list[str] = field(default_factory=list)

    def click(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=name, exact=True).locator("visible=true").first.click()
        self.clicks.append(name)

    def type(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def today(self) -> None:
        """Go to the first page by its word."""
        self.page.get_by_role("link", name="Today", exact=True).first.click()

    def saved(self) -> None:
        self.page.locator(".saving-said", has_text="Saved: ").wait_for()


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
    schedule_an_issue_in_few_clicks(author)
    assert running.shell(MAILINGS) == [[1, TITLE, "scheduled"]]

    skip_a_slot_and_move_another(author)

    writer = invite(author, smtp, browser, "mei", HELPER, "Writer")
    editor = invite(author, smtp, browser, "lin", EDITOR, "Editor")
    leave_a_draft(writer)
    publish_what_was_left(editor)
    assert OTHER in editor.page.request.get(f"{running.url}/posts/").text()
    for one in (writer, editor):
        one.page.context.close()


def schedule_an_issue_in_few_clicks(author):
    page = author.page
    page.locator("[data-step=no_post]").click()
    author.type("Title", TITLE)
    author.type("Text", "會議開始前的五分鐘。")
    author.click("Publish…", "link")
    author.click("Publish now")
    author.click("Begin an issue", "link")
    author.click(TITLE)
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
    """Skip the slot after that of the issue, and move the next one by a day."""
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
    writer.type("Title", OTHER)
    writer.type("Text", "先說哪一件事會壞。")
    writer.saved()
    assert writer.page.get_by_role("button", name="Publish now").count() == 0


def publish_what_was_left(editor):
    """Publish the draft that the first page names."""
    editor.today()
    editor.page.get_by_role("link", name=f"Go on writing “{OTHER}”").click()
    editor.click("Publish…", "link")
    editor.click("Publish now")
    editor.page.get_by_role("heading", name=f"Readers see “{OTHER}”.").wait_for()
