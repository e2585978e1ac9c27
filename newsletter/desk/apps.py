from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    name = "newsletter.desk"
    label = "desk"
    verbose_name = _("Desk")

    def ready(self) -> None:
        from newsletter.desk import checks  # noqa: F401, PLC0415  # importing registers them


class DeskAdminConfig(AdminConfig):
    """The stock admin, on the author's own site."""

    default_site = "newsletter.desk.site.DeskSite"
