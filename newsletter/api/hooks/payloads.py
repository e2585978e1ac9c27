"""What a call says: thin, so that whoever wants more asks for it with a token of their own.

    {"type": "reader.left", "timestamp": "2026-05-01T02:00:00+00:00", "data": {"id": 17, "url": "https://…"}}

Read when the call is made: nothing of a reader but their number is kept for it.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from newsletter.api.hooks.events import OF_MAILINGS, Event
from newsletter.api.hooks.models import Call
from newsletter.delivery.models.mailing import Step
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from subscribers.addresses import without_addresses
from subscribers.models import Subscriber, Suppression

API = "/api/v1"
type Data = dict[str, Any]


def body_of(call: Call, now: datetime) -> bytes | None:
    """Return the body of a call; None if what it is about is not there any more, or not yet again."""
    data = DATA[Event(call.event)](call, now)
    if data is None:
        return None
    said = {"type": call.event, "timestamp": _iso(call.at), "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _reader(call: Call, now: datetime) -> Data | None:
    found = Subscriber.objects.filter(pk=call.about or 0).values_list("email", flat=True).first()
    if call.about is None or (found is None and call.detail != Suppression.Reason.ERASED):
        return None
    data: Data = {"id": call.about, "url": f"{settings.SITE_URL}{API}/readers/{call.about}"}
    data |= {"reason": call.detail} if call.event == Event.SUPPRESSED else {}
    return data | ({"address": found} if found and call.hook.shows_addresses else {})


def _post(call: Call, now: datetime) -> Data | None:
    post = Post.objects.listed(now).filter(pk=call.about or 0).only("pk", "title", "words").first()
    if post is None:
        return None
    return {
        "id": post.pk,
        "title": post.title,
        "url": f"{settings.SITE_URL}{API}/posts/{post.pk}",
        "page": settings.SITE_URL + post.get_absolute_url(),
    }


def _mailing(call: Call, now: datetime) -> Data | None:
    steps = (
        Step.objects.filter(pk=call.about or 0).select_related("mailing__issue").defer("mailing__html", "mailing__text")
    )
    if (step := steps.first()) is None:
        return None
    data = _of_issue(step.mailing.issue) | {"mailing": step.mailing_id, "kind": step.mailing.kind}
    if call.event == Event.SCHEDULED:
        data["send_at"] = _iso(step.send_at) if step.send_at else None
    if call.event == Event.PAUSED:
        data["reason"] = without_addresses(step.detail)
    return data


def _result(call: Call, now: datetime) -> Data | None:
    issue = Issue.objects.filter(pk=call.about or 0).first()
    return _of_issue(issue) if issue else None


def _of_issue(issue: Issue) -> Data:
    page = settings.SITE_URL + issue.get_absolute_url() if issue.sent_at else None
    return {"number": issue.number, "url": f"{settings.SITE_URL}{API}/issues/{issue.number}", "page": page}


def _test(call: Call, now: datetime) -> Data:
    return {"message": "This is a test. Nothing has happened."}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


DATA: dict[Event, Callable[[Call, datetime], Data | None]] = {
    **dict.fromkeys((Event.CONFIRMED, Event.LEFT, Event.SUPPRESSED), _reader),
    **dict.fromkeys(OF_MAILINGS, _mailing),
    Event.PUBLISHED: _post,
    Event.RESULT: _result,
    Event.TEST: _test,
}
