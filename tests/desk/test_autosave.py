"""A text that saves itself in a real browser: composed as Chinese is, in two tabs, offline, logged out, crashed."""

import re
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Error, Page

from newsletter.posts.models import Post, Revision, WorkingCopy
from tests.factories import make_post
from tests.support.page_checks import assert_accessible, assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser
ADD = "/admin/posts/post/add/"
PARAGRAPHS = "第一段。\n\n第二段，有兩句。第二句。\n\n第三段。"


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch):
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta(milliseconds=400))


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
    """What types as an input method does: by the browser's own protocol."""
    session = page.context.new_cdp_session(page)

    def compose(text: str) -> None:
        length = len(text)
        session.send("Input.imeSetComposition", {"text": text, "selectionStart": length, "selectionEnd": length})

    return compose, lambda text: session.send("Input.insertText", {"text": text})


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
    until(editor, lambda: Post.objects.filter(body=PARAGRAPHS + "一").exists())
    compose("ㄅㄚ")
    commit("吧")
    until_stored(editor, PARAGRAPHS + "一吧")

    assert body(editor) == PARAGRAPHS + "一吧"


@pytest.mark.exhaustive
def test_it_says_saved_only_when_it_is(editor):
    write(editor, "一")
    until_stored(editor, PARAGRAPHS + "一")
    editor.locator(".saving-since").wait_for(state="hidden")
    editor.route("**/change/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    write(editor, "二")

    editor.locator(".saving-said", has_text="Nothing was saved: the server does not answer").wait_for()
    assert Post.objects.get().body == PARAGRAPHS + "一"
    assert not editor.locator(".saving-since").is_visible()  # one state at a time


def test_what_a_tab_types_after_another_has_saved_is_kept_on_the_server_and_seen_beside_it(editor, server, post):
    other = tab(editor, server.url + change(post))
    write(editor, "甲")
    until_stored(editor, PARAGRAPHS + "甲")
    write(other, "乙")
    other.locator(".saving-both").wait_for()
    write(other, "丙")
    until(other, lambda: Revision.objects.exclude(refused_page="").filter(body=PARAGRAPHS + "乙丙").exists())

    assert "what you typed is kept as a version" in other.locator(".saving-said").text_content()
    assert (body(other), Post.objects.get().body) == (PARAGRAPHS + "乙丙", PARAGRAPHS + "甲")
    assert Revision.objects.exclude(refused_page="").count() == 1  # what is typed on on one page is one version
    with other.expect_popup() as opened:
        other.click(".saving-both")
    both = opened.value
    both.locator(".changed-text").nth(1).wait_for()
    assert [text.strip()[-2:] for text in both.locator(".changed-text").all_inner_texts()] == ["乙丙", "。甲"]
    assert_accessible_in_both_schemes(both)
    both.get_by_role("button", name="Bring this version back").click()
    until(both, lambda: Post.objects.get().body == PARAGRAPHS + "乙丙")
    assert Revision.objects.saved_for(post.pk)[1].body == PARAGRAPHS + "甲"  # the other text stays a version, too


def test_an_auto_save_whose_answer_is_lost_is_no_save_of_somebody_else(editor):
    lost = []

    def lose(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch())
            route.abort()
        else:
            route.continue_()

    editor.route("**/change/", lose)
    write(editor, "一")
    until(editor, lambda: lost)
    write(editor, "二")
    until_stored(editor, PARAGRAPHS + "一二")

    assert not Revision.objects.exclude(refused_page="").exists()


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


def test_a_page_that_crashes_loses_nothing_that_was_saved_or_kept(desk, server):
    desk.goto(server.url + ADD)
    write(desk, "第一句。")
    until_stored(desk, "第一句。")
    desk.route("**/change/", lambda route: route.abort())
    write(desk, "第二句。")
    desk.locator(".saving-said", has_text="This browser keeps a copy.").wait_for()
    with suppress(Error):  # it answers no more
        desk.goto("chrome://crash")

    other = tab(desk, server.url + change(Post.objects.get()))
    other.click("[data-restore]")
    until_stored(other, "第一句。第二句。")
    other.keyboard.press("Control+z")
    until_stored(other, "第一句。")


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
    desk.get_by_role("link", name="not updated yet").wait_for()
    assert Post.objects.get().body == "一。"

    desk.get_by_role("button", name="Update", exact=True).click()
    until(desk, lambda: Post.objects.get().body == "一。二。")
    desk.locator(".messagelist .success").wait_for()
    assert desk.url == server.url + change(post)
    assert not WorkingCopy.objects.exists()
