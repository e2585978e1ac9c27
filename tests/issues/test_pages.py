"""Every page of the site in a real browser: no barrier in either colour scheme, nothing wider than a small phone."""

import pytest
from django.contrib.staticfiles import finders

from newsletter.posts.models import Image
from newsletter.posts.search import index_post
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.pages import assert_accessible

pytestmark = [pytest.mark.django_db, pytest.mark.browser]

SITE = "http://site.test"
BODY = """前言*重點*，[連結](https://e.x/)與`code`。

> 引言。

| 欄 | 欄 |
|---|---|
| 值 | 值 |

```python
def leverage(output_of_the_whole_team: float, hours_of_the_manager: float) -> float: ...
```

https://e.x/a-very-long-address-that-does-not-fit-into-one-line-of-a-small-phone-at-all-anyway

註[^1]

[^1]: 註腳。
"""


@pytest.fixture
def pages(client):
    """The answers to all the addresses that a browser will ask for: fetched before it runs."""
    make_publication(language="zh-hant", about="## 關於\n\n我是作者。", accent="#ffcc00")
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=1200, height=600)
    posts = [make_post(f"第 {n} 篇文章，談管理", body=BODY, tags=("ai", "work"), cover=cover) for n in range(22)]
    index_post(posts[0])
    issue = make_issue(*posts[:3], introduction="大家好。", closing="下次見。", sent_at=PUBLISHED_AT)
    make_issue(posts[3], sent_at=PUBLISHED_AT)
    paths = ["/", "/issues/", issue.get_absolute_url(), "/posts/", posts[3].get_absolute_url(), "/tags/ai/"]
    paths += ["/search/?q=%E7%AE%A1%E7%90%86", "/search/?q=nothing", "/about/", "/nothing-here/"]
    return {path: client.get(path) for path in paths}


@pytest.fixture
def visit(pages, page, client):
    look = client.get("/look.css")

    def answer(route):
        path = route.request.url.removeprefix(SITE)
        if path.startswith("/static/"):
            return route.fulfill(path=finders.find(path.removeprefix("/static/")))
        if path.startswith(("/media/", "/icon", "/favicon", "/manifest")):
            return route.abort()  # a picture that does not load must not widen a page either
        found = look if path.startswith("/look.css") else pages[path]
        return route.fulfill(body=found.content, content_type=found.headers["Content-Type"])

    page.route("**/*", answer)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier(visit, pages, scheme):
    visit.emulate_media(color_scheme=scheme)

    for path in pages:
        visit.goto(SITE + path)
        assert_accessible(visit)


def test_no_page_is_wider_than_a_small_phone(visit, pages):
    visit.set_viewport_size({"width": 320, "height": 640})

    for path in pages:
        visit.goto(SITE + path)
        assert visit.evaluate("document.documentElement.scrollWidth") <= 320, path


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
UNSEEN_BUTTONS = """[...document.querySelectorAll("button, input:not([type=hidden])")].filter(one => {
    const style = getComputedStyle(one)
    return one.checkVisibility() && parseFloat(style.borderTopWidth) === 0 && style.appearance === "none"
}).map(one => one.className || one.name)"""


def test_no_text_is_lost_when_a_reader_spaces_it_out(visit, pages):
    visit.set_viewport_size({"width": 320, "height": 640})

    for path in pages:
        visit.goto(SITE + path)
        visit.add_style_tag(content=SPACED)
        assert visit.evaluate("document.documentElement.scrollWidth") <= 320, path
        assert visit.evaluate(CLIPPED) == [], path


def test_nothing_moves_for_readers_who_asked_for_that(visit, pages):
    visit.emulate_media(reduced_motion="reduce")

    for path in pages:
        visit.goto(SITE + path)
        assert visit.evaluate(MOVING) == [], path


def test_fields_and_buttons_have_edges_when_the_system_chooses_the_colours(visit, pages):
    visit.emulate_media(forced_colors="active")

    for path in pages:
        visit.goto(SITE + path)
        assert visit.evaluate(UNSEEN_BUTTONS) == [], path
