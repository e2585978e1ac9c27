"""The courier to an e-mail API that takes a batch: one call for up to 200 readers, through Anymail.

A call is all or nothing as long as the provider answers: a refusal of the call (4xx) means that no message
of it left, so it is halved until the reader who spoils it stands alone. A silence makes the whole call
uncertain, unless the provider takes an idempotency key: then the same call is made again with the same
key, and after a silence only a yes counts. Some calls may be under way at once, each in a thread of its own.
"""

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from anymail.backends.postmark import PostmarkPayload
from anymail.backends.resend import ResendPayload
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailUnsupportedFeature
from django.core.mail import mailers

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import around, copy_token_maker, message_id_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.growth import Connections
from newsletter.delivery.provider.interruptible import STOPPED, StopDeadline, begun
from newsletter.delivery.provider.outcomes import (
    Answer,
    HandOverForbidden,
    Outcome,
    ProviderAway,
    ProviderRefuses,
    api_answer,
    one_line,
    postmark_answer,
    status_answer,
)
from newsletter.delivery.provider.transports import DjangoTransport
from newsletter.delivery.rate import is_throttling
from newsletter.mail import headers, salutations, tokens
from newsletter.mail.message import Mail
from subscribers.models import Subscriber

Said = Outcome | ProviderRefuses  # about one reader


class Whole:
    """A payload that carries each reader's body whole, because the provider fills in nothing without a stored template.

    message.bodies: for each reader in order, the fields of the provider's message that hold the body.
    """

    message: Any

    def serialize_json(self, data: Any) -> str:
        if isinstance(data, list):
            data = [one | bodies for one, bodies in zip(data, self.message.bodies, strict=True)]
        written: str = super().serialize_json(data)  # type: ignore[misc]  # Anymail's, beside us in the class
        return written


class Postmark(Whole, PostmarkPayload):  # type: ignore[misc]  # Anymail has no types
    pass


class Resend(Whole, ResendPayload):  # type: ignore[misc]  # as above
    def __init__(self, message: Any, defaults: Any, backend: Any) -> None:
        super().__init__(message, defaults, backend, headers={"Idempotency-Key": message.idempotency_key})


def usual_payload(message: Any, defaults: Any, backend: Any) -> Any:
    """Return what Anymail makes of a message with merge_data and merge_headers."""
    return backend.build_message_payload(message, defaults)


def read_statuses(backend: Any, response: Any, payload: Any, message: Any) -> list[Said]:
    """Return what Anymail reads in an answer, reader by reader."""
    statuses = backend.parse_recipient_status(response, payload, message)
    said = {status: status_answer(status) for status in {None, *statuses.values()}}  # Mailgun says one thing of all
    return [said[statuses.get(address)] for address in message.addresses]


def read_postmark(backend: Any, response: Any, payload: Any, message: Any) -> list[Said]:
    """Return what Postmark says of each message: Anymail gives up on all of them for one that it does not know."""
    entries = backend.deserialize_json_response(response, payload, message)
    if not isinstance(entries, list) or len(entries) != len(message.to):
        return [Outcome(Answer.UNCERTAIN, "Postmark's answer cannot be read")] * len(message.to)
    return [postmark_answer(entry) for entry in entries]


@dataclass(frozen=True)
class Provider:
    """What one provider can do.

    limit: messages a call, by the provider.
    slot: how a reader's value is named in the body; "" when each reader's body travels whole.
    bodies: the fields that hold the text and the HTML of one that travels whole.
    collides: what in an author's own text the provider would take for such a name.
    by_header: headers are given for each reader; otherwise the common ones hold slots.
    keeps_message_id: whether the provider leaves our Message-ID as it is.
    headers, extra: what else a message needs, as headers and as Anymail's esp_extra.
    key: where the idempotency key goes: "http" or "mail" header; "" if the provider takes none.
    """

    limit: int
    payload: Callable[[Any, Any, Any], Any] = usual_payload
    slot: str = ""
    bodies: tuple[str, str] = ("text", "html")
    collides: re.Pattern[str] = re.compile("(?!)")
    by_header: bool = True
    keeps_message_id: bool = False
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Any, Any, Any, Any], Sequence[Said]] = read_statuses


