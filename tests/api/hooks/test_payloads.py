"""What is said of an issue and its mailing: numbers and addresses, and what the step itself says."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.api.hooks.events import Event
from newsletter.api.hooks.models import Call
from newsletter.api.hooks.payloads import body_of
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import Step
from tests.factories import make_issue, make_post, make_subscriber

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 1, 2, tzinfo=UTC)


@pytest.fixture
def mailing():
    issue = make_issue(make_post(), number=42)
    frozen = {"subject": "題", "html": "", "text": "", "content_hash": "", "approved_at": AT, "send_at": AT}
    return Mailing.objects.create(issue=issue, **frozen)


def said(call):
    body = body_of(call, timezone.now())
    return None if body is None else json.loads(body)


def make_call(make_hook, event, about, **fields):
    return Call.objects.create(hook=make_hook(), event=event, about=about, at=AT, **fields)


def test_a_scheduled_issue_is_told_with_its_time(make_hook, mailing, settings):
    mailing.record(Step.What.APPROVED, at=AT, send_at=AT + timedelta(days=2))
    step = Step.objects.get()

    assert said(make_call(make_hook, Event.SCHEDULED, step.pk)) == {
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
    mailing.record(Step.What.PAUSED, "550 ann@example.org: no")

    data = said(make_call(make_hook, Event.PAUSED, Step.objects.get().pk))["data"]
    assert data["reason"] == "550 •••@•••: no"


def test_a_result_leads_to_its_issue_and_its_page(make_hook, mailing, settings):
    mailing.issue.sent_at = AT
    mailing.issue.save()

    data = said(make_call(make_hook, Event.RESULT, mailing.issue_id))["data"]
    assert data["page"] == f"{settings.SITE_URL}/issues/42/"


def test_the_reason_of_a_suppression_is_told(make_hook):
    reader = make_subscriber()

    data = said(make_call(make_hook, Event.SUPPRESSED, reader.pk, detail="bounced"))["data"]
    assert (data["id"], data["reason"]) == (reader.pk, "bounced")


@pytest.mark.parametrize("event", [one for one in Event if one != Event.TEST])
def test_of_what_is_gone_nothing_is_said(make_hook, event):
    assert said(make_call(make_hook, event, 10**9)) is None


def test_a_number_that_was_struck_out_is_not_told(make_hook):
    assert said(make_call(make_hook, Event.SUPPRESSED, None, detail="erased")) is None
