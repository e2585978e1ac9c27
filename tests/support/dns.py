"""A DNS server on loopback with records set by a test; the only one that is queried."""

import socketserver
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset
import pytest


def quoted(text: str) -> str:
    """As in a TXT record: strings of at most 255 bytes."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


class NameServer:
    """Records by name and type: records["gipi.tw", "TXT"] = ['"v=spf1 -all"']. Nothing else exists.

    fails: names answered by SERVFAIL. silent: names without any response.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.fails: set[str] = set()
        self.silent: set[str] = set()
        self.server = socketserver.UDPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        server = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                octets, sock = self.request
                answer = server.answer(dns.message.from_wire(octets))
                if answer is not None:
                    sock.sendto(answer.to_wire(), self.client_address)

        return Handler

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        if name in self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(response, name, kind)
        return response

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        """Add the records of a name, following a CNAME."""
        if texts := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *texts))
        elif alias := self.records.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *alias))
            self._fill(response, alias[0].rstrip(".").lower(), kind)
        elif not any(known == name or known.endswith(f".{name}") for known, _kind in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)

    @property
    def resolver(self) -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.server.server_address[1]
        return resolver

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    """A running DNS server, used by everything in this process."""
    server = NameServer()
    server.start()
    resolver = server.resolver
    resolver.timeout = 0.1  # of one try; how long is tried says who asks
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield server
    server.stop()
