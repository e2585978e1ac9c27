"""The courier for e-mail APIs with batch calls: one call for up to 200 readers, through Anymail.

A refused call (4xx) means that none of its messages was sent, so it is halved until the reader who causes the refusal
is alone. A call without a response makes all its deliveries uncertain, unless the provider supports idempotency keys:
then it is repeated with the same key, and only a success counts. Calls may run concurrently, each in a thread.
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

from django.utils.module_loading import import_string

from newsletter.delivery.ledger.claims import DeliveryRow
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import copy_token_maker, link_around_token, message_id_maker
from newsletter.delivery.models import Mailing
from newsletter.delivery.provider.connection_scaling import ConnectionScaler
from newsletter.delivery.provider.outcomes import (
    HandOverForbidden,
    ProviderRejection,
    ProviderUnavailable,
    SendOutcome,
    SendStatus,
    api_outcome,
    postmark_outcome,
    reply_line,
    status_outcome,
)
from newsletter.delivery.provider.stoppable_wait import STOPPED_REPLY, StopControl, run_in_thread
from newsletter.delivery.provider.transports import DjangoTransport, backend_factory
from newsletter.delivery.rate import is_throttling
from newsletter.mail import headers, salutations, tokens
from newsletter.mail.mailers import anymail_exceptions
from newsletter.mail.message import Mail
from subscribers.models import Subscriber

ReaderReply = SendOutcome | ProviderRejection  # for one reader
PAYLOADS = "newsletter.delivery.sending.api_payloads"  # the module


def read_statuses(backend: Any, response: Any, payload: Any, message: Any) -> list[ReaderReply]:
    statuses = backend.parse_recipient_status(response, payload, message)
    outcomes = {status: status_outcome(status) for status in {None, *statuses.values()}}  # Mailgun: one for all
    return [outcomes[statuses.get(address)] for address in message.addresses]


def read_postmark(backend: Any, response: Any, payload: Any, message: Any) -> list[ReaderReply]:
    """The replies by Postmark's entries: Anymail raises for the whole batch if it does not know one."""
    entries = backend.deserialize_json_response(response, payload, message)
    if not isinstance(entries, list) or len(entries) != len(message.to):
        return [SendOutcome(SendStatus.UNCERTAIN, "Postmark's answer cannot be read")] * len(message.to)
    return [postmark_outcome(entry) for entry in entries]


@dataclass(frozen=True)
class ApiProvider:
    """The batch features of one provider.

    limit: messages per call.
    payload: a name in api_payloads.
    merge_field: the format of a merge field; "" if each reader gets a complete body.
    bodies: the fields for text and HTML of a complete body.
    collides: text of an author that the provider would interpret.
    by_header: headers are set per reader; otherwise common headers contain merge fields.
    keeps_message_id: the provider does not replace our Message-ID.
    headers, extra: further headers and Anymail's esp_extra.
    key: where the idempotency key goes: "http" or "mail" header; "" if not supported.
    """

    limit: int
    payload: str = "usual_payload"
    merge_field: str = ""
    bodies: tuple[str, str] = ("text", "html")
    collides: re.Pattern[str] = re.compile("(?!)")
    by_header: bool = True
    keeps_message_id: bool = False
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Any, Any, Any, Any], Sequence[ReaderReply]] = read_statuses


