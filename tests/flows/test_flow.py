"""From the author's keyboard to a reader's inbox and out again: a real browser, real mail, real processes."""

import re
from urllib.request import Request, urlopen

import pytest

from tests.flows.seeds import compose_issue_1, speak_english
from tests.support.letters import link_to, links_in_html, links_in_text
from tests.support.pages import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.servers]

READER = "reader@example.org"
PASSWORD = "leverage-is-not-for-free-128"
BODY = """前言只有一句，**管理槓桿，**讓力氣放大。

- 第一，[看全文](https://example.org/leverage)
- 第二，別急

> 一句引言。
"""


@pytest.fixture
def reader(browser):
    """A page in a browser profile that has never been here."""
    profile = browser.new_context(locale="zh-TW", timezone_id="Asia/Taipei")
    profile.set_default_timeout(10_000)
    yield profile.new_page()
    profile.close()


@pytest.fixture
def running(product):
    """The product with all of its processes: by `up`, or each on its own as docs/deploy.md has it."""
    if product.env["DATABASE_URL"]:
        product.migrate()
        speak_english(product)
        product.start_web()
        product.start_worker()
        product.start_beat()
    else:
        product.start()
        speak_english(product)
    return product


def test_an_issue_goes_from_the_authors_keyboard_to_the_inbox_and_its_reader_can_leave(running, smtp, page, reader):
    enter_the_desk(running, page)
    address = write_and_publish(running, page)
    compose_issue_1(running)

    subscribe(running, reader)
    confirm(smtp, reader)
    running.manage("send_issue", "--wait", "--no-hold")
    mail = smtp.wait_for(READER, subject="第一期")
    read(running, mail, reader, address)

    leave_by_one_click(mail, reader)
    assert state_of_the_reader(running) == "unsubscribed"
    come_back(reader)
    assert state_of_the_reader(running) == "active"
    leave_by_the_button(mail, reader)
    assert state_of_the_reader(running) == "unsubscribed"

    assert [copy.message["Subject"] for copy in smtp.to(READER)].count("第一期") == 1
    assert reader.context.cookies() == []


def state_of_the_reader(running):
    return running.shell("from subscribers.models import Subscriber\nanswer = Subscriber.objects.get().state")


def enter_the_desk(running, page):
    """Create the account by the one-time link, which is spent by that."""
    said = running.output("up") if "up" in running.running else running.manage("author_link").stdout
    link = re.search(r"http://\S+/start/\S+", said)
    assert link, said

    page.goto(link[0])
    assert_accessible(page)
    page.get_by_label("Username").fill("gipi")
    page.locator("[name=password1]").fill(PASSWORD)
    page.locator("[name=password2]").fill(PASSWORD)
    page.locator("main [type=submit], #content [type=submit]").first.click()

    page.wait_for_url("**/admin/")
    assert_accessible(page)
    assert page.request.get(link[0]).status == 410


def write_and_publish(running, page):
    """Write a post, publish it, and return its address on the web."""
    page.goto(f"{running.url}/admin/posts/post/add/")
    page.locator("[name=title]").fill("管理槓桿")
    page.locator("[name=body]").fill(BODY)
    page.locator("[name=_publish]").click()
    page.wait_for_url("**/admin/posts/post/")
    assert_accessible(page)

    page.goto(f"{running.url}/posts/")
    assert_accessible(page)
    page.get_by_role("link", name="管理槓桿").first.click()
    assert page.locator("article strong").first.inner_text() == "管理槓桿，"
    assert page.locator("article li").count() >= 2
    assert_accessible(page)
    return page.url


def subscribe(running, reader):
    reader.goto(running.url)
    assert_accessible(reader)
    reader.locator("form.signup [name=email]").first.fill(READER)
    reader.locator("form.signup [type=submit]").first.click()
    reader.wait_for_url("**/subscribe/")
    if reader.locator("[name=person]").count():  # the robot types too quickly
        assert_accessible(reader)
        reader.locator("main form [type=submit]").click()
        reader.wait_for_load_state()

    assert READER in reader.locator("main").inner_text()
    assert_accessible(reader)


def confirm(smtp, reader):
    """Follow the link of the mail; only the button does something."""
    mail = smtp.wait_for(READER)
    assert links_in_html(mail.html) == links_in_text(mail.text)

    reader.goto(link_to("/confirm/", mail.text))
    assert reader.locator("main form").count() == 1
    assert_accessible(reader)
    reader.locator("main form [type=submit]").click()
    reader.wait_for_load_state()

    assert reader.locator("main form [type=submit]").count() == 0
    assert_accessible(reader)


def read(running, mail, reader, address):
    """Find the same in HTML and text, with the headers of a list, and the same again on the web."""
    assert links_in_html(mail.html) == links_in_text(mail.text)
    assert {address, f"{running.url}/issues/1/", "https://example.org/leverage"} <= links_in_html(mail.html)
    assert "管理槓桿，" in mail.text
    assert mail.message["To"].addresses[0].addr_spec == READER
    assert mail.message["Precedence"] == "list"
    assert mail.message["Message-ID"] == mail.message_id

    reader.goto(link_to("/issues/1/", mail.text))
    assert "這是" in reader.locator("main").inner_text()
    assert_accessible(reader)


def leave_by_one_click(mail, reader):
    """POST as a mail provider does; the same address tells a person what has happened."""
    url = str(mail.message["List-Unsubscribe"]).split(",")[0].strip().strip("<>")
    assert url.startswith("http")
    assert len(url) <= 74, "longer ones are ruined by encoders on the way"

    with urlopen(Request(url, data=b"List-Unsubscribe=One-Click")) as answer:
        assert answer.status == 200
        assert answer.url == url

    reader.goto(url)
    assert_accessible(reader)


def leave_by_the_button(mail, reader):
    reader.goto(link_to("/unsubscribe/", mail.text))
    assert_accessible(reader)
    reader.locator("main form [type=submit]").click()
    reader.wait_for_load_state()
    assert_accessible(reader)


def come_back(reader):
    """Undo the leaving on the page that tells of it."""
    reader.locator("main form[action*='/undo/'] [type=submit]").click()
    reader.wait_for_load_state()
    assert_accessible(reader)
