from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from newsletter.limits.body_size import BODY_LIMITS, BodyLimit


class ApiConfig(AppConfig):
    name = "newsletter.api"
    label = "api"
    verbose_name = _("For programs")

    def ready(self) -> None:
        from newsletter.api import tokens  # noqa: PLC0415  # needs the apps

        BODY_LIMITS[tokens.PREFIX] = BodyLimit(tokens.body_limit, tokens.too_large_response)
