"""What a hook can be told of. The names are public: programs of others know them."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    CONFIRMED = "reader.confirmed", _("A reader has confirmed, or come back")
    LEFT = "reader.left", _("A reader has left")
    SUPPRESSED = "reader.suppressed", _("No mail goes to a reader any more")
    PUBLISHED = "post.published", _("A post is public")
    SCHEDULED = "issue.scheduled", _("An issue is scheduled, or moved to another time")
    BEGUN = "issue.begun", _("An issue begins to go out")
    PAUSED = "issue.paused", _("An issue stands still")
    SENT = "issue.sent", _("An issue is sent")
    RESULT = "issue.result_ready", _("The result of an issue is there")
    TEST = "webhook.test", _("A test")


OF_READERS = (Event.CONFIRMED, Event.LEFT, Event.SUPPRESSED)
OF_MAILINGS = (Event.SCHEDULED, Event.BEGUN, Event.PAUSED, Event.SENT)
CHOSEN = [(event.value, event.label) for event in Event if event != Event.TEST]  # what an author ticks
