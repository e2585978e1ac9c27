"""One sentence to the author, with leaving: nobody has to write it, and only who has left can."""

import re

import pytest

from subscribers import own_data
from subscribers.models import Sentence, Subscriber
from tests.factories import make_publication
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import body


@pytest.fixture
def door(reader):
    return path_of(reader.unsubscribe_url) + "why/"


@pytest.fixture
def left(reader):
    reader.unsubscribe(NOW)
    return reader


def said():
    return list(Sentence.objects.values_list("kind", "text", "issue"))


def test_who_leaves_is_asked_after_they_have_left_and_may_say_nothing(client, reader, door):
    page = client.post(path_of(reader.unsubscribe_url))

    assert "You have left" in body(page)
    assert f'action="{door}"' in body(page)
    assert Subscriber.objects.get().state == "unsubscribed"
    assert said() == []


def test_a_sentence_is_kept_and_thanked_for(client, left, door):
    page = client.post(door, {"sentence": "  太長了，\r\n\r\n但很好。\x02 "})

    assert "The author reads it" in body(page)
    assert said() == [("left", "太長了，\n但很好。", None)]


def test_the_last_sentence_stands_until_it_is_answered(client, left, door):
    client.post(door, {"sentence": "一"})
    client.post(door, {"sentence": "二"})
    Sentence.objects.update(answered_at=NOW)
    client.post(door, {"sentence": "三"})

    assert sorted(text for _kind, text, _issue in said()) == ["三", "二"]


@pytest.mark.parametrize("text", ["", "   ", "\r\n", "\x00\x02"])
def test_no_words_are_no_sentence(client, left, door, text):
    page = client.post(door, {"sentence": text})

    assert page.status_code == 200
    assert "The author reads it" not in body(page)
    assert said() == []


def test_it_is_cut_at_its_length(client, left, door):
    client.post(door, {"sentence": "字" * 900})

    assert len(said()[0][1]) == 500


def test_who_has_not_left_says_nothing_here(client, reader, door):
    assert client.post(door, {"sentence": "x"}).status_code == 404
    assert client.get(door).status_code == 405
    assert said() == []


def test_a_guess_and_another_site_say_nothing(client, left, door):
    assert client.post("/unsubscribe/0AAAAAAAAAAAAAAAA/why/", {"sentence": "x"}).status_code == 404
    assert client.post(door, {"sentence": "x"}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert said() == []


def test_ten_of_a_day_and_no_more(client, left, door):
    answers = [client.post(door, {"sentence": str(number)}).status_code for number in range(12)]

    assert answers == [200] * 10 + [429] * 2


def test_it_is_among_the_readers_own_data_and_goes_with_them(client, left, door):
    client.post(door, {"sentence": "太長了"})

    assert "太長了" in str(own_data.data_as_json(left))
    left.erase()
    assert said() == []


# --- How they heard of it ---


def confirm(client, sign_up):
    sign_up("new@example.org")
    return client.post(path_of(Subscriber.objects.get().confirm_url))


def asked(page):
    found = re.search(r'action="(/mine/[^"]+/heard/)"', body(page))
    return found[1] if found else ""


def test_who_has_confirmed_is_asked_how_they_heard_of_it_if_the_author_wants_to_know(client, sign_up):
    make_publication(asks_heard=True)

    page = confirm(client, sign_up)
    thanked = client.post(asked(page), {"sentence": "同事轉寄的"})

    assert "how did you hear of us?" in body(page)
    assert said() == [("heard", "同事轉寄的", None)]
    assert "The author reads it" in body(thanked)
    assert asked(thanked) == ""
    chapter = next(one for one in own_data.all_chapters(Subscriber.objects.get(), "") if one.name == "sentences")
    assert [(line.what, line.details) for line in chapter.lines] == [("同事轉寄的", ("how they heard of it",))]
    assert "how you heard of it" in body(client.get("/privacy/"))


def test_as_it_comes_nobody_is_asked_and_nothing_is_taken(client, sign_up):
    page = confirm(client, sign_up)
    door = path_of(Subscriber.objects.get().data_url(NOW)) + "heard/"

    assert asked(page) == ""
    assert client.post(door, {"sentence": "同事"}).status_code == 404
    assert said() == []
    assert "how you heard of it" not in body(client.get("/privacy/"))


@pytest.mark.parametrize("purpose", ["preferences", "unsubscribe", "confirm"])
def test_a_letter_opens_no_way_to_answer_for_its_reader(client, reader, purpose):
    make_publication(asks_heard=True)

    assert client.post(f"/mine/{reader.token(purpose)}/heard/", {"sentence": "x"}).status_code == 404
    assert client.get(path_of(reader.data_url(NOW)) + "heard/").status_code == 405
    assert said() == []
