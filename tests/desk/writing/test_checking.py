"""The format check on what is typed: its answer to the script of the form."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.letter.losses import weight_of_text, weights_by_form
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import BODY_MAX, Post
from newsletter.posts.models.renderings import Rendering
from tests.factories import make_helper, make_post, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client) -> Client:
    make_publication()
    client.force_login(make_helper("writer"))
    return client


def check(desk: Client, body: str, **fields: str):
    return desk.post(reverse("admin:writing_check"), {"body": body, **fields})


def test_places_are_those_of_the_field_and_each_fix_is_there(desk):
    body = "😀 好。\r\n\r\n五分鐘,大家通常在找結論......"

    answer = check(desk, body).json()

    assert answer["count"] == 2
    units = body.replace("\r\n", "\n").encode("utf-16-le")
    rows = re.findall(r'data-start="(\d+)"\s+data-end="(\d+)"\s+data-text="(.*?)"', answer["html"])
    assert [units[int(start) * 2 : int(end) * 2].decode("utf-16-le") for start, end, _ in rows] == [",", "......"]
    assert [text for _, _, text in rows] == [",", "......"]
    assert re.findall(r'data-fix="(.*?)"', answer["html"]) == ["，", "……"]
    assert answer["html"].count("Line 3") == 2


def test_all_of_one_kind_or_of_every_kind_are_fixed_at_once(desk):
    body = "五分鐘,大家:都在。\n\n找結論......"

    assert check(desk, body, fix="punctuation").json() == {"body": "五分鐘，大家：都在。\n\n找結論......"}
    assert check(desk, body, fix="all").json() == {"body": "五分鐘，大家：都在。\n\n找結論……"}


def test_a_length_is_counted_alike_by_the_editor_today_and_the_public_page(desk):
    body = "三個 words and 2 more,\n\n```\ncode 碼\n```\n\n![圖](/media/a/b.png)"
    make_post(body=body, published_at=None, created_by=User.objects.get())
    public = make_post(body=body, published_at=timezone.now())

    [length, *_others] = check(desk, body).json()["facts"]

    assert length in desk.get("/admin/").context["drafts"][0].about
    assert length in desk.get(public.get_absolute_url()).text


def test_minutes_and_size_are_told_and_nothing_is_stored(desk):
    answer = check(desk, "# 好\n\n" + "一句話。" * 400).json()

    length, minutes, size = answer["facts"]
    assert (length, minutes) == ("1,201 characters", "3 min read")
    assert size.endswith("KB in the mail")
    assert check(desk, "  \n").json()["facts"] == []
    assert not Post.objects.exists()
    assert not Rendering.objects.exists()


def test_a_length_is_the_same_in_the_editor_on_the_first_page_and_in_public(client):
    make_publication()
    client.force_login(make_helper("editor"))
    body = "## 標題\n\n**一句話**[在這裡](https://example.org/a)。\n\n`碼`" + " word" * 3
    draft, post = make_post("草稿", body=body, published_at=None), make_post("槓桿", body=body)

    length = check(client, draft.body).json()["facts"][0]

    assert length == "8 characters"
    assert f" · {length}" in client.get(reverse("admin:index")).text
    assert f"({length})" in client.get(post.get_absolute_url()).text


def test_the_size_is_about_the_one_that_the_letter_has_in_the_end(desk):
    post = make_post("槓桿", body="## 標題\n\n" + "一句話，**很重要**。\n\n" * 100)

    exact = weights_by_form(Issue(subject="甲", number=1), [post])[post.pk][IssueItem.Form.FULL]

    assert weight_of_text(post.body) == pytest.approx(exact, abs=1_500)


def test_a_text_that_cannot_be_saved_is_not_checked(desk):
    response = check(desk, "一" * (BODY_MAX + 1))

    assert response.status_code == 413
    assert "too long" in response.json()["error"]


def test_who_may_not_write_posts_gets_nothing(client):
    make_publication()
    client.force_login(make_helper("reader-care"))

    assert check(client, "五分鐘,大家").status_code == 403
