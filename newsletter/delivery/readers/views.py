"""The page on which a reader allows a quote, by one button, says no, or takes it back. GET changes nothing."""

from datetime import timedelta

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from newsletter.delivery.models import CourseCopy, Delivery, Quote
from newsletter.delivery.models.replies import NAME_MAX, Feedback
from newsletter.delivery.readers import quoting
from newsletter.delivery.readers.changes import versions
from newsletter.issues.models import NUMBER_MAX, Issue
from newsletter.publication.doors import capability, same_origin, too_many
from newsletter.publication.kept import kept
from newsletter.publication.limits import is_over
from subscribers.models import Sentence, Subscriber
from subscribers.models.notes import SENTENCE_LENGTH_MAX as SENTENCE_MAX
from subscribers.pages.views import DAY, lost


class NameForm(forms.Form):
    name = forms.CharField(
        label=_("How shall you be called?"), help_text=_("Empty: a reader."), required=False, max_length=NAME_MAX
    )


@capability
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def quote(request: HttpRequest, token: str) -> HttpResponse:
    """Show the passage; a POST says yes (with a name) or no."""
    found = Quote.objects.opened_by(token)
    if found is None:
        return lost(request)
    form = NameForm(request.POST if "allow" in request.POST else None, label_suffix="")
    if request.method == "POST":
        now = timezone.now()
        if "decline" in request.POST:
            is_done = quoting.decline(found, now)
        elif not form.is_valid():
            return _page(request, found, form, status=422)
        else:
            is_done = quoting.allow(found, form.cleaned_data["name"], now)
        return redirect("delivery:quote", token) if is_done else _page(request, found, form, status=409)
    return _page(request, found, form)


def _page(request: HttpRequest, found: Quote, form: NameForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    context = {"quote": found, "form": form, "can_allow": found.can_be_allowed(now), "is_refused": status == 409}
    return render(request, "delivery/quote.html", context, status=status)


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


@kept(lambda now: now + COUNTED_AFTER)
def changes(request: HttpRequest, number: int) -> HttpResponse:
    """Show word by word what was changed in an issue since it was sent, and how many readers have which text."""
    issue = get_object_or_404(Issue.objects.archived(), number=number)
    found = versions(issue, timezone.now())
    if not found:
        raise Http404
    return render(request, "delivery/changes.html", {"issue": issue, "versions": found})
