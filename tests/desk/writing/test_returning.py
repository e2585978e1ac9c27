"""What a page that died had not sent is offered by the next one."""

import re
from datetime import timedelta

import pytest

from newsletter.posts.models import Post
from tests.factories import make_post
from tests.support.page_checks import assert_accessible, wait_for_expression

pytestmark = pytest.mark.browser
TEXT = "第一段。\n\n第二段。\n\n第三段。"


@pytest.fixture
def post(desk, monkeypatch) -> Post:
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta(milliseconds=400))
    return make_post("槓桿", body=TEXT, published_at=None)


def body(page) -> str:
    return page.input_value("#id_body")


def died(page):
    """Close a page as a killed browser does, without a word; return another, with the copies that it left."""
    wait_for_expression(page, "Object.keys(localStorage).some((key) => key.startsWith('unsaved:'))")
    other = page.context.new_page()
    page.close()
    page.context.set_offline(False)
    return other


def type_offline(page, text: str, key: str = "Control+End") -> None:
    page.context.set_offline(True)
    page.locator("#id_body").focus()
    page.keyboard.press(key)
    page.keyboard.insert_text(text)


def stored(page, text: str) -> None:
    for _ in range(100):
        if Post.objects.get().body == text:
            break
        page.wait_for_timeout(100)
    assert Post.objects.get().body == text
    page.locator(".saving-said", has_text=re.compile("^Saved: ")).wait_for()


def test_it_is_offered_and_saved_when_it_was_put_in(editor, post):
    address = editor.url
    type_offline(editor, "離線時寫的。")
    editor = died(editor)
    editor.goto(address)
    editor.locator("[data-restore]").wait_for()
    assert body(editor) == TEXT
    assert_accessible(editor)
    editor.click("[data-restore]")
    stored(editor, TEXT + "離線時寫的。")

    assert editor.locator("#kept-copies").is_hidden()
    keys = editor.evaluate("Object.keys(localStorage)")
    assert [key for key in keys if key.startswith("unsaved:")] == []


@pytest.mark.exhaustive
def test_a_new_text_that_was_never_saved_is_only_offered(desk, server, post):
    desk.goto(f"{server.url}/admin/posts/post/add/")
    type_offline(desk, "新文章的第一句。")
    desk = died(desk)
    desk.goto(f"{server.url}/admin/posts/post/add/")
    desk.locator("[data-restore]").wait_for()

    assert body(desk) == ""
    assert list(Post.objects.values_list("body", flat=True)) == [TEXT]
