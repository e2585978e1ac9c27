"""Somebody who asked for the newsletter elsewhere: they get the mail of the form on the site, and confirm by it.

No program makes a reader of anybody. The answer is the same whoever the address belongs to, as that of the form is:
a program that may see readers looks them up.
"""

from typing import Annotated

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Schema
from pydantic import ConfigDict, Field

from newsletter.api.endpoint import Answer
from newsletter.api.endpoints.readers.reading import readers
from newsletter.api.entrance import ApiRequest
from newsletter.api.forms import problem_of
from newsletter.api.problems import Problem
from newsletter.publication.limits.windows import closed_seconds
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from subscribers import privacy, signup, tasks
from subscribers.addresses import LENGTH_MAX
from subscribers.forms import NAME_MAX, SignupForm
from subscribers.models.consents import Circumstances
from subscribers.signup import HOUR, PER_HOUR

__all__ = ["readers"]

CARE = ("subscribers.see_readers", "subscribers.change_subscriber")
WORDS_MAX = 2000


class ReaderIn(Schema):
    """consent: the words by which they asked for it, as your form shows them."""

    model_config = ConfigDict(extra="forbid")
    email: Annotated[str, Field(min_length=3, max_length=LENGTH_MAX)]
    consent: Annotated[str, Field(min_length=1, max_length=WORDS_MAX)]
    name: Annotated[str, Field(max_length=NAME_MAX)] = ""


class AskedOut(Schema):
    """email: as it is stored. status: always asked."""

    email: str
    status: str


@readers.makes("/readers", scope="readers:write", needs=CARE, returns=AskedOut, status=202)
def add_reader(request: ApiRequest, new: ReaderIn) -> Answer:
    """Have somebody asked by mail whether they want the newsletter."""
    now = timezone.now()
    if not Publication.objects.current().takes_readers:
        raise Problem("conflict", _("New readers are not taken at the moment."))
    form = SignupForm({"email": new.email, "name": new.name, "sure": "1"})
    if not form.is_valid():
        raise problem_of(form, {})
    if seconds := closed_seconds("signup-api", str(request.auth.pk), limit=PER_HOUR, seconds=HOUR, now=now):
        raise Problem("too-many", headers={"Retry-After": str(seconds)})
    how = Circumstances(f"api:{request.auth.name}", new.consent, notice=privacy.words())
    email = form.cleaned_data["email"]
    if signup.sign_up(email, how, now, who=signup.Newcomer(form.cleaned_data["name"])):
        wake(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds
    return Answer({"email": email, "status": "asked"}, status=202, etag="")
