from typing import ClassVar

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PublicationConfig(AppConfig):
    name = "newsletter.publication"
    label = "publication"
    verbose_name = _("Publication")
    tables_shown: ClassVar = ["publication_publication"]

    def ready(self) -> None:
        from newsletter.page_cache.triggers import install_triggers  # noqa: PLC0415 - needs models, which are ready only now

        post_migrate.connect(install_triggers, sender=self)
