"""A mailing as one message for many readers, as an e-mail API takes it: what is the same for all, and what is not."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import around, copy_token_maker, message_id_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.batch_apis import PlainAddress, Provider
from newsletter.mail import salutations, tokens
from newsletter.mail.message import Mail
from subscribers.models import Subscriber

READERS = 200  # a call: a larger one saves little, and is what a crash leaves uncertain
CALL_BYTES = 20_000_000  # of bodies that travel whole
KEYS = UUID("b8f4a0d1-6f0e-4f0c-9c53-3d8a2f7e61aa")


class Copies:
    """A mailing as one message for many readers."""

    def __init__(self, mailing: Mailing, provider: Provider) -> None:
        self.mailing, self.provider = mailing, provider
        specimen = rendering.copy_for(mailing, Subscriber(pk=1, email="reader@example.org"), ids=(mailing.pk, 0))
        own = {"List-Unsubscribe", "Message-ID"}
        self.headers = {name: value for name, value in specimen.extra_headers.items() if name not in own}
        self.headers |= provider.headers
        self.envelope: dict[str, Any] = {"from_email": specimen.from_email, "reply_to": specimen.reply_to}
        self.bodies = dict(zip(("html", "text"), rendering.parts(mailing), strict=True))
        self.written = {name: _pieces(json.dumps(body)) for name, body in self.bodies.items()}
        used = {name for body in self.bodies.values() for name in rendering.SLOT.findall(body)} | {"unsubscribe_url"}
        self.words = {slot: salutations.word_of(slot) for slot in sorted(used) if salutations.is_for_name(slot)}
        self.links = {name: _link_writer(name) for name in sorted(used - {"email"} - self.words.keys())}
        self.message_id = message_id_maker(mailing)
        self.token = copy_token_maker(mailing)

    def size(self) -> int:
        """Return how many readers a call may have."""
        limit = min(READERS, self.provider.limit)
        if self.provider.slot:
            return limit
        body = sum(len(piece) for pieces in self.written.values() for piece in pieces)
        return max(1, min(limit, CALL_BYTES // body))

    def values(self, row: Row) -> dict[str, str]:
        """Return what stands in the slots for one reader, for text and HTML alike."""
        assert row.subscriber_id is not None  # noqa: S101 - a row that has lost its reader is not mailable
        number, bound = row.subscriber_id, row.token_salt + row.address_hash
        values = {"email": row.email} | {name: link(number, bound) for name, link in self.links.items()}
        if self.words:
            name = salutations.harmless(row.name)
            values |= {slot: name or word for slot, word in self.words.items()}
        return values

    def message(self, rows: Sequence[Row]) -> Any:
        """Return one message to all of them, with Anymail's attributes for what differs."""
        values = {row.email: self.values(row) for row in rows}
        message: Any = Mail(
            subject=self.mailing.subject, body=self._body("text"), headers=self._common(), **self.envelope
        )
        message.attach_alternative(self._body("html"), "text/html")
        message.to = [PlainAddress(row.name, row.email) for row in rows]
        message.esp_extra = dict(self.provider.extra)
        if self.provider.slot:
            message.merge_data = values
        if self.provider.by_header:
            message.merge_headers = {row.email: self._own_headers(row, values[row.email]) for row in rows}
            message.merge_metadata = {row.email: self.named(row) for row in rows}
        else:
            message.merge_data = {row.email: values[row.email] | {"row": self.token(row.seq)} for row in rows}
            message.metadata = {"delivery": self.provider.slot.format("row")}
        message.bodies = partial(self._bodies, list(values.values()))
        self._give_key(message, rows)
        return message

    def named(self, row: Row) -> dict[str, str]:
        """Return the metadata by which a report of the provider finds the copy: events/reading/requests.py."""
        return {"delivery": self.token(row.seq)}

    def _body(self, name: str) -> str:
        if not self.provider.slot:
            return rendering.slot(name)
        return rendering.SLOT.sub(lambda found: self.provider.slot.format(found[1]), self.bodies[name])

    def _common(self) -> dict[str, str]:
        """Return the headers of the message itself: none where those of a reader would replace them."""
        if self.provider.by_header:
            return {}
        return self.headers | {"List-Unsubscribe": f"<{self.provider.slot.format('unsubscribe_url')}>"}

    def _own_headers(self, row: Row, values: Mapping[str, str]) -> dict[str, str]:
        own = {**self.headers, "List-Unsubscribe": f"<{values['unsubscribe_url']}>"}
        if self.provider.keeps_message_id:
            own["Message-ID"] = self.message_id(row.seq).decode()
        return own

    def _bodies(self, values: Sequence[Mapping[str, str]]) -> dict[str, Iterator[str]]:
        return {name: map(partial(_filled, pieces), values) for name, pieces in self.written.items()}

    def _give_key(self, message: Any, rows: Sequence[Row]) -> None:
        """Name the call by what is in it: the same readers and text have the same key, whoever makes the call."""
        if self.provider.key:
            readers = [(row.seq, row.email, row.name) for row in rows]
            message.idempotency_key = str(uuid5(KEYS, f"{self.mailing.pk} {self.mailing.content_hash} {readers}"))
            if self.provider.key == "mail":
                message.extra_headers["idempotencyKey"] = message.idempotency_key


def _pieces(written: str) -> list[str]:
    """Split a body that is written as JSON at its slots: text, name, text, name, … text."""
    return re.split(r"\\u0002([a-z_]+)\\u0003", written)


def _filled(pieces: Sequence[str], values: Mapping[str, str]) -> str:
    filled = list(pieces)
    filled[1::2] = [_as_json(values[name]) for name in pieces[1::2]]
    return "".join(filled)


def _as_json(value: str) -> str:
    return value if value.isascii() else json.dumps(value)[1:-1]


def _link_writer(name: str) -> Callable[[int, str], str]:
    """Return what writes a reader's link from the reader's id and what the link is bound to. name: of its slot."""
    purpose = name.removesuffix("_url")
    sign, (before, after) = tokens.signer(purpose), around(purpose)
    return lambda number, bound: f"{before}{sign(number, bound)}{after}"
