"""The file of a backup: a tar that is written and read as a stream, with flat memory, encrypted if wished. No Django.

    manifest.json       what it is: form, moment, engine, rows of each table
    database/00000…     the dump, in parts, so that its size need not be known when it begins
    files/…             what lies beside the database, by its path in DATA_DIR
    sums.json           the SHA-256 of every member before it; without it the file was never finished

A name ending in `.age` is encrypted for the key that age1… names (https://age-encryption.org/v1), so that the machine
that makes it cannot read it.
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

FORM = 1  # of the manifest; a reader refuses a later one
PART_BYTES = 8 * 1024**2  # of the dump that are in memory at a time
COPIED_BYTES = 1024**2
JSON_BYTES = 64 * 1024**2  # of the hashes: those of half a million pictures
MANIFEST, SUMS = "manifest.json", "sums.json"
DUMP, FILES = "database/", "files/"
MEMBER = re.compile(r"database/\d{5}|files/(?!/)[^\0]+|manifest\.json")


class Damaged(Exception):
    """The file is no backup, or not whole. Its words say where."""


@dataclass
class Writer:
    """Writes members one after the other; `finish` makes the file a backup."""

    stream: IO[bytes]
    sums: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tar = tarfile.open(fileobj=self.stream, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see finish

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Let the stream go, in whose middle something was raised; it is no backup then."""
        self.tar.__exit__(*raised)

    def add(self, name: str, octets: bytes) -> None:
        self._add(name, io.BytesIO(octets), len(octets))

    def add_json(self, name: str, facts: dict[str, Any]) -> None:
        self.add(name, json.dumps(facts, ensure_ascii=False, indent=1).encode())

    def add_dump(self, source: IO[bytes]) -> None:
        number = 0
        while octets := source.read(PART_BYTES):
            self.add(f"{DUMP}{number:05}", octets)
            number += 1

    def add_file(self, path: Path, name: str) -> None:
        """Add a file as long as it is now, though it may grow. Raises FileNotFoundError if it is gone."""
        with path.open("rb") as source:
            self._add(f"{FILES}{name}", source, path.stat().st_size)

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashing = Hashing(source)
        self.tar.addfile(info, hashing)
        self.sums[name] = hashing.sum()

    def finish(self) -> None:
        self.add_json(SUMS, dict(self.sums))
        self.tar.close()


