"""Texts of a sent issue that its author takes out of the public list of changes. Each time is a step of a mailing."""

from datetime import datetime

from django.db import transaction

from newsletter.delivery.models import Mailing, Step
from newsletter.issues.models import Issue

VERBS = (Step.What.WITHHELD, Step.What.SHOWN)


def withheld(issue: Issue) -> dict[str, datetime]:
    """Return the texts that are not shown, by the hash of their contents, with when each was taken out."""
    steps = Step.objects.filter(mailing__issue=issue, what__in=VERBS).order_by("pk")
    found: dict[str, datetime] = {}
    for content_hash, what, at in steps.values_list("mailing__content_hash", "what", "at"):
        if what == Step.What.WITHHELD:
            found[content_hash] = at
        else:
            found.pop(content_hash, None)
    return found


def can_be_withheld(mailing: Mailing) -> bool:
    """Return whether the text of a mailing is in the list, or would be: some reader has it, and it changes no more."""
    return bool(mailing.planned_at) and mailing.state not in Mailing.OPEN_STATES


def withhold(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Take the text of a mailing out of the list; return False if it is out already, or cannot be."""
    return _switch(mailing, Step.What.WITHHELD, reason, now)


def show_again(mailing: Mailing, reason: str, now: datetime) -> bool:
    """Put the text of a mailing back into the list; return False if it is there."""
    return _switch(mailing, Step.What.SHOWN, reason, now)


def _switch(mailing: Mailing, what: Step.What, reason: str, now: datetime) -> bool:
    with transaction.atomic():
        mailing.lock()
        is_withheld = mailing.content_hash in withheld(mailing.issue)
        if not can_be_withheld(mailing) or is_withheld == (what == Step.What.WITHHELD):
            return False
        mailing.record(what, reason, now)
    return True
