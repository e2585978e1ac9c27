import re

import pytest

from tests.factories import PUBLISHED_AT, make_issue, make_post

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
        "/about/",
        "/issues/1/",
        f"/p/{post.pk}-leverage/",
        "/tags/ai/",
    ]
    assert "<lastmod>2026-10-01</lastmod>" in response.text
