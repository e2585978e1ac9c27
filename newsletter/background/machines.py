"""Machines know each other: each program reports itself, and who differs from the web server sends nothing.

The variables in VARIABLES decide where mail goes and where its links lead, so they must be the same on every machine.
The database has fingerprints of them, never values.
"""

import json
import logging
import secrets
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from django.conf import settings
from django.core.cache import caches
from django.db import Error, connection
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from newsletter import release
from newsletter.background.file_identity import digest, file_identity
from newsletter.background.models import RunningProgram
from newsletter.mail.mailers import mailer_from_url
from newsletter.mail.tokens import load_or_create_secret

WEB = "web"  # the program whose environment is the measure
MAIL_VARIABLES = ("MAIL_URL", "BULK_MAIL_URL")
VARIABLES = ("SECRET_KEY", "SITE_URL", *MAIL_VARIABLES)
REPORT_SECONDS = 15.0
CHECK_SECONDS = 5  # so late a process notices that it differs

log = logging.getLogger(__name__)

type Fingerprints = dict[str, list[str]]  # by variable; [] of one that is not set


def machine_id() -> str:
    """This machine's id in the ledger. Belongs to a file beside the lock files: a copy of that file is another machine.

    Its lanes would otherwise hold the same slots under other lock files, and take the original's batches for their own.
    """
    path = settings.LOCK_DIR / "machine"
    secret = load_or_create_secret(path, secrets.token_hex(8))
    return digest(secret, path.stat().st_dev, *file_identity(path))[:16]


# --- Fingerprints ---


def fingerprints() -> Fingerprints:
    """Of this process: with the current secret key first, then with each former one.

    Mail URLs contain passwords, so their HMAC is keyed with the secret key, which is not in the database. SITE_URL is
    public. A mail server that was entered on the desk is in the database, the same for all.
    """
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    bulk = "" if settings.BULK_MAIL_URL == settings.MAIL_URL else settings.BULK_MAIL_URL
    urls = dict(zip(MAIL_VARIABLES, (settings.MAIL_URL, bulk), strict=True))
    return {
        "SECRET_KEY": [_hmac("", key) for key in keys],
        "SITE_URL": [_hmac(settings.SITE_URL, "")],
        **{name: [_hmac(_destination(url), key) for key in keys] if url else [] for name, url in urls.items()},
    }


def _hmac(value: str, key: str) -> str:
    return salted_hmac("newsletter.background.machines", value, secret=key, algorithm="sha256").hexdigest()[:32]


def _destination(url: str) -> str:
    """Where a mail URL leads, without rates and keys of webhooks, which a machine may have of its own."""
    entry = mailer_from_url(url, outbox=Path())
    return json.dumps([entry["BACKEND"], entry["OPTIONS"]], sort_keys=True, default=str)


def differing_variables(ours: Fingerprints, theirs: Fingerprints) -> tuple[str, ...]:
    """The variables by which a machine differs from another, as far as both know them.

    Our secret key may be a former one of theirs, as while keys are rotated. With a key unknown to them, mail URLs
    cannot be compared, only whether they are set.
    """
    shares_key = _agree(ours.get("SECRET_KEY", []), theirs.get("SECRET_KEY", []))
    return tuple(
        name
        for name in VARIABLES
        if name in ours and name in theirs and not _agree(ours[name], theirs[name])
        if shares_key or name not in MAIL_VARIABLES or not (ours[name] and theirs[name])
    )


def _agree(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    return ours[0] in theirs if ours else not theirs


# --- Reports ---


def keep_reporting(program: str) -> None:
    """Report a program every REPORT_SECONDS until this process ends."""
    Thread(target=_report_for_ever, args=(program,), name="machine", daemon=True).start()


def _report_for_ever(program: str) -> None:
    while True:
        try:
            RunningProgram.objects.forget_old()
            report(program)
        except Error:  # no connection, or no table yet; others log that
            log.debug("%s is not reported", program, exc_info=True)
        finally:
            connection.close()
        time.sleep(REPORT_SECONDS)


def report(program: str) -> None:
    """Store that a program runs here, and how."""
    connection.ensure_connection()  # takes time, by which the clock would seem to be behind
    clock_ahead = Value(timezone.now(), output_field=DateTimeField()) - Now()
    row = RunningProgram(
        machine=machine_id(),
        program=program,
        host=socket.gethostname(),
        folder=str(settings.DATA_DIR),
        version=release.version_and_commit(),
        fingerprints=fingerprints(),
        beat_at=Now(),
        clock_ahead=clock_ahead,
    )
    key = ("machine", "program")
    fields = [field.name for field in RunningProgram._meta.fields if field.name not in {"id", *key}]
    RunningProgram.objects.bulk_create([row], update_conflicts=True, unique_fields=key, update_fields=fields)


# --- Comparison ---


def may_send() -> bool:
    """Does this process agree with the web servers? Also if none has ever reported. At most CHECK_SECONDS old."""
    names: tuple[str, ...] | None = caches["pages"].get("machines:differing")
    if names is None:
        names = _differing_from(fingerprints(), web_servers(RunningProgram.objects.filter(program=WEB).shown()))
        caches["pages"].set("machines:differing", names, CHECK_SECONDS)
        _log_change(names)
    return not names


def _log_change(names: tuple[str, ...]) -> None:
    before = caches["pages"].get("machines:logged", ())
    if names != before:
        caches["pages"].set("machines:logged", names, None)
        place = f"{socket.gethostname()}:{settings.DATA_DIR}"
        if names:
            log.error("%s sends nothing: not as on the web server: %s", place, ", ".join(names))
        else:
            log.warning("%s sends again: it agrees with the web server", place)


def web_servers(programs: Iterable[RunningProgram]) -> list[RunningProgram]:
    """Those that run; else the one that ran last."""
    found = sorted((one for one in programs if one.program == WEB), key=lambda one: one.beat_at, reverse=True)
    return [one for one in found if one.is_alive] or found[:1]


def _differing_from(ours: Fingerprints, servers: Iterable[RunningProgram]) -> tuple[str, ...]:
    found = {name for server in servers for name in differing_variables(ours, server.fingerprints)}
    return tuple(name for name in VARIABLES if name in found)


@dataclass(frozen=True)
class ProgramState:
    """differing: the variables that are not as on the web servers."""

    row: RunningProgram
    is_alive: bool
    differing: tuple[str, ...]


def program_states() -> list[ProgramState]:
    """All programs that have reported lately, by host."""
    rows = list(RunningProgram.objects.shown())
    servers = web_servers(rows)
    return [ProgramState(row, row.is_alive, _differing_from(row.fingerprints, servers)) for row in rows]
