"""E-mail addresses: read what a person typed, and recognise one address in every spelling. Pure."""

import re
import unicodedata
from functools import lru_cache

import idna
from django.utils.translation import gettext as _
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from newsletter.mail.characters import nfc, nfkc, without_hidden

# Reserved names such as mail.test or a company's .local are the operator's own business; the library's
# documentation gives this way to say so.
SPECIAL_USE_DOMAIN_NAMES.clear()

LENGTH_MAX = 254  # characters; RFC 5321 section 4.5.3.1.3
LINE_LENGTH_MAX = 500  # characters of a name, a note or tags, before anything looks at them; no field holds more
# What nearly everybody has; one match instead of a parse makes an import four times as fast.
_ORDINARY = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}")
_ORDINARY_LENGTH_MAX = 64  # characters; below every limit of RFC 5321


_IN_TEXT = re.compile(r"[^\s<>@\"'「」（）、，。；：:;,]{1,64}@[^\s<>@\"'「」（）、，。；：:;,]{1,255}")


class AddressError(ValueError):
    """The text is no address that mail can be sent to; the message tells its owner why."""


def normalise(text: str) -> str:
    """Return the address in its one spelling to be stored and mailed: NFC, domain in lower-case ASCII.

    Raises AddressError with a sentence for the person who typed it.
    """
    text = text.strip()
    if len(text) > LENGTH_MAX:
        raise AddressError(_("This address is too long. An address has at most 254 characters."))
    text = nfc(text)
    if len(text) <= _ORDINARY_LENGTH_MAX and _ORDINARY.fullmatch(text):
        return text
    _refuse_obvious(text)
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise AddressError(_("This is not an e-mail address. Write it like you@example.com.")) from error
    if "." not in found.domain:
        raise AddressError(_("The part after @ is not complete. Write it like you@example.com."))
    assert found.ascii_email is not None  # the local part is ASCII by now  # noqa: S101 - checked above
    return found.ascii_email


def _refuse_obvious(text: str) -> None:
    if not text:
        raise AddressError(_("Write your e-mail address."))
    if text.count("@") != 1:
        raise AddressError(_("This is not an e-mail address. Write it like you@example.com."))
    if not text.partition("@")[0].isascii():
        raise AddressError(
            _("The part before @ has letters that most mail servers refuse. Use only a–z, 0–9 and signs like . _ -")
        )


def key(address: str) -> str:
    """Return the same text for every spelling of one address; never raise.

    Case, full-width forms and the two forms of an international domain are one; dots and
    +tags are not, because only some providers ignore them. Of what is longer than an address only so much counts.
    """
    folded = nfkc(address.strip()[: LENGTH_MAX + 1]).casefold()
    local, at, domain = folded.rpartition("@")
    return f"{local}{at}{domain if domain.isascii() else _ascii_domain(domain)}"


def one_line(name: str) -> str:
    """Return a name, a note or tags as they can stand in a header: no line breaks, nothing that hides or turns others.

    At most LINE_LENGTH_MAX characters of it.
    """
    text = " ".join(name[:LINE_LENGTH_MAX].split())
    if not text.isprintable():
        kept = (char if unicodedata.category(char) not in {"Cc", "Zl", "Zp"} else " " for char in text)
        text = " ".join(without_hidden("".join(kept)).split())
    return nfc(text)


def readable(address: str) -> str:
    """Return the address as its owner would write it, with an international domain in its own letters."""
    local, at, domain = address.rpartition("@")
    if "xn--" not in domain:
        return address
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except idna.IDNAError:
        return address


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def without_addresses(text: str) -> str:
    """Return words of somebody else's, such as a mail server's answer, with every address in them masked."""
    return _IN_TEXT.sub("•••@•••", text)