# By Anymail's esp_name. Only providers with a List-Unsubscribe header per reader: without it there is no one-click
# unsubscribe (RFC 8058), and mails are sent one by one. That excludes MailerSend (one set of headers for all, and it
# may show readers each other's addresses), Mandrill, Scaleway and Postal (no headers by reader
# in Anymail), and Amazon SES (its bulk call needs a template stored at Amazon). Mailjet, Mailtrap, SparkPost and
# Unisender Go are excluded because their template language applies to every text: see Anymail's
# "merge_headers" and https://anymail.dev/en/stable/esps/#supported-esps.
PROVIDERS = {
    # %recipient.x% works in body and headers alike, and so do a few variables of Mailgun's own.
    # https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending (1,000 a call)
    "Mailgun": ApiProvider(
        limit=1000,
        merge_field="%recipient.{}%",
        collides=re.compile(r"%(recipient|unsubscribe|tag_|mailing_list)", re.IGNORECASE),
        by_header=False,
    ),
    # A version's headers replace the common ones. Its template language is near to Django's.
    # https://developers.brevo.com/docs/batch-send-transactional-emails (2,000 messages a call)
    # https://developers.brevo.com/docs/heterogenous-versions-batch-emails (idempotencyKey: a UUID, 30 minutes)
    "Brevo": ApiProvider(
        limit=1000, merge_field="{{{{ params.{} }}}}", collides=re.compile(r"\{\{|\{%|\{#"), key="mail"
    ),
    # Substitutions are plain search and replace; ours begin with text that no author writes.
    # https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations (1,000 personalizations)
    # Anymail gave up its support in 2025, and warns: https://github.com/anymail/django-anymail/issues/432
    "SendGrid": ApiProvider(
        limit=1000,
        merge_field="[%nl.{}%]",
        collides=re.compile(r"\[%nl\.|<%|\[unsubscribe\]"),
        keeps_message_id=True,
        extra={"merge_field_format": "[%nl.{}%]"},
    ),
    # https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails (500 a call, 50 MB)
    # https://postmarkapp.com/support/article/1232-can-i-use-a-custom-message-id (X-PM-KeepID)
    "Postmark": ApiProvider(
        limit=500,
        payload="PostmarkBatch",
        bodies=("TextBody", "HtmlBody"),
        keeps_message_id=True,
        headers={"X-PM-KeepID": "true"},
        read=read_postmark,
    ),
    # https://resend.com/docs/api-reference/emails/send-batch-emails (100 a call)
    # https://resend.com/docs/dashboard/emails/idempotency-keys (24 hours, any string up to 256 characters)
    "Resend": ApiProvider(limit=100, payload="ResendBatch", keeps_message_id=True, key="http"),
}


READERS_PER_CALL = 200  # larger calls save little, and a crash leaves a whole call uncertain
CALL_BYTES_MAX = 20_000_000  # of complete bodies
KEY_NAMESPACE = UUID("b8f4a0d1-6f0e-4f0c-9c53-3d8a2f7e61aa")


