"""A long text of an evening: composed as Chinese is, with pictures, in two tabs, offline, logged out, and crashed."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session

from newsletter.posts.models import Image, Post, Revision
from newsletter.publication.pictures.uploads import prepare_picture
from tests.desk.test_autosave import ADD, body, change, composing, until, until_stored, write
from tests.publication.pictures.test_uploads import picture

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]
SENTENCE = "這一句寫的是槓桿與支點，以及為什麼要先寫結論。"
PARAGRAPH = SENTENCE * 9 + "\n\n"
PARTS = 24  # paragraphs, of more than 5,000 characters together


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, settings, tmp_path):
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta(milliseconds=400))
    settings.MEDIA_ROOT = tmp_path / "media"


def compose(page, parts: int) -> None:
    """Type paragraphs as an input method does: each sentence grows in the field before it is committed."""
    grow, commit = composing(page)
    page.locator("#id_body").focus()
    page.keyboard.press("Control+End")
    for _part in range(parts):
        for _sentence in range(9):
            grow(SENTENCE[:7])
            grow(SENTENCE[:15])
            commit(SENTENCE)
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")


def put_in_picture(page, words: str) -> None:
    page.keyboard.press("Control+/")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=words).click()
    page.locator("#pictures").wait_for(state="hidden")


def log_in_again(page) -> None:
    with page.expect_popup() as opened:
        page.click(".saving-login")
    window = opened.value
    window.fill("#id_username", "gipi")
    window.fill("#id_password", "pw")
    window.click("[type=submit]")
    until(page, window.is_closed)
    page.evaluate("dispatchEvent(new Event('focus'))")


def test_nothing_of_five_thousand_characters_is_lost(desk, server):
    image = Image.objects.get_or_store(prepare_picture(picture("JPEG")), "circles.jpg", "三個圓圈")[0]
    page, context = desk, desk.context
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(server.url + ADD)
    compose(page, PARTS // 4)
    put_in_picture(page, "三個圓圈")
    text = PARAGRAPH * (PARTS // 4) + f"{image.markdown}\n\n"
    until_stored(page, text.strip())

    other = context.new_page()  # a second tab puts something before all of it
    other.goto(server.url + change(Post.objects.get()))
    write(other, "前言。\n\n", "Control+Home")
    until_stored(other, "前言。\n\n" + text.strip())
    other.close()
    compose(page, PARTS // 4)
    text += PARAGRAPH * (PARTS // 4)
    until(page, lambda: Revision.objects.exclude(refused_page="").filter(body=text.strip()).exists())
    page.locator(".saving-both").wait_for()
    page.goto(server.url + page.get_attribute(".saving-both", "href"))
    page.get_by_role("button", name="Bring this version back").click()
    page.wait_for_url("**/change/")
    write(page, "\n\n")

    context.set_offline(True)
    compose(page, PARTS // 4)
    page.locator(".saving.is-bad").wait_for()
    context.set_offline(False)
    text += PARAGRAPH * (PARTS // 4)
    until_stored(page, text.strip())

    Session.objects.all().delete()
    compose(page, PARTS // 4)
    page.locator(".saving-login").wait_for()
    log_in_again(page)
    text += PARAGRAPH * (PARTS // 4)
    until_stored(page, text.strip())

    page.locator(".saving-since").wait_for(state="hidden")  # the answer is here
    page.route("**/change/", lambda route: route.abort())
    write(page, "最後一句。")
    page.locator(".saving-said", has_text="This browser keeps a copy.").wait_for()
    page = context.new_page()  # the other one closes without a word
    desk.close()
    page.goto(server.url + change(Post.objects.get()))
    page.click("[data-restore]")
    until_stored(page, text + "最後一句。")

    assert body(page) == text + "最後一句。"
    assert len(re.sub(r"\s", "", text)) > 5_000
    assert list(Post.objects.get().pictures.all()) == [image]
