"""The tables of readers: who asked for letters, what each agreed to, and addresses that must not be mailed."""

from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import Act, Consent, ConsentText, Forgotten
from subscribers.models.counts import DayCount, Movement, OriginCount, Tally, kept_tally, movements, tally
from subscribers.models.mails import ConfirmationReminder, FreshLink, LinkWish, MailBudget, Unsent
from subscribers.models.notes import Invitation, Invited, Note, Pause, Sentence
from subscribers.models.readers import (
    CONFIRM_WITHIN,
    FORGET_AFTER,
    NOT_SAID,
    UNDO_WITHIN,
    Subscriber,
    SubscriberQuerySet,
    barred,
    is_mailable,
)
from subscribers.models.suppressions import Suppression, address_hash
from subscribers.models.tags import Tag, Tagging

__all__ = [
    "CONFIRM_WITHIN",
    "FORGET_AFTER",
    "NOT_SAID",
    "UNDO_WITHIN",
    "Act",
    "AddressChange",
    "ConfirmationReminder",
    "Consent",
    "ConsentText",
    "DayCount",
    "Forgotten",
    "FreshLink",
    "Invitation",
    "Invited",
    "LinkWish",
    "MailBudget",
    "Movement",
    "Note",
    "OriginCount",
    "Pause",
    "Sentence",
    "Subscriber",
    "SubscriberQuerySet",
    "Suppression",
    "Tag",
    "Tagging",
    "Tally",
    "Unsent",
    "address_hash",
    "barred",
    "is_mailable",
    "kept_tally",
    "movements",
    "tally",
]
