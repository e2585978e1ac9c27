"""The backup file: a tar, streamed with constant memory, optionally encrypted. No Django.

    manifest.json       format, time, engine, size, rows of each table
    database/00000…     the dump in parts, because its size is not known in advance
    files/…             files by their path in DATA_DIR
    sums.json           SHA-256 of every member before it; without it the backup is incomplete

A name ending in `.age` is encrypted for the public key age1… (https://age-encryption.org/v1): the machine that makes
the backup cannot read it.
"""

import hashlib
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

MANIFEST_VERSION = 1  # readers refuse other versions
DUMP_PART_BYTES = 8 * 1024**2  # in memory at a time
COPY_CHUNK_BYTES = 1024**2
JSON_BYTES_MAX = 64 * 1024**2  # limit for sums.json, enough for half a million pictures
MANIFEST_NAME, SUMS_NAME = "manifest.json", "sums.json"
DUMP_PREFIX, FILES_PREFIX = "database/", "files/"
MEMBER_PATTERN = re.compile(r"database/\d{5}|files/(?!/)[^\0]+|manifest\.json")


class DamagedBackup(Exception):
    """Not a backup, or incomplete; the message says where."""


@dataclass
class BackupWriter:
    """Writes members; the backup is valid only after `finish`."""

    stream: IO[bytes]
    sums: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tar = tarfile.open(fileobj=self.stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see finish

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Close the tar; after an exception it is no valid backup."""
        self.tar.__exit__(*raised)

    def add(self, name: str, octets: bytes) -> None:
        self._add(name, io.BytesIO(octets), len(octets))

    def add_json(self, name: str, facts: dict[str, Any]) -> None:
        self.add(name, json.dumps(facts, ensure_ascii=False, indent=1).encode())

    def add_dump(self, source: IO[bytes]) -> None:
        number = 0
        while octets := source.read(DUMP_PART_BYTES):
            self.add(f"{DUMP_PREFIX}{number:05}", octets)
            number += 1

    def add_file(self, path: Path, name: str) -> None:
        """Add a file at its current size, even if it grows meanwhile. Raises FileNotFoundError."""
        with path.open("rb") as source:
            self._add(f"{FILES_PREFIX}{name}", source, path.stat().st_size)

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashing = HashingReader(source)
        self.tar.addfile(info, hashing)
        self.sums[name] = hashing.sum()

    def finish(self) -> None:
        self.add_json(SUMS_NAME, dict(self.sums))
        self.tar.close()


class HashingReader(io.RawIOBase):
    """Wraps a stream and hashes what is read (SHA-256)."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.hash = source, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        try:
            octets = self.source.read(size)
        except tarfile.TarError as error:
            raise DamagedBackup(f"it ends too early, or is damaged: {error}") from None
        self.hash.update(octets)
        return octets

    def drain(self) -> None:
        while self.read(COPY_CHUNK_BYTES):
            pass

    def sum(self) -> str:
        return self.hash.hexdigest()


@dataclass(frozen=True)
class ArchiveMember:
    """Valid until the next member is read. name: as in the archive, below `database/` or `files/`."""

    name: str
    size: int
    source: HashingReader

    @property
    def data_path(self) -> str:
        """Path in DATA_DIR; "" for a part of the dump."""
        return self.name.removeprefix(FILES_PREFIX) if self.name.startswith(FILES_PREFIX) else ""


class BackupReader:
    """Reads the members in order; iterating to the end verifies completeness and hashes."""

    def __init__(self, stream: IO[bytes]) -> None:
        try:
            self.tar = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 - a stream that its owner closes
            self.members = self._members()
            self.manifest = self._manifest()
        except (tarfile.TarError, EOFError) as error:
            raise DamagedBackup(f"no backup: {error}") from None

    def __iter__(self) -> Iterator[ArchiveMember]:
        """All members after the manifest. Raises DamagedBackup at the first fault, at the latest at the end."""
        yield from self.members

    def _manifest(self) -> dict[str, Any]:
        first = next(self.members, None)
        if first is None or first.name != MANIFEST_NAME:
            raise DamagedBackup("no backup: it does not begin with a manifest")
        facts = _parse_json(first.source, first.size, MANIFEST_NAME)
        if facts.get("form") != MANIFEST_VERSION:
            raise DamagedBackup(f"a backup of form {facts.get('form')}; this version reads form {MANIFEST_VERSION}")
        return facts

    def _members(self) -> Iterator[ArchiveMember]:
        sums: dict[str, str] = {}
        try:
            for info in self.tar:
                if info.name == SUMS_NAME:
                    return self._verify_sums(info, sums)
                member = self._member(info)
                if member.name in sums:
                    raise DamagedBackup(f"{info.name} is there twice")
                yield member
                member.source.drain()
                sums[member.name] = member.source.sum()
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DamagedBackup(f"it ends too early, or is damaged: {error}") from None
        raise DamagedBackup("it ends too early: the hashes are missing")

    def _member(self, info: tarfile.TarInfo) -> ArchiveMember:
        parts = Path(info.name).parts
        source = self.tar.extractfile(info) if info.isreg() else None
        if source is None or ".." in parts or not MEMBER_PATTERN.fullmatch(info.name):
            raise DamagedBackup(f"{info.name!r} does not belong into a backup")
        return ArchiveMember(info.name, info.size, HashingReader(source))

    def _verify_sums(self, info: tarfile.TarInfo, found: dict[str, str]) -> None:
        source = self.tar.extractfile(info)
        expected = _parse_json(source, info.size, SUMS_NAME) if source else {}
        if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
            raise DamagedBackup(
                f"{wrong[0]} is not what was written" + (f", and {len(wrong) - 1} more" if wrong[1:] else "")
            )


def _parse_json(source: io.RawIOBase | IO[bytes], size: int, name: str) -> dict[str, Any]:
    """Parse a JSON member. Raises DamagedBackup."""
    try:
        facts = json.loads(source.read() or b"") if size <= JSON_BYTES_MAX else None
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise DamagedBackup(f"{name} cannot be read")
    return facts


class DumpStream(io.RawIOBase):
    """The dump's members as one stream."""

    def __init__(self, members: Iterator[ArchiveMember]) -> None:
        self.members = members
        self.member: ArchiveMember | None = next(members, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while self.member is not None and self.member.name.startswith(DUMP_PREFIX):
            if octets := self.member.source.read(len(buffer)):
                buffer[: len(octets)] = octets
                return len(octets)
            self.member = next(self.members, None)
        return 0

    def remaining_members(self) -> Iterator[ArchiveMember]:
        """The members after the dump, once that was read to its end."""
        if self.member is not None:
            yield self.member
        yield from self.members


def open_dump(reader: BackupReader) -> tuple[IO[bytes], DumpStream]:
    """The dump as one stream, and the DumpStream below it, whose `remaining_members` yields what follows."""
    parts = DumpStream(reader.members)
    return io.BufferedReader(parts, COPY_CHUNK_BYTES), parts


ENCRYPTED_SUFFIX = ".age"


class EncryptionError(Exception):
    """Encryption or decryption failed; the message says why and what to do."""


@contextmanager
def encrypting(target: IO[bytes], public_key: str) -> Iterator[IO[bytes]]:
    """Yield a stream that writes to `target`, encrypted for `public_key` (age1…)."""
    age, key = _import_age(), parse_public_key(public_key)
    with _pipe_into(lambda source: age.encrypt_io(source, target, [key])) as stream:
        yield stream


def parse_public_key(text: str) -> Any:
    """The key of BACKUP_AGE_KEY. Raises EncryptionError, without `text`."""
    age = _import_age()
    if text.upper().startswith("AGE-SECRET-KEY-"):
        risk = "BACKUP_AGE_KEY is a secret key: whoever reads it here can read every backup"
        raise EncryptionError(f"{risk}. Set its public key (age1…), which `age-keygen -y` prints")
    try:
        return age.x25519.Recipient.from_str(text)
    except age.RecipientError as error:
        raise EncryptionError(f"BACKUP_AGE_KEY is no public key of age (age1…): {error}") from None


@contextmanager
def _pipe_into(pump: Any) -> Iterator[IO[bytes]]:
    """Yield the write end of a pipe that `pump` reads in a thread; afterwards raise its exception."""
    read_end, write_end = os.pipe()
    raised: list[Exception] = []

    def run() -> None:
        with os.fdopen(read_end, "rb") as source:
            try:
                pump(source)
            except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
                raised.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        with os.fdopen(write_end, "wb", 1024**2) as stream:
            yield stream
    except BrokenPipeError:  # the thread has stopped, and says why
        thread.join()
        if not raised:
            raise
    finally:
        thread.join()
    if raised:
        raise EncryptionError(f"it could not be encrypted and written: {raised[0]}") from raised[0]


@contextmanager
def open_archive(path: Path, identity: Path | None) -> Iterator[IO[bytes]]:
    """Open an archive for reading; decrypt it with the key file `identity` (AGE-SECRET-KEY-1…)."""
    with path.open("rb") as source:
        if path.suffix != ENCRYPTED_SUFFIX:
            yield source
        elif identity is None:
            raise EncryptionError(f"{path.name} is encrypted: name the file of its secret key by --identity")
        else:
            with _decrypted(source, _read_identity(identity)) as stream:
                yield stream


@contextmanager
def _decrypted(source: IO[bytes], key: Any) -> Iterator[IO[bytes]]:
    age = _import_age()
    read_end, write_end = os.pipe()
    raised: list[Exception] = []

    def run() -> None:
        try:
            with os.fdopen(write_end, "wb", 1024**2) as target:
                age.decrypt_io(source, target, [key])
        except (age.DecryptError, OSError) as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    failure, reasons = None, raised
    with os.fdopen(read_end, "rb", 1024**2) as stream:
        try:
            yield stream
            while stream.read(1024**2):  # the end proves that nothing was changed
                pass
        except Exception as error:  # noqa: BLE001 - raised below
            failure, reasons = error, list(raised)  # later errors of the thread only say that the pipe is closed
    thread.join()
    if reasons:
        raise EncryptionError(f"it cannot be decrypted with this key: {reasons[0]}") from failure
    if failure:
        raise failure


def _read_identity(path: Path) -> Any:
    age = _import_age()
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    try:
        return age.x25519.Identity.from_str(lines[0] if lines else "")
    except age.IdentityError as error:
        raise EncryptionError(f"{path} holds no secret key of age (AGE-SECRET-KEY-1…): {error}") from None


def _import_age() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - an extra
    except ImportError:
        raise EncryptionError("BACKUP_AGE_KEY needs the extra `age`: uv sync --frozen --extra age") from None
    return pyrage
