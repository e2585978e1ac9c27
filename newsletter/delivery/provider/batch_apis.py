"""What each e-mail API can do for a whole batch of readers in one call, and how. A table, no database.

A provider is here only if it takes a List-Unsubscribe for each reader: without one there is no one-click
unsubscribe (RFC 8058), and the mail goes message by message. That leaves out MailerSend (one set of headers
for all, and it may show readers each other's addresses), Mandrill, Scaleway and Postal (no headers by reader in
Anymail), and Amazon SES (its bulk call needs a template stored at Amazon). Mailjet, Mailtrap, SparkPost and
Unisender Go could, and are not here because their template language runs over every text: see Anymail's
"merge_headers" and https://anymail.dev/en/stable/esps/#supported-esps.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anymail.backends.postmark import PostmarkPayload
from anymail.backends.resend import ResendPayload

from newsletter.delivery.provider.outcomes import Answer, Outcome, ProviderRefuses, postmark_answer, status_answer

Said = Outcome | ProviderRefuses  # about one reader


class Whole:
    """A payload that carries each reader's body whole, because the provider fills in nothing without a stored template.

    message.bodies: for each reader in order, the fields of the provider's message that hold the body.
    """

    message: Any

    def serialize_json(self, data: Any) -> str:
        if isinstance(data, list):
            data = [one | bodies for one, bodies in zip(data, self.message.bodies, strict=True)]
        written: str = super().serialize_json(data)  # type: ignore[misc]  # Anymail's, beside us in the class
        return written


class Postmark(Whole, PostmarkPayload):  # type: ignore[misc]  # Anymail has no types
    pass


class Resend(Whole, ResendPayload):  # type: ignore[misc]
    def __init__(self, message: Any, defaults: Any, backend: Any) -> None:
        super().__init__(message, defaults, backend, headers={"Idempotency-Key": message.idempotency_key})


def usual_payload(message: Any, defaults: Any, backend: Any) -> Any:
    """Return what Anymail makes of a message with merge_data and merge_headers."""
    return backend.build_message_payload(message, defaults)


def read_statuses(backend: Any, response: Any, payload: Any, message: Any) -> list[Said]:
    """Return what Anymail reads in an answer, reader by reader."""
    statuses = backend.parse_recipient_status(response, payload, message)
    said = {status: status_answer(status) for status in {None, *statuses.values()}}  # Mailgun says one thing of all
    return [said[statuses.get(address)] for address in message.addresses]


def read_postmark(backend: Any, response: Any, payload: Any, message: Any) -> list[Said]:
    """Return what Postmark says of each message: Anymail gives up on all of them for one that it does not know."""
    entries = backend.deserialize_json_response(response, payload, message)
    if not isinstance(entries, list) or len(entries) != len(message.to):
        return [Outcome(Answer.UNCERTAIN, "Postmark's answer cannot be read")] * len(message.to)
    return [postmark_answer(entry) for entry in entries]


@dataclass(frozen=True)
class Provider:
    """What one provider can do.

    limit: messages a call, by the provider.
    slot: how a reader's value is named in the body; "" when each reader's body travels whole.
    bodies: the fields that hold the text and the HTML of one that travels whole.
    collides: what in an author's own text the provider would take for such a name.
    by_header: headers are given for each reader; otherwise the common ones hold slots.
    keeps_message_id: whether the provider leaves our Message-ID as it is.
    headers, extra: what else a message needs, as headers and as Anymail's esp_extra.
    key: where the idempotency key goes: "http" or "mail" header; "" if the provider takes none.
    """

    limit: int
    payload: Callable[[Any, Any, Any], Any] = usual_payload
    slot: str = ""
    bodies: tuple[str, str] = ("text", "html")
    collides: re.Pattern[str] = re.compile("(?!)")
    by_header: bool = True
    keeps_message_id: bool = False
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Any, Any, Any, Any], Sequence[Said]] = read_statuses


# Keyed by Anymail's esp_name.
PROVIDERS = {
    # %recipient.x% works in body and headers alike, and so do a few variables of Mailgun's own.
    # https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending (1,000 a call)
    "Mailgun": Provider(
        limit=1000,
        slot="%recipient.{}%",
        collides=re.compile(r"%(recipient|unsubscribe|tag_|mailing_list)", re.IGNORECASE),
        by_header=False,
    ),
    # A version's headers replace the common ones. Its template language is near to Django's.
    # https://developers.brevo.com/docs/batch-send-transactional-emails (2,000 messages a call)
    # https://developers.brevo.com/docs/heterogenous-versions-batch-emails (idempotencyKey: a UUID, 30 minutes)
    "Brevo": Provider(limit=1000, slot="{{{{ params.{} }}}}", collides=re.compile(r"\{\{|\{%|\{#"), key="mail"),
    # Substitutions are plain search and replace; ours begin with what no author writes, and it is looked for.
    # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations (1,000 personalizations)
    # Anymail gave up its support in 2025, and warns: https://github.com/anymail/django-anymail/issues/432
    "SendGrid": Provider(
        limit=1000,
        slot="[%nl.{}%]",
        collides=re.compile(r"\[%nl\.|<%|\[unsubscribe\]"),
        keeps_message_id=True,
        extra={"merge_field_format": "[%nl.{}%]"},
    ),
    # https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails (500 a call, 50 MB)
    # https://postmarkapp.com/support/article/1232-can-i-use-a-custom-message-id (X-PM-KeepID)
    "Postmark": Provider(
        limit=500,
        payload=Postmark,
        bodies=("TextBody", "HtmlBody"),
        keeps_message_id=True,
        headers={"X-PM-KeepID": "true"},
        read=read_postmark,
    ),
    # https://resend.com/docs/api-reference/emails/send-batch-emails (100 a call)
    # https://resend.com/docs/dashboard/emails/idempotency-keys (24 hours, any string up to 256 characters)
    "Resend": Provider(limit=100, payload=Resend, keeps_message_id=True, key="http"),
}
