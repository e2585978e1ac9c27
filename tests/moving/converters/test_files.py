"""An archive that would fill the disk, or leave its folder, is refused before anything is read."""

import stat
import zipfile

import pytest

from newsletter.moving.converters import files
from newsletter.moving.converters.files import InArchive, Rejected


def made(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members:
            zipped.writestr(name, data)
    return path


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (("../outside.html", "x"), "leads out of the archive"),
        (("a/../../b.html", "x"), "leads out of the archive"),
        (("a\\..\\..\\b.html", "x"), "leads out of the archive"),
        (("/etc/passwd", "x"), "has an absolute name"),
        (("C:/windows/x", "x"), "has an absolute name"),
        (link("posts/a.html", "/etc/passwd"), "is a link to another file"),
        (("bomb.json", b"0" * (30 * 1024**2)), "is packed too tightly to be honest"),
    ],
)
def test_a_hostile_member_condemns_the_archive(tmp_path, member, why):
    path = made(tmp_path / "x.zip", ("good.html", "x"), member)

    with pytest.raises(Rejected, match=why):
        InArchive(path)


def test_members_that_are_bombs_together_condemn_the_archive(tmp_path):
    members = [(f"{number}.png", b"0" * files.SMALL) for number in range(2)]

    with pytest.raises(Rejected, match="it is packed too tightly to be honest"):
        InArchive(made(tmp_path / "x.zip", *members))


def test_an_absurd_number_of_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FILES_MAX", 1)

    with pytest.raises(Rejected, match="it has too many members: 2"):
        InArchive(made(tmp_path / "x.zip", ("a", "xx"), ("b", "yy")))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip", b"PK\x05\x06" + b"\0" * 10])
def test_what_is_no_zip_is_refused(tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)

    with pytest.raises(Rejected, match="it is no zip that can be read"):
        InArchive(tmp_path / "x.zip")


def test_a_member_that_lies_about_its_size_is_read_no_further_than_asked(tmp_path):
    found = InArchive(made(tmp_path / "x.zip", ("a.txt", "x" * 100)))

    assert found.read_bytes("a.txt", 10) == b"x" * 10
    with pytest.raises(Rejected, match="a member is too large"):
        found.text("a.txt", 10)


def test_a_damaged_member_is_reported(tmp_path):
    path = made(tmp_path / "x.zip", ("a.txt", "x" * 1000))
    data = bytearray(path.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)

    with pytest.raises(Rejected, match="cannot be read"):
        InArchive(path).read_bytes("a.txt")


def test_a_file_is_found_by_the_end_of_its_path(tmp_path):
    names = ("in/content/a.png", "content/a.png", "content/b.png", "__MACOSX/a.png")
    found = InArchive(made(tmp_path / "x.zip", *((name, "x") for name in names)))

    assert found.ending_in("content/a.png") == "content/a.png"
    assert [found.ending_in(name) for name in ("tent/a.png", "a.png", "b.png")] == ["", "", "content/b.png"]
    assert found.names == ["content/a.png", "content/b.png", "in/content/a.png"]


def test_a_whole_path_is_that_file_however_many_bear_its_name(tmp_path):
    names = [f"posts/{number}/cover.jpg" for number in range(3)] + ["cover.jpg"]
    found = InArchive(made(tmp_path / "x.zip", *((name, "x") for name in names)))

    assert [found.ending_in(name) for name in (*names, "2/cover.jpg", "9/cover.jpg")] == [*names, names[2], ""]
