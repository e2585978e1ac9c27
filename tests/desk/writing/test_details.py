"""Publishing as one calm flow, in a browser."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from newsletter.posts.models import Post
from tests.factories import make_issue
from tests.support.page_checks import assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser
GO = "[data-go]"


def open_publishing(editor) -> None:
    editor.get_by_role("link", name="Publish…").click()
    editor.locator(GO).wait_for()


def test_a_double_press_on_publish_publishes_nothing(editor):
    editor.get_by_role("link", name="Publish…").dblclick()
    editor.locator(GO).wait_for()

    assert editor.locator("#post_form textarea:visible").count() == 1  # the summary: the text has given its place
    assert Post.objects.get().published_at is None
    editor.keyboard.press("Escape")
    editor.locator("#id_body:focus").wait_for()


def test_the_button_says_what_it_will_do_and_a_chosen_time_is_saved_by_itself(editor, post):
    open_publishing(editor)
    words = [editor.inner_text(GO)]
    editor.get_by_role("radio", name="At a time").check()
    words.append(editor.inner_text(GO))
    for time in ("2020-01-07T08:00", "2099-01-07T08:00"):
        editor.fill("[type=datetime-local]", time)
        words.append(editor.inner_text(GO))
    editor.get_by_role("radio", name="Only on the site").check()
    editor.locator("#post_form").dispatch_event("desk:autosave")  # as after a rest
    editor.locator(".form-state", has_text="the time is not scheduled yet").wait_for()

    assert words == [
        "Publish now",
        "Choose a time",
        "Publish, dated Jan 7, 2020 08:00",
        "Schedule for Jan 7, 2099 08:00",
    ]
    stored = Post.objects.get()
    assert (stored.published_at, f"{stored.planned_at:%Y-%m-%d %H:%M}") == (None, "2099-01-07 00:00")
    assert stored.is_web_only
    editor.reload()
    assert editor.inner_text(GO) == words[-1]
    assert_accessible_in_both_schemes(editor)


def test_a_link_to_the_draft_stands_where_it_was_made_and_is_copied(editor):
    editor.context.grant_permissions(["clipboard-write"])
    open_publishing(editor)
    editor.get_by_role("button", name="Make a link").click()
    link = editor.locator("#preview-link-address")
    expect(link).to_be_in_viewport()
    assert editor.locator(GO).is_visible()

    editor.locator("#preview-link").get_by_role("button", name="Copy the address").click()
    expect(editor.locator("#preview-link").get_by_role("button", name="Copied")).to_be_visible()
    editor.locator("#id_summary").press("Control+v")
    assert editor.input_value("#id_summary") == link.input_value()


def test_the_text_is_where_it_was_after_a_look_at_publishing(editor, post):
    Post.objects.update(body="\n\n".join(f"第 {number} 段" for number in range(80)))
    editor.reload()
    page = editor.locator("#container")
    page.evaluate("page => { page.scrollTop = 700 }")
    open_publishing(editor)
    page.evaluate("page => { page.scrollTop = 40 }")
    editor.keyboard.press("Escape")
    editor.locator("#id_body:focus").wait_for()

    assert page.evaluate("page => page.scrollTop") == 700


def test_after_publishing_stands_the_address_and_the_next_step(editor, post):
    make_issue(number=42)
    editor.get_by_role("textbox", name="Text").press_sequentially("尾")
    open_publishing(editor)
    editor.locator(GO).click()
    editor.get_by_role("heading", name="Readers see “槓桿”.").wait_for()

    published = Post.objects.get()
    assert timezone.now() - published.published_at < timedelta(minutes=1)
    assert "尾" in published.body
    assert editor.get_by_role("link", name=published.get_absolute_url()).is_visible()
    assert editor.get_by_role("button", name="Put into issue 42").is_visible()
    assert not editor.locator(GO).is_visible()  # nothing is left to do
    assert_accessible_in_both_schemes(editor)
