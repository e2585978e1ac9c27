"""The SMTP server that tests send to, and what it has accepted."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

import pytest

from tests.support.processes import end, free_port, kill, start, tail, wait_for_port
from tests.support.waiting import wait_until

SINK = Path(__file__).with_name("sink.py")


@dataclass(frozen=True)
class Received:
    """One copy of a message, as the server accepted it for one recipient."""

    rcpt: str
    sender: str
    message_id: str
    connection: int
    encrypted: bool
    at: int
    size: int
    folder: Path

    @cached_property
    def raw(self) -> bytes:
        with (self.folder / "raw").open("rb") as kept:
            kept.seek(self.at)
            return kept.read(self.size)

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def text(self) -> str:
        return self._part("plain")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None, f"no text/{kind} part in the mail to {self.rcpt}"
        content: str = part.get_content()
        return content.replace("\r\n", "\n")


class Smtp:
    """The server; `sink.py` says what a recipient's name may ask of it.

    reply_seconds: how long it thinks about every message.
    pem: key and certificate with which it offers STARTTLS.
    host: where it listens; "0.0.0.0" is for clients that are not on this machine.
    """

    def __init__(
        self, folder: Path, *, reply_seconds: float = 0.0, pem: Path | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.folder, self.reply_seconds, self.pem, self.host = folder, reply_seconds, pem, host
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.output = folder / "output"

    def start(self) -> None:
        """Start it; again on the same port, with the same log, after `stop` or `kill`."""
        address = f"{self.host}:{self.port}"
        command = [sys.executable, SINK, self.folder, address, str(self.reply_seconds), str(self.pem or "")]
        self.process = start(command, log=self.output, cwd=self.folder)
        wait_for_port(self.port, self.process, log=self.output)

    def kill(self) -> None:
        kill(self.process)

    def stop(self) -> None:
        end(self.process)
        output = tail(self.output)
        assert "Traceback" not in output, output

    def hold_at(self, count: int) -> None:
        """Have the answers wait once so many copies were accepted: see `sink.py`. A later number lets them go on."""
        draft = self.folder / "gate.draft"
        draft.write_text(str(count))
        draft.rename(self.folder / "gate")

    def let_go(self) -> None:
        """Have no answer wait any more."""
        (self.folder / "gate").unlink(missing_ok=True)

    def received(self) -> list[Received]:
        """Every accepted copy, oldest first."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [Received(**json.loads(line), folder=self.folder) for line in lines]

    def to(self, rcpt: str) -> list[Received]:
        return [copy for copy in self.received() if copy.rcpt == rcpt]

    def readers(self) -> set[str]:
        return {copy.rcpt for copy in self.received()}

    def copies(self) -> Counter[str]:
        """How many copies each recipient got."""
        return Counter(copy.rcpt for copy in self.received())

    def copies_per_reader(self) -> set[int]:
        """{1} when everybody who got something got it once."""
        return set(self.copies().values())

    def wait_for(self, rcpt: str, *, subject: str = "", seconds: float = 30) -> Received:
        """The latest copy for a recipient, as soon as there is one whose subject contains `subject`."""
        found = wait_until(
            lambda: [copy for copy in self.to(rcpt) if subject in str(copy.message["Subject"])],
            seconds,
            what=lambda: f"a mail to {rcpt} about {subject!r}; there are {self._subjects()}",
        )
        return found[-1]

    def _subjects(self) -> list[tuple[str, str]]:
        return [(copy.rcpt, str(copy.message["Subject"])) for copy in self.received()[-20:]]


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[Smtp]:
    """A running SMTP server of this test's own."""
    folder = tmp_path / "smtp"
    folder.mkdir()
    server = Smtp(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def smtp_tls(tmp_path: Path) -> Iterator[Smtp]:
    """A running SMTP server that offers STARTTLS, with a certificate that nobody vouches for but `pem` itself."""
    folder = tmp_path / "smtp-tls"
    folder.mkdir()
    pem = folder / "server.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*asked, "-keyout", pem, "-out", folder / "cert"], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + (folder / "cert").read_bytes())
    server = Smtp(folder, pem=pem)
    server.start()
    yield server
    server.stop()
