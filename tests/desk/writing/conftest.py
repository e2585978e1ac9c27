"""The form of a post in a browser."""

from datetime import timedelta

import pytest
from django.urls import reverse

from newsletter.posts.models import Post
from tests.factories import make_post

BODY = "## 開頭\n\n五分鐘,大家通常在找:結論。\n\n## 結尾\n\n找到了......"


@pytest.fixture
def post(desk, monkeypatch) -> Post:
    """A draft whose form does not save itself."""
    monkeypatch.setattr("newsletter.posts.admin.AUTOSAVE_DELAY", timedelta())
    return make_post("槓桿", body=BODY, published_at=None)


@pytest.fixture
def editor(desk, server, post):
    desk.goto(server.url + reverse("admin:posts_post_change", args=[post.pk]))
    return desk
