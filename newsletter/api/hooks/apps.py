from typing import ClassVar

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class HooksConfig(AppConfig):
    name = "newsletter.api.hooks"
    label = "hooks"
    verbose_name = _("Webhooks")
    # publication.freshness counts its changes: the privacy notice names hosts. Each call changes hooks_hook instead.
    tables_shown: ClassVar = ["hooks_hookevent"]
    desk_screens: ClassVar = ["newsletter.api.hooks.screens.SCREENS"]  # desk/site.py

    def ready(self) -> None:
        from newsletter.api.hooks import of_reader, recording  # noqa: PLC0415 - their models are not there before
        from subscribers import own_data, privacy  # noqa: PLC0415 - the same
        from subscribers.models import consents  # noqa: PLC0415 - the same

        pre_migrate.connect(recording.forget, sender=self)
        post_migrate.connect(recording.install, sender=self)
        own_data.add(of_reader.calls)
        privacy.telling(of_reader.hosts)
        consents.before(of_reader.forget)
