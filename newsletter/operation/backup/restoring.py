"""Bring an installation back from a backup, into an empty one or in place of one that is stopped; or try a backup."""

import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils.crypto import constant_time_compare

from newsletter import server
from newsletter.delivery.ledger import restored
from newsletter.operation import replaced
from newsletter.operation.backup import databases
from newsletter.operation.backup.archive import Reader, opened_dump, unsealed
from newsletter.operation.backup.databases import Engine, PostgreSQL, SQLite, Unusable
from newsletter.operation.backup.making import SECRET, Putting, join
from newsletter.operation.preparing import newer
from newsletter.operation.supervisor import free_port
from newsletter.publication.pictures.storages import media


class Refused(Exception):
    """This backup may not be restored here. Its words say why and what to do."""


@dataclass(frozen=True)
class Restored:
    """What was brought back. has_secret: whether links in mails of the backup open with this installation's secret."""

    made_at: datetime
    rows: dict[str, int]
    has_secret: bool
    files: int
    put_aside: int


def restore(path: Path, now: datetime, *, identity: Path | None = None, replace: bool = False) -> Restored:
    """Read a backup once to know that it is whole, then load it; afterwards nothing is sent until it is decided.

    replace: what is here is put aside when all of the backup is there; without it only an empty installation is
    filled. Raises Damaged, Refused, Sealed, Unusable, DatabaseError or OSError; then all is as it was.
    """
    engine = databases.here()
    refuse(verified(path, identity), engine)
    if users := engine.others():
        raise Refused(f"the database is in use by {', '.join(users)}: stop web server, workers and clock first")
    is_empty = engine.is_empty()
    if not is_empty and not replace:
        raise Refused("this installation is not empty: with --replace it is put aside, and the backup takes its place")
    mark = f"{now:%Y%m%d%H%M%S}"
    bucket = media if media.is_remote else None
    putting = Putting(settings.DATA_DIR, mark, overwrites={SECRET} if is_empty else set(), bucket=bucket)
    with _noted(path, engine.meanwhile(mark)), unsealed(path, identity) as stream, putting:
        with engine.replaced(mark) as fresh:
            made = _filled(Reader(stream), fresh, putting, now)
            for lines in sorted(path.parent.glob("departures-*")):  # who has left since, if it lies in BACKUP_URL
                join(settings.DATA_DIR / "departures", lines.read_bytes())
        putting.finish()
    return Restored(*made, putting.files, putting.put_aside)


def _filled(reader: Reader, engine: Engine, putting: Putting, now: datetime) -> tuple[datetime, dict[str, int], bool]:
    """Load all of a backup, and lock it; return when it was made, its rows, and whether its secret is used here."""
    has_secret = load(reader, engine, putting, keeps_secret=settings.SECRET_KEY_IS_GIVEN)
    made_at = datetime.fromisoformat(reader.manifest["made_at"])
    call_command("migrate", verbosity=0, interactive=False)
    restored.lock(made_at, now)
    return made_at, reader.manifest["rows"], has_secret


def unfinished() -> str:
    """Return why nothing may start here, if a restore was killed."""
    return _note().read_text() if _note().exists() else ""


def forget_half() -> None:
    """Remove what a killed restore has left beside the database. Only for who knows that none runs."""
    if _note().exists():
        databases.here().forget_half()


def _note() -> Path:
    file: Path = settings.DATA_DIR / "restore.unfinished"
    return file


@contextmanager
def _noted(path: Path, meanwhile: str) -> Iterator[None]:
    """Keep a note while the block runs; a kill leaves it, an error does not: then all is as it was."""
    try:
        _note().write_text(
            f"The restore of {path} was not finished, and {meanwhile}. "
            f"Run it again (manage.py restore --replace PATH), or delete {_note()} to go on without it."
        )
        yield
    finally:
        _note().unlink(missing_ok=True)


def verified(path: Path, identity: Path | None) -> dict[str, Any]:
    """Read all of a backup and return its manifest. Raises Damaged or Sealed."""
    with unsealed(path, identity) as stream:
        reader = Reader(stream)
        for _member in reader:
            pass
        return reader.manifest


def refuse(manifest: dict[str, Any], engine: Engine) -> None:
    """Raise Refused if the backup is of another engine, or of a newer version of the product."""
    if manifest["engine"] != engine.name:
        raise Refused(f"the backup is of {manifest['engine']}, and DATABASE_URL leads to {engine.name}")
    if name := newer(manifest["migrations"]):
        raise Refused(f"the backup is of a newer version of this program, which knows {name}: update first")
    if replaced.is_half_way([tuple(name.split(".", 1)) for name in manifest["migrations"]]):
        first = f"restore it with {replaced.LAST_WITH_THEM}"
        raise Refused(f"the backup is of a version before {replaced.LAST_WITH_THEM}: {first}, then start this version")


