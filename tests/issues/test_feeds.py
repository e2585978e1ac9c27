import json
import re
from datetime import timedelta
from html import unescape
from xml.etree import ElementTree

import pytest

from newsletter.issues.models import IssueItem
from newsletter.posts.models import Image
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
ATOM = {"": "http://www.w3.org/2005/Atom"}


@pytest.fixture(autouse=True)
def _publication():
    make_publication(language="zh-hant", signature="**Gipi** 敬上")


def atom(client):
    return ElementTree.fromstring(client.get("/issues/feed.xml").content).findall("entry", ATOM)


def items(client):
    return json.loads(client.get("/issues/feed.json").content)["items"]


def words(html):
    return "".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def test_a_feed_has_the_whole_issue_in_the_order_of_its_page(client):
    first, second = (
        make_post("談提問", body="先問**為什麼**。[^1]\n\n[^1]: 註。"),
        make_post("談授權", body="授權不是放手。"),
    )
    issue = make_issue(first, second, number=42, subject="秋天", introduction="大家好。", closing="下期見。")
    issue.mark_sent(PUBLISHED_AT)

    (entry,), (item,) = atom(client), items(client)

    content = entry.findtext("content", namespaces=ATOM)
    assert entry.findtext("title", namespaces=ATOM) == item["title"] == "第 42 期｜秋天"
    assert entry.findtext("id", namespaces=ATOM) == item["id"] == "https://news.example.org/issues/42/"
    assert item["content_html"] == content
    parts = ["大家好。", "談提問", "先問為什麼。", "談授權", "授權不是放手。", "下期見。", "Gipi敬上"]
    places = [words(content).index(part) for part in parts]
    assert places == sorted(places)
    assert f'href="https://news.example.org/issues/42/#p{first.pk}-fn' in content


def test_readers_of_feeds_get_the_words_of_the_page(client):
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=8, height=4)
    whole = make_post("全文", body="一。\n\n> 引言\n\n- 二\n- 三", cover=cover)
    cut, link = make_post("摘要", summary="摘要一句。"), make_post("連結", summary="首句。次句。")
    issue = make_issue(whole, number=7, introduction="前言。", closing="結尾。", sent_at=PUBLISHED_AT)
    for position, (post, form) in enumerate([(cut, "excerpt"), (link, "link")], 1):
        IssueItem.objects.create(issue=issue, post=post, position=position, form=form)
    issue.mark_corrected("錯在第一句。", PUBLISHED_AT)

    page = client.get("/issues/7/").text
    article = re.search(r"<article>.*</article>", page, re.DOTALL)[0]
    furniture = r'<header.*?</header>|<nav.*?</nav>|<span class="unseen">.*?</span>|<div class="addresses">.*?</div>'
    furniture += r'|<p class="byline">.*?</p>'
    article = re.sub(furniture, "", article, flags=re.DOTALL)

    (entry,) = atom(client)
    assert words(entry.findtext("content", namespaces=ATOM)) == words(article)
    assert 'src="https://news.example.org/media/0123456789abcdef/a.png"' in entry.findtext("content", namespaces=ATOM)


def test_a_post_that_was_withdrawn_is_in_no_feed(client):
    post = make_post("收回", published_at=None)
    make_issue(post, number=1, introduction="前言。", sent_at=PUBLISHED_AT)

    (entry,) = atom(client)

    assert "收回" not in entry.findtext("content", namespaces=ATOM)


def test_a_correction_is_news_to_feed_readers(client):
    issue = make_issue(number=3, sent_at=PUBLISHED_AT, introduction="前言。")
    issue.mark_corrected("數字錯了。", PUBLISHED_AT + timedelta(days=9000))

    (entry,), (item,) = atom(client), items(client)

    assert entry.findtext("updated", namespaces=ATOM) == "2051-05-23T00:00:00+00:00"
    assert item["date_modified"] == "2051-05-23T00:00:00Z"
    assert item["date_published"] == "2026-10-01T00:00:00Z"


def test_the_summary_is_the_line_for_inboxes_or_how_the_issue_begins(client):
    make_issue(number=1, preheader="給收件匣的一行。", introduction="前言。", sent_at=PUBLISHED_AT)
    make_issue(number=2, introduction="開頭第一句。\n\n第二段。", sent_at=PUBLISHED_AT)

    assert [item["summary"] for item in items(client)] == ["開頭第一句。", "給收件匣的一行。"]
