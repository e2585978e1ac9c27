import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from newsletter.issues.annotations import attach_contents, attach_reading_minutes, first_sentences, year_volume
from newsletter.issues.models import Issue
from newsletter.posts.models import Image
from newsletter.publication.models import Publication
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.page_checks import assert_valid

pytestmark = pytest.mark.django_db


def test_a_volume_holds_the_issues_of_its_year_and_what_they_take():
    make_publication(han_per_minute=100)
    make_issue(number=1, sent_at=datetime(2024, 5, 1, tzinfo=UTC))
    make_issue(make_post(body="字" * 200), number=2, sent_at=datetime(2025, 5, 1, tzinfo=UTC))
    make_issue(
        make_post(body="字" * 300), make_post(body="字" * 100), number=3, sent_at=datetime(2025, 6, 1, tzinfo=UTC)
    )
    make_issue(number=4)

    volume = year_volume(2025, timezone.now())

    assert [issue.number for issue in volume.issues] == [2, 3]
    assert (volume.post_count, volume.minutes) == (3, 6)
    assert (volume.older_year, volume.newer_year) == (2024, None)
    assert year_volume(2023, timezone.now()) is None


@pytest.mark.parametrize(
    ("introduction", "begins"),
    [
        ("大家好。這一期談**槓桿**。\n\n第二段。", "大家好。這一期談槓桿。"),
        ("# 標題\n\n內文。", ""),
        ("", ""),
        ("- 只有\n- 清單", ""),
        ("見[這裡](https://e.x/)。", "見這裡。"),
    ],
)
def test_an_issue_begins_with_the_first_sentences_of_its_introduction(introduction, begins):
    assert first_sentences(introduction) == begins


def cover_named(letter, **fields):
    row = {"digest": letter * 16, "name": "a.png", "alt": "圖", "width": 1280, "height": 640}
    return Image.objects.create(**(row | fields))


def test_the_archive_shows_the_first_cover_and_one_sentence_of_each_issue(client):
    first, second = cover_named("a", sizes={"webp": [640, 1280]}), cover_named("b")
    posts = make_post("無圖"), make_post("有圖", cover=first), make_post("也有", cover=second)
    issue = make_issue(*posts, number=2, sent_at=PUBLISHED_AT)
    issue.introduction = "第一句。第二句。"
    issue.save()
    make_issue(number=1, preheader="給收件匣的一行", sent_at=PUBLISHED_AT)

    page = client.get("/issues/")

    assert_valid(page.text)
    assert re.findall(r'<img class="thumb"\s+src="([^"]*)"', page.text) == [f"/media/{'a' * 16}/a-640.webp"]
    assert re.findall(r'<p class="issues-posts">(.*)</p>', page.text) == ["第一句。", "給收件匣的一行"]


def listed():
    return attach_reading_minutes(Issue.objects.archived().for_listing(PUBLISHED_AT))


def test_an_issue_takes_as_long_as_all_its_posts():
    make_publication(han_per_minute=100, words_per_minute=50)
    make_issue(make_post(body="字" * 250), make_post(body="word " * 100), sent_at=PUBLISHED_AT)

    [issue] = listed()

    assert issue.reading_minutes == 5  # 2.5 and 2, rounded


def test_a_post_that_readers_do_not_see_takes_no_time():
    make_publication(han_per_minute=100)
    make_issue(make_post(body="字" * 300), make_post(body="字" * 900, published_at=None), sent_at=PUBLISHED_AT)

    assert [issue.reading_minutes for issue in listed()] == [3]


def test_a_list_shows_only_what_readers_see_by_three_queries(django_assert_num_queries):
    publication = make_publication(han_per_minute=100)
    second, first = make_post("後", words="after", body="字" * 300), make_post("先", body="字" * 200)
    issue = make_issue(first, second, make_post("藏", published_at=None), sent_at=PUBLISHED_AT)
    make_issue(sent_at=PUBLISHED_AT)
    attach_contents([issue], PUBLISHED_AT)  # the texts are rendered once

    with Publication.objects.used(publication), django_assert_num_queries(3):  # issues, their items, the texts
        empty, full = attach_contents(Issue.objects.archived(), PUBLISHED_AT)

    assert full.contents == [(first.get_absolute_url(), "先"), (second.get_absolute_url(), "後")]
    assert (full.post_count, full.reading_minutes) == (2, 5)
    assert (empty.contents, empty.post_count) == ([], 0)
