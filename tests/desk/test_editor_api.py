"""Writing at the desk in a real browser: nothing that is typed is lost, covered, or overwritten."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.posts.models import Post, Revision
from newsletter.publication.changes import Change
from tests.factories import make_helper, make_issue, make_post, make_publication
from tests.support.page_checks import assert_accessible, assert_accessible_wide_and_narrow, wait_for_expression

pytestmark = pytest.mark.browser

SIZES = [(1280, 720), (375, 667)]
LONG = "\n\n".join(f"第 {n} 段。" + "一句話" * 20 for n in range(40))
# Where the line of the caret stands in the window, found by a copy of the field up to the caret.
CARET = """() => {
    const field = document.querySelector('#id_body');
    const style = getComputedStyle(field);
    const copy = document.createElement('div');
    for (const name of style) copy.style.setProperty(name, style.getPropertyValue(name));
    Object.assign(copy.style, {position: 'absolute', visibility: 'hidden', height: 'auto', whiteSpace: 'pre-wrap',
        overflowWrap: 'break-word', width: `${field.clientWidth}px`, border: '0', boxSizing: 'border-box'});
    const place = document.createElement('span');
    place.textContent = '字';
    copy.append(field.value.slice(0, field.selectionEnd), place);
    document.body.append(copy);
    const box = field.getBoundingClientRect();
    const line = parseFloat(style.lineHeight);
    const middle = box.top + field.clientTop + place.offsetTop + place.offsetHeight / 2 - field.scrollTop;
    const [x, top, bottom] = [box.left + place.offsetLeft + 4, middle - line / 2, middle + line / 2];
    copy.remove();
    const bar = document.querySelector('.desk-bar, .submit-row').getBoundingClientRect();
    const isCovered = ![top + 3, bottom - 3].every((y) => document.elementFromPoint(x, y) === field);
    return {top, bottom, bar: bar.top, isCovered, shown: innerHeight};
}"""


def log_in(server, context, settings, name: str = "gipi") -> None:
    client = Client()
    client.force_login(make_helper("owner", name=name))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.url}])


@pytest.fixture
def desk(server, page, settings, monkeypatch):
    """A browser in which the author is logged in. No form saves itself: tests/desk/test_autosave.py is about that."""
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta())
    make_publication()
    log_in(server, page.context, settings)
    page.on("dialog", lambda dialog: dialog.accept())
    return page


@pytest.fixture
def post(desk) -> Post:
    return make_post("槓桿", body="第一段。\n\n第二段。", published_at=None)


@pytest.fixture
def editor(desk, server, post):
    """The form of a draft."""
    desk.goto(server.url + change(post))
    return desk


def change(row: Post | Issue) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def tab(desk, url: str):
    """Another tab of the same browser."""
    other = desk.context.new_page()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto(url)
    return other


def write(page, *keys: str, at: str = "#id_body") -> str:
    """Type words and press keys (in angle brackets); return what stands in the field then."""
    closed = page.locator("details:not([open])").filter(has=page.locator(at))
    for summary in closed.locator("> summary").all():
        summary.click()
    page.locator(at).focus()
    for key in keys:
        page.keyboard.press(key.strip("<>")) if key.startswith("<") else page.keyboard.type(key)
    return page.input_value(at)


def save(page) -> None:
    page.keyboard.press("Control+s")
    until_saved(page)


def until_saved(page) -> None:
    page.locator(".saving-said", has_text=re.compile("^Saved: ")).wait_for()


def said(page) -> str:
    return page.locator(".saving-said").text_content()


def selection(page) -> list[int]:
    return page.evaluate("(({selectionStart: a, selectionEnd: b}) => [a, b])(document.querySelector('#id_body'))")


def select(page, start: int, end: int) -> None:
    page.evaluate("([a, b]) => document.querySelector('#id_body').setSelectionRange(a, b)", [start, end])


def kept(page) -> dict[str, dict[str, str]]:
    """The copies in this browser by their keys."""
    stored = page.evaluate(
        "Object.fromEntries(Object.entries(localStorage).filter(([key]) => key.includes('unsaved')))"
    )
    return {key: json.loads(copy)["contents"] for key, copy in stored.items()}


HAS_COPY = """Object.entries(localStorage).some(([key, copy]) => {
    const isSame = (name) => JSON.parse(copy).contents[name] === document.getElementById(`id_${name}`)?.value;
    return key.startsWith("unsaved:") && ["title", "body"].every(isSame);
})"""


def until_kept(page) -> None:
    page.locator(".saving-since", has_text="Not saved yet").wait_for()
    wait_for_expression(page, HAS_COPY)


# --- Copies in the browser ---


@pytest.mark.exhaustive
def test_two_new_posts_in_two_tabs_never_touch_each_others_copy(desk, server):
    add = f"{server.url}/admin/posts/post/add/"
    desk.goto(add)
    desk.fill("#id_title", "甲")
    write(desk, "甲的內文")
    until_kept(desk)
    other = tab(desk, add)
    other.fill("#id_title", "乙")
    write(other, "乙的內文")
    until_kept(other)

    assert sorted(copy["title"] for copy in kept(desk).values()) == ["乙", "甲"]
    save(other)
    assert [copy["body"] for copy in kept(desk).values()] == ["甲的內文"]

    desk.reload()
    desk.click("[data-restore]")
    assert (desk.input_value("#id_title"), desk.input_value("#id_body")) == ("甲", "甲的內文")


@pytest.mark.exhaustive
def test_two_tabs_of_one_post_keep_a_copy_each_and_both_are_offered(editor, server, post):
    other = tab(editor, server.url + change(post))
    write(editor, "<Control+End>", "甲")
    until_kept(editor)
    write(other, "<Control+End>", "乙")
    until_kept(other)
    for one in (editor, other):
        one.goto("about:blank")

    third = tab(editor, server.url + change(post))
    third.locator("[data-restore]").nth(1).wait_for()

    assert sorted(copy["body"][-1] for copy in kept(third).values()) == ["乙", "甲"]
    assert third.input_value("#id_body") == post.body  # nothing is put in unasked
    assert_accessible(third)
    third.locator(".kept-copy", has_text="甲").count()
    third.locator("[data-forget]").first.click()
    third.locator("[data-restore]").click()
    assert third.input_value("#id_body")[-1] in "甲乙"
    assert third.locator(".kept-copies").is_hidden()


@pytest.mark.exhaustive
def test_the_offer_tells_from_when_the_copy_is_and_putting_it_in_can_be_undone(editor, server, post):
    write(editor, "<Control+End>", "還沒存的")
    until_kept(editor)
    editor.reload()
    offer = editor.locator(".kept-copy p").text_content()
    write(editor, "<Control+Home>", "新寫的")

    editor.click("[data-restore]")
    restored = editor.input_value("#id_body")
    write(editor, "<Control+z>")

    day = timezone.localtime().strftime("%b")
    assert re.search(rf"Kept in this browser on {day} .*, and never saved", " ".join(offer.split()))
    assert restored == post.body + "還沒存的"
    assert editor.input_value("#id_body") == "新寫的" + post.body
    assert any(copy["body"].startswith("新寫的") for copy in kept(editor).values())  # what it replaced is kept, too


@pytest.mark.exhaustive
def test_a_copy_goes_when_its_text_is_saved_and_lies_under_the_posts_own_name_after_that(desk, server):
    desk.goto(f"{server.url}/admin/posts/post/add/")
    desk.fill("#id_title", "甲")
    write(desk, "一")
    until_kept(desk)
    [new] = kept(desk)
    save(desk)
    after = kept(desk)
    write(desk, "二")
    until_kept(desk)

    [key] = kept(desk)
    assert (":posts.post/new/" in new, after) == (True, {})
    assert f":posts.post/{Post.objects.get().pk}:" in key


@pytest.mark.exhaustive
def test_copies_are_few_and_not_old(editor):
    user = editor.get_attribute("#kept-copies", "data-user")
    stored = {
        f"unsaved:{user}:posts.post/new/{n}:page{n}": json.dumps(
            {"at": (timezone.now() - timedelta(days=n)).timestamp() * 1000, "contents": {"title": str(n)}}
        )
        for n in range(40)
    }
    editor.evaluate(
        "stored => Object.entries(stored).forEach(([key, copy]) => localStorage.setItem(key, copy))", stored
    )
    few = dict(list(stored.items())[25:])

    editor.reload()
    wait_for_expression(editor, "Object.keys(localStorage).filter((key) => key.startsWith('unsaved')).length <= 20")
    assert sorted(int(copy["title"]) for copy in kept(editor).values()) == list(range(20))

    editor.evaluate("localStorage.clear()")
    editor.evaluate("stored => Object.entries(stored).forEach(([key, copy]) => localStorage.setItem(key, copy))", few)
    editor.reload()
    wait_for_expression(editor, "Object.keys(localStorage).filter((key) => key.startsWith('unsaved')).length <= 5")
    assert sorted(int(copy["title"]) for copy in kept(editor).values()) == [25, 26, 27, 28, 29]


@pytest.mark.exhaustive
def test_nobody_else_is_offered_what_a_helper_has_typed_in_the_same_browser(desk, server, settings):
    add = f"{server.url}/admin/posts/post/add/"
    desk.goto(add)
    write(desk, "秘密")
    until_kept(desk)
    desk.goto("about:blank")

    log_in(server, desk.context, settings, name="other")
    desk.goto(add)
    desk.wait_for_timeout(900)  # ms: longer than the page looks for copies

    assert desk.locator("[data-restore]").count() == 0
    assert len(kept(desk)) == 1


@pytest.mark.exhaustive
def test_the_texts_of_an_issue_are_kept_too(desk, server):
    issue = make_issue(make_post("甲"))
    desk.goto(server.url + change(issue))
    desk.route("**/change/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    write(desk, "大家好", at="#id_introduction")
    until_kept(desk)

    desk.reload()
    desk.click("[data-restore]")

    assert desk.input_value("#id_introduction") == "大家好"


# --- The line of the caret ---


@pytest.mark.exhaustive
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_ever_covers_the_line_of_the_caret(desk, server, post, width, height):
    Post.objects.filter(pk=post.pk).update(body=LONG)
    desk.set_viewport_size({"width": width, "height": height})
    desk.goto(server.url + change(post))
    seen = {}

    def look(when: str) -> None:
        desk.wait_for_timeout(50)  # ms: scrolling is over
        seen[when] = desk.evaluate(CARET)

    write(desk, "<Control+End>")
    look("at the end")
    desk.keyboard.type("最後一句。")
    look("after typing")
    for _ in range(12):
        desk.keyboard.press("Enter")
    look("after empty lines")
    for step in range(30):
        desk.keyboard.press("ArrowUp")
        look(f"{step + 1} lines up")
    desk.keyboard.press("Control+Home")
    look("at the beginning")
    for step in range(40):
        desk.keyboard.press("ArrowDown")
        look(f"{step + 1} lines down")
    desk.keyboard.press("Control+End")
    desk.evaluate("document.execCommand('insertText', false, '貼上的一段。\\n'.repeat(30))")
    desk.keyboard.type("後")
    look("after a paste")

    covered = {when: where for when, where in seen.items() if where["isCovered"]}
    assert covered == {}


# --- Saving in place ---


def test_a_save_keeps_caret_selection_scrolling_and_undo(editor, post, server):
    Post.objects.filter(pk=post.pk).update(body=LONG)
    editor.goto(server.url + change(post))
    write(editor, "<Control+End>", "新的一句")
    editor.keyboard.press("Shift+ArrowLeft")
    editor.evaluate("window.isStill = true")
    place = "[document.querySelector('#id_body').scrollTop, document.querySelector('#container').scrollTop]"
    before = (selection(editor), editor.evaluate(place))

    save(editor)

    assert (selection(editor), editor.evaluate(place)) == before
    assert editor.evaluate("window.isStill && document.activeElement.id") == "id_body"
    assert re.fullmatch(r"Saved: \d\d:\d\d( [AP]M)?", said(editor))
    assert editor.get_attribute(".saving-said", "role") == "status"
    assert Post.objects.get().body == LONG + "新的一句"
    write(editor, "<Control+z>")
    assert "新的一句" not in editor.input_value("#id_body")


def test_what_is_typed_while_it_is_saved_stays_and_counts_as_not_saved(editor):
    write(editor, "<Control+End>", "一")
    held = []
    editor.route("**/change/", lambda one: held.append(one) if one.request.method == "POST" else one.continue_())
    editor.keyboard.press("Control+s")
    while not held:
        editor.wait_for_timeout(10)  # lets the route be taken
    editor.keyboard.type("二")  # once Control is up again
    held[0].continue_()
    wait_for_expression(editor, "document.querySelector('.saving-said').textContent.startsWith('Saved')")
    until_kept(editor)

    assert (Post.objects.get().body[-1], editor.input_value("#id_body")[-2:]) == ("一", "一二")


def test_the_first_save_gives_the_page_the_address_of_the_post(desk, server):
    desk.goto(f"{server.url}/admin/posts/post/add/")
    desk.evaluate("window.isStill = true")
    desk.fill("#id_title", "Leverage")
    desk.keyboard.press("Escape")  # the tools come back
    desk.click("[data-aside=tab-details]")
    desk.fill("#id_tag_names", "管理,產品")
    write(desk, "一")
    save(desk)
    post = Post.objects.get()
    wait_for_expression(desk, "document.querySelector('#id_words').value === 'leverage'")
    write(desk, "二")
    save(desk)

    assert desk.url == server.url + change(post)
    assert desk.evaluate("window.isStill") is True
    assert [row.body for row in Post.objects.all()] == ["一二"]
    assert desk.locator(".more-list .deletelink").count() == 1
    assert desk.locator(".state-draft").is_visible()
    assert_accessible(desk)
    assert [change.detail for change in Change.objects.of(post)] == [{}, {"fields": ["body"]}]
    desk.reload()
    assert desk.input_value("#id_body") == "一二"


def test_errors_stand_at_their_fields_and_nothing_is_lost(editor):
    write(editor, "<Control+End>", "新的")
    editor.fill("#id_title", "")
    write(editor, "<Control+End>")
    editor.keyboard.press("Control+s")
    editor.locator("#id_title_error").wait_for()

    assert said(editor) == "Nothing was saved: Title: This field is required."
    assert editor.get_attribute("#id_title", "aria-invalid") == "true"
    assert editor.evaluate("document.activeElement.id") == "id_body"
    assert editor.input_value("#id_body").endswith("新的")
    assert_accessible(editor)
    editor.fill("#id_title", "有了")
    save(editor)
    assert editor.locator(".errorlist").count() == 0
    assert editor.get_attribute("#id_title", "aria-invalid") is None


def test_a_save_that_is_refused_overwrites_nothing_and_leads_to_both_texts(editor, post):
    Post.objects.filter(pk=post.pk).update(body="別處的。", updated_at=timezone.now())
    write(editor, "<Control+End>", "這裡的")
    editor.keyboard.press("Control+s")
    editor.locator(".saving-both").wait_for()

    refused = Revision.objects.exclude(refused_page="").get()
    assert said(editor).startswith("This post was saved at ")
    assert refused.body == editor.input_value("#id_body") == post.body + "這裡的"
    assert Post.objects.get().body == "別處的。"
    assert len(kept(editor)) == 1
    assert editor.get_attribute(".saving-both", "href") == (
        f"/admin/posts/post/{post.pk}/versions/{refused.pk}/?with=now"
    )


@pytest.mark.exhaustive
def test_a_post_that_was_published_elsewhere_is_not_withdrawn_by_an_old_tab(editor, post):
    now = timezone.now().replace(microsecond=0)
    Post.objects.filter(pk=post.pk).update(published_at=now, updated_at=now)
    write(editor, "<Control+End>", "更多")
    editor.keyboard.press("Control+s")
    editor.locator(".saving-both").wait_for()

    assert Post.objects.get().published_at == now
    assert Revision.objects.exclude(refused_page="").get().body.endswith("更多")


@pytest.mark.exhaustive
def test_without_a_server_the_text_stays_and_saves_later(editor):
    write(editor, "<Control+End>", "離線")
    editor.context.set_offline(True)
    editor.keyboard.press("Control+s")
    editor.locator(".saving.is-bad").wait_for()

    assert said(editor) == (
        "Nothing was saved: the server does not answer. Your text is still here. This browser keeps a copy."
    )
    assert [copy["body"][-2:] for copy in kept(editor).values()] == ["離線"]
    editor.context.set_offline(False)
    save(editor)
    assert Post.objects.get().body.endswith("離線")


@pytest.mark.parametrize("typed", ["新的", "長" * 20_000])
def test_who_is_logged_out_keeps_his_text_and_saves_it_after_logging_in(editor, server, settings, typed):
    write(editor, "<Control+End>")
    editor.keyboard.insert_text(typed)
    Session.objects.all().delete()
    editor.keyboard.press("Control+s")
    editor.locator(".saving-login").wait_for()

    assert said(editor).startswith("Nothing was saved: you are logged out. Your text is still here.")
    assert editor.get_attribute(".saving-login", "href").startswith("/admin/login/?next=")
    assert len(kept(editor)) == 1
    log_in(server, editor.context, settings, name="again")
    editor.context.clear_cookies(name=settings.CSRF_COOKIE_NAME)  # a login makes a new one
    save(editor)
    assert Post.objects.get().body.endswith(typed)


def test_a_first_save_whose_answer_is_lost_makes_one_post(desk, server):
    desk.goto(f"{server.url}/admin/posts/post/add/")
    desk.fill("#id_title", "甲")
    write(desk, "一")
    lost = []

    def lose(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch(max_redirects=0))
            route.abort()
        else:
            route.continue_()

    desk.route("**/add/", lose)
    desk.keyboard.press("Control+s")
    desk.locator(".saving.is-bad").wait_for()
    write(desk, "二")
    save(desk)

    assert [row.body for row in Post.objects.all()] == ["一二"]
    assert desk.url == server.url + change(Post.objects.get())


def test_the_posts_of_an_issue_are_saved_in_place(desk, server):
    issue = make_issue(make_post("甲"), make_post("乙"))
    make_post("丙")
    desk.goto(server.url + change(issue))
    desk.evaluate("window.isStill = true")
    desk.check("[name=items-0-DELETE]")
    desk.locator("summary", has_text="Add a post").click()
    desk.get_by_label("丙").check()
    write(desk, "大家好", at="#id_introduction")
    save(desk)
    desk.locator("[data-title]", has_text="丙").wait_for()
    desk.get_by_role("button", name="Move “丙”").click()
    write(desk, "再見", at="#id_closing")
    save(desk)
    wait_for_expression(desk, "!document.querySelector('[data-items]').inert")

    issue.refresh_from_db()
    assert list(issue.items.values_list("post__title", flat=True)) == ["丙", "乙"]
    assert (issue.introduction, issue.closing) == ("大家好", "再見")
    assert desk.evaluate("window.isStill") is True


def test_an_issue_that_was_saved_elsewhere_is_opened_beside_and_offers_what_was_typed(desk, server):
    issue = make_issue(make_post("甲"), make_post("乙"))
    desk.goto(server.url + change(issue))
    issue.items.filter(post__title="甲").delete()
    Issue.objects.filter(pk=issue.pk).update(version=2)
    write(desk, "大家好", at="#id_introduction")
    desk.keyboard.press("Control+s")
    with desk.expect_popup() as opened:
        desk.click(".saving-both")
    other = opened.value
    other.click("[data-restore]")
    save(other)

    issue.refresh_from_db()
    assert other.locator("[data-title]").all_text_contents() == ["乙"]
    assert (issue.introduction, issue.items.count()) == ("大家好", 1)


def test_without_javascript_all_is_an_ordinary_form(desk, browser, server, post, settings):
    [cookie] = [one for one in desk.context.cookies() if one["name"] == settings.SESSION_COOKIE_NAME]
    profile = browser.new_context(java_script_enabled=False)
    profile.add_cookies([cookie])
    plain = profile.new_page()
    plain.goto(server.url + change(post))
    plain.fill("#id_title", "兩行\n的標題")
    plain.fill("#id_body", "沒有程式")
    plain.click("[name=_continue]")
    plain.wait_for_selector(".messagelist .success")
    profile.close()

    saved = Post.objects.get()
    assert (saved.title, saved.body) == ("兩行 的標題", "沒有程式")


def test_offer_errors_and_refusal_have_no_barrier_and_fit_a_small_phone(editor, post, server):
    write(editor, "<Control+Home>", "這裡的")
    until_kept(editor)
    editor.reload()
    editor.locator("[data-restore]").wait_for()
    assert_fits(editor)
    editor.click("[data-restore]")
    title = editor.input_value("#id_title")
    editor.fill("#id_title", "")
    editor.keyboard.press("Control+s")
    editor.locator("#id_title_error").wait_for()
    assert_fits(editor)
    editor.fill("#id_title", title)
    Post.objects.filter(pk=post.pk).update(body="x" * 200, summary="別處", updated_at=timezone.now())
    editor.keyboard.press("Control+s")
    editor.locator(".saving-both").wait_for()
    assert_fits(editor)
    editor.goto(server.url + editor.get_attribute(".saving-both", "href"))
    assert_fits(editor, parts=("html", "#container"))


def assert_fits(page, parts=("html", "#container", ".desk-bar")) -> None:
    assert_accessible_wide_and_narrow(page)
    widths = {part: page.evaluate("(part) => document.querySelector(part).scrollWidth", part) for part in parts}
    assert max(widths.values()) <= 320, widths


# --- Bold, italic, links ---
MARKED = [  # a key, a text, what of it is chosen, and what it becomes
    ("Control+b", "他說**傾聽**最難", 4, 6, "他說傾聽最難"),
    ("Control+b", "他說**傾聽**最難", 5, 5, "他說傾聽最難"),
    ("Control+b", "他說**傾聽**最難", 2, 8, "他說傾聽最難"),
    ("Control+b", "**一** 二 **三**", 6, 7, "**一** **二** **三**"),
    ("Control+b", "***兩者***", 3, 5, "*兩者*"),
    ("Control+i", "***兩者***", 3, 5, "**兩者**"),
    ("Control+i", "**粗**", 2, 3, "***粗***"),
    ("Control+b", "*斜*", 1, 2, "***斜***"),
    ("Control+b", "- 一\n- 二", 0, 7, "- **一**\n- **二**"),
    ("Control+b", "- **一**\n- **二**", 0, 15, "- 一\n- 二"),
    ("Control+b", "## 標題 ", 0, 6, "## **標題** "),
    ("Control+b", "一**二**三", 0, 7, "**一二三**"),
    ("Control+b", "5*3 和 4*2", 4, 5, "5*3 **和** 4*2"),
    ("Control+k", "看[這裡](https://example.org)吧", 3, 3, "看這裡吧"),
    ("Control+k", "https://example.org", 0, 19, "[https://example.org](https://example.org)"),
]


def test_a_mark_is_put_on_or_taken_away_where_it_stands(editor):
    wrong = {}
    for key, text, start, end, becomes in MARKED:
        editor.fill("#id_body", text)
        select(editor, start, end)
        if (marked := write(editor, f"<{key}>")) != becomes:
            wrong[key, text, start, end] = marked

    assert wrong == {}


@pytest.mark.exhaustive
def test_a_mark_is_one_step_to_undo(editor):
    editor.fill("#id_body", "")
    write(editor, "他說傾聽")
    select(editor, 2, 4)
    write(editor, "<Control+b>")

    assert write(editor, "<Control+z>") == "他說傾聽"


@pytest.mark.exhaustive
def test_words_that_are_being_composed_are_finished_before_they_are_marked(editor):
    editor.fill("#id_body", "一")
    editor.evaluate("""() => {
        const field = document.querySelector('#id_body');
        field.focus();
        field.setSelectionRange(1, 1);
        field.dispatchEvent(new CompositionEvent('compositionstart'));
        const key = {key: 'Process', code: 'KeyB', ctrlKey: true, isComposing: true, cancelable: true, bubbles: true};
        field.dispatchEvent(new KeyboardEvent('keydown', key));
    }""")
    during = editor.input_value("#id_body")
    ended = "new CompositionEvent('compositionend', {bubbles: true})"
    editor.evaluate(f"document.querySelector('#id_body').dispatchEvent({ended})")
    wait_for_expression(editor, "document.querySelector('#id_body').value === '一****'")

    assert during == "一"
