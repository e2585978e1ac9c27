"""Header fields: what they say (RFC 2369, 2919, 3834, 8058) and how they are written (RFC 2047, 5322). Pure."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.utils.encoding import punycode

from newsletter.mail import tokens

LINE_LENGTH = 76  # octets of a line that holds an encoded word: RFC 2047 section 2
WORD_FRAME = len("=?utf-8?b??=")
FIELD_LENGTH_MAX = 998  # octets of a line that must not be folded: RFC 5322 section 2.1.1
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
LIKE_ENCODED = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)  # readers may decode it: RFC 2047 section 2
LOCAL_PART_MAX = 64  # octets before the @: RFC 5321 section 4.5.3.1.1
MAILBOX = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"\s*+|(?P<bare>[^"<>]*+))<(?P<address>[^<>]+)>')


@dataclass(frozen=True)
class MailingList:
    """What the headers of a list say of it, the same in all its mails."""

    list_id: str  # a name in the sender's domain, such as issues.news.example.org
    owner: str  # the address of a person
    help_url: str
    archive_url: str


def message_id(kind: str, *ids: int | str, domain: str) -> str:
    """Return the Message-ID of one mail: the same for every try, and not to be guessed.

    ids: what makes the mail one of its kind, such as mailing and sequence number.
    """
    name = ".".join([kind, *map(str, ids)])
    return checked("Message-ID", f"<{name}.{tokens.digest('message-id', name)[:16]}@{punycode(domain)}>")


def list_headers(
    mailing_list: MailingList,
    unsubscribe_url: str,
    *,
    by_mail: str = "",
    complaints_to: str = "",
    archived_at: str = "",
    feedback: str = "",
) -> dict[str, str]:
    """Return the headers of a mail to the list, with a button to leave in the reader's mail client.

    unsubscribe_url: absolute URL. A POST to it must unsubscribe at once. Without https the one-click
        header is left out, because RFC 8058 allows no other scheme. At most 74 characters, for the
        sake of relays that fold.
    by_mail: an address whose mails end the subscription, for clients that know no other way, such as Apple Mail.
    complaints_to: where receivers report to that somebody called the mail unwanted (RFC 9477).
    archived_at: absolute URL of this issue on the web (RFC 5064).
    feedback: what `feedback_id` returns.
    """
    fields = {
        "Precedence": "list",
        "List-Id": f"<{mailing_list.list_id}>",
        "List-Unsubscribe": f"<{unsubscribe_url}>" + (f", <mailto:{by_mail}>" if by_mail else ""),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if unsubscribe_url.startswith("https:") else "",
        "List-Help": f"<{mailing_list.help_url}>",
        "List-Owner": f"<mailto:{mailing_list.owner}>",
        "List-Post": "NO",
        "List-Archive": f"<{mailing_list.archive_url}>",
        "Archived-At": f"<{archived_at}>" if archived_at else "",
        "Feedback-ID": feedback,
        "CFBL-Address": f"{complaints_to}; report=arf" if complaints_to else "",
    }
    return {name: checked(name, value) for name, value in fields.items() if value}


def is_within(address: str, other: str) -> bool:
    """Return whether an address is at the domain of another one, or below it."""
    domain, of = (punycode(one.rpartition("@")[2]).lower() for one in (address, other))
    return domain == of or domain.endswith(f".{of}")


def feedback_id(mailing: int | str, kind: str, *, domain: str) -> str:
    """Return a Feedback-ID, by which Gmail's Postmaster Tools count complaints: nothing in it is a reader's own.

    Source: https://support.google.com/mail/answer/6254652 (the last field: 5 to 15 characters).
    """
    sender = sha256(punycode(domain).lower().encode()).hexdigest()[:10]
    return f"{mailing}:{kind}:newsletter:{sender}"


def automatic_headers() -> dict[str, str]:
    """Return the headers of a mail that answers an action: other machines must not answer it.

    Source: RFC 3834 section 5; X-Auto-Response-Suppress is Exchange's own word for it.
    """
    return {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def return_path(bounces_to: str, token: str) -> str:
    """Return the envelope sender by which a returned mail names its copy: bounces+TOKEN@example.org (VERP).

    bounces_to: an address whose mailbox takes what is added after a "+" (RFC 5233).
    Raise ValueError when the part before the @ would be too long.
    """
    local, _at, domain = ascii_address(bounces_to).rpartition("@")
    if len(local) + 1 + len(token) > LOCAL_PART_MAX:
        room = LOCAL_PART_MAX - 1 - len(token)
        raise ValueError(f"{bounces_to!r} has no room for a token: at most {room} characters before the @")
    return f"{local}+{token}@{domain}"


def checked(name: str, value: str) -> str:
    """Return `value`; raise ValueError when it could not be written as it is, on one line."""
    if CONTROL.search(value):
        raise ValueError(f"{name} may not contain line breaks or control characters, got {value!r}")
    if not value.isascii():
        raise ValueError(f"{name} must be ASCII, got {value!r}")
    if len(name) + 2 + len(value) > FIELD_LENGTH_MAX:
        raise ValueError(f"{name} is longer than {FIELD_LENGTH_MAX} characters")
    return value


def mailbox(name: str, address: str) -> str:
    """Return `"name" <address>` in Unicode, as Django and Anymail take it; encoding comes last."""
    if not name:
        return address
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}" <{address}>'


def parsed(text: str) -> tuple[str, str]:
    """Return name and address of what `mailbox` wrote; a bare address has no name."""
    match = MAILBOX.fullmatch(text.strip())
    if match is None:
        return "", text.strip()
    quoted = match["quoted"]
    name = match["bare"].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return name, match["address"].strip()


def written(name: str, value: str, linesep: str) -> str:
    """Return the whole text field `name: value`, folded, with Unicode in encoded words.

    Python 3.13's own folding loses spaces between words and splits List-* URLs; this does neither.
    """
    if CONTROL.search(value):
        raise ValueError(f"{name} may not contain line breaks or control characters, got {value!r}")
    if value.isascii() and not LIKE_ENCODED.search(value) and value == value.strip() and "  " not in value:
        lines = _filled(value.split(" "), used=len(name) + 2)
    else:
        lines = list(_encoded_words(value, used=len(name) + 2))
    return f"{name}: {(linesep + ' ').join(lines)}{linesep}"


def written_mailboxes(name: str, mailboxes: list[tuple[str, str]], linesep: str) -> str:
    """Return the whole address field, one mailbox a line, names quoted or in encoded words."""
    lines: list[str] = []
    for display, address in mailboxes:
        used = len(name) + 2 if not lines else 1
        lines += [*_phrase(display, used=used), f"<{ascii_address(address)}>" if display else ascii_address(address)]
        lines[-1] += ","
    return f"{name}: {(linesep + ' ').join(lines).removesuffix(',')}{linesep}"


def ascii_address(address: str) -> str:
    """Return the address with its domain in punycode.

    Raise ValueError for a local part that is not ASCII, which few servers accept, or for what is no address.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain or not local.isascii() or re.search(r"[\s<>,;]", address):
        raise ValueError(f"Cannot mail to {address!r}: an address is name@domain, with an ASCII name")
    return f"{local}@{punycode(domain)}"


