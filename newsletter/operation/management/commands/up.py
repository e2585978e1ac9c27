"""The whole product in one command: prepare the house, then keep its processes running."""

import hashlib
import http.client
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections
from django.utils import timezone

from newsletter import server
from newsletter.delivery.ledger import restored
from newsletter.operation import liveness
from newsletter.operation.accounts import author
from newsletter.operation.backup.restoring import unfinished
from newsletter.operation.supervisor import Child, Supervisor, Taken, free_port, only_one
from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Part
from newsletter.publication.models import Publication

EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  # nosec B104  # recognised here, not bound
# With Redis only: without it each process has a cache of its own, and the limits of the public doors are counted there.
WEB_PROCESSES = min(4, os.cpu_count() or 1)


class Command(BaseCommand):
    help = "Run the whole newsletter: web server, worker and clock. Ctrl-C stops it."
    requires_system_checks = ()  # they open the database, and the folder must be there before it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=8000, help="port to listen on; 0 takes a free one (default: 8000)"
        )
        parser.add_argument("--demo", action="store_true", help="fill in a sample publication")

    def handle(self, *args: Any, host: str, port: int, demo: bool, **options: Any) -> None:
        with _own_folders(f"process {os.getpid()}, {_address(host, port)}"):
            if reason := unfinished():
                raise CommandError(reason)
            self.check()
            self._run(host, _free_port(host, port), demo=demo)

    def _run(self, host: str, port: int, *, demo: bool) -> None:
        site_url = settings.SITE_URL if settings.SITE_URL_IS_GIVEN else _address(host, port)
        env = os.environ | {"SITE_URL": site_url}
        settings.SITE_URL_FILE.write_text(site_url + "\n")
        _prepare()
        if demo:
            _load_demo(env)
        banner = _banner(site_url)
        connections.close_all()
        heartbeats.forget()
        Supervisor(
            children=_children(host, port),
            env=env,
            folder=settings.BASE_DIR,
            say=self._say,
            on_ready=lambda: self._say(banner),
            on_look=Alarm(env).look,
        ).run()
        self._say("Stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class Alarm:
    """Mails the author once about each silence that lasts, in a process of its own: `up` waits for no mail server."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env, self.is_on = env, False
        self.process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        if self.process and self.process.poll() is not None:
            self.process = None
        if (is_due := liveness.alarming()) and not self.is_on:
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "report_silence"]
            self.process = subprocess.Popen(command, env=self.env)  # noqa: S603  # ours
        self.is_on = is_due


def _address(host: str, port: int) -> str:
    name = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _free_port(host: str, port: int) -> int:
    if not 0 <= port <= 65535:
        raise CommandError(f"Cannot listen on {host}, port {port}: ports end at 65535.")
    try:
        return free_port(host, port)
    except Taken:
        raise CommandError(
            f"Port {port} on {host} is taken by another program. "
            f"Choose another one: manage.py up --port {free_port(host, 0)}"
        ) from None
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}, port {port}: {error}") from None


@contextmanager
def _own_folders(note: str) -> Iterator[None]:
    """Make the folders and be the only `up` in them while the block runs. Raise CommandError if that cannot be."""
    with ExitStack() as stack:
        try:
            stack.enter_context(only_one(settings.DATA_DIR / "up.lock", note))
            _make_folders()
        except Taken as holder:
            raise CommandError(
                f"The newsletter in {settings.DATA_DIR} is running already ({holder}). "
                "Stop that one first, or give this one a DATA_DIR and a --port of its own."
            ) from None
        except OSError as error:
            raise CommandError(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
        yield


def _make_folders() -> None:
    for folder in (settings.QUEUE_DIR / "control", settings.OUTBOX_DIR, settings.LOCK_DIR, settings.MEDIA_ROOT):
        folder.mkdir(parents=True, exist_ok=True)
    # What an older version wrote, everybody on this machine could read. A group that the operator let in stays.
    settings.DATA_DIR.chmod(settings.DATA_DIR.stat().st_mode & 0o770)


def _prepare() -> None:
    """Bring the database up to date, and the static files if one of their sources has changed."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as error:
        raise CommandError(f"The database cannot be used: {error}") from None
    restored.remember(timezone.now())
    mark, sources = settings.STATIC_ROOT / ".sources", _static_sources()
    if not mark.exists() or mark.read_text() != sources:
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        mark.write_text(sources)


def _static_sources() -> str:
    """Return a hash that changes when any source of a static file does."""
    stats = [
        (path, stat.st_mtime_ns, stat.st_size)
        for finder in get_finders()
        for path, storage in finder.list([])
        for stat in [os.stat(storage.path(path))]  # noqa: PTH116
    ]
    return hashlib.sha256(repr((str(settings.STATIC_ROOT), stats)).encode()).hexdigest()


def _load_demo(env: dict[str, str]) -> None:
    """Run the demo in a process of its own, whose settings know the address of the site."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
    if subprocess.run(command, env=env, check=False).returncode != 0:  # noqa: S603
        raise CommandError("The sample publication could not be loaded; the reason stands above.")


def _children(host: str, port: int) -> list[Child]:
    """Return the programs of the product. docs/deploy.md runs the same ones by hand."""
    python = [sys.executable, "-W", "ignore::UserWarning:celery.platforms"]
    processes = WEB_PROCESSES if settings.REDIS_URL else 1
    schedule = ["--schedule", str(settings.DATA_DIR / "beat-schedule")]
    return [
        Child("web", server.command(host, port, processes=processes), answers=lambda: _answers(host, port)),
        # Beat is a child of its own: `worker -B` leaves an orphan that goes on publishing after kill -9.
        Child("worker", [*python, "manage.py", "run_worker", "--log-level", "WARNING"], beats=_worked),
        Child(
            "beat",
            [*python, "-m", "celery", "-q", "-A", "newsletter", "beat", "-l", "WARNING", *schedule],
            beats=_ticked,
        ),
    ]


def _worked() -> float | None:
    """Return since when both are so: a worker takes tasks, and the one of this machine looks after its hands.

    With Redis another machine's worker may take all tasks. It does not mend one that stands still here.
    """
    tasks, hands = heartbeats.latest(Part.WORKER, anywhere=True), heartbeats.latest(Part.HANDS)
    return None if tasks is None or hands is None else min(tasks, hands)


def _ticked() -> float | None:
    return heartbeats.latest(Part.CLOCK)


def _answers(host: str, port: int) -> bool:
    name = "127.0.0.1" if host in {"", "0.0.0.0"} else "::1" if host == "::" else host  # noqa: S104  # nosec B104
    with closing(http.client.HTTPConnection(name, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _banner(site_url: str) -> str:
    lines = [f"{Publication.objects.current().name} is running.", "", f"  Site     {site_url}/"]
    lines += [f"  Desk     {site_url}/admin/"]
    if not settings.MAIL_URL:
        lines += [f"  Outbox   {site_url}/outbox/   all mail ends here until MAIL_URL is set"]
    if author.is_missing():
        link = author.link(author.get_or_create(), base_url=site_url)
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        lines += ["", f"  Create the author's account (this link works once, within {hours} hours):", f"  {link}"]
    return "\n".join([*lines, "", "  Ctrl-C stops it."])
