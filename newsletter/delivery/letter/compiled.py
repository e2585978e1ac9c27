"""Compiles a mailing into a template, and renders each reader's message from it.

Parsed, its messages equal those of `rendering.build_copy`, which takes ten times as long.

Base64 encodes three bytes as four characters, so a value of unknown length shifts all that follows. Each piece of the
letter between placeholders is therefore encoded three times, without its first 0, 1 and 2 bytes: for each phase in
which a value can end. Lines may be shorter than 76 characters (RFC 2045 section 6.8).
"""

import html
import re
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from email import message_from_bytes, policy
from email.policy import SMTP
from hashlib import sha256
from itertools import chain, starmap
from typing import NamedTuple

from django.db.models import Value

from newsletter.delivery.ledger.claims import READER_FIELDS, TOKEN_FIELDS, DeliveryRow
from newsletter.delivery.letter import rendering
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import SEQ_BITS
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.mail import dkim_signing, headers, salutations, tokens
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

PLACEHOLDER = re.compile(b"\x02([a-z_]+)\x03")
LINE_BYTES = 57  # bytes that make a line of 76 characters
CRLF = b"\r\n"


def base64_lines(octets: bytes) -> bytes:
    """Base64 in lines of 76 characters, each ended by CRLF. Except at the end of a body, the length must be a multiple
    of three."""
    return b"".join(
        [b2a_base64(octets[at : at + LINE_BYTES], newline=False) + CRLF for at in range(0, len(octets), LINE_BYTES)]
    )


class EncodedPiece(NamedTuple):
    """An encoded piece whose first bytes complete the group of three before it."""

    head: bytes  # those first bytes, not encoded
    middle: bytes  # encoded
    tail: bytes  # the last 0 to 2 bytes, not encoded: they begin the next group


def encoded_pieces(piece: bytes) -> tuple[EncodedPiece, EncodedPiece, EncodedPiece]:
    """The piece for each number of bytes (0, 1, 2) missing in the group before it."""
    made = []
    for missing in range(3):
        head, rest = piece[:missing], piece[missing:]
        whole = len(rest) - len(rest) % 3
        made.append(EncodedPiece(head, base64_lines(rest[:whole]), rest[whole:]))
    return made[0], made[1], made[2]


class BodyTemplate:
    """A text in base64 with placeholders. before: bytes that precede it, not encoded."""

    def __init__(self, text: str, before: bytes = b"") -> None:
        parts = PLACEHOLDER.split(CRLF.join(text.encode().splitlines()) + CRLF)
        first, *others = (encoded_pieces(piece) for piece in parts[0::2])
        self.beginning, self.carry = before + first[0].middle, first[0].tail
        self.pieces = list(zip((name.decode() for name in parts[1::2]), others, strict=True))

    def render(self, out: list[bytes], values: Mapping[str, bytes]) -> None:
        """Append the encoded text with `values` to `out`, `beginning` first."""
        out.append(self.beginning)
        carry = self.carry
        for name, piece in self.pieces:
            octets = carry + values[name]
            head, middle, carry = piece[-len(octets) % 3]
            octets += head
            if not middle and len(octets) % 3:  # the piece is too short to complete the group
                whole = len(octets) - len(octets) % 3
                octets, carry = octets[:whole], octets[whole:] + carry
            out += (b2a_base64(octets, newline=False), CRLF) if len(octets) <= LINE_BYTES else (base64_lines(octets),)
            out.append(middle)
        if carry:
            out.append(base64_lines(carry))


class HeaderTemplate:
    """Header lines with placeholders; values are not encoded."""

    def __init__(self, octets: bytes) -> None:
        parts = PLACEHOLDER.split(octets)
        self.first = parts[0]
        self.pieces = list(zip((name.decode() for name in parts[1::2]), parts[2::2], strict=True))

    def render(self, out: list[bytes], values: Mapping[str, bytes]) -> None:
        out.append(self.first)
        for name, piece in self.pieces:
            out += (values[name], piece)


