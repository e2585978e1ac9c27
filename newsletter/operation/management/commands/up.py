"""The whole product in one command, or some of its programs: prepare, then supervise."""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from newsletter.background import machines
from newsletter.operation import liveness, preparing, programs
from newsletter.operation.accounts import author
from newsletter.operation.backup import restoring
from newsletter.operation.programs import LockInfo, Program, local_url
from newsletter.operation.supervisor import AlreadyInUse, Child, Supervisor, free_port
from newsletter.publication.mail_server import mail_url
from newsletter.publication.models import Publication


class Command(BaseCommand):
    help = "Run the whole newsletter: web server, worker and clock. Ctrl-C stops it."
    requires_system_checks = ()  # they open the database, before its folder exists

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=8000, help="port to listen on; 0 takes a free one (default: 8000)"
        )
        parser.add_argument("--only", help="which of web, worker and clock, with commas between them (default: all)")
        parser.add_argument("--demo", action="store_true", help="fill in a sample publication")

    def handle(self, *args: Any, host: str, port: int, only: str | None, demo: bool, **options: Any) -> None:
        try:
            chosen = programs.ALL_PROGRAMS if only is None else programs.parse_programs(only)
        except ValueError as error:
            raise CommandError(f"--only: {error}.") from None
        has_web = Program.WEB in chosen
        port = _free_port(host, port) if has_web and port == 0 else port
        with _own_folders(chosen, LockInfo.for_this_process(local_url(host, port) if has_web else "")):
            restoring.remove_leftovers()
            if reason := restoring.unfinished_restore():
                raise CommandError(reason)
            self._run(chosen, host, _free_port(host, port) if has_web else port, demo=demo)

    def _run(self, chosen: Sequence[Program], host: str, port: int, *, demo: bool) -> None:
        has_web = Program.WEB in chosen
        if has_web and not settings.SITE_URL_IS_GIVEN:
            preparing.set_site_url(local_url(host, port))
        _in_fork(partial(self._prepare, has_web=has_web, demo=demo))
        names = f"{' and '.join(chosen).capitalize()}: running. Ctrl-C stops it."
        greeting = Child("greeting", partial(_with_command_errors, lambda: self._say(_banner() if has_web else names)))
        connections.close_all()
        programs.clear_heartbeats(chosen)
        Supervisor(
            programs.children(chosen, host, port),
            self._say,
            on_ready=greeting.run,  # errors in it are ignored
            on_check=Alarm().check,
        ).run()
        self._say("Stopped.")

    def _prepare(self, *, has_web: bool, demo: bool) -> None:
        """Report each step: a first start takes seconds."""
        self.check()
        if has_web:
            self._say("Collecting style sheets and scripts.")
            preparing.collect_static_files()  # first: it fails on an empty STATIC_ROOT, before the database is changed
        self._say("Bringing the database up to date.")
        preparing.migrate_database()
        if has_web:
            settings.SITE_URL_FILE.write_text(settings.SITE_URL + "\n")
            machines.report(Program.WEB)  # before a worker compares itself with the one of before
        if demo:
            self._say("Loading the sample publication.")
            call_command("demo")

    def _say(self, line: str) -> None:
        with suppress(OSError):  # stdout is closed or its disk is full: continue
            self.stdout.write(line)
            self.stdout.flush()


class Alarm:
    """Mails the author once each time worker or clock is silent; in a subprocess, so `up` waits for no mail server."""

    def __init__(self) -> None:
        self.is_on = False
        self.process: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        if self.process and self.process.poll() is not None:
            self.process = None
        if (is_due := liveness.is_alarm_due()) and not self.is_on:
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "report_silence"]
            self.process = subprocess.Popen(command)  # noqa: S603  # ours
        self.is_on = is_due


def _free_port(host: str, port: int) -> int:
    if not 0 <= port <= 65535:
        raise CommandError(f"Cannot listen on {host}, port {port}: ports end at 65535.")
    try:
        return free_port(host, port)
    except AlreadyInUse:
        raise CommandError(
            f"Port {port} on {host} is taken by another program. "
            f"Choose another one: manage.py up --port {free_port(host, 0)}"
        ) from None
    except OSError as error:
        raise CommandError(f"Cannot listen on {host}, port {port}: {error}") from None


@contextmanager
def _own_folders(chosen: Sequence[Program], note: LockInfo) -> Iterator[None]:
    """Create the folders and lock these programs in them. Raises CommandError."""
    with ExitStack() as stack:
        try:
            stack.enter_context(programs.hold_locks(chosen, note))
            preparing.make_folders()
        except AlreadyInUse as holder:
            raise CommandError(
                f"The newsletter in {settings.DATA_DIR} is running already ({holder}). "
                "Stop that one first, or give this one a DATA_DIR and a --port of its own."
            ) from None
        except OSError as error:
            raise CommandError(f"DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
        yield


def _in_fork(work: Callable[[], None]) -> None:
    """Run `work` in a fork, so that `up` and its programs stay small. Raises CommandError or SystemExit."""
    connections.close_all()
    child = Child("prepare", partial(_with_command_errors, work))
    status = child.run()
    if status < 0:
        raise CommandError(f"Making the database ready was ended by signal {-status}.")
    if status:
        raise SystemExit(status)


def _with_command_errors(work: Callable[[], None]) -> None:
    """Run `work`; report failures like a CommandError."""
    try:
        work()
    except CommandError as error:
        raise SystemExit(f"CommandError: {error}") from None
    except OSError as error:
        raise SystemExit(f"CommandError: DATA_DIR={settings.DATA_DIR} cannot be used: {error}") from None
    except OperationalError as error:
        raise SystemExit(f"CommandError: The database cannot be used: {error}") from None
    except ImproperlyConfigured as error:
        raise SystemExit(f"{error}") from None
    finally:
        connections.close_all()


def _banner() -> str:
    site_url = settings.SITE_URL
    lines = [f"{Publication.objects.current().name or 'The newsletter'} is running.", "", f"  Site     {site_url}/"]
    lines += [f"  Desk     {site_url}/admin/"]
    if not mail_url():
        lines += [f"  Outbox   {site_url}/outbox/   all mail ends here until you enter a mail server"]
    if author.nobody_can_log_in():
        link = author.start_link(author.get_or_create_author(), base_url=site_url)
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        lines += ["", f"  Create the author's account (this link works once, within {hours} hours):", f"  {link}"]
    return "\n".join([*lines, "", "  Ctrl-C stops it."])
