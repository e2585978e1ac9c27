"""Admin of pictures, and the JSON views of the editor's picture dialog."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from newsletter.posts.forms import AltForm, ImageForm
from newsletter.posts.models import Image, Post
from newsletter.posts.tasks import finish_pictures
from newsletter.publication.forms import CleanTextModelForm
from newsletter.publication.task_queue import enqueue_on_commit

PER_PAGE = 24  # fills rows of two, three, four and six
USES_SHOWN = 50  # posts that a picture's page names


class ImageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic to the stubs alone
    form = CleanTextModelForm
    nothing_yet = _("No picture yet. What you paste or drop into a post is kept here.")
    list_display = ("alt",)  # drawn as cards: templates/admin/posts/image/change_list.html
    list_per_page = PER_PAGE
    show_full_result_count = False
    search_fields = ("alt", "name")
    search_help_text = _("Words of the picture, or its file name")
    ordering = ("-created_at", "-pk")
    readonly_fields = ("picture", "size", "markdown", "created_at")

    class Media:
        js = (forms.Script("desk/editor.js", type="module"),)

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("upload/", require_POST(self.upload), "posts_image_upload"),
            ("describe/", require_POST(self.describe), "posts_image_describe"),
            ("choices/", require_GET(self.choices), "posts_image_choices"),
        ]
        screens = [path(route, self.admin_site.admin_view(view), name=name) for route, view, name in own]
        return [*screens, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        return super().get_queryset(request).with_uses()  # type: ignore[no-any-return,attr-defined]  # of its manager

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Pictures")} | (extra_context or {}))

    # `render_change_form` and `get_form` take Django's keyword arguments as `**kwargs`; the stubs want each by name.

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        if image := kwargs.get("obj"):
            posts = Post.objects.visible_to(request.user).filter(pictures=image).order_by("-pk")
            context["uses"] = posts.only("title", "published_at")[:USES_SHOWN]
        return super().render_change_form(request, context, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Image | None = None) -> tuple[str, ...]:
        return ("picture", "alt", "markdown", "size", "created_at") if obj else ("file", "alt")

    def get_form(self, request: HttpRequest, obj: Image | None = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """Ask for a file on the add form only: the URL derives from its content."""
        return super().get_form(request, obj, **kwargs | ({} if obj else {"form": ImageForm}))

    def has_delete_permission(self, request: HttpRequest, obj: Image | None = None) -> bool:
        """Old mails link to pictures for years."""
        return False

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            enqueue_on_commit(finish_pictures)
        if not change and not form.is_new:
            self.message_user(request, _("This picture was here already; it has the new text now."), messages.INFO)

    def upload(self, request: HttpRequest) -> JsonResponse:
        form = ImageForm(request.POST, request.FILES)
        form.fields["alt"].required = False  # asked for afterwards, beside the picture
        if not self.has_add_permission(request):
            return JsonResponse({"error": str(_("You may not upload pictures."))}, status=403)
        if not form.is_valid():
            errors = " ".join(str(text) for texts in form.errors.values() for text in texts)
            return JsonResponse({"error": errors}, status=400)
        image = form.save()
        enqueue_on_commit(finish_pictures)
        return JsonResponse({"url": image.get_absolute_url(), "alt": image.alt, "markdown": image.markdown})

    def describe(self, request: HttpRequest) -> JsonResponse:
        """Add the alternative text to a picture uploaded without one; later only a post's own copy of it can change."""
        if not self.has_add_permission(request):
            return JsonResponse({"error": str(_("You may not upload pictures."))}, status=403)
        image = Image.objects.filter(digest=request.POST.get("digest", ""), alt="").first()
        form = AltForm(request.POST, instance=image)
        if not image or not form.is_valid():
            return JsonResponse({}, status=400)
        return JsonResponse({"alt": form.save().alt})

    def choices(self, request: HttpRequest) -> JsonResponse:
        """A page of the pictures whose alternative text or file name contains `q`, newest first."""
        if not self.has_view_permission(request):
            return JsonResponse({"error": str(_("You may not look at the pictures."))}, status=403)
        words = request.GET.get("q", "").replace("\0", "").split()
        wanted = [Q(alt__icontains=word) | Q(name__icontains=word) for word in words]
        found = self.get_queryset(request).filter(*wanted).order_by(*self.ordering)
        page = Paginator(found, PER_PAGE).get_page(request.GET.get("p"))
        pictures, following = [*map(_to_json, page)], page.next_page_number() if page.has_next() else None
        return JsonResponse({"pictures": pictures, "count": page.paginator.count, "next": following})

    @admin.display(description=_("picture"))
    def picture(self, image: Image) -> SafeString:
        html = '<img class="picture" src="{}" alt="{}" width="{}" height="{}">'
        return format_html(html, image.get_absolute_url(), image.alt, image.width, image.height)

    @admin.display(description=_("size"))
    def size(self, image: Image) -> str:
        return f"{image.width:,} × {image.height:,}"

    @admin.display(description=_("for your text"))
    def markdown(self, image: Image) -> SafeString:
        label = _("Markdown for %(name)s") % {"name": image.name}
        html = '<input class="snippet" data-copy readonly value="{}" aria-label="{}">'
        return format_html(html, image.markdown, label)


def _to_json(image: Any) -> dict[str, str]:
    return {
        "url": image.get_absolute_url(),
        "thumbnail": image.thumbnail,
        "alt": image.alt,
        "name": image.name,
        "uses": image.use_text,
    }
