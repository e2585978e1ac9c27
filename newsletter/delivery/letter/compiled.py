"""A mailing compiled once, and what each reader puts into it: ids in, a message for the wire out.

Every byte is what `rendering.copy_for` and `headers` would write, which need ten times as long.

Base64 turns three bytes into four characters, so a value of unknown length shifts all that follows.
Each piece of the letter between its slots is therefore encoded three times, without its first 0, 1 and 2 bytes:
whichever phase a value ends in, the rest of the piece is at hand. Lines may be shorter than 76 characters (RFC 2045
section 6.8).
"""

import html
import re
import time
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.policy import SMTP
from hashlib import sha256
from itertools import chain
from typing import NamedTuple

from django.db.models import Value

from newsletter.delivery.ledger.claims import OF_LINKS, OF_READER, Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import SEQ_BITS
from newsletter.delivery.provider.smtp_connection import Envelope
from newsletter.mail import headers, salutations, signatures, tokens
from newsletter.mail.signatures import Key, Signer, relaxed_field, relaxed_value, signed_fields
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

SLOT = re.compile(b"\x02([a-z_]+)\x03")
LINE = 57  # bytes that make a line of 76 characters
CRLF = b"\r\n"


def lines(octets: bytes) -> bytes:
    """Return base64 in lines of 76 characters, each ended by CRLF. The length must be a multiple of three,
    but for the end of a body."""
    return b"".join([b2a_base64(octets[at : at + LINE], newline=False) + CRLF for at in range(0, len(octets), LINE)])


class Phase(NamedTuple):
    """A piece after its first bytes went to complete a group of three."""

    head: bytes  # those first bytes, as they are
    middle: bytes  # encoded
    tail: bytes  # the last 0 to 2 bytes, as they are: they begin the next group


def phases(piece: bytes) -> tuple[Phase, Phase, Phase]:
    """Return a piece for each number of bytes (0, 1, 2) that the group before it still needs."""
    made = []
    for missing in range(3):
        head, rest = piece[:missing], piece[missing:]
        whole = len(rest) - len(rest) % 3
        made.append(Phase(head, lines(rest[:whole]), rest[whole:]))
    return made[0], made[1], made[2]


class Body:
    """One text in base64, with slots. before: octets that stand before the text, as they are."""

    def __init__(self, text: str, before: bytes = b"") -> None:
        parts = SLOT.split(CRLF.join(text.encode().splitlines()) + CRLF)
        first, *others = (phases(piece) for piece in parts[0::2])
        self.beginning, self.carry = before + first[0].middle, first[0].tail
        self.pieces = list(zip((name.decode() for name in parts[1::2]), others, strict=True))

    def render(self, out: list[bytes], values: Mapping[str, bytes]) -> None:
        """Append the encoded text with `values` in its slots to `out`; `beginning` comes first."""
        out.append(self.beginning)
        carry = self.carry
        for name, piece in self.pieces:
            octets = carry + values[name]
            head, middle, carry = piece[-len(octets) % 3]
            octets += head
            if not middle and len(octets) % 3:  # the piece itself was too short
                whole = len(octets) - len(octets) % 3
                octets, carry = octets[:whole], octets[whole:] + carry
            out += (b2a_base64(octets, newline=False), CRLF) if len(octets) <= LINE else (lines(octets),)
            out.append(middle)
        if carry:
            out.append(lines(carry))


class Plain:
    """Header lines with slots; values are written as they are."""

    def __init__(self, octets: bytes) -> None:
        parts = SLOT.split(octets)
        self.first = parts[0]
        self.pieces = list(zip((name.decode() for name in parts[1::2]), parts[2::2], strict=True))

    def render(self, out: list[bytes], values: Mapping[str, bytes]) -> None:
        out.append(self.first)
        for name, piece in self.pieces:
            out += (values[name], piece)

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        out: list[bytes] = []
        self.render(out, values)
        return b"".join(out)


