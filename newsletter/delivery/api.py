"""The courier to an e-mail API that takes a batch: one call for up to 200 readers, through Anymail. One call at a time.

A call is all or nothing as long as the provider answers: a refusal of the call (4xx) means that no message
of it left, so it is halved until the reader who spoils it stands alone. A silence makes the whole call
uncertain, unless the provider takes an idempotency key: then the same call is made again with the same
key, and after a silence only a yes counts.
"""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailUnsupportedFeature
from django.core.mail import mailers

from newsletter.delivery import rendering
from newsletter.delivery.compiled import around, message_id_maker
from newsletter.delivery.ledger import Recipient
from newsletter.delivery.models import Mailing
from newsletter.delivery.providers import PROVIDERS, PlainAddress, Provider, Said
from newsletter.delivery.transports import (
    Answer,
    DjangoTransport,
    HandOverForbidden,
    Outcome,
    ProviderAway,
    ProviderRefuses,
    api_answer,
)
from newsletter.delivery.waits import Patience
from newsletter.mail import headers, tokens
from newsletter.mail.message import Mail
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

READERS = 200  # a call: a larger one saves little, and is what a crash leaves uncertain
CALL_BYTES = 20_000_000  # of bodies that travel whole
GATHER_SECONDS = 1  # under a rate limit a call leaves with the readers that came until then
PAUSES = (1, 3, 9)  # seconds before the same call again with the same key; far below any key's lifetime
HOPELESS = 31  # refusals of one call's parts, none taken: down to its sixteenths, so it is not the readers
KEYS = UUID("b8f4a0d1-6f0e-4f0c-9c53-3d8a2f7e61aa")
# What can stand in a body of any provider, in text and HTML alike, without being escaped or read as syntax.
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._+=-]+@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
PLAIN_LINK = re.compile(r"[A-Za-z0-9:/._~-]+")


