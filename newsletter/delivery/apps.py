from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveryConfig(AppConfig):
    name = "newsletter.delivery"
    label = "delivery"
    verbose_name = _("Delivery")
    tables_shown: ClassVar = ["delivery_quote", "delivery_step"]  # publication.freshness counts their changes

    def ready(self) -> None:
        from newsletter.delivery.ledger import retention  # noqa: PLC0415 - models are not loaded earlier
        from newsletter.delivery.planning import approving  # noqa: PLC0415 - as above
        from newsletter.delivery.readers import own_letters, quoting  # noqa: PLC0415 - as above
        from subscribers import own_data  # noqa: PLC0415 - as above
        from subscribers.models import consents  # noqa: PLC0415 - as above

        own_data.CHAPTER_SOURCES += [
            own_letters.letters_chapter,
            own_letters.feedback_chapter,
            own_letters.replies_chapter,
        ]
        consents.ERASING_CALLBACKS += [quoting.withdraw_quotes, retention.redact_replies]
        consents.MERGING_CALLBACKS.append(approving.reassign_copies)
