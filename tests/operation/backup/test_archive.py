"""The file of a backup: what is written is read, what is damaged is refused, and what is sealed stays closed."""

import io
import json
import tarfile

import pyrage
import pytest

from newsletter.operation.backup import archive
from newsletter.operation.backup.archive import (
    BackupReader,
    BackupWriter,
    DamagedBackup,
    EncryptionError,
    encrypting,
    open_archive,
    open_dump,
)

DUMP = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(archive, "DUMP_PART_BYTES", 1000)


def written(*, is_finished: bool = True, manifest: dict | None = None, **files: bytes) -> bytes:
    stream = io.BytesIO()
    writer = BackupWriter(stream)
    writer.add_json("manifest.json", manifest or {"form": archive.MANIFEST_VERSION, "engine": "sqlite"})
    writer.add_dump(io.BytesIO(DUMP))
    for name, octets in files.items():
        writer.add(f"files/{name}", octets)
    if is_finished:
        writer.finish()
    return stream.getvalue()


def read(octets: bytes) -> dict[str, bytes]:
    return {member.name: member.source.read() for member in BackupReader(io.BytesIO(octets))}


def changed(octets: bytes, name: str, *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar with the manifest of another, and one member of our choice."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as tar, tarfile.open(fileobj=io.BytesIO(octets)) as old:
        manifest = old.getmember("manifest.json")
        tar.addfile(manifest, old.extractfile(manifest))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info, io.BytesIO())
    return stream.getvalue()


def test_what_is_written_is_read():
    found = read(written(departures=b"lines", secret_key=b"secret"))

    assert [name for name in found if name.startswith("files/")] == ["files/departures", "files/secret_key"]
    assert found["files/departures"] == b"lines"
    assert b"".join(octets for name, octets in found.items() if name.startswith("database/")) == DUMP
    assert len(found) == 2 + 103


def test_the_dump_is_one_stream_and_the_files_follow():
    dump, parts = open_dump(BackupReader(io.BytesIO(written(departures=b"lines"))))

    assert dump.read() == DUMP
    assert [(member.data_path, member.source.read()) for member in parts.remaining_members()] == [
        ("departures", b"lines")
    ]


def test_a_dump_that_is_not_read_to_its_end_does_not_hide_the_files():
    dump, parts = open_dump(BackupReader(io.BytesIO(written(departures=b"lines"))))
    dump.read(10)

    assert [member.data_path for member in parts.remaining_members() if member.data_path] == ["departures"]


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.5, 0.9])
def test_a_file_that_ends_too_early_is_damaged(share):
    octets = written(departures=b"lines" * 1000)

    with pytest.raises(DamagedBackup):
        read(octets[: int(len(octets) * share)])


def test_a_file_that_was_never_finished_is_damaged():
    with pytest.raises(DamagedBackup, match="too early"):
        read(written(is_finished=False))


def test_each_octet_counts():
    octets = bytearray(written(departures=b"lines " * 500))
    at = octets.index(b"lines")
    octets[at] ^= 1

    with pytest.raises(DamagedBackup, match="files/departures is not what was written"):
        read(bytes(octets))


def test_of_several_faults_one_is_named_and_the_others_are_counted():
    octets = written(departures=b"lines", wishes=b"lines").replace(b"lines", b"linez")

    with pytest.raises(DamagedBackup, match="files/departures is not what was written, and 1 more"):
        read(octets)


@pytest.mark.parametrize(
    "name", ["files/../../etc/cron.d/x", "files//etc/passwd", "etc/passwd", "database/x", "files/"]
)
def test_a_path_that_leaves_the_folder_is_refused(name):
    with pytest.raises(DamagedBackup, match="does not belong into a backup"):
        read(changed(written(), name))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_only_files_are_taken(kind):
    with pytest.raises(DamagedBackup, match="does not belong into a backup"):
        read(changed(written(), "files/departures", kind=kind))


@pytest.mark.parametrize("octets", [b"", b"no tar at all" * 100, b"\x1f\x8b" + b"x" * 600])
def test_another_file_is_no_backup(octets):
    with pytest.raises(DamagedBackup, match="no backup"):
        read(octets)


def test_a_tar_without_a_manifest_is_no_backup():
    stream = io.BytesIO()
    writer = BackupWriter(stream)
    writer.add("files/departures", b"")
    writer.finish()

    with pytest.raises(DamagedBackup, match="does not begin with a manifest"):
        read(stream.getvalue())


def test_a_form_of_tomorrow_is_refused():
    with pytest.raises(DamagedBackup, match="form 2; this version reads form 1"):
        read(written(manifest={"form": 2}))