class MessageTemplate:
    """A whole message with placeholders.

    headers: header lines, each ended by CRLF, without MIME-Version and Content-Type.
    Placeholders are names between \\x02 and \\x03, replaced by `values` in headers and text, by `escaped` in HTML.
    """

    BOUNDARY = b"=_newsletter"  # "_" is no letter of base64, so that no body can contain it

    def __init__(self, *, headers: bytes, text: str, html: str) -> None:
        own = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="%s"' % self.BOUNDARY
        self.head = HeaderTemplate(headers + own + CRLF + CRLF)
        self.text = BodyTemplate(text, before=self._part(b"plain"))
        self.html = BodyTemplate(html, before=self._part(b"html"))
        self.end = b"--%s--\r\n" % self.BOUNDARY
        self.hashed_beginning = sha256(self.text.beginning)

    def _part(self, subtype: bytes) -> bytes:
        fields = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: base64' % subtype
        return b"--%s\r\n%s\r\n\r\n" % (self.BOUNDARY, fields)

    def render(self, values: Mapping[str, bytes], escaped: Mapping[str, bytes]) -> bytes:
        """A reader's message for the wire, without the final dot; no line begins with a dot."""
        out: list[bytes] = []
        self.head.render(out, values)
        self.text.render(out, values)
        self.html.render(out, escaped)
        out.append(self.end)
        return b"".join(out)

    def body_digest(self, message: bytes) -> bytes:
        """SHA-256 of a rendered message's body: base64 already is in the relaxed form of RFC 6376 section 3.4.4.

        The beginning, which all readers share, is hashed once.
        """
        digest = self.hashed_beginning.copy()
        digest.update(memoryview(message)[message.index(CRLF + CRLF) + 4 + len(self.text.beginning) :])
        return digest.digest()


