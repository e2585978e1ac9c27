"""The author's text field in a real browser: tools, pictures, preview, and what is not saved yet."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from newsletter.posts.models import Image
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible

pytestmark = pytest.mark.browser


@pytest.fixture
def editor(server, page, settings, tmp_path, monkeypatch):
    """The form of a new post, with the author logged in. It does not save itself."""
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta())
    settings.MEDIA_ROOT = tmp_path / "media"
    make_publication()
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("gipi", "gipi@example.org", "pw"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])
    page.goto(f"{server.url}/admin/posts/post/add/")
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def write(editor, *keys: str) -> str:
    """Type words and press keys (in angle brackets) in the text; return what stands there then."""
    editor.locator("#id_body").focus()
    for key in keys:
        if key.startswith("<"):
            editor.keyboard.press(key.strip("<>"))
        else:
            editor.keyboard.type(key)
    return editor.input_value("#id_body")


@pytest.mark.exhaustive
def test_enter_that_ends_a_word_of_chinese_adds_no_bullet(editor):
    write(editor, "- ")
    composing = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, cancelable: true, bubbles: true})"

    untouched = editor.evaluate(f"document.querySelector('#id_body').dispatchEvent({composing})")

    assert untouched
    assert editor.input_value("#id_body") == "- "


def test_a_file_that_is_no_picture_leaves_no_mark_and_a_phone_says_why_while_one_types(editor):
    editor.set_viewport_size({"width": 375, "height": 667})
    write(editor, "前")
    editor.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array([1])], 'x.png', {type: 'image/png'}));
        const event = new ClipboardEvent('paste', {clipboardData: data, cancelable: true, bubbles: true});
        document.querySelector('#id_body').dispatchEvent(event);
    }""")

    said = editor.get_by_text("This is not a picture that can be read.")
    said.wait_for()
    box = said.bounding_box()
    top = "([x, y]) => document.elementFromPoint(x, y).className"
    assert editor.evaluate(top, [box["x"] + 4, box["y"] + box["height"] / 2]) == "editor-state"
    assert editor.input_value("#id_body").strip() == "前"
    assert not Image.objects.exists()


def test_the_preview_follows_what_is_typed_in_the_sites_own_look(editor):
    write(editor, "**粗體**")

    editor.click(".submit-row [data-preview]")
    page = editor.frame_locator(".editor-preview")
    page.locator("strong", has_text="粗體").wait_for()
    write(editor, "<Control+End>", " 後來")
    page.get_by_text("後來").wait_for()

    font = "element => getComputedStyle(element).lineHeight"
    assert page.locator(".prose").evaluate(font) != "normal"
    assert editor.evaluate("document.querySelector('.editor-preview').sandbox.contains('allow-scripts')") is False
    assert_accessible(editor)
