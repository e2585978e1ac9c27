"""The page on which a reader allows a quote, by one button, says no, or takes it back. GET changes nothing."""

from typing import cast

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from newsletter.delivery.models import Quote
from newsletter.delivery.models.quotes import NAME_MAX
from newsletter.delivery.readers import quoting
from newsletter.publication.doors import capability, same_origin
from subscribers.addresses import one_line
from subscribers.pages.views import lost

FULL, OTHER, NONE = "full", "other", "none"


class NameForm(forms.Form):
    """How the reader wants to be called. full: the name of their mail, "" if it has none."""

    called = forms.ChoiceField(label=_("Called"), widget=forms.RadioSelect)
    other = forms.CharField(label=_("Another name"), required=False, max_length=NAME_MAX)

    def __init__(self, data: QueryDict | None, *, full: str) -> None:
        self.full = full
        super().__init__(data or None, label_suffix="", initial={"called": NONE})
        own = [(FULL, full)] if full else []
        choices = [(NONE, _("A reader")), *own, (OTHER, _("Another name"))]
        cast("forms.ChoiceField", self.fields["called"]).choices = choices

    def clean_other(self) -> str:
        return one_line(self.cleaned_data["other"])

    def clean(self) -> None:
        if self.cleaned_data.get("called") == OTHER and not self.cleaned_data.get("other"):
            self.add_error("other", _("Please write the name."))

    @property
    def name(self) -> str:
        names: dict[str, str] = {FULL: self.full, OTHER: self.cleaned_data["other"], NONE: ""}
        return names[self.cleaned_data["called"]]


@capability
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def quote(request: HttpRequest, token: str) -> HttpResponse:
    """Show the passage; a POST says yes (with a name) or no."""
    found = Quote.objects.opened_by(token)
    if found is None:
        return lost(request)
    full = one_line(found.reply.sender_name)[:NAME_MAX] if found.reply else ""
    form = NameForm(request.POST if request.method == "POST" and "allow" in request.POST else None, full=full)
    if request.method == "POST":
        now = timezone.now()
        if "decline" in request.POST:
            is_done = quoting.decline(found, now)
        elif not form.is_valid():
            return _page(request, found, form, status=422)
        else:
            is_done = quoting.allow(found, form.name, now)
        return redirect("delivery:quote", token) if is_done else _page(request, found, form, status=409)
    return _page(request, found, form)


def _page(request: HttpRequest, found: Quote, form: NameForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    context = {"quote": found, "form": form, "can_allow": found.can_be_allowed(now), "is_refused": status == 409}
    return render(request, "delivery/quote.html", context, status=status)
