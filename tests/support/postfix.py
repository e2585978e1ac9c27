"""A real Postfix: it relays to one server; bounces go to a mailbox.

It tries each mail once, so that a temporary failure bounces at once instead of after days.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.missing_parts import skip_missing
from tests.support.processes import end, free_port, start, wait_for_port
from tests.support.waiting import wait_until

DAEMONS = Path("/usr/lib/postfix/sbin")
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.news.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{server}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
alias_maps =
maximal_queue_lifetime = 0
bounce_queue_lifetime = 1h
recipient_delimiter = +
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {{ bounces@{domain} = bounces/ }} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
"""
MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class ReturnedMail:
    """A bounce, and its recipient with the token after the +."""

    recipient: str
    body: bytes


class Postfix:
    """server: the port of the SMTP server that everything goes to. domain: of the mailbox "bounces"."""

    def __init__(self, folder: Path, server: int, domain: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        folder.chmod(0o755)
        for name, owner in {"etc": "root", "spool": "root", "data": "postfix", "mail": "nobody"}.items():
            (folder / name).mkdir()
            (folder / name).chmod(0o755)  # whatever the umask of this run: its daemons are other users
            shutil.chown(folder / name, owner)
        main = MAIN.format(folder=folder, daemons=DAEMONS, server=server, domain=domain)
        (folder / "etc" / "main.cf").write_text(main)
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{self.port}"))

    def start(self) -> None:
        self._run("check")
        command = ["/usr/sbin/postfix", "-c", self.folder / "etc", "start-fg"]
        self.process = start(command, log=self.folder / "output", cwd=self.folder)
        wait_for_port(self.port, self.process, log=self.folder / "output")

    def stop(self) -> None:
        self._run("stop")
        end(self.process)

    def log_tail(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def returned(self) -> list[ReturnedMail]:
        """Mails in the mailbox."""
        bodies = [file.read_bytes() for file in sorted(self.folder.glob("mail/bounces/new/*"))]
        return [ReturnedMail(message_from_bytes(body)["Delivered-To"], body) for body in bodies]

    def wait_for_returned(self, count: int, seconds: float = 30) -> list[ReturnedMail]:
        return wait_until(
            lambda: found if len(found := self.returned()) >= count else None,
            seconds,
            what=lambda: f"{count} returned mails:\n{self.log_tail()}",
        )

    def _run(self, what: str) -> None:
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder / "etc", what], check=False, capture_output=True)


@pytest.fixture
def postfix(smtp) -> Iterator[Postfix]:  # type: ignore[no-untyped-def]  # a fixture's value
    """A Postfix that hands everything to `smtp`; where the machine has none, or may not start it, there is no test."""
    if not (DAEMONS / "master").exists():
        skip_missing("Postfix is missing: apt install postfix")
    # Its sockets have names of their own, and a name has 107 characters at the most: not below tmp_path.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    try:
        server = Postfix(folder, smtp.port, "news.example.org")
    except PermissionError:
        shutil.rmtree(folder)
        skip_missing("only root may start a Postfix")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)
