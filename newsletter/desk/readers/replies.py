"""Screens of what readers write: sentences, replies, conversations and quotes."""

from typing import Any, cast
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.events.parsing.personal_mail import attachment_bytes, without_control_characters
from newsletter.delivery.models import Answer, Quote, Reply, ReplyMail, ReplyTag
from newsletter.delivery.models.replies import ANSWER_MAX, PASSAGE_MAX, ReplyQuerySet
from newsletter.delivery.readers import quoting
from newsletter.delivery.readers.quoting import answer_subject, obstacle_to_answering
from newsletter.desk.next_issue import unscheduled_issues
from newsletter.issues.models import Issue
from newsletter.publication import changes
from newsletter.publication.models import Publication
from subscribers.models import Sentence, address_hash
from subscribers.reader_lists import KeyPaginator

PER_PAGE = 30


@require_safe
def sentences(request: HttpRequest) -> HttpResponse:
    shows_all = request.GET.get("all") == "1"
    found = Sentence.objects.select_related("subscriber")
    page = Paginator(found if shows_all else found.filter(answered_at=None), PER_PAGE).get_page(request.GET.get("p", 1))
    context = {"title": _("What readers say"), "page": page, "shows_all": shows_all}
    return render(request, "desk/readers/sentences.html", admin.site.each_context(request) | context)


@require_POST
def mark_sentence_answered(request: HttpRequest, pk: int) -> HttpResponse:
    sentence = get_object_or_404(Sentence, pk=pk)
    is_open = "open" in request.POST
    Sentence.objects.filter(pk=sentence.pk).update(answered_at=None if is_open else timezone.now())
    response = redirect("admin:reader_sentences")
    if is_open:
        response.headers["Location"] += "?all=1"
    return response


QUERY_OF_SHOW = {"": "to_answer", "all": "by_readers", "others": "by_strangers"}  # by ?show=: queryset method
CHOICES_MAX = 100  # issues, and tags, that can be chosen


class ReplyFilter(forms.Form):
    """Filters of the replies. Invalid values are ignored: the URL may be an old one."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False, max_length=100)
    issue = forms.TypedChoiceField(label=gettext_lazy("Issue"), required=False, coerce=int, empty_value=None)
    tag = forms.ChoiceField(label=gettext_lazy("Tag"), required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, label_suffix="")
        answered = Reply.objects.filter(issue__isnull=False).order_by().values("issue")
        issues = Issue.objects.filter(pk__in=answered).order_by("-sent_at", "-number")[:CHOICES_MAX]
        names = ReplyTag.objects.order_by("name").values_list("name", flat=True).distinct()[:CHOICES_MAX]
        issue, tag = (cast("forms.ChoiceField", self.fields[name]) for name in ("issue", "tag"))
        issue.choices = [("", _("Any issue")), *((one.pk, str(one)) for one in issues)]
        tag.choices = [("", _("Any tag")), *((name, name) for name in names)]

    def choose(self, found: ReplyQuerySet) -> ReplyQuerySet:
        self.is_valid()
        if words := self.cleaned_data.get("q", ""):
            found = found.containing(words)
        if issue := self.cleaned_data.get("issue"):
            found = found.filter(issue=issue)
        if tag := self.cleaned_data.get("tag"):
            found = found.tagged(tag)
        return found


@require_safe
def replies(request: HttpRequest) -> HttpResponse:
    show = request.GET.get("show", "")
    show = show if show in QUERY_OF_SHOW else ""
    form = ReplyFilter(request.GET)
    found = form.choose(getattr(Reply.objects, QUERY_OF_SHOW[show])())
    page = KeyPaginator(found, PER_PAGE, rows=Reply.objects.listed()).get_page(request.GET.get("p", 1))
    is_filtered = any(request.GET.get(name) for name in form.fields)
    context = {"title": _("What readers say"), "page": page, "show": show, "form": form, "is_filtered": is_filtered}
    context["has_filters"] = is_filtered or show != "" or page.paginator.count > PER_PAGE
    return render(request, "desk/readers/replies.html", admin.site.each_context(request) | context)


FILE_POLICY = "default-src 'none'; sandbox"


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Your answer"), max_length=ANSWER_MAX, widget=forms.Textarea({"rows": 8, "dir": "auto"})
    )

    def clean_text(self) -> str:
        return without_control_characters(self.cleaned_data["text"])


class MarkForm(forms.Form):
    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, max_length=400, help_text=gettext_lazy("Separated by commas.")
    )
    note = forms.CharField(
        label=gettext_lazy("Your note"), required=False, max_length=2000, widget=forms.Textarea({"rows": 3})
    )

    def clean_tags(self) -> list[str]:
        typed: str = self.cleaned_data["tags"]
        return typed.replace("，", ",").replace("、", ",").split(",")


@require_safe
def conversation(request: HttpRequest, pk: int) -> HttpResponse:
    return conversation_page(request, get_object_or_404(_replies(), pk=pk))


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an answer; `by_mail` marks it as answered elsewhere, `open` undoes that."""
    reply = get_object_or_404(_replies(), pk=pk)
    form = AnswerForm(request.POST, label_suffix="")
    if "by_mail" in request.POST or "open" in request.POST:
        at = None if "open" in request.POST else timezone.now()
        Reply.objects.thread(reply).update(answered_at=at)
        messages.success(request, _("Marked as answered.") if at else _("It waits for an answer again."))
    elif barred := obstacle_to_answering(reply):
        messages.error(request, barred)
    elif not form.is_valid():
        return conversation_page(request, reply, answer_form=form, status=422)
    elif Answer.objects.write(reply, form.cleaned_data["text"], timezone.now(), changes.current_actor().by):
        messages.success(request, _("Your answer is on its way."))
    else:
        messages.warning(request, _("The same answer was sent before; it is not sent twice."))
    return redirect("admin:reader_reply", pk)


