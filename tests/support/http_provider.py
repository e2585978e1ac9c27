"""E-mail APIs on loopback: they take batches as Mailgun, Brevo, SendGrid, Postmark and Resend do, fill in what
differs for each reader, keep the copies, and have bad days on demand.

A call that contains an address whose local part begins with `bad` is refused as a whole, as by Mailgun; Postmark
refuses the one message. `schedule` names what happens to the next calls, in order:

    429, 401, 500 …   answered with this status; nothing is taken
    "taken, 500"      taken, and answered with 500
    "taken, silent"   taken, and the connection closed without a word
    "silent"          not taken, and the connection closed without a word
"""

import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class ProviderCopy:
    to: str
    headers: dict[str, str]
    text: str
    html: str
    delivery: str = ""
    number: int = 0

    @property
    def address(self) -> str:
        found = re.search(r"<([^<>]*)>$", self.to)
        return found[1] if found else self.to


@dataclass
class Provider:
    """State of the API."""

    kind: str
    url: str = ""
    copies: list[ProviderCopy] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)  # readers in each, the refused ones too
    keys: list[str] = field(default_factory=list)
    schedule: list[int | str] = field(default_factory=list)
    answered: dict[str, tuple[str, Any]] = field(default_factory=dict)
    on_call: Callable[[list[ProviderCopy]], None] = lambda copies: None

    def addresses(self) -> list[str]:
        return sorted(copy.address for copy in self.copies)

    def answer(self, headers: Any, body: str) -> tuple[int, Any] | None:
        """Status and JSON; None closes the connection."""
        copies, key = READ[self.kind](headers, body)
        self.calls.append(len(copies))
        self.keys.append(key)
        self.on_call(copies)
        today = self.schedule.pop(0) if self.schedule else ""
        if isinstance(today, int):
            return today, {"message": f"scheduled {today}"}
        if today == "silent":
            return None
        if key in self.answered:
            first, said = self.answered[key]
            return (200, said) if first == body else (409, {"name": "invalid_idempotent_request"})
        if self.kind != "Postmark" and any(copy.address.startswith("bad") for copy in copies):
            return 400, {"message": "to parameter is not a valid address. please check documentation"}
        said = self._take(copies)
        if key:
            self.answered[key] = body, said
        return {"taken, 500": (500, {}), "taken, silent": None}.get(str(today), (200, said))

    def _take(self, copies: list[ProviderCopy]) -> Any:
        taken = [copy for copy in copies if not copy.address.startswith("bad")]
        for copy in taken:
            copy.number = len(self.copies) + 1
            self.copies.append(copy)
        if self.kind == "Mailgun":
            return {"id": f"<call-{len(self.calls)}@mg.example.org>", "message": "Queued. Thank you."}
        if self.kind == "Brevo":
            return {"messageIds": [f"m-{copy.number}" for copy in taken]}
        if self.kind == "Resend":
            return {"data": [{"id": f"m-{copy.number}"} for copy in taken]}
        if self.kind == "Postmark":
            return [_postmark(copy) for copy in copies]
        return {}


def _postmark(copy: ProviderCopy) -> dict[str, Any]:
    if copy.number:
        return {"ErrorCode": 0, "Message": "OK", "To": copy.to, "MessageID": f"m-{copy.number}", "SubmittedAt": ""}
    if copy.address.startswith("bad-account"):
        return {"ErrorCode": 405, "Message": "Not allowed to send: the account has run out of credits."}
    words = "You tried to send to a recipient that has been marked as inactive."
    return {"ErrorCode": 406, "Message": words}


