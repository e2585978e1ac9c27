"""Addresses of mail as readers type them: one form for each, slips, domains that are thrown away. Pure."""

import re
import unicodedata
from functools import lru_cache

import idna
from disposable_email_domains import blocklist
from django.utils.translation import gettext as _
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from newsletter.mail.characters import nfc, nfkc, without_hidden

LENGTH_MAX = 254  # characters; RFC 5321 section 4.5.3.1.3
LINE_LENGTH_MAX = 500  # characters of a name, a note or tags, before anything looks at them; no field holds more
# What nearly everybody has; one match instead of a parse makes an import four times as fast.
_ORDINARY = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}")
_ORDINARY_LENGTH_MAX = 64  # characters; below every limit of RFC 5321


_IN_TEXT = re.compile(r"[^\s<>@\"'「」（）、，。；：:;,]{1,64}@[^\s<>@\"'「」（）、，。；：:;,]{1,255}")


class AddressError(ValueError):
    """The text is no address that mail can be sent to; the message says why, to its owner."""


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
    return _examined(text)


def _examined(text: str) -> str:
    # Reserved names such as mail.test or a company's .local are the operator's own business; the library's
    # documentation gives this way to say so.
    SPECIAL_USE_DOMAIN_NAMES.clear()
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


def canonical_mailbox(email: str) -> str:
    """Return the same text for every address that certainly, or probably, reaches one mailbox; never raise.

    What `key` folds, `+tag` off at every domain (RFC 5233), and dots at Gmail, which takes none of them for a
    difference (https://support.google.com/mail/answer/7436150). Nobody is written to at it: it may be no address.
    """
    local, _at, domain = key(email).rstrip(".").rpartition("@")
    local = local[:1] + local[1:].partition("+")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


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


def masked(address: str) -> str:
    """Return an address that its owner recognises and nobody else learns: r•••@e•••.org."""
    local, _at, domain = readable(address).rpartition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{_first(local)}•••@{_first(name)}•••{dot}{ending}"


def _first(text: str) -> str:
    """Return its first character; nothing of a text that has no other."""
    return text[:1] if len(text) > 1 else ""


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def without_addresses(text: str) -> str:
    """Return words of somebody else's, such as a mail server's answer, with every address in them masked."""
    return _IN_TEXT.sub("•••@•••", text)


# Where most readers have their mailbox. A domain that is one slip away from these is asked about.
OFTEN = (
    *("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "googlemail.com"),
    *("protonmail.com", "yahoo.com.tw", "yahoo.com.hk", "pchome.com.tw", "hinet.net", "seed.net.tw"),
)
# What looks like a slip of those, or may be taken for one, and is none.
REAL = {
    *OFTEN,
    *("email.com", "fastmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "mail.com", "mail.ru"),
    *("aol.com", "live.com", "mac.com", "me.com", "msn.com", "pm.me", "proton.me", "qq.com", "163.com", "126.com"),
    *("rocketmail.com", "ymail.com", "yeah.net", "foxmail.com", "sina.com", "sohu.com", "hotmail.com.tw"),
    # Taiwan: telephone companies, portals and their former names, whose mailboxes live on.
    *("apol.com.tw", "ethome.net.tw", "giga.net.tw", "kimo.com", "kimo.com.tw", "livemail.tw", "mail2000.com.tw"),
    *("pchome.tw", "so-net.net.tw", "tpts1.seed.net.tw", "url.com.tw", "xuite.net", "yahoo.tw"),
}
# Schools and offices have mailboxes below these, providers below their own name: ms1.hinet.net.
REAL_BELOW = ("edu.tw", "gov.tw", "mil.tw", "edu", "gov", *REAL)
# No such ending exists (IANA's list of 2026-11), so it is a slip at every domain.
ENDINGS = {
    **dict.fromkeys(("ccom", "cmo", "comm", "con", "coom", "cpm", "ocm", "vom", "xom"), "com"),
    **dict.fromkeys(("ner", "nett", "nte"), "net"),
    **dict.fromkeys(("ogr", "orgg", "prg"), "org"),
}
# Further than a slip, and without a mail server of that name.
MEANT = {
    **dict.fromkeys(("gmail.com.tw", "gmail.net", "gmail.tw"), "gmail.com"),
    "icloud.com.tw": "icloud.com",
}


def suggested_address(email: str) -> str:
    """Return the address that its owner probably meant; "" when nothing looks mistyped.

    email: as `normalise` returns it.
    """
    local, _at, domain = email.rpartition("@")
    found = _suggested_domain(domain.lower())
    return f"{local}@{found}" if found else ""


def _suggested_domain(typed: str) -> str:
    if _is_real(typed):
        return ""
    if typed in MEANT:
        return MEANT[typed]
    name, _dot, ending = typed.rpartition(".")
    mended = f"{name}.{ENDINGS.get(ending, ending)}"
    if _is_real(mended):
        return mended
    near = (known for known in OFTEN if is_one_slip(mended, known) and not _of_other_country(mended, known))
    return next(near, mended if mended != typed else "")


def _is_real(domain: str) -> bool:
    return domain in REAL or domain.endswith(tuple(f".{ending}" for ending in REAL_BELOW))


def _of_other_country(typed: str, known: str) -> bool:
    """Return whether both end in a country's two letters, but not in the same: yahoo.com.vn is not Taiwan's."""
    ending, other = typed.rpartition(".")[2], known.rpartition(".")[2]
    return len(ending) == len(other) == 2 and ending != other


def is_one_slip(typed: str, suggested_address: str) -> bool:
    """Return whether one letter too many, too few or wrong, or two that changed places, part the texts.

    Source: F. J. Damerau, A technique for computer detection and correction of spelling errors (1964).
    """
    start = _common(typed, suggested_address)
    typed, suggested_address = typed[start:], suggested_address[start:]
    end = _common(typed[::-1], suggested_address[::-1])
    typed, suggested_address = typed[: len(typed) - end], suggested_address[: len(suggested_address) - end]
    is_swap = len(typed) == 2 and typed == suggested_address[::-1]
    return typed != suggested_address and (is_swap or max(len(typed), len(suggested_address)) == 1)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def is_throwaway(email: str) -> bool:
    """Return whether an address is at a domain of the list, or below one."""
    # 8,000 domains are 1.5 MB of each process that loads them: whoever takes no sign-up does without.
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels) - 1))
