"""The reader's name: asked for only if the author wants it, kept only for who is new, and corrected by its owner."""

import pytest

from subscribers.models import Consent, Subscriber
from tests.factories import make_publication
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_way_in import hidden_fields

LABEL = "Your name, if you like"


@pytest.fixture
def asks():
    make_publication(asks_name=True)


def name_of(email="reader@example.org"):
    return Subscriber.objects.get(email=email).name


def test_whoever_gives_a_name_is_known_by_it(client, asks, sign_up):
    assert LABEL in client.get("/subscribe/").text
    assert LABEL in client.get("/").text

    sign_up("reader@example.org", name="  王小明 ")

    assert name_of() == "王小明"
    assert LABEL in Consent.objects.get().text.words


def test_as_it_comes_no_name_is_asked_for_and_none_is_kept(client, sign_up):
    assert LABEL not in client.get("/subscribe/").text

    sign_up("reader@example.org", name="王小明")

    assert name_of() == ""
    assert LABEL not in Consent.objects.get().text.words


@pytest.mark.parametrize("typed", ["Win at https://x.example", "www.x", "buy x.example now", "me@x", "a" * 81])
def test_an_advertisement_is_no_name(asks, sign_up, typed):
    sign_up("reader@example.org", name=typed)

    assert name_of() in {"", "a" * 80}


def test_nobody_renames_a_reader_from_outside(client, asks, sign_up, reader):
    Subscriber.objects.update(name="王小明")

    sign_up("reader@example.org", name="笨蛋", stamp="")
    sign_up("reader@example.org", name="笨蛋")

    assert name_of() == "王小明"


def test_the_name_is_carried_over_the_pages_that_ask_for_more(client, asks, sign_up):
    slip = sign_up("reader@gmial.com", name="王小明")
    wrong = sign_up("reader@", name="王小明")
    fast = client.post("/subscribe/", {"email": "reader@example.org", "name": "王小明"})

    assert [hidden_fields(page)["name"] for page in (slip, fast)] == ["王小明"] * 2
    assert 'value="王小明"' in wrong.text


def test_before_the_confirmation_no_mail_says_the_name(asks, sign_up, letters):
    sign_up("reader@example.org", name="王小明")

    (letter,) = letters()

    assert letter.to == ["reader@example.org"]
    assert "王小明" not in letter.body


def test_the_page_of_own_data_asks_only_where_a_name_is_of_use(client, reader):
    mine = path_of(reader.data_url(NOW))
    assert 'name="name"' not in client.get(mine).text
    assert client.post(mine, {"name": "王小明"}).status_code == 410

    Subscriber.objects.update(name="imported")
    assert 'value="imported"' in client.get(mine).text

    make_publication(asks_name=True)
    client.post(mine, {"name": "王小明"})
    assert name_of() == "王小明"
