"""Parses a person's mail: separates the new text from the quoted one, and lists attachments. Pure.

Programs put a line above a quote ("… wrote:"), or the fields of the quoted mail, or ">" before each line. Text between
quoted lines is an inline answer: then nothing is separated.
"""

import re
from email.message import Message
from email.utils import parseaddr
from html import unescape
from itertools import islice
from pathlib import PurePosixPath

from newsletter.delivery.events.parsed import MailAttachment, PersonalMail
from newsletter.delivery.events.parsing import mime

LINE_MAX = 300  # characters of an introducing line
QUOTE_INTRODUCTION = re.compile(
    r"(?:wrote|writes|schrieb|a écrit|escribió|ha scritto|escreveu|skrev|"
    r"寫道|写道|のメール|さんは書きました|來信|님이 작성)"
    r"\s{0,3}[:：]?\s{0,3}$|"
    r"^(?:On|於|在|Am|Le|El)\s.{5,200}(?:[:：]|<[^<>]{3,100}@[^<>]{3,100}>\s{0,3}[:：]?)\s{0,3}$|"
    r"^\d{4}年\d{1,2}月\d{1,2}日.{0,150}[:：]\s{0,3}$"
)
ADDRESS_OR_TIME = re.compile(
    r"[^\s<>@]@[^\s<>@]|(?<!\d)\d{1,2}[:：.]\d\d(?!\d)"
)  # people introduce lists in the same way
QUOTE_SEPARATOR = re.compile(
    r"^\s{0,9}[-_]{2,20}\s{0,3}(?:Original|Forwarded message|Ursprüngliche Nachricht|Message d'origine|"
    r"Messaggio originale|Mensagem original|Oprindelig meddelelse|"
    r"原始郵件|原始邮件|回复的原邮件|轉寄|转发|元のメッセージ|Reply to).{0,40}$|^\s{0,9}_{20,80}\s{0,9}$",
    re.IGNORECASE,
)
FROM_FIELD = re.compile(r"^\*{0,2}(?:From|Von|De|Da|Fra|寄件者|寄件人|发件人|差出人)\*{0,2}\s{0,3}[:：]\s{0,9}\S")
OTHER_FIELD = re.compile(
    r"^\*{0,2}(?:Sent|Date|To|Subject|Gesendet|An|Betreff|Envoyé|Objet|Inviato|Oggetto|Enviado|Assunto|Sendt|Emne|"
    r"傳送時間|日期|寄件日期|收件者|收件人|主旨|发送时间|主题|送信日時|宛先|件名)"
    r"\*{0,2}\s{0,3}[:：]"
)
WRAPPED_BEGINNINGS = ("On ", "於 ", "在 ")  # beginnings of lines that programs may wrap
FIELDS_WITHIN = 4  # lines after From that must contain another field


def split_quote(text: str) -> tuple[str, str]:
    """(new text, quoted text); (text, "") if they cannot be separated."""
    lines = text.strip("\n").split("\n")
    begin = next((number for number in range(len(lines)) if _begins_quote(lines, number)), None)
    if begin is None:
        return _split_last_quote(lines)
    written, quoted = lines[:begin], lines[begin:]
    if any(_is_quoted(line) for line in lines[begin : begin + 5]):
        end = _end_of_quote(lines, begin)
        quoted, after = lines[begin:end], lines[end:]
        if _has_own_text(after):  # an answer below the quote, or inline
            if any(_is_quoted(line) for line in after):
                return _join_lines(lines), ""
            written = [*written, "", *after] if _has_own_text(written) else after
    return (_join_lines(written), _join_lines(quoted)) if _has_own_text(written) else (_join_lines(lines), "")


def _begins_quote(lines: list[str], number: int) -> bool:
    line = lines[number].replace("&nbsp;", " ").strip()  # QQ writes it into plain text
    if not line or len(line) > LINE_MAX:
        return False
    if QUOTE_SEPARATOR.search(line):
        return any(one.strip() for one in lines[number + 1 : number + 6])
    if FROM_FIELD.match(line):
        return any(OTHER_FIELD.match(one.strip()) for one in lines[number + 1 : number + 1 + FIELDS_WITHIN])
    if not QUOTE_INTRODUCTION.search(line) and _may_be_wrapped(line) and number + 1 < len(lines):
        line = f"{line} {lines[number + 1].strip()}"[:LINE_MAX]
    return bool(QUOTE_INTRODUCTION.search(line)) and _is_quote_next(lines[number + 1 :], line)