def hindrance(backend: Any, mailing: Mailing) -> str:
    """Return why a mailing cannot go through this backend in batches; "" if it can."""
    name = getattr(backend, "esp_name", None)
    if name not in PROVIDERS:
        return "this mailer takes no batches"
    written = "\n".join([mailing.subject, mailing.sender_name, mailing.reply_to, mailing.text, mailing.html])
    if found := PROVIDERS[name].collides.search(written):
        return f"the issue contains {found[0]!r}, which {name} would take for its own"
    if not PLAIN_LINK.fullmatch(Subscriber(pk=1).unsubscribe_url):
        return "the links of readers contain what would have to be escaped"
    return ""


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
        self.links = {name: _link_writer(name) for name in sorted(used - {"email"})}
        self.message_id = message_id_maker(mailing)

    def size(self) -> int:
        """Return how many readers a call may have."""
        limit = min(READERS, self.provider.limit)
        if self.provider.slot:
            return limit
        body = sum(len(piece) for pieces in self.written.values() for piece in pieces)
        return max(1, min(limit, CALL_BYTES // body))

    def values(self, row: Recipient) -> dict[str, str]:
        """Return what stands in the slots for one reader, for text and HTML alike."""
        assert row.subscriber_id is not None  # noqa: S101 - a row that has lost its reader is not mailable
        number, bound = row.subscriber_id, row.token_salt + row.address_hash
        return {"email": row.email} | {name: link(number, bound) for name, link in self.links.items()}

    def message(self, rows: Sequence[Recipient]) -> Any:
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
            message.merge_metadata = {row.email: {"delivery": self._named(row)} for row in rows}
        else:
            message.merge_data = {row.email: values[row.email] | {"row": self._named(row)} for row in rows}
            message.metadata = {"delivery": self.provider.slot.format("row")}
        message.bodies = partial(self._bodies, list(values.values()))
        self._give_key(message, rows)
        return message

    def _named(self, row: Recipient) -> str:
        """Return by what a report of the provider finds the delivery."""
        return f"{self.mailing.pk}.{row.seq}"

    def _body(self, name: str) -> str:
        if not self.provider.slot:
            return rendering.slot(name)
        return rendering.SLOT.sub(lambda found: self.provider.slot.format(found[1]), self.bodies[name])

    def _common(self) -> dict[str, str]:
        """Return the headers of the message itself: none where those of a reader would replace them."""
        if self.provider.by_header:
            return {}
        return self.headers | {"List-Unsubscribe": f"<{self.provider.slot.format('unsubscribe_url')}>"}

    def _own_headers(self, row: Recipient, values: Mapping[str, str]) -> dict[str, str]:
        own = {**self.headers, "List-Unsubscribe": f"<{values['unsubscribe_url']}>"}
        if self.provider.keeps_message_id:
            own["Message-ID"] = self.message_id(row.seq).decode()
        return own

    def _bodies(self, values: Sequence[Mapping[str, str]]) -> dict[str, Iterator[str]]:
        return {name: map(partial(_filled, pieces), values) for name, pieces in self.written.items()}

    def _give_key(self, message: Any, rows: Sequence[Recipient]) -> None:
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
    filled[1::2] = [values[name] for name in pieces[1::2]]
    return "".join(filled)


def _link_writer(name: str) -> Callable[[int, str], str]:
    """Return what writes a reader's link from his id and what it is bound to. name: of its slot."""
    purpose = name.removesuffix("_url")
    sign, (before, after) = tokens.signer(purpose), around(purpose)
    return lambda number, bound: f"{before}{sign(number, bound)}{after}"


class ApiCourier:
    """Calls for many readers each; a reader whose address needs care gets a call of his own."""

    def __init__(self, alias: str, mailing: Mailing, *, pauses: Sequence[float] = PAUSES) -> None:
        backend: Any = mailers[alias]
        self.backend, self.provider = backend, PROVIDERS[backend.esp_name]
        self.copies, self.mailing = Copies(mailing, self.provider), mailing
        self.window = self.copies.size()
        self.single = DjangoTransport(mailers[alias])
        self.pauses, self.patience = pauses if self.provider.key else (), Patience()

    def deliver(self, rows: Iterator[Recipient], on_hand_over: Callable[[int], bool]) -> Iterator[tuple[int, Outcome]]:
        for call in gathered(rows, self.window):
            together, apart = _sorted(call)
            is_silent = False
            for seq, outcome in self._parts(together, on_hand_over):
                yield seq, outcome
                is_silent = is_silent or outcome.answer is Answer.UNCERTAIN
            if is_silent:
                return
            for row in apart:
                outcome = self._alone(row, on_hand_over)
                yield row.seq, outcome
                if outcome.answer is Answer.UNCERTAIN:
                    return

    def close(self) -> None:
        self.backend.close()
        self.single.close()

    def _parts(self, call: Sequence[Recipient], on_hand_over: Callable[[int], bool]) -> Iterator[tuple[int, Outcome]]:
        """Make a call, or its halves, breadth first, until each row has an answer, or there is a silence."""
        parts, refusals, is_taken = deque([call] if call else []), 0, False
        while parts:
            part = parts.popleft()
            if not all(on_hand_over(row.seq) for row in part):
                raise HandOverForbidden
            said = self._ask(part)
            if isinstance(said, Outcome) and said.answer is Answer.FAILED and len(part) > 1:
                refusals += 1
                if refusals == HOPELESS and not is_taken:
                    raise ProviderRefuses(said.reply)
                parts += part[: len(part) // 2], part[len(part) // 2 :]
                continue
            is_taken = is_taken or not isinstance(said, Outcome)
            yield from _answers(part, said)
            if isinstance(said, Outcome) and said.answer is Answer.UNCERTAIN:
                return

    def _ask(self, rows: Sequence[Recipient]) -> Sequence[Said] | Outcome:
        """Return what was said of each row, or one outcome for all: FAILED (none of them left) or UNCERTAIN."""
        message = self.copies.message(rows)
        said = self._call(message)
        if not isinstance(said, Outcome) or said.answer is not Answer.UNCERTAIN:
            return said
        for seconds in self.pauses:
            self.patience.rest(seconds)  # a provider that fell silent is given time; this lane has no other call
            if self.patience.is_stopping():
                return said
            try:
                again = self._call(message)
            except (ProviderAway, ProviderRefuses) as reason:  # says nothing of the first call
                log.info("mailing %s: the same call again: %s", self.mailing.pk, reason)
                continue
            if not isinstance(again, Outcome):
                return again
        return said

    def _call(self, message: Any) -> Sequence[Said] | Outcome:
        return self.patience.answer(partial(self._said, message))

    def _said(self, message: Any) -> Sequence[Said] | Outcome:
        self.backend.open()
        try:
            payload = self.provider.payload(message, self.backend.send_defaults, self.backend)
            response = self.backend.post_to_esp(payload, message)
            return self.provider.read(self.backend, response, payload, message)
        except AnymailAPIError as error:
            return api_answer(error)
        except AnymailUnsupportedFeature as error:
            raise ProviderRefuses(" ".join(str(error).split())[:500]) from error
        except AnymailError as error:  # before anything was sent: an address that Anymail cannot write
            return Outcome(Answer.FAILED, " ".join(str(error).split())[:500])

    def _alone(self, row: Recipient, on_hand_over: Callable[[int], bool]) -> Outcome:
        try:
            message: Any = rendering.copy_for(self.mailing, row.reader, ids=(self.mailing.pk, row.seq))
        except ValueError as problem:
            return Outcome(Answer.FAILED, str(problem)[:500])
        message.metadata = {"delivery": f"{self.mailing.pk}.{row.seq}"}
        if not on_hand_over(row.seq):
            raise HandOverForbidden
        return self.patience.answer(partial(self.single.send, message))


def gathered(rows: Iterator[Recipient], size: int) -> Iterator[list[Recipient]]:
    """Yield calls of `size` rows; smaller ones when the rows come slowly, or end."""
    call: list[Recipient] = []
    since = 0.0
    for row in rows:
        since = since if call else time.monotonic()
        call.append(row)
        if len(call) >= size or time.monotonic() - since >= GATHER_SECONDS:
            yield call
            call = []
    if call:
        yield call


def _sorted(call: Sequence[Recipient]) -> tuple[list[Recipient], list[Recipient]]:
    """Return the rows that can be in one call, and those that cannot: an odd address or name, an address twice."""
    together, apart = dict[str, Recipient](), list[Recipient]()
    for row in call:
        key = row.email.lower()
        if key in together or not PLAIN_ADDRESS.fullmatch(row.email) or headers.CONTROL.search(row.name):
            apart.append(row)
        else:
            together[key] = row
    return list(together.values()), apart


def _answers(rows: Sequence[Recipient], said: Sequence[Said] | Outcome) -> Iterator[tuple[int, Outcome]]:
    """Yield each row's outcome; raise ProviderRefuses at the end if some were refused because of us."""
    each = [said] * len(rows) if isinstance(said, Outcome) else said
    refusal = None
    for row, one in zip(rows, each, strict=True):
        if isinstance(one, ProviderRefuses):
            refusal = one
        else:
            yield row.seq, one
    if refusal:
        raise refusal
