"""A text that saves itself in a real browser: composed as Chinese is, in two tabs, offline, logged out, killed."""

import os
import re
import signal
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Error, Page

from newsletter.posts import saving
from newsletter.posts.models import Post, Revision, WorkingCopy
from tests.factories import make_post
from tests.support.browser import ARGUMENTS, chromium
from tests.support.pages import assert_accessible, assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser
ADD = "/admin/posts/post/add/"
READ_AND_FOCUSED = "() => document.readyState === 'interactive' && document.activeElement.id === 'id_title'"
PARAGRAPHS = "第一段。\n\n第二段，有兩句。第二句。\n\n第三段。"


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch):
    monkeypatch.setattr("newsletter.posts.admin.REST", timedelta(milliseconds=400))


@pytest.fixture
def post(desk) -> Post:
    return make_post("槓桿", body=PARAGRAPHS, published_at=None)


@pytest.fixture
def editor(desk, server, post) -> Page:
    desk.goto(server.url + change(post))
    return desk


def change(post: Post) -> str:
    return f"/admin/posts/post/{post.pk}/change/"


def tab(page: Page, url: str) -> Page:
    other = page.context.new_page()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto(url)
    return other


def write(page: Page, text: str, key: str = "Control+End") -> None:
    page.locator("#id_body").focus()
    page.keyboard.press(key)
    page.keyboard.insert_text(text)


def body(page: Page) -> str:
    return page.input_value("#id_body")


def until(page: Page, is_true) -> None:
    for _ in range(150):
        if is_true():
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.locator("#saving").text_content())


def until_stored(page: Page, text: str) -> None:
    until(page, lambda: Post.objects.filter(body=text).exists())
    page.locator(".saving-said", has_text=re.compile("^Saved: ")).wait_for()


def place(page: Page) -> list:
    return page.evaluate("""() => {
        const field = document.querySelector('#id_body');
        return [document.activeElement.id, field.selectionStart, field.selectionEnd, field.scrollTop,
            document.querySelector('#container').scrollTop];
    }""")


def composing(page: Page):
    """Return what types as an input method does: by the browser's own protocol."""
    session = page.context.new_cdp_session(page)

    def compose(text: str) -> None:
        length = len(text)
        session.send("Input.imeSetComposition", {"text": text, "selectionStart": length, "selectionEnd": length})

    return compose, lambda text: session.send("Input.insertText", {"text": text})


def kill(context, page) -> None:
    """End a browser as a full memory does."""
    processes = page.context.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    os.kill(next(one["id"] for one in processes if one["type"] == "browser"), signal.SIGKILL)
    with suppress(Error):  # closing may notice that it is gone
        context.close()


def test_the_rest_is_two_seconds():
    assert timedelta(seconds=2) == saving.REST


def test_a_new_post_is_a_draft_from_its_first_words_and_stays_one(desk, server):
    desk.goto(server.url + ADD)
    desk.evaluate("window.isStill = true")
    write(desk, "嗯")
    until_stored(desk, "嗯")
    desk.fill("#id_title", "槓桿")
    write(desk, "，好")
    until_stored(desk, "嗯，好")

    post = Post.objects.get()
    assert (post.title, post.published_at) == ("槓桿", None)
    assert desk.url == server.url + change(post)
    assert desk.evaluate("window.isStill") is True
    assert_accessible(desk)


@pytest.mark.exhaustive
def test_what_is_typed_before_the_script_has_come_saves_itself_too(desk, server):
    held = []

    def hold(route):
        held.append(route)

    desk.route("**/autosave.js", hold)
    desk.goto(server.url + ADD, wait_until="commit")
    desk.wait_for_function(READ_AND_FOCUSED)  # the page takes the caret to the title once
    desk.fill("#id_title", "槓桿")
    desk.fill("#id_body", "已經寫了")
    until(desk, lambda: held)

    held[0].continue_()

    until_stored(desk, "已經寫了")


def test_a_page_on_which_nobody_types_sends_nothing(desk, server, post):
    sent = []
    desk.on("request", lambda request: request.method == "POST" and sent.append(urlsplit(request.url).path))
    for path in (ADD, change(post)):
        desk.goto(server.url + path)
        desk.wait_for_timeout(1200)  # ms: three times the rest

    assert {ADD, change(post)}.isdisjoint(sent)


@pytest.mark.exhaustive
def test_caret_selection_and_scrolling_stay_where_they_are(editor, server, post):
    long = "\n\n".join(f"第 {number} 段。" + "一句話" * 20 for number in range(40))
    Post.objects.update(body=long)
    editor.goto(server.url + change(post))
    write(editor, "新的")
    for _ in range(30):
        editor.keyboard.press("ArrowUp")
    editor.keyboard.press("Shift+ArrowLeft")
    before = place(editor)

    until_stored(editor, long + "新的")
    editor.wait_for_timeout(500)  # ms: whatever comes after a save

    assert place(editor) == before
    editor.keyboard.press("Control+z")
    assert body(editor) == long


