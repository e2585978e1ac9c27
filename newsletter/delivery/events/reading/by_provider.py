"""What a provider's own words for a bounce say of the address. Tables, with their sources. Pure.

Anymail calls a bounce "bounced" whether the mailbox is gone or only full: what tells them apart stands in the
provider's own fields (`esp_event`). Where a table is silent, the receiver's words decide (verdicts.py). Where it calls
an address dead and the receiver's words are about us, the words count: in doubt nobody is suppressed.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.events.reading import verdicts
from newsletter.delivery.models.events import Event

HARD, SOFT, POLICY = Verdict.HARD, Verdict.SOFT, Verdict.POLICY

# https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
AMAZON = {
    ("Permanent", "General"): HARD,
    ("Permanent", "NoEmail"): HARD,
    ("Permanent", "Suppressed"): HARD,
    ("Permanent", "OnAccountSuppressionList"): HARD,
    ("Permanent", "EmailValidationFailed"): HARD,
    ("Transient", "General"): SOFT,
    ("Transient", "MailboxFull"): SOFT,
    ("Transient", "CustomTimeoutExceeded"): SOFT,
    ("Transient", "MessageTooLarge"): POLICY,
    ("Transient", "ContentRejected"): POLICY,
    ("Transient", "AttachmentRejected"): POLICY,
    ("Undetermined", "Undetermined"): SOFT,
}
# https://developers.brevo.com/docs/transactional-webhooks
BREVO = {"hard_bounce": HARD, "invalid_email": HARD, "soft_bounce": SOFT}
# https://developers.mailersend.com/api/v1/webhooks.html#events
MAILERSEND = {"hard_bounced": HARD, "soft_bounced": SOFT}
# https://documentation.mailgun.com/docs/mailgun/user-manual/events/events#event-types ("suppress-*": its own list)
MAILGUN = {"suppress-bounce": HARD, "suppress-complaint": HARD, "espblock": POLICY}
# https://dev.mailjet.com/email/guides/webhooks/#possible-values-for-errors
MAILJET = {
    "user unknown": HARD,
    "mailbox inactive": HARD,
    "invalid domain": HARD,
    "no mail host": HARD,
    "typofix": HARD,
    "quota exceeded": SOFT,
    "greylisted": SOFT,
    "connection issue": SOFT,
    "system issue": SOFT,
    "protocol issue": SOFT,
    "relay/access denied": POLICY,
    "blacklisted": POLICY,
    "sender blocked": POLICY,
    "content blocked": POLICY,
    "policy issue": POLICY,
}
# https://docs.mailtrap.io/email-api-smtp/advanced/webhooks (bounce_category)
MAILTRAP = {"hard": HARD, "badmailbox": HARD, "baddomain": HARD, "spam": POLICY, "policy": POLICY, "mailboxfull": SOFT}
# https://mailchimp.com/developer/transactional/docs/webhooks/#message-events
MANDRILL = {"hard_bounce": HARD, "soft_bounce": SOFT}
# https://postmarkapp.com/developer/api/bounce-api#bounce-types
POSTMARK = {
    "HardBounce": HARD,
    "BadEmailAddress": HARD,
    "SoftBounce": SOFT,
    "DnsError": SOFT,
    "Transient": SOFT,
    "VirusNotification": POLICY,
    "SpamNotification": POLICY,
    "Blocked": POLICY,
    "DMARCPolicy": POLICY,
}
# https://resend.com/docs/dashboard/emails/email-bounces
RESEND = AMAZON | {("Permanent", "ContentRejected"): POLICY, ("Temporary", "General"): SOFT}
# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event#bounce-classifications
SENDGRID = {
    "invalid address": HARD,
    "mailbox unavailable": SOFT,
    "technical": SOFT,
    "content": POLICY,
    "reputation": POLICY,
    "frequency or volume too high": POLICY,
    "unclassified": None,
}
# https://support.sparkpost.com/docs/deliverability/bounce-classification-codes
SPARKPOST = {
    "10": HARD, "30": HARD,
    "20": SOFT, "21": SOFT, "22": SOFT, "24": SOFT, "40": SOFT, "70": SOFT, "100": SOFT,
    "23": POLICY, "25": POLICY, "50": POLICY, "51": POLICY, "52": POLICY, "53": POLICY, "54": POLICY,
}  # fmt: skip
# https://godocs.unisender.ru/web-api-ref#callback-format (delivery_status)
UNISENDER = {
    "err_user_unknown": HARD,
    "err_user_inactive": HARD,
    "err_domain_inactive": HARD,
    "err_mailbox_discarded": HARD,
    "err_mailbox_full": SOFT,
    "err_unreachable": SOFT,
    "err_will_retry": SOFT,
    "err_delivery_failed": SOFT,
    "err_destination_misconfigured": SOFT,
    "err_spam_rejected": POLICY,
    "err_blacklisted": POLICY,
    "err_too_large": POLICY,
}

type Raw = Mapping[str, Any]


def _at(raw: Any, *path: str) -> str:
    """Return the text at a path of a foreign object; "" where something is missing or of another kind."""
    for name in path:
        raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw if isinstance(raw, str) else ""


def _amazon(raw: Raw) -> Event.Verdict | None:
    return AMAZON.get((_at(raw, "bounce", "bounceType"), _at(raw, "bounce", "bounceSubType")))


def _resend(raw: Raw) -> Event.Verdict | None:
    kind, sub_type = _at(raw, "data", "bounce", "type"), _at(raw, "data", "bounce", "subType")
    if found := RESEND.get((kind, sub_type)):
        return found
    words = _at(raw, "data", "bounce", "message")  # requests of 2023 have no type
    return HARD if "hard bounce message" in words or "suppressed sending" in words else None


def _mailjet(raw: Raw) -> Event.Verdict | None:
    return MAILJET.get(_at(raw, "error")) or (HARD if raw.get("hard_bounce") is True else None)


def _sendgrid(raw: Raw) -> Event.Verdict | None:
    is_block = _at(raw, "type") == "blocked"  # "the receiving server could not or would not accept it temporarily"
    return SENDGRID.get(_at(raw, "bounce_classification").lower()) or (POLICY if is_block else None)


def _sparkpost(raw: Raw) -> Event.Verdict | None:
    events = raw.get("msys")
    inner: Any = next(iter(events.values()), {}) if isinstance(events, Mapping) else {}
    return SPARKPOST.get(_at(inner, "bounce_class"))


TABLES: dict[str, Callable[[Raw], Event.Verdict | None]] = {
    "amazon_ses": _amazon,
    "brevo": lambda raw: BREVO.get(_at(raw, "event")),
    "mailersend": lambda raw: MAILERSEND.get(_at(raw, "data", "type")),
    "mailgun": lambda raw: MAILGUN.get(_at(raw, "event-data", "reason")),
    "mailjet": _mailjet,
    "mailtrap": lambda raw: MAILTRAP.get(_at(raw, "bounce_category").replace("_", "")),
    "mandrill": lambda raw: MANDRILL.get(_at(raw, "event")),
    "postmark": lambda raw: POSTMARK.get(_at(raw, "Type") or _at(raw, "SuppressionReason")),
    "resend": _resend,
    "sendgrid": _sendgrid,
    "sparkpost": _sparkpost,
    "unisender_go": lambda raw: UNISENDER.get(_at(raw, "delivery_info", "delivery_status")),
}


def verdict(provider: str, raw: Raw, said: Iterable[str], status: str = "") -> Event.Verdict:
    """Return what a bounce says of its address. raw: the provider's own event. said: the receiver's words."""
    texts = [one for one in said if one.strip()]
    by_table = TABLES[provider](raw) if provider in TABLES else None
    if by_table is None:
        return verdicts.of(texts[:1], status, texts[1:])
    if by_table != POLICY and texts and verdicts.of(texts[:1], status, texts[1:]) == POLICY:
        return POLICY
    return by_table
