from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveryConfig(AppConfig):
    name = "newsletter.delivery"
    label = "delivery"
    verbose_name = _("Delivery")
    tables_shown: ClassVar = ["delivery_quote", "delivery_step"]  # publication.freshness counts their changes

    def ready(self) -> None:
        from newsletter.delivery.ledger import keeping  # noqa: PLC0415 - its models are not there before
        from newsletter.delivery.planning import approving  # noqa: PLC0415 - its models are not there before
        from newsletter.delivery.readers import own_letters, quoting  # noqa: PLC0415 - the same
        from subscribers import own_data  # noqa: PLC0415 - the same
        from subscribers.models import consents  # noqa: PLC0415 - the same

        own_data.add(own_letters.letters)
        own_data.add(own_letters.reports)
        own_data.add(own_letters.answers)
        own_data.add(own_letters.replies)
        consents.before(quoting.leave)
        consents.before(keeping.leave_no_words)
        consents.before_taking_over(approving.take_over)
