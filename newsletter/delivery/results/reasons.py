"""Why copies failed, and what can be done about it: the words for each verdict."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from newsletter.mail.replies import Verdict

REASONS: dict[Verdict, tuple[Promise, Promise]] = {
    Verdict.DEAD: (
        _("The address does not exist"),
        _("Or it was closed. It gets no mail any more; there is nothing to do."),
    ),
    Verdict.MAILBOX: (
        _("The mailbox is full, or in trouble"),
        _("The next issue tries it again. After three issues in a row it gets no mail any more."),
    ),
    Verdict.POLICY: (
        _("The receiver does not want the letter"),
        _("It distrusts the sender or the content. See whether SPF, DKIM and DMARC are right, and what it says."),
    ),
    Verdict.OURS: (
        _("A fault on our side"),
        _("Sender, login or message were not accepted. See the settings of the sender, and what was said."),
    ),
    Verdict.UNKNOWN: (
        _("The receiver does not say why"),
        _("The next issue tries it again. If it goes on, ask the reader for another address."),
    ),
}
