import pytest

from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db


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
