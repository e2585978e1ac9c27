from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    name = "newsletter.api"
    label = "api"
    verbose_name = _("For programs")

    def ready(self) -> None:
        from newsletter.api import tokens  # noqa: PLC0415  # needs the apps

        tokens.register_body_limit()
