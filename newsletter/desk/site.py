"""The author's admin site: the stock one with a home, a guarded door and room for screens of our own."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from newsletter.desk import views
from newsletter.publication import limits


class DeskSite(admin.AdminSite):
    site_header = _("Desk")
    site_title = _("Desk")
    index_title = _("Today")

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Return our own screens before the stock ones, whose last pattern catches everything."""
        ours = [
            path("start/<str:uid>/<str:token>/", views.start, name="start"),
        ]
        return [*ours, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {**views.home(timezone.now()), **(extra_context or {})})

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Let nobody guess: failures count for the address they come from and for the name they try."""
        name = request.POST.get("username", "").strip().casefold()
        clients = [limits.neighbourhood(limits.client_address(request)), f"name:{name}"]
        if request.method == "POST" and views.are_locked_out("login", clients):
            return views.too_many(request)
        response = super().login(request, extra_context)
        if request.method == "POST" and not request.user.is_authenticated:
            views.count_failure("login", clients)
        return response