class BatchMessage:
    def __init__(self, mailing: Mailing, provider: ApiProvider) -> None:
        self.mailing, self.provider = mailing, provider
        specimen = rendering.build_copy(mailing, Subscriber(pk=1, email="reader@example.org"), ids=(mailing.pk, 0))
        own = {"List-Unsubscribe", "Message-ID"}
        self.headers = {name: value for name, value in specimen.extra_headers.items() if name not in own}
        self.headers |= provider.headers
        self.envelope: dict[str, Any] = {"from_email": specimen.from_email, "reply_to": specimen.reply_to}
        self.bodies = dict(zip(("html", "text"), rendering.html_and_text(mailing), strict=True))
        used = {name for body in self.bodies.values() for name in rendering.PLACEHOLDER.findall(body)}
        used.add("unsubscribe_url")
        slots = filter(salutations.is_name_slot, sorted(used))
        self.fallback_words = {slot: salutations.fallback_word(slot) for slot in slots}
        self.links = {name: _link_writer(name) for name in sorted(used - {"email"} - self.fallback_words.keys())}
        self.message_id = message_id_maker(mailing)
        self.token = copy_token_maker(mailing)

    def size(self) -> int:
        limit = min(READERS_PER_CALL, self.provider.limit)
        if self.provider.merge_field:
            return limit
        octets = sum(len(body.encode()) for body in self.bodies.values())
        # A Chinese character is 3 octets, and 6 in JSON.
        return max(1, min(limit, CALL_BYTES_MAX // (2 * octets)))

    def values(self, row: DeliveryRow) -> dict[str, str]:
        assert row.subscriber_id is not None  # noqa: S101 - a row that has lost its reader is not mailable
        number, bound_to = row.subscriber_id, row.token_salt + row.address_hash
        values = {"email": row.email} | {name: link(number, bound_to) for name, link in self.links.items()}
        if self.fallback_words:
            name = salutations.safe_name(row.name)
            values |= {slot: name or word for slot, word in self.fallback_words.items()}
        return values

    def message(self, rows: Sequence[DeliveryRow]) -> Any:
        """One message to all readers, with Anymail's merge attributes."""
        values = {row.email: self.values(row) for row in rows}
        unsubscribe = {"List-Unsubscribe": f"<{self.provider.merge_field.format('unsubscribe_url')}>"}
        common = {} if self.provider.by_header else self.headers | unsubscribe  # readers' own would replace them
        message: Any = Mail(subject=self.mailing.subject, body=self._body("text"), headers=common, **self.envelope)
        message.attach_alternative(self._body("html"), "text/html")
        message.to = [headers.format_mailbox(row.name, row.email) for row in rows]
        message.addresses = list(values)
        message.esp_extra = dict(self.provider.extra)
        if self.provider.merge_field:
            message.merge_data = values
        if self.provider.by_header:
            message.merge_headers = {row.email: self._own_headers(row, values[row.email]) for row in rows}
            message.merge_metadata = {row.email: self.metadata(row) for row in rows}
        else:
            message.merge_data = {row.email: values[row.email] | {"row": self.token(row.seq)} for row in rows}
            message.metadata = {"delivery": self.provider.merge_field.format("row")}
        if not self.provider.merge_field:
            message.bodies = [self._filled(own) for own in values.values()]
        self._set_idempotency_key(message, rows)
        return message

    def metadata(self, row: DeliveryRow) -> dict[str, str]:
        """The metadata that identifies the delivery in reports: events/parsing/provider_requests.py."""
        return {"delivery": self.token(row.seq)}

    def _body(self, name: str) -> str:
        if not self.provider.merge_field:
            return name  # replaced by each reader's own body
        return rendering.PLACEHOLDER.sub(lambda found: self.provider.merge_field.format(found[1]), self.bodies[name])

    def _own_headers(self, row: DeliveryRow, values: Mapping[str, str]) -> dict[str, str]:
        own = {**self.headers, "List-Unsubscribe": f"<{values['unsubscribe_url']}>"}
        if self.provider.keeps_message_id:
            own["Message-ID"] = self.message_id(row.seq).decode()
        return own

    def _filled(self, values: Mapping[str, str]) -> dict[str, str]:
        bodies = (self.bodies["text"], self.bodies["html"])
        filled = [rendering.PLACEHOLDER.sub(lambda found: values[found[1]], body) for body in bodies]
        return dict(zip(self.provider.bodies, filled, strict=True))

    def _set_idempotency_key(self, message: Any, rows: Sequence[DeliveryRow]) -> None:
        """Derive the idempotency key from content and readers, so that every worker computes the same one."""
        if self.provider.key:
            readers = [(row.seq, row.email, row.name) for row in rows]
            content = f"{self.mailing.pk} {self.mailing.content_hash} {readers}"
            message.idempotency_key = str(uuid5(KEY_NAMESPACE, content))
            if self.provider.key == "mail":
                message.extra_headers["idempotencyKey"] = message.idempotency_key


def _link_writer(name: str) -> Callable[[int, str], str]:
    purpose = name.removesuffix("_url")
    sign, (before, after) = tokens.signer(purpose), link_around_token(purpose)
    return lambda number, bound_to: f"{before}{sign(number, bound_to)}{after}"


log = logging.getLogger(__name__)

GATHER_SECONDS = 1  # under a rate limit a call is made with the readers collected until then
RETRY_SECONDS = (1, 3, 9)  # seconds before retries with the same key; far below any key's lifetime
REFUSALS_MAX = 31  # refusals of parts of one call, down to sixteenths, with none accepted: the reason is not a reader
FIRST_CALLS, MOST_CALLS = 1, 4  # concurrent calls: at the start, and at most; a crash leaves so many uncertain
# Safe in text and HTML of any provider, without escaping.
PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._+=-]+@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{1,63}")
PLAIN_LINK = re.compile(r"[A-Za-z0-9:/._~-]+")


def why_not_batched(backend: Any, mailing: Mailing) -> str:
    name = getattr(backend, "esp_name", None)
    if name not in PROVIDERS:
        return "this mailer takes no batches"
    texts = "\n".join([mailing.subject, mailing.sender_name, mailing.reply_to, mailing.text, mailing.html])
    if found := PROVIDERS[name].collides.search(texts):
        return f"the issue contains {found[0]!r}, which {name} would take for its own"
    if not PLAIN_LINK.fullmatch(Subscriber(pk=1).unsubscribe_url):
        return "the links of readers contain what would have to be escaped"
    return ""


@dataclass
class ApiCall:
    """Shared by the parts of one call."""

    refusals: int = 0
    is_taken: bool = False


@dataclass
class CallPart:
    """Readers in one request: a call, a part of a refused one, or a single reader."""

    rows: Sequence[DeliveryRow]
    call: ApiCall = field(default_factory=ApiCall)
    is_single: bool = False


type CallReply = Sequence[ReaderReply] | SendOutcome  # a reply for each row, or one outcome for all


class ApiCourier:
    """Sends batch calls; readers with unusual names or addresses get single calls.

    scaler: limits concurrent calls.
    """

    def __init__(
        self,
        alias: str,
        mailing: Mailing,
        scaler: ConnectionScaler | None = None,
        *,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.new_backend, self.mailing = backend_factory(alias), mailing
        self.backends: list[Any] = [self.new_backend()]  # idle
        self.provider = PROVIDERS[self.backends[0].esp_name]
        self.new_payload = import_string(f"{PAYLOADS}.{self.provider.payload}")
        self.copies = BatchMessage(mailing, self.provider)
        self.window = self.copies.size()
        self.single = DjangoTransport(self.new_backend())
        self.scaler = scaler or ConnectionScaler(FIRST_CALLS, MOST_CALLS)
        self.retry_seconds, self.stop_control = retry_seconds if self.provider.key else (), StopControl()
        self.waiting: deque[CallPart] = deque()
        self.running: dict[Future[CallReply], tuple[CallPart, Any]] = {}  # with their backends
        self.outcomes: list[tuple[int, SendOutcome]] = []  # not yielded yet
        self.problem: Exception | None = None  # raised once no call is running
        self.callbacks: Any = None  # not used: see Courier
        self.has_no_reply = False

    def deliver(
        self, rows: Iterator[DeliveryRow], on_hand_over: Callable[[int], bool], /
    ) -> Iterator[tuple[int, SendOutcome]]:
        self.scaler.begin_measuring()
        calls = group_rows(rows, self.window)
        while True:
            self._begin(calls, on_hand_over)
            if not self.running and not self.outcomes:
                break
            if self.running:
                self._collect()
            outcomes, self.outcomes = self.outcomes, []
            yield from outcomes
        if self.problem:
            raise self.problem

    def close(self) -> None:
        for backend in self.backends:
            backend.close()
        self.single.close()

    def _is_over(self) -> bool:
        return bool(self.problem) or self.has_no_reply

    def _begin(self, calls: Iterator[list[DeliveryRow]], on_hand_over: Callable[[int], bool]) -> None:
        while not self._is_over() and len(self.running) < self.scaler.wanted:
            part = None if self.stop_control.is_stopping() else self._next(calls)
            if part is None:
                return
            backend = None if part.is_single else self.backends.pop() if self.backends else self.new_backend()
            if step := self._request(part, backend):
                if not all(on_hand_over(row.seq) for row in part.rows):
                    self.problem = HandOverForbidden()
                    return
                self.running[run_in_thread(step)] = part, backend

    def _next(self, calls: Iterator[list[DeliveryRow]]) -> CallPart | None:
        """The next part, None if there is nothing at the moment. Single readers are sent one at a time."""
        is_one_running = any(part.is_single for part, _backend in self.running.values())
        for part in self.waiting:
            if not (part.is_single and is_one_running):
                self.waiting.remove(part)
                return part
        try:
            call = next(calls, None)
        except Exception as problem:  # noqa: BLE001 - raised after the replies to running calls
            self.problem = problem
            return None
        if call is None:
            return None
        batch, singles = _split_unusual(call)
        self.waiting += [CallPart([row], is_single=True) for row in singles]
        return CallPart(batch) if batch else self._next(calls)

    def _request(self, part: CallPart, backend: Any) -> Callable[[], CallReply] | None:
        """The request of a part; None, with the outcome recorded, if its reader's address cannot be written."""
        if not part.is_single:
            return partial(self._call_with_retries, part.rows, backend)
        row = part.rows[0]
        try:
            message: Any = rendering.build_copy(self.mailing, row.reader, ids=(self.mailing.pk, row.seq))
        except ValueError as problem:
            self.outcomes.append((row.seq, SendOutcome(SendStatus.FAILED, str(problem)[:500])))
            return None
        message.metadata = self.copies.metadata(row)
        return partial(self.single.send, message)

    def _call_with_retries(self, rows: Sequence[DeliveryRow], backend: Any) -> CallReply:
        """Replies by row, or one outcome for all: FAILED (nothing was sent) or UNCERTAIN."""
        message = self.copies.message(rows)
        reply = self._post(message, backend)
        if not isinstance(reply, SendOutcome) or reply.status is not SendStatus.UNCERTAIN:
            return reply
        for seconds in self.retry_seconds:
            self.stop_control.sleep(seconds)  # give the provider time
            if self.stop_control.is_stopping():
                return reply
            try:
                again = self._post(message, backend)
            except (ProviderUnavailable, ProviderRejection) as reason:  # proves nothing about the first call
                log.info("mailing %s: the same call again: %s", self.mailing.pk, reason)
                continue
            if not isinstance(again, SendOutcome):
                return again
        return reply

    def _post(self, message: Any, backend: Any) -> CallReply:
        errors = anymail_exceptions()
        backend.open()
        try:
            payload = self.new_payload(message, backend.send_defaults, backend)
            response = backend.post_to_esp(payload, message)
            return self.provider.read(backend, response, payload, message)
        except errors.AnymailAPIError as error:
            return api_outcome(error)
        except errors.AnymailUnsupportedFeature as error:
            raise ProviderRejection(reply_line(error)) from error
        except errors.AnymailError as error:  # before the request: an address that Anymail cannot write
            return SendOutcome(SendStatus.FAILED, reply_line(error))

    def _collect(self) -> None:
        """Wait for replies; calls without one at the stop deadline are uncertain."""
        ended = self.stop_control.wait_first(self.running)
        for one in ended or self.running.copy():
            part, backend = self.running.pop(one)
            if ended:
                self.backends += [backend] if backend else []
                self._end(part, one)
            else:
                self._record(part, SendOutcome(SendStatus.UNCERTAIN, STOPPED_REPLY))

    def _end(self, part: CallPart, ended: Future[CallReply]) -> None:
        now = time.monotonic()
        try:
            reply = ended.result()
        except Exception as problem:  # noqa: BLE001 - raised after the other replies
            self.problem = self.problem or problem
            if is_throttling(str(problem)):
                self.scaler.on_throttled(now)
            return
        if isinstance(reply, SendOutcome) and reply.status is SendStatus.FAILED and len(part.rows) > 1:
            self._halve(part, reply)
        else:
            self.scaler.on_reply(now, len(self.running) + 1)
            part.call.is_taken = part.call.is_taken or not isinstance(reply, SendOutcome)
            self._record(part, reply)

    def _halve(self, part: CallPart, reply: SendOutcome) -> None:
        part.call.refusals += 1
        if part.call.refusals == REFUSALS_MAX and not part.call.is_taken:
            self.problem = self.problem or ProviderRejection(reply.reply)
        half = len(part.rows) // 2
        self.waiting += [CallPart(part.rows[:half], part.call), CallPart(part.rows[half:], part.call)]

    def _record(self, part: CallPart, reply: CallReply) -> None:
        self.has_no_reply |= isinstance(reply, SendOutcome) and reply.status is SendStatus.UNCERTAIN
        replies = [reply] * len(part.rows) if isinstance(reply, SendOutcome) else reply
        for row, one in zip(part.rows, replies, strict=True):
            if isinstance(one, ProviderRejection):  # not about the reader
                self.problem = self.problem or one
            else:
                self.outcomes.append((row.seq, one))


def group_rows(rows: Iterator[DeliveryRow], size: int) -> Iterator[list[DeliveryRow]]:
    """Group rows into lists of `size`; smaller ones if rows come slowly, and at the end."""
    call: list[DeliveryRow] = []
    since = 0.0
    for row in rows:
        since = since if call else time.monotonic()
        call.append(row)
        if len(call) >= size or time.monotonic() - since >= GATHER_SECONDS:
            yield call
            call = []
    if call:
        yield call


def _split_unusual(call: Sequence[DeliveryRow]) -> tuple[list[DeliveryRow], list[DeliveryRow]]:
    """Rows for one call, and rows for single calls: unusual address or name, or a repeated address."""
    batch, singles = dict[str, DeliveryRow](), list[DeliveryRow]()
    for row in call:
        key = row.email.lower()
        if key in batch or not PLAIN_ADDRESS.fullmatch(row.email) or headers.CONTROL_CHARACTER.search(row.name):
            singles.append(row)
        else:
            batch[key] = row
    return list(batch.values()), singles