def _read_mailgun(headers: Any, body: str) -> tuple[list[ProviderCopy], str]:
    found = parse_qs(body, keep_blank_values=True)
    fields = {name: ", ".join(values) for name, values in found.items()}  # only "to" comes more than once
    recipients = json.loads(fields["recipient-variables"])
    copies = []
    for to in re.findall(r'(?:"[^"]*" )?[^", ]+@[^",]+', fields["to"]):
        own = recipients[ProviderCopy(to, {}, "", "").address]

        def filled(text: str, own: dict[str, str] = own) -> str:
            return re.sub(r"%recipient\.([\w:-]+)%", lambda found: own.get(found[1], found[0]), text)

        named = {name[2:]: filled(value) for name, value in fields.items() if name.startswith("h:")}
        delivery = filled(fields["v:delivery"])
        copies.append(ProviderCopy(to, named, filled(fields["text"]), filled(fields["html"]), delivery))
    return copies, ""


def _read_brevo(headers: Any, body: str) -> tuple[list[ProviderCopy], str]:
    data = json.loads(body)
    copies = []
    for version in data["messageVersions"]:

        def filled(text: str, own: dict[str, str] = version["params"]) -> str:
            return re.sub(r"\{\{ *params\.(\w+) *\}\}", lambda found: own[found[1]], text)

        named = dict(version["headers"])
        delivery = json.loads(named.pop("X-Mailin-custom"))["delivery"]
        (to,) = version["to"]
        copies.append(
            ProviderCopy(to["email"], named, filled(data["textContent"]), filled(data["htmlContent"]), delivery)
        )
    return copies, data["headers"]["idempotencyKey"]


def _read_sendgrid(headers: Any, body: str) -> tuple[list[ProviderCopy], str]:
    data = json.loads(body)
    text, html = (part["value"] for part in data["content"])
    copies = []
    for one in data["personalizations"]:

        def filled(text: str, own: dict[str, str] = one["substitutions"]) -> str:
            for name, value in own.items():
                text = text.replace(name, value)
            return text

        (to,) = one["to"]
        copies.append(
            ProviderCopy(to["email"], one["headers"], filled(text), filled(html), one["custom_args"]["delivery"])
        )
    return copies, ""


def _read_postmark(headers: Any, body: str) -> tuple[list[ProviderCopy], str]:
    copies = []
    for one in json.loads(body):
        named = {header["Name"]: header["Value"] for header in one["Headers"]}
        copies.append(ProviderCopy(one["To"], named, one["TextBody"], one["HtmlBody"], one["Metadata"]["delivery"]))
    return copies, ""


def _read_resend(headers: Any, body: str) -> tuple[list[ProviderCopy], str]:
    copies = []
    for one in json.loads(body):
        named = dict(one["headers"])
        delivery = json.loads(named.pop("X-Metadata"))["delivery"]
        copies.append(ProviderCopy(one["to"][0], named, one["text"], one["html"], delivery))
    return copies, headers["Idempotency-Key"]


READ = {
    "Mailgun": _read_mailgun,
    "Brevo": _read_brevo,
    "SendGrid": _read_sendgrid,
    "Postmark": _read_postmark,
    "Resend": _read_resend,
}
OPTIONS = {
    "Mailgun": {"api_key": "k", "sender_domain": "mg.example.org"},
    "Brevo": {"api_key": "k"},
    "SendGrid": {"api_key": "k"},
    "Postmark": {"server_token": "k"},
    "Resend": {"api_key": "k"},
}


def mailer(provider: Provider, **options: Any) -> dict[str, Any]:
    """An entry of MAILERS."""
    return {
        "BACKEND": f"anymail.backends.{provider.kind.lower()}.EmailBackend",
        "OPTIONS": OPTIONS[provider.kind] | {"api_url": provider.url, "requests_timeout": 5} | options,
    }


@contextmanager
def serving(kind: str):
    """Serve a provider's API on a free port."""
    provider = Provider(kind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each reply waits 40 ms between its head and its body

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = provider.answer(self.headers, body)
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, said = answer
            written = json.dumps(said).encode()
            with suppress(BrokenPipeError, ConnectionResetError):  # the client was killed, or has no patience
                self.send_response(status)
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
