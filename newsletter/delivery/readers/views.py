"""Pages for readers: allow or withdraw a quote, give feedback, see an issue's changes. GET changes nothing."""

from datetime import timedelta
from pathlib import PurePath

from django import forms
from django.db.models import Exists, F, OuterRef
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery.models import CourseCopy, Delivery, Quote
from newsletter.delivery.models.replies import NAME_MAX, Feedback
from newsletter.delivery.readers import quoting
from newsletter.delivery.readers.changes import versions
from newsletter.issues.models import NUMBER_MAX, Issue
from newsletter.issues.questions import voting_page
from newsletter.limits.public_views import private_view, same_origin, too_many_requests
from newsletter.limits.rate_limits import count_and_check_limit
from newsletter.page_cache.pages import cached_page
from newsletter.publication import gifts
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import media
from subscribers.models import Sentence, Subscriber
from subscribers.models.notes import SENTENCE_LENGTH_MAX as SENTENCE_MAX
from subscribers.pages.views import DAY, invalid_link


class QuoteNameForm(forms.Form):
    name = forms.CharField(
        label=_("How shall you be called?"), help_text=_("Empty: a reader."), required=False, max_length=NAME_MAX
    )


@private_view
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def quote(request: HttpRequest, token: str) -> HttpResponse:
    """Show the passage; POST allows (with a name) or declines."""
    found = Quote.objects.by_token(token)
    if found is None:
        return invalid_link(request)
    form = QuoteNameForm(request.POST if "allow" in request.POST else None, label_suffix="")
    if request.method == "POST":
        now = timezone.now()
        if "decline" in request.POST:
            is_done = quoting.decline_quote(found, now)
        elif not form.is_valid():
            return _quote_page(request, found, form, status=422)
        else:
            is_done = quoting.allow_quote(found, form.cleaned_data["name"], now)
        return redirect("delivery:quote", token) if is_done else _quote_page(request, found, form, status=409)
    return _quote_page(request, found, form)


def _quote_page(request: HttpRequest, found: Quote, form: QuoteNameForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    context = {"quote": found, "form": form, "can_allow": found.can_be_allowed(now), "is_refused": status == 409}
    return render(request, "delivery/quote.html", context, status=status)


CACHED_FOR = timedelta(minutes=1)  # maximal age of the numbers on the page of changes
VOTE_PREFIX = "q"  # of the answer in links to the issue's own question: q1 to q5
GIFTS_PER_DAY = 20  # downloads of one reader
ANSWERS_PER_DAY = 50  # of one reader, including changes


@private_view
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def feedback(request: HttpRequest, token: str, number: str = "", answer: str = "") -> HttpResponse:
    """Show the answer tapped in the mail; POST stores it.

    number: of the issue. Forms and links of older mails have both in the query instead.
    """
    asked = request.POST if request.method == "POST" else request.GET
    reader = Subscriber.objects.for_token(token, "feedback")
    issue = _issue_of_reader(reader, asked.get("issue", number)) if reader else None
    if reader is None or issue is None:
        return invalid_link(request, token, "feedback")
    who = str(reader.pk)
    if answer.startswith(VOTE_PREFIX):
        if request.method == "POST" and count_and_check_limit("vote", who, limit=ANSWERS_PER_DAY, seconds=DAY):
            return too_many_requests(request, seconds=DAY)
        return voting_page(request, issue, f"reader {reader.pk} {reader.token_salt}", answer.removeprefix(VOTE_PREFIX))
    answer = asked.get("answer", answer)
    is_given, has_sentence = request.method == "POST" and answer in Feedback.Rating.values, False
    if is_given:
        if count_and_check_limit("sentence", who, limit=ANSWERS_PER_DAY, seconds=DAY):
            return too_many_requests(request, seconds=DAY)
        issue.feedback.give(reader, issue, answer, timezone.now())
        text = request.POST.get("sentence", "")
        has_sentence = Sentence.objects.store(reader, Sentence.Kind.FEEDBACK, text, timezone.now(), issue=issue.number)
    context = {"issue": issue, "answers": Feedback.Rating.choices, "chosen": answer, "is_given": is_given}
    context |= {"has_sentence": has_sentence, "sentence_max": SENTENCE_MAX}
    return render(request, "delivery/feedback.html", context)


@private_view
@require_safe
def gift(request: HttpRequest, token: str) -> HttpResponseBase:
    """Serve the gift of the welcome to a reader, and count it once a day for each."""
    reader, publication = Subscriber.objects.for_token(token, "gift"), Publication.objects.current()
    if reader is None or not publication.gift:
        return invalid_link(request, token, "gift")
    if count_and_check_limit("gift", str(reader.pk), limit=GIFTS_PER_DAY, seconds=DAY):
        return too_many_requests(request, seconds=DAY)
    name = str(publication.gift.name)
    try:
        file = media.open(name)
    except FileNotFoundError:
        raise Http404 from None
    if request.method == "GET" and not count_and_check_limit("gift-counted", str(reader.pk), limit=1, seconds=DAY):
        Publication.objects.update(gift_count=F("gift_count") + 1)
    content_type = gifts.GIFT_TYPES[PurePath(name).suffix]
    return FileResponse(file, as_attachment=True, filename=publication.gift_name, content_type=content_type)


def _issue_of_reader(reader: Subscriber, number: str) -> Issue | None:
    if not (number.isdecimal() and len(number) <= len(str(NUMBER_MAX)) and int(number) <= NUMBER_MAX):
        return None
    copies = Delivery.objects.filter(mailing__issue=OuterRef("pk"), subscriber=reader)
    course = CourseCopy.objects.filter(issue=OuterRef("pk"), subscriber=reader, sent_at__isnull=False)
    return Issue.objects.filter(Exists(copies) | Exists(course), number=int(number)).first()


@cached_page(lambda now: now + CACHED_FOR)
def changes(request: HttpRequest, number: int) -> HttpResponse:
    """Show the word diffs of an issue since it was sent, and how many readers have which text."""
    issue = get_object_or_404(Issue.objects.archived(), number=number)
    found = versions(issue, timezone.now())
    if not found:
        raise Http404
    return render(request, "delivery/changes.html", {"issue": issue, "versions": found})
