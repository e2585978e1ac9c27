"""What providers report is taken if it is genuine, stored once, and ends in the right states."""

import base64
import hmac
import json
import random
import time
from datetime import timedelta

import pytest
from anymail.exceptions import AnymailNotSupportedWarning
from django.core.cache import caches
from django.db import OperationalError

from newsletter.delivery.events import applying, webhooks
from newsletter.delivery.models import Event, InboundMessage
from newsletter.limits import body_size
from tests.delivery.conftest import NOW
from tests.delivery.events.recorded import (
    CERTIFICATE_URL,
    SECRET,
    SIGN,
    Recorded,
    certificate,
    recorded,
    signed,
)
from tests.delivery.events.recorded import webhooks as keys
from tests.factories import make_publication

ODD = (b"", b"null", b"[]", b"{}", b"[1]", b'"x"', b"\xff\xfe", b'{"event-data": 5}', b"[[[[")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid"),
]


@pytest.fixture(autouse=True)
def door(settings):
    """Open the door, with a key of every provider that signs, and Amazon's certificate at hand."""
    settings.WEBHOOK_SECRET = [SECRET]
    settings.MAILERS = settings.MAILERS | {"bulk": settings.MAILERS["bulk"] | {"WEBHOOKS": keys()}}
    webhooks._validating_view.cache_clear()
    caches["spare"].set(f"sns:{CERTIFICATE_URL}", certificate())
    make_publication()