def _phrase(display: str, *, used: int) -> list[str]:
    """Return the lines of a name. To encode without need looks like a disguise (rspamd: TO_EXCESS_BASE64)."""
    if CONTROL.search(display):
        raise ValueError(f"A name may not contain line breaks or control characters, got {display!r}")
    if not display:
        return []
    words, room = display.split(" "), LINE_LENGTH - used - 2
    if _is_plain(display) and max(map(len, words)) <= room:
        return _filled(words, used=used)
    if not display.isascii() or LIKE_ENCODED.search(display) or len(display) > room:
        return list(_encoded_words(display, used=used))
    escaped = re.sub(r'(["\\])', r"\\\1", display)
    return [f'"{escaped}"']


def _is_plain(display: str) -> bool:
    return bool(ATOMS.fullmatch(display)) and "=?" not in display and all(display.split(" "))


def _filled(words: list[str], *, used: int) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        room = LINE_LENGTH - (used if len(lines) == 1 else 1)
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _encoded_words(text: str, *, used: int) -> Iterator[str]:
    """Yield base64 words of whole characters, each filling its line: RFC 2047 section 5, rule 3."""
    taken = b""
    for char in text:
        octets = char.encode()
        room = (LINE_LENGTH - used - WORD_FRAME) // 4 * 3
        if len(taken) + len(octets) > room:
            yield f"=?utf-8?b?{base64.b64encode(taken).decode()}?="
            taken, used = b"", 1
        taken += octets
    yield f"=?utf-8?b?{base64.b64encode(taken).decode()}?="
