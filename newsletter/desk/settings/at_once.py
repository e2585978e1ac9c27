"""One mail that somebody at the desk waits for: it is handed over at once, and the answer is told in words."""

from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.delivery.provider.outcomes import Answer, Outcome, ProviderAway, ProviderRefuses
from newsletter.delivery.provider.transports import transport_for
from newsletter.mail import outbox
from newsletter.mail.mailers import way
from newsletter.mail.message import Mail

ANSWERS = {
    Answer.SENT: (messages.SUCCESS, gettext_lazy("%(way)s has taken the mail to %(address)s. It answered: %(answer)s")),
    Answer.FAILED: (messages.ERROR, gettext_lazy("%(way)s refused the mail to %(address)s: %(answer)s")),
    Answer.DEFERRED: (messages.WARNING, gettext_lazy("%(way)s does not take it now: %(answer)s")),
    Answer.UNCERTAIN: (
        messages.WARNING,
        gettext_lazy("%(way)s was handed the mail, but no answer came back. It may or may not arrive. %(answer)s"),
    ),
}


def send_now(mail: Mail, alias: str) -> tuple[int, str]:
    """Hand one mail to the mailer `alias`; return the level and the words of a message about what came of it."""
    facts = {"address": mail.to[0], "way": way(settings.MAILERS[alias])}
    try:
        outcome = _sent(mail, alias)
    except (ProviderAway, ProviderRefuses) as problem:
        text = _("%(way)s does not take it, nothing was sent: %(answer)s")
        return messages.ERROR, text % (facts | {"answer": str(problem)})
    if settings.MAILERS[alias]["BACKEND"] == outbox.BACKEND:
        text = _("No mail server is set, so nothing has left: the mail to %(address)s lies in the outbox here.")
        return messages.WARNING, text % facts
    level, words = ANSWERS[outcome.answer]
    return level, str(words) % (facts | {"answer": outcome.reply or outcome.provider_id or "OK"})


def _sent(mail: Mail, alias: str) -> Outcome:
    transport = transport_for(alias)
    try:
        return transport.send(mail)
    finally:
        transport.close()
