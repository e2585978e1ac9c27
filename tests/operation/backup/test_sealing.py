"""Encryption of backups, by the real library."""

import io

import pyrage
import pytest

from newsletter.operation.backup.sealing import Sealed, sealing, unsealed

OCTETS = b"a reader's address " * 100_000


@pytest.fixture
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def identity(key, tmp_path):
    path = tmp_path / "key.txt"
    path.write_text(f"# created: 2026-11-28\n# public key: {key.to_public()}\n{key}\n")
    return path


def sealed(recipient) -> bytes:
    target = io.BytesIO()
    with sealing(target, str(recipient)) as stream:
        for start in range(0, len(OCTETS), 65_536):
            stream.write(OCTETS[start : start + 65_536])
    return target.getvalue()


def test_what_is_encrypted_is_read_with_the_key_alone(key, identity, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    assert b"reader" not in path.read_bytes()
    with unsealed(path, identity) as stream:
        assert stream.read() == OCTETS


def test_any_program_that_knows_age_reads_it(key):
    assert pyrage.decrypt(sealed(key.to_public()), [key]) == OCTETS


def test_without_a_key_it_says_what_is_missing(key, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    with pytest.raises(Sealed, match="--identity"), unsealed(path, None):
        pass


def test_another_key_opens_nothing(key, tmp_path):
    path, other = tmp_path / "backup.tar.age", tmp_path / "other.txt"
    path.write_bytes(sealed(key.to_public()))
    other.write_text(str(pyrage.x25519.Identity.generate()))

    with pytest.raises(Sealed, match="cannot be decrypted"), unsealed(path, other) as stream:
        stream.read()


def test_a_changed_octet_is_noticed(key, identity, tmp_path):
    path, octets = tmp_path / "backup.tar.age", bytearray(sealed(key.to_public()))
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)

    with pytest.raises(Sealed, match="cannot be decrypted"), unsealed(path, identity) as stream:
        stream.read()


def test_who_stops_reading_waits_for_nothing(key, identity, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    with unsealed(path, identity) as stream:
        assert stream.read(10) == OCTETS[:10]


@pytest.mark.parametrize("recipient", ["", "age1nonsense", "ssh-ed25519 AAAA"])
def test_a_recipient_that_is_no_key_is_refused(recipient):
    with pytest.raises(Sealed, match="BACKUP_AGE_KEY"), sealing(io.BytesIO(), recipient):
        pass


def test_a_file_without_a_key_is_no_identity(tmp_path):
    path, identity = tmp_path / "backup.tar.age", tmp_path / "key.txt"
    path.write_bytes(b"")
    identity.write_text("# nothing\n")

    with pytest.raises(Sealed, match="holds no secret key"), unsealed(path, identity):
        pass


def test_a_disk_that_takes_no_more_is_told():
    class Full(io.BytesIO):
        def write(self, octets, /):
            raise OSError(28, "No space left on device")

    with (
        pytest.raises(Sealed, match="No space left"),
        sealing(Full(), str(pyrage.x25519.Identity.generate().to_public())) as stream,
    ):
        stream.write(OCTETS)
