"""The tables of deliveries: a mailing, its copies, and what is written down about them."""

from newsletter.delivery.models.course import CourseCopy, OnceMore
from newsletter.delivery.models.deliveries import Batch, BatchQuerySet, Breakdown, Delivery, Refusal, Restoration
from newsletter.delivery.models.events import Arrival, Event, EventCount, MailFetch
from newsletter.delivery.models.links import DayCount, DaySalt, Link, Visit
from newsletter.delivery.models.mailing import Counts, Happening, Mailing, MailingQuerySet, Pace, Step
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.models.reminders import Reminder, ResultLetter
from newsletter.delivery.models.replies import Answer, Feedback, Quote, Reply, ReplyMail, ReplyTag, are_read_here

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
