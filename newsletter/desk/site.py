"""The AdminSite of the desk: own navigation, home page, login and screens."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial, update_wrapper
from http import HTTPStatus
from typing import Any, cast

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from newsletter.desk import calendar, editor_api, login, moving_in, navigation, permissions, views
from newsletter.desk.accounts.security_alerts import SecurityEvent
from newsletter.desk.forms import OldPasswordForm
from newsletter.desk.issues import actions, composer, copies, listing, mailings, results, scheduling, trials
from newsletter.desk.readers import bulk_actions, errands, health, importing, reader_actions, replies
from newsletter.desk.settings import mail_server, overview, own_account, publication, sender_checks, setup
from newsletter.desk.today import issues_context, today_context
from newsletter.publication.changes import Via, acting_as

type Screen = tuple[str, Callable[..., HttpResponseBase], str]  # route, view, name

LOOK_AT_ISSUES = permissions.requires("issues.view_issue")
LOOK_AT_MAILINGS = permissions.requires("delivery.view_mailing")
COMPOSE, SEND = permissions.requires("issues.change_issue"), permissions.requires("issues.send_issue")
LOOK_AT_SETTINGS = permissions.requires("publication.view_publication")
needs_settings_permission = permissions.requires("publication.change_publication")
SEE_COPIES = permissions.requires("delivery.view_mailing", "subscribers.see_readers")
TAKE_COPIES = permissions.requires("delivery.view_mailing", "subscribers.see_readers", permissions.EXPORT_READERS)
ISSUE_SCREENS: tuple[Screen, ...] = (
    ("preview/", LOOK_AT_ISSUES(composer.preview), "issue_preview"),
    ("preview/<str:tab>/", LOOK_AT_ISSUES(composer.preview), "issue_preview_tab"),
    ("frame/web/", LOOK_AT_ISSUES(composer.web_frame), "issue_web_frame"),
    ("frame/mail/", LOOK_AT_ISSUES(composer.mail_frame), "issue_mail_frame"),
    ("take-in/<int:post_pk>/", COMPOSE(listing.put_post_in), "issue_take_in"),
    ("test/", SEND(composer.test_copy), "issue_test"),
    ("rehearsal/", SEND(composer.rehearse), "issue_rehearsal"),
    ("rehearsal/dot/", SEND(composer.rehearsal_dot), "issue_rehearsal_dot"),
    ("send/", SEND(scheduling.send), "issue_send"),
    ("correct/", SEND(scheduling.correct), "issue_correct"),
    ("trial/", SEND(trials.begin), "issue_trial"),
    ("trial/away/", SEND(trials.throw_away), "issue_trial_away"),
)
MAILING_SCREENS: tuple[Screen, ...] = (
    ("", LOOK_AT_MAILINGS(partial(mailings.mailing, steps=issues_context)), "mailing"),
    ("moving/", LOOK_AT_MAILINGS(partial(mailings.poll_mailing, steps=issues_context)), "mailing_moving"),
    ("move/", SEND(actions.move_mailing), "mailing_move"),
    *(
        (f"{name}/", SEND(partial(actions.perform_action, action=name)), f"mailing_{name}")
        for name in actions.ALL_ACTIONS
    ),
    ("public/", SEND(actions.withhold_text), "mailing_public"),
    ("copies/<str:state>/", SEE_COPIES(copies.deliveries), "mailing_deliveries"),
    ("copies/<str:which>.csv", TAKE_COPIES(copies.copies_csv), "mailing_csv"),
    ("uncertain/<str:decision>/", SEND(actions.decide_uncertain), "mailing_decide"),
    ("refused/<str:judgement>/", SEND(actions.judge_addresses), "mailing_judge"),
    ("question/", COMPOSE(results.keep_question), "mailing_question"),
    ("result.json", LOOK_AT_MAILINGS(results.result_as_json), "mailing_result_json"),
)
CARE = permissions.requires("subscribers.see_readers", "subscribers.change_subscriber")
BAR = permissions.requires("subscribers.see_readers", "subscribers.change_subscriber", permissions.SUPPRESS)
BELIEVE = permissions.requires("subscribers.change_subscriber", permissions.SUPPRESS)
BRING = permissions.requires(*importing.IMPORT_PERMISSIONS)
COMPOSE_QUOTES = permissions.requires("subscribers.see_readers", "subscribers.change_subscriber", "issues.change_issue")
READER_SCREENS: tuple[Screen, ...] = (
    ("note/", CARE(reader_actions.write_note), "reader_note"),
    ("act/<str:name>/", CARE(reader_actions.run_action), "reader_act"),
)
READERS_SCREENS: tuple[Screen, ...] = (
    ("export/", permissions.requires(permissions.EXPORT_READERS)(errands.export), "subscribers_subscriber_export"),
    ("bulk/", CARE(bulk_actions.choose), "readers_bulk"),
    ("bulk/<str:kind>/", CARE(bulk_actions.confirm), "reader_bulk"),
    ("import/", BRING(importing.upload), "reader_import"),
    ("errands/<int:pk>/consent/", BRING(importing.consent), "reader_import_consent"),
    ("errands/<int:pk>/columns/", BRING(importing.columns), "reader_import_columns"),
    ("errands/<int:pk>/import/", BRING(importing.start), "reader_import_start"),
    ("bar/", BAR(importing.upload_suppressions), "reader_bar"),
    ("errands/<int:pk>/bar/", BAR(partial(importing.start, kind=importing.Kind.BAR)), "reader_bar_start"),
    ("sentences/", CARE(replies.sentences), "reader_sentences"),
    ("sentences/<int:pk>/answered/", CARE(replies.mark_sentence_answered), "reader_sentence_answered"),
    ("sentences/replies/", CARE(replies.replies), "reader_replies"),
    ("sentences/replies/<int:pk>/", CARE(replies.conversation), "reader_reply"),
    ("sentences/replies/<int:pk>/answer/", CARE(replies.answer), "reader_reply_answer"),
    ("sentences/replies/<int:pk>/mark/", CARE(replies.mark_reply), "reader_reply_mark"),
    ("sentences/replies/<int:pk>/files/<int:number>/", CARE(replies.reply_file), "reader_reply_file"),
    ("sentences/replies/<int:pk>/quote/", CARE(replies.ask_for_quote), "reader_quote_ask"),
    ("sentences/quotes/", CARE(replies.quotes), "reader_quotes"),
    ("sentences/quotes/<int:pk>/place/", COMPOSE_QUOTES(replies.place_quote), "reader_quote_place"),
    ("health/", permissions.requires("subscribers.see_readers")(health.health), "reader_health"),
    ("health/unproven/<int:pk>/", BELIEVE(health.accept_unproven), "reader_health_believe"),
    ("health/unproven/dismissed/", CARE(health.dismiss), "reader_health_dismiss"),
    ("growth/", permissions.requires("subscribers.see_readers")(health.growth), "reader_growth"),
    ("growth.csv", permissions.requires("subscribers.see_readers")(health.growth_csv), "reader_growth_csv"),
    ("errands/", CARE(errands.errand_list), "reader_errands"),
    ("errands/<int:pk>/", CARE(errands.show), "reader_errand"),
    ("errands/<int:pk>/moving/", CARE(errands.poll_errand), "reader_errand_moving"),
    ("errands/<int:pk>/stop/", CARE(errands.stop), "reader_errand_stop"),
    ("errands/<int:pk>/files/<str:name>", CARE(errands.download), "reader_errand_file"),
)
REPLACED = {"logout", "view_on_site"}  # stock URL names that check too few or too many permissions
ACCOUNT_SCREENS: tuple[Screen, ...] = (  # names with the prefix factor_ need re-authentication: login.py
    ("", own_account.account, "account"),
    ("app/", own_account.add_app, "factor_app"),
    ("passkey/", own_account.add_passkey, "factor_passkey"),
    ("passkey/options/", own_account.passkey_creation, "passkey_creation"),
    ("codes/", own_account.renew_codes, "factor_codes"),
    ("remove/<int:pk>/", own_account.remove_factor, "factor_remove"),
    ("sessions/", own_account.end_session, "end_session"),
)
SETTINGS_SCREENS: tuple[Screen, ...] = (
    ("", overview.overview, "settings"),
    *((route, LOOK_AT_SETTINGS(view), name) for route, view, name in publication.SECTION_ROUTES),
    ("look/preview/<str:kind>/", LOOK_AT_SETTINGS(publication.preview), "settings_look_preview"),
    ("sender/dns/", LOOK_AT_SETTINGS(sender_checks.dns_page), "settings_dns"),
    ("sender/test/", needs_settings_permission(sender_checks.send_test_mail), "settings_test_mail"),
    ("mail/", mail_server.mail_server, "settings_mail"),
    ("record/", LOOK_AT_SETTINGS(overview.record), "settings_record"),
    ("advanced/", overview.advanced, "settings_advanced"),
    ("machines/", overview.machines, "settings_machines"),
)
MOVE_IN = permissions.requires("posts.add_post", "posts.publish_post")
MAKE_ISSUES = permissions.requires("posts.add_post", "posts.publish_post", "issues.add_issue")
MOVE_IN_SCREENS: tuple[Screen, ...] = (
    ("", MOVE_IN(moving_in.upload), "move_in"),
    ("<int:pk>/", MOVE_IN(moving_in.show), "move_in_import"),
    ("<int:pk>/moving/", MOVE_IN(moving_in.moving), "move_in_moving"),
    ("<int:pk>/try/", MOVE_IN(moving_in.begin_trial), "move_in_try"),
    ("<int:pk>/begin/", MOVE_IN(moving_in.begin), "move_in_begin"),
    ("<int:pk>/stop/", MOVE_IN(moving_in.stop), "move_in_stop"),
    ("<int:pk>/go-on/", MOVE_IN(moving_in.go_on), "move_in_go_on"),
    ("<int:pk>/numbers/", MAKE_ISSUES(moving_in.numbers), "move_in_numbers"),
    ("<int:pk>/account.html", MOVE_IN(moving_in.as_html), "move_in_account_html"),
)


class DeskSite(admin.AdminSite):
    site_header = _("Desk")
    site_title = _("Desk")
    index_title = _("Today")
    empty_value_display = "–"
    enable_nav_sidebar = False  # replaced by navigation.py
    index_template = "desk/today.html"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Our screens come first: the last stock pattern matches everything."""
        ours = [
            path("start/<str:uid>/<str:token>/", views.start, name="start"),
            path("logout/", self.logout, name="logout"),
            path("r/<int:content_type_id>/<int:object_id>/", self.admin_view(self.on_site), name="view_on_site"),
            path("login/code/", login.second_factor, name="second_factor"),
            path("login/passkey/", login.log_in_by_passkey, name="by_passkey"),
            path("login/passkey/options/", login.passkey_options, name="passkey_options"),
            *(path(f"account/{route}", self.admin_view(view), name=name) for route, view, name in ACCOUNT_SCREENS),
            *self._screens("settings/move-in/", MOVE_IN_SCREENS),
            *self._screens_of_other_apps(),
            *self._screens("settings/", SETTINGS_SCREENS),
            path("setup/", self.admin_view(needs_settings_permission(setup.setup)), name="setup"),
            path("setup/<str:kind>/", self.admin_view(needs_settings_permission(setup.preview)), name="setup_preview"),
            path("writing/check/", self.admin_view(editor_api.check_text), name="writing_check"),
            path("writing/posts/", self.admin_view(editor_api.linkable_posts), name="writing_posts"),
            path("writing/texts/", self.admin_view(editor_api.kept_texts), name="writing_texts"),
            path("restored/", self.admin_view(SEND(actions.decide_restored)), name="restored"),
            *self._screens("calendar/", [(route, SEND(view), name) for route, view, name in calendar.SCREENS]),
            *self._screens("subscribers/subscriber/<int:pk>/", READER_SCREENS),
            *self._screens("subscribers/subscriber/", READERS_SCREENS),
            *self._screens("issues/issue/<int:pk>/", ISSUE_SCREENS),
            *self._screens("delivery/mailing/<int:pk>/", MAILING_SCREENS),
        ]
        return [*ours, *(one for one in super().get_urls() if getattr(one, "name", None) not in REPLACED)]

    def _screens_of_other_apps(self) -> Iterator[URLPattern]:
        """Screens of apps that import the desk: `desk_screens` of their AppConfig names a prefix with screens."""
        for config in apps.get_app_configs():
            for named in getattr(config, "desk_screens", ()):
                yield from self._screens(*import_string(named))

    def _screens(self, prefix: str, screens: Iterable[Screen]) -> list[URLPattern]:
        return [path(prefix + route, self.admin_view(view), name=name) for route, view, name in screens]

    def admin_view[V: Callable[..., Any]](self, view: V, cacheable: bool = False) -> V:
        """Redirect anonymous users to the login, and refuse users who may not open the desk.

        Every other screen, stock ones too, is guarded by `login.guard_view`.
        """
        opened = super().admin_view(login.guard_view(view), cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied(permissions.OPEN_DESK)
            with acting_as(request.user.get_username(), Via.DESK):
                return opened(request, *args, **kwargs)

        return cast("V", update_wrapper(guarded, opened))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Lazy: few of the pages that get it show it."""
        return cast("list[Any]", SimpleLazyObject(partial(super().get_app_list, request, app_label)))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        parts = {
            "nav_sections": navigation.section_links,
            "nav_siblings": navigation.sibling_links,
            "nav_overview": navigation.overview_link,
            "nav_parent": navigation.parent_link,
        }
        opens = self.has_permission(request)
        shown = {name: part(request, self) if opens else None for name, part in parts.items()}
        return super().each_context(request) | shown

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**today_context(request.user, timezone.now()), **(extra_context or {})})

    def on_site(self, request: HttpRequest, content_type_id: int, object_id: int) -> HttpResponse:
        model = get_object_or_404(ContentType, pk=content_type_id).model_class()
        if model is None or not self.is_registered(model):
            raise Http404(content_type_id)
        options = self.get_model_admin(model)
        found = options.get_object(request, str(object_id))
        if not options.has_view_permission(request, found):
            raise PermissionDenied
        if found is None or not hasattr(found, "get_absolute_url"):
            raise Http404(object_id)
        return HttpResponseRedirect(found.get_absolute_url())

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return views.with_attempt_limit(
            request, request.POST.get("username", ""), partial(login.login_view, extra_context=extra_context)
        )

    def password_change(  # type: ignore[override]  # or the page that refuses
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Django's view, with counted failures, an alert to the owner, and the end of other sessions."""
        request.current_app = self.name
        change = PasswordChangeView.as_view(
            form_class=partial(OldPasswordForm, request=request, label_suffix=""),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        response = views.with_attempt_limit(request, request.user.get_username(), change)
        if response.status_code == HTTPStatus.FOUND:
            login.report_event(request, SecurityEvent.PASSWORD_CHANGED, cast("User", request.user))
        return response