def load(reader: Reader, engine: Engine, putting: Putting, *, keeps_secret: bool) -> bool:
    """Load the database, then the files. keeps_secret: ours stays. Return whether the one of the backup is used now."""
    dump, parts = opened_dump(reader)
    engine.load(dump)
    is_used = True
    for member in parts.rest():
        if member.file == SECRET and keeps_secret:
            is_used = constant_time_compare(member.source.read().decode(), settings.SECRET_KEY)
        elif member.file:
            putting.put(member)
    return is_used


START_SECONDS = 60  # that the web server may take to answer for the first time
NOTHING = (  # leaves the trial
    *("REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "MAILBOX_URL", "BACKUP_URL", "MEDIA_STORAGE_URL"),
)
PAGES = ("/", "/issues/", "/posts/", "/subscribe/")


class Failed(Exception):
    """The backup would not bring the product back. Its words say what is missing."""


@dataclass(frozen=True)
class Tried:
    """A backup that would bring the product back. pages: which of it answered."""

    made_at: str
    rows: int
    files: int
    pages: tuple[str, ...]
    seconds: float


def try_out(path: Path, *, identity: Path | None = None) -> Tried:
    """Raise Damaged, Failed, Refused, Sealed or Unusable if the backup would not bring this product back."""
    began = time.monotonic()
    manifest = verified(path, identity)
    with tempfile.TemporaryDirectory(prefix="newsletter-drill-") as name:
        folder = Path(name)
        with _scratch(manifest["engine"], folder) as (engine, url), unsealed(path, identity) as stream:
            refuse(manifest, engine)
            putting = Putting(folder, "drill")
            load(Reader(stream), engine, putting, keeps_secret=False)
            _compare(manifest["rows"], engine.rows())
            pages = _look(folder, url)
    seconds = time.monotonic() - began
    return Tried(manifest["made_at"], sum(manifest["rows"].values()), putting.files, pages, seconds)


@contextmanager
def _scratch(engine: str, folder: Path) -> Iterator[tuple[Engine, str]]:
    """Yield an empty database of our own, and its DATABASE_URL."""
    if engine == SQLite.name:
        yield SQLite(folder / "newsletter.sqlite3"), ""
        return
    if connection.vendor != engine:
        raise Refused("a backup of PostgreSQL is tried on its server: set DATABASE_URL")
    name = f"newsletter_drill_{secrets.token_hex(4)}"
    ours = PostgreSQL(str(connection.settings_dict["NAME"]))
    try:
        ours.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
    except DatabaseError as error:
        raise Unusable(f"no database to try it in could be made (ALTER ROLE … CREATEDB): {error}") from None
    try:
        yield PostgreSQL(name), urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))
    finally:
        ours.run(f'DROP DATABASE "{name}" WITH (FORCE)')


def _compare(said: Mapping[str, int], found: Mapping[str, int]) -> None:
    if wrong := sorted(name for name in said.keys() | found.keys() if said.get(name) != found.get(name)):
        name = wrong[0]
        raise Failed(f"the table {name} has {found.get(name)} rows; when the backup was made it had {said.get(name)}")


def _look(folder: Path, database_url: str) -> tuple[str, ...]:
    """Start a web server on the scratch folder, without mail or queue; return the pages that it answered with 200."""
    port = free_port("127.0.0.1", 0)
    own = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "SITE_URL": f"http://127.0.0.1:{port}"}
    own["SECRET_KEY"] = (folder / SECRET).read_text()
    nothing = dict.fromkeys(NOTHING, "")
    env = os.environ | {f"{name}_FILE": "" for name in own | nothing} | nothing | own
    # Django's checks have been asked by whoever tries the backup: they load every page, half of what this would take.
    _run(["migrate", "--skip-checks", "--verbosity", "0", "--no-input"], env)
    if settings.STATIC_ROOT.is_dir():
        shutil.copytree(settings.STATIC_ROOT, folder / "static", dirs_exist_ok=True)
    else:
        _run(["collectstatic", "--verbosity", "0", "--no-input"], env)
    process = subprocess.Popen(  # noqa: S603 - ours
        server.command("127.0.0.1", port, processes=1),
        env=env,
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        answers = {page: _status(port, page) for page in PAGES}
    finally:
        process.terminate()
        process.wait()
    if wrong := [f"{page} {status}" for page, status in answers.items() if status != http.HTTPStatus.OK]:
        raise Failed(f"a web server on it answers {', '.join(wrong)}")
    return PAGES


def _run(words: list[str], env: Mapping[str, str]) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise Failed(f"{words[0]} fails on it: {done.stderr.strip()[-500:]}")


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while _status(port, "/healthz") != http.HTTPStatus.OK:
        if process.poll() is not None or time.monotonic() > until:
            raise Failed("a web server does not start on it")
        time.sleep(0.1)


def _status(port: int, page: str) -> int:
    """Return the status of a page, or 0 if nobody answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as asking:
        try:
            asking.request("GET", page)
            return asking.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
