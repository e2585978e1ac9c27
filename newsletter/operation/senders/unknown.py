"""What is said when no name server answers: that it is not known, which is nobody's fault."""

from django.utils.translation import gettext as _

from newsletter.mail.authentication import DnsAway
from newsletter.operation.findings import INFO, Finding

AWAY = "dns.away"


def away(error: DnsAway) -> Finding:
    hint = _("So nothing is known of it now, and nothing need be wrong. Ask again later.")
    return Finding(INFO, AWAY, _("The DNS did not answer (%s).") % error, hint)
