"""The page of an issue in a real browser: it saves itself, posts are dragged, and nobody loses a word or a place."""

from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from newsletter.delivery.planning import approving
from newsletter.desk import auto_rehearsal, tasks
from newsletter.issues.models import Issue, KeptText
from newsletter.publication.changes import Change
from tests.factories import make_issue, make_post
from tests.support.page_checks import assert_accessible

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parents[3] / "newsletter" / "static" / "sortable-1.15.7"
SORTABLE = "a48a4ec931f04c50a1b80c095d0610dc2ec2014d001d4f083405f808fc9be251"  # in sortablejs-1.15.7.tgz of npm


@pytest.fixture(autouse=True)
def _short_rest(monkeypatch):
    admin.autodiscover()  # the desk's own admin takes the place of others', which must be there before it
    monkeypatch.setattr("newsletter.desk.admin.AUTOSAVE_DELAY", timedelta(milliseconds=300))


@pytest.fixture
def issue(desk) -> Issue:
    return make_issue(make_post("甲"), make_post("乙"), make_post("丙"), number=7, subject="第七期")


@pytest.fixture
def editor(desk, server, issue) -> Page:
    desk.set_viewport_size({"width": 1280, "height": 1600})  # all posts are in sight
    desk.goto(server.url + address(issue))
    return desk


def address(issue: Issue) -> str:
    return reverse("admin:issues_issue_change", args=[issue.pk])


def until(page: Page, is_true) -> None:
    for _ in range(100):
        if is_true():
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.locator("#saving").text_content())


def titles(issue: Issue) -> list[str]:
    return list(issue.items.values_list("post__title", flat=True))


def stored(issue: Issue, **fields: str):
    return lambda: Issue.objects.filter(pk=issue.pk, **fields).exists()


def drag(page: Page, title: str, onto: str) -> None:
    """Drag a post's grip to where another post lies, as a hand does: in steps."""
    grip = page.locator(".item", has_text=title).locator(".item-grip")
    grip.wait_for()
    grip.scroll_into_view_if_needed()
    start, goal = grip.bounding_box(), page.locator(".item", has_text=onto).bounding_box()
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    end = goal["y"] + goal["height"] - 4 if goal["y"] > y else goal["y"] + 4
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x, y + (end - y) * step / 10)
        page.wait_for_timeout(50)  # as slow as a hand
    page.wait_for_timeout(300)
    page.mouse.up()


@contextmanager
def refreshed(page: Page):
    """Wait until a save inside is followed by the page that shows what it has changed."""
    with page.expect_response(lambda one: one.request.method == "GET" and one.url.endswith("/change/")) as answer:
        yield
    answer.value.finished()
    page.wait_for_function("() => !document.querySelector('.item-grip')?.hidden")


def test_the_script_of_others_is_as_it_was_published():
    assert sha256((FOLDER / "sortable.esm.js").read_bytes()).hexdigest() == SORTABLE
    assert "MIT License" in (FOLDER / "LICENSE.txt").read_text()


def test_a_post_is_dragged_and_its_new_place_saves_itself(editor, issue):
    drag(editor, "甲", onto="丙")

    assert editor.locator("[data-said]").text_content() == "“甲” is number 3 of 3 now."
    until(editor, lambda: titles(issue) == ["乙", "丙", "甲"])


@pytest.mark.exhaustive
def test_a_post_is_dragged_by_a_thumb(desk, server, issue, browser, settings):
    [cookie] = [one for one in desk.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
    phone = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
    phone.add_cookies([cookie])
    page = phone.new_page()
    page.goto(server.url + address(issue))
    grip = page.locator(".item", has_text="丙").locator(".item-grip")
    grip.wait_for()
    grip.scroll_into_view_if_needed()
    box, goal = grip.bounding_box(), page.locator(".item", has_text="甲").bounding_box()
    assert min(box["width"], box["height"]) >= 44
    touch = phone.new_cdp_session(page)
    x, y = box["x"] + 20, box["y"] + 20
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 11):
        point = {"x": x, "y": y + (goal["y"] + 6 - y) * step / 10}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        page.wait_for_timeout(30)
    page.wait_for_timeout(300)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    until(page, lambda: titles(issue) == ["丙", "甲", "乙"])
    phone.close()


