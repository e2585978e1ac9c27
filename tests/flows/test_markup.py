"""Every page that a reader can be led to is HTML as the standard has it."""

import pytest
from django.conf import settings
from django.utils import timezone
from html5lib.html5parser import ParseError

from newsletter.posts.models import Image, Post, Series
from newsletter.posts.search.index import index_post
from subscribers.models import Subscriber
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication, make_subscriber
from tests.support.page_checks import assert_valid

pytestmark = pytest.mark.django_db
BODY = """前言*重點*，[連結](https://e.x/)與`code`。註[^1]

[[toc]]

## 第一節

> 引言。

- [x] 已完成
- [ ] 未完成

### 小節

| 欄 | 金額 |
|:--:|-----:|
| 值 | 300 |

![圖說](/media/0123456789abcdef/a.png "標題")

```python
def leverage(hours: float) -> float: ...
```

https://youtu.be/dQw4w9WgXcQ

[^1]: 註腳。
"""


def local(address):
    return address.removeprefix(settings.SITE_URL)


@pytest.fixture
def addresses():
    """Every kind of page, by what it is."""
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=1200, height=600)
    posts = [make_post(f"第 {n} 篇 <談管理> & “AI”", body=BODY, tags=("ai",), cover=cover) for n in range(22)]
    series = Series.objects.create(title="慢 <工作>", slug="slow-work", description="為什麼 & 怎麼做。")
    Post.objects.filter(pk=posts[3].pk).update(series=series, series_number=1)
    index_post(posts[0])
    make_issue(posts[3], sent_at=PUBLISHED_AT)
    issue = make_issue(*posts[:3], introduction="大家好。", closing="下次見。", sent_at=PUBLISHED_AT)
    draft = make_post("草稿", body=BODY, published_at=None, cover=cover)
    draft.open_preview(timezone.now())
    reader, newcomer = make_subscriber(), make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)
    return {
        "home": "/",
        "archive": "/issues/",
        "issue": issue.get_absolute_url(),
        "posts": "/posts/",
        "second page": "/posts/?page=2",
        "year": f"/issues/{PUBLISHED_AT.year}/",
        "printed year": f"/issues/{PUBLISHED_AT.year}/print/",
        "post": posts[3].get_absolute_url(),
        "tag": "/tags/ai/",
        "series": series.get_absolute_url(),
        "hits": "/search/?q=%E7%AE%A1%E7%90%86",
        "no hit": "/search/?q=%3Cb%3Enothing",
        "empty search": "/search/",
        "about": "/about/",
        "API": "/api/docs/",
        "start here": "/start-here/",
        "subscribe": "/subscribe/",
        "embed": "/embed/",
        "qr": "/qr/",
        "door": "/preferences/",
        "privacy": "/privacy/",
        "confirm": local(newcomer.confirm_url),
        "preferences": local(reader.preferences_url),
        "mine": local(reader.data_url(timezone.now())),
        "erase": local(reader.data_url(timezone.now())) + "erase/",
        "unsubscribe": local(reader.unsubscribe_url),
        "preview": f"/preview/{draft.preview_token}/",
        "no preview": "/preview/x/",
        "not found": "/nothing-here/",
    }


@pytest.mark.parametrize("language", ["zh-hant", "en"])
def test_every_page_is_valid(client, addresses, language):
    asked = {"asks_heard": True, "asks_name": True, "welcome_question": "最近一次說不，是什麼時候？"}
    make_publication(language=language, about="## 關於\n\n我是作者。", promise="想過兩遍的問題。", **asked)

    pages = {name: client.get(address) for name, address in addresses.items()}
    pages["confirmed"] = client.post(addresses["confirm"])

    gone = {name: page.status_code for name, page in pages.items() if page.status_code != 200}
    assert gone == {"no preview": 410, "not found": 404}
    texts = {name: page.getvalue().decode() for name, page in pages.items()}
    assert 'name="sentence"' in texts["confirmed"]
    assert "最近一次說不" in texts["confirmed"]
    for text in texts.values():
        assert_valid(text)
    # As html-validate asks.
    blank = {name: line for name, text in texts.items() for line in text.splitlines() if line != line.rstrip()}
    assert blank == {}


def test_pages_with_nothing_on_them_are_valid(client):
    make_publication(language="zh-hant")

    for path in ("/", "/issues/", "/posts/", "/search/?q=x", "/about/"):
        assert_valid(client.get(path).text)


@pytest.mark.parametrize(
    "broken",
    [
        "<p><div>x</div></p>",
        '<p id="a">x</p><p id="a">y</p>',
        "<h1>two</h1>",
        '<img src="/a.png">',
        '<input name="email">',
        "<h3>after h1</h3>",
        '<a href="#nowhere">x</a>',
    ],
)
def test_what_is_broken_is_found(broken):
    page = '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body><main><h1>x</h1>{}</main></body></html>'
    assert_valid(page.format("<p>whole</p>"))

    with pytest.raises((AssertionError, ParseError)):
        assert_valid(page.format(broken))
