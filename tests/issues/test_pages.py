"""Every page of the site in a real browser: no barrier in either colour scheme, nothing wider than a small phone."""

import re

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from benchmarks.typography import KINDS, MEASURE
from newsletter.issues.models import StartingPoint
from newsletter.posts.models import Image
from newsletter.posts.search.index import index_post
from subscribers.models import Subscriber
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_accessible, assert_accessible_in_both_schemes

pytestmark = [pytest.mark.django_db, pytest.mark.browser]

SITE = "http://site.test"
BODY = """前言*重點*，[連結](https://e.x/)與`code`。

高速公路車流不多的時候，多一輛車，沒有人會感覺到；快要滿的時候，多一輛車，後面就回堵好幾公里。「路沒有變」，車速的差別卻很大，
團隊的時間也是一條路：2026 年的 roadmap 排到九成九，誰都等得比誰久。

老話說：“The bitterness of poor quality remains long after the sweetness of low price is forgotten.” 大家都知道，
we don’t listen，所以這件事值得再說一遍，請把它轉給一位朋友，或者請他訂閱我每兩週一封、談管理與產品的Gipi電子報。

這一段的第一行後面只有一個很長很長的英文字，沒有別的話可以補上去 internationalization，之後還有幾個字。

> 引言。

| 欄 | 欄 |
|---|---|
| 值 | 值 |

| 團隊的名字 | 第一季營收 | 第二季營收 | 第三季營收 | 第四季營收 | 全年營收 |
|---|---|---|---|---|---|
| 台北 | 1,200 | 1,300 | 1,400 | 1,500 | 5,400 |

```python
def leverage(output_of_the_whole_team: float, hours_of_the_manager: float) -> float: ...
```

https://e.x/a-very-long-address-that-does-not-fit-into-one-line-of-a-small-phone-at-all-anyway

註[^1]

[^1]: 註腳。
"""


ANSWERS = {}  # of each theme: made once, for no test changes them


@pytest.fixture
def pages(client, theme):
    """The answers to all the addresses that a browser will ask for: fetched before it runs."""
    if theme not in ANSWERS:
        ANSWERS[theme] = answers(client, theme)
    return ANSWERS[theme]


def answers(client, theme):
    asked = {"asks_heard": True, "asks_name": True, "welcome_question": "最近一次說不，是什麼時候？"}
    make_publication(language="zh-hant", about="## 關於\n\n我是作者。", accent="#ffcc00", theme=theme, **asked)
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=1200, height=600)
    posts = [make_post(f"第 {n} 篇文章，談管理", body=BODY, tags=("ai", "work"), cover=cover) for n in range(22)]
    index_post(posts[0])
    issue = make_issue(*posts[:3], introduction="大家好。", closing="下次見。", sent_at=PUBLISHED_AT)
    make_issue(posts[3], sent_at=PUBLISHED_AT)
    paths = ["/", "/issues/", issue.get_absolute_url(), "/posts/", posts[3].get_absolute_url(), "/tags/ai/"]
    paths += ["/search/?q=%E7%AE%A1%E7%90%86", "/search/?q=nothing", "/about/", "/nothing-here/"]
    paths += ["/issues/2026/", "/start-here/", "/subscribe/", "/preferences/", "/privacy/"]
    paths += ["/api/docs/"]
    StartingPoint.objects.create(post=posts[5], reason="先讀這篇。")
    newcomer = make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None, name="小明")
    confirm = newcomer.confirm_url.removeprefix(settings.SITE_URL)
    found = {path: client.get(path) for path in [*paths, confirm]}
    return found | {"/confirmed/": client.post(confirm)}


@pytest.fixture
def theme():
    return "letter"


@pytest.fixture
def visit(pages, page):
    def answer(route):
        path = route.request.url.removeprefix(SITE)
        if path.startswith("/static/"):
            return route.fulfill(path=finders.find(path.removeprefix("/static/")))
        if path.startswith(("/media/", "/icon", "/favicon", "/manifest")):
            return route.abort()  # a picture that does not load must not widen a page either
        found = pages[path]
        kept = {name: found.headers[name] for name in ("Content-Type", "Content-Security-Policy")}
        return route.fulfill(body=found.content, headers=kept)

    page.route("**/*", answer)
    return page


def test_the_pages_that_are_read_most_have_no_barrier_by_day(visit, pages):
    post, issue = (
        next(path for path in pages if re.fullmatch(form, path)) for form in ("/p/.*", "/issues/[0-9]{1,3}/")
    )
    for path in ("/", issue, post, "/search/?q=%E7%AE%A1%E7%90%86", "/subscribe/", "/confirmed/"):
        visit.goto(SITE + path)
        assert_accessible(visit)


@pytest.mark.exhaustive
def test_no_page_has_a_barrier(visit, pages):
    for path in pages:
        visit.goto(SITE + path)
        assert_accessible_in_both_schemes(visit)


SCROLL_SIDEWAYS = """[...document.querySelectorAll("main *")].filter(one =>
    /auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth + 1
).map(one => one.className)"""


@pytest.mark.exhaustive
def test_what_scrolls_sideways_on_a_phone_is_reached_by_keys(visit, pages):
    visit.set_viewport_size({"width": 360, "height": 740})
    post = next(path for path in pages if path.startswith("/p/"))
    issue = next(path for path in pages if re.fullmatch(r"/issues/[0-9]{1,3}/", path))

    for path in (post, issue, "/confirmed/"):
        visit.goto(SITE + path)
        assert_accessible_in_both_schemes(visit)
    visit.goto(SITE + post)
    table = visit.get_by_role("group", name="表格").last
    table.focus()
    visit.keyboard.press("ArrowRight")
    visit.wait_for_function("table => table.scrollLeft > 0", arg=table.element_handle())

    assert visit.evaluate(SCROLL_SIDEWAYS) == ["scrolls"]  # code breaks, and never scrolls


