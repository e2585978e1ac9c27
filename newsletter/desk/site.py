"""The author's admin site: the stock one with a home, a guarded door and room for screens of our own."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from newsletter.desk import certificates, composer, corrections, decisions, mailings, rehearsing, views
from newsletter.desk.forms import OldPasswordForm

type Screen = tuple[str, Callable[..., HttpResponse], str]  # route, view, name

ISSUE_SCREENS: tuple[Screen, ...] = (
    ("preview/", composer.preview, "issue_preview"),
    ("preview/<str:tab>/", composer.preview, "issue_preview_tab"),
    ("frame/web/", composer.web_frame, "issue_web_frame"),
    ("frame/mail/", composer.mail_frame, "issue_mail_frame"),
    ("test/", composer.test_copy, "issue_test"),
    ("rehearsal/", rehearsing.rehearse, "issue_rehearsal"),
    ("send/", composer.send, "issue_send"),
    ("correct/", corrections.correct, "issue_correct"),
)
MAILING_SCREENS: tuple[Screen, ...] = (
    ("", mailings.mailing, "mailing"),
    ("move/", mailings.move, "mailing_move"),
    *((f"{name}/", partial(mailings.act, action=name), f"mailing_{name}") for name in mailings.ACTIONS),
    ("copies/<str:state>/", mailings.deliveries, "mailing_deliveries"),
    ("uncertain/<str:decision>/", decisions.decide, "mailing_decide"),
    ("certificate/<int:number>/", certificates.certificate, "mailing_certificate"),
    ("certificate/<int:number>.json", certificates.document, "mailing_certificate_json"),
)


class DeskSite(admin.AdminSite):
    site_header = _("Desk")
    site_title = _("Desk")
    index_title = _("Today")

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Return our own screens before the stock ones, whose last pattern catches everything."""
        ours = [
            path("start/<str:uid>/<str:token>/", views.start, name="start"),
            *self._screens("issues/issue/<int:pk>/", ISSUE_SCREENS),
            *self._screens("delivery/mailing/<int:pk>/", MAILING_SCREENS),
        ]
        return [*ours, *super().get_urls()]

    def _screens(self, prefix: str, screens: Iterable[Screen]) -> list[URLPattern]:
        """Let only those who may change issues see our screens."""
        author = permission_required("issues.change_issue", raise_exception=True)
        return [path(prefix + route, self.admin_view(author(view)), name=name) for route, view, name in screens]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**views.home(timezone.now()), **(extra_context or {})})

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return views.unless_refused(
            request, request.POST.get("username", ""), partial(super().login, extra_context=extra_context)
        )

    def password_change(  # type: ignore[override]  # or the page that refuses
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Django's own, with a form that counts wrong passwords."""
        request.current_app = self.name
        change = PasswordChangeView.as_view(
            form_class=partial(OldPasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return views.unless_refused(request, request.user.get_username(), change)
