"""E-mail addresses as readers type them: normalising, comparing, masking, typos, disposable domains."""

import re
import unicodedata
from functools import lru_cache
from itertools import takewhile

import idna
from disposable_email_domains import blocklist
from django.utils.translation import gettext as _
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from newsletter.mail.characters import nfc, nfkc, without_hidden

ADDRESS_LENGTH_MAX = 254  # characters; RFC 5321 section 4.5.3.1.3
LINE_LENGTH_MAX = 500  # characters of a name, note or tags that are read; no field holds more
# Fast path for nearly all addresses: makes an import four times as fast.
_ORDINARY = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,24}")
_ORDINARY_LENGTH_MAX = 64  # characters; below every limit of RFC 5321


_IN_TEXT = re.compile(r"[^\s<>@\"'「」（）、，。；：:;,]{1,64}@[^\s<>@\"'「」（）、，。；：:;,]{1,255}")


class AddressError(ValueError):
    """Not a mailable address; the message is for the person who typed it."""


def normalise(text: str) -> str:
    """The spelling to store and mail: NFKC, domain in lower-case ASCII, no full stop after it. Raises AddressError."""
    text = text.strip()
    if len(text) > ADDRESS_LENGTH_MAX:
        raise AddressError(_("This address is too long. An address has at most 254 characters."))
    text = nfkc(text).replace("。", ".").rstrip(".")
    if len(text) <= _ORDINARY_LENGTH_MAX and _ORDINARY.fullmatch(text):
        return text
    _refuse_obvious(text)
    return _validated(text)


def _validated(text: str) -> str:
    # Allow reserved names such as mail.test or a company's .local, in the way that the library documents.
    SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise AddressError(_("This is not an e-mail address. One looks like you@example.com.")) from error
    if "." not in found.domain:
        raise AddressError(_("The part after @ is not complete. An address looks like you@example.com."))
    assert found.ascii_email is not None  # the local part is ASCII by now  # noqa: S101 - checked above
    return found.ascii_email


def _refuse_obvious(text: str) -> None:
    if not text:
        raise AddressError(_("Enter your e-mail address."))
    if text.count("@") != 1:
        raise AddressError(_("This is not an e-mail address. One looks like you@example.com."))
    if not text.partition("@")[0].isascii():
        raise AddressError(
            _("The part before @ has letters that most mail servers refuse. Use only a–z, 0–9 and signs like . _ -")
        )


def comparison_key(address: str) -> str:
    """The same text for all spellings of an address; never raises.

    Folds case, full-width forms and both forms of international domains; not dots and +tags, which only some providers
    ignore. Longer text than an address is cut.
    """
    folded = nfkc(address.strip()[: ADDRESS_LENGTH_MAX + 1]).casefold()
    local, at, domain = folded.rpartition("@")
    return f"{local}{at}{domain if domain.isascii() else _ascii_domain(domain)}"


def canonical_mailbox(email: str) -> str:
    """The same text for all addresses that probably reach one mailbox; never raises.

    `comparison_key` without `+tag` (RFC 5233), and without dots at Gmail, which ignores them
    (https://support.google.com/mail/answer/7436150). For counting only: it may be no valid address.
    """
    local, _at, domain = comparison_key(email).rstrip(".").rpartition("@")
    local = local[:1] + local[1:].partition("+")[0]
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def one_line(name: str) -> str:
    """A name, note or tags, safe for a header: no line breaks, control or bidirectional characters.

    Reads at most LINE_LENGTH_MAX characters.
    """
    text = " ".join(name[:LINE_LENGTH_MAX].split())
    if not text.isprintable():
        kept = (char if unicodedata.category(char) not in {"Cc", "Zl", "Zp"} else " " for char in text)
        text = " ".join(without_hidden("".join(kept)).split())
    return nfc(text)


def display_address(address: str) -> str:
    """The address with an international domain in Unicode."""
    local, at, domain = address.rpartition("@")
    if "xn--" not in domain:
        return address
    try:
        return f"{local}{at}{idna.decode(domain)}"
    except idna.IDNAError:
        return address


def mask_address(address: str) -> str:
    """r•••@e•••.org: recognisable to the owner alone."""
    local, _at, domain = display_address(address).rpartition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{_first(local)}•••@{_first(name)}•••{dot}{ending}"


def _first(text: str) -> str:
    """The first character; "" for shorter texts than two."""
    return text[:1] if len(text) > 1 else ""


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def mask_addresses(text: str) -> str:
    """Mask all addresses in foreign text, such as a mail server's reply."""
    return _IN_TEXT.sub("•••@•••", text)


