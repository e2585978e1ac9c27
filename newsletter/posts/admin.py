"""Admin of posts, tags and patterns; pictures are in image_admin.py."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from newsletter.mail.salutations import SAMPLE_NAME, fill_name_slots_with_fallbacks, with_name
from newsletter.posts.forms import DeskPostForm
from newsletter.posts.image_admin import ImageAdmin
from newsletter.posts.json_saves import (
    AUTOSAVE_DELAY,
    ENTER_BUTTON,
    PUBLISH,
    UPDATE,
    JsonSaveAdmin,
    StaleTextError,
    document_name,
    is_autosave,
    wants_json,
)
from newsletter.posts.models import (
    BODY_MAX,
    Image,
    Pattern,
    Post,
    PostQuerySet,
    Redirect,
    Revision,
    Series,
    Tag,
    WorkingCopy,
)
from newsletter.posts.models.renderings import render_uncached
from newsletter.posts.models.revisions import PostText, digest
from newsletter.posts.proofreading.check import HINTS, RULES, apply_fixes, group_findings, house_terms
from newsletter.posts.redirects import RedirectAdmin
from newsletter.posts.search.index import index_post, remove_document
from newsletter.posts.storing import (
    PUBLISH_PERMISSION,
    discard_working_copy,
    restore_version,
    store_relations,
    store_text,
    was_logged_recently,
    withdraw_posts,
)
from newsletter.posts.text.diff import diff, shorten_unchanged
from newsletter.publication.audit import PlainDeleteAdmin, TrashAdmin, actor_text
from newsletter.publication.changes import Change
from newsletter.publication.forms import CleanTextModelForm
from newsletter.publication.models import Publication

KEEP_BUTTON = "_pattern"  # the button "Keep as a pattern"
PATTERN_PARAMETER = "pattern"  # of the add form: the pattern to begin with
PATTERNS_OFFERED = 12  # beside the button of a new post
LIST_FIELDS = ("tag_names", "series", "series_number", "summary", "cover", "words")
TAGS_OFFERED = 20  # below the field, most used first
WRITING_SCRIPTS = (  # of every page with an editor; Turndown as published on npm
    forms.Script("turndown-7.2.5/turndown.js", defer=True),
    forms.Script("turndown-7.2.5/turndown-plugin-gfm.js", defer=True),
    *(
        forms.Script(f"desk/{name}.js", type="module")
        for name in ("editor", "pictures", "marks", "saving", "unsaved", "pasting")
    ),
)
ASIDE_SCRIPTS = tuple(
    forms.Script(f"desk/{name}.js", type="module")
    for name in ("title", "aside", "publishing", "quiet", "outline", "checking", "mirror", "menu", "details")
)

PER_PAGE = 30  # versions
COMPARE_WITH_NOW = "now"  # compare a version with the current text, not with its predecessor
FIELDS_WITH_NAMES = {"introduction", "closing"}  # fields whose text may address readers by name


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Post.State.choices, ("page", _("pages"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> PostQuerySet:
        now, posts = timezone.now(), queryset.order_by()
        chosen: dict[str | None, PostQuerySet] = {
            Post.State.DRAFT: posts.drafts(),
            Post.State.SCHEDULED: posts.scheduled(now),
            Post.State.PUBLISHED: posts.published(now),
            "page": posts.pages(),
        }
        found: PostQuerySet = chosen.get(self.value(), queryset)
        return found


class TagFilter(admin.RelatedOnlyFieldListFilter):
    """Tags in use, and posts without a tag."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.empty_value_display = format_html("{}", _("No tag"))


