"""Webhook calls use https, and never reach our own network."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.api.hooks import http_calls
from newsletter.api.hooks.http_calls import call_body
from newsletter.api.hooks.models import Call, HookEventType
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import MailingStep
from newsletter.mail import safe_http
from tests.factories import make_issue, make_post, make_subscriber

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, 2, tzinfo=UTC)


@pytest.fixture
def mailing():
    issue = make_issue(make_post(), number=42)
    frozen = {"subject": "題", "html": "", "text": "", "content_hash": "", "approved_at": AT, "send_at": AT}
    return Mailing.objects.create(issue=issue, **frozen)


def said(call):
    body = call_body(call, timezone.now())
    return None if body is None else json.loads(body)


def make_call(make_hook, event, about, **fields):
    return Call.objects.create(hook=make_hook(), event=event, about=about, at=AT, **fields)


def test_a_scheduled_issue_is_told_with_its_time(make_hook, mailing, settings):
    mailing.record(MailingStep.Kind.APPROVED, at=AT, send_at=AT + timedelta(days=2))
    step = MailingStep.objects.get()

    assert said(make_call(make_hook, HookEventType.SCHEDULED, step.pk)) == {
        "type": "issue.scheduled",
        "timestamp": "2026-05-01T02:00:00+00:00",
        "data": {
            "number": 42,
            "url": f"{settings.SITE_URL}/api/v1/issues/42",
            "page": None,
            "mailing": mailing.pk,
            "kind": "issue",
            "send_at": "2026-05-03T02:00:00+00:00",
        },
    }


def test_why_an_issue_stands_still_is_told_without_addresses(make_hook, mailing):
    mailing.record(MailingStep.Kind.PAUSED, "550 ann@example.org: no")

    data = said(make_call(make_hook, HookEventType.PAUSED, MailingStep.objects.get().pk))["data"]
    assert data["reason"] == "550 •••@•••: no"


def test_a_result_leads_to_its_issue_and_its_page(make_hook, mailing, settings):
    mailing.issue.sent_at = AT
    mailing.issue.save()

    data = said(make_call(make_hook, HookEventType.RESULT, mailing.issue_id))["data"]
    assert data["page"] == f"{settings.SITE_URL}/issues/42/"


def test_the_reason_of_a_suppression_is_told(make_hook):
    reader = make_subscriber()

    data = said(make_call(make_hook, HookEventType.SUPPRESSED, reader.pk, detail="bounced"))["data"]
    assert (data["id"], data["reason"]) == (reader.pk, "bounced")


@pytest.mark.parametrize("event", [one for one in HookEventType if one != HookEventType.TEST])
def test_of_what_is_gone_nothing_is_said(make_hook, event):
    assert said(make_call(make_hook, event, 10**9)) is None


def test_a_number_that_was_struck_out_is_not_told(make_hook):
    assert said(make_call(make_hook, HookEventType.SUPPRESSED, None, detail="erased")) is None


PUBLIC = "93.184.215.14"


@pytest.fixture
def names(monkeypatch):
    """A factory that fakes DNS: one list of addresses for each lookup."""

    def lead(*answers):
        left = list(answers)

        def looked_up(host, port, *args, **kwargs):
            found = left.pop(0) if len(left) > 1 else left[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)

    return lead


@pytest.fixture
def connections(monkeypatch):
    """Attempted connections; none is made."""
    tried = []

    def create_connection(address, timeout):
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(safe_http.socket, "create_connection", create_connection)
    return tried


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_nothing_of_our_own_network_is_called(names, connections, address):
    names([address])

    answer = http_calls.send_call("https://hooks.example.org/in", b"{}", {})

    assert answer.status is None
    assert answer.error.startswith("private")
    assert connections == []


def test_one_address_of_ours_among_several_is_enough_to_refuse(names, connections):
    names([PUBLIC, "127.0.0.1"])

    assert http_calls.send_call("https://hooks.example.org/in", b"{}", {}).error.startswith("private")
    assert connections == []


def test_the_very_address_that_was_looked_at_is_called(names, connections):
    """A name server that answers anew with our own address (DNS rebinding) is not asked again."""
    names([PUBLIC], ["127.0.0.1"])

    answer = http_calls.send_call("https://hooks.example.org/in", b"{}", {})

    assert connections == [(PUBLIC, 443)]
    assert answer.error == "Connection refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/in",
        "http://127.0.0.1:8000/in",
        "https://user:secret@hooks.example.org/in",
        "https://hooks.example.org:22/in",
        "https://hooks.example.org:6379/in",
        "https://hooks.example.org:99999/in",
        "ftp://hooks.example.org/in",
        "file:///etc/passwd",
        "https:///in",
        "https://[x/in",
        "",
    ],
)
def test_what_is_no_address_of_a_hook_is_not_called(names, connections, url):
    names([PUBLIC])

    assert not http_calls.is_allowed_url(url)
    assert http_calls.send_call(url, b"{}", {}).status is None
    assert connections == []


@pytest.mark.parametrize("url", ["https://hooks.example.org/in", "https://hooks.example.org:8443/in?a=b"])
def test_https_at_ports_of_the_web_is_allowed(url):
    assert http_calls.is_allowed_url(url)


def test_this_machine_is_called_only_where_that_is_wanted(settings):
    settings.WEBHOOKS_TO_LOOPBACK = True

    assert http_calls.is_allowed_url("http://127.0.0.1:9000/in")
    assert http_calls.is_allowed_url("http://localhost:9000/in")
    assert not http_calls.is_allowed_url("http://192.168.1.1/in")
    assert http_calls.is_allowed_address("127.0.0.1", 9000)
    assert not http_calls.is_allowed_address("10.0.0.1", 443)


def test_a_name_that_nobody_has_is_told(monkeypatch):
    def nobody(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)

    assert http_calls.send_call("https://nowhere.example.org/", b"{}", {}).error == "nameless: nowhere.example.org"
