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
from tests.factories import make_publication

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
    assert Mailing.objects.get(issue=issue).html.count(f"{issue.number}/q") == 3


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
    readers, mailing = "/admin/subscribers/subscriber", Mailing.objects.get(issue__number=4)
    with time_machine.travel(NOW, tick=False):
        tasks.send_welcomes()
        replies, answered, quotes, health = (
            client.get(f"{readers}/{page}").text
            for page in ("sentences/replies/", "sentences/replies/?show=all", "sentences/quotes/", "health/")
        )
        result = client.get(reverse("admin:mailing_result_json", args=[mailing.pk])).json()

    assert "想請教一個問題" in replies
    assert "這期讀了兩次" not in replies  # it is answered
    assert "這期讀了兩次" in answered
    assert "小安，客服主管" in quotes
    assert "example.com" in health
    assert (result["arrived"], result["came_back"]) == (9, 1)
    assert result["numbers"]["replies"]["count"] == 1
    assert mailoutbox == []


def test_each_sent_issue_has_a_result_to_look_at():
    mailings = Mailing.objects.order_by("issue__number")
    rows = [(one.issue.number, one.state, one.counts().sent, one.counts().failed) for one in mailings]
    assert rows == [(1, "sent", 7, 0), (2, "sent", 8, 0), (3, "sent", 8, 1), (4, "sent", 10, 0), (5, "sent", 11, 0)]
    for mailing in mailings:
        assert mailing.counts().total == mailing.total
        assert mailing.planned_at == mailing.issue.sent_at
        assert sum(count for _label, count in mailing.issue.feedback.tally()) > 3


def test_the_home_and_the_history_of_the_sample_say_what_is_so(client):
    make_publication()
    User.objects.create_superuser("gipi", "gipi@example.org", "pw")
    with time_machine.travel(NOW, tick=False):
        client.force_login(User.objects.get())
        home = client.get("/admin/")
        history = client.get(reverse("admin:issues_issue_history", args=[Issue.objects.get(number=5).pk]))

    assert "手電筒、利息，與陌生的眼光" in home.context["last"]["title"]
    assert "Nothing has been sent yet" not in home.text
    assert "No issue was mailed from here yet" not in home.text
    assert list(home.context["left_out"]) == []
    assert [entry.text for entry in history.context["entries"]] == [
        "Closed: the issue is sent",
        "Sending began",
        "Scheduled",
    ]


def test_a_second_load_changes_nothing():
    Post.objects.filter(words="delegation").update(title="改過的題目")

    again = demo.load(NOW + BIWEEKLY)

    assert again is False
    assert Post.objects.filter(title="改過的題目").exists()
    assert (Post.objects.count(), Issue.objects.count(), Subscriber.objects.count()) == (19, 6, 14)