FIELDS_OF_EACH_READER = {"to", "message-id", "list-unsubscribe", "mime-version", "content-type", "dkim-signature"}
FIELDS_OF_EACH_COPY = {"date", "dkim-signature"}  # fields that differ between two copies of one mail
LINK_PURPOSES = ("unsubscribe", "preferences", "feedback", "invite")  # of readers' own links
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9@._+-]+")  # needs no HTML escaping
SAMPLED_ROWS = 500  # from which proof_rows chooses
COMMON_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
COMMON_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/?^_`{|}~-]+)*")
FIRST_LINE_LENGTH = headers.LINE_LENGTH - len("To: ")
ENCODED_NAME_MAX = (FIRST_LINE_LENGTH - headers.ENCODED_WORD_OVERHEAD) // 4 * 3  # octets of a name in one encoded word
LARGEST_ID = 2**31 - 1


class CompiledMailing:
    def __init__(self, mailing: Mailing) -> None:
        specimen = rendering.build_copy(mailing, Subscriber(pk=0, email="reader@example.org"), ids=(mailing.pk, 0))
        block, _end, _body = specimen.message(policy=SMTP).as_bytes().partition(b"\r\n\r\n")
        html_part, text_part = rendering.html_and_text(mailing)
        used = {*rendering.PLACEHOLDER.findall(html_part), *rendering.PLACEHOLDER.findall(text_part), "unsubscribe_url"}
        slots = filter(salutations.is_name_slot, sorted(used))
        self.fallback_words = {slot: salutations.fallback_word(slot) for slot in slots}
        self.purposes = [purpose for purpose in LINK_PURPOSES if f"{purpose}_url" in used]
        for purpose in self.purposes:
            before, after = link_around_token(purpose)
            text_part = _with_token(text_part, purpose, before, after)
            html_part = _with_token(html_part, purpose, html.escape(before), html.escape(after))
        own = b"To: \x02to\x03\r\nMessage-ID: \x02message_id\x03\r\n" + _unsubscribe_field()
        self.template = MessageTemplate(headers=_common_fields(block) + own, text=text_part, html=html_part)
        self.keys, self.domain = dkim_signing.load_keys(), _ascii_domain(mailing)
        self.sign_tokens = tokens.signers(self.purposes)
        self.message_id = message_id_maker(mailing)
        self.return_path = return_path_maker(mailing)

    def envelope(self, row: DeliveryRow) -> Envelope:
        """A reader's message for the wire. Raises ValueError for a name or address that no header can hold."""
        address = fast_ascii_address(row.email)
        values, escaped = self._values(row, address)
        data = self.template.render(values, escaped)
        if self.keys:
            digest = self.template.body_digest(data)
            data = dkim_signing.dkim_signatures(data, self.domain, self.keys, body_digest=digest) + data
        return Envelope(row.seq, address, data, self.return_path(row.seq))

    def _values(self, row: DeliveryRow, address: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """A reader's values for headers and text, and those for HTML."""
        assert row.subscriber_id is not None  # noqa: S101 - a row that has lost its reader is not mailable
        reader_tokens = self.sign_tokens(row.subscriber_id, row.token_salt + row.address_hash)
        values = dict(zip(self.purposes, map(str.encode, reader_tokens), strict=True))
        values["to"], values["message_id"] = fast_to_value(row.name, address), self.message_id(row.seq)
        values["email"] = row.email.encode()
        escaped = values if PLAIN_ADDRESS.fullmatch(row.email) else values | {"email": html.escape(row.email).encode()}
        if self.fallback_words:
            names = {slot: row.name or word for slot, word in self.fallback_words.items()}
            values |= {slot: name.encode() for slot, name in names.items()}
            escaped = values | escaped | {slot: html.escape(name).encode() for slot, name in names.items()}
        return values, escaped

    def describe_difference(self, mailing: Mailing) -> str:
        """How sample messages differ from those that `rendering.build_copy` builds, as a sentence; "" if they do not.

        Messages are parsed by the standard library: an error in the template must stop a mailing before its first
        message.
        """
        for row in proof_rows(mailing):
            built = rendering.build_copy(mailing, row.reader, ids=(mailing.pk, row.seq)).message(policy=SMTP).as_bytes()
            if part := first_difference(self.envelope(row).data, built):
                return f"The compiled message to {row.email} is not the one that was approved: {part} differs"
        return ""


def _unsubscribe_field() -> bytes:
    """The List-Unsubscribe field: by web, and by mail if there is a mailbox."""
    before, after = link_around_token("unsubscribe")
    by_web = f"List-Unsubscribe: <{before}\x02unsubscribe\x03{after}>".encode()
    by_mail = rendering.unsubscribe_address("\x02unsubscribe\x03").encode()
    return by_web + (b",\r\n <mailto:%s>" % by_mail if by_mail else b"") + b"\r\n"


def link_around_token(purpose: str) -> tuple[str, str]:
    """The parts of a reader's link before and after the token: the same for all readers.

    Tokens are letters and digits, so only these parts need escaping.
    """
    reader = Subscriber(pk=LARGEST_ID)
    link, token = rendering.reader_values(reader)[f"{purpose}_url"], reader.token(purpose)
    headers.validate_header("List-Unsubscribe", f"<{link}>")
    before, _token, after = link.partition(token)
    return before, after


def _with_token(part: str, purpose: str, before: str, after: str) -> str:
    return part.replace(f"\x02{purpose}_url\x03", f"{before}\x02{purpose}\x03{after}")


def _ascii_domain(mailing: Mailing) -> str:
    return headers.ascii_address(mailing.sender_email).rpartition("@")[2]


def message_id_maker(mailing: Mailing) -> Callable[[int], bytes]:
    host = _ascii_domain(mailing)
    headers.message_id("issue", mailing.pk, LARGEST_ID, domain=host)  # raises for a domain that no header can hold
    beginning, digest = f"issue.{mailing.pk}.", tokens.digester("message-id")

    def message_id(seq: int) -> bytes:
        name = f"{beginning}{seq}"
        return f"<{name}.{digest(name)[:16]}@{host}>".encode()

    return message_id


def copy_token_maker(mailing: Mailing) -> Callable[[int], str]:
    """A function from seq to the delivery's token, by which reports identify it.

    It is signed for "bounce" and the number mailing * 2^24 + seq, enough for 16 million deliveries, and bound to the
    mailing's salt: mailing numbers repeat after a restore, and in other installations that use the same provider.
    """
    sign, first = tokens.signer("bounce"), (mailing.pk or 0) << SEQ_BITS
    return lambda seq: sign(first + seq, mailing.token_salt)


def return_path_maker(mailing: Mailing) -> Callable[[int], str]:
    """A function from seq to the envelope sender with the token; "" if no bounce address is configured."""
    bounces_to = Publication.objects.current().bounces_to
    if not bounces_to:
        return lambda _seq: ""
    before, after = headers.return_path(bounces_to, "\0").split("\0")
    token = copy_token_maker(mailing)
    return lambda seq: f"{before}{token(seq)}{after}"


def proof_rows(mailing: Mailing) -> list[DeliveryRow]:
    """Sample readers with edge cases: the first, the last, one without a name, and the longest name."""
    columns = ("seq", "subscriber_id", *READER_FIELDS)
    with_reader = Delivery.objects.filter(mailing=mailing, subscriber__isnull=False)
    readers = with_reader.order_by("seq").values_list(*columns, Value(True), *TOKEN_FIELDS)
    # By seq: with outdated statistics the database would sort all rows for the last one.
    ends = [readers.filter(seq__lt=SAMPLED_ROWS), readers.filter(seq__gte=max(SAMPLED_ROWS, mailing.total - 1))]
    rows = []
    for row in starmap(DeliveryRow, chain.from_iterable(ends)):
        with suppress(ValueError):  # an address or name that no header can hold is this delivery's failure
            fast_to_value(row.name, fast_ascii_address(row.email))
            rows.append(row)
    if not rows:
        return []
    chosen = [rows[0], rows[-1], min(rows, key=lambda row: bool(row.name)), max(rows, key=lambda row: len(row.name))]
    return list(dict.fromkeys(chosen))


def first_difference(one: bytes, other: bytes) -> str:
    """The name of the first header or body in which two messages differ; "" if they are equal."""
    ours, theirs = _comparable_parts(one), _comparable_parts(other)
    differing = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    return min(differing, default="")


def _comparable_parts(octets: bytes) -> dict[str, list[str]]:
    message = message_from_bytes(octets, policy=policy.default)
    parts = {name: [str(one) for one in message.get_all(name, [])] for name in {name.lower() for name in message}}
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        parts[f"text/{kind}"] = [part.get_content() if part else ""]
    return {name: value for name, value in parts.items() if name not in FIELDS_OF_EACH_COPY}


def fast_ascii_address(email: str) -> str:
    return email if COMMON_ADDRESS.fullmatch(email) else headers.ascii_address(email)


def fast_to_value(name: str, address: str) -> bytes:
    """The To field's body as by `headers.format_address_header`, with a fast path."""
    if not name:
        return address.encode()
    octets = name.encode()
    if len(octets) <= ENCODED_NAME_MAX:
        if COMMON_NAME.fullmatch(name) and "=?" not in name:
            return octets + b"\r\n <" + address.encode() + b">"
        if not name.isascii() and not headers.CONTROL_CHARACTER.search(name):
            return b"=?utf-8?b?" + b2a_base64(octets, newline=False) + b"?=\r\n <" + address.encode() + b">"
    return headers.format_address_header("To", [(name, address)], "\r\n")[4:-2].encode()


def _common_fields(block: bytes) -> bytes:
    fields = dkim_signing.FIELD_LINE_END.split(block)
    common = (field for field in fields if field.partition(b":")[0].decode().lower() not in FIELDS_OF_EACH_READER)
    return b"".join(field + CRLF for field in common)
