"""Readers, consents, suppressions, tags, notes, mail queues and counts."""

from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import Act, Consent, ConsentText, Forgotten
from subscribers.models.counts import (
    DayCount,
    Movement,
    OriginCount,
    ReaderCounts,
    cached_reader_counts,
    count_movements,
    count_readers,
)
from subscribers.models.mail_queue import ConfirmationReminder, FreshLink, LinkWish, MailBudget, Unsent
from subscribers.models.notes import Invitation, Invited, Note, Pause, Sentence
from subscribers.models.readers import (
    CONFIRM_WITHIN,
    FORGET_AFTER,
    NO_DETAILS,
    UNDO_WITHIN,
    Subscriber,
    SubscriberQuerySet,
    effective_suppressions,
    is_mailable,
)
from subscribers.models.suppressions import Suppression, address_hash
from subscribers.models.tags import ReaderTag, Tagging
