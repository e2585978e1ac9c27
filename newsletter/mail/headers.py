"""Header fields: their content (RFC 2369, 2919, 3834, 8058) and encoding (RFC 2047, 5322). Pure."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.utils.encoding import punycode

from newsletter.mail import tokens

LINE_LENGTH = 76  # octets of a line with an encoded word: RFC 2047 section 2
ENCODED_WORD_OVERHEAD = len("=?utf-8?b??=")
FIELD_LENGTH_MAX = 998  # octets of an unfolded line: RFC 5322 section 2.1.1
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
ATOM_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
LOOKS_ENCODED = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)  # clients may decode it: RFC 2047 section 2
LOCAL_PART_MAX = 64  # octets before the @: RFC 5321 section 4.5.3.1.1
MAILBOX = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"\s*+|(?P<bare>[^"<>]*+))<(?P<address>[^<>]+)>')


@dataclass(frozen=True)
class MailingList:
    """The List-* headers that are the same in all mails of a list."""

    list_id: str  # in the sender's domain, such as issues.news.example.org
    owner: str  # the address of a person
    help_url: str
    archive_url: str


def message_id(kind: str, *ids: int | str, domain: str) -> str:
    """A Message-ID that is the same for every retry of a mail, and not guessable.

    ids: identify the mail within `kind`, such as mailing and sequence number. domain: or an address at it.
    """
    name, domain = ".".join([kind, *map(str, ids)]), punycode(domain.rpartition("@")[2])
    return validate_header("Message-ID", f"<{name}.{tokens.keyed_digest('message-id', name)[:16]}@{domain}>")


def list_headers(
    mailing_list: MailingList,
    unsubscribe_url: str,
    *,
    unsubscribe_address: str = "",
    web_url: str = "",
    feedback: str = "",
) -> dict[str, str]:
    """The headers of a mail to the list, with one-click unsubscribe.

    unsubscribe_url: absolute URL; a POST to it must unsubscribe at once. The one-click header needs https (RFC 8058).
        At most 74 characters, because some relays fold longer lines.
    unsubscribe_address: unsubscribes the sender of a mail, for clients without one-click, such as Apple Mail.
    web_url: absolute URL of this issue on the web (RFC 5064).
    feedback: see `feedback_id`.
    """
    fields = {
        "Precedence": "list",
        "List-Id": f"<{mailing_list.list_id}>",
        "List-Unsubscribe": f"<{unsubscribe_url}>"
        + (f", <mailto:{unsubscribe_address}>" if unsubscribe_address else ""),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if unsubscribe_url.startswith("https:") else "",
        "List-Help": f"<{mailing_list.help_url}>",
        "List-Owner": f"<mailto:{mailing_list.owner}>",
        "List-Post": "NO",
        "List-Archive": f"<{mailing_list.archive_url}>",
        "Archived-At": f"<{web_url}>" if web_url else "",
        "Feedback-ID": feedback,
    }
    return {name: validate_header(name, value) for name, value in fields.items() if value}


def feedback_id(mailing_id: int | str, kind: str, *, domain: str) -> str:
    """The Feedback-ID for Gmail's Postmaster Tools, without personal data.

    Source: https://support.google.com/mail/answer/6254652 (the last field: 5 to 15 characters).
    """
    sender = sha256(punycode(domain).lower().encode()).hexdigest()[:10]
    return f"{mailing_id}:{kind}:newsletter:{sender}"


def auto_submitted_headers() -> dict[str, str]:
    """The headers that keep autoresponders from answering.

    Source: RFC 3834 section 5; X-Auto-Response-Suppress is Exchange's.
    """
    return {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def return_path(bounces_to: str, token: str) -> str:
    """The envelope sender that identifies a bounced copy: bounces+TOKEN@example.org (VERP).

    bounces_to: an address with subaddressing, "+" (RFC 5233).
    Raise ValueError if the local part would be too long.
    """
    local, _at, domain = ascii_address(bounces_to).rpartition("@")
    if len(local) + 1 + len(token) > LOCAL_PART_MAX:
        room = LOCAL_PART_MAX - 1 - len(token)
        raise ValueError(f"{bounces_to!r} has no room for a token: at most {room} characters before the @")
    return f"{local}+{token}@{domain}"


def validate_header(name: str, value: str) -> str:
    """Raise ValueError unless the value can be written verbatim on one line."""
    if CONTROL_CHARACTER.search(value):
        raise ValueError(f"{name} may not contain line breaks or control characters, got {value!r}")
    if not value.isascii():
        raise ValueError(f"{name} must be ASCII, got {value!r}")
    if len(name) + 2 + len(value) > FIELD_LENGTH_MAX:
        raise ValueError(f"{name} is longer than {FIELD_LENGTH_MAX} characters")
    return value


def format_mailbox(name: str, address: str) -> str:
    """`"name" <address>` in Unicode, as Django and Anymail expect it; it is encoded later."""
    if not name:
        return address
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}" <{address}>'


def parse_mailbox(text: str) -> tuple[str, str]:
    """The inverse of `format_mailbox`: name ("" for a bare address) and address."""
    match = MAILBOX.fullmatch(text.strip())
    if match is None:
        return "", text.strip()
    quoted = match["quoted"]
    name = match["bare"].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return name, match["address"].strip()


def format_text_header(name: str, value: str, linesep: str) -> str:
    """A folded header line, Unicode in encoded words.

    Python 3.13's folding loses spaces between words and splits List-* URLs.
    """
    if CONTROL_CHARACTER.search(value):
        raise ValueError(f"{name} may not contain line breaks or control characters, got {value!r}")
    if value.isascii() and not LOOKS_ENCODED.search(value) and value == value.strip() and "  " not in value:
        lines = _fold_words(value.split(" "), used=len(name) + 2)
    else:
        lines = list(_encoded_words(value, used=len(name) + 2))
    return f"{name}: {(linesep + ' ').join(lines)}{linesep}"


def format_address_header(name: str, mailboxes: list[tuple[str, str]], linesep: str) -> str:
    """A header line of mailboxes, one a line, names quoted or in encoded words."""
    lines: list[str] = []
    for display, address in mailboxes:
        used = len(name) + 2 if not lines else 1
        lines += [*_phrase(display, used=used), f"<{ascii_address(address)}>" if display else ascii_address(address)]
        lines[-1] += ","
    return f"{name}: {(linesep + ' ').join(lines).removesuffix(',')}{linesep}"


def ascii_address(address: str) -> str:
    """Encode the domain in punycode.

    Raise ValueError for an invalid address, or a local part that is not ASCII, which few servers accept.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or not local.isascii() or re.search(r"[\s<>,;]", address):
        raise ValueError(f"Cannot mail to {address!r}: an address is name@domain, with an ASCII name")
    return f"{local}@{punycode(domain)}"