# Keyed by Anymail's esp_name. A provider is here only if it takes a List-Unsubscribe for each reader: without one there
# is no one-click unsubscribe (RFC 8058), and the mail goes message by message. That leaves out MailerSend (one set of
# headers for all, and it may show readers each other's addresses), Mandrill, Scaleway and Postal (no headers by reader
# in Anymail), and Amazon SES (its bulk call needs a template stored at Amazon). Mailjet, Mailtrap, SparkPost and
# Unisender Go could, and are not here because their template language runs over every text: see Anymail's
# "merge_headers" and https://anymail.dev/en/stable/esps/#supported-esps.
PROVIDERS = {
    # %recipient.x% works in body and headers alike, and so do a few variables of Mailgun's own.
    # https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending (1,000 a call)
    "Mailgun": Provider(
        limit=1000,
        slot="%recipient.{}%",
        collides=re.compile(r"%(recipient|unsubscribe|tag_|mailing_list)", re.IGNORECASE),
        by_header=False,
    ),
    # A version's headers replace the common ones. Its template language is near to Django's.
    # https://developers.brevo.com/docs/batch-send-transactional-emails (2,000 messages a call)
    # https://developers.brevo.com/docs/heterogenous-versions-batch-emails (idempotencyKey: a UUID, 30 minutes)
    "Brevo": Provider(limit=1000, slot="{{{{ params.{} }}}}", collides=re.compile(r"\{\{|\{%|\{#"), key="mail"),
    # Substitutions are plain search and replace; ours begin with what no author writes, and it is looked for.
    # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations (1,000 personalizations)
    # Anymail gave up its support in 2025, and warns: https://github.com/anymail/django-anymail/issues/432
    "SendGrid": Provider(
        limit=1000,
        slot="[%nl.{}%]",
        collides=re.compile(r"\[%nl\.|<%|\[unsubscribe\]"),
        keeps_message_id=True,
        extra={"merge_field_format": "[%nl.{}%]"},
    ),
    # https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails (500 a call, 50 MB)
    # https://postmarkapp.com/support/article/1232-can-i-use-a-custom-message-id (X-PM-KeepID)
    "Postmark": Provider(
        limit=500,
        payload=Postmark,
        bodies=("TextBody", "HtmlBody"),
        keeps_message_id=True,
        headers={"X-PM-KeepID": "true"},
        read=read_postmark,
    ),
    # https://resend.com/docs/api-reference/emails/send-batch-emails (100 a call)
    # https://resend.com/docs/dashboard/emails/idempotency-keys (24 hours, any string up to 256 characters)
    "Resend": Provider(limit=100, payload=Resend, keeps_message_id=True, key="http"),
}


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
        used = {name for body in self.bodies.values() for name in rendering.SLOT.findall(body)} | {"unsubscribe_url"}
        self.words = {slot: salutations.word_of(slot) for slot in sorted(used) if salutations.is_for_name(slot)}
        self.links = {name: _link_writer(name) for name in sorted(used - {"email"} - self.words.keys())}
        self.message_id = message_id_maker(mailing)
        self.token = copy_token_maker(mailing)

    def size(self) -> int:
        limit = min(READERS, self.provider.limit)
        if self.provider.slot:
            return limit
        octets = sum(len(body.encode()) for body in self.bodies.values())
        return max(
            1, min(limit, CALL_BYTES // (2 * octets))
        )  # a Chinese character is 3 octets, and 6 as JSON writes it

    def values(self, row: Row) -> dict[str, str]:
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
        message.to = [headers.mailbox(row.name, row.email) for row in rows]
        message.addresses = list(values)
        message.esp_extra = dict(self.provider.extra)
        if self.provider.slot:
            message.merge_data = values
        if self.provider.by_header:
            message.merge_headers = {row.email: self._own_headers(row, values[row.email]) for row in rows}
            message.merge_metadata = {row.email: self.named(row) for row in rows}
        else:
            message.merge_data = {row.email: values[row.email] | {"row": self.token(row.seq)} for row in rows}
            message.metadata = {"delivery": self.provider.slot.format("row")}
        if not self.provider.slot:
            message.bodies = [self._filled(own) for own in values.values()]
        self._give_key(message, rows)
        return message

    def named(self, row: Row) -> dict[str, str]:
        """Return the metadata by which a report of the provider finds the copy: events/reading/requests.py."""
        return {"delivery": self.token(row.seq)}

    def _body(self, name: str) -> str:
        if not self.provider.slot:
            return name  # each reader's own stands in its place
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

    def _filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return both bodies of one reader, by the provider's fields."""
        bodies = (self.bodies["text"], self.bodies["html"])
        filled = [rendering.SLOT.sub(lambda found: values[found[1]], body) for body in bodies]
        return dict(zip(self.provider.bodies, filled, strict=True))

    def _give_key(self, message: Any, rows: Sequence[Row]) -> None:
        """Name the call by what is in it: the same readers and text have the same key, whoever makes the call."""
        if self.provider.key:
            readers = [(row.seq, row.email, row.name) for row in rows]
            message.idempotency_key = str(uuid5(KEYS, f"{self.mailing.pk} {self.mailing.content_hash} {readers}"))
            if self.provider.key == "mail":
                message.extra_headers["idempotencyKey"] = message.idempotency_key


def _link_writer(name: str) -> Callable[[int, str], str]:
    """Return what writes a reader's link from the reader's id and what the link is bound to. name: of its slot."""
    purpose = name.removesuffix("_url")
    sign, (before, after) = tokens.signer(purpose), around(purpose)
    return lambda number, bound: f"{before}{sign(number, bound)}{after}"


log = logging.getLogger(__name__)

GATHER_SECONDS = 1  # under a rate limit a call leaves with the readers that came until then
PAUSES = (1, 3, 9)  # seconds before the same call again with the same key; far below any key's lifetime
HOPELESS = 31  # refusals of one call's parts, none taken: down to its sixteenths, so it is not the readers
FIRST_CALLS, MOST_CALLS = 1, 4  # at once: to begin with, and where the provider keeps pace; a crash leaves so many
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


@dataclass
class Call:
    """What is known of a call and its parts."""

    refusals: int = 0
    is_taken: bool = False


@dataclass
class Part:
    """Readers who are asked for together: a call, a part of one that was refused, or one reader alone."""

    rows: Sequence[Row]
    call: Call = field(default_factory=Call)
    is_alone: bool = False


type Asked = Sequence[Said] | Outcome  # what was answered of each row, or one outcome for all


class ApiCourier:
    """Calls for many readers each; a reader whose address needs care gets a call of their own.

    connections: how many calls may be under way at once, and what is known of more and fewer.
    """

    def __init__(
        self,
        alias: str,
        mailing: Mailing,
        connections: Connections | None = None,
        *,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.alias, self.mailing = alias, mailing
        self.backends: list[Any] = [mailers[alias]]  # that make no call at the moment
        self.provider = PROVIDERS[self.backends[0].esp_name]
        self.copies = Copies(mailing, self.provider)
        self.window = self.copies.size()
        self.single = DjangoTransport(mailers[alias])
        self.connections = connections or Connections(FIRST_CALLS, MOST_CALLS)
        self.pauses, self.stop_deadline = pauses if self.provider.key else (), StopDeadline()
        self.waiting: deque[Part] = deque()
        self.running: dict[Future[Asked], tuple[Part, Any]] = {}  # with the backend of each
        self.known: list[tuple[int, Outcome]] = []  # and not yielded yet
        self.problem: Exception | None = None  # raised when no call is under way any more
        self.is_silent = False

    def deliver(
        self, rows: Iterator[Row], on_hand_over: Callable[[int], bool], _reports: object = None, /
    ) -> Iterator[tuple[int, Outcome]]:
        self.connections.begin()
        calls = gathered(rows, self.window)
        while True:
            self._begin(calls, on_hand_over)
            if not self.running and not self.known:
                break
            if self.running:
                self._collect()
            known, self.known = self.known, []
            yield from known
        if self.problem:
            raise self.problem

    def close(self) -> None:
        for backend in self.backends:
            backend.close()
        self.single.close()

    # --- Asking ---

    def _is_over(self) -> bool:
        return bool(self.problem) or self.is_silent

    def _begin(self, calls: Iterator[list[Row]], on_hand_over: Callable[[int], bool]) -> None:
        while not self._is_over() and len(self.running) < self.connections.wanted:
            part = None if self.stop_deadline.is_stopping() else self._next(calls)
            if part is None:
                return
            backend = None if part.is_alone else self.backends.pop() if self.backends else mailers[self.alias]
            if step := self._step(part, backend):
                if not all(on_hand_over(row.seq) for row in part.rows):
                    self.problem = HandOverForbidden()
                    return
                self.running[begun(step)] = part, backend

    def _next(self, calls: Iterator[list[Row]]) -> Part | None:
        """Return what to ask for next, None if there is nothing at the moment. Readers alone go one at a time."""
        is_one_alone = any(part.is_alone for part, _backend in self.running.values())
        for part in self.waiting:
            if not (part.is_alone and is_one_alone):
                self.waiting.remove(part)
                return part
        try:
            call = next(calls, None)
        except Exception as problem:  # noqa: BLE001 - raised after the replies to the calls under way
            self.problem = problem
            return None
        if call is None:
            return None
        together, apart = _sorted(call)
        self.waiting += [Part([row], is_alone=True) for row in apart]
        return Part(together) if together else self._next(calls)

    def _step(self, part: Part, backend: Any) -> Callable[[], Asked] | None:
        """Return what asks for a part; None if its reader can be in no message, which is then known."""
        if not part.is_alone:
            return partial(self._ask, part.rows, backend)
        row = part.rows[0]
        try:
            message: Any = rendering.copy_for(self.mailing, row.reader, ids=(self.mailing.pk, row.seq))
        except ValueError as problem:
            self.known.append((row.seq, Outcome(Answer.FAILED, str(problem)[:500])))
            return None
        message.metadata = self.copies.named(row)
        return partial(self.single.send, message)

    def _ask(self, rows: Sequence[Row], backend: Any) -> Asked:
        """Return what was answered of each row, or one outcome for all: FAILED (none of them left) or UNCERTAIN."""
        message = self.copies.message(rows)
        reply = self._post(message, backend)
        if not isinstance(reply, Outcome) or reply.answer is not Answer.UNCERTAIN:
            return reply
        for seconds in self.pauses:
            self.stop_deadline.rest(seconds)  # a provider that fell silent is given time
            if self.stop_deadline.is_stopping():
                return reply
            try:
                again = self._post(message, backend)
            except (ProviderAway, ProviderRefuses) as reason:  # says nothing of the first call
                log.info("mailing %s: the same call again: %s", self.mailing.pk, reason)
                continue
            if not isinstance(again, Outcome):
                return again
        return reply

    def _post(self, message: Any, backend: Any) -> Asked:
        backend.open()
        try:
            payload = self.provider.payload(message, backend.send_defaults, backend)
            response = backend.post_to_esp(payload, message)
            return self.provider.read(backend, response, payload, message)
        except AnymailAPIError as error:
            return api_answer(error)
        except AnymailUnsupportedFeature as error:
            raise ProviderRefuses(one_line(error)) from error
        except AnymailError as error:  # before anything was sent: an address that Anymail cannot write
            return Outcome(Answer.FAILED, one_line(error))

    # --- Replies ---

    def _collect(self) -> None:
        """Wait for a reply; after a stop, calls without one in time are uncertain."""
        ended = self.stop_deadline.first(self.running)
        for one in ended or self.running.copy():
            part, backend = self.running.pop(one)
            if ended:
                self.backends += [backend] if backend else []
                self._end(part, one)
            else:
                self._know(part, Outcome(Answer.UNCERTAIN, STOPPED))

    def _end(self, part: Part, ended: Future[Asked]) -> None:
        now = time.monotonic()
        try:
            reply = ended.result()
        except Exception as problem:  # noqa: BLE001 - raised after the replies to the other calls
            self.problem = self.problem or problem
            if is_throttling(str(problem)):
                self.connections.throttled(now)
            return
        if isinstance(reply, Outcome) and reply.answer is Answer.FAILED and len(part.rows) > 1:
            self._halve(part, reply)
        else:
            self.connections.answered(now, len(self.running) + 1)
            part.call.is_taken = part.call.is_taken or not isinstance(reply, Outcome)
            self._know(part, reply)

    def _halve(self, part: Part, reply: Outcome) -> None:
        """Ask for the halves of what was refused, breadth first, until the reader who spoils it stands alone."""
        part.call.refusals += 1
        if part.call.refusals == HOPELESS and not part.call.is_taken:
            self.problem = self.problem or ProviderRefuses(reply.reply)
        half = len(part.rows) // 2
        self.waiting += [Part(part.rows[:half], part.call), Part(part.rows[half:], part.call)]

    def _know(self, part: Part, reply: Asked) -> None:
        self.is_silent = self.is_silent or (isinstance(reply, Outcome) and reply.answer is Answer.UNCERTAIN)
        for row, one in zip(part.rows, [reply] * len(part.rows) if isinstance(reply, Outcome) else reply, strict=True):
            if isinstance(one, ProviderRefuses):  # because of us
                self.problem = self.problem or one
            else:
                self.known.append((row.seq, one))


def gathered(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Yield calls of `size` rows; smaller ones when the rows come slowly, or end."""
    call: list[Row] = []
    since = 0.0
    for row in rows:
        since = since if call else time.monotonic()
        call.append(row)
        if len(call) >= size or time.monotonic() - since >= GATHER_SECONDS:
            yield call
            call = []
    if call:
        yield call


def _sorted(call: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows that can be in one call, and those that cannot: an odd address or name, an address twice."""
    together, apart = dict[str, Row](), list[Row]()
    for row in call:
        key = row.email.lower()
        if key in together or not PLAIN_ADDRESS.fullmatch(row.email) or headers.CONTROL.search(row.name):
            apart.append(row)
        else:
            together[key] = row
    return list(together.values()), apart