def test_a_word_that_is_being_composed_is_never_sent_or_interrupted(editor):
    compose, commit = composing(editor)
    editor.locator("#id_body").focus()
    editor.keyboard.press("Control+End")
    saves = []
    editor.on("request", lambda request: request.method == "POST" and saves.append(request.url))
    for half in ("ㄋ", "ㄋㄧ", "你", "你ㄏ", "你ㄏㄠ"):
        compose(half)
        editor.wait_for_timeout(300)
    editor.wait_for_timeout(1200)  # ms: three times the rest

    assert saves == []
    assert body(editor) == PARAGRAPHS + "你ㄏㄠ"
    commit("你好")
    until_stored(editor, PARAGRAPHS + "你好")


@pytest.mark.exhaustive
def test_a_composition_that_begins_while_a_save_is_under_way_goes_on(editor):
    compose, commit = composing(editor)
    held = []

    def hold(route):
        is_first = route.request.method == "POST" and not held
        held.append(route) if is_first else route.continue_()

    editor.route("**/change/", hold)
    write(editor, "一")
    until(editor, lambda: held)
    compose("ㄅ")
    held[0].continue_()
    until_stored(editor, PARAGRAPHS + "一")
    compose("ㄅㄚ")
    commit("吧")
    until_stored(editor, PARAGRAPHS + "一吧")

    assert body(editor) == PARAGRAPHS + "一吧"


