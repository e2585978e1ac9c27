"""The tables of readers: who asked for letters, what each agreed to, and addresses that must not be mailed."""

from subscribers.models.acts import Act
from subscribers.models.address_changes import AddressChange
from subscribers.models.confirmation_reminders import ConfirmationReminder
from subscribers.models.consents import Consent, ConsentText
from subscribers.models.counts import DayCount, Movement, Tally, kept_tally, movements, tally
from subscribers.models.forgotten import Forgotten
from subscribers.models.fresh_links import FreshLink
from subscribers.models.invitations import Invitation, Invited
from subscribers.models.link_wishes import LinkWish
from subscribers.models.mail_budget import MailBudget
from subscribers.models.notes import Note
from subscribers.models.origin_counts import OriginCount
from subscribers.models.pauses import Pause
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
from subscribers.models.sentences import Sentence
from subscribers.models.suppressions import Suppression, address_hash
from subscribers.models.tags import Tag, Tagging
from subscribers.models.unsent import Unsent

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