@admin.register(Post)
class PostAdmin(JsonSaveAdmin, TrashAdmin):
    """Users who may publish see all posts, others their own drafts."""

    form = DeskPostForm
    nothing_yet = _("No post yet. What you write is saved by itself.")
    continue_buttons = frozenset({ENTER_BUTTON, UPDATE, PUBLISH, KEEP_BUTTON})
    list_display = ("name", "state", "published_on", "tag_list")
    list_filter = (StateFilter, ("tags", TagFilter))
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("title", "summary", "body")
    ordering = (F("published_at").desc(nulls_first=True), "-pk")  # drafts on top
    actions = ("publish_now", "back_to_draft", "delete_selected")
    fieldsets = (
        (None, {"fields": ("title", "body", "seen_at"), "classes": ("writing",)}),
        (_("Publishing"), {"fields": ("published_at", "place"), "classes": ("aside", "release-fields")}),
        (_("In lists"), {"fields": LIST_FIELDS, "classes": ("aside",)}),
    )
    writer_fieldsets = (fieldsets[0], fieldsets[2])

    class Media:
        js = WRITING_SCRIPTS + ASIDE_SCRIPTS

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("preview/", self.preview, "preview"),
            ("back/", self.back, "back"),
            ("<int:pk>/read/", self.read, "read"),
            ("<int:pk>/preview-link/", require_POST(self.switch_preview), "preview_link"),
            ("<int:pk>/versions/", self.versions, "versions"),
            ("<int:pk>/versions/<int:number>/", self.version, "version"),
            ("<int:pk>/versions/<int:number>/restore/", require_POST(self.restore), "restore"),
            ("<int:pk>/working-copy/", self.working_copy, "working_copy"),
        ]
        screens = [path(at, self.admin_site.admin_view(view), name=f"posts_post_{name}") for at, view, name in own]
        return [*screens, *super().get_urls()]

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PUBLISH_PERMISSION)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        posts = super().get_queryset(request).visible_to(request.user).prefetch_related("tags", "issues")  # type: ignore[attr-defined]  # of PostQuerySet
        return posts.annotate(is_pending=Exists(WorkingCopy.objects.filter(post=OuterRef("pk"))))  # type: ignore[no-any-return]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Post | None:
        """The post with its working copy overlaid. Other people's posts are refused like missing ones."""
        post: Post | None = super().get_object(request, object_id, from_field)
        self.refuse_unless(post is not None or self.has_publish_permission(request), "publish")
        if post is not None:
            WorkingCopy.objects.overlay(post)
        return post

    def get_post(self, request: HttpRequest, pk: int) -> Post:
        if (post := self.get_object(request, str(pk))) is None:
            raise Http404(pk)
        return post

    def has_change_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """Scheduled and published posts are changed only by users who may publish."""
        is_own_draft = obj is not None and obj.published_at is None and obj.created_by_id == request.user.pk
        is_open = obj is None or is_own_draft or self.has_publish_permission(request)
        return is_open and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        return self.has_publish_permission(request) and super().has_delete_permission(request, obj)

    def refuse_unless(self, is_allowed: bool, verb: str) -> None:
        if not is_allowed:
            raise PermissionDenied(f"posts.{verb}_post")

    def in_use(self, rows: QuerySet[Post]) -> QuerySet[Post]:
        """An issue stays as its readers know it."""
        return rows.filter(issues__trashed_at__isnull=True, issues__isnull=False).distinct()

    def after_trash(self, rows: Iterable[Post]) -> None:
        for post in rows:
            remove_document("post", post.pk)

    def before_put_back(self, row: Post) -> None:
        index_post(row)

    @admin.display(description=_("title"), ordering="title")
    def name(self, post: Post) -> str:
        return str(post)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"title": _("Posts"), "patterns": Pattern.objects.only("title")[:PATTERNS_OFFERED]}
        shown["has_trash"] = self.has_trash_permission(request)
        return super().changelist_view(request, shown | (extra_context or {}))

    @admin.display(description=_("state"), ordering="published_at")
    def state(self, post: Post) -> SafeString:
        """Of a published post, whether it was mailed: that it is published, its time says."""
        state = post.state(timezone.now())
        label = _mailing_text(post) if state == Post.State.PUBLISHED else state.label
        pending = _("changed, not updated yet") if post.is_pending else ""  # type: ignore[attr-defined]  # annotated above
        html = '<span class="state state-{}">{}</span> <span class="quiet">{}</span>'
        return format_html(html, state.value, label, pending)

    @admin.display(description=_("Publication time"), ordering="published_at", empty_value="")
    def published_on(self, post: Post) -> str:
        """The time; of a draft, when it was last changed."""
        text = "%(at)s" if post.published_at else _("edited %(at)s")
        at = timezone.localtime(post.published_at or post.updated_at)
        return text % {"at": date_format(at, "SHORT_DATETIME_FORMAT")}

    @admin.display(description=_("tags"), empty_value="")
    def tag_list(self, post: Post) -> str:
        return "、".join(tag.name for tag in post.tags.all())

    @admin.action(description=_("Publish now"), permissions=["publish"])
    def publish_now(self, request: HttpRequest, posts: PostQuerySet) -> None:
        now, chosen = timezone.now(), list(posts.order_by())
        waiting = [post for post in chosen if not post.is_published(now)]
        fresh = [post for post in waiting if post.title and post.body]
        done = Post.objects.filter(pk__in=[post.pk for post in fresh]).publish(now)
        Change.objects.log(Change.Action.PUBLISHED, fresh, at=now)
        Revision.objects.mark(Post.objects.filter(pk__in=[post.pk for post in fresh]), what="published", at=now)
        text = ngettext("%(done)d post is published.", "%(done)d posts are published.", done)
        self._report(request, text % {"done": done}, done=done, left=len(chosen) - len(waiting))
        for post in waiting:
            if not (post.title and post.body):
                text = _("“%(post)s” has no title or no text, and stays a draft.") % {"post": post}
                self.message_user(request, text, messages.WARNING)

    @admin.action(description=_("Back to draft"), permissions=["publish"])
    def back_to_draft(self, request: HttpRequest, posts: PostQuerySet) -> None:
        chosen = list(posts.order_by().defer("body"))
        done = withdraw_posts(chosen, timezone.now())
        text = ngettext("%(done)d post is a draft again.", "%(done)d posts are drafts again.", done)
        self._report(request, text % {"done": done}, done=done, left=len(chosen) - done)

    def _report(self, request: HttpRequest, text: str, *, done: int, left: int) -> None:
        if done:
            self.message_user(request, text, messages.SUCCESS)
        if left:
            kept = ngettext("%(left)d was so already.", "%(left)d were so already.", left) % {"left": left}
            self.message_user(request, kept, messages.INFO)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        key = request.GET.get(PATTERN_PARAMETER, "")
        pattern = Pattern.objects.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 19 else None
        return pattern.initial() if pattern else super().get_changeform_initial_data(request)

    def _keep_as_pattern(self, request: HttpRequest, post: Post, tag_names: str) -> None:
        pattern, is_new = Pattern.objects.keep(post, tag_names)
        text = _("Kept as the pattern {link}.") if is_new else _("The pattern {link} has this text now.")
        address = reverse("admin:posts_pattern_change", args=[pattern.pk])
        link = format_html('<a href="{}">{}</a>', address, pattern)
        self.message_user(request, format_html(str(text), link=link), messages.SUCCESS)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        used = Tag.objects.annotate(uses=Count("posts")).order_by("-uses", "name")[:TAGS_OFFERED]
        post = kwargs.get("obj")
        if post and context.get("errors"):  # the form has set what is not saved
            post.refresh_from_db(fields=["published_at", "planned_at"])
        shown = {
            "tags_offered": used,
            "state": post.state(timezone.now()) if post else Post.State.DRAFT,
            "show_save": self.has_change_permission(request, post) if post else self.has_add_permission(request),
            "may_publish": request.user.has_perm("posts.publish_post") and IS_POPUP_VAR not in request.GET,
            "rest": int(AUTOSAVE_DELAY / timedelta(milliseconds=1)),
        }
        if post:
            shown["public_address"] = settings.SITE_URL + post.get_absolute_url()
            groups = group_findings(post.body, post.findings(Publication.objects.current()))
            shown |= {"groups": groups, "safe_count": sum(group.safe_count for group in groups if not group.is_hint)}
        return super().render_change_form(request, context | shown, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Post, message: Any) -> None:  # type: ignore[override]
        super().log_addition(request, obj, message)
        self._log_publishing(request, obj)

    def _log_publishing(self, request: HttpRequest, post: Post) -> None:
        if {PUBLISH, UPDATE} & request.POST.keys() and post.is_published(timezone.now()):
            Change.objects.log(Change.Action.PUBLISHED, [post])

    def response_add(self, request: HttpRequest, obj: Post, post_url_continue: str | None = None) -> HttpResponse:
        if self._is_release(request):
            return self._report_release(request, obj)
        response = super().response_add(request, obj, post_url_continue)
        self._report_state(request, obj)
        return response

    def response_change(self, request: HttpRequest, obj: Post) -> HttpResponse:
        if "_fix" in request.POST:
            return HttpResponseRedirect(f"{request.path}#findings")
        if self._is_release(request):
            return self._report_release(request, obj)
        response = super().response_change(request, obj)
        self._report_state(request, obj)
        return response

    def _is_release(self, request: HttpRequest) -> bool:
        return bool({PUBLISH, UPDATE} & request.POST.keys()) and not wants_json(request)

    def _report_release(self, request: HttpRequest, post: Post) -> HttpResponse:
        """Return to the form; after publishing, to what comes next."""
        self._report_state(request, post, messages.SUCCESS)
        address = reverse("admin:posts_post_change", args=[post.pk])
        is_draft = post.state(timezone.now()) == Post.State.DRAFT
        return HttpResponseRedirect(address if UPDATE in request.POST or is_draft else f"{address}#publish")

    def _report_state(self, request: HttpRequest, post: Post, level: int = messages.INFO) -> None:
        """Say what readers see now."""
        if wants_json(request):
            return
        if post.pending_copy:
            self.message_user(request, _("Readers see the former text until you update the post."), level)
            return
        text = {
            Post.State.DRAFT: _("“{title}” is a draft: only you see it."),
            Post.State.SCHEDULED: _("Scheduled: “{title}” is published on {at}."),
            Post.State.PUBLISHED: _("Published: “{title}”. Readers see it at {link}."),
        }[post.state(timezone.now())]
        at = date_format(timezone.localtime(post.published_at), "DATETIME_FORMAT") if post.published_at else ""
        link = format_html('<a href="{0}">{0}</a>', post.get_absolute_url())
        self.message_user(request, format_html(str(text), title=post, at=at, link=link), level)

    def get_fieldsets(self, request: HttpRequest, obj: Post | None = None) -> Any:
        return super().get_fieldsets(request, obj) if self.has_publish_permission(request) else self.writer_fieldsets

    def save_model(self, request: HttpRequest, obj: Post, form: Any, change: bool) -> None:
        self.refuse_unless(PUBLISH not in request.POST or self.has_publish_permission(request), "publish")
        if rule := request.POST.get("_fix"):
            publication = Publication.objects.current()
            rules = RULES.keys() - HINTS - set(publication.checks_off) if rule == "all" else {rule}
            terms = house_terms(publication.name, publication.terms)
            obj.body, done = apply_fixes(obj.body, terms=terms, rules=rules)
            form.changed_data.extend({"body"} - set(form.changed_data) if done else ())
            self.message_user(request, _fixed_text(done), messages.SUCCESS)
        self.refuse_unless(obj.published_at is None or self.has_publish_permission(request), "publish")
        if not change:
            obj.created_by_id = request.user.pk
            obj.document = document_name(request) if wants_json(request) else ""
        update_live = UPDATE in request.POST or (PUBLISH in request.POST and not form.was_published)
        write = partial(super().save_model, request, obj, form, change)
        store_text(obj, form, update_live=update_live, save_row=write, now=timezone.now())
        Revision.objects.drop_refused(obj.pk, form_id=document_name(request))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        store_relations(form)
        if KEEP_BUTTON in request.POST and not wants_json(request):
            self._keep_as_pattern(request, form.instance, form.cleaned_data["tag_names_typed"])

    def log_change(self, request: HttpRequest, obj: Post, message: Any) -> None:  # type: ignore[override]
        if not (is_autosave(request) and was_logged_recently(obj)):
            super().log_change(request, obj, message)
        self._log_publishing(request, obj)

    def store_refused(self, request: HttpRequest, form: Any) -> str:
        """Store the refused text as a version; the next refused save of the same form replaces it."""
        post = form.instance
        version = Revision.objects.refuse(post.pk, post, form_id=document_name(request), at=timezone.now())
        return reverse("admin:posts_post_version", args=[post.pk, version.pk], query={"with": "now"})

    def seen(self, saved: Post) -> dict[str, str]:
        return {"seen_at": (saved.pending_copy or saved).updated_at.isoformat()}

    def facts(self, saved: Post) -> dict[str, Any]:
        return {"pending": bool(saved.pending_copy) or bool(saved.planned_at)}

    def saved_before(self, request: HttpRequest) -> int | None:
        name = document_name(request)
        return self.get_queryset(request).filter(document=name).values_list("pk", flat=True).first() if name else None

    def preview(self, request: HttpRequest) -> HttpResponse:
        self.refuse_unless(self.has_add_permission(request) or self.has_change_permission(request), "change")
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:posts_post_changelist"))
        body = request.POST.get("body", "")
        post = Post(title=request.POST.get("title", ""), body=body[:BODY_MAX])
        html = render_uncached(post.body)
        context = {
            "post": post,
            "html": mark_safe(fill_name_slots_with_fallbacks(html)),  # noqa: S308  # nosec B308, B703  # sanitised
            "is_cut": len(body) > BODY_MAX,
        }
        if request.POST.get("field") in FIELDS_WITH_NAMES:
            context |= {"reader": SAMPLE_NAME, "named": _with_sample_name(html)}
        return render(request, "posts/_preview.html", context)

    def read(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = self.get_post(request, pk)
        self.refuse_unless(self.has_view_permission(request, post), "view")
        return render(request, "posts/_preview.html", {"post": post, "html": post.html})

    def switch_preview(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = self.get_post(request, pk)
        self.refuse_unless(self.has_change_permission(request, post), "change")
        if "close" in request.POST:
            post.close_preview()
            messages.success(request, _("The link is off. Whoever has it sees nothing any more."))
        else:
            post.open_preview(timezone.now())
            messages.success(request, _("The link is on for 30 days."))
        return HttpResponseRedirect(reverse("admin:posts_post_change", args=[pk]) + "#preview-link")

    def versions(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = self._post_to_change(request, pk)
        versions = Revision.objects.with_refused(pk).defer("title", "summary", "body")
        page = Paginator(versions, PER_PAGE).get_page(request.GET.get("p"))
        now = Revision.objects.saved_for(pk).values_list("pk", flat=True).first()
        rows = [
            {"version": one, "who": actor_text(one.by, one.via), "is_now": one.pk == now} for one in page.object_list
        ]
        return self._render_page(request, "versions", post, page=page, rows=rows, title=_("Earlier versions"))

    def version(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Show a version's changes since its predecessor, or its difference to the current text."""
        post, one = self._post_to_change(request, pk), _get_version(pk, number)
        older = Revision.objects.before(one).first()
        newer = Revision.objects.saved_for(pk).filter(saved_at__gt=one.saved_at).defer("body").last()
        is_with_now = request.GET.get("with") == COMPARE_WITH_NOW
        before, after = (one, post) if is_with_now else (older, one)
        return self._render_page(
            request,
            "version",
            post,
            title=_("One version"),
            version=one,
            who=actor_text(one.by, one.via),
            older=older,
            newer=newer,
            is_with_now=is_with_now,
            is_current=one.digest == digest(post),
            parts=_changed_parts(before, after),
        )

    def restore(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        post, one = self._post_to_change(request, pk), _get_version(pk, number)
        if post.state(timezone.now()) == Post.State.SCHEDULED and not (one.title and one.body):
            messages.error(request, _("This version has no title or no text: a post with a date needs both."))
            return HttpResponseRedirect(reverse("admin:posts_post_version", args=[pk, number]))
        text = _("The version is back. What stood here before it is a version, too.")
        return self._act_and_redirect(request, post, lambda: restore_version(post, one, timezone.now()), text)

    def working_copy(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = self._post_to_change(request, pk)
        if post.pending_copy is None:
            return HttpResponseRedirect(reverse("admin:posts_post_change", args=[pk]))
        if request.method == "POST":
            text = _("The form shows again what readers see. What you had changed is among the versions.")
            return self._act_and_redirect(request, post, lambda: discard_working_copy(post, timezone.now()), text)
        parts = _changed_parts(Post.objects.get(pk=pk), post)
        return self._render_page(request, "working_copy", post, title=_("Not published yet"), parts=parts)

    def back(self, request: HttpRequest) -> HttpResponse:
        """Where a new login leads from the editor: back to the tab with the unsaved text."""
        context = self.admin_site.each_context(request) | {"title": _("You are logged in again")}
        return TemplateResponse(request, "admin/posts/back.html", context)

    def _post_to_change(self, request: HttpRequest, pk: int) -> Post:
        post = self.get_post(request, pk)
        self.refuse_unless(self.has_change_permission(request, post), "change")
        return post

    def _render_page(self, request: HttpRequest, name: str, post: Post, **context: Any) -> HttpResponse:
        common = self.admin_site.each_context(request) | {"opts": self.opts, "post": post}
        return TemplateResponse(request, f"admin/posts/{name}.html", common | context)

    def _act_and_redirect(self, request: HttpRequest, post: Post, act: Callable[[], None], text: Any) -> HttpResponse:
        try:
            with transaction.atomic():
                act()
        except StaleTextError:
            messages.error(request, _("Somebody has saved this post just now. Nothing was changed: look at it again."))
        else:
            messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:posts_post_change", args=[post.pk]))

    def view_on_site(self, post: Post) -> str:
        """The public URL; for a draft, the staff's preview."""
        is_public = post.is_published(timezone.now())
        return post.get_absolute_url() if is_public else reverse("admin:posts_post_read", args=[post.pk])


def _with_sample_name(html: str) -> str:
    """The HTML with a sample name, without ids, to show beside the plain one; "" without name slots."""
    named = with_name(html, str(SAMPLE_NAME))
    return mark_safe(re.sub(r' id="[^"]*"', "", named)) if named != html else ""  # noqa: S308  # nosec B308, B703  # sanitised


def _get_version(pk: int, number: int) -> Revision:
    return get_object_or_404(Revision.objects.with_refused(pk), pk=number)


def _changed_parts(before: PostText | None, after: PostText) -> list[dict[str, Any]]:
    names = {"title": _("Title"), "summary": _("Summary"), "body": _("Text of the post")}
    both = {name: (getattr(before, name) if before else "", getattr(after, name)) for name in names}
    return [
        {"name": name, "label": names[name], "pieces": list(shorten_unchanged(diff(old, new)))}
        for name, (old, new) in both.items()
        if old != new
    ]


def _mailing_text(post: Post) -> str:
    if issues := post.issues.all():
        return _("issue %(number)s") % {"number": max(issue.number for issue in issues)}
    if post.is_unlisted:
        return str(_("page") if post.is_page else _("unlisted"))
    return str(_("only on the web") if post.is_web_only else _("not mailed yet"))


def _fixed_text(done: int) -> str:
    text = ngettext(
        "%(done)d place was changed, and the post saved.", "%(done)d places were changed, and the post saved.", done
    )
    return text % {"done": done}


def reindex(posts: Iterable[Post]) -> None:
    for post in posts:
        index_post(post)


class PostGroupAdmin(PlainDeleteAdmin):
    """Of tags and series: their number of posts, and their page, which is there once a listed post is."""

    form = CleanTextModelForm

    def view_on_site(self, group: Any) -> str | None:
        return group.get_absolute_url() if self.model.objects.in_use(timezone.now()).contains(group) else None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        groups: QuerySet[Any] = super().get_queryset(request).annotate(uses=Count("posts"))
        return groups

    @admin.display(description=_("posts"), ordering="uses")
    def post_count(self, group: Any) -> int:
        return int(group.uses)


@admin.register(Tag)
class TagAdmin(PostGroupAdmin):
    nothing_yet = _("No tag yet. A tag is made where a post is written.")
    list_display = ("name", "slug", "post_count")
    search_fields = ("name", "slug")

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "name" in form.changed_data:
            reindex(obj.posts.all())

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        self.delete_queryset(request, Tag.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        posts = list(Post.objects.filter(tags__in=queryset).distinct())
        super().delete_queryset(request, queryset)
        reindex(posts)


@admin.register(Series)
class SeriesAdmin(PostGroupAdmin):
    nothing_yet = _("No series yet. A series is made where a post is written.")
    list_display = ("title", "slug", "post_count")
    search_fields = ("title", "slug")


@admin.register(Pattern)
class PatternAdmin(PlainDeleteAdmin):
    form = CleanTextModelForm
    nothing_yet = _("No pattern yet. “Keep as a pattern” below a post makes one.")
    list_display = ("title", "use")
    search_fields = ("title",)
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": _("Patterns")} | (extra_context or {}))

    def has_view_permission(self, request: HttpRequest, obj: Pattern | None = None) -> bool:
        return request.user.has_perm("posts.add_post")

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission  # one right for all of it
    has_module_permission = has_view_permission

    @admin.display(description=_("new post"))
    def use(self, pattern: Pattern) -> SafeString:
        address = reverse("admin:posts_post_add", query={PATTERN_PARAMETER: pattern.pk})
        return format_html('<a href="{}">{}</a>', address, _("Begin a post with it"))


admin.site.register(Image, ImageAdmin)
admin.site.register(Redirect, RedirectAdmin)
