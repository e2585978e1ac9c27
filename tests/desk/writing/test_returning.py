"""What a browser that died had not sent is sent by itself; what was changed elsewhere since is merged."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.posts.models import Post
from tests.factories import make_issue, make_post
from tests.support.pages import assert_accessible

pytestmark = pytest.mark.browser
TEXT = "第一段。\n\n第二段。\n\n第三段。"


@pytest.fixture
def post(desk, monkeypatch) -> Post:
    monkeypatch.setattr("newsletter.posts.admin.REST", timedelta(milliseconds=400))
    return make_post("槓桿", body=TEXT, published_at=None)


def body(page) -> str:
    return page.input_value("#id_body")


def died(page):
    """Close a page as a killed browser does, without a word; return another, with the copies that it left."""
    page.locator(".saving-since", has_text="Kept in this browser").wait_for()
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


def test_it_is_sent_unasked_where_nobody_has_saved_since_and_it_is_said(editor, server, post):
    address = editor.url
    type_offline(editor, "離線時寫的。")
    editor = died(editor)
    editor.goto(address)
    stored(editor, TEXT + "離線時寫的。")

    assert "undo takes it out" in editor.locator("#kept-copies").text_content()
    assert_accessible(editor)
    editor.click("[data-seen]")
    assert editor.locator("#kept-copies").is_hidden()
    keys = json.loads(editor.evaluate("JSON.stringify(Object.keys(localStorage))"))
    assert [key for key in keys if key.startswith("unsaved:")] == []


@pytest.mark.exhaustive
def test_what_was_changed_elsewhere_in_another_place_since_is_merged(editor, post):
    address = editor.url
    type_offline(editor, "離線時寫的。")
    editor = died(editor)
    Post.objects.update(body="別處改的。\n\n第二段。\n\n第三段。", updated_at=timezone.now())
    editor.goto(address)
    stored(editor, "別處改的。\n\n第二段。\n\n第三段。離線時寫的。")

    assert "both are in your text now" in editor.locator(".saving-said").text_content()


def test_where_both_have_changed_one_place_the_author_is_asked_and_may_write_a_third(editor, post):
    address = editor.url
    type_offline(editor, "離線時寫的。")
    editor = died(editor)
    Post.objects.update(body=TEXT + "別處寫的。", updated_at=timezone.now())
    editor.goto(address)
    editor.locator(".saving-compare").click()
    assert (body(editor), Post.objects.get().body) == (TEXT + "離線時寫的。", TEXT + "別處寫的。")

    result = editor.get_by_role("textbox", name=re.compile(" becomes$"))
    editor.locator("#comparing").get_by_role("radio").first.check()
    assert result.input_value() == "第三段。離線時寫的。"
    result.fill("第三段。\n兩邊都留。")
    assert editor.locator("#comparing input:checked").count() == 0
    assert_accessible(editor)
    editor.click("[data-use]")
    stored(editor, "第一段。\n\n第二段。\n\n第三段。\n兩邊都留。")


@pytest.mark.exhaustive
def test_a_browser_that_dies_twice_before_the_merge_still_overwrites_nothing(editor, post):
    address = editor.url
    type_offline(editor, "離線時寫的。")
    editor = died(editor)
    Post.objects.update(body=TEXT + "別處寫的。", updated_at=timezone.now())
    editor.goto(address)
    editor.locator(".saving-compare").wait_for()
    editor.reload()
    editor.locator(".saving-compare").wait_for()

    assert (body(editor), Post.objects.get().body) == (TEXT + "離線時寫的。", TEXT + "別處寫的。")


@pytest.mark.exhaustive
def test_a_new_text_that_was_never_saved_is_only_offered(desk, server, post):
    desk.goto(f"{server.url}/admin/posts/post/add/")
    type_offline(desk, "新文章的第一句。")
    desk = died(desk)
    desk.goto(f"{server.url}/admin/posts/post/add/")
    desk.locator("[data-restore]").wait_for()

    assert body(desk) == ""
    assert list(Post.objects.values_list("body", flat=True)) == [TEXT]


@pytest.mark.exhaustive
def test_what_a_page_had_that_leaves_late_is_gone_on_with(editor, server, post):
    """A busy browser lets go of the page before some seconds after the next one was opened."""
    editor.route("**/change/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")
    editor.keyboard.insert_text("走之前寫的。")
    editor.locator(".saving-since", has_text="Kept in this browser").wait_for()
    other = editor.context.new_page()
    other.goto(editor.url)
    other.wait_for_timeout(1_500)  # what is looked for when a page is opened was looked for
    assert body(other) == TEXT
    other.locator("#id_title").focus()

    editor.close()

    stored(other, TEXT + "走之前寫的。")
    assert other.evaluate("document.activeElement.id") == "id_title"


@pytest.mark.exhaustive
def test_what_was_typed_into_an_issue_that_is_not_approved_is_sent_unasked_too(desk, server, post):
    issue = make_issue(post, subject="第七期")
    address = f"{server.url}/admin/issues/issue/{issue.pk}/change/"
    desk.goto(address)
    desk.context.set_offline(True)
    desk.fill("#id_preheader", "離線時寫的。")
    desk = died(desk)
    desk.goto(address)
    desk.locator(".saving-said", has_text=re.compile("^Saved: ")).wait_for()

    issue.refresh_from_db()
    assert (issue.subject, issue.preheader) == ("第七期", "離線時寫的。")
    assert "undo takes it out" in desk.locator("#kept-copies").text_content()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("width", "columns"), [(1280, 3), (800, 2), (375, 1)])
def test_yours_theirs_and_the_result_stand_side_by_side_where_there_is_room(editor, post, width, columns):
    editor.set_viewport_size({"width": width, "height": 800})
    Post.objects.update(body=TEXT + "別處寫的。", updated_at=timezone.now())
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")
    editor.keyboard.insert_text("這裡寫的。")
    editor.keyboard.press("Control+s")
    editor.locator("#comparing").wait_for()

    parts = editor.locator(".difference-one").all()
    assert len({part.bounding_box()["x"] for part in parts}) == columns
    assert editor.evaluate("document.querySelector('#comparing').scrollWidth") <= width
