import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.issues.years import bound, opening, with_openings
from newsletter.posts.models import Image
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.pages import assert_valid

pytestmark = pytest.mark.django_db


def test_a_volume_holds_the_issues_of_its_year_and_what_they_take():
    make_publication(han_per_minute=100)
    make_issue(number=1, sent_at=datetime(2024, 5, 1, tzinfo=UTC))
    make_issue(make_post(body="字" * 200), number=2, sent_at=datetime(2025, 5, 1, tzinfo=UTC))
    make_issue(
        make_post(body="字" * 300), make_post(body="字" * 100), number=3, sent_at=datetime(2025, 6, 1, tzinfo=UTC)
    )
    make_issue(number=4)

    volume = bound(2025, timezone.now())

    assert [issue.number for issue in volume.issues] == [2, 3]
    assert (volume.post_count, volume.minutes) == (3, 6)
    assert (volume.older_year, volume.newer_year) == (2024, None)
    assert bound(2023, timezone.now()) is None


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
    assert opening(introduction) == begins


def test_a_changed_introduction_begins_anew():
    issue = make_issue(introduction="從前。", sent_at=PUBLISHED_AT)
    with_openings([issue])
    issue.introduction = "現在。"
    issue.save()

    assert with_openings(Issue.objects.all())[0].opening == "現在。"


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
