from datetime import UTC, datetime

import pytest
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.issues.years import bound, opening, with_openings
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

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


def test_the_line_that_the_author_wrote_for_inboxes_comes_first():
    own = make_issue(preheader="自己寫的一句。", introduction="大家好。", sent_at=PUBLISHED_AT)
    read = make_issue(introduction="大家好。", sent_at=PUBLISHED_AT)

    assert [issue.opening for issue in with_openings([own, read])] == ["自己寫的一句。", "大家好。"]


def test_a_changed_introduction_begins_anew():
    issue = make_issue(introduction="從前。", sent_at=PUBLISHED_AT)
    with_openings([issue])
    issue.introduction = "現在。"
    issue.save()

    assert with_openings(Issue.objects.all())[0].opening == "現在。"
