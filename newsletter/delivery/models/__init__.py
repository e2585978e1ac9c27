"""Tables: mailings, deliveries, and the records about them."""

from newsletter.delivery.models.course import CourseCopy, OnceMore
from newsletter.delivery.models.deliveries import (
    Batch,
    BatchQuerySet,
    Breakdown,
    Delivery,
    LedgerPlace,
    Refusal,
    Restoration,
)
from newsletter.delivery.models.events import Event, EventCount, InboundMessage, MailFetch
from newsletter.delivery.models.links import DaySalt, Link, LinkDayCount, Visit
from newsletter.delivery.models.mailing import (
    Alert,
    Mailing,
    MailingCounts,
    MailingQuerySet,
    MailingStep,
    RateLimitState,
)
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.models.reminders import Reminder, ResultLetter
from newsletter.delivery.models.replies import Answer, Feedback, Quote, Reply, ReplyMail, ReplyTag, accepts_replies
from newsletter.delivery.models.trials import Trial
