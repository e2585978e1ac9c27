"""Robust MIME parsing: headers, texts, the returned mail, and recipients.

Uses the standard library's `compat32` policy, which does not raise on malformed mails.
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

READ_MAX = 1024 * 1024  # bytes parsed; enough, because the report comes before the returned mail
TEXT_MAX = 64 * 1024  # characters of one text
# Characters per header field. The standard library parses parameters in quadratic time.
FIELD_MAX, PARAMETERS_MAX = 16 * 1024, 2 * 1024
# Each line is compared with the boundaries of all enclosing parts. Attached files have lines of 76 bytes, so a mail may
# have LINES_MAX lines, and one more per MEAN_LINE_BYTES_MIN bytes.
LINES_MAX, MEAN_LINE_BYTES_MIN = 50_000, 64
HEADER_LINES_MAX, PARTS_MAX, MULTIPARTS_MAX, BLOCKS_MAX = 1_000, 1_000, 50, 1_000  # per mail; blocks: of a report
VALUES_MAX = 20  # tokens and Message-IDs per mail, and fields per name
ADDRESSES_MAX = 16 * 1024  # characters of all address fields together
# Python codecs that are no character sets of mails. punycode takes quadratic time: three seconds for 256 KB.
NOT_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
# Labels as browsers interpret them: WHATWG Encoding Standard, section 4.2.
WHATWG_CODECS = {"big5": "big5hkscs", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "us-ascii": "utf-8"}
WHATWG_CODECS |= {"iso-2022-jp": "iso2022_jp_2", "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252"}
WHATWG_CODECS["shift_jis"] = "cp932"
FALLBACK_CODECS = ("utf-8", "big5hkscs", "gb18030")
# Fields in which servers record the recipient; To and Cc, by the sender, are last.
RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
PLUS_TOKEN = re.compile(r"\+([0-9A-Za-z]{17,24})@")
TOKEN_IN_LINK = re.compile(r"(?:/unsubscribe/|\+)([0-9A-Za-z]{17,24})(?=[/@])")
QUOTED_ID = re.compile(r"^(?:Message-ID|X-Message-ID):\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)


class _TooManyParts(Exception):
    """A mail has too many or too deeply nested parts."""


class _LimitedPolicy(Compat32):
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: PARAMETERS_MAX if name.lower().startswith("content-") else FIELD_MAX]


LIMITED_POLICY = _LimitedPolicy()


class _LimitedFactory:
    """Message factory that raises if parts are too many or may be nested too deeply."""

    def __init__(self) -> None:
        self.made = self.multiparts = 0
        self.last = Message()

    def __call__(self, policy: Policy) -> Message:
        self.made += 1
        self.multiparts += self.last.get_content_maintype() == "multipart"
        if self.made > PARTS_MAX or self.multiparts > MULTIPARTS_MAX:
            raise _TooManyParts
        self.last = Message(policy=policy)
        return self.last


def parse_message(raw_mail: bytes, bytes_max: int | None = READ_MAX) -> Message:
    """Parse a mail. Never raises: bytes that are no mail give a message without header fields.

    With too many or too deeply nested parts the body is one text. bytes_max: how many are parsed.
    """
    octets = raw_mail[:bytes_max].lstrip(b"\r\n")
    if octets.startswith(b"From "):  # the separator of an mbox
        octets = octets.partition(b"\n")[2]
    if octets.count(b"\n") + octets.count(b"\r") > LINES_MAX + len(octets) // MEAN_LINE_BYTES_MIN:
        octets = first_lines(octets, LINES_MAX)
    octets = _with_few_fields(octets)
    try:
        return message_from_bytes(octets, policy=LIMITED_POLICY.clone(message_factory=_LimitedFactory()))
    except (RecursionError, _TooManyParts):
        return BytesHeaderParser(policy=LIMITED_POLICY).parsebytes(octets)


def _with_few_fields(octets: bytes) -> bytes:
    found = (octets.find(blank) for blank in (b"\n\n", b"\n\r\n"))
    ends = min((at for at in found if at >= 0), default=len(octets))
    if octets.count(b"\n", 0, ends) <= HEADER_LINES_MAX:
        return octets
    return first_lines(octets[:ends], HEADER_LINES_MAX) + octets[ends:]


def first_lines(octets: bytes, lines: int) -> bytes:
    last = next(islice(re.finditer(rb"\r\n?|\n", octets), lines - 1, None), None)
    return octets[: last.end()] if last else octets


def header(message: Message, name: str) -> str:
    """A decoded header field on one line; "" if missing. Raw bytes are UTF-8, or ISO-2022-JP by its escapes."""
    value = next((str(found) for known, found in message.raw_items() if known.lower() == name.lower()), "")
    octets = value.encode("utf-8", "surrogateescape")
    value = octets.decode("iso2022_jp" if b"\x1b$" in octets else "utf-8", "replace")
    try:
        words = decode_header(value)
        is_legible = all(charset is None or is_charset(charset) for _word, charset in words)
        text = str(make_header(words)) if is_legible else value
    except (ValueError, LookupError):
        text = value
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split())


def address(message: Message, name: str) -> str:
    return parseaddr(header(message, name))[1]


def sent_date(message: Message, received_at: datetime) -> datetime:
    """The Date field, if plausible: not after `received_at`, nor more than 14 days before."""
    try:
        at = parsedate_to_datetime(header(message, "Date"))
    except (ValueError, TypeError, OverflowError):
        return received_at
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return at if 0 <= (received_at - at).total_seconds() <= 14 * 86400 else received_at


def is_charset(name: str) -> bool:
    try:
        return codecs.lookup(name).name not in NOT_CHARSETS
    except (LookupError, ValueError):
        return False


def part_text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else str(part.get_payload()).encode(errors="replace")
    octets, given = octets[: 4 * TEXT_MAX], (part.get_content_charset() or "").strip("'\" ").lower()
    tried = [WHATWG_CODECS.get(given, given)] if is_charset(given) or given in WHATWG_CODECS else []
    tried = ["iso2022_jp_2", *tried] if b"\x1b$" in octets else tried
    text = next(filter(None, (_decode_strictly(octets, one) for one in [*tried, *FALLBACK_CODECS])), None)
    text = octets.decode("utf-8", "replace") if text is None else text
    return text[:TEXT_MAX].replace("\r\n", "\n").replace("\r", "\n")


def _decode_strictly(octets: bytes, charset: str) -> str | None:
    """Decode strictly, ignoring a truncated last character; None if it is not in this character set."""
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


def leaf_parts(message: Message) -> Iterator[Message]:
    """Yield leaf parts in order; a returned or attached mail is one."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting += [one for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield part