def test_a_name_that_comes_twice_is_refused():
    stream = io.BytesIO()
    writer = BackupWriter(stream)
    writer.add_json("manifest.json", {"form": 1})
    writer.add("files/departures", b"one")
    writer.add("files/departures", b"two")
    writer.finish()

    with pytest.raises(DamagedBackup, match="twice"):
        read(stream.getvalue())


def test_a_file_that_grows_while_it_is_read_is_as_long_as_it_was(tmp_path):
    path, stream = tmp_path / "departures", io.BytesIO()
    path.write_bytes(b"x" * 5000)
    writer = BackupWriter(stream)
    writer.add_json("manifest.json", {"form": 1})

    class Growing(archive.HashingReader):
        def read(self, size: int = -1, /) -> bytes:
            with path.open("ab") as file:
                file.write(b"y")
            return super().read(size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "HashingReader", Growing)
        writer.add_file(path, "departures")
    writer.finish()

    assert read(stream.getvalue())["files/departures"] == b"x" * 5000


def test_the_hashes_are_those_of_sha256sum():
    with tarfile.open(fileobj=io.BytesIO(written(departures=b"lines"))) as tar:
        last = tar.extractfile("sums.json")
        assert last is not None
        sums = json.load(last)

    assert sums["files/departures"] == "5ea44c3961f16643e614435496b16115aa6d75458b5cc3fd5398aae291f3126b"


@pytest.mark.parametrize("octets", [b"{", b"[]", b"null", b"[" * 200_000, b"\xff"])
@pytest.mark.parametrize("name", ["manifest.json", "sums.json"])
def test_facts_that_cannot_be_read_are_called_damage(octets, name):
    stream = io.BytesIO()
    writer = BackupWriter(stream)
    if name == "sums.json":
        writer.add_json("manifest.json", {"form": archive.MANIFEST_VERSION})
    writer.add(name, octets)
    writer.tar.close()

    with pytest.raises(DamagedBackup, match=name):
        read(stream.getvalue())


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
    with encrypting(target, str(recipient)) as stream:
        for start in range(0, len(OCTETS), 65_536):
            stream.write(OCTETS[start : start + 65_536])
    return target.getvalue()


def test_what_is_encrypted_is_read_with_the_key_alone(key, identity, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    assert b"reader" not in path.read_bytes()
    with open_archive(path, identity) as stream:
        assert stream.read() == OCTETS


def test_any_program_that_knows_age_reads_it(key):
    assert pyrage.decrypt(sealed(key.to_public()), [key]) == OCTETS


def test_without_a_key_it_says_what_is_missing(key, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    with pytest.raises(EncryptionError, match="--identity"), open_archive(path, None):
        pass


def test_another_key_opens_nothing(key, tmp_path):
    path, other = tmp_path / "backup.tar.age", tmp_path / "other.txt"
    path.write_bytes(sealed(key.to_public()))
    other.write_text(str(pyrage.x25519.Identity.generate()))

    with pytest.raises(EncryptionError, match="cannot be decrypted"), open_archive(path, other) as stream:
        stream.read()


def test_a_changed_octet_is_noticed(key, identity, tmp_path):
    path, octets = tmp_path / "backup.tar.age", bytearray(sealed(key.to_public()))
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)

    with pytest.raises(EncryptionError, match="cannot be decrypted"), open_archive(path, identity) as stream:
        stream.read()


def test_who_stops_reading_waits_for_nothing(key, identity, tmp_path):
    path = tmp_path / "backup.tar.age"
    path.write_bytes(sealed(key.to_public()))

    with open_archive(path, identity) as stream:
        assert stream.read(10) == OCTETS[:10]


@pytest.mark.parametrize("recipient", ["", "age1nonsense", "ssh-ed25519 AAAA"])
def test_a_recipient_that_is_no_key_is_refused(recipient):
    with pytest.raises(EncryptionError, match="BACKUP_AGE_KEY"), encrypting(io.BytesIO(), recipient):
        pass


def test_a_file_without_a_key_is_no_identity(tmp_path):
    path, identity = tmp_path / "backup.tar.age", tmp_path / "key.txt"
    path.write_bytes(b"")
    identity.write_text("# nothing\n")

    with pytest.raises(EncryptionError, match="holds no secret key"), open_archive(path, identity):
        pass


def test_a_disk_that_takes_no_more_is_told():
    class Full(io.BytesIO):
        def write(self, octets, /):
            raise OSError(28, "No space left on device")

    with (
        pytest.raises(EncryptionError, match="No space left"),
        encrypting(Full(), str(pyrage.x25519.Identity.generate().to_public())) as stream,
    ):
        stream.write(OCTETS)
