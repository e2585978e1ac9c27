"""How far an export or an import is: for who looks at a terminal, and for nobody else."""

import os
from io import BufferedReader, StringIO

from newsletter.operation.site_export.folder import Reader
from newsletter.operation.site_export.progress import WIDTH, Counted, Line
from newsletter.operation.site_export.writing import whole


class Terminal(StringIO):
    def isatty(self):
        return True


def test_octets_against_all_that_there_are():
    terminal = Terminal()
    line = Line(terminal, total=4_000_000)
    line.say("readers")

    line.count(1_000_000)

    assert terminal.getvalue() == f"\r\x1b[K{'█' * (WIDTH // 4)}{'░' * (WIDTH * 3 // 4)} 1 MB readers"


def test_it_is_drawn_now_and_then_and_gone_at_the_end():
    terminal = Terminal()
    line = Line(terminal)
    for _some in range(1000):
        line.count(1)

    line.end()

    assert terminal.getvalue().count("\r") <= 3
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert line.done == 1000


def test_a_file_or_a_pipe_gets_nothing():
    out = StringIO()
    line = Line(out, total=10)

    line.count(5)
    line.end()

    assert out.getvalue() == ""


def _by_parts(file):
    while file.read(3000):
        pass


def test_every_octet_that_is_read_is_counted_once(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789" * 1000)
    for read in (BufferedReader.read, BufferedReader.readlines, _by_parts):
        counted = []
        descriptor = os.open(tmp_path / "a", os.O_RDONLY)
        with BufferedReader(Counted(descriptor, counted.append), 4096) as file:
            read(file)

        assert sum(counted) == 10_000


def test_an_export_counts_what_it_writes_and_a_check_what_it_reads(tmp_path):
    terminal = Terminal()
    line = Line(terminal)
    with whole(tmp_path / "export", line=line) as folder:
        folder.add("a.txt", b"x" * 5000)
        folder.add_rows("b.csv", ["one", "two"], [["1", "2"]] * 100)
        folder.finish({})
    read = []

    reader = Reader.at(tmp_path / "export", read.append)
    reader.verify()

    assert line.words == "b.csv"
    assert line.done == sum(read) == sum(told["bytes"] for told in reader.files.values())
