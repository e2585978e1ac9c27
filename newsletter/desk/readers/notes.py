"""Notes of the author about a reader: written and removed on the reader's page."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from newsletter.publication import changes
from subscribers.addresses import one_line
from subscribers.models import Note, Subscriber
from subscribers.models.notes import LENGTH_MAX


class NoteForm(forms.Form):
    text = forms.CharField(max_length=LENGTH_MAX, widget=forms.Textarea({"rows": 3}))

    def clean_text(self) -> str:
        """Return the lines without signs that turn the words beside them."""
        return "\n".join(one_line(line) for line in self.cleaned_data["text"].splitlines())


@require_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    """Write a note about a reader; `remove` names one that is to go."""
    reader = get_object_or_404(Subscriber, pk=pk)
    form = NoteForm(request.POST)
    if removed := request.POST.get("remove", ""):
        Note.objects.filter(subscriber=reader, pk=removed if removed.isdecimal() else 0).delete()
        messages.success(request, _("The note was removed."))
    elif form.is_valid():
        Note.objects.create(
            subscriber=reader, at=timezone.now(), by=changes.current_actor().by, text=form.cleaned_data["text"]
        )
        messages.success(request, _("The note was written."))
    else:
        messages.error(request, _("A note has words, at most %d characters.") % LENGTH_MAX)
    return redirect("admin:subscribers_subscriber_change", pk)
