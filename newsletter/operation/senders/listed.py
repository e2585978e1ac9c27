"""SPF: whether the record says who may send, and receivers can read it to its end. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail.authentication import LOOKUPS_MAX, DnsAway, Spf
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.senders.facts import Facts, Way, away


def of_sender(facts: Facts) -> Iterator[Finding]:
    """Judge the SPF of the sender's domain, by which its single mails leave where a server takes them by SMTP."""
    service = facts.way.provider
    bounces_elsewhere = service is not None and not service.include and facts.bounces.domain != facts.domain
    if service is not None and bounces_elsewhere and isinstance(facts.spf, Spf) and not facts.spf.records:
        message = _(
            "%(domain)s has no SPF record. %(service)s needs none there: receivers look at the domain of bounces."
        )
        hint = _("Publish one as soon as anything else sends in the name of the domain.")
        facts_of_it = {"domain": facts.domain, "service": service.name}
        yield Finding(INFO, "spf.not_needed", message % facts_of_it, hint)
    else:
        yield from of_domain(facts.domain, facts.spf, facts.way)


def of_domain(name: str, found: Spf | DnsAway, way: Way) -> Iterator[Finding]:
    if isinstance(found, DnsAway):
        yield away(found)
    elif not found.records:
        message = _("%s has no SPF record: receivers cannot tell who may send in its name.") % name
        hint = _("Publish, as TXT of %(name)s: v=spf1 %(who)s ~all") % {"name": name, "who": _who(way)}
        yield Finding(WARNING, "spf.missing", message, hint)
    elif len(found.records) > 1:
        message = _("%(name)s has %(count)d SPF records; receivers take none of them.")
        hint = _("Put everything into one record that begins with v=spf1.")
        yield Finding(ERROR, "spf.several", message % {"name": name, "count": len(found.records)}, hint)
    else:
        yield from _of_record(name, found)


def _of_record(name: str, found: Spf) -> Iterator[Finding]:
    if found.is_open:
        hint = _("End the record with ~all or -all.")
        yield Finding(ERROR, "spf.open", _("The SPF record of %s lets everybody send.") % name, hint)
    if found.wrong:
        message = _(
            "The SPF record of %(name)s has a word that SPF does not know (%(word)s): receivers take none of it."
        )
        hint = _("Mend or take out the word.")
        yield Finding(ERROR, "spf.wrong", message % {"name": name, "word": found.wrong[0]}, hint)
    if found.broken:
        message = _("The SPF record of %(name)s includes %(included)s, which has none: receivers take none of it.")
        facts = {"name": name, "included": found.broken[0]}
        yield Finding(ERROR, "spf.broken", message % facts, _("Mend the name, or take the include out."))
    if found.lookups > LOOKUPS_MAX:
        message = _("The SPF record of %(name)s needs %(count)d lookups; after %(max)d receivers give up.")
        counts = {"name": name, "count": found.lookups, "max": LOOKUPS_MAX}
        yield Finding(WARNING, "spf.long", message % counts, _("Take out what you do not send with any more."))
    if found.unknown:
        yield away(DnsAway(f"SPF {found.unknown[0]}"))


def _who(way: Way) -> str:
    """Return the term of an SPF record for our server; a mail service names its own."""
    if way.provider and way.provider.include:
        return way.provider.include
    is_server = way.is_own_server and not way.is_in_house
    return f"a:{way.host}" if is_server else _("include:(what your provider says)")