class Template:
    """A whole message with slots.

    headers: header lines without the ones that describe the bodies, each ended by CRLF.
    Slots are named between \\x02 and \\x03; in headers and text they take `values`, in HTML `escaped` ones.
    """

    BOUNDARY = b"=_newsletter"  # "_" is no letter of base64, so that no body can contain it

    def __init__(self, *, headers: bytes, text: str, html: str) -> None:
        own = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="%s"' % self.BOUNDARY
        self.headers = headers + own
        self.head = Plain(self.headers + CRLF + CRLF)
        self.text = Body(text, before=self._part(b"plain"))
        self.html = Body(html, before=self._part(b"html"))
        self.end = b"--%s--\r\n" % self.BOUNDARY

    def _part(self, subtype: bytes) -> bytes:
        fields = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: base64' % subtype
        return b"--%s\r\n%s\r\n\r\n" % (self.BOUNDARY, fields)

    def render(self, values: Mapping[str, bytes], escaped: Mapping[str, bytes]) -> bytes:
        """Return the message of one reader, ready for the wire but for the final dot: no line begins with a dot."""
        out: list[bytes] = []
        self.head.render(out, values)
        self.render_body(out, values, escaped)
        return b"".join(out)

    def render_body(self, out: list[bytes], values: Mapping[str, bytes], escaped: Mapping[str, bytes]) -> None:
        """Append what comes after the header to `out`. The first piece, `text.beginning`, is the same for everybody.

        No line ends with a space and no tab is in it, whatever the values are: those are base64 here.
        """
        self.text.render(out, values)
        self.html.render(out, escaped)
        out.append(self.end)


type Values = Mapping[str, bytes]


class SignedTemplate:
    """A template whose messages are signed by `by` for `domain`: see `signatures`."""

    def __init__(self, template: Template, domain: str, by: tuple[Key, ...]) -> None:
        self.template, self.domain, self.by = template, domain, by
        self.signer = Signer(domain, by)
        self.hashed = sha256(template.text.beginning)
        self.fields = _RelaxedFields(template.headers)

    def render(self, values: Values, escaped: Values, at: int) -> bytes:
        """Return what `Template.render` does, behind its signatures. at: when it is signed, in seconds since 1970."""
        head: list[bytes] = []
        body: list[bytes] = []
        self.template.head.render(head, values)
        self.template.render_body(body, values, escaped)
        beginning, *others = body
        rest = b"".join(others)
        hashed = self.hashed.copy()
        hashed.update(rest)
        signed = self.signer.fields(self.fields.render(values), hashed.digest(), at)
        return b"".join([signed, *head, beginning, rest])

    def is_right(self, values: Values, escaped: Values) -> bool:
        """Return whether a reader's signatures are those that are computed from the whole of the message."""
        message = self.template.render(values, escaped)
        return self.render(values, escaped, 0) == signatures.signatures(message, self.domain, self.by, 0) + message


class _RelaxedFields:
    """The fields that are signed, in relaxed form. Values with slots get it for each reader, everything else once."""

    def __init__(self, headers: bytes) -> None:
        self.pieces: list[tuple[bytes, Plain]] = []  # what comes before a value with slots, and that value
        self.end = b""
        for line in signed_fields(headers):
            name, _colon, value = line.partition(b":")
            if SLOT.search(value):
                self.pieces.append((self.end + relaxed_field(name).removesuffix(CRLF), Plain(value)))
                self.end = CRLF
            else:
                self.end += relaxed_field(line)

    def render(self, values: Values) -> bytes:
        out: list[bytes] = []
        for before, value in self.pieces:
            out += (before, relaxed_value(value.filled(values)))
        out.append(self.end)
        return b"".join(out)