# Most readers' mail domains. The sign-up suggests them for domains with one typo.
COMMON_DOMAINS = (
    *("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "googlemail.com"),
    *("protonmail.com", "yahoo.com.tw", "yahoo.com.hk", "pchome.com.tw", "hinet.net", "seed.net.tw"),
)
# Existing domains that look like typos of those.
REAL_DOMAINS = {
    *COMMON_DOMAINS,
    *("email.com", "fastmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "mail.com", "mail.ru"),
    *("aol.com", "live.com", "mac.com", "me.com", "msn.com", "pm.me", "proton.me", "qq.com", "163.com", "126.com"),
    *("rocketmail.com", "ymail.com", "yeah.net", "foxmail.com", "sina.com", "sohu.com", "hotmail.com.tw"),
    # Taiwan: telephone companies, portals, and their former names, whose mailboxes still exist.
    *("apol.com.tw", "ethome.net.tw", "giga.net.tw", "kimo.com", "kimo.com.tw", "livemail.tw", "mail2000.com.tw"),
    *("pchome.tw", "so-net.net.tw", "tpts1.seed.net.tw", "url.com.tw", "xuite.net", "yahoo.tw"),
}
# Parents of real domains: schools, offices, and providers' hosts such as ms1.hinet.net.
REAL_PARENTS = ("edu.tw", "gov.tw", "mil.tw", "edu", "gov", *REAL_DOMAINS)
# Top-level domains that do not exist (IANA's list of 2026-11).
MISTYPED_ENDINGS = {
    **dict.fromkeys(("ccom", "cmo", "comm", "con", "coom", "cpm", "ocm", "vom", "xom"), "com"),
    **dict.fromkeys(("ner", "nett", "nte"), "net"),
    **dict.fromkeys(("ogr", "orgg", "prg"), "org"),
}
# More than one typo, and no mail server of that name exists.
MISTYPED_DOMAINS = {
    **dict.fromkeys(("gmail.com.tw", "gmail.net", "gmail.tw"), "gmail.com"),
    "icloud.com.tw": "icloud.com",
}


def suggested_address(email: str) -> str:
    """The probably intended address; "" if nothing looks mistyped. email: normalised."""
    local, _at, domain = email.rpartition("@")
    found = _suggested_domain(domain.lower())
    return f"{local}@{found}" if found else ""


def _suggested_domain(typed: str) -> str:
    if _is_real(typed):
        return ""
    if typed in MISTYPED_DOMAINS:
        return MISTYPED_DOMAINS[typed]
    name, _dot, ending = typed.rpartition(".")
    corrected = f"{name}.{MISTYPED_ENDINGS.get(ending, ending)}"
    if _is_real(corrected):
        return corrected
    near = (known for known in COMMON_DOMAINS if is_one_typo(corrected, known) and _may_replace(corrected, known))
    return next(near, corrected if corrected != typed else "")


def _is_real(domain: str) -> bool:
    return domain in REAL_DOMAINS or domain.endswith(tuple(f".{ending}" for ending in REAL_PARENTS))


def _may_replace(typed: str, known: str) -> bool:
    """Not one country's top-level domain by another's: yahoo.com.vn is right as it is."""
    ending, other = typed.rpartition(".")[2], known.rpartition(".")[2]
    return not (len(ending) == len(other) == 2 and ending != other)


def is_one_typo(typed: str, intended: str) -> bool:
    """Is the Damerau–Levenshtein distance 1: one letter added, missing, wrong, or two swapped?

    Source: F. J. Damerau, A technique for computer detection and correction of spelling errors (1964).
    """
    start = _common_prefix(typed, intended)
    typed, intended = typed[start:], intended[start:]
    end = _common_prefix(typed[::-1], intended[::-1])
    typed, intended = typed[: len(typed) - end], intended[: len(intended) - end]
    is_swap = len(typed) == 2 and typed == intended[::-1]
    return typed != intended and (is_swap or max(len(typed), len(intended)) == 1)


def _common_prefix(one: str, other: str) -> int:
    return sum(1 for _pair in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def is_disposable(email: str) -> bool:
    """Is the domain, or a parent of it, on the list of disposable domains?"""
    labels = email.rpartition("@")[2].lower().split(".")
    return any(".".join(labels[first:]) in blocklist for first in range(len(labels) - 1))
