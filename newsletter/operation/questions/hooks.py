"""Programs of others that are told nothing any more: questions about the webhooks, whose room is above this one."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.apps import apps
from django.utils.translation import gettext as _

from newsletter.operation.findings import WARNING, Finding

FAILING_FOR = timedelta(hours=6)  # before that it may be an update over there


def webhooks(now: datetime) -> Iterator[Finding]:
    """Tell of each webhook that was switched off by itself, or has taken nothing for hours."""
    for hook in apps.get_model("hooks", "Hook")._default_manager.exclude(off="author"):
        if hook.off:
            message = _("The webhook %(name)s is %(state)s.")
            hint = _("Look at its last answers, mend it over there, and switch it on again: what waits goes on then.")
            facts = {"name": hook, "state": hook.get_off_display()}
            yield Finding(WARNING, "webhook.off", message % facts, hint, hook.pk)
        elif hook.failing_since and hook.failing_since < now - FAILING_FOR:
            hint = _("Nothing is lost for three days; then it is switched off. Look at its last answers.")
            yield Finding(WARNING, "webhook.failing", _("The webhook %s takes nothing.") % hook, hint, hook.pk)
