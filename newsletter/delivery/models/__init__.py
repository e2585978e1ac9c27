"""The tables of deliveries: a mailing, its copies, and what is written down about them."""

from newsletter.delivery.models.alerts import Happening
from newsletter.delivery.models.breakdowns import Breakdown
from newsletter.delivery.models.course import CourseCopy
from newsletter.delivery.models.deliveries import Batch, BatchQuerySet, Delivery
from newsletter.delivery.models.events import Arrival, Event, EventCount, MailFetch
from newsletter.delivery.models.feedback import Feedback
from newsletter.delivery.models.history import Step
from newsletter.delivery.models.links import DayCount, DaySalt, Link, Visit
from newsletter.delivery.models.mailing import Counts, Mailing, MailingQuerySet, Pace
from newsletter.delivery.models.once_more import OnceMore
from newsletter.delivery.models.quotes import Quote
from newsletter.delivery.models.refusals import Refusal
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.models.replies import Answer, Reply, ReplyMail, ReplyTag, are_read_here
from newsletter.delivery.models.restorations import Restoration
from newsletter.delivery.models.result_letters import ResultLetter

__all__ = [
    "Answer",
    "Arrival",
    "Batch",
    "BatchQuerySet",
    "Breakdown",
    "Counts",
    "CourseCopy",
    "DayCount",
    "DaySalt",
    "Delivery",
    "Event",
    "EventCount",
    "Feedback",
    "Happening",
    "Link",
    "MailFetch",
    "Mailing",
    "MailingQuerySet",
    "OnceMore",
    "Pace",
    "Quote",
    "Refusal",
    "Rehearsal",
    "Reminder",
    "Reply",
    "ReplyMail",
    "ReplyTag",
    "Restoration",
    "ResultLetter",
    "Step",
    "Visit",
    "are_read_here",
]
