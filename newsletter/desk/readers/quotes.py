"""Quotes of readers: asking for one, and where those that are allowed stand."""

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.events.reading.personal import legible
from newsletter.delivery.models import Quote, Reply
from newsletter.delivery.models.replies import PASSAGE_MAX
from newsletter.delivery.readers import quoting
from newsletter.desk.next_issue import in_the_making
from newsletter.desk.readers.conversation import page
from newsletter.publication import actors

PER_PAGE = 30


@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the reader asked whether a passage of their reply may be quoted."""
    reply = get_object_or_404(Reply.objects.select_related("subscriber", "issue"), pk=pk)
    typed = request.POST.get("passage", "")
    passage = legible(typed).strip()
    problem = _("Copy the passage into the field.") if not passage else ""
    if len(passage) > PASSAGE_MAX:
        problem = _("A quote has at most %d characters.") % PASSAGE_MAX
    if problem := problem or quoting.obstacle(reply, passage):
        return page(request, reply, status=422, passage=typed, passage_problem=problem)
    if Quote.objects.ask(reply, passage, timezone.now(), actors.current().by):
        messages.success(request, _("The reader is being asked. What they allow stands under “Quotes”."))
    else:
        messages.warning(request, _("The reader was asked about these words before."))
    return redirect("admin:reader_reply", pk)


@require_safe
def quotes(request: HttpRequest) -> HttpResponse:
    """Show what readers were asked for, with what they said and where it stands."""
    found = Quote.objects.select_related("subscriber", "issue", "reply__issue").order_by("-pk")
    listed = Paginator(found, PER_PAGE).get_page(request.GET.get("p", 1))
    context = {"title": _("What readers say"), "page": listed, "next_issue": in_the_making().first()}
    return render(request, "desk/readers/quotes.html", admin.site.each_context(request) | context)


@require_POST
def place(request: HttpRequest, pk: int) -> HttpResponse:
    """Put an allowed quote into the issue that is put together now; `out` takes it out again."""
    quote = get_object_or_404(Quote.objects.select_related("issue"), pk=pk)
    issue = in_the_making().first()
    if "out" in request.POST:
        is_done = quoting.take_out(quote, timezone.now())
        text = _("The quote is in no issue now.")
    else:
        is_done = issue is not None and quoting.place(quote, issue, timezone.now())
        text = _("The quote is in issue %(number)s now.") % {"number": issue.number} if issue else ""
    if is_done:
        messages.success(request, text)
    else:
        messages.warning(
            request, _("Nothing was changed: the issue is scheduled or sent, or the quote was taken back.")
        )
    return redirect("admin:reader_quotes")
