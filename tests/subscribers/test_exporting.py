import csv

import pytest

from subscribers import exporting
from subscribers.exporting import csv_lines
from subscribers.models import Sentence, Subscriber, Suppression
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW


def exported() -> list[dict[str, str]]:
    return list(csv.DictReader(csv_lines(Subscriber.objects.all())))


def test_a_reader_is_one_row():
    make_subscriber("reader@example.org", name="小明", tags="a,b", confirmed_at=NOW)

    assert exported() == [
        {
            "email": "reader@example.org",
            "name": "小明",
            "state": "active",
            "consent_at": "2026-11-24T08:00:00+00:00",
            "tags": "a,b",
            "paused_until": "",
            "heard": "",
        }
    ]


def test_a_pause_keeps_its_end():
    make_subscriber(state="paused", paused_until=NOW)

    assert exported()[0]["paused_until"] == "2026-11-24T08:00:00+00:00"


def test_how_a_reader_heard_of_it_is_one_line_and_the_last_one():
    one, other = make_subscriber(), make_subscriber()
    Sentence.objects.store(one, Sentence.Kind.HEARD, "朋友說的", NOW)
    Sentence.objects.update(answered_at=NOW)
    Sentence.objects.store(one, Sentence.Kind.HEARD, "=SUM(A1)\n演講", NOW)
    Sentence.objects.store(other, Sentence.Kind.LEFT, "太多了", NOW)

    assert [row["heard"] for row in exported()] == ["'=SUM(A1) 演講", ""]


def test_an_address_that_must_not_be_mailed_says_why():
    make_subscriber().suppress(Suppression.Reason.COMPLAINED)

    assert exported()[0]["state"] == "complained"


def test_a_spreadsheet_computes_nothing():
    make_subscriber("+x@example.org", name='=HYPERLINK("https://evil.example")', tags="@SUM(A1)")

    row = exported()[0]

    assert row["email"] == "'+x@example.org"
    assert row["name"] == '\'=HYPERLINK("https://evil.example")'
    assert row["tags"] == "'@SUM(A1)"


def test_lines_end_as_the_format_says():
    make_subscriber()

    assert all(line.endswith("\r\n") for line in csv_lines(Subscriber.objects.all()))  # RFC 4180 section 2


@pytest.mark.parametrize(("readers", "queries"), [(1, 3), (6, 3), (7, 6)])
def test_many_readers_are_read_in_turns_with_what_belongs_to_them_by_three_queries(
    monkeypatch, django_assert_num_queries, readers, queries
):
    monkeypatch.setattr(exporting, "BATCH_SIZE", 6)
    for number in range(readers):
        make_subscriber(tags=f"all,only{number}")

    with django_assert_num_queries(queries):
        rows = exported()

    assert [row["tags"] for row in rows] == [f"all,only{number}" for number in range(readers)]