def test_what_is_typed_saves_itself_and_the_caret_stays(editor, issue):
    editor.fill("#id_subject", "新的主旨")
    editor.evaluate("document.querySelector('#id_subject').setSelectionRange(1, 2)")
    editor.evaluate("window.isStill = true")

    until(editor, stored(issue, subject="新的主旨"))
    editor.locator(".inbox-subject", has_text="新的主旨").wait_for()

    place = "[document.activeElement.id, document.activeElement.selectionStart, document.activeElement.selectionEnd]"
    assert editor.evaluate(place) == ["id_subject", 1, 2]
    assert editor.evaluate("window.isStill") is True
    assert editor.locator(".saving-said").text_content().startswith("Saved: ")


@pytest.mark.exhaustive
def test_a_handle_moves_its_post_by_keys_or_a_press_and_keeps_the_focus_while_that_saves_itself(editor, issue):
    editor.get_by_role("button", name="Move “甲”").focus()
    with refreshed(editor):
        editor.keyboard.press("ArrowDown")
    after_key = titles(issue)

    assert editor.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Move “甲”")
    with refreshed(editor):
        editor.get_by_role("button", name="Move “丙”").click()
    assert (after_key, titles(issue)) == (["乙", "甲", "丙"], ["乙", "丙", "甲"])


@pytest.mark.exhaustive
def test_a_post_that_is_taken_out_is_gone_by_itself_and_one_that_is_ticked_comes(desk, server, issue):
    late = make_post("丁")
    desk.goto(server.url + address(issue))
    with refreshed(desk):
        desk.locator(".item", has_text="乙").locator(".item-out").click()
    assert titles(issue) == ["甲", "丙"]

    desk.locator("summary", has_text="Add a post").click()
    offered = desk.get_by_role("group", name="Not yet mailed").bounding_box()
    older = desk.locator(".older").bounding_box()
    assert offered["y"] + offered["height"] <= older["y"]  # it covers nothing
    desk.locator(f"[name=added][value='{late.pk}']").check()

    until(desk, lambda: titles(issue) == ["甲", "丙", "丁"])
    desk.locator(".item", has_text="丁").wait_for()
    assert desk.locator(".item").count() == 3


@pytest.mark.exhaustive
def test_a_title_that_is_only_half_typed_hinders_nothing_and_stays(editor, issue):
    editor.locator("summary", has_text="Add a post").click()
    editor.locator("#id_older").press_sequentially("沒有這")
    with refreshed(editor):
        editor.fill("#id_preheader", "一句話")

    assert stored(issue, preheader="一句話")()
    assert editor.input_value("#id_older") == "沒有這"
    assert editor.locator(".saving-said").text_content().startswith("Saved: ")


def test_a_new_issue_saves_itself_once_with_the_posts_that_wait(desk, server):
    make_post("甲")
    desk.goto(server.url + reverse("admin:issues_issue_add"))

    desk.fill("#id_preheader", "一句話")
    until(desk, lambda: Issue.objects.filter(preheader="一句話").exists())
    desk.fill("#id_subject", "新的一期")
    until(desk, lambda: Issue.objects.filter(subject="新的一期").exists())

    issue = Issue.objects.get()
    desk.frame_locator("[data-letter-frame]").get_by_role("heading", name="甲").wait_for()
    assert (titles(issue), desk.url) == (["甲"], server.url + address(issue))


@pytest.mark.exhaustive
def test_the_history_says_once_an_hour_that_a_text_was_changed_and_each_time_what_happened_to_posts(editor, issue):
    for words in ("一", "二"):
        editor.fill("#id_preheader", words)
        until(editor, stored(issue, preheader=words))
    editor.get_by_role("button", name="Move “甲”").press("ArrowDown")
    until(editor, lambda: titles(issue) == ["乙", "甲", "丙"])

    details = [change.detail for change in Change.objects.of(issue)]
    assert details == [
        {"fields": ["preheader"]},
        {"arranged": ["甲", "乙"]},
    ]


@pytest.mark.parametrize("is_sent", [True, False])
def test_what_readers_have_or_get_next_changes_by_a_press_alone(desk, server, issue, is_sent):
    now = timezone.now()
    if is_sent:
        issue.mark_sent(now)
    else:
        approving.approve(issue, send_at=now + timedelta(days=3), now=now, hold=timedelta())
    desk.goto(server.url + address(issue))

    desk.fill("#id_preheader", "一句話")
    desk.wait_for_timeout(1200)

    assert not stored(issue, preheader="一句話")()


