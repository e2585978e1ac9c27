"""Whether readers are shown the text of a mailing in the public list of what was changed in its issue."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from newsletter.delivery.models import Mailing
from newsletter.delivery.readers import changes
from newsletter.desk.forms import ReasonForm
from newsletter.desk.issues.composer import page


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a reason; on POST take the text out of the list, or put it back, and write that down."""
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if not changes.can_be_withheld(found):
        messages.warning(request, _("What is not sent yet is not in the public list."))
        return redirect("admin:mailing", pk)
    is_out = found.content_hash in changes.withheld(found.issue)
    form = ReasonForm(request.POST or None, initial={"wanted": "show" if is_out else "withhold"})
    if form.is_valid():
        _do(request, found, form.cleaned_data["wanted"], form.cleaned_data["reason"])
        return redirect("admin:mailing", pk)
    title = _("Show this text again") if is_out else _("Take this text out")
    context = {"title": title, "mailing": found, "form": form, "is_out": is_out}
    return page(request, "desk/public_text.html", found.issue, context)


def _do(request: HttpRequest, found: Mailing, wanted: str, reason: str) -> None:
    act = changes.withhold if wanted == "withhold" else changes.show_again
    if not act(found, reason, timezone.now()):
        messages.warning(request, _("Nothing was changed: it was done before, perhaps in another tab."))
    elif wanted == "withhold":
        messages.success(request, _("Readers are not shown this text any more, only that and when it was taken out."))
    else:
        messages.success(request, _("Readers are shown this text again."))
