import re
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.posts.models import Post
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db


def test_the_map_holds_what_readers_may_find_under_our_own_address(client):
    post = make_post(words="leverage", tags=("ai",))
    make_post(published_at=None, tags=("secret",))
    make_issue(post, number=1, sent_at=PUBLISHED_AT)
    make_issue(post, number=2)

    response = client.get("/sitemap.xml", headers={"Host": "127.0.0.1"})

    assert response.headers["Content-Type"] == "application/xml"
    assert re.findall(r"<loc>https://news\.example\.org([^<]*)</loc>", response.text) == [
        "/",
        "/issues/",
        "/posts/",
        "/start-here/",
        "/about/",
        "/subscribe/",
        "/issues/1/",
        f"/p/{post.pk}-leverage/",
        "/tags/ai/",
    ]
    assert "<lastmod>2026-10-01</lastmod>" in response.text


def changes(response):
    """Return when each address of a map changed, by its path."""
    found = re.findall(r"<loc>https://news\.example\.org([^<]*)</loc><lastmod>([^<]*)</lastmod>", response.text)
    return dict(found)


def test_posts_and_issues_say_when_their_page_changed(client):
    post = make_post(tags=("ai",))
    Post.objects.filter(pk=post.pk).update(updated_at=datetime(2026, 10, 5, tzinfo=UTC))
    issue = make_issue(post, number=1, sent_at=PUBLISHED_AT)
    issue.mark_corrected("錯字", datetime(2026, 10, 9, tzinfo=UTC))

    said = changes(client.get("/sitemap.xml"))

    assert said == {"/issues/1/": "2026-10-09", post.get_absolute_url(): "2026-10-05"}


def test_a_post_that_was_scheduled_changed_when_it_came_out(client):
    post = make_post(tags=("ai",))
    Post.objects.filter(pk=post.pk).update(updated_at=PUBLISHED_AT - timedelta(days=9))

    said = changes(client.get("/sitemap.xml"))

    assert said[post.get_absolute_url()] == "2026-10-01"


def test_assistants_find_the_posts_as_markdown_and_the_issues(client):
    make_publication(author="Gipi & Co", promise="每兩週一封信。")
    post = make_post("談 A&B", summary="一句。")
    make_post("草稿", published_at=None)
    make_issue(post, number=42, subject="秋天", preheader="這一期。", sent_at=PUBLISHED_AT)
    make_issue(post, number=43, subject="還沒寄")

    response = client.get("/llms.txt")

    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    text = response.content.decode()
    assert text.startswith("# Gipi電子報\n\n> 每兩週一封信。\n\nWritten by Gipi & Co.")
    assert f"- [談 A&B](https://news.example.org/p/{post.pk}.md): 一句。\n" in text
    assert "- [42. 秋天](https://news.example.org/issues/42/): 這一期。\n" in text
    assert "草稿" not in text
    assert "還沒寄" not in text
    assert "train" not in text


def test_assistants_are_told_that_training_is_not_wanted(client):
    make_publication(crawlers="no-training")

    assert "These texts may not be used to train models." in client.get("/llms.txt").content.decode()