def test_no_page_is_wider_than_a_small_phone(visit, pages):
    visit.set_viewport_size({"width": 320, "height": 640})

    for path in pages:
        visit.goto(SITE + path)
        assert visit.evaluate("document.documentElement.scrollWidth") <= 320, path


ADD_SHEET = """css => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    document.adoptedStyleSheets = [sheet]
}"""  # as a reader's own browser does, whatever the page's policy says
SPACED = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
SPACED += " p { margin-bottom: 2em !important }"  # WCAG 2.2, 1.4.12
CLIPPED = """[...document.querySelectorAll("main *, header *, footer *")].filter(one => {
    const style = getComputedStyle(one), hides = /hidden|clip/.test(style.overflowX + style.overflowY)
    return hides && style.position !== "absolute" && one.textContent.trim()
        && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
}).map(one => one.className || one.tagName)"""
MOVING = """[...document.querySelectorAll("*")].filter(one => {
    const style = getComputedStyle(one)
    const times = [style.transitionDuration, style.animationDuration].join().split(",")
    return times.some(time => parseFloat(time) > .01)
        || style.scrollBehavior === "smooth"
}).map(one => one.className || one.tagName)"""


@pytest.mark.exhaustive
def test_no_text_is_lost_when_a_reader_spaces_it_out_and_nothing_moves_for_who_asked_for_that(visit, pages):
    visit.set_viewport_size({"width": 320, "height": 640})
    visit.emulate_media(reduced_motion="reduce")

    for path in pages:
        visit.goto(SITE + path)
        assert visit.evaluate(MOVING) == [], path
        visit.evaluate(ADD_SHEET, SPACED)
        assert visit.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert visit.evaluate(CLIPPED) == [], path


@pytest.mark.exhaustive
@pytest.mark.parametrize("theme", ["book", "plain"])
def test_no_theme_is_a_barrier_or_wider_than_a_small_phone(visit, pages, theme):
    visit.set_viewport_size({"width": 320, "height": 640})

    for path in ["/", "/issues/", next(path for path in pages if path.startswith("/p/")), "/subscribe/"]:
        visit.goto(SITE + path)
        assert_accessible_in_both_schemes(visit)
        assert visit.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_page_is_at_most_four_requests_without_its_pictures(visit, pages):
    asked = []
    visit.on("request", lambda request: asked.append(request.url.removeprefix(SITE)))

    visit.goto(SITE + next(path for path in pages if path.startswith("/p/")))

    text = [url for url in asked if not url.startswith(("/media/", "/icon", "/favicon", "/manifest"))]
    assert len(text) <= 4, text


PAPER = "getComputedStyle(document.body).backgroundColor"


def test_a_chosen_scheme_holds_on_the_next_page_and_before_its_first_paint(visit):
    visit.goto(SITE + "/")
    day = visit.evaluate(PAPER)
    switch = visit.locator("button.scheme")

    switch.press("Enter")  # from the system's to light
    assert visit.evaluate(PAPER) == day
    switch.press("Enter")
    night = visit.evaluate(PAPER)
    assert night != day
    assert switch.inner_text() == "配色：深色"

    visit.goto(SITE + "/about/", wait_until="commit")
    visit.wait_for_selector("main", state="attached")
    assert visit.evaluate(PAPER) == night
    assert visit.context.cookies() == []


def test_a_post_is_shared_by_the_phones_own_sheet_by_line_or_by_its_address(visit, pages):
    path = next(path for path in pages if path.startswith("/p/"))
    # A page of http: has no clipboard, and a browser without a window no sheet.
    visit.add_init_script(
        """const writeText = async (text) => { window.copied = text; };
        Object.defineProperty(navigator, "clipboard", {value: {writeText}});
        navigator.share = async ({url}) => { window.shared = url; };"""
    )
    visit.goto(SITE + path)
    copy, label = visit.locator("[data-copy]"), visit.locator("[data-copy]").text_content()

    visit.locator("[data-share]").press("Enter")
    copy.press("Enter")

    assert visit.evaluate("window.shared").endswith(path)
    assert visit.evaluate("window.copied").endswith(path)
    assert copy.text_content() == copy.get_attribute("data-copied") != label
    assert copy.get_attribute("aria-live") == "polite"
    assert visit.locator(".share").inner_text().split("\n")[1:] == ["分享", "LINE", "已複製"]


@pytest.mark.exhaustive
def test_a_printed_page_ends_with_what_was_written_not_with_the_foot(visit, pages):
    visit.emulate_media(media="print")
    for path in pages:
        visit.goto(SITE + path)

        assert visit.locator(".colophon").is_hidden()
        assert [form.is_visible() for form in visit.locator("form").all()].count(True) == 0, path
        assert visit.locator(".masthead .address").is_visible()


@pytest.mark.parametrize(("width", "edges"), [(375, {"start"}), (1280, {"start", "justify"})])
def test_a_page_has_no_torn_line_no_lone_character_no_wide_quote_and_no_split_name(visit, pages, width, edges):
    visit.set_viewport_size({"width": width, "height": 800})
    visit.goto(SITE + next(path for path in pages if path.startswith("/p/")))

    visit.wait_for_selector("button.scheme")  # site.js has run
    found = visit.evaluate(MEASURE, "Gipi電子報")

    assert found["lines"] > 10
    assert {kind: found[kind] for kind in KINDS} == {"loose": [], "lone": [], "spread": 0, "quotes": 0, "names": 0}
    aligned = "[...document.querySelectorAll('.prose > p')].map((one) => getComputedStyle(one).textAlign)"
    assert set(visit.evaluate(aligned)) == edges
