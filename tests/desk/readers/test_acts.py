"""What an author does to one reader, and the lines of the story that tell it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from subscribers.models import Subscriber, Suppression
from tests.factories import make_helper, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication()


def do(client, reader: Subscriber, name: str, **fields: str):
    response = client.post(f"{READERS}{reader.pk}/act/{name}/", fields, follow=True)
    reader.refresh_from_db()
    return response


def told(response) -> list[tuple[str, tuple[str, ...]]]:
    """Return the lines of the story, newest first."""
    return [(line.what, line.details) for line in response.context["story"]]


def offered(response) -> set[str]:
    return {offer.name for offer in response.context["offers"]}


def test_tags_come_and_go_with_a_reason(admin_client):
    reader = make_subscriber(tags="old")

    do(admin_client, reader, "tag", tag="vip", reason="讀書會")
    page = do(admin_client, reader, "untag", tag="old")

    assert reader.tag_names == ["vip"]
    assert told(page) == [("tag taken: old", ("admin",)), ("tag given: vip", ("讀書會", "admin"))]
    assert "The tag was taken away." in page.text
    assert '<option value="vip">' in page.text


def test_tags_that_are_typed_into_the_form_are_told_too(admin_client):
    reader = make_subscriber(tags="a,b")

    page = admin_client.post(
        f"{READERS}{reader.pk}/change/", {"name": "", "tag_names": "b,c", "_continue": "1"}, follow=True
    )

    assert {what for what, _details in told(page)} == {"tag given: c", "tag taken: a"}


def test_the_page_of_one_reader_speaks_of_one_reader(admin_client):
    make_publication(language="zh-hant")

    page = admin_client.get(f"{READERS}{make_subscriber().pk}/change/", headers={"Accept-Language": "zh-hant"}).text

    assert "不再寄信給這位讀者" in page
    assert "他們" not in page.partition("<main")[2]


def test_a_pause_begins_and_ends(admin_client):
    reader = make_subscriber()
    day = timezone.localdate() + timedelta(days=30)

    paused = do(admin_client, reader, "pause", until_on=day.isoformat(), reason="出國")

    assert (reader.state, timezone.localdate(reader.paused_until)) == ("paused", day)
    assert told(paused)[0][0].startswith("paused: ")
    assert told(paused)[0][1] == ("出國", "admin")
    assert "resume" in offered(paused)

    resumed = do(admin_client, reader, "resume")

    assert reader.state == "active"
    assert told(resumed)[0] == ("pause ended", ("admin",))
    assert "resume" not in offered(resumed)


def test_an_address_is_suppressed_and_lifted_and_both_are_told_once(admin_client):
    reader = make_subscriber()

    suppressed = do(admin_client, reader, "suppress", reason="本人來信")

    assert Suppression.objects.get().note == "本人來信"
    assert told(suppressed) == [("suppressed", ("本人來信", "admin"))]
    assert {"lift"} <= offered(suppressed)
    assert "suppress" not in offered(suppressed)

    lifted = do(admin_client, reader, "lift", reason="本人又來信")

    assert not Suppression.objects.exists()
    assert [what for what, _details in told(lifted)] == ["may be mailed again", "suppressed"]


def test_who_bounced_is_still_told_by_the_suppression(admin_client):
    reader = make_subscriber()
    reader.suppress("bounced")

    page = admin_client.get(f"{READERS}{reader.pk}/change/")

    assert told(page) == [("The address was suppressed: no mail goes to it", ("bounced",))]


def test_a_reader_is_unsubscribed_and_the_record_says_by_whom(admin_client):
    reader = make_subscriber()

    page = do(admin_client, reader, "unsubscribe", reason="電話裡說的")

    assert reader.state == "unsubscribed"
    assert told(page) == [("left", ("by the author: 電話裡說的",))]
    assert offered(page).isdisjoint({"pause", "unsubscribe"})


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("tag", {"tag": "a,b"}, "Nothing was changed: Type one tag, without a comma."),
        ("tag", {"tag": "old"}, "It was so already; nothing was changed."),
        ("pause", {"until_on": "2020-01-01"}, "Nothing was changed: Choose a day after today."),
        ("resume", {}, "It was so already; nothing was changed."),
        ("lift", {}, "It was so already; nothing was changed."),
    ],
)
def test_what_cannot_be_done_is_said(admin_client, name, fields, said):
    reader = make_subscriber(tags="old")

    page = do(admin_client, reader, name, **fields)

    assert said in page.text
    assert told(page) == []
    assert (reader.state, reader.tag_names) == ("active", ["old"])


def test_only_an_owner_lifts(client):
    client.force_login(make_helper("reader-care"))
    reader = make_subscriber()
    page = do(client, reader, "suppress")

    assert "lift" not in offered(page)
    assert do(client, reader, "lift").status_code == 403
    assert Suppression.objects.exists()
    assert client.post(f"{READERS}{reader.pk}/act/erase/").status_code == 404