class Hashing(io.RawIOBase):
    """Reads another stream, and knows the SHA-256 of what it gave."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.hash = source, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        try:
            octets = self.source.read(size)
        except tarfile.TarError as error:
            raise Damaged(f"it ends too early, or is damaged: {error}") from None
        self.hash.update(octets)
        return octets

    def rest(self) -> None:
        while self.read(COPIED_BYTES):
            pass

    def sum(self) -> str:
        return self.hash.hexdigest()


@dataclass(frozen=True)
class Member:
    """One member while its turn lasts. name: below `database/` or `files/` as it stands in the archive."""

    name: str
    size: int
    source: Hashing

    @property
    def file(self) -> str:
        """Return the path of a file in DATA_DIR, or "" for what is none."""
        return self.name.removeprefix(FILES) if self.name.startswith(FILES) else ""


class Reader:
    """Reads the members in their order; iterating to the end proves that all is there and unchanged."""

    def __init__(self, stream: IO[bytes]) -> None:
        try:
            self.tar = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 - a stream that its owner closes
            self.members = self._members()
            self.manifest = self._manifest()
        except (tarfile.TarError, EOFError) as error:
            raise Damaged(f"no backup: {error}") from None

    def __iter__(self) -> Iterator[Member]:
        """Yield all members but the manifest; raise Damaged at the first fault, at the latest at the end."""
        yield from self.members

    def _manifest(self) -> dict[str, Any]:
        first = next(self.members, None)
        if first is None or first.name != MANIFEST:
            raise Damaged("no backup: it does not begin with a manifest")
        facts = _json(first.source, first.size, MANIFEST)
        if facts.get("form") != FORM:
            raise Damaged(f"a backup of form {facts.get('form')}; this version reads form {FORM}")
        return facts

    def _members(self) -> Iterator[Member]:
        sums: dict[str, str] = {}
        try:
            for info in self.tar:
                if info.name == SUMS:
                    return self._compare(info, sums)
                member = self._member(info)
                if member.name in sums:
                    raise Damaged(f"{info.name} is there twice")
                yield member
                member.source.rest()
                sums[member.name] = member.source.sum()
        except (tarfile.TarError, EOFError, OSError) as error:
            raise Damaged(f"it ends too early, or is damaged: {error}") from None
        raise Damaged("it ends too early: the hashes are missing")

    def _member(self, info: tarfile.TarInfo) -> Member:
        parts = Path(info.name).parts
        source = self.tar.extractfile(info) if info.isreg() else None
        if source is None or ".." in parts or not MEMBER.fullmatch(info.name):
            raise Damaged(f"{info.name!r} does not belong into a backup")
        return Member(info.name, info.size, Hashing(source))

    def _compare(self, info: tarfile.TarInfo, found: dict[str, str]) -> None:
        source = self.tar.extractfile(info)
        said = _json(source, info.size, SUMS) if source else {}
        if wrong := sorted(name for name in said.keys() | found.keys() if said.get(name) != found.get(name)):
            raise Damaged(f"{wrong[0]} is not what was written" + (f", and {len(wrong) - 1} more" if wrong[1:] else ""))


def _json(source: io.RawIOBase | IO[bytes], size: int, name: str) -> dict[str, Any]:
    """Return the facts in a member. Raises Damaged for what no backup of ours says."""
    try:
        facts = json.loads(source.read() or b"") if size <= JSON_BYTES else None
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise Damaged(f"{name} cannot be read")
    return facts


class Parts(io.RawIOBase):
    """The dump as one stream, out of the members that follow each other."""

    def __init__(self, members: Iterator[Member]) -> None:
        self.members = members
        self.member: Member | None = next(members, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while self.member is not None and self.member.name.startswith(DUMP):
            if octets := self.member.source.read(len(buffer)):
                buffer[: len(octets)] = octets
                return len(octets)
            self.member = next(self.members, None)
        return 0

    def rest(self) -> Iterator[Member]:
        """Yield what follows the dump, which was read to its end."""
        if self.member is not None:
            yield self.member
        yield from self.members


def opened_dump(reader: Reader) -> tuple[IO[bytes], Parts]:
    """Return the dump as one stream, and what it is made of: `rest` of it is what follows."""
    parts = Parts(reader.members)
    return io.BufferedReader(parts, COPIED_BYTES), parts


SUFFIX = ".age"


class Sealed(Exception):
    """It cannot be encrypted or decrypted. Its words say why and what to do."""


@contextmanager
def sealing(target: IO[bytes], public_key: str) -> Iterator[IO[bytes]]:
    """Yield a stream whose octets arrive in `target` encrypted for `public_key` (age1…)."""
    age = _age()
    try:
        key = age.x25519.Recipient.from_str(public_key)
    except age.RecipientError as error:
        raise Sealed(f"BACKUP_AGE_KEY is no public key of age (age1…): {error}") from None
    with _pumped(lambda source: age.encrypt_io(source, target, [key])) as stream:
        yield stream


@contextmanager
def _pumped(pump: Any) -> Iterator[IO[bytes]]:
    """Yield the mouth of a pipe that `pump` reads in a thread; raise afterwards what it raised."""
    mouth, end = os.pipe()
    raised: list[Exception] = []

    def run() -> None:
        with os.fdopen(mouth, "rb") as source:
            try:
                pump(source)
            except Exception as error:  # noqa: BLE001 - raised below, in the thread that waits
                raised.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        with os.fdopen(end, "wb", 1024**2) as stream:
            yield stream
    except BrokenPipeError:  # the thread has stopped, and says why
        thread.join()
        if not raised:
            raise
    finally:
        thread.join()
    if raised:
        raise Sealed(f"it could not be encrypted and written: {raised[0]}") from raised[0]


@contextmanager
def unsealed(path: Path, identity: Path | None) -> Iterator[IO[bytes]]:
    """Yield the archive in a file; one that is encrypted is decrypted by the key in `identity` (AGE-SECRET-KEY-1…)."""
    with path.open("rb") as source:
        if path.suffix != SUFFIX:
            yield source
        elif identity is None:
            raise Sealed(f"{path.name} is encrypted: name the file of its secret key by --identity")
        else:
            with _decrypted(source, _identity(identity)) as stream:
                yield stream


@contextmanager
def _decrypted(source: IO[bytes], key: Any) -> Iterator[IO[bytes]]:
    age = _age()
    mouth, end = os.pipe()
    raised: list[Exception] = []

    def run() -> None:
        try:
            with os.fdopen(end, "wb", 1024**2) as target:
                age.decrypt_io(source, target, [key])
        except (age.DecryptError, OSError) as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    failure, reasons = None, raised
    with os.fdopen(mouth, "rb", 1024**2) as stream:
        try:
            yield stream
            while stream.read(1024**2):  # the end proves that nothing was changed
                pass
        except Exception as error:  # noqa: BLE001 - raised below
            failure, reasons = error, list(raised)  # what the thread says later is only that nobody reads on
    thread.join()
    if reasons:
        raise Sealed(f"it cannot be decrypted with this key: {reasons[0]}") from failure
    if failure:
        raise failure


def _identity(path: Path) -> Any:
    age = _age()
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    try:
        return age.x25519.Identity.from_str(lines[0] if lines else "")
    except age.IdentityError as error:
        raise Sealed(f"{path} holds no secret key of age (AGE-SECRET-KEY-1…): {error}") from None


def _age() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - an extra
    except ImportError:
        raise Sealed("encryption needs the extra `age`: uv sync --frozen --extra age") from None
    return pyrage
