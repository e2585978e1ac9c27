"""Actions on one reader, and their timeline entries."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from subscribers.models import Subscriber, Suppression, mail_queue
from subscribers.models.consents import ConsentDetails
from subscribers.signup import sign_up
from subscribers.tasks import send_confirmations
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
    """The lines of the story, newest first."""
    return [(line.what, line.details) for line in response.context["story"]]


def offered(response) -> set[str]:
    return {offer.name for offer in response.context["offers"]}


def mailable() -> list[str]:
    return list(Subscriber.objects.mailable(timezone.now()).values_list("email", flat=True))


def test_tags_come_and_go_with_a_reason(admin_client):
    reader = make_subscriber(tags="old")

    do(admin_client, reader, "tag", tag="vip", reason="讀書會")
    page = do(admin_client, reader, "untag", tag="old")

    assert reader.tag_names == ["vip"]
    assert told(page) == [("tag taken: old", ("admin",)), ("tag given: vip", ("讀書會", "admin"))]
    assert "The tag was taken away." in page.text
    assert '<option value="vip">' in page.text


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


def test_whose_mail_came_back_is_asked_once_and_gets_nothing_until_they_confirm(admin_client, client, mailoutbox):
    reader = make_subscriber("reader@example.org", name="佳穎")
    reader.suppress("bounced")

    asked = do(admin_client, reader, "ask_back", reason="說換了信箱")
    send_confirmations()

    (mail,) = mailoutbox
    assert reader.email in mail.recipients()[0]
    assert reader.confirm_url in mail.body
    assert "because mail to it" in mail.body
    assert "gets one mail with a link to confirm" in asked.text
    assert told(asked)[0] == ("asked to confirm again", ("說換了信箱", "admin"))
    assert offered(asked).isdisjoint({"ask_back", "reopen", "lift"})
    assert "It was so already" in do(admin_client, reader, "ask_back").text
    send_confirmations()
    assert (len(mailoutbox), mailable()) == (1, [])

    page = urlsplit(reader.confirm_url).path
    assert "the address is forgotten" not in client.get(page).text
    client.post(page)

    assert not Suppression.objects.exists()
    assert mailable() == ["reader@example.org"]


def test_who_complained_is_mailed_nothing_and_may_sign_up_again(admin_client, mailoutbox):
    reader = make_subscriber("reader@example.org")
    reader.suppress("complained")

    page = do(admin_client, reader, "reopen")
    send_confirmations()

    assert "Nothing was mailed." in page.text
    assert told(page)[0] == ("may sign up again", ("admin",))
    assert (mailoutbox, mailable()) == ([], [])

    sign_up("reader@example.org", ConsentDetails("web:home"), timezone.now())
    send_confirmations()

    assert [reader.confirm_url in mail.body for mail in mailoutbox] == [True]
    assert [one.kind for one in reader.consents.all()] == ["asked"]
    assert mailable() == []
    reader.refresh_from_db()
    assert reader.confirm(timezone.now())
    assert mailable() == ["reader@example.org"]


@pytest.mark.parametrize(
    ("reason", "state", "way"),
    [
        ("manual", "active", {"lift"}),
        ("bounced", "active", {"ask_back"}),
        ("bounced", "unsubscribed", {"reopen"}),
        ("bounced", "pending", {"reopen"}),
        ("complained", "active", {"reopen"}),
        ("erased", "pending", set()),
    ],
)
def test_each_reason_has_its_own_way_back(admin_client, mailoutbox, reason, state, way):
    reader = make_subscriber(state=state, unsubscribed_at=timezone.now())
    reader.suppress(reason)

    page = admin_client.get(f"{READERS}{reader.pk}/change/")
    assert offered(page) & {"lift", "ask_back", "reopen"} == way

    for name in {"lift", "ask_back", "reopen"} - way - {"reopen"}:
        do(admin_client, reader, name)
    send_confirmations()
    assert (Suppression.objects.get().reopened_at, mailoutbox) == (None, [])


def test_no_more_mails_than_a_mailbox_may_get_in_a_day(admin_client, mailoutbox):
    reader = make_subscriber()
    reader.suppress("bounced")
    for _mail in range(3):
        mail_queue.consume_mail_quota(reader.email, timezone.now())

    page = do(admin_client, reader, "ask_back")

    assert "try again tomorrow" in page.text
    assert "ask_back" in offered(page)


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

    assert offered(page).isdisjoint({"lift", "ask_back", "reopen"})
    assert do(client, reader, "ask_back").status_code == 403
    assert do(client, reader, "lift").status_code == 403
    assert Suppression.objects.exists()
    assert client.post(f"{READERS}{reader.pk}/act/erase/").status_code == 404
