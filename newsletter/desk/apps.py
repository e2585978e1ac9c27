from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    name = "newsletter.desk"
    label = "desk"
    verbose_name = _("Desk")

    def ready(self) -> None:
        from newsletter.desk import checks  # noqa: F401, PLC0415  # importing registers the checks
        from newsletter.operation.accounts import roles  # noqa: PLC0415  # needs the apps

        # Django creates permissions app by app in the order of INSTALLED_APPS: ours, then auth.
        post_migrate.connect(
            roles.make_groups, sender=apps.get_app_config("auth"), dispatch_uid="newsletter.operation.accounts.roles"
        )

        user_logged_in.connect(begin_session, dispatch_uid="newsletter.desk.begin_session")


def begin_session(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    from newsletter.desk import login  # noqa: PLC0415  # workers do without it

    login.begin_session(request, user)


class DeskAdminConfig(SimpleAdminConfig):
    """Uses our AdminSite. newsletter/urls.py loads its screens: lane processes do without them."""

    default_site = "newsletter.desk.site.DeskSite"
