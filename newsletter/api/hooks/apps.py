from typing import ClassVar

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class HooksConfig(AppConfig):
    name = "newsletter.api.hooks"
    label = "hooks"
    verbose_name = _("Webhooks")
    # Invalidates cached pages: the privacy notice names hosts. hooks_hook changes with each call, and does not.
    tables_shown: ClassVar = ["hooks_hookevent"]
    desk_screens: ClassVar = ["newsletter.api.hooks.screens.SCREENS"]  # desk/site.py

    def ready(self) -> None:
        from newsletter.api.hooks import erasure, triggers  # noqa: PLC0415 - their models are not there before
        from subscribers import own_data, privacy  # noqa: PLC0415 - the same
        from subscribers.models import consents  # noqa: PLC0415 - the same

        pre_migrate.connect(triggers.drop_triggers, sender=self)
        post_migrate.connect(triggers.install_triggers, sender=self)
        own_data.CHAPTER_SOURCES.append(erasure.calls_chapter)
        privacy.RECIPIENT_CALLBACKS.append(erasure.hosts_with_addresses)
        consents.ERASING_CALLBACKS.append(erasure.redact_reader)
