"""A reader without scripts and without a mouse: reads, searches, subscribes, and leaves."""

import pytest

from tests.flows.seeds import BODY, ISSUE_1, POST, speak_english
from tests.support.letters import link_to

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.exhaustive]

READER = "reader@example.org"
SENT = """
from django.utils import timezone
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from newsletter.posts.search.index import index_post

for post in Post.objects.all():
    index_post(post)
Issue.objects.get().mark_sent(timezone.now())
"""
STOPS = 80  # of the tab key: no page has more


@pytest.fixture
def running(make_product, smtp):
    product = make_product(mail_url=smtp.url)
    product.start()
    speak_english(product)
    product.shell(POST.format(body=BODY))
    product.shell(ISSUE_1)
    product.shell(SENT)
    return product


@pytest.fixture
def reader(browser):
    profile = browser.new_context(locale="zh-TW", timezone_id="Asia/Taipei", java_script_enabled=False)
    profile.set_default_timeout(30_000)  # ms
    yield profile.new_page()
    profile.close()


def test_everything_can_be_done_without_a_script_and_with_the_keyboard_alone(running, smtp, reader):
    reader.goto(running.url)
    skip_to_the_content(reader)
    read_an_issue_and_a_post(reader)
    search(reader, "技巧")
    subscribe(reader)
    confirm(reader, link_to("/confirm/", smtp.wait_for(READER).text))
    leave(reader)

    state = running.shell("from subscribers.models import Subscriber\nanswer = Subscriber.objects.get().state")
    assert state == "unsubscribed"
    assert reader.context.cookies() == []


def press(reader, target):
    """Go to the target by the tab key, and on to the page that the enter key opens."""
    go_to(reader, target)
    enter(reader)


def enter(reader):
    with reader.expect_navigation():
        reader.keyboard.press("Enter")


def go_to(reader, target):
    focused = reader.locator(":focus")
    for _stop in range(STOPS):
        reader.keyboard.press("Tab")
        if target.and_(focused).count():
            return
    raise AssertionError(f"the tab key does not reach {target} on {reader.url}")


def skip_to_the_content(reader):
    """The first stop leads past the head of the page; from there the first stop lies within the content."""
    reader.keyboard.press("Tab")
    assert reader.locator(":focus").inner_text() == "Skip to content"
    reader.keyboard.press("Enter")
    reader.keyboard.press("Tab")
    assert reader.locator("main :focus").count() == 1


def read_an_issue_and_a_post(reader):
    press(reader, reader.get_by_role("navigation", name="Main").get_by_role("link", name="Issues"))
    press(reader, reader.get_by_role("link", name="Issue 1: 第一期"))
    assert "這是" in reader.locator("main").inner_text()

    press(reader, reader.get_by_role("heading", name="管理槓桿").get_by_role("link"))
    assert "四個" in reader.locator("article").inner_text()
    assert reader.get_by_role("button", name="Copy link").count() == 0, "a button that does nothing"


def search(reader, words):
    press(reader, reader.get_by_role("navigation", name="Main").get_by_role("link", name="Search"))
    go_to(reader, reader.get_by_label("Words to look for"))
    reader.keyboard.type(words)
    enter(reader)

    assert reader.get_by_role("status").inner_text() == "1 hit"
    assert reader.locator("mark").first.inner_text() == words


def subscribe(reader):
    press(reader, reader.get_by_role("contentinfo").get_by_role("link", name="Subscribe"))
    go_to(reader, reader.get_by_label("Your e-mail address"))
    reader.keyboard.type(READER)
    enter(reader)
    if reader.locator("[name=person]").count():  # the robot types too quickly
        press(reader, reader.get_by_role("button", name="I am a person"))

    assert READER in reader.locator("main").inner_text()


def confirm(reader, address):
    reader.goto(address)
    press(reader, reader.get_by_role("button", name="Yes, subscribe me"))

    assert reader.get_by_role("heading", name="Welcome, you are subscribed").count() == 1


def leave(reader):
    press(reader, reader.get_by_role("link", name="Your preferences"))
    press(reader, reader.get_by_role("button", name="Unsubscribe"))

    assert reader.get_by_role("heading", name="You have left").count() == 1
