"""What Amazon SES reports by mail: its SNS topic has an address as a subscriber, instead of a webhook.

The text is the notification as JSON, with a footer below it. Whoever writes such a mail can say so as well, so its
sender is no proof: it counts where it has the return path or the Message-ID of a copy, as any other returned mail.
Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from email.message import Message
from email.utils import parseaddr
from typing import Any

from newsletter.delivery.events import providers
from newsletter.delivery.events.facts import Kind, Reading, Unreadable, What
from newsletter.delivery.events.reading import message, requests
from newsletter.delivery.models.events import Arrival, Event

BY = "sns.amazonaws.com"
LISTED_MAX = 100  # entries of each list: mail.headers has the most
KINDS = ("notificationType", "eventType")


def read(mail: Message, text: str, at: datetime) -> Reading | None:
    """Return the facts in a notification; None for a mail that is none."""
    said = _notification(mail, text)
    if said is None:
        return None
    envelope = {"Type": "Notification", "Message": json.dumps(said), "MessageId": "", "Timestamp": at.isoformat()}
    try:
        found = requests.read_request(providers.AMAZON, json.dumps(envelope).encode(), {}, at)
    except Unreadable:
        return None
    tokens = message.tokens_to([_source(said)])
    named = ((one, replace(one.names, tokens=(*one.names.tokens, *tokens))) for one in found.facts)
    facts = tuple(replace(one, is_vouched=False, names=names) for one, names in named)
    return Reading(_what({fact.kind for fact in facts}), facts, note="Amazon SES, by mail")


def _notification(mail: Message, text: str) -> Mapping[str, Any] | None:
    sender = parseaddr(message.field(mail, "From"))[1].lower()
    if sender.rpartition("@")[2] != BY or not text.lstrip().startswith("{"):
        return None
    try:
        said, _end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not any(isinstance(said.get(one), str) for one in KINDS):
        return None
    return {name: _with_few(value) for name, value in said.items()}


def _with_few(value: Any) -> Any:
    """Return a part of a notification with no more recipients than a mail has: each is written out with all of it."""
    if not isinstance(value, dict):
        return value
    return {name: one[:LISTED_MAX] if isinstance(one, list) else one for name, one in value.items()}


def _source(said: Mapping[str, Any]) -> str:
    """Return whom the copy was sent from: its return path, which has a token of ours."""
    mail = said.get("mail")
    source = mail.get("source") if isinstance(mail, Mapping) else ""
    return source if isinstance(source, str) else ""


def _what(kinds: set[Event.Kind]) -> Arrival.What:
    if Kind.COMPLAINED in kinds:
        return What.COMPLAINT
    return What.BOUNCE if Kind.BOUNCED in kinds else What.NOTICE
