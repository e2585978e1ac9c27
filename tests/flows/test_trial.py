"""A laptop without a mail server: an issue is tried there, and sent to the same readers once there is one."""

import pytest

from tests.flows.seeds import compose_issue_1, speak_english
from tests.flows.test_flow import enter_the_desk
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.servers]

READER = "reader@example.org"
SENDER_WITHOUT_HOLD = """
from newsletter.publication.models import Publication
Publication.objects.update(sender_email="letter@news.example.org", hold_minutes=0)
"""


def test_a_trial_is_thrown_away_and_the_issue_then_reaches_its_reader(make_product, smtp, page):
    product = make_product()
    product.env["PRIVATE_MAIL_SERVERS"] = "1"
    compose_issue_1(product, [READER])
    speak_english(product)
    product.start()
    product.shell(SENDER_WITHOUT_HOLD)
    enter_the_desk(product, page)

    press_schedule(product, page)
    page.get_by_role("heading", name="This would reach nobody yet.").wait_for()
    page.get_by_role("button", name="Make a trial").click()
    page.get_by_text("1 of 1 letter of the trial is in the outbox.").wait_for()
    page.get_by_role("link", name="Open the outbox").click()
    page.get_by_role("link", name="第一期").click()
    assert page.frame_locator("iframe").get_by_text("讓管理變省力").first.is_visible()
    assert product.status(1)["status"] == "none"

    page.goto(f"{product.url}/admin/issues/issue/1/send/")
    page.get_by_role("button", name="Throw the trial away").click()
    page.get_by_text("The trial is gone").wait_for()
    assert not list((product.data / "outbox").glob("*.eml"))

    page.get_by_role("link", name="Enter a mail server").click()
    enter_the_mail_server(page, smtp)
    press_schedule(product, page)
    page.locator("dialog[open] [name=when][value=now]").check()
    page.locator("dialog[open] [type=submit]").click()
    page.wait_for_url("**/mailing/**")

    letter = smtp.wait_for(READER, subject="第一期")
    assert "讓管理變省力" in letter.html
    wait_until(lambda: product.status(1)["sent"] == 1, 30, what=product.log_tails)
    assert not list((product.data / "outbox").glob("*.eml"))


def press_schedule(product, page):
    page.goto(f"{product.url}/admin/issues/issue/1/change/")
    page.locator(".desk-bar [name=_send]").click()
    page.locator("dialog[open] h2").wait_for()


def enter_the_mail_server(page, smtp):
    page.locator("[name=host]").fill("127.0.0.1")
    page.locator("[name=port]").fill(str(smtp.port))
    page.locator("[name=security]").select_option("smtp")
    page.locator("[name=address]").fill("author@example.org")
    page.get_by_role("button", name="Send me a letter, and save").click()
    page.locator(".messagelist .success").wait_for()
