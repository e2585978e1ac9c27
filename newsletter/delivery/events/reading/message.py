"""A mail taken apart: its fields, its texts, the mail that it returns, and the addresses it came to.

The standard library's `compat32` policy is used on purpose: it raises nothing on mails that follow no standard.
"""

import codecs
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32, Policy
from email.utils import getaddresses, parseaddr, parsedate_to_datetime
from itertools import islice

READ_MAX = 1024 * 1024  # octets that are read; a report stands before the mail that it returns
TEXT_MAX = 64 * 1024  # characters of one text
# Of one field. The standard library takes parameters apart in a time that grows with the square of their length.
FIELD_MAX, PARAMETERS_MAX = 16 * 1024, 2 * 1024
# Of one mail. Each line is held against the boundary of every part that it lies in; a file is sent in lines of 76.
LINES_MAX, LINE_LEAST = 50_000, 64
FIELDS_MAX, PARTS_MAX, MULTIPARTS_MAX = 1_000, 1_000, 50
NAMED_MAX = 20  # tokens and Message-IDs of one mail that are looked at, and fields of a name
ADDRESSES_MAX = 16 * 1024  # characters of the fields of addresses together
# What Python decodes like a character set, and no mail is written in. The time of punycode grows with the square of a
# text: 256 KB take three seconds.
NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
# What browsers mean by the names that programs write: WHATWG Encoding Standard, section 4.2.
MEANT = {"big5": "big5hkscs", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "us-ascii": "utf-8"}
MEANT |= {"iso-2022-jp": "iso2022_jp_2", "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252", "shift_jis": "cp932"}
GUESSED = ("utf-8", "big5hkscs", "gb18030")
# Where servers note for whom they took a mail; To is last, for it is the writer's.
CAME_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
PLUS = re.compile(r"\+([0-9A-Za-z]{17,24})@")
TOKEN_IN_LINK = re.compile(r"(?:/unsubscribe/|\+)([0-9A-Za-z]{17,24})(?=[/@])")
QUOTED_ID = re.compile(r"^(?:Message-ID|X-Message-ID):\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)


class _TooMuch(Exception):
    """A mail has more parts than any that people or programs write."""


class _Bounded(Compat32):
    """Reads no more of a field than a mail may need; whoever writes more is no program that people use."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: PARAMETERS_MAX if name.lower().startswith("content-") else FIELD_MAX]


BOUNDED = _Bounded()


class _Parts:
    """Makes the parts of one mail; raises when they are too many, or may lie too deep within each other."""

    def __init__(self) -> None:
        self.made = self.multiparts = 0
        self.last = Message()

    def __call__(self, policy: Policy) -> Message:
        self.made += 1
        self.multiparts += self.last.get_content_maintype() == "multipart"
        if self.made > PARTS_MAX or self.multiparts > MULTIPARTS_MAX:
            raise _TooMuch
        self.last = Message(policy=policy)
        return self.last


def parse(body: bytes, at_most: int | None = READ_MAX) -> Message:
    """Return a mail; nothing that is no mail raises, it is one without fields. at_most: octets that are read.

    Of one whose parts are too many or lie within each other too deep, the body is one text.
    """
    octets = body[:at_most].lstrip(b"\r\n")
    if octets.startswith(b"From "):  # the separator of an mbox
        octets = octets.partition(b"\n")[2]
    octets = _with_few_fields(_with_few_lines(octets))
    try:
        return message_from_bytes(octets, policy=BOUNDED.clone(message_factory=_Parts()))
    except (RecursionError, _TooMuch):
        return BytesHeaderParser(policy=BOUNDED).parsebytes(octets)


def _with_few_lines(octets: bytes) -> bytes:
    """Return the beginning of a mail whose lines are too many for what it holds."""
    if octets.count(b"\n") + octets.count(b"\r") <= LINES_MAX + len(octets) // LINE_LEAST:
        return octets
    return beginning(octets, LINES_MAX)


def _with_few_fields(octets: bytes) -> bytes:
    """Return a mail without the fields above its body that are too many."""
    found = (octets.find(blank) for blank in (b"\n\n", b"\n\r\n"))
    ends = min((at for at in found if at >= 0), default=len(octets))
    if octets.count(b"\n", 0, ends) <= FIELDS_MAX:
        return octets
    return beginning(octets[:ends], FIELDS_MAX) + octets[ends:]


def beginning(octets: bytes, lines: int) -> bytes:
    last = next(islice(re.finditer(rb"\r\n?|\n", octets), lines - 1, None), None)
    return octets[: last.end()] if last else octets


def field(message: Message, name: str) -> str:
    """Return a field decoded, in one line; "" if it is not there. Octets that are not encoded are taken for UTF-8."""
    value = next((str(found) for known, found in message.raw_items() if known.lower() == name.lower()), "")
    octets = value.encode("utf-8", "surrogateescape")
    value = octets.decode("iso2022_jp" if b"\x1b$" in octets else "utf-8", "replace")
    try:
        words = decode_header(value)
        is_legible = all(charset is None or is_charset(charset) for _word, charset in words)
        text = str(make_header(words)) if is_legible else value
    except (ValueError, LookupError):
        text = value
    return " ".join(CONTROL.sub(" ", text).split())


def address(message: Message, name: str) -> str:
    return parseaddr(field(message, name))[1]


def date(message: Message, received_at: datetime) -> datetime:
    """Return when a mail says that it was written, if that can be: not later than it came, nor weeks before."""
    try:
        at = parsedate_to_datetime(field(message, "Date"))
    except (ValueError, TypeError, OverflowError):
        return received_at
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return at if 0 <= (received_at - at).total_seconds() <= 14 * 86400 else received_at


def is_charset(name: str) -> bool:
    try:
        return codecs.lookup(name).name not in NO_CHARSETS
    except (LookupError, ValueError):
        return False


def text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else str(part.get_payload()).encode(errors="replace")
    octets, given = octets[: 4 * TEXT_MAX], (part.get_content_charset() or "").strip("'\" ").lower()
    tried = [MEANT.get(given, given)] if is_charset(given) or given in MEANT else []
    tried = ["iso2022_jp_2", *tried] if b"\x1b$" in octets else tried
    text = next(filter(None, (_strictly(octets, one) for one in [*tried, *GUESSED])), None)
    text = octets.decode("utf-8", "replace") if text is None else text
    return text[:TEXT_MAX].replace("\r\n", "\n").replace("\r", "\n")


def _strictly(octets: bytes, charset: str) -> str | None:
    """Return a text if it is in this character set; a cut in the middle of a character does not count."""
    try:
        return octets.decode(charset)
    except UnicodeDecodeError as error:
        cut = octets[: error.start] if error.start > len(octets) - 4 else None
    except (LookupError, ValueError):
        return None
    try:
        return None if cut is None else cut.decode(charset)
    except (LookupError, ValueError):
        return None


def parts(message: Message) -> Iterator[Message]:
    """Yield the parts of a mail, but none of a mail that it returns."""
    if message.get_content_maintype() == "multipart" and isinstance(message.get_payload(), list):
        for part in message.get_payload():
            yield from parts(part)  # type: ignore[arg-type]  # the stubs know no parts of parts
    else:
        yield message


def kind_of(part: Message) -> str:
    """Return "text/plain"; some servers forget the semicolon behind it."""
    return part.get_content_type().split()[0]


def text(message: Message) -> str:
    leaves = list(parts(message))
    plain = [text_of(part) for part in leaves if kind_of(part) == "text/plain"]
    plain = plain or [without_tags(text_of(part)) for part in leaves if kind_of(part) == "text/html"]
    plain = plain or [text_of(part) for part in leaves if part.get_content_maintype() == "multipart"]  # broken ones
    return "\n".join(plain)[:TEXT_MAX]


def without_tags(markup: str) -> str:
    return re.sub(r"<[^<>]{0,2000}>", " ", markup.replace("&lt;", "‹").replace("&gt;", "›"))


def blocks(part: Message) -> list[Message]:
    """Return the blocks of fields of a report; the first is about the message, each other one about a recipient."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [block for block in payload if isinstance(block, Message)]
    some = re.split(r"\n\s*\n", text_of(part), maxsplit=FIELDS_MAX)[:FIELDS_MAX]
    return [message_from_string(block, policy=BOUNDED) for block in some if block.strip()]


def returned(message: Message) -> Message | None:
    """Return the mail that a report brings back, or its fields alone; None if it has none."""
    for part in parts(message):
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            return inner[0] if isinstance(inner, list) and isinstance(inner[0], Message) else None
        if kind in {"text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers"}:
            return message_from_bytes(text_of(part).encode(), policy=BOUNDED)
    return None


def came_to(message: Message, envelope: list[str]) -> list[str]:
    """Return the addresses that a mail was sent to, those of its envelope first."""
    values = [str(value) for name in CAME_TO for value in message.get_all(name, [])[:NAMED_MAX]]
    found = [found for _name, found in getaddresses([", ".join(values)[:ADDRESSES_MAX]], strict=False)]
    return [one for one in dict.fromkeys([*envelope, *found]) if "@" in one]


def tokens_to(addresses: list[str]) -> tuple[str, ...]:
    """Return what may be tokens of ours behind the + of addresses."""
    return tuple(islice((match[1] for one in addresses if (match := PLUS.search(one))), NAMED_MAX))


def tokens_quoted(inner: Message) -> tuple[str, ...]:
    """Return what may be tokens of ours in the fields of a mail that was returned."""
    fields = " ".join(str(inner.get(name, "")) for name in ("Return-Path", "List-Unsubscribe"))
    return tuple(islice(dict.fromkeys(TOKEN_IN_LINK.findall(fields)), NAMED_MAX))


def ids_quoted(inner: Message | None, body: str) -> tuple[str, ...]:
    """Return the Message-IDs of the mail that is returned, as a part of its own or in the text."""
    named = [field(inner, "Message-ID")] if inner is not None else []
    return tuple(islice(dict.fromkeys(one for one in [*named, *QUOTED_ID.findall(body)] if one), NAMED_MAX))
