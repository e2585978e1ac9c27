"""The author's side of posts: writing, pictures, tags."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from newsletter.posts.forms import ImageForm, PostForm
from newsletter.posts.models import Image, Post, PostQuerySet, Revision, Tag, WorkingCopy
from newsletter.posts.proofreading.check import HINTS, RULES, fixed, grouped, house_terms
from newsletter.posts.saving import ENTER, REST, is_in_place
from newsletter.posts.search.index import index_post
from newsletter.posts.tasks import finish_pictures
from newsletter.posts.versions import VersionsAdmin
from newsletter.posts.working import PUBLISH, UPDATE
from newsletter.publication.changes import Change
from newsletter.publication.deletions import PlainDeletionAdmin
from newsletter.publication.forms import TypedModelForm
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake

TAGS_OFFERED = 20  # under the field; the most used first
WRITING_SCRIPTS = (  # of every page with an editor; Turndown as npm has it
    forms.Script("turndown-7.2.5/turndown.js", defer=True),
    forms.Script("turndown-7.2.5/turndown-plugin-gfm.js", defer=True),
    *(
        forms.Script(f"desk/{name}.js", type="module")
        for name in ("editor", "marks", "comparing", "saving", "unsaved", "autosave", "pasting")
    ),
)
ASIDE_SCRIPTS = tuple(
    forms.Script(f"desk/{name}.js", type="module") for name in ("aside", "outline", "checking", "linking")
)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Post.State.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> PostQuerySet:
        now, posts = timezone.now(), queryset.order_by()
        chosen: dict[str | None, PostQuerySet] = {
            Post.State.DRAFT: posts.drafts(),
            Post.State.SCHEDULED: posts.scheduled(now),
            Post.State.PUBLISHED: posts.published(now),
        }
        found: PostQuerySet = chosen.get(self.value(), queryset)
        return found


@admin.register(Post)
class PostAdmin(VersionsAdmin):
    form = PostForm
    stays = frozenset({ENTER, UPDATE, PUBLISH})
    list_display = ("name", "state", "published_on", "tag_list")
    list_filter = (StateFilter, ("tags", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("title", "summary", "body")
    ordering = (F("published_at").desc(nulls_first=True), "-pk")  # drafts on top
    autocomplete_fields = ("cover",)
    actions = ("publish_now", "back_to_draft")
    fieldsets = (
        (None, {"fields": ("title", "body", "seen_at"), "classes": ("writing",)}),
        (_("Publishing"), {"fields": ("published_at", "words"), "classes": ("aside",)}),
        (_("In lists"), {"fields": ("tag_names", "summary", "cover"), "classes": ("aside",)}),
    )

    class Media:
        js = WRITING_SCRIPTS + ASIDE_SCRIPTS

    # --- The list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        posts = super().get_queryset(request).prefetch_related("tags")
        return posts.annotate(is_pending=Exists(WorkingCopy.objects.filter(post=OuterRef("pk"))))

    @admin.display(description=_("title"), ordering="title")
    def name(self, post: Post) -> str:
        return str(post)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Posts")} | (extra_context or {}))

    @admin.display(description=_("state"), ordering="published_at")
    def state(self, post: Post) -> SafeString:
        state = post.state(timezone.now())
        html = '<span class="state state-{}">{}</span> <span class="quiet">{}</span>'
        return format_html(html, state.value, state.label, _("changed, not updated yet") if post.is_pending else "")  # type: ignore[attr-defined]  # annotated above

    @admin.display(description=_("published"), ordering="published_at", empty_value="")
    def published_on(self, post: Post) -> str:
        at = post.published_at
        return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT") if at else ""

    @admin.display(description=_("tags"))
    def tag_list(self, post: Post) -> str:
        return "、".join(tag.name for tag in post.tags.all())

    @admin.action(description=_("Publish now"), permissions=["publish"])
    def publish_now(self, request: HttpRequest, posts: PostQuerySet) -> None:
        now, chosen = timezone.now(), list(posts.order_by().defer("body"))
        done = Post.objects.filter(pk__in=[post.pk for post in chosen]).publish(now)
        fresh = [post for post in chosen if not post.is_published(now)]
        Change.objects.log(Change.What.PUBLISHED, fresh, at=now)
        Revision.objects.mark(Post.objects.filter(pk__in=[post.pk for post in fresh]), what="published", at=now)
        text = ngettext("%(done)d post is published.", "%(done)d posts are published.", done)
        self._report(request, text % {"done": done}, done=done, left=len(chosen) - done)

    @admin.action(description=_("Back to draft"), permissions=["publish"])
    def back_to_draft(self, request: HttpRequest, posts: PostQuerySet) -> None:
        chosen = list(posts.order_by().defer("body"))
        now, same = timezone.now(), Post.objects.filter(pk__in=[post.pk for post in chosen])
        Revision.objects.mark(same.published(now), what="published", at=now)
        done = same.withdraw(now)
        Change.objects.log(Change.What.WITHDRAWN, [post for post in chosen if post.published_at])
        text = ngettext("%(done)d post is a draft again.", "%(done)d posts are drafts again.", done)
        self._report(request, text % {"done": done}, done=done, left=len(chosen) - done)

    def _report(self, request: HttpRequest, text: str, *, done: int, left: int) -> None:
        if done:
            self.message_user(request, text, messages.SUCCESS)
        if left:
            kept = ngettext("%(left)d was so already.", "%(left)d were so already.", left) % {"left": left}
            self.message_user(request, kept, messages.INFO)

    # --- One post ---

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        used = Tag.objects.annotate(uses=Count("posts")).order_by("-uses", "name")[:TAGS_OFFERED]
        post = kwargs.get("obj")
        shown = {
            "tags_offered": used,
            "state": post.state(timezone.now()) if post else Post.State.DRAFT,
            "rest": int(REST / timedelta(milliseconds=1)),
            "show_save_and_add_another": False,
        }
        if post:
            groups = grouped(post.body, post.findings(Publication.objects.current()))
            shown |= {"groups": groups, "safe_count": sum(group.safe for group in groups if not group.is_hint)}
        return super().render_change_form(request, context | shown, **kwargs)

    def save_model(self, request: HttpRequest, obj: Post, form: PostForm, change: bool) -> None:
        if PUBLISH in request.POST:
            obj.published_at = timezone.now()
        if rule := request.POST.get("_fix"):
            publication = Publication.objects.current()
            rules = RULES.keys() - HINTS - set(publication.checks_off) if rule == "all" else {rule}
            terms = house_terms(publication.name, publication.terms)
            obj.body, done = fixed(obj.body, terms=terms, rules=rules)
            form.changed_data.extend({"body"} - set(form.changed_data) if done else ())
            self.message_user(request, _fixed_text(done), messages.SUCCESS)
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Post, message: Any) -> None:  # type: ignore[override]
        super().log_addition(request, obj, message)
        self._log_publishing(request, obj)

    def log_change(self, request: HttpRequest, obj: Post, message: Any) -> None:  # type: ignore[override]
        super().log_change(request, obj, message)
        self._log_publishing(request, obj)

    def _log_publishing(self, request: HttpRequest, post: Post) -> None:
        if {PUBLISH, UPDATE} & request.POST.keys():
            Change.objects.log(Change.What.PUBLISHED, [post])

    def response_add(self, request: HttpRequest, obj: Post, post_url_continue: str | None = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        self._report_state(request, obj)
        return response

    def response_change(self, request: HttpRequest, obj: Post) -> HttpResponse:
        if "_fix" in request.POST:
            return HttpResponseRedirect(f"{request.path}#findings")
        response = super().response_change(request, obj)
        self._report_state(request, obj)
        return response

    def _report_state(self, request: HttpRequest, post: Post) -> None:
        """Say on the next page what readers see of it now."""
        if is_in_place(request):
            return
        if post.pending:
            self.message_user(request, _("Readers see the former text until you update the post."), messages.INFO)
            return
        at = date_format(timezone.localtime(post.published_at), "DATETIME_FORMAT") if post.published_at else ""
        text = {
            Post.State.DRAFT: _("It is a draft: only you see it."),
            Post.State.SCHEDULED: _("On {at} it will be published by itself."),
            Post.State.PUBLISHED: _("Readers see it at {link}."),
        }[post.state(timezone.now())]
        address = post.get_absolute_url()
        link = format_html('<a href="{0}">{0}</a>', address)
        self.message_user(request, format_html(str(text), at=at, link=link), messages.INFO)

    def view_on_site(self, post: Post) -> str:
        """Return where readers find it, or for a draft the page that only staff sees."""
        is_public = post.is_published(timezone.now())
        return post.get_absolute_url() if is_public else reverse("admin:posts_post_read", args=[post.pk])


def _fixed_text(done: int) -> str:
    text = ngettext(
        "%(done)d place was changed, and the post saved.", "%(done)d places were changed, and the post saved.", done
    )
    return text % {"done": done}


def _index_again(posts: Iterable[Post]) -> None:
    for post in posts:
        index_post(post)


@admin.register(Tag)
class TagAdmin(PlainDeletionAdmin):
    form = TypedModelForm
    list_display = ("name", "slug", "post_count")
    search_fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        tags: QuerySet[Tag] = super().get_queryset(request)
        return tags.annotate(uses=Count("posts"))

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "name" in form.changed_data:
            _index_again(obj.posts.all())

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        self.delete_queryset(request, Tag.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        had_it = list(Post.objects.filter(tags__in=queryset).distinct())
        super().delete_queryset(request, queryset)
        _index_again(had_it)

    @admin.display(description=_("posts"), ordering="uses")
    def post_count(self, tag: Any) -> int:
        return int(tag.uses)


@admin.register(Image)
class ImageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = TypedModelForm
    list_display = ("thumbnail", "alt", "size", "markdown", "created_at")
    list_display_links = ("thumbnail", "alt")
    list_per_page = 50
    search_fields = ("alt", "name")
    readonly_fields = ("picture", "size", "markdown", "created_at")

    class Media:
        js = (forms.Script("desk/editor.js", type="module"),)

    def get_urls(self) -> list[URLPattern]:
        upload = self.admin_site.admin_view(require_POST(self.upload))
        return [path("upload/", upload, name="posts_image_upload"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Pictures")} | (extra_context or {}))

    def get_fields(self, request: HttpRequest, obj: Image | None = None) -> tuple[str, ...]:
        return ("picture", "alt", "markdown", "size", "created_at") if obj else ("file", "alt")

    def get_form(self, request: HttpRequest, obj: Image | None = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """A file is chosen once: its address is made of its content."""
        return super().get_form(request, obj, **kwargs | ({} if obj else {"form": ImageForm}))

    def has_delete_permission(self, request: HttpRequest, obj: Image | None = None) -> bool:
        """Refuse: pictures in mails of years ago must load."""
        return False

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            wake(finish_pictures)
        if not change and not form.is_new:
            self.message_user(request, _("This picture was here already; it has the new text now."), messages.INFO)

    def upload(self, request: HttpRequest) -> JsonResponse:
        """Keep one picture that was pasted, dropped or chosen in the editor."""
        form = ImageForm(request.POST, request.FILES)
        if not self.has_add_permission(request):
            return JsonResponse({"error": str(_("You may not upload pictures."))}, status=403)
        if not form.is_valid():
            errors = " ".join(str(text) for texts in form.errors.values() for text in texts)
            return JsonResponse({"error": errors}, status=400)
        image = form.save()
        wake(finish_pictures)
        return JsonResponse({"url": image.get_absolute_url(), "alt": image.alt, "markdown": image.markdown})

    @admin.display(description=_("picture"))
    def thumbnail(self, image: Image) -> SafeString:
        html = '<img class="thumbnail" src="{}" alt="{}" width="96" height="64" loading="lazy">'
        return format_html(html, image.get_absolute_url(), image.alt)

    @admin.display(description=_("picture"))
    def picture(self, image: Image) -> SafeString:
        html = '<img class="picture" src="{}" alt="{}" width="{}" height="{}">'
        return format_html(html, image.get_absolute_url(), image.alt, image.width, image.height)

    @admin.display(description=_("size"))
    def size(self, image: Image) -> str:
        return f"{image.width} × {image.height}"

    @admin.display(description=_("for your text"))
    def markdown(self, image: Image) -> SafeString:
        label = _("Markdown for %(name)s") % {"name": image.name}
        html = '<input class="snippet" data-copy readonly value="{}" aria-label="{}">'
        return format_html(html, image.markdown, label)
