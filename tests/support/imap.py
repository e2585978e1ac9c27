"""A small IMAP server with folders in memory: what reading a mailbox needs of RFC 3501 and RFC 6851, and no more."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Mailbox:
    """Folders of mails by their number. can_move: whether the server knows MOVE. broken: what it refuses.

    refused: mails that it does not move. cut: at which commands the connection ends, once each, as "FETCH" before it is
    obeyed, "FETCH done" before it is answered, or "FETCH half" in the middle of what it gives. pause: seconds before
    each mail is given.
    """

    user, password = "bounces", "pass/word"

    def __init__(self) -> None:
        self.folders: dict[str, dict[int, bytes]] = {"INBOX": {}}
        self.next, self.can_move, self.broken = 1, True, ""
        self.deleted: set[int] = set()
        self.cut: list[str] = []
        self.refused: set[int] = set()
        self.pause = 0.0

    def is_cut(self, where: str) -> bool:
        """Does the connection end here? Each entry applies once."""
        is_asked = where in self.cut
        if is_asked:
            self.cut.remove(where)
        return is_asked

    def deliver(self, *mails: bytes) -> None:
        for mail in mails:
            self.folders["INBOX"][self.next] = mail
            self.next += 1

    def held(self, folder: str = "INBOX") -> list[bytes]:
        return list(self.folders.get(folder, {}).values())


class ImapSession(socketserver.StreamRequestHandler):
    server: "ImapServer"
    is_over = False  # the connection ends in the middle of an answer

    def handle(self) -> None:
        self.selected = "INBOX"
        self.say("* OK ready")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            tag, _space, command = line.partition(" ")
            verb, _space, rest = command.partition(" ")
            if verb.upper() == "UID":
                verb, _space, rest = rest.partition(" ")
            answer = getattr(self, verb.lower(), None)
            if self.server.mailbox.is_cut(verb.upper()):
                return
            if self.server.mailbox.broken == verb.upper() or answer is None:
                self.say(f"{tag} NO [UNAVAILABLE] {verb} is refused")
            else:
                said = answer(rest) or "OK done"
                if self.is_over or self.server.mailbox.is_cut(f"{verb.upper()} done"):
                    return
                self.say(f"{tag} {said}")
            if verb.upper() == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    @property
    def mails(self) -> dict[int, bytes]:
        return self.server.mailbox.folders[self.selected]

    def capability(self, _rest: str) -> None:
        self.say(f"* CAPABILITY IMAP4rev1 UIDPLUS{' MOVE' if self.server.mailbox.can_move else ''}")

    def noop(self, _rest: str) -> None:
        pass

    def logout(self, _rest: str) -> None:
        self.say("* BYE")

    def login(self, rest: str) -> str:
        user, password = (word.strip('"') for word in rest.split(" ", 1))
        known = self.server.mailbox
        return "" if (user, password) == (known.user, known.password) else "NO [AUTHENTICATIONFAILED] wrong password"

    def select(self, rest: str) -> str:
        self.selected = rest.strip('"')
        if self.selected not in self.server.mailbox.folders:
            return "NO there is no such folder"
        self.say(f"* {len(self.mails)} EXISTS")
        return "OK [READ-WRITE] selected"

    def list(self, rest: str) -> None:
        name = rest.rsplit(maxsplit=1)[-1].strip('"')
        for folder in self.server.mailbox.folders:
            if name in {"*", folder}:
                self.say(f'* LIST () "/" "{folder}"')

    def create(self, rest: str) -> None:
        self.server.mailbox.folders[rest.strip('"')] = {}

    def search(self, _rest: str) -> None:
        self.say(" ".join(["* SEARCH", *map(str, self.mails)]))

    def fetch(self, rest: str) -> None:
        uid = int(rest.split(maxsplit=1)[0])
        time.sleep(self.server.mailbox.pause)
        if uid in self.mails and self.server.mailbox.is_cut("FETCH half"):
            self.say(f"* 1 FETCH (UID {uid} BODY[] {{{len(self.mails[uid])}}}")
            self.wfile.write(self.mails[uid][: len(self.mails[uid]) // 2])
            self.is_over = True
        elif uid in self.mails:
            self.say(f"* 1 FETCH (UID {uid} BODY[] {{{len(self.mails[uid])}}}")
            self.wfile.write(self.mails[uid] + b")\r\n")

    def copy(self, rest: str) -> str:
        uid, folder = (word.strip('"') for word in rest.split(" ", 1))
        if folder not in self.server.mailbox.folders:
            return "NO [TRYCREATE] there is no such folder"
        if int(uid) in self.mails:  # somebody else may have moved it
            self.server.mailbox.folders[folder][int(uid)] = self.mails[int(uid)]
        return ""

    def move(self, rest: str) -> str:
        if int(rest.split(maxsplit=1)[0]) in self.server.mailbox.refused:
            return "NO this mail is refused"
        refused = self.copy(rest)
        if not refused:
            self.mails.pop(int(rest.split(maxsplit=1)[0]), None)
        return refused

    def store(self, rest: str) -> None:
        self.server.mailbox.deleted.add(int(rest.split(maxsplit=1)[0]))

    def expunge(self, _rest: str) -> None:
        for uid in self.server.mailbox.deleted & set(self.mails):
            del self.mails[uid]


class ImapServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(("127.0.0.1", 0), ImapSession)
        self.mailbox = mailbox


@contextmanager
def imap_server(mailbox: Mailbox) -> Iterator[str]:
    """Serve a mailbox while the block runs; yield its MAILBOX_URL."""
    with ImapServer(mailbox) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"imap://bounces:pass%2Fword@127.0.0.1:{server.server_address[1]}/INBOX"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """The mailbox that MAILBOX_URL leads to: a real IMAP server."""
    found = Mailbox()
    with imap_server(found) as settings.MAILBOX_URL:
        yield found