@require_POST
def mark_reply(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the note and the tags of a reply; `delete` deletes the whole conversation."""
    reply = get_object_or_404(_replies(), pk=pk)
    form = MarkForm(request.POST, label_suffix="")
    if "delete" in request.POST:
        Reply.objects.filter(pk__in=[one.pk for one in Reply.objects.thread(reply)]).delete()
        messages.success(request, _("The conversation was deleted."))
        return redirect("admin:reader_replies")
    if not form.is_valid():
        return conversation_page(request, reply, mark_form=form, status=422)
    Reply.objects.filter(pk=reply.pk).update(note=form.cleaned_data["note"])
    reply.tag(form.cleaned_data["tags"])
    messages.success(request, _("Saved."))
    return redirect("admin:reader_reply", pk)


@require_safe
def reply_file(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Download an attachment: never displayed, whatever its declared type."""
    reply = get_object_or_404(Reply.objects.only("files"), pk=pk)
    known = next((one for one in reply.files if one["number"] == number), None)
    mail = ReplyMail.objects.filter(reply=reply).first()
    octets = attachment_bytes(bytes(mail.body), number) if mail and known else None
    if known is None or octets is None:
        raise Http404(number)
    response = HttpResponse(octets, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(known['name'], safe='')}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "no-store, private"
    return response


def conversation_page(
    request: HttpRequest,
    reply: Reply,
    *,
    answer_form: forms.Form | None = None,
    mark_form: forms.Form | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    thread = list(Reply.objects.thread(reply).select_related("mail").prefetch_related("answers"))
    kept = {"tags": ", ".join(one.name for one in reply.tags.all()), "note": reply.note}
    context = {
        "title": reply.name,
        "reply": reply,
        "said": _in_order(thread),
        "is_answered": all(one.answered_at for one in thread),
        "answer_form": answer_form or AnswerForm(label_suffix=""),
        "mark_form": mark_form or MarkForm(initial=kept, label_suffix=""),
        "why_not": obstacle_to_answering(reply),
        "mailto": mailto(thread[-1]),
        "can_ask": bool(reply.subscriber and address_hash(reply.sender) == reply.subscriber.address_hash),
        "asked": Quote.objects.filter(reply__in=thread).select_related("issue"),
    }
    return render(request, "desk/readers/reply.html", admin.site.each_context(request) | context | more, status=status)


def _in_order(thread: list[Reply]) -> list[Reply | Answer]:
    """Replies and answers by time; templates distinguish them by `sender`."""
    said: list[Reply | Answer] = [*thread, *(answer for one in thread for answer in one.answers.all())]
    return sorted(said, key=lambda one: one.received_at if isinstance(one, Reply) else one.written_at)


def mailto(reply: Reply) -> str:
    """A mailto link for the author's own mail program (RFC 6068)."""
    fields = {"subject": answer_subject(reply, Publication.objects.current())}
    if reply.message_id:
        fields["In-Reply-To"] = reply.message_id
    return f"mailto:{quote(reply.sender, safe='@')}?{urlencode(fields, quote_via=quote)}"


def _replies() -> Any:
    return Reply.objects.select_related("subscriber", "issue")


@require_POST
def ask_for_quote(request: HttpRequest, pk: int) -> HttpResponse:
    reply = get_object_or_404(Reply.objects.select_related("subscriber", "issue"), pk=pk)
    typed = request.POST.get("passage", "")
    passage = without_control_characters(typed).strip()
    problem = _("Copy the passage into the field.") if not passage else ""
    if len(passage) > PASSAGE_MAX:
        problem = _("A quote has at most %d characters.") % PASSAGE_MAX
    if problem := problem or quoting.obstacle_to_quoting(reply, passage):
        return conversation_page(request, reply, status=422, passage=typed, passage_problem=problem)
    if Quote.objects.ask(reply, passage, timezone.now(), changes.current_actor().by):
        messages.success(request, _("The reader is being asked. What they allow is listed under “Quotes”."))
    else:
        messages.warning(request, _("The reader was asked about these words before."))
    return redirect("admin:reader_reply", pk)


@require_safe
def quotes(request: HttpRequest) -> HttpResponse:
    found = Quote.objects.select_related("subscriber", "issue", "reply__issue").order_by("-pk")
    listed = Paginator(found, PER_PAGE).get_page(request.GET.get("p", 1))
    context = {"title": _("What readers say"), "page": listed, "next_issue": unscheduled_issues().first()}
    return render(request, "desk/readers/quotes.html", admin.site.each_context(request) | context)


@require_POST
def place_quote(request: HttpRequest, pk: int) -> HttpResponse:
    """Put an allowed quote into the issue being composed; `out` removes it."""
    quote = get_object_or_404(Quote.objects.select_related("issue"), pk=pk)
    issue = unscheduled_issues().first()
    if "out" in request.POST:
        is_done = quoting.remove_quote(quote, timezone.now())
        text = _("The quote is in no issue now.")
    else:
        is_done = issue is not None and quoting.place_quote(quote, issue, timezone.now())
        text = _("The quote is in issue %(number)s now.") % {"number": issue.number} if issue else ""
    if is_done:
        messages.success(request, text)
    else:
        messages.warning(
            request, _("Nothing was changed: the issue is scheduled or sent, or the quote was taken back.")
        )
    return redirect("admin:reader_quotes")
