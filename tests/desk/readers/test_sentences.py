"""What readers say, on the desk: to be answered, and marked when it was."""

import pytest
from django.utils import timezone, translation

from subscribers.models import Sentence
from tests.factories import make_helper, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
LIST = "/admin/subscribers/subscriber/sentences/"


@pytest.fixture(autouse=True)
def _english():
    make_publication(name="Gipi電子報")
    with translation.override("en"):
        yield


@pytest.fixture
def carer(client):
    client.force_login(make_helper("reader-care", name="mei"))
    return client


def say(text, *, kind="left", issue=None):
    reader = make_subscriber(name="王小明")
    Sentence.objects.store(reader, kind, text, timezone.now(), issue=issue)
    return Sentence.objects.latest("pk")


def test_each_is_shown_with_whose_it_is_and_what_about(carer):
    say("太長了")
    say("<b>很好</b>", kind="feedback", issue=7)

    page = carer.get(LIST).text

    assert "太長了" in page
    assert "&lt;b&gt;很好&lt;/b&gt;" in page
    assert "about issue 7" in page
    assert "when leaving" in page
    assert "王小明" in page
    assert "mailto:" in page


def test_what_is_answered_leaves_the_list_and_comes_back(carer):
    sentence = say("太長了")
    answered = f"{LIST}{sentence.pk}/answered/"

    carer.post(answered)
    gone, among_all = carer.get(LIST).text, carer.get(f"{LIST}?all=1").text
    carer.post(answered, {"open": "1"})

    assert ("太長了" in gone, "太長了" in among_all, "太長了" in carer.get(LIST).text) == (False, True, True)


def test_the_queries_do_not_grow(carer, django_assert_max_num_queries):
    for number in range(40):
        say(f"第 {number} 句")

    with django_assert_max_num_queries(14):
        page = carer.get(LIST).text

    assert "第 39 句" in page
    assert "第 9 句" not in page
    assert "第 9 句" in carer.get(f"{LIST}?p=2").text


def test_the_story_of_the_reader_has_it(carer):
    sentence = say("太長了")

    page = carer.get(f"/admin/subscribers/subscriber/{sentence.subscriber_id}/change/").text

    assert "Said: 太長了" in page
