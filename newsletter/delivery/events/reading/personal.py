"""A mail that a person wrote: who, what, what of it is quoted, and which files hang on it. Pure.

Nobody is shown any markup of it: HTML is read as text (markup.py), pictures are files among others.
"""

from collections.abc import Iterator
from email.message import Message
from email.utils import parseaddr
from pathlib import PurePosixPath

from newsletter.delivery.events.facts import File, Letter
from newsletter.delivery.events.reading import history, markup, message

PARTS_MAX = 300  # of a mail that are looked at
FILES_MAX = 40  # that are named
NAME_MAX, SUBJECT_MAX, ADDRESS_MAX = 120, 200, 254
REFERENCES_MAX = 20
# What browsers mean by the names that programs write: WHATWG Encoding Standard, section 4.2.
MEANT = {"big5": "big5hkscs", "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "us-ascii": "utf-8"}
MEANT |= {"iso-2022-jp": "iso2022_jp_2", "ks_c_5601-1987": "cp949", "iso-8859-1": "cp1252", "shift_jis": "cp932"}
GUESSED = ("utf-8", "big5hkscs", "gb18030")
# Characters that turn or hide what stands beside them; U+200D joins emoji and stays.
TRICKS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C, 0xFEFF, 0x200B])


def letter(body: bytes, key: str) -> Letter:
    """Return what a mail says. body: all of it, however long, and whoever wrote it."""
    mail = message.parse(body, at_most=None)
    leaves = list(_leaves(mail))
    written, quoted = history.apart(_text(leaves))
    name, address = parseaddr(message.field(mail, "From"))
    files = [_file(number, part) for number, part in enumerate(leaves) if _is_file(part)]
    references = [*message.field(mail, "References").split(), *message.field(mail, "In-Reply-To").split()]
    return Letter(
        key=key,
        sender_name=_line(name, NAME_MAX),
        sender=_line(address, ADDRESS_MAX),
        subject=_line(message.field(mail, "Subject"), SUBJECT_MAX),
        text=written[: message.TEXT_MAX],
        quoted=quoted[: message.TEXT_MAX],
        message_id=_message_id(message.field(mail, "Message-ID")),
        answers=tuple(dict.fromkeys(filter(None, map(_message_id, reversed(references[-REFERENCES_MAX:]))))),
        files=tuple(files[:FILES_MAX]),
        more=max(0, len(files) - FILES_MAX),
    )


def octets_of(body: bytes, number: int) -> bytes | None:
    """Return the file with this number out of a mail; None if there is none."""
    leaves = list(_leaves(message.parse(body, at_most=None)))
    return _octets(leaves[number]) if number < len(leaves) and _is_file(leaves[number]) else None


def _leaves(mail: Message) -> Iterator[Message]:
    """Yield the parts that have no parts, in their order, however deep they lie; a mail inside is one of them."""
    waiting, found = [mail], 0
    while waiting and found < PARTS_MAX:
        part = waiting.pop()
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting += [one for one in reversed(inner[:PARTS_MAX]) if isinstance(one, Message)]
        else:
            found += 1
            yield part


def _is_file(part: Message) -> bool:
    if part.get_content_disposition() == "attachment":
        return True
    kind = message.kind_of(part)
    if kind in {"text/plain", "text/html"}:
        return bool(part.get_filename()) and kind == "text/plain" and part.get_content_disposition() != "inline"
    return part.get_content_maintype() != "multipart"


def _file(number: int, part: Message) -> File:
    kind = message.kind_of(part)
    ends = {"message/rfc822": ".eml"}.get(kind, "")
    return File(number, safe_name(_decoded_name(part)) or f"file-{number}{ends}", kind[:80], len(_octets(part)))


def _decoded_name(part: Message) -> str:
    try:
        found = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):  # an unknown character set, a broken parameter
        return ""
    holder = Message()
    holder["Name"] = " ".join(found.split())
    return message.field(holder, "Name")


def safe_name(name: str) -> str:
    """Return the last part of a name that a mail gives to a file, without what a system or an eye may misread."""
    last = PurePosixPath(_line(name.replace("\\", "/"), 1000)).name
    clean = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*').strip(" .")
    return clean if len(clean) <= NAME_MAX else clean[: NAME_MAX // 2] + "…" + clean[-NAME_MAX // 2 :]


def _octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner = part.get_payload()
    if isinstance(inner, list):
        return _as_octets(inner[0]) if inner and isinstance(inner[0], Message) else b""
    return str(inner).encode("utf-8", "surrogateescape")


def _as_octets(mail: Message) -> bytes:
    """Return a mail inside of a mail; b"" if it cannot be written, such as mails too deep within each other."""
    try:
        return mail.as_bytes()
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return b""


def _text(leaves: list[Message]) -> str:
    said = [part for part in leaves if not _is_file(part)]
    plain = [_decoded(part) for part in said if message.kind_of(part) != "text/html"]
    text = "\n".join(plain)
    if not text.strip():
        text = "\n".join(markup.text_from(_decoded(part)) for part in said if message.kind_of(part) == "text/html")
    return "\n".join(line.rstrip() for line in text.translate(TRICKS).split("\n"))[: message.TEXT_MAX]


def _decoded(part: Message) -> str:
    octets = _octets(part)[: 4 * message.TEXT_MAX]
    given = (part.get_content_charset() or "").strip("'\" ").lower()
    tried = [MEANT.get(given, given)] if message.is_charset(given) or given in MEANT else []
    tried = ["iso2022_jp_2", *tried] if b"\x1b$" in octets else tried
    text = next(filter(None, (_strictly(octets, one) for one in [*tried, *GUESSED])), None)
    text = octets.decode("utf-8", "replace") if text is None else text
    return message.CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).replace("\xa0", " ")


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


def legible(text: str) -> str:
    """Return a text with its lines and spaces as they are, without characters that control, hide or turn others."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").translate(TRICKS).split("\n")
    return "\n".join(message.CONTROL.sub(" ", line).rstrip() for line in lines).strip("\n")


def _line(text: str, at_most: int) -> str:
    return " ".join(text.translate(TRICKS).split())[:at_most]


def _message_id(text: str) -> str:
    one = text.strip().strip("<>")
    is_plain = one.isascii() and one.isprintable() and not set(one) & set("<> ,;\"'") and "=?" not in one
    return f"<{one}>" if is_plain and 0 < len(one) <= 250 else ""
