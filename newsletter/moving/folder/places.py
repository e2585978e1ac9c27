"""Files beside the database: pictures, logs of departures and unsubscribe requests, keys on request."""

import os
import re
import shutil
from pathlib import Path

from django.conf import settings

from newsletter.moving.folder.layout import COPIED_BYTES, FolderError
from newsletter.moving.folder.manifest import ExportReader, ExportWriter
from newsletter.operation.backup.making import SECRET_KEY_FILE_NAME, merge_lines
from newsletter.publication.pictures.storages import media

PICTURES, KEYS = "pictures", "keys"
LOGS = ("departures", "wishes")  # wishes: unsubscribe requests not applied yet; lines in any order (decision 0045)
PICTURE = re.compile(r"pictures/[0-9a-f]{16}/[^/]+")
DKIM_KEY = re.compile(r"keys/dkim/[\w.-]+")
LOG_BYTES_MAX, KEY_BYTES_MAX = 1024**3, 64 * 1024


def write_files(folder: ExportWriter, *, with_keys: bool) -> None:
    _write_pictures(folder)
    for name in LOGS:
        if _has_lines(settings.DATA_DIR / name):
            folder.copy(settings.DATA_DIR / name, f"readers/{name}.txt")
    if with_keys:
        folder.add(f"{KEYS}/{SECRET_KEY_FILE_NAME}", settings.SECRET_KEY.encode())
        for source in sorted(settings.DKIM_DIR.glob("*")):
            folder.copy(source, f"{KEYS}/dkim/{source.name}")


def _has_lines(path: Path) -> bool:
    """Whether there is more than reserved space, which newlines fill."""
    if not path.exists():
        return False
    with path.open("rb") as lines:
        return any(line.strip() for line in lines)


def _write_pictures(folder: ExportWriter) -> None:
    """Write pictures in every stored size; those drawn on request are left out."""
    byte_counts = media.picture_byte_counts()
    for name, octets in media.contents(byte_counts) if media.is_remote else ():
        folder.add(f"{PICTURES}/{name}", octets)
    for name in () if media.is_remote else byte_counts:
        folder.copy(settings.MEDIA_ROOT / name, f"{PICTURES}/{name}")


def refuse_foreign_files(folder: ExportReader) -> None:
    """Raise FolderError for names that are no picture or key of ours."""
    for name in folder.below(PICTURES):
        if not PICTURE.fullmatch(name):
            raise FolderError(f"{name} is no picture of ours")
    for name in folder.below(KEYS):
        if name != f"{KEYS}/{SECRET_KEY_FILE_NAME}" and not DKIM_KEY.fullmatch(name):
            raise FolderError(f"{name} is no key of ours")


def put_files(folder: ExportReader) -> bool:
    """Copy files, merge departure logs; return whether the secret of the export is used from now on. Idempotent."""
    there = media.picture_byte_counts() if media.is_remote else {}  # pictures of an earlier run
    for name in folder.below(PICTURES):
        path = name.removeprefix(f"{PICTURES}/")
        if there.get(path) != folder.files[name]["bytes"]:
            with folder.open(name) as source:
                media.put(path, source)
    for name in LOGS:
        if f"readers/{name}.txt" in folder.files:
            merge_lines(settings.DATA_DIR / name, folder.octets(f"readers/{name}.txt", LOG_BYTES_MAX))
    for name in folder.below(f"{KEYS}/dkim"):
        _put(folder, name, settings.DKIM_DIR / name.rpartition("/")[2])
    return _use_secret(folder)


def _use_secret(folder: ExportReader) -> bool:
    if f"{KEYS}/{SECRET_KEY_FILE_NAME}" not in folder.files:
        return False
    secret = folder.octets(f"{KEYS}/{SECRET_KEY_FILE_NAME}", KEY_BYTES_MAX).decode()
    if settings.SECRET_KEY_IS_GIVEN:
        return secret in {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}
    _put(folder, f"{KEYS}/{SECRET_KEY_FILE_NAME}", settings.SECRET_KEY_PATH)
    return True


def _put(folder: ExportReader, name: str, path: Path) -> None:
    """Write a file with mode 0600, atomically."""
    fresh = path.with_name(f".{path.name}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out, folder.open(name) as source:
        shutil.copyfileobj(source, out, COPIED_BYTES)
    fresh.replace(path)