def _phrase(display: str, *, used: int) -> list[str]:
    """The lines of a display name, encoded only if needed: rspamd scores it otherwise (TO_EXCESS_BASE64)."""
    if CONTROL_CHARACTER.search(display):
        raise ValueError(f"A name may not contain line breaks or control characters, got {display!r}")
    if not display:
        return []
    words, room = display.split(" "), LINE_LENGTH - used - 2
    if _is_plain(display) and max(map(len, words)) <= room:
        return _fold_words(words, used=used)
    if not display.isascii() or LOOKS_ENCODED.search(display) or len(display) > room:
        return list(_encoded_words(display, used=used))
    escaped = re.sub(r'(["\\])', r"\\\1", display)
    return [f'"{escaped}"']


def _is_plain(display: str) -> bool:
    return bool(ATOM_WORDS.fullmatch(display)) and "=?" not in display and all(display.split(" "))


def _fold_words(words: list[str], *, used: int) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        room = LINE_LENGTH - (used if len(lines) == 1 else 1)
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _encoded_words(text: str, *, used: int) -> Iterator[str]:
    """Encode whole characters, as many as fit a line: RFC 2047 section 5, rule 3."""
    taken = b""
    for char in text:
        octets = char.encode()
        room = (LINE_LENGTH - used - ENCODED_WORD_OVERHEAD) // 4 * 3
        if len(taken) + len(octets) > room:
            yield f"=?utf-8?b?{base64.b64encode(taken).decode()}?="
            taken, used = b"", 1
        taken += octets
    yield f"=?utf-8?b?{base64.b64encode(taken).decode()}?="
