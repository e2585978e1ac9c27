"""How a file is written: in which encoding, and what stands between its cells. Nobody says so, the file shows it."""

import codecs
import csv
import io
import re
from pathlib import Path
from typing import Final, TextIO

from django.utils.translation import gettext as _

from subscribers.importers.names import FIELD_OF, plain

DELIMITERS: Final = ",;\t"
MARKS: Final = {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
NATIONAL: Final = ("cp950", "cp932", "gb18030")  # Excel in Taiwan, Japan and China, without a mark
WESTERN: Final = "cp1252"
NAMES: Final = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp950": "Big5",
    "cp932": "Shift JIS",
    "gb18030": "GB 18030",
    WESTERN: "Windows-1252",
}
# Three letters with accents in a row are in no western name: the file is no text, or of another country.
NOT_WESTERN: Final = re.compile(rb"[\x80-\xff]{3}")
SIGN: Final = re.compile(r"sep=([,;\t])\s*")
PIECE: Final = 1 << 20
HEADING_LENGTH: Final = 10_000  # octets
# How files begin that are no tables: JSON, XML and HTML, ZIP, PDF, and Word of old.
NO_TABLES: Final = (b"{", b"[", b"<", b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0")


class FileError(ValueError):
    """The file as a whole is no table of readers; the message says why, and nothing of it is to be written."""


def delimiter_of(line: str) -> str:
    """Return what stands between the cells of a line."""
    return max(DELIMITERS, key=line.count)


def first_line(file: TextIO) -> tuple[str, str, int]:
    """Read the first line of a table; return it, what stands between its cells, and how many lines were read.

    Excel takes a line such as “sep=;” in front of a table for the sign between its cells.
    """
    line = file.readline()
    if found := SIGN.fullmatch(line):
        return file.readline(), found[1], 2
    return line, delimiter_of(line), 1


def heading_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of the first line of a table; raise FileError if one is longer than a cell may be."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise FileError(_("Line %(start)d is not CSV: %(error)s") % {"start": 1, "error": error}) from error


def encoding_of(path: Path) -> str:
    """Return how the file is written; of several that fit, the one in which the names of its columns are known."""
    with path.open("rb") as file:
        first = file.read(HEADING_LENGTH)
    if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(NO_TABLES):
        raise FileError(_("This is no table of readers. Posts move in under Settings, “Move in”."))
    if first[:2] in MARKS:
        return "utf-16"
    if _decodes(path, "utf-8-sig"):
        return "utf-8-sig"
    fitting = [WESTERN] if _is_western(path) else []
    fitting += [encoding for encoding in NATIONAL if _decodes(path, encoding)]
    known = {encoding: _known(first, encoding) for encoding in fitting}
    if not known or (fitting == ["gb18030"] and not known["gb18030"]):  # which nearly everything fits
        raise FileError(_("The file is neither UTF-8 nor Big5. Save it as “CSV UTF-8” and try again."))
    return max(fitting, key=lambda encoding: known[encoding])


def _known(first: bytes, encoding: str) -> int:
    """Return how many names of columns are known if the beginning of a file is so written."""
    line, delimiter, _lines = first_line(io.StringIO(first.decode(encoding, errors="replace"), newline=""))
    heading = next(csv.reader([line], delimiter=delimiter), [])
    return sum(plain(name) in FIELD_OF for name in heading)


def _is_western(path: Path) -> bool:
    if not _decodes(path, WESTERN):
        return False
    with path.open("rb") as file:
        return not any(NOT_WESTERN.search(line) for line in iter(lambda: file.readline(PIECE), b""))


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while octets := file.read(PIECE):
                decoder.decode(octets)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
