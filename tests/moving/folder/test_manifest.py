"""The folder of an export: whole or not there, and read with suspicion."""

import csv
import json
import os

import pytest

from newsletter.moving.folder.layout import FolderError, new_folder
from newsletter.moving.folder.manifest import ExportReader, ExportWriter

ROWS = [["1", "a"], ["2", 'b "quoted", \r\nline\rline\n'], ["3", ""], ["4", "字"]]


@pytest.fixture
def place(tmp_path):
    return tmp_path / "export"


@pytest.fixture
def written(place):
    with new_folder(place) as root:
        folder = ExportWriter(root)
        folder.add("posts/0001-a.md", b"text")
        folder.add_rows("readers.csv", ["id", "name"], ROWS)
        folder.finish({"site_url": "https://news.example.org"})
    return place


def change(place, **files):
    """Change what the manifest says of files; None takes one out."""
    path = place / "manifest.json"
    facts = json.loads(path.read_text())
    facts["files"] |= {name: facts["files"]["posts/0001-a.md"] | data for name, data in files.items()}
    path.write_text(json.dumps(facts))


def test_what_was_written_is_read(written):
    folder = ExportReader.at(written)

    folder.verify()
    limit = csv.field_size_limit()
    heading, *rows = folder.rows("readers.csv")
    assert csv.field_size_limit() == limit  # of every table that this process reads later

    assert (heading, rows) == (["id", "name"], ROWS)
    assert folder.files["readers.csv"]["rows"] == 4
    assert folder.text("posts/0001-a.md", 4) == "text"
    assert folder.facts["site_url"] == "https://news.example.org"


def test_a_folder_that_is_there_is_never_written_over(written):
    with pytest.raises(FileExistsError, match="is there already, and is not empty"), new_folder(written):
        pass

    assert (written / "readers.csv").exists()


def test_an_empty_folder_is_filled_and_what_a_kill_has_left_is_removed(place):
    place.mkdir()
    part = place.with_name(".export.part")
    part.mkdir()
    (part / "half").write_text("x")

    with new_folder(place) as root:
        folder = ExportWriter(root)
        folder.finish({})

    assert [path.name for path in place.iterdir()] == ["manifest.json"]
    assert not part.exists()


def test_what_fails_leaves_nothing(place):
    def fail():
        with new_folder(place) as root:
            folder = ExportWriter(root)
            folder.add("a", b"x")
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()

    assert list(place.parent.iterdir()) == []


def test_a_link_is_no_place(tmp_path, place):
    place.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError), new_folder(place):
        pass


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "posts/../../x",
        "posts//x",
        "./x",
        "C:/x",
        "a\\b",
        "a\0b",
        "",
        "x" * 401,
        "a/",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(written, name):
    change(written, **{name: {}})

    with pytest.raises(FolderError, match="does not belong into an export"):
        ExportReader.at(written)


def test_a_link_in_the_place_of_a_file_is_refused(written, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"text")
    (written / "posts/0001-a.md").unlink()
    (written / "posts/0001-a.md").symlink_to(other)

    with pytest.raises(FolderError, match=r"posts/0001-a.md cannot be read"):
        ExportReader.at(written).verify()


def test_a_link_in_the_place_of_a_folder_is_refused(written, tmp_path):
    (written / "posts").rename(tmp_path / "posts")
    (written / "posts").symlink_to(tmp_path / "posts")

    with pytest.raises(FolderError, match=r"posts/0001-a.md is reached over a link"):
        ExportReader.at(written).verify()


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(written):
    (written / "posts/0001-a.md").unlink()
    os.mkfifo(written / "posts/0001-a.md")

    with pytest.raises(FolderError, match=r"posts/0001-a.md is no file"):
        ExportReader.at(written).verify()


def test_a_file_that_is_missing_shorter_or_other_is_found(written):
    (written / "readers.csv").unlink()
    with pytest.raises(FolderError, match=r"readers.csv cannot be read: No such file"):
        ExportReader.at(written).verify()

    for octets in (b"tex", b"texts", b"TEXT"):
        (written / "posts/0001-a.md").write_bytes(octets)
        with pytest.raises(FolderError, match=r"posts/0001-a.md is not what was written"):
            ExportReader.at(written).verify()


def test_files_that_nobody_named_are_not_looked_at(written):
    (written / ".DS_Store").write_bytes(b"x")

    ExportReader.at(written).verify()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "manifest.json cannot be read"),
        (b"[1]", "manifest.json cannot be read"),
        (b"[" * 100_000, "manifest.json cannot be read"),
        (b'{"form": 2, "files": {}}', "an export of form 2; this version reads form 1"),
        (b'{"form": 1}', "manifest.json cannot be read"),
        (b'{"form": 1, "files": {"a": 1}}', "manifest.json cannot be read"),
        (b'{"form": 1, "files": {"a": {"bytes": -1, "sha256": "%s"}}}' % (b"0" * 64), "manifest.json cannot be read"),
        (b'{"form": 1, "files": {"a": {"bytes": true, "sha256": "%s"}}}' % (b"0" * 64), "manifest.json cannot be read"),
        (b'{"form": 1, "files": {"a": {"bytes": 1, "sha256": "x"}}}', "manifest.json cannot be read"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(place, data, words):
    place.mkdir()
    (place / "manifest.json").write_bytes(data)

    with pytest.raises(FolderError, match=words):
        ExportReader.at(place)


def test_a_folder_that_was_never_finished_is_refused(place):
    with pytest.raises(FolderError, match="is no folder"):
        ExportReader.at(place)
    place.mkdir()
    with pytest.raises(FolderError, match="it is no export, or was never finished"):
        ExportReader.at(place)


def test_what_is_too_large_is_not_read(written):
    with pytest.raises(FolderError, match=r"posts/0001-a.md is larger than 3 octets"):
        ExportReader.at(written).octets("posts/0001-a.md", 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"id,name\r\n1\r\n", "readers.csv, line 2: 1 cells in place of 2"),
        (b'id,name\r\n1,"open\r\n', "readers.csv, line 2: unexpected end of data"),
        (b"id,name\r\n1,\xff\r\n", "can't decode byte 0xff"),
    ],
)
def test_a_table_that_is_none_says_where(written, text, words):
    (written / "readers.csv").write_bytes(text)
    change(written, **{"readers.csv": {"bytes": len(text)}})

    with pytest.raises(FolderError, match=words):
        list(ExportReader.at(written).rows("readers.csv"))
