"""Beside the text, in a real browser: the check on what is typed, the outline, and the drawer of a phone."""

import pytest
from django.urls import reverse

from tests.desk.writing.conftest import BODY
from tests.support.page_checks import assert_accessible_in_both_schemes, wait_for_expression

pytestmark = pytest.mark.browser
SELECTED = (
    "() => { const f = document.querySelector('#id_body'); return f.value.slice(f.selectionStart, f.selectionEnd) }"
)


def text(editor) -> str:
    return editor.input_value("#id_body")


def test_a_finding_is_a_jump_and_its_fix_can_be_undone(editor):
    editor.click("[data-aside=tab-check]")
    place = editor.locator(".check-place").first
    place.click()
    assert editor.evaluate(SELECTED) == ","

    editor.get_by_role("button", name="Change to ，").click()

    assert text(editor) == BODY.replace(",", "，")
    editor.keyboard.press("Control+z")  # the focus is on the next fix
    assert text(editor) == BODY
    assert editor.evaluate("document.activeElement.id") == "id_body"


def test_all_of_a_kind_are_one_step_to_undo(editor):
    editor.click("[data-aside=tab-check]")
    editor.get_by_role("button", name="Fix all 2 of this kind").click()
    wait_for_expression(editor, "document.querySelector('#id_body').value.includes('：')")
    assert text(editor) == BODY.replace(",", "，").replace(":", "：")

    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+z")

    assert text(editor) == BODY


@pytest.mark.exhaustive
def test_what_is_typed_is_checked_and_a_place_that_has_moved_is_found(editor):
    editor.locator(".aside-button", has_text="3").wait_for(state="attached")
    editor.locator("#id_body").focus()
    editor.evaluate("document.querySelector('#id_body').setSelectionRange(0, 0)")
    editor.keyboard.insert_text("一句,話。\n\n")
    editor.click("[data-aside=tab-check]")
    editor.locator(".check-place", has_text="大家通常").first.click()
    assert editor.evaluate(SELECTED) == ","

    editor.locator(".aside-button", has_text="4").wait_for(state="attached")


@pytest.mark.exhaustive
def test_nothing_is_asked_while_a_word_is_being_composed(editor):
    editor.locator(".aside-button", has_text="3").wait_for(state="attached")
    asked = []
    editor.on("request", lambda request: asked.append(request) if "/writing/check/" in request.url else None)
    keys = editor.context.new_cdp_session(editor)
    editor.locator("#id_body").focus()
    keys.send("Input.imeSetComposition", {"text": "ㄋㄧˇ", "selectionStart": 3, "selectionEnd": 3})
    editor.wait_for_timeout(1500)
    assert asked == []

    keys.send("Input.insertText", {"text": "你,好"})

    editor.locator(".aside-button", has_text="4").wait_for(state="attached")


@pytest.mark.exhaustive
def test_headings_lead_to_their_lines_and_code_has_none(editor):
    editor.click("[data-aside=tab-details]")
    editor.get_by_role("tab", name="Outline").click()
    editor.locator("#id_body").fill(BODY + "\n\n```\n## no heading\n```\n")
    editor.keyboard.press("Escape")  # the panel comes back
    editor.locator(".outline li").nth(2).wait_for()
    assert [item.inner_text().split("\n")[0] for item in editor.locator(".outline li").all()] == [
        *("(beginning)", "開頭", "結尾"),
    ]

    editor.get_by_role("button", name="結尾").click()

    caret = editor.evaluate("document.querySelector('#id_body').selectionStart")
    assert text(editor)[caret:].startswith("## 結尾")


@pytest.mark.exhaustive
def test_a_phone_has_a_drawer_that_escape_closes(editor, server, post):
    editor.set_viewport_size({"width": 375, "height": 667})
    assert not editor.locator("#write-aside").is_visible()
    opener = editor.locator("[data-aside=tab-details]")
    opener.focus()
    editor.keyboard.press("Enter")
    assert editor.locator("#id_tag_names").is_visible()
    assert opener.get_attribute("aria-expanded") == "true"

    editor.keyboard.press("Escape")

    assert not editor.locator("#write-aside").is_visible()
    assert editor.evaluate("document.activeElement.hasAttribute('data-aside')")


@pytest.mark.exhaustive
def test_a_field_that_is_refused_is_shown_wherever_it_stands(editor):
    editor.click("[data-aside=tab-check]")
    editor.evaluate("document.querySelector('#id_tag_names').value = '長'.repeat(90)")

    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+s")

    editor.locator("#id_tag_names_error").wait_for()


@pytest.mark.exhaustive
def test_the_page_has_no_barrier_and_is_no_wider_than_a_phone(editor, server, post):
    editor.locator(".aside-button", has_text="3").wait_for(state="attached")
    editor.click("[data-aside=tab-details]")
    for tab in ("Check", "Outline", "Details"):
        editor.get_by_role("tab", name=tab).click()
        assert_accessible_in_both_schemes(editor)
    editor.set_viewport_size({"width": 320, "height": 600})
    assert editor.evaluate("document.documentElement.scrollWidth") <= 320
    assert_accessible_in_both_schemes(editor)


CONTROLS = """() => [...document.querySelectorAll("a, button, input, textarea, select, summary")].filter((one) => {
    const box = one.getBoundingClientRect();
    return one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && box.width > 1
        && box.bottom > 0 && box.top < innerHeight && getComputedStyle(one).opacity !== "0";
}).length"""


@pytest.mark.parametrize("width", [375, 1280])
def test_while_somebody_types_few_controls_are_in_sight_and_three_ways_bring_the_words_back(editor, width):
    editor.set_viewport_size({"width": width, "height": 700})
    editor.click("[data-aside=tab-details]")
    editor.keyboard.press("Escape")
    words = editor.get_by_role("link", name="Today")

    def type_on():
        editor.locator("#id_body").focus()
        editor.keyboard.type("字")
        words.wait_for(state="hidden")

    type_on()
    assert editor.evaluate(CONTROLS) <= 9
    assert editor.get_by_role("link", name="Publish…").is_visible()
    assert editor.locator(".saving-since", has_text="Not saved yet").is_visible()
    assert editor.locator("[data-tool=bold]").is_visible() == (width == 375)
    editor.keyboard.press("Escape")
    words.wait_for()
    type_on()
    editor.get_by_role("button", name="Hide the keyboard" if width == 375 else "Menu").click()
    words.wait_for()
    type_on()
    editor.mouse.move(200, 300)
    editor.mouse.move(230, 330)
    words.wait_for()


def test_without_javascript_all_of_it_stands_under_the_text(desk, browser, server, post):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 375, "height": 667})
    context.add_cookies(desk.context.cookies())
    page = context.new_page()
    page.goto(server.url + reverse("admin:posts_post_change", args=[post.pk]))

    assert page.locator("#findings").is_visible()
    assert page.locator("#id_tag_names").is_visible()
    context.close()
