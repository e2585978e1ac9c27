"""Patterns: a post is kept as one, new posts begin with one, and neither changes the other afterwards."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from newsletter.posts.models import Pattern, Post
from tests.factories import make_helper, make_post
from tests.support.page_checks import form_data

ADD, LIST = "/admin/posts/post/add/", "/admin/posts/post/"

pytestmark = pytest.mark.usefixtures("english")


def form(author: Client, address: str) -> dict[str, str]:
    return form_data(author.get(address).text, "post_form")


def test_a_post_is_kept_with_what_stands_in_the_form_and_a_new_one_begins_with_it(author):
    post = make_post("每週選讀", body="## 一", summary="本週", tags=("選讀",), published_at=None)
    address = reverse("admin:posts_post_change", args=[post.pk])

    response = author.post(address, form(author, address) | {"body": "## 一\n\n## 二", "_pattern": "1"})
    pattern = Pattern.objects.get()
    assert response.url == address
    assert "Kept as the pattern" in str(next(iter(get_messages(response.wsgi_request))))
    assert Post.objects.get().body == "## 一\n\n## 二"
    begun = form(author, f"{ADD}?pattern={pattern.pk}")
    names = ("title", "body", "summary", "tag_names", "published_at")
    assert [begun.get(name, "").replace("\r\n", "\n") for name in names] == [
        "每週選讀",
        "## 一\n\n## 二",
        "本週",
        "選讀",
        "",
    ]


def test_a_pattern_of_the_same_title_gets_the_new_text(author):
    Pattern.objects.create(title="每週選讀", body="舊")

    author.post(ADD, {"title": "每週選讀", "body": "新", "_pattern": "1"})

    assert [(one.title, one.body) for one in Pattern.objects.all()] == [("每週選讀", "新")]


def test_a_text_that_saves_itself_becomes_no_pattern(author):
    sent = {"title": "題", "body": "文", "_auto": "1", "_pattern": "1"}

    author.post(ADD, sent, headers={"Accept": "application/json"})

    assert (Post.objects.count(), Pattern.objects.count()) == (1, 0)


def test_a_helper_who_writes_keeps_and_changes_patterns(author):
    author.force_login(make_helper("writer"))
    author.post(ADD, {"title": "我的", "body": "文", "_pattern": "1"})
    address = reverse("admin:posts_pattern_change", args=[Pattern.objects.get().pk])

    author.post(address, {"title": "我的", "body": "改過", "summary": "", "tag_names": ""})
    assert Pattern.objects.get().body == "改過"
    author.post(address.replace("change", "delete"), {"post": "yes"})
    assert not Pattern.objects.exists()
    assert Post.objects.get().body == "文"
