"""What readers said to the author: a list, newest first, each with a way to answer it and a mark that it was."""

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from subscribers.models import Sentence

PER_PAGE = 30


@require_safe
def sentences(request: HttpRequest) -> HttpResponse:
    """Show those that wait for an answer, or all."""
    shows_all = request.GET.get("all") == "1"
    found = Sentence.objects.select_related("subscriber")
    page = Paginator(found if shows_all else found.filter(answered_at=None), PER_PAGE).get_page(request.GET.get("p", 1))
    context = {"title": _("What readers say"), "page": page, "shows_all": shows_all}
    return render(request, "desk/readers/sentences.html", admin.site.each_context(request) | context)


@require_POST
def answered(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark that a sentence was answered; `open` takes that back."""
    sentence = get_object_or_404(Sentence, pk=pk)
    is_open = "open" in request.POST
    Sentence.objects.filter(pk=sentence.pk).update(answered_at=None if is_open else timezone.now())
    response = redirect("admin:reader_sentences")
    if is_open:
        response.headers["Location"] += "?all=1"
    return response
