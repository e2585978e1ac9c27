"""The messages of a template with their DKIM-Signatures: what is the same for all readers is computed once. Pure.

A signature covers some header fields and a hash of the body, both in relaxed form (RFC 6376 section 3.4). The body of
a template has that form whatever a reader's values are, and it begins with the same octets for all readers. SHA-256
goes from front to back, so that these are hashed once, and what follows the first value for each reader.
"""

from collections.abc import Mapping
from hashlib import sha256

from newsletter.delivery.letter.wire_template import CRLF, SLOT, Plain, Template
from newsletter.mail.signatures import Key, Signer, relaxed_field, relaxed_value, signatures, signed_fields

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