@pytest.mark.exhaustive
def test_it_says_saved_only_when_it_is(editor):
    write(editor, "一")
    until_stored(editor, PARAGRAPHS + "一")
    editor.locator(".saving-since", has_text=re.compile("^$")).wait_for(state="attached")
    editor.route("**/change/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    write(editor, "二")

    editor.locator(".saving-said", has_text="Nothing was saved: the server does not answer").wait_for()
    assert Post.objects.get().body == PARAGRAPHS + "一"


def test_two_tabs_that_change_different_places_are_merged_and_it_is_said(editor, server, post):
    other = tab(editor, server.url + change(post))
    write(editor, "開頭。", "Control+Home")
    until_stored(editor, "開頭。" + PARAGRAPHS)
    write(other, "結尾。")
    before = place(other)[1]
    until_stored(other, "開頭。" + PARAGRAPHS + "結尾。")

    assert "both are in your text now" in other.locator(".saving-said").text_content()
    assert place(other)[:2] == ["id_body", before + len("開頭。")]
    assert other.locator("#comparing").is_hidden()


@pytest.mark.exhaustive
def test_two_sentences_of_one_paragraph_are_two_places(editor, server, post):
    other = tab(editor, server.url + change(post))
    for page, old, new in ((editor, "有兩句", "有三句"), (other, "第二句", "另一句")):
        page.evaluate(
            "([old]) => { const field = document.querySelector('#id_body'); field.focus();"
            "const at = field.value.indexOf(old); field.setSelectionRange(at, at + old.length); }",
            [old],
        )
        page.keyboard.insert_text(new)
        page.wait_for_timeout(1500)

    until_stored(other, PARAGRAPHS.replace("有兩句", "有三句").replace("第二句", "另一句"))


def test_who_is_writing_is_not_asked_but_told_when_both_changed_one_place(editor, server, post):
    other = tab(editor, server.url + change(post))
    write(editor, "甲")
    until_stored(editor, PARAGRAPHS + "甲")
    write(other, "乙")
    other.locator(".saving-compare").wait_for()

    assert other.locator("#comparing").is_hidden()
    write(other, "丙")
    assert (body(other), Post.objects.get().body) == (PARAGRAPHS + "乙丙", PARAGRAPHS + "甲")
    other.click(".saving-compare")
    other.click("#comparing input[value=mine]")
    other.click("#comparing [data-use]")
    until_stored(other, PARAGRAPHS + "乙丙")
    assert [one.body[-1] for one in Revision.objects.of(post.pk)][:2] == ["丙", "甲"]  # what was not chosen is there


def test_what_was_typed_offline_is_saved_on_return(editor):
    editor.context.set_offline(True)
    write(editor, "離線")
    editor.locator(".saving.is-bad").wait_for()
    editor.context.set_offline(False)

    until_stored(editor, PARAGRAPHS + "離線")


@pytest.mark.exhaustive
def test_after_logging_in_in_another_window_the_save_goes_on_by_itself(editor, server, settings, desk):
    cookies = editor.context.cookies()
    Session.objects.all().delete()
    write(editor, "登出")
    editor.locator(".saving-login").wait_for()
    with editor.expect_popup() as opened:
        editor.click(".saving-login")
    window = opened.value
    window.fill("#id_username", "gipi")
    window.fill("#id_password", "pw")
    window.click("[type=submit]")
    until(editor, window.is_closed)
    editor.evaluate("dispatchEvent(new Event('focus'))")

    until_stored(editor, PARAGRAPHS + "登出")
    assert editor.context.cookies() != cookies


@pytest.mark.exhaustive
def test_a_browser_that_is_killed_loses_nothing_that_was_saved_or_kept(desk, browser, server, tmp_path, settings):
    def opened():
        """Return a browser of its own, with a profile that outlives it."""
        context = browser.browser_type.launch_persistent_context(
            tmp_path, executable_path=chromium(), args=ARGUMENTS, locale="en", timezone_id="Asia/Taipei"
        )
        context.add_cookies([cookie])
        return context, context.pages[0]

    [cookie] = [one for one in desk.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
    context, page = opened()
    page.goto(server.url + ADD)
    write(page, "第一句。")
    until_stored(page, "第一句。")
    context.set_offline(True)
    write(page, "第二句。")
    page.locator(".saving-since", has_text="Kept in this browser").wait_for()
    kill(context, page)

    context, page = opened()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(server.url + change(Post.objects.get()))
    until_stored(page, "第一句。第二句。")
    assert "undo takes it out" in page.locator("#kept-copies").text_content()
    page.keyboard.press("Control+z")
    until_stored(page, "第一句。")
    context.close()


@pytest.mark.exhaustive
def test_publishing_waits_for_a_save_that_is_under_way(editor, post):
    write(editor, "一")

    def slow(route):
        if route.request.method == "POST" and "_auto" in (route.request.post_data or ""):
            editor.evaluate("document.querySelector('[name=_publish]').click()")
        route.continue_()

    editor.route("**/change/", slow)
    until(editor, lambda: Post.objects.get().is_published(timezone.now()))

    assert Post.objects.get().body == PARAGRAPHS + "一"


def test_a_published_post_is_changed_for_its_author_alone_until_it_is_updated(desk, server):
    post = make_post("槓桿", body="一。")
    desk.goto(server.url + change(post))
    write(desk, "二。")
    until(desk, lambda: WorkingCopy.objects.filter(body="一。二。").exists())
    desk.get_by_role("link", name="Changed; readers see the former text").wait_for()
    assert Post.objects.get().body == "一。"

    desk.get_by_role("button", name="Update", exact=True).click()
    until(desk, lambda: Post.objects.get().body == "一。二。")
    desk.locator(".messagelist .success").wait_for()
    assert desk.url == server.url + change(post)
    assert not WorkingCopy.objects.exists()


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [320, 1280])
def test_the_pages_of_versions_have_no_barrier_and_fit(desk, server, post, width):
    post.published_at = timezone.now() - timedelta(days=1)
    post.save()
    for minutes, text in enumerate((PARAGRAPHS, PARAGRAPHS.replace("兩句", "三句") + "長" * 900)):
        post.body = text
        one = Revision.objects.record(post.pk, post, at=timezone.now() - timedelta(minutes=9 - minutes))
    Revision.objects.mark([post], what="published", at=timezone.now())
    WorkingCopy.objects.keep(post, "", now=timezone.now())
    desk.set_viewport_size({"width": width, "height": 800})

    for page in ("versions/", f"versions/{one.pk}/", f"versions/{one.pk}/?with=now", "working-copy/", "change/"):
        desk.goto(f"{server.url}/admin/posts/post/{post.pk}/{page}")
        assert_accessible_in_both_schemes(desk)
        assert desk.evaluate("document.documentElement.scrollWidth") <= width, page


@pytest.mark.exhaustive
def test_whoever_compares_by_key_stands_at_the_buttons_afterwards(editor, server, post):
    other = tab(editor, server.url + change(post))
    write(editor, "甲")
    until_stored(editor, PARAGRAPHS + "甲")
    write(other, "乙")
    other.locator(".saving-compare").wait_for()
    other.locator(".saving-compare").focus()
    other.keyboard.press("Enter")
    other.locator("#comparing[open]").wait_for()
    other.keyboard.press("Space")
    other.locator("#comparing [data-use]").focus()
    other.keyboard.press("Enter")
    until_stored(other, PARAGRAPHS + "乙")

    assert other.locator(".saving-compare").is_hidden()
    assert other.evaluate("document.activeElement.name") == "_continue"


@pytest.mark.exhaustive
def test_enter_in_the_title_of_a_new_post_goes_on_to_its_text(desk, server):
    desk.goto(server.url + ADD)
    desk.fill("#id_title", "新題目")
    desk.locator("#id_title").press("Enter")

    assert desk.evaluate("document.activeElement.id") == "id_body"
    until(desk, lambda: Post.objects.filter(title="新題目", body="", published_at=None).exists())
    desk.locator(".saving-said", has_text=re.compile("^Saved: ")).wait_for()
    desk.keyboard.insert_text("第一句。")
    until_stored(desk, "第一句。")
    assert desk.locator("[aria-invalid=true]").count() == 0
