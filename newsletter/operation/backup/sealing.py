"""Encryption of backups by age: for a public key, so that the machine that makes them cannot read them. No Django."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

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
