"""A stranger's first half hour: from `up` to the first letter for two readers, by a Postfix entered on the desk."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.flows.test_flow import PASSWORD, WITHOUT_HOLD
from tests.support.english import chinese_in
from tests.support.letters import link_to
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.servers, pytest.mark.exhaustive]

READERS = ("ann@example.org", "ben@example.org")
PRESSES_MAX = 25  # clicks of the author and both readers; typing is none
ENGLISH = {
    "name": "Morning Notes",
    "author": "Anna Miller",
    "promise": "One letter a week, about reading.",
    "title": "A shelf of one's own",
    "body": "Begin with **one** book.",
}
CHINESE = {
    "name": "晨間筆記",
    "author": "安娜",
    "promise": "每週一封信，談閱讀。",
    "title": "自己的書架",
    "body": "從**一本**書開始。",
}


@dataclass
class Person:
    """Somebody in front of a browser. presses: of all who take part."""

    page: Any
    is_english: bool
    presses: list[str]

    def follow(self, link: str) -> None:
        """Press a link in a terminal or a mail."""
        self.presses.append("a link")
        self.page.goto(link)
        self.look()

    def press(self, selector: str) -> None:
        self.presses.append(selector)
        target = self.page.locator(selector).locator("visible=true").first
        target.tap() if self.page.viewport_size["width"] < 400 else target.click()

    def go(self, selector: str, url: str) -> None:
        self.press(selector)
        self.page.wait_for_url(url)
        self.look()

    def type(self, **texts: str) -> None:
        for name, text in texts.items():
            self.page.locator(f"[name={name}]").locator("visible=true").first.fill(text)

    def look(self) -> None:
        """The page fits its window, and an English one has no Chinese word."""
        self.page.wait_for_load_state()
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), self.page.url
        assert not self.is_english or chinese_in(self.page.content()) == [], self.page.url


@pytest.fixture(params=["en 1280", "zh-TW 375"])  # each language and each width once
def people(request, browser):
    """The author and two readers."""
    language, width = request.param.split()
    options = {
        "locale": language,
        "timezone_id": "Asia/Taipei",
        "viewport": {"width": int(width), "height": 800},
        "has_touch": True,
    }
    profiles = [browser.new_context(**options) for _ in range(3)]
    presses: list[str] = []
    for profile in profiles:
        profile.set_default_timeout(30_000)
    yield [Person(profile.new_page(), language == "en", presses) for profile in profiles]
    for profile in profiles:
        profile.close()


def test_the_first_letter_reaches_two_readers_within_25_presses(make_product, people, postfix, smtp):
    product = make_product(is_new=True)
    product.env["PRIVATE_MAIL_SERVERS"] = "1"
    product.start()
    author, *readers = people
    texts = ENGLISH if author.is_english else CHINESE

    begin(author, product, texts)
    for reader in readers:  # long before they press: nobody types as fast as a robot
        reader.page.goto(product.url)
    write(author, texts)
    enter_the_mail_server(author, postfix)
    for reader, address in zip(readers, READERS, strict=True):
        subscribe(reader, address, smtp)
    product.shell(WITHOUT_HOLD)
    send(author, texts["title"])

    for address in READERS:
        letter = smtp.wait_for(address, subject=texts["title"])
        assert letter.message["From"].addresses[0].display_name == texts["name"]
        assert not author.is_english or chinese_in(letter.html + letter.text) == []
    got = [mail.rcpt for mail in smtp.received() if texts["title"] in mail.message["Subject"]]
    assert sorted(got) == [*READERS]
    assert len(author.presses) <= PRESSES_MAX, author.presses


def begin(author, product, texts):
    """Make the account by the link of the terminal, and say whose newsletter it is."""
    output = lambda: product.output("up")  # noqa: E731
    author.follow(wait_until(lambda: re.search(r"https?://\S+/start/\S+", output()), 60, what=output)[0])
    author.type(username="anna", password1=PASSWORD, password2=PASSWORD)
    author.go("main [type=submit]", "**/setup/")
    author.type(name=texts["name"], author=texts["author"], promise=texts["promise"])
    author.go("main [type=submit]", "**/post/add/")


def write(author, texts):
    author.type(title=texts["title"], body=texts["body"])
    author.press("a[href$='#publish']")
    author.look()
    author.go("[name=_publish]", "**/change/#publish")


def enter_the_mail_server(author, postfix):
    """As the first page leads there."""
    author.go("a[href='/admin/']", "**/admin/")
    author.go("[data-step=sender]", "**/settings/sender/**")
    author.type(sender_email="letter@news.example.org")
    author.press("[name=_save]")
    author.page.locator(".messagelist .success").wait_for()
    author.go("a[href='/admin/settings/mail/']", "**/settings/mail/")
    author.type(host="127.0.0.1", port=str(postfix.port), address="anna@example.org")
    author.presses += ["encryption", "none"]
    author.page.locator("[name=security]").select_option("smtp")
    author.press(".mail-form [type=submit]")
    author.page.locator(".messagelist .success").wait_for()
    author.look()


def subscribe(reader, address, smtp):
    reader.look()
    reader.type(email=address)
    reader.go("form.signup [type=submit]", "**/subscribe/")
    if reader.page.locator("[name=person]").count():
        reader.press("main form [type=submit]")
        reader.page.locator("[name=person]").wait_for(state="detached")
    reader.follow(link_to("/confirm/", smtp.wait_for(address).text))
    with reader.page.expect_navigation():
        reader.press("main form [type=submit]")
    reader.look()


def send(author, title):
    author.go("a[href='/admin/']", "**/admin/")
    author.go("[data-step=left_out]", "**/issue/add/")
    with author.page.expect_response("**/rehearsal/dot/"):  # it is saved, and its buttons are those of an issue
        author.press(f'button:text-is("{title}")')
    author.look()
    author.press("[name=_send]")
    author.page.locator("dialog[open] [name=when]").first.wait_for()
    author.look()
    author.press("[name=when][value=now]")
    author.press("dialog[open] [type=submit]")
    author.page.wait_for_url("**/mailing/**")
    author.look()
