"""The doors of a delivered issue: what its reader thought of it, and what was changed since. GET changes nothing."""

from datetime import datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from newsletter.delivery.models import CourseCopy, Delivery
from newsletter.delivery.models.feedback import Feedback
from newsletter.delivery.readers.changes import versions
from newsletter.issues.models import NUMBER_MAX, Issue
from newsletter.publication.doors import capability, same_origin, too_many
from newsletter.publication.kept import kept
from newsletter.publication.limits import is_over
from subscribers.models import Sentence, Subscriber
from subscribers.models.notes import SENTENCE_LENGTH_MAX as SENTENCE_MAX
from subscribers.pages.views import DAY, lost

COUNTED_AFTER = timedelta(minutes=1)  # how old the numbers on the page of changes may be
ANSWERS_PER_DAY = 50  # of one reader, those that change their mind with them


@capability
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def feedback(request: HttpRequest, token: str, number: str = "", answer: str = "") -> HttpResponse:
    """Show the answer that was tapped in the mail, and keep it on POST.

    number, answer: of the issue, and what was tapped; a form, or the link of an older mail, names both in its query.
    """
    asked = request.POST if request.method == "POST" else request.GET
    reader = Subscriber.objects.opened_by(token, "feedback")
    issue = _received(reader, asked.get("issue", number)) if reader else None
    if reader is None or issue is None:
        return lost(request, token, "feedback")
    answer = asked.get("answer", answer)
    is_given = request.method == "POST" and answer in Feedback.Answer.values
    is_said = False
    if is_given:
        if is_over("sentence", str(reader.pk), limit=ANSWERS_PER_DAY, seconds=DAY):
            return too_many(request, seconds=DAY)
        issue.feedback.give(reader, issue, answer, timezone.now())
        text = request.POST.get("sentence", "")
        is_said = Sentence.objects.say(reader, Sentence.Kind.FEEDBACK, text, timezone.now(), issue=issue.number)
    context = {"issue": issue, "answers": Feedback.Answer.choices, "chosen": answer, "is_given": is_given}
    context |= {"is_said": is_said, "sentence_max": SENTENCE_MAX}
    return render(request, "delivery/feedback.html", context)


def _received(reader: Subscriber, number: str) -> Issue | None:
    """Return the issue with this number if the reader was sent it."""
    if not (number.isdecimal() and len(number) <= len(str(NUMBER_MAX)) and int(number) <= NUMBER_MAX):
        return None
    issue = Issue.objects.filter(number=int(number)).first()
    return issue if issue and _has_copy(reader, issue) else None


def _has_copy(reader: Subscriber, issue: Issue) -> bool:
    if Delivery.objects.filter(mailing__issue=issue, subscriber=reader).exists():
        return True
    return CourseCopy.objects.filter(issue=issue, subscriber=reader, sent_at__isnull=False).exists()


def _counted_anew(now: datetime) -> datetime:
    return now + COUNTED_AFTER


@kept(_counted_anew)
def changes(request: HttpRequest, number: int) -> HttpResponse:
    """Show word by word what was changed in an issue since it was sent, and how many readers have which text."""
    issue = get_object_or_404(Issue.objects.archived(), number=number)
    found = versions(issue, timezone.now())
    if not found:
        raise Http404
    return render(request, "delivery/changes.html", {"issue": issue, "versions": found})
