"""DKIM: whether the key that signs is published under the sender's domain, and is strong enough. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from newsletter.mail import signatures
from newsletter.mail.authentication import RSA_BITS_GOOD, DnsAway, PublicKey, tags
from newsletter.mail.signatures import RSA_BITS_MIN
from newsletter.operation.findings import ERROR, INFO, WARNING, Finding
from newsletter.operation.senders.facts import Facts, away


def of_key(key: signatures.Key, there: PublicKey | DnsAway) -> Iterator[Finding]:
    """Judge one of our own keys by what the DNS has under its name."""
    if isinstance(there, DnsAway):
        yield away(there)
    elif there.material == tags(key.record)["p"]:
        yield from strength(there)
    else:
        message = (
            _("The DKIM key “%s” signs our mails, but the DNS has another one under its name.")
            if there.text
            else _("The DKIM key “%s” signs our mails, but the DNS has no record of it.")
        )
        hint = _("Publish, as TXT of %(where)s: %(record)s") % {"where": there.name, "record": key.record}
        yield Finding(ERROR, "dkim.differs" if there.text else "dkim.missing", message % key.selector, hint)


def strength(key: PublicKey) -> Iterator[Finding]:
    """Judge the length of a key that is published."""
    if key.is_revoked:
        message = _("The DKIM key of %s was taken back: its record is empty.") % key.name
        yield Finding(ERROR, "dkim.revoked", message, _("Publish the key that signs now."))
    elif key.bits == 0:
        message = _("The DKIM key of %s cannot be read.") % key.name
        yield Finding(
            ERROR, "dkim.unreadable", message, _("Copy the record anew, in one piece and without line breaks.")
        )
    elif key.kind == "rsa" and key.bits < RSA_BITS_GOOD:
        message = _("The DKIM key of %(name)s has %(bits)d bits; %(good)d are advised.")
        facts = {"name": key.name, "bits": key.bits, "good": RSA_BITS_GOOD}
        level = ERROR if key.bits < RSA_BITS_MIN else INFO
        yield Finding(
            level, "dkim.short", message % facts, _("Have a longer key made, and publish it beside this one.")
        )


def in_all(facts: Facts) -> Iterator[Finding]:
    """Judge what all keys together say: of which kind they are, or that none is known."""
    if facts.keys and all(key.kind == "ed25519" for key in facts.keys):
        message = _("All DKIM keys are Ed25519, which not every receiver can check.")
        hint = _("Put an RSA key of 2048 bits beside them: docs/deploy.md.")
        yield Finding(WARNING, "dkim.ed25519_only", message, hint)
    elif not facts.keys and facts.way.is_own_server:
        message = _("This program does not sign mails; whether your mail server does, it cannot know.")
        hint = _(
            "If it is OpenDKIM, add List-Unsubscribe-Post and Feedback-ID to SignHeaders (RFC 8058 section 4). "
            "If nobody signs, put a key into DATA_DIR/dkim: docs/deploy.md."
        )
        yield Finding(INFO, "mail.dkim", message, hint)
    elif not facts.keys and facts.way.provider:
        yield from _of_service(facts)


def _of_service(facts: Facts) -> Iterator[Finding]:
    """Judge the keys that a mail service signs with, where their names are known."""
    service = facts.way.provider
    if service is None:
        return
    found, unanswered = found_keys(facts), [one for one in facts.dkim if isinstance(one, DnsAway)]
    for key in found:
        yield from strength(key)
    if found:
        return
    if unanswered:
        yield away(unanswered[0])
    elif service.selectors:
        names = ", ".join(f"{one}._domainkey.{facts.domain}" for one in service.selectors[:2])
        message = _("No DKIM key of %(service)s was found under %(names)s.")
        hint = _(
            "Publish the records that its page shows (%(menu)s). "
            "If it shows other names, and calls the domain verified, all is well."
        )
        yield Finding(
            WARNING,
            "dkim.service",
            message % {"service": service.name, "names": names},
            hint % {"menu": service.menu},
        )
    elif not facts.bounces.domain:  # bounces at a domain of one's own are set up together with the key
        message = _("%(service)s signs with a key under a name of its own, which cannot be looked up from here.")
        hint = _("See that its page calls the domain verified: %(menu)s.")
        yield Finding(INFO, "dkim.service", message % {"service": service.name}, hint % {"menu": service.menu})


def found_keys(facts: Facts) -> list[PublicKey]:
    return [one for one in facts.dkim if isinstance(one, PublicKey) and one.text]
