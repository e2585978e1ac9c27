"""What stands in the sample publication; how it is loaded is in test_demo."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery import tasks
from newsletter.delivery.models import Mailing
from newsletter.desk import demo
from newsletter.issues.models import Issue, StartingPoint
from newsletter.posts.models import Post, Series, Tag
from subscribers.mails import sending
from subscribers.models import Subscriber

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # a Tuesday, 16:00 in Taipei; the last slot was that morning
BIWEEKLY = timedelta(days=14)
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def _sample(shared_rows, pictures_made_once):
    """Load it once for all tests here."""
    with shared_rows(lambda: demo.load(NOW)):
        yield


def test_there_is_something_on_every_page():
    assert Post.objects.published(NOW).count() == 18
    assert Post.objects.drafts().count() == 1
    assert list(Issue.objects.archived().values_list("number", flat=True)) == [5, 4, 3, 2, 1]
    assert list(Issue.objects.unsent().values_list("number", flat=True)) == [6]
    assert sorted(Tag.objects.in_use(NOW).values_list("slug", flat=True)) == [
        "ai",
        "decisions",
        "learning",
        "management",
        "product",
        "team",
        "writing",
    ]


def test_it_has_a_series_and_an_open_question_with_its_answers():
    [series] = Series.objects.in_use(NOW)
    [issue] = Issue.objects.exclude(question="")

    assert list(series.posts.values_list("words", "series_number").order_by("series_number")) == [
        ("delegation", 1),
        ("warm-feedback", 2),
        ("first-month", 3),
    ]
    assert issue.takes_votes(NOW)
    assert all(one.times for one in issue.tally())


def test_pictures_and_links_in_the_texts_lead_somewhere(client):
    bodies = "".join(Post.objects.values_list("body", flat=True))
    links, pictures = re.findall(r"\]\((/p/\S+?)\)", bodies), re.findall(r"!\[[^\]]+\]\((/media/\S+)", bodies)
    assert len(links) >= 7
    assert len(pictures) == 4
    assert "/post/" not in bodies
    assert "../pictures" not in bodies
    for address in {*links, *pictures}:
        response = client.get(address)
        response.getvalue()  # closes the file
        assert response.status_code == 200, address


def test_nobody_of_the_sample_waits_for_a_confirmation_or_a_welcome():
    assert not sending.SignUpMailQueue().due_rows(NOW + timedelta(days=1)).exists()
    assert not Subscriber.objects.filter(confirmed_at__isnull=False, welcomed_at__isnull=True).exists()


def test_whoever_is_new_is_told_where_to_start(client):
    points = list(StartingPoint.objects.public(timezone.now()))

    page = client.get("/start-here/")

    assert len(points) >= 3
    assert all(str(point.post) in page.text and point.reason in page.text for point in points)


def test_what_readers_answered_stands_on_the_desk_and_nothing_of_it_is_mailed(client, mailoutbox):
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    readers = "/admin/subscribers/subscriber"
    with time_machine.travel(NOW, tick=False):
        tasks.send_welcomes()
        replies, answered, quotes = (
            client.get(f"{readers}/{page}").text
            for page in ("sentences/replies/", "sentences/replies/?show=all", "sentences/quotes/")
        )

    assert "想請教一個問題" in replies
    assert "這期讀了兩次" not in replies  # it is answered
    assert "這期讀了兩次" in answered
    assert "小安，客服主管" in quotes
    assert mailoutbox == []


def test_its_past_issues_are_archived_and_claim_to_have_reached_nobody(client):
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    issue = Issue.objects.get(number=5)
    with time_machine.travel(NOW, tick=False):
        client.force_login(User.objects.get())
        home = client.get("/admin/")
        page = client.get(reverse("admin:issues_issue_change", args=[issue.pk]))

    assert not Mailing.objects.exists()
    assert home.context["last"] is None
    assert list(home.context["left_out"]) == []
    assert page.context["original"].imported_at == NOW


def test_a_second_load_changes_nothing():
    Post.objects.filter(words="delegation").update(title="改過的題目")

    again = demo.load(NOW + BIWEEKLY)

    assert again is False
    assert Post.objects.filter(title="改過的題目").exists()
    assert (Post.objects.count(), Issue.objects.count(), Subscriber.objects.count()) == (19, 6, 14)
