"""One conversation with a reader: what they wrote, what was answered, and the form for the next answer."""

from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.events.reading.personal import legible, octets_of
from newsletter.delivery.models import Answer, Quote, Reply, ReplyMail
from newsletter.delivery.models.replies import ANSWER_MAX
from newsletter.delivery.readers.quoting import subject_of, why_not
from newsletter.publication import actors
from newsletter.publication.models import Publication
from subscribers.models import address_hash

FILE_POLICY = "default-src 'none'; sandbox"


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Your answer"), max_length=ANSWER_MAX, widget=forms.Textarea({"rows": 8, "dir": "auto"})
    )

    def clean_text(self) -> str:
        return legible(self.cleaned_data["text"])


class MarkForm(forms.Form):
    """What the author keeps about a reply: a note, and tags parted by commas."""

    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, max_length=400, help_text=gettext_lazy("Parted by commas.")
    )
    note = forms.CharField(
        label=gettext_lazy("Your note"), required=False, max_length=2000, widget=forms.Textarea({"rows": 3})
    )

    def clean_tags(self) -> list[str]:
        typed: str = self.cleaned_data["tags"]
        return typed.replace("，", ",").replace("、", ",").split(",")


@require_safe
def conversation(request: HttpRequest, pk: int) -> HttpResponse:
    return page(request, get_object_or_404(_replies(), pk=pk))


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an answer; `by_mail` marks that there was one elsewhere, `open` takes that back."""
    reply = get_object_or_404(_replies(), pk=pk)
    form = AnswerForm(request.POST, label_suffix="")
    if "by_mail" in request.POST or "open" in request.POST:
        at = None if "open" in request.POST else timezone.now()
        Reply.objects.thread(reply).update(answered_at=at)
        messages.success(request, _("Marked as answered.") if at else _("It waits for an answer again."))
    elif barred := why_not(reply):
        messages.error(request, barred)
    elif not form.is_valid():
        return page(request, reply, answer_form=form, status=422)
    elif Answer.objects.write(reply, form.cleaned_data["text"], timezone.now(), actors.current().by):
        messages.success(request, _("Your answer is on its way."))
    else:
        messages.warning(request, _("The same answer was sent before; it is not sent twice."))
    return redirect("admin:reader_reply", pk)


@require_POST
def mark(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the note and the tags of a reply; `delete` deletes the whole conversation."""
    reply = get_object_or_404(_replies(), pk=pk)
    form = MarkForm(request.POST, label_suffix="")
    if "delete" in request.POST:
        Reply.objects.filter(pk__in=[one.pk for one in Reply.objects.thread(reply)]).delete()
        messages.success(request, _("The conversation was deleted."))
        return redirect("admin:reader_replies")
    if not form.is_valid():
        return page(request, reply, mark_form=form, status=422)
    Reply.objects.filter(pk=reply.pk).update(note=form.cleaned_data["note"])
    reply.tag(form.cleaned_data["tags"])
    messages.success(request, _("Saved."))
    return redirect("admin:reader_reply", pk)


@require_safe
def file(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Give out a file that hangs on a reply: to be saved, never to be shown, whatever it says that it is."""
    reply = get_object_or_404(Reply.objects.only("files"), pk=pk)
    known = next((one for one in reply.files if one["number"] == number), None)
    mail = ReplyMail.objects.filter(reply=reply).first()
    octets = octets_of(bytes(mail.body), number) if mail and known else None
    if known is None or octets is None:
        raise Http404(number)
    response = HttpResponse(octets, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(known['name'], safe='')}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "no-store, private"
    return response


def page(
    request: HttpRequest,
    reply: Reply,
    *,
    answer_form: forms.Form | None = None,
    mark_form: forms.Form | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Show the conversation of a reply, with a form as it was filled in."""
    thread = list(Reply.objects.thread(reply).select_related("mail").prefetch_related("answers"))
    kept = {"tags": ", ".join(one.name for one in reply.tags.all()), "note": reply.note}
    context = {
        "title": reply.name,
        "reply": reply,
        "said": _in_order(thread),
        "is_answered": all(one.answered_at for one in thread),
        "answer_form": answer_form or AnswerForm(label_suffix=""),
        "mark_form": mark_form or MarkForm(initial=kept, label_suffix=""),
        "why_not": why_not(reply),
        "mailto": mailto(thread[-1]),
        "can_ask": bool(reply.subscriber and address_hash(reply.sender) == reply.subscriber.address_hash),
        "asked": Quote.objects.filter(reply__in=thread).select_related("issue"),
    }
    return render(request, "desk/readers/reply.html", admin.site.each_context(request) | context | more, status=status)


def _in_order(thread: list[Reply]) -> list[Reply | Answer]:
    """Return replies and answers as they were written; the templates tell them apart by `sender`."""
    said: list[Reply | Answer] = [*thread, *(answer for one in thread for answer in one.answers.all())]
    return sorted(said, key=lambda one: one.received_at if isinstance(one, Reply) else one.written_at)


def mailto(reply: Reply) -> str:
    """Return the link that opens an answer in the author's own program (RFC 6068)."""
    fields = {"subject": subject_of(reply, Publication.objects.current())}
    if reply.message_id:
        fields["In-Reply-To"] = reply.message_id
    return f"mailto:{quote(reply.sender, safe='@')}?{urlencode(fields, quote_via=quote)}"


def _replies() -> Any:
    return Reply.objects.select_related("subscriber", "issue")