def _may_be_wrapped(line: str) -> bool:
    return line.startswith(WRAPPED_BEGINNINGS) or bool(ADDRESS_OR_TIME.search(line))


def _is_quote_next(after: list[str], introduction: str) -> bool:
    """Whether a quote follows: marked lines, or enough other text below an address or a time."""
    rest = [line for line in after if line.strip()]
    if any(_is_quoted(line) for line in rest[:3]):
        return True
    return len(rest) > 5 and bool(ADDRESS_OR_TIME.search(introduction))


def _end_of_quote(lines: list[str], begin: int) -> int:
    """The index of the first line with text after the marked ones."""
    end = next(number for number in range(begin, len(lines)) if _is_quoted(lines[number]))
    while end < len(lines) and (not lines[end].strip() or _is_quoted(lines[end])):
        end += 1
    return end


def _split_last_quote(lines: list[str]) -> tuple[str, str]:
    """Separate trailing marked lines without an introduction."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _is_quoted(lines[end - 1])):
        end -= 1
    quoted = lines[end:]
    if not _has_own_text(lines[:end]) or not any(_is_quoted(line) for line in quoted):
        return _join_lines(lines), ""
    return _join_lines(lines[:end]), _join_lines(quoted)


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _has_own_text(lines: list[str]) -> bool:
    return any(line.strip() and not _is_quoted(line) for line in lines)


def _join_lines(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n").rstrip()


INVISIBLE_ELEMENT = re.compile(
    r"<!--.*?(?:-->|$)|<(head|style|script|title|template|noscript|svg|math|object|iframe)\b.*?(?:</\1\s*>|$)",
    re.IGNORECASE | re.DOTALL,
)
TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})([^<>]*)>")
HREF = re.compile(r"""\bhref\s*=\s*["']?((?:https?://|mailto:)[^"'\s>]{1,500})""", re.IGNORECASE)
PARAGRAPH_TAGS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "table"})
BREAKING_TAGS = PARAGRAPH_TAGS | {"br", "div", "li", "tr"}
DEPTH_MAX = 5  # nesting of quotes
LINK_MAX = 600  # characters before `</a>` that are searched for the link's URL


def html_to_quoted_text(markup: str) -> str:
    """Convert untrusted HTML to text, with ">" before quoted lines."""
    pieces = [*TAG.split(INVISIBLE_ELEMENT.sub(" ", markup)), "/", "div", ""]
    lines, run, quotes, link = list[str](), "", 0, ""
    for text, closing, tag_name, rest in zip(pieces[0::4], pieces[1::4], pieces[2::4], pieces[3::4], strict=True):
        run, name = run + text, tag_name.lower()
        if name == "a":
            is_shown = link.removeprefix("mailto:").rstrip("/") in run[-LINK_MAX:]
            run += f" <{link}>" if closing and link and not is_shown else ""
            link = "" if closing or not (found := HREF.search(rest)) else found[1]
        if name in BREAKING_TAGS:
            mark, line = "> " * min(quotes, DEPTH_MAX), " ".join(unescape(run).split())
            lines += [mark + line] if line or name == "br" else []
            lines += [mark] if name in PARAGRAPH_TAGS and lines and lines[-1].strip("> ") else []
            run = "• " if name == "li" and not closing else ""
        if name == "blockquote":
            quotes = max(0, quotes - 1) if closing else quotes + 1
    return "\n".join(lines).strip("\n")


PARTS_MAX = 300  # parts read per mail
FILES_MAX = 40  # files listed
NAME_MAX, SUBJECT_MAX, ADDRESS_MAX = 120, 200, 254
REFERENCES_MAX = 20
# Bidirectional and invisible characters; U+200D, which joins emoji, is kept.
DELETED_CHARACTERS = dict.fromkeys(
    [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C, 0xFEFF, 0x200B]
)


