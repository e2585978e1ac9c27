"""From the author's keyboard to a reader's inbox and out again: a real browser, real mail, real processes."""

import re
from urllib.request import Request, urlopen

import pytest

from tests.flows.seeds import speak_english
from tests.support.letters import link_to, links_in_html, links_in_text
from tests.support.page_checks import assert_accessible
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.servers]

READER = "reader@example.org"
AUTHOR = "gipi@example.org"
WITHOUT_HOLD = """
from newsletter.publication.models import Publication
Publication.objects.update(hold_minutes=0)
"""
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
    profile.set_default_timeout(30_000)
    yield profile.new_page()
    profile.close()


@pytest.fixture
def running(product):
    """The product with all of its processes: by `up`, or each on its own as docs/deploy.md has it."""
    if product.env["DATABASE_URL"]:
        product.forks = False  # each is executed, as its operator does it
        product.command("migrate", "-v", "0")
        speak_english(product)
        product.start_web()
        product.start_worker()
        product.start_beat()
    else:
        product.start()
        speak_english(product)
    product.shell(WITHOUT_HOLD)
    return product


def test_an_issue_goes_from_the_authors_keyboard_to_the_inbox_and_its_reader_can_leave(running, smtp, page, reader):
    enter_the_desk(running, page)
    address = write_and_publish(running, page)
    subscribe(running, reader)
    confirm(smtp, reader)

    compose(running, page)
    preview(page)
    try_on_myself(smtp, page)
    rehearse(page)
    send_now(page)
    mail = smtp.wait_for(READER, subject="第一期")
    read(running, mail, reader, address)

    leave_by_the_button(mail, reader)
    assert state_of_the_reader(running) == "unsubscribed"
    come_back(reader)
    assert state_of_the_reader(running) == "active"
    leave_by_one_click(mail, reader)
    assert state_of_the_reader(running) == "unsubscribed"

    assert [copy.message["Subject"] for copy in smtp.to(READER)].count("第一期") == 1
    assert reader.context.cookies() == []


def state_of_the_reader(running):
    return running.shell("from subscribers.models import Subscriber\nanswer = Subscriber.objects.get().state")


def enter_the_desk(running, page):
    """Create the account by the one-time link, which is spent by that."""
    name = "up" if "up" in running.running else "manage"
    if name == "manage":
        running.command("author_link")
    said = lambda: running.output(name)  # noqa: E731
    link = wait_until(lambda: re.search(r"https?://\S+/start/\S+", said()), 60, what=said)

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
    page.get_by_role("link", name="Publish…").click()
    page.locator("[name=_publish]").click()
    page.wait_for_url("**/admin/posts/post/*/change/#publish")
    assert_accessible(page)

    page.goto(f"{running.url}/posts/")
    assert_accessible(page)
    page.get_by_role("link", name="管理槓桿").first.click()
    assert page.locator("article strong").first.inner_text() == "管理槓桿，"
    assert page.locator("article li").count() >= 2
    assert_accessible(page)
    return page.url


def compose(running, page):
    """Make issue 1 of the post that is proposed, as nobody has been mailed it."""
    page.goto(f"{running.url}/admin/issues/issue/add/")
    assert page.locator("[data-items] [data-title]").all_inner_texts() == ["管理槓桿"]
    assert page.locator("[name=number]").input_value() == "1"
    page.locator("[name=subject]").fill("第一期")
    page.locator("summary").filter(has_text="introduction").click()
    page.locator("[name=introduction]").fill("大家好，**這是**第一期。")
    assert_accessible(page)
    page.get_by_role("button", name="More", exact=True).click()
    page.locator("[name=_preview]").click()
    page.wait_for_url("**/preview/**")


def preview(page):
    """See the same words on the page and in the mail, before anybody else does."""
    assert "管理槓桿，" in page.frame_locator("iframe.sheet").locator("article").inner_text()
    assert_accessible(page)

    page.get_by_role("link", name="Mail", exact=True).click()
    page.wait_for_url("**/preview/mail/**")
    assert "管理槓桿，" in page.frame_locator("iframe.sheet").locator("body").inner_text()
    assert_accessible(page)


def try_on_myself(smtp, page):
    page.locator("nav.steps").get_by_role("link", name="Test copy").click()
    page.locator("[name=addresses]").fill(AUTHOR)
    page.locator("form.sheet-form [type=submit]").click()
    page.wait_for_selector(".messagelist .success")

    copy = smtp.wait_for(AUTHOR)
    assert copy.message["Subject"] == "[Test] 第一期"
    assert links_in_html(copy.html) == links_in_text(copy.text)


def rehearse(page):
    """Have everything but the sending done, and read what it found."""
    page.locator("nav.steps").get_by_role("link", name="Rehearsal").click()
    page.get_by_role("button", name="Rehearse").click()

    wait_until(lambda: has_rehearsed(page), 30, what=lambda: page.locator("body").inner_text(), every=0.5)
    page.goto(page.url)
    assert_accessible(page)


def has_rehearsed(page):
    shown = page.request.get(page.url).text()  # beside the page, which looks again by itself
    return "Rehearse again" in shown and "<progress" not in shown


def send_now(page):
    """Approve the issue, and watch its mailing until it is over."""
    page.locator("nav.steps").get_by_role("link", name="Send").click()
    assert page.locator("#who + .figure").inner_text() == "1 reader"
    page.locator("[name=when][value=now]").check()
    if page.locator("[name=unrehearsed]").count():  # the made-up sender address is an error
        page.locator("[name=unrehearsed]").check()
    assert_accessible(page)
    page.locator("form.sheet-form [type=submit]").click()
    page.wait_for_url("**/mailing/**")

    wait_until(
        lambda: is_sent(page), 30, what=lambda: f"a sent mailing:\n{page.locator('body').inner_text()}", every=0.5
    )
    page.goto(page.url)
    assert page.locator(".lead h1").inner_text() == "Issue 1 went to 1 reader."
    assert_accessible(page)


def is_sent(page):
    page.reload()
    return page.locator(".lead h1").inner_text() == "Issue 1 went to 1 reader."


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
