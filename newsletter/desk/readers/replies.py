"""What readers wrote in answer to issues: a list, those first that wait for an answer."""

from typing import cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from newsletter.delivery.models import Reply, ReplyTag
from newsletter.delivery.models.replies import ReplyQuerySet
from newsletter.issues.models import Issue
from subscribers.finding import ReadPaginator

PER_PAGE = 30
SHOWN = {"": "to_answer", "all": "by_readers", "others": "by_strangers"}  # by ?show=: a method of the replies
CHOICES_MAX = 100  # issues, and tags, that can be chosen


class ReplyFilter(forms.Form):
    """Which replies are shown. What cannot be meant is left out, not refused: the address may be an old one."""

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
            found = found.saying(words)
        if issue := self.cleaned_data.get("issue"):
            found = found.filter(issue=issue)
        if tag := self.cleaned_data.get("tag"):
            found = found.tagged(tag)
        return found


@require_safe
def replies(request: HttpRequest) -> HttpResponse:
    """Show those that wait for an answer, all of readers, or the mails of others."""
    show = request.GET.get("show", "")
    show = show if show in SHOWN else ""
    form = ReplyFilter(request.GET)
    found = form.choose(getattr(Reply.objects, SHOWN[show])())
    page = ReadPaginator(found, PER_PAGE, rows=Reply.objects.listed()).get_page(request.GET.get("p", 1))
    is_filtered = any(request.GET.get(name) for name in form.fields)
    context = {"title": _("What readers say"), "page": page, "show": show, "form": form, "is_filtered": is_filtered}
    context["has_filters"] = is_filtered or show != "" or page.paginator.count > PER_PAGE
    return render(request, "desk/readers/replies.html", admin.site.each_context(request) | context)
