"""Try a backup: load it beside the product, compare what is in it, start a web server on it, and look at it."""

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
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import DatabaseError, connection

from newsletter import server
from newsletter.operation.backup.archive import Reader
from newsletter.operation.backup.contents import SECRET, Putting
from newsletter.operation.backup.dumps import Unusable
from newsletter.operation.backup.engines import Engine
from newsletter.operation.backup.postgresql import PostgreSQL
from newsletter.operation.backup.restoring import Refused, load, refuse, verified
from newsletter.operation.backup.sealing import unsealed
from newsletter.operation.backup.sqlite import SQLite
from newsletter.operation.supervisor import free_port

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
