"""Bring an installation back from a backup: into an empty one, or in place of one that is stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils.crypto import constant_time_compare

from newsletter.delivery.ledger import restored
from newsletter.operation import replaced
from newsletter.operation.backup import engines
from newsletter.operation.backup.archive import Reader, opened_dump
from newsletter.operation.backup.contents import SECRET, Putting, join
from newsletter.operation.backup.engines import Engine
from newsletter.operation.backup.sealing import unsealed
from newsletter.operation.preparing import newer
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
    engine = engines.here()
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
        engines.here().forget_half()


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