def content_type(part: Message) -> str:
    """The type alone, such as "text/plain", also if the semicolon after it is missing."""
    return part.get_content_type().split()[0]


def message_text(message: Message) -> str:
    leaves = list(leaf_parts(message))
    plain = [part_text(part) for part in leaves if content_type(part) == "text/plain"]
    plain = plain or [without_tags(part_text(part)) for part in leaves if content_type(part) == "text/html"]
    plain = plain or [part_text(part) for part in leaves if part.get_content_maintype() == "multipart"]  # broken ones
    return "\n".join(plain)[:TEXT_MAX]


def without_tags(markup: str) -> str:
    return re.sub(r"<[^<>]{0,2000}>", " ", markup.replace("&lt;", "‹").replace("&gt;", "›"))


def field_blocks(part: Message) -> list[Message]:
    """The field blocks of a report: the first about the message, the others about recipients."""
    payload = part.get_payload()
    if isinstance(payload, list):
        blocks = [block for block in payload if isinstance(block, Message)]
        if header(part, "Content-Transfer-Encoding").lower() != "base64":
            return blocks
        blocks[0]["Content-Transfer-Encoding"] = "base64"  # of 163: the parser takes the encoded lines for a body
        return [message_from_string(part_text(blocks[0]), policy=LIMITED_POLICY)]
    some = re.split(r"\n\s*\n", part_text(part), maxsplit=BLOCKS_MAX)[:BLOCKS_MAX]
    return [message_from_string(block, policy=LIMITED_POLICY) for block in some if block.strip()]


def returned_mail(message: Message) -> Message | None:
    for part in leaf_parts(message):
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            return inner[0] if isinstance(inner, list) and isinstance(inner[0], Message) else None
        if kind in {"text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers"}:
            return message_from_bytes(part_text(part).encode(), policy=LIMITED_POLICY)
    return None


def recipient_addresses(message: Message, envelope: list[str]) -> list[str]:
    values = [str(value) for name in RECIPIENT_HEADERS for value in message.get_all(name, [])[:VALUES_MAX]]
    found = [found for _name, found in getaddresses([", ".join(values)[:ADDRESSES_MAX]], strict=False)]
    return [one for one in dict.fromkeys([*envelope, *found]) if "@" in one]


def tokens_in_addresses(addresses: list[str]) -> tuple[str, ...]:
    return tuple(islice((match[1] for one in addresses if (match := PLUS_TOKEN.search(one))), VALUES_MAX))


def tokens_in_headers(inner: Message) -> tuple[str, ...]:
    fields = " ".join(str(inner.get(name, "")) for name in ("Return-Path", "List-Unsubscribe"))
    return tuple(islice(dict.fromkeys(TOKEN_IN_LINK.findall(fields)), VALUES_MAX))


def quoted_message_ids(inner: Message | None, body: str) -> tuple[str, ...]:
    """Message-IDs of the returned mail, from its part or the text."""
    named = [header(inner, "Message-ID")] if inner is not None else []
    return tuple(islice(dict.fromkeys(one for one in [*named, *QUOTED_ID.findall(body)] if one), VALUES_MAX))
