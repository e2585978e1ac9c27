import json
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from newsletter.posts.models import Image
from tests.factories import PUBLISHED_AT, make_post, make_publication

pytestmark = pytest.mark.django_db
ATOM = {"": "http://www.w3.org/2005/Atom"}


def entries(response):
    return ElementTree.fromstring(response.content).findall("entry", ATOM)


def test_the_atom_feed_carries_the_full_text_with_absolute_addresses(client):
    make_publication(language="zh-hant", author="Gipi")
    post = make_post(
        body="前言。\n\n![圖](/media/0123456789abcdef/a.png)[站內](/about/)與[站外](https://e.x/)註[^1]\n\n[^1]: 註。",
        words="leverage",
        tags=("ai",),
    )

    response = client.get("/feed.xml")

    feed = ElementTree.fromstring(response.content)
    (entry,) = entries(response)
    assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert feed.findtext("title", namespaces=ATOM) == "Gipi電子報"
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "zh-Hant-TW"
    assert feed.findtext("author/name", namespaces=ATOM) == "Gipi"
    assert entry.findtext("title", namespaces=ATOM) == "管理槓桿"
    assert entry.find("link", ATOM).get("href") == f"https://news.example.org/p/{post.pk}-leverage/"
    assert entry.findtext("id", namespaces=ATOM) == f"https://news.example.org/p/{post.pk}/"
    assert entry.findtext("published", namespaces=ATOM) == "2026-10-01T00:00:00+00:00"
    assert entry.find("category", ATOM).get("term") == "ai"
    content = entry.find("content", ATOM)
    assert content.get("type") == "html"
    assert 'src="https://news.example.org/media/0123456789abcdef/a.png"' in content.text
    assert 'href="https://news.example.org/about/"' in content.text
    assert 'href="https://e.x/"' in content.text
    assert f'href="https://news.example.org/p/{post.pk}-leverage/#fn' in content.text


def test_the_json_feed_says_the_same(client):
    make_publication(language="zh-hant", author="Gipi")
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=8, height=4)
    post = make_post(body="**前言**。", tags=("ai",), cover=cover, summary="摘要。")

    response = client.get("/feed.json")

    feed = json.loads(response.content)
    assert response.headers["Content-Type"] == "application/feed+json; charset=utf-8"
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://news.example.org/feed.json"
    assert feed["language"] == "zh-Hant-TW"
    assert feed["authors"] == [{"name": "Gipi", "url": "https://news.example.org/about/"}]
    assert feed["icon"].startswith("https://news.example.org/icon-512.png?v=")
    assert feed["favicon"].startswith("https://news.example.org/icon-192.png?v=")
    (item,) = feed["items"]
    assert item["id"] == item["url"] == f"https://news.example.org/p/{post.pk}/"
    assert item["content_html"] == "<p><strong>前言</strong>。</p>"
    assert item["summary"] == "摘要。"
    assert item["date_published"] == "2026-10-01T00:00:00Z"
    assert item["image"] == "https://news.example.org/media/0123456789abcdef/a.png"
    assert item["tags"] == ["ai"]


@pytest.mark.parametrize(
    "film",
    ["https://youtu.be/dQw4w9WgXcQ", '<div><iframe src="https://player.vimeo.com/video/123456789"></iframe></div>'],
)
def test_a_film_has_no_frame_in_a_feed(client, film):
    make_post(body=f"看這段。\n\n{film}\n\n看完了。")

    (entry,) = entries(client.get("/feed.xml"))
    (item,) = json.loads(client.get("/feed.json").content)["items"]

    for content in (entry.findtext("content", namespaces=ATOM), item["content_html"]):
        assert "看這段。" in content
        assert "看完了。" in content
        assert "iframe" not in content
        assert "<details" not in content
        assert ('href="https://www.youtube.com/watch?v=dQw4w9WgXcQ"' in content) == film.startswith("https")


@pytest.fixture
def cover():
    return Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=8, height=4)


def test_a_cover_is_a_file_that_belongs_to_its_entry(client, cover):
    make_post(cover=cover)

    (entry,) = entries(client.get("/feed.xml"))
    (item,) = json.loads(client.get("/feed.json").content)["items"]

    (enclosure,) = [link for link in entry.findall("link", ATOM) if link.get("rel") == "enclosure"]
    address = "https://news.example.org/media/0123456789abcdef/a.png"
    assert (enclosure.get("href"), enclosure.get("type"), enclosure.get("length")) == (address, "image/png", "0")
    assert item["image"] == address


def test_a_feed_holds_the_twenty_newest(client):
    for number in range(21):
        make_post(f"第{number}篇", published_at=PUBLISHED_AT + timedelta(hours=number))

    titles = [entry.findtext("title", namespaces=ATOM) for entry in entries(client.get("/feed.xml"))]

    assert (len(titles), titles[0], titles[-1]) == (20, "第20篇", "第1篇")


def test_a_tag_has_a_feed_of_its_own(client):
    make_post("有標籤", tags=("ai",))
    make_post("沒有標籤")

    response = client.get("/tags/ai/feed.xml")

    assert [entry.findtext("title", namespaces=ATOM) for entry in entries(response)] == ["有標籤"]
    assert ElementTree.fromstring(response.content).findtext("title", namespaces=ATOM) == "ai · Gipi電子報"
    assert client.get("/tags/unknown/feed.xml").status_code == 404


def test_one_illegal_character_does_not_break_the_feed(client):
    make_post("壞\x0b字", body="前\x08後\ufffe。")

    (entry,) = entries(client.get("/feed.xml"))

    assert entry.findtext("title", namespaces=ATOM) == "壞字"


def test_a_feed_may_be_kept_for_five_minutes_and_is_not_sent_again_unchanged(client):
    make_post()
    first = client.get("/feed.xml")

    again = client.get("/feed.xml", headers={"If-None-Match": first.headers["ETag"]})

    assert "max-age=300" in first.headers["Cache-Control"]
    assert again.status_code == 304