PER_READER = {"to", "message-id", "list-unsubscribe", "mime-version", "content-type", "dkim-signature"}
PER_COPY = {"date", "dkim-signature"}  # what two copies of one mail differ in
PURPOSES = ("unsubscribe", "preferences", "feedback", "invite")  # of the links that are each reader's own
PLAIN = re.compile(r"[A-Za-z0-9@._+-]+")  # means the same in HTML
FIRST_ROWS = 500  # among which readers are chosen for the proof
COMMON_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
COMMON_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/?^_`{|}~-]+)*")
FIRST_LINE = headers.LINE_LENGTH - len("To: ")
ONE_WORD = (FIRST_LINE - headers.WORD_FRAME) // 4 * 3  # octets of a name in one encoded word
LARGEST = 2**31 - 1


class Compiled:
    """A mailing as a template, and what one reader puts into it."""

    def __init__(self, mailing: Mailing) -> None:
        specimen = rendering.copy_for(mailing, Subscriber(pk=0, email="reader@example.org"), ids=(mailing.pk, 0))
        block, _end, _body = specimen.message(policy=SMTP).as_bytes().partition(b"\r\n\r\n")
        html_part, text_part = rendering.parts(mailing)
        used = {*rendering.SLOT.findall(html_part), *rendering.SLOT.findall(text_part), "unsubscribe_url"}
        self.words = {slot: salutations.word_of(slot) for slot in sorted(used) if salutations.is_for_name(slot)}
        self.purposes = [purpose for purpose in PURPOSES if f"{purpose}_url" in used]
        for purpose in self.purposes:
            before, after = around(purpose)
            text_part = _with_token(text_part, purpose, before, after)
            html_part = _with_token(html_part, purpose, html.escape(before), html.escape(after))
        self.template = Template(
            headers=_common(block) + b"To: \x02to\x03\r\nMessage-ID: \x02message_id\x03\r\n" + _leaving(),
            text=text_part,
            html=html_part,
        )
        keys = signatures.keys()
        self.signed = SignedTemplate(self.template, _ascii_domain(mailing), keys) if keys else None
        self.tokens = tokens.signers(self.purposes)
        self.message_id = message_id_maker(mailing)
        self.return_path = return_path_maker(mailing)

    def envelope(self, row: Row) -> Envelope:
        """Return one reader's message, ready for the wire. Raises ValueError for one who can be in no message."""
        address = written_address(row.email)
        values, escaped = self._values(row, address)
        if self.signed:
            data = self.signed.render(values, escaped, int(time.time()))
        else:
            data = self.template.render(values, escaped)
        return Envelope(row.seq, address, data, self.return_path(row.seq))

    def _values(self, row: Row, address: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return what stands in the slots for one reader: in headers and text, and in HTML."""
        assert row.subscriber_id is not None  # noqa: S101 - a row that has lost its reader is not mailable
        links = self.tokens(row.subscriber_id, row.token_salt + row.address_hash)
        values = dict(zip(self.purposes, map(str.encode, links), strict=True))
        values["to"], values["message_id"] = written_mailbox(row.name, address), self.message_id(row.seq)
        values["email"] = row.email.encode()
        escaped = values if PLAIN.fullmatch(row.email) else values | {"email": html.escape(row.email).encode()}
        if self.words:
            called = {slot: row.name or word for slot, word in self.words.items()}
            values |= {slot: name.encode() for slot, name in called.items()}
            escaped = values | escaped | {slot: html.escape(name).encode() for slot, name in called.items()}
        return values, escaped

    def difference(self, mailing: Mailing) -> str:
        """Return what some readers would get otherwise than by the e-mail classes, as a sentence; "" if nothing.

        The messages are parsed by the standard library, headers and bodies compared, and signatures computed anew
        from whole messages: a mistake in the template must stop a mailing before its first copy leaves.
        """
        for row in specimens(mailing):
            built = rendering.copy_for(mailing, row.reader, ids=(mailing.pk, row.seq)).message(policy=SMTP).as_bytes()
            if part := _differing(self.envelope(row).data, built) or self._wrongly_signed(row):
                return f"The compiled message to {row.email} is not the one that was approved: {part} differs"
        return ""

    def _wrongly_signed(self, row: Row) -> str:
        """Return the name of the field if a reader's signatures are not those of the whole message, else ""."""
        is_right = self.signed is None or self.signed.is_right(*self._values(row, written_address(row.email)))
        return "" if is_right else "dkim-signature"


def _leaving() -> bytes:
    """Return the field by which mail clients show a button to leave: by the web, and by mail where that is read."""
    before, after = around("unsubscribe")
    by_web = f"List-Unsubscribe: <{before}\x02unsubscribe\x03{after}>".encode()
    by_mail = rendering.leaving_address("\x02unsubscribe\x03").encode()
    return by_web + (b",\r\n <mailto:%s>" % by_mail if by_mail else b"") + b"\r\n"


def around(purpose: str) -> tuple[str, str]:
    """Return what stands before and after the token in a reader's link: the same for all readers.

    Tokens are letters and digits, so that only what stands around them needs escaping.
    """
    reader = Subscriber(pk=LARGEST)
    link, token = rendering.reader_values(reader)[f"{purpose}_url"], reader.token(purpose)
    headers.checked("List-Unsubscribe", f"<{link}>")
    before, _token, after = link.partition(token)
    return before, after


def _with_token(part: str, purpose: str, before: str, after: str) -> str:
    """Return a part of the letter with a slot for the token in place of the one for the whole link."""
    return part.replace(f"\x02{purpose}_url\x03", f"{before}\x02{purpose}\x03{after}")


def _ascii_domain(mailing: Mailing) -> str:
    return headers.ascii_address(mailing.sender_email).rpartition("@")[2]


def message_id_maker(mailing: Mailing) -> Callable[[int], bytes]:
    host = _ascii_domain(mailing)
    headers.message_id("issue", mailing.pk, LARGEST, domain=host)  # raises for a domain that no header can hold
    beginning, digest = f"issue.{mailing.pk}.", tokens.digester("message-id")

    def message_id(seq: int) -> bytes:
        name = f"{beginning}{seq}"
        return f"<{name}.{digest(name)[:16]}@{host}>".encode()

    return message_id


def copy_token_maker(mailing: Mailing) -> Callable[[int], str]:
    """Return what makes the token of a row's copy, by which a report names it.

    It is signed for "bounce" and the number mailing * 2^24 + seq, which fits 16 million copies, and bound to the
    mailing's random value: numbers of mailings come again after a restore, and in another installation that sends
    through the same provider.
    """
    sign, first = tokens.signer("bounce"), (mailing.pk or 0) << SEQ_BITS
    return lambda seq: sign(first + seq, mailing.token_salt)


def return_path_maker(mailing: Mailing) -> Callable[[int], str]:
    """Return what makes the envelope sender of a row, with its token; "" when bounces go to no address of their own."""
    bounces_to = Publication.objects.current().bounces_to
    if not bounces_to:
        return lambda _seq: ""
    before, after = headers.return_path(bounces_to, "\0").split("\0")
    token = copy_token_maker(mailing)
    return lambda seq: f"{before}{token(seq)}{after}"


def specimens(mailing: Mailing) -> list[Row]:
    """Return readers whose copies are likely to be odd: the first, the last, one without a name, the longest name."""
    columns = ("seq", "subscriber_id", *OF_READER)
    wished = Delivery.objects.filter(mailing=mailing, subscriber__isnull=False)
    known = wished.order_by("seq").values_list(*columns, Value(True), *OF_LINKS)
    # By their numbers: a database that has not looked at the new rows yet would sort all of them for the last one.
    ends = [known.filter(seq__lt=FIRST_ROWS), known.filter(seq__gte=max(FIRST_ROWS, mailing.total - 1))]
    rows = [Row(*row) for row in chain.from_iterable(ends)]
    rows = [row for row in rows if _can_be_mailed(row)]
    if not rows:
        return []
    chosen = [rows[0], rows[-1], min(rows, key=lambda row: bool(row.name)), max(rows, key=lambda row: len(row.name))]
    return list(dict.fromkeys(chosen))


def _can_be_mailed(row: Row) -> bool:
    try:
        written_mailbox(row.name, written_address(row.email))
    except ValueError:  # reported to the author as this reader's failure
        return False
    return True


def _differing(one: bytes, other: bytes) -> str:
    """Return the first header or body in which two messages differ; "" if they say the same."""
    ours, theirs = _parts(one), _parts(other)
    differing = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    return min(differing, default="")


def _parts(octets: bytes) -> dict[str, list[str]]:
    message = message_from_bytes(octets, policy=policy.default)
    parts = {name: [str(one) for one in message.get_all(name, [])] for name in {name.lower() for name in message}}
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        parts[f"text/{kind}"] = [part.get_content() if part else ""]
    return {name: value for name, value in parts.items() if name not in PER_COPY}


def written_address(email: str) -> str:
    """Return what `headers.ascii_address` does, at once for nearly all."""
    return email if COMMON_ADDRESS.fullmatch(email) else headers.ascii_address(email)


def written_mailbox(name: str, address: str) -> bytes:
    """Return the To field's body as `headers.written_mailboxes` does, at once for nearly all."""
    if not name:
        return address.encode()
    octets = name.encode()
    if len(octets) <= ONE_WORD:
        if COMMON_NAME.fullmatch(name) and "=?" not in name:
            return octets + b"\r\n <" + address.encode() + b">"
        if not name.isascii() and not headers.CONTROL.search(name):
            return b"=?utf-8?b?" + b2a_base64(octets, newline=False) + b"?=\r\n <" + address.encode() + b">"
    return headers.written_mailboxes("To", [(name, address)], "\r\n")[4:-2].encode()


def _common(block: bytes) -> bytes:
    fields: list[bytes] = []
    for line in block.split(b"\r\n"):
        if line[:1] in b" \t":
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    kept = (field for field in fields if field.partition(b":")[0].decode().lower() not in PER_READER)
    return b"".join(chain.from_iterable((field, b"\r\n") for field in kept))