def test_the_head_of_the_letter_says_what_a_phone_shows_of_it(editor):
    lengths = editor.locator("[data-lengths]")

    def said(subject: str, preheader: str) -> str:
        editor.fill("#id_subject", subject)
        editor.fill("#id_preheader", preheader)
        return lengths.text_content()

    assert said("字" * 9, "字" * 23) == "Subject 9, all of which a phone shows · preheader 23"
    assert said("字" * 19, "字" * 51).startswith(
        "Subject 19, of which a phone shows about 18 · preheader 51, best 20 to 50"
    )
    assert said("Twenty-five letters stand", "") == "Subject 25, all of which a phone shows"
    assert said("", "Thirty letters, which is short.") == "preheader 31, best 40 to 100"


# --- The rehearsal that runs by itself ---


@pytest.fixture
def _asks_nobody(monkeypatch):
    """No test asks other sites."""
    written = auto_rehearsal.rehearse
    monkeypatch.setattr(auto_rehearsal, "rehearse", lambda *args: written(*args)._replace(links=[]))
    monkeypatch.setattr(auto_rehearsal, "IDLE_TIME", timedelta())


@pytest.mark.exhaustive
@pytest.mark.usefixtures("_asks_nobody")
def test_the_dot_of_the_rehearsal_follows_what_is_typed(desk, server, issue):
    desk.set_viewport_size({"width": 1280, "height": 1600})
    desk.goto(server.url + address(issue))
    dot = desk.locator(".compose-rehearsal")
    assert "runs by itself in a moment" in dot.inner_text()

    tasks.rehearse_by_itself()
    desk.locator(".compose-rehearsal:not([data-comes])").wait_for()
    dot.locator("summary").click()
    assert "as it should be" in dot.inner_text() or "as they should be" in dot.inner_text()

    desk.fill("#id_subject", "又改了")
    desk.locator(".compose-rehearsal[data-comes]").wait_for()
    assert_accessible(desk)


# --- Kept texts ---


@pytest.mark.exhaustive
def test_a_kept_text_goes_where_the_caret_is_and_a_new_one_can_be_used_at_once(desk, server):
    KeptText.objects.create(kind="closing", name="一個問題", text="哪一場？")
    issue = make_issue(make_post("甲"), subject="第七期", closing="再見。")
    desk.set_viewport_size({"width": 1280, "height": 1600})
    desk.goto(server.url + address(issue))

    desk.locator("summary", has_text="Closing").click()
    desk.locator("#id_closing").focus()
    desk.keyboard.press("Control+End")
    desk.select_option("#id_closing_from", label="一個問題")
    until(desk, stored(issue, closing="再見。\n\n哪一場？"))
    desk.fill("#id_closing_as", "兩句")
    assert_accessible(desk)
    desk.get_by_role("button", name="Save", exact=True).click()
    desk.locator("#id_closing_from option", has_text="兩句").wait_for(state="attached")

    assert desk.input_value("#id_closing_as") == ""
    assert KeptText.objects.get(name="兩句").text == "再見。\n\n哪一場？"


@pytest.mark.exhaustive
def test_by_keys_every_kept_text_is_reached_and_none_goes_in_before_enter(editor, issue):
    for name in ("一個問題", "三個問題", "兩個問題"):
        KeptText.objects.create(kind="closing", name=name, text=f"{name}。")
    editor.reload()
    editor.locator("summary", has_text="Closing").click()
    kept = editor.locator("#id_closing_from")
    kept.focus()

    for _ in range(2):
        editor.keyboard.press("ArrowDown")
    assert editor.input_value("#id_closing") == ""
    chosen = kept.evaluate("list => list.selectedOptions[0].dataset.text")
    editor.keyboard.press("Enter")

    assert chosen == list(KeptText.objects.order_by("name"))[1].text
    assert editor.input_value("#id_closing") == chosen
    assert kept.input_value() == ""
    until(editor, stored(issue, closing=chosen))


@pytest.mark.exhaustive
def test_a_name_that_is_only_half_typed_keeps_nothing(editor, issue):
    editor.locator("summary", has_text="Closing").click()
    editor.fill("#id_closing_as", "一半")
    editor.fill("#id_preheader", "一句話")

    until(editor, stored(issue, preheader="一句話"))

    assert not KeptText.objects.exists()
    assert editor.input_value("#id_closing_as") == "一半"
