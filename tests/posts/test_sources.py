from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter.moving.converters.markdown.front_matter import parse
from newsletter.posts.models import Image
from tests.factories import make_post, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _publication():
    make_publication(language="zh-hant", author="Gipi")


def source_of(client, post):
    return parse(client.get(f"/p/{post.pk}.md").content.decode())


def test_a_post_is_there_as_markdown_with_what_is_known_of_it_in_front(client):
    cover = Image.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=8, height=4)
    post = make_post(
        "談提問：為什麼",
        body="先問**為什麼**。\n\n- 一\n- 二",
        tags=("ai",),
        words="asking",
        cover=cover,
        summary="摘要。",
    )

    response = client.get(f"/p/{post.pk}.md")
    front, body = source_of(client, post)

    assert response.headers["Content-Type"].startswith("text/markdown; charset=utf-8")
    assert body == "\n先問**為什麼**。\n\n- 一\n- 二\n"
    assert front["title"] == "談提問：為什麼"
    assert front["author"] == "Gipi"
    assert front["date"] == "2026-10-01T08:00:00+08:00"
    assert front["url"] == f"https://news.example.org/p/{post.pk}-asking/"
    assert front["description"] == "摘要。"
    assert front["tags"] == ["ai"]
    assert front["cover"] == "https://news.example.org/media/0123456789abcdef/a.png"


def test_search_engines_are_led_to_the_page(client):
    post = make_post(words="asking")

    response = client.get(f"/p/{post.pk}.md")

    assert response.headers["Link"] == f'<https://news.example.org/p/{post.pk}-asking/>; rel="canonical"'
    assert response.headers["X-Robots-Tag"] == "noindex"
    assert f'type="text/markdown" href="/p/{post.pk}.md"' in " ".join(client.get(post.get_absolute_url()).text.split())


def test_a_draft_and_a_post_of_tomorrow_are_not_there(client):
    draft = make_post(published_at=None)
    tomorrow = make_post(published_at=timezone.now() + timedelta(days=1))

    for number in (draft.pk, tomorrow.pk, 10**17):
        assert client.get(f"/p/{number}.md").status_code == 404


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("前。\n\n<!-- 別讓老闆看到 -->\n\n後。", "前。\n\n\n\n後。"),
        ("前。<!--\n別讓\n老闆\n看到\n-->後。", "前。後。"),
        ("前。\n\n[//]: # (別讓老闆看到)\n後。", "前。\n\n後。"),
        ("前。\n\n[comment]: <> (別讓老闆看到)", "前。"),
    ],
)
def test_what_the_author_hides_in_comments_stays_hidden(client, body, shown):
    _front, text = source_of(client, make_post(body=body))

    assert "老闆" not in text
    assert text.strip() == shown