def post(client, one, secret=SECRET):
    headers = {} if secret is None else {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
    return client.post(
        f"/webhooks/{one.provider}/tracking/", one.body, content_type=one.content_type, headers=one.headers | headers
    )


def test_a_warning_of_anymail_goes_where_all_warnings_go():
    """To hide it would change the filters of all threads."""
    with pytest.warns(AnymailNotSupportedWarning, match="SendGrid"):
        webhooks._validating_view("sendgrid", ())


def requests():
    """Return the recorded requests that can be signed anew: Mailgun's form of 2017 carries a key of others."""
    return [signed(one) for one in recorded() if one.provider != "mailgun" or "json" in one.content_type]


def apply():
    applying.apply_waiting(NOW, 60)
    return Event.objects.count()


def kinds():
    return sorted(Event.objects.values_list("source", "kind", "source_id"))


# --- Everything that was recorded ---


def test_what_twelve_providers_send_is_taken_and_read(client):
    for one in requests():
        assert post(client, one).status_code == 200, one

    apply()

    assert not InboundMessage.objects.waiting().exists()
    assert list(InboundMessage.objects.filter(state="unreadable").values_list("source", "note")) == []
    assert len(set(Event.objects.values_list("source", flat=True))) == 12
    # Providers' names that Anymail does not know, or that say nothing here, are kept and shown.
    shown = InboundMessage.objects.filter(what="unknown").order_by("note").values_list("note", flat=True)
    assert all(note.startswith("unknown: ") for note in shown)


def test_what_comes_twice_or_out_of_order_is_one_event(client):
    some = requests()
    for one in some:
        post(client, one)
    apply()
    first = kinds()

    random.Random(7).shuffle(some)
    for one in some:
        assert post(client, one).status_code == 200
    apply()

    assert kinds() == first
    Event.objects.all().delete()
    InboundMessage.objects.all().delete()
    for one in some:
        post(client, one)
    apply()
    assert kinds() == first


def test_forged_requests_are_refused_and_nothing_is_stored(client, monkeypatch):
    monkeypatch.setattr(webhooks, "REFUSED_MAX", 10_000)
    for one in requests():
        assert post(client, one, secret="hook:guessed").status_code == 401
        forged = Recorded(one.provider, one.body.replace(b'"', b' "', 1), one.content_type, one.headers)
        if one.provider in SIGN and one.provider not in {"mailgun", "amazon_ses"}:
            assert post(client, forged).status_code == 400, one

    assert not InboundMessage.objects.exists()


def test_a_forged_signature_inside_of_the_body_is_refused_as_well(client):
    one = next(one for one in requests() if one.provider == "mailgun")
    data = json.loads(one.body)
    data["signature"]["signature"] = data["signature"]["signature"][::-1]

    assert post(client, Recorded("mailgun", json.dumps(data).encode())).status_code == 400
    assert not InboundMessage.objects.exists()


def test_a_secret_that_was_mistyped_lets_nobody_sign_by_nothing(client, settings, monkeypatch):
    name, now, body = "msg_1", str(int(time.time())), b"{}"
    digest = hmac.digest(b"", f"{name}.{now}.".encode() + body, "sha256")
    signed = {"svix-id": name, "svix-timestamp": now, "svix-signature": "v1," + base64.b64encode(digest).decode()}
    monkeypatch.setattr(webhooks, "signing_keys", lambda provider: {"signing_secret": "whsec_abcde"})

    assert post(client, Recorded("resend", body, headers=signed)).status_code == 400
    assert not InboundMessage.objects.exists()


# --- The door ---


def one_of(provider):
    return next(one for one in requests() if one.provider == provider)


def test_without_a_secret_there_is_no_door(client, settings):
    settings.WEBHOOK_SECRET = []

    assert post(client, one_of("postmark")).status_code == 404


def test_an_unknown_provider_has_no_door(client):
    assert post(client, Recorded("pigeon", b"{}")).status_code == 404


def test_who_carries_no_secret_is_asked_for_it_as_amazon_wants(client):
    answer = post(client, one_of("amazon_ses"), secret=None)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="WEBHOOK_SECRET"')


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Bearer hook:a-long-word", "Basic aG9vazphLWxvbmctd29yZA"])
def test_an_odd_header_is_no_secret(client, header):
    one = one_of("postmark")

    answer = client.post(
        "/webhooks/postmark/tracking/", one.body, content_type="application/json", headers={"Authorization": header}
    )

    assert answer.status_code == 401


def test_two_secrets_count_while_one_is_replaced(client, settings):
    settings.WEBHOOK_SECRET = ["hook:new", SECRET]

    assert post(client, one_of("postmark"), "hook:new").status_code == 200
    assert post(client, one_of("brevo"), SECRET).status_code == 200


def test_providers_may_look_whether_somebody_is_here(client):
    assert client.head("/webhooks/mandrill/tracking/").status_code == 200
    assert client.get("/webhooks/unisender_go/tracking/").status_code == 200
    assert client.put("/webhooks/mandrill/tracking/").status_code == 405


def test_guesses_are_slowed_down_and_what_is_genuine_passes_all_the_same(client, monkeypatch):
    monkeypatch.setattr(webhooks, "REFUSED_MAX", 3)

    answers = [post(client, one_of("postmark"), "hook:x").status_code for _ in range(5)]

    assert answers == [401, 401, 401, 429, 429]
    assert post(client, one_of("postmark")).status_code == 200


def test_while_the_database_is_away_the_provider_is_asked_to_send_it_again(client, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(type(InboundMessage.objects), "store", away, raising=False)

    assert post(client, one_of("postmark")).status_code == 503


def test_many_events_in_one_large_request_are_taken_from_who_carries_the_secret(client):
    event = {"event": "sent", "time": 1433103519, "email": "a@example.org"}
    body = json.dumps([event | {"MessageID": number} for number in range(1000)])
    large = Recorded("mailjet", body.encode())

    assert len(body) > body_size.PUBLIC_BYTES
    assert post(client, large, "hook:guessed").status_code == 413
    assert post(client, large).status_code == 200
    assert apply() == 1000


def test_one_entry_that_cannot_be_read_does_not_spoil_the_others(client):
    body = b'[{"event": "sent", "time": 1, "MessageID": 1, "email": "a@example.org"}, {"no": "event"}]'

    post(client, Recorded("mailjet", body))

    assert apply() == 1
    arrival = InboundMessage.objects.get()
    assert (arrival.what, arrival.note) == ("unknown", "1 of its events cannot be read")


@pytest.mark.parametrize("provider", sorted(webhooks.VIEW_PATH_BY_PROVIDER))
def test_what_is_no_report_is_kept_and_never_an_error(client, monkeypatch, provider):
    monkeypatch.setattr(webhooks, "is_genuine", lambda *_args: True)

    answers = {body: post(client, Recorded(provider, body)).status_code for body in ODD}
    apply()

    assert answers == dict.fromkeys(ODD, 200)
    arrivals = InboundMessage.objects.order_by("pk")
    assert {arrival.state for arrival in arrivals} <= {"applied", "unreadable"}
    assert {arrival.what for arrival in arrivals} <= {"request", "unknown"}
    assert [bytes(arrival.body) for arrival in arrivals] == [*ODD]


def test_an_event_that_nobody_knows_is_kept_with_its_text(client):
    post(client, Recorded("brevo", b'{"event": "teleported", "email": "a@example.org", "ts_epoch": 1520363423000}'))

    assert apply() == 1
    arrival = InboundMessage.objects.get()
    assert (arrival.what, arrival.note) == ("unknown", "unknown: teleported")
    assert b"teleported" in bytes(arrival.body)


def test_what_is_applied_is_kept_for_two_days_if_it_was_understood(client):
    post(client, one_of("postmark"))
    post(client, Recorded("brevo", b'{"event": "teleported", "ts_epoch": 1520363423000}'))
    apply()

    assert InboundMessage.objects.forget(NOW + timedelta(days=3) - timedelta(days=30)) == 1
    assert InboundMessage.objects.get().source == "brevo"
