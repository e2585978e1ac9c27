"""The door at the end of an issue: what its reader thought of it."""

import re

import pytest

from newsletter.delivery.letter import rendering
from newsletter.delivery.models.replies import Feedback
from newsletter.delivery.readers import views
from subscribers.models import Sentence, Subscriber
from tests.factories import PUBLISHED_AT as NOW
from tests.factories import make_issue, make_post
from tests.support.page_checks import uncached_queries


@pytest.fixture
def reader(make_mailing):
    make_mailing("a")
    return Subscriber.objects.get(email="a@example.org")


def door_of(reader):
    return rendering.reader_values(reader)["feedback_url"].removeprefix("https://news.example.org")


def answers():
    return list(Feedback.objects.values_list("subscriber__email", "issue__number", "answer"))


def test_the_links_in_a_mail_open_the_door(client, reader):
    mailing = reader.deliveries.get().mailing
    text = rendering.build_copy(mailing, reader, ids=(1,)).body

    links = re.findall(r"https://news\.example\.org(/feedback/\S+)", text)

    assert len(links) == 2
    assert all(client.get(link).status_code == 200 for link in links)


def test_a_scanner_that_follows_the_link_answers_nothing(client, reader):
    response = client.get(f"{door_of(reader)}?issue=7&answer=helpful")
    client.head(f"{door_of(reader)}?issue=7&answer=helpful")

    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert answers() == []


def test_the_door_asks_the_database_as_often_for_many_issues_and_answers_as_for_one(client, reader):
    path = f"{door_of(reader)}?issue=7&answer=helpful"
    few = uncached_queries(client, path)
    for number in range(20, 40):
        issue = make_issue(make_post(), number=number)
        issue.feedback.give(reader, issue, "fair", NOW)
    many = uncached_queries(client, path)

    assert len(few) == len(many) <= 5, "\n".join(many)


def test_the_last_answer_stands_and_counts_once(client, reader):
    for answer in ("helpful", "helpful", "fair"):
        client.post(door_of(reader), {"issue": "7", "answer": answer})

    assert answers() == [("a@example.org", 7, "fair")]
    assert [count for _label, count in Feedback.objects.tally()] == [0, 1]


@pytest.mark.parametrize("number", [2026112901, 2147483647])
def test_the_links_of_an_issue_with_a_long_number_open_the_door(client, issue, make_mailing, number):
    issue.number = number
    issue.save()
    mailing = make_mailing("a")
    reader = Subscriber.objects.get()
    text = rendering.build_copy(mailing, reader, ids=(1,)).body

    [good, bad] = re.findall(r"https://news\.example\.org(/feedback/\S+)", text)
    assert str(number) in good
    assert [client.get(link).status_code for link in (good, bad)] == [200, 200]

    client.post(good, {"answer": "helpful"})
    client.post(door_of(reader), {"issue": str(number), "answer": "helpful"})
    assert answers() == [("a@example.org", number, "helpful")]


@pytest.mark.parametrize("number", ["", "x", "8", "2147483648", "9999999999", "9" * 30])
def test_an_issue_that_the_reader_never_got_cannot_be_answered(client, reader, number):
    make_issue(make_post(), number=8)

    response = client.post(door_of(reader), {"issue": number, "answer": "helpful"})

    assert response.status_code == 404
    assert answers() == []


def test_the_answer_of_an_erased_reader_is_still_counted(client, reader):
    client.post(door_of(reader), {"issue": "7", "answer": "helpful"})

    reader.erase()

    assert answers() == [(None, 7, "helpful")]


# --- A sentence with it ---


def test_after_the_answer_a_sentence_may_follow_and_keeps_the_answer(client, reader):
    page = client.post(door_of(reader), {"issue": "7", "answer": "helpful"}).text
    thanked = client.post(door_of(reader), {"issue": "7", "answer": "helpful", "sentence": "第三段最好。"}).text

    assert 'name="sentence"' in page
    assert "第三段最好。" not in page
    assert 'name="sentence"' not in thanked
    assert answers() == [("a@example.org", 7, "helpful")]
    assert list(Sentence.objects.values_list("kind", "issue", "text")) == [("feedback", 7, "第三段最好。")]


def test_whoever_answers_on_and_on_is_stopped(client, reader, monkeypatch):
    monkeypatch.setattr(views, "ANSWERS_PER_DAY", 3)

    codes = [client.post(door_of(reader), {"issue": "7", "answer": "helpful"}).status_code for _ in range(5)]

    assert codes == [200] * 3 + [429] * 2
