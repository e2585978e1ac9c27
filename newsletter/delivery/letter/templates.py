"""A message compiled once per mailing and joined per reader: bytes in, bytes out. Pure.

Building a message with the e-mail classes costs a hundred times what it costs to send it. So the
frozen letter is encoded once, around its slots, and a reader's values are put between the pieces.

Base64 turns three bytes into four characters, so a value of unknown length shifts all that follows.
Each piece is therefore encoded three times, without its first 0, 1 and 2 bytes: whichever phase a value
ends in, the rest of the piece is at hand. Lines may be shorter than 76 characters (RFC 2045 section 6.8).
"""

import re
from binascii import b2a_base64
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from newsletter.mail.signatures import Key, Signer, relaxed_field, relaxed_value, signatures, signed_fields

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
        return self.render(values, escaped, 0) == signatures(message, self.domain, self.by, 0) + message


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
