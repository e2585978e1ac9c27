"""Redirecting requests for an old site's URLs, and the admin of these redirects."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.defaults import page_not_found

from newsletter.posts.models import Post, Redirect
from newsletter.posts.models.redirects import normalise_path
from newsletter.publication.forms import CleanTextModelForm


def page_not_found_or_moved(request: HttpRequest, exception: Exception) -> HttpResponse:
    return find_redirect(request) or page_not_found(request, exception)


def find_redirect(request: HttpRequest) -> HttpResponse | None:
    if request.method not in {"GET", "HEAD"}:
        return None
    query = request.META.get("QUERY_STRING", "")
    row = Redirect.objects.matching(request.path, query)
    if row is None or (row.post and not row.post.is_published(timezone.now())):
        return None
    is_same_page = normalise_path(row.end) == normalise_path(request.path) and not urlsplit(row.end).netloc
    if is_same_page and not row.path.endswith("*"):
        return None
    # Keep the query, such as campaign parameters.
    keeps_query = query and "?" not in row.path
    return HttpResponsePermanentRedirect(_with_query(row.end, query) if keeps_query else row.end)


def _with_query(end: str, query: str) -> str:
    parts = urlsplit(end)
    return parts._replace(query="&".join(filter(None, (parts.query, query)))).geturl()


_POST_PATH = re.compile(r"/p/(?P<number>[0-9]{1,18})(?:-[^/]{0,80})?/?")
_PATH_OR_URL = re.compile(r"https?://[^\s/]{1,250}(?:/[^\s]{0,500})?|/[^\s/][^\s]{0,500}|/")


class RedirectForm(CleanTextModelForm):
    """An old path and its target: a post, page or other site, all typed in one field."""

    leads_to = forms.CharField(
        label=_("leads to"),
        max_length=500,
        help_text=_("The address of a post (/p/128-words/), of another page, or of another site."),
        widget=forms.TextInput(attrs={"class": "vTextField", "inputmode": "url"}),
    )

    class Meta:
        model = Redirect
        fields = ("path",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["leads_to"].initial = self.instance.end

    def clean_path(self) -> str:
        path = normalise_path(self.cleaned_data["path"])
        if not path or path == "/":
            raise ValidationError(_("Enter the path of one page, such as /2019/05/my-post."))
        return path

    def clean_leads_to(self) -> str:
        end: str = self.cleaned_data["leads_to"].strip()
        if not _PATH_OR_URL.fullmatch(end):
            raise ValidationError(_("Enter a path that begins with / or a whole address that begins with https://."))
        return end

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        end, path = cleaned.get("leads_to", ""), cleaned.get("path")
        if end and path and not end.startswith("http") and normalise_path(end) == path:
            self.add_error("leads_to", _("This is the old address itself."))
        return cleaned

    def _post_clean(self) -> None:
        """Set the target before the model's constraint is validated: the post, if the URL is one's."""
        end = self.cleaned_data.get("leads_to", "")
        found = _POST_PATH.fullmatch(end)
        post = Post.objects.filter(pk=int(found["number"])).first() if found else None
        self.instance.post, self.instance.target = post, "" if post else end
        super()._post_clean()  # type: ignore[misc]  # the stubs do not know it


class RedirectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic to the stubs alone
    form = RedirectForm
    fields = ("path", "leads_to")
    nothing_yet = _("No old address yet. An import writes them, and you can write your own.")
    list_display = ("path", "end_of")
    list_select_related = ("post",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("path", "target", "post__title")
    search_help_text = _("A part of the old address, or the title of the post")
    ordering = ("path",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("posts.publish_post")

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission  # one right for all of it
    has_module_permission = has_view_permission

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Old addresses")} | (extra_context or {}))

    @admin.display(description=_("leads to"))
    def end_of(self, row: Redirect) -> SafeString:
        return format_html('<a href="{}">{}</a>', row.end, row.post or row.target)
