"""Test copies of an issue, to the author's own addresses: what the provider answered, and where they lie."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from newsletter.delivery.provider.outcomes import Answer, ProviderAway, ProviderRefuses
from newsletter.delivery.rehearsal.rehearse import send_test_copy
from newsletter.desk.forms import TestCopyForm
from newsletter.desk.issues.composer import page
from newsletter.issues.models import Issue
from newsletter.mail import outbox
from newsletter.publication.models import Publication


@require_http_methods(["GET", "HEAD", "POST"])
def test_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the issue, as it is now, to the author's own addresses, and say what the provider answered."""
    issue = get_object_or_404(Issue, pk=pk)
    own = getattr(request.user, "email", "") or Publication.objects.current().sender_email
    form = TestCopyForm(request.POST or None, initial={"addresses": own})
    if form.is_valid():
        for address in form.cleaned_data["addresses"]:
            level, text = _send(issue, address)
            is_kept = level == messages.SUCCESS and settings.MAILERS["bulk"]["BACKEND"] == outbox.BACKEND
            messages.add_message(request, level, _kept(address, request.user) if is_kept else text)
        return redirect("admin:issue_test", pk)
    return page(request, "desk/test_copy.html", issue, {"title": _("Test copy"), "form": form})


def _kept(address: str, user: Any) -> str:
    """Say that the copy lies in the outbox, with the way there for who may read it."""
    text = _("%(address)s: no mail server is set, so the test copy lies in the outbox here. Nothing has left.")
    text = text % {"address": address}
    if not user.has_perm("publication.see_mail"):
        return text
    return format_html('{} <a href="{}">{}</a>', text, reverse("mail:outbox"), _("Open the outbox"))


def _send(issue: Issue, address: str) -> tuple[int, str]:
    """Send one test copy; return a message's level and words."""
    try:
        outcome = send_test_copy(issue, address)
    except (ProviderAway, ProviderRefuses) as problem:
        text = _("%(address)s: nothing was sent, because the mail server does not take it: %(answer)s")
        return messages.ERROR, text % {"address": address, "answer": problem}
    facts = {"address": address, "answer": outcome.reply or outcome.provider_id or "OK"}
    return _ANSWERS[outcome.answer][0], str(_ANSWERS[outcome.answer][1]) % facts


_ANSWERS = {
    Answer.SENT: (
        messages.SUCCESS,
        gettext_lazy("%(address)s: the mail server has accepted the test copy. It answered: %(answer)s"),
    ),
    Answer.FAILED: (messages.ERROR, gettext_lazy("%(address)s: the mail server refused it: %(answer)s")),
    Answer.DEFERRED: (messages.WARNING, gettext_lazy("%(address)s: not now, says the mail server: %(answer)s")),
    Answer.UNCERTAIN: (
        messages.WARNING,
        gettext_lazy("%(address)s: handed over, but no answer came back. It may or may not arrive. %(answer)s"),
    ),
}
