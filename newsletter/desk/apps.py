from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.contrib.auth.signals import user_logged_in
from django.core import checks
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    name = "newsletter.desk"
    label = "desk"
    verbose_name = _("Desk")

    def ready(self) -> None:
        from newsletter.desk import checks  # noqa: F401, PLC0415  # importing registers the checks
        from newsletter.operation.accounts import roles  # noqa: PLC0415  # needs the apps

        # Django gives permissions to one app after the other, in the order of INSTALLED_APPS: our rooms, then auth.
        post_migrate.connect(
            roles.make_groups, sender=apps.get_app_config("auth"), dispatch_uid="newsletter.operation.accounts.roles"
        )

        user_logged_in.connect(begin_session, dispatch_uid="newsletter.desk.begin_session")


def begin_session(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    from newsletter.desk.login import entering  # noqa: PLC0415  # a worker logs nobody in

    entering.begin_session(request, user)


class DeskAdminConfig(SimpleAdminConfig):
    """The stock admin, on the author's own site.

    Its screens are a fourth of what a process loads: site.py finds them, for the processes that show them.
    """

    default_site = "newsletter.desk.site.DeskSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_screens, checks.Tags.admin)


def check_screens(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Find the screens and let Django's own check look at them: the checks of the addresses may come later."""
    admin.autodiscover()
    return check_admin_app(app_configs, **kwargs)
