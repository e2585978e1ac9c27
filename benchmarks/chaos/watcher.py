"""Somebody who looks every few seconds: how far the mailing is, whether it could go on, what the product says.

Each time somebody signs up. Another thread sees when the confirmation comes: a look may take a minute.
"""

import http.client
import json
import time
from contextlib import closing
from threading import Event, Thread

from benchmarks.chaos.life import Look
from benchmarks.chaos.world import AuthorAway, World

EVERY_SECONDS = 3.0
PATIENCE_SECONDS = 25.0
POST_SECONDS = 1.0  # between looks for confirmations

# What `doctor` says first, and of mailings; its other questions are of addresses, and some go out to the DNS.
# Whether the mailing could go on is asked of the ledger: the product's own opinion of it is what is judged.
LOOK = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import Batch, Mailing
from newsletter.operation import diagnosis
now = timezone.now()
found = [one for question in diagnosis.FOUNDATION_CHECKS for one in question(now)]
could = False
if not found:
    found = [one for question in diagnosis.MAILING_CHECKS for one in question(now)]
    mailing = Mailing.objects.filter(state="sending").first()
    if mailing and not mailing.is_waiting(now) and not restore_detection.is_restore_undecided():
        leased = mailing.batches.filter(state=Batch.State.LEASED)
        could = leased.exists() or mailing.batches.ready(now).exists()
answer = [could, [one.id for one in found]]
"""
SIGN_UP = """
from django.utils import timezone
from newsletter.publication.task_queue import enqueue
from subscribers import signup, tasks
from subscribers.models.consents import ConsentDetails
signup.sign_up({address!r}, ConsentDetails("chaos"), timezone.now())
enqueue(tasks.send_confirmations)
"""


class Watcher:
    """Looks in threads of its own, while inside."""

    def __init__(self, world: World) -> None:
        self.world, self.looks = world, list[Look]()
        self.waits: list[float] = []  # seconds of those who have their confirmation
        self._over = Event()
        self._threads = [Thread(target=work, daemon=True) for work in (self._watch, self._receive)]

    def __enter__(self) -> "Watcher":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        self._look()
        while not self._over.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        with self.world.database:
            accepted = self.world.accepted()
            could, said = self._doctor()
            self.looks.append(Look(time.monotonic(), accepted, could, (*said, *self._readyz())))
            self._sign_up(f"guest{len(self.looks)}@example.com")

    def all_waits(self) -> list[float]:
        """Return how long everybody has waited for a confirmation, or waits still."""
        now = time.monotonic()
        return self.waits + [now - since for since in self.world.newcomers.values()]

    def _receive(self) -> None:
        while not self._over.wait(POST_SECONDS):
            for address in set(self.world.newcomers) & self.world.letters.readers():
                if since := self.world.newcomers.pop(address, None):  # a restore forgets them
                    self.waits.append(time.monotonic() - since)

    def _sign_up(self, address: str) -> None:
        assert self.world.doctor
        try:
            self.world.doctor.ask(SIGN_UP.format(address=address), PATIENCE_SECONDS)
        except (AuthorAway, OSError):
            return  # the page would have said so
        self.world.newcomers[address] = time.monotonic()

    def _doctor(self) -> tuple[bool, list[str]]:
        """Run the doctor's checks; no answer means that something is wrong, but not what."""
        assert self.world.doctor
        try:
            could, said = self.world.doctor.ask(LOOK, PATIENCE_SECONDS)
        except (AuthorAway, OSError) as error:
            return False, [f"no answer: {error}"]
        return could, said

    def _readyz(self) -> list[str]:
        port = self.world.first.port
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
            try:
                connection.request("GET", "/readyz", headers={"Host": "localhost"})
                parts: dict[str, str] = json.loads(connection.getresponse().read())
            except (OSError, http.client.HTTPException, ValueError):
                return ["web"]
        return [f"{name} (readyz)" for name, answer in parts.items() if answer != "ok"]