def parse_personal_mail(raw_mail: bytes, dedup_key: str) -> PersonalMail:
    """raw_mail: the whole mail with its header fields, untrusted."""
    mail = mime.parse_message(raw_mail, bytes_max=None)
    leaves = list(islice(mime.leaf_parts(mail), PARTS_MAX))
    written, quoted = split_quote(_body_text(leaves))
    name, address = parseaddr(mime.header(mail, "From"))
    files = [_attachment(number, part) for number, part in enumerate(leaves) if _is_attachment(part)]
    references = [*mime.header(mail, "References").split(), *mime.header(mail, "In-Reply-To").split()]
    return PersonalMail(
        dedup_key=dedup_key,
        sender_name=_single_line(name, NAME_MAX),
        sender=_single_line(address, ADDRESS_MAX),
        subject=_single_line(mime.header(mail, "Subject"), SUBJECT_MAX),
        text=written[: mime.TEXT_MAX],
        quoted=quoted[: mime.TEXT_MAX],
        message_id=_message_id(mime.header(mail, "Message-ID")),
        replies_to=tuple(dict.fromkeys(filter(None, map(_message_id, reversed(references[-REFERENCES_MAX:]))))),
        files=tuple(files[:FILES_MAX]),
        more_files=max(0, len(files) - FILES_MAX),
    )


def attachment_bytes(raw_mail: bytes, number: int) -> bytes | None:
    leaves = list(islice(mime.leaf_parts(mime.parse_message(raw_mail, bytes_max=None)), PARTS_MAX))
    return _part_bytes(leaves[number]) if number < len(leaves) and _is_attachment(leaves[number]) else None


def _is_attachment(part: Message) -> bool:
    if part.get_content_disposition() == "attachment":
        return True
    kind = mime.content_type(part)
    if kind in {"text/plain", "text/html"}:
        return bool(part.get_filename()) and kind == "text/plain" and part.get_content_disposition() != "inline"
    return part.get_content_maintype() != "multipart"


def _attachment(number: int, part: Message) -> MailAttachment:
    kind = mime.content_type(part)
    fallback = f"file-{number}.eml" if kind == "message/rfc822" else f"file-{number}"
    return MailAttachment(number, safe_name(_decoded_name(part)) or fallback, kind[:80], len(_part_bytes(part)))


def _decoded_name(part: Message) -> str:
    try:
        found = part.get_filename() or ""
    except (LookupError, ValueError, TypeError):  # an unknown character set, a broken parameter
        return ""
    holder = Message()
    holder["Name"] = " ".join(found.split())
    return mime.header(holder, "Name")


def safe_name(name: str) -> str:
    last = PurePosixPath(_single_line(name.replace("\\", "/"), 1000)).name
    clean = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*').strip(" .")
    return clean if len(clean) <= NAME_MAX else clean[: NAME_MAX // 2] + "…" + clean[-NAME_MAX // 2 :]


def _part_bytes(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner = part.get_payload()
    if not isinstance(inner, list):
        return str(inner).encode("utf-8", "surrogateescape")
    try:  # an attached mail
        return inner[0].as_bytes() if inner and isinstance(inner[0], Message) else b""
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):  # such as for deep nesting
        return b""


def _body_text(leaves: list[Message]) -> str:
    texts = [part for part in leaves if not _is_attachment(part)]
    plain = [mime.part_text(part) for part in texts if mime.content_type(part) != "text/html"]
    text = "\n".join(plain)
    if not text.strip():
        text = "\n".join(
            html_to_quoted_text(mime.part_text(part)) for part in texts if mime.content_type(part) == "text/html"
        )
    lines = mime.CONTROL_CHARACTERS.sub(" ", text.replace("\xa0", " ")).translate(DELETED_CHARACTERS).split("\n")
    return "\n".join(line.rstrip() for line in lines)[: mime.TEXT_MAX]


def without_control_characters(text: str) -> str:
    """Replace control characters by a space; drop bidi and invisible ones, trailing spaces and outer blank lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").translate(DELETED_CHARACTERS).split("\n")
    return "\n".join(mime.CONTROL_CHARACTERS.sub(" ", line).rstrip() for line in lines).strip("\n")


def _single_line(text: str, at_most: int) -> str:
    return " ".join(text.translate(DELETED_CHARACTERS).split())[:at_most]


def _message_id(text: str) -> str:
    one = text.strip().strip("<>")
    is_plain = one.isascii() and one.isprintable() and not set(one) & set("<> ,;\"'") and "=?" not in one
    return f"<{one}>" if is_plain and 0 < len(one) <= 250 else ""
