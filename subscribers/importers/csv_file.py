"""A table that somebody gives: its encoding, its lines, a workbook as lines, and the lines that were refused."""

import codecs
import csv
import io
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, BinaryIO, Final, TextIO

from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.importers import workbook
from subscribers.importers.columns import FIELD_OF, NOTHING, Choices, ColumnError, Columns, plain
from subscribers.importers.rows import Row, RowReader, Unreadable
from subscribers.importers.workbook import NO_WORKBOOK

DELIMITERS: Final = ",;\t"
MARKS: Final = {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
NATIONAL: Final = ("cp950", "cp932", "gb18030")  # Excel in Taiwan, Japan and China, without a mark
WESTERN: Final = "cp1252"
NAMES: Final = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp950": "Big5",
    "cp932": "Shift JIS",
    "gb18030": "GB 18030",
    WESTERN: "Windows-1252",
}
# Three letters with accents in a row are in no western name: the file is no text, or of another country.
NOT_WESTERN: Final = re.compile(rb"[\x80-\xff]{3}")
SIGN: Final = re.compile(r"sep=([,;\t])\s*")
# Characters that stand in many names and texts of Taiwan and of China.
COMMON: Final = frozenset(
    "王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈"
    "曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎閻余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白崔康毛邱秦江史"
    "顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔文欧歐阳陽伟偉芳娜秀英敏静靜丽麗强強磊军軍洋勇艳艷杰"
    "傑娟涛濤明超兰蘭霞平刚剛桂小红紅玉华華建国國志辉輝鹏鵬宇浩然子涵欣怡雨佳梓轩軒思雅婷雪梅琳晓曉东東海波斌俊飞"
    "飛凯凱亮春峰玲燕萍丹凤鳳洁潔莉晨安宁寧家美慧天一心诗詩琪嘉新立成永德雯豪君淑惠婉宜冠廷宗翰柏承恩品妤彥哲佩珊"
    "筑瑜昱智健育信銘铭鈺钰慈瑞蓉珍鴻鸿裕慶庆賢贤仁義义勝胜榮荣昌的是不我有人在他这這个個们們中来來上大為为和地到"
    "以说說時时要就出会會可也你对對生能而那得於着著下自之年过過發发后後作里裡用道行所種种事多經经去法學学如都同現"
    "现当當沒没動动面起看定分还還進进好部其些主樣样理她本前開开但因只從从想实實日者意無无力它與与長长把機机十民第"
    "公此已工使情性知全三又關关點点正業业外將将兩两間间由問问很最重並并物手應应向頭头體体相見见被利二等產产或己身"
    "果加西月話话合回特代內内表化老給给世位次度門门先通教原聲声提比員员解水名真論论處处走各入幾几口認认條条系氣气"
    "題题活更別别打女變变四神總总電电數数少報报結结反受目太量再感務务做接必場场件計计管期市直資资命山指統统區区保"
    "至形社便空治展科司五基眼書书非聽听界達达光放難难且權权象完設设式色路記记南住告類类求北邊边該该交規规取格望覺"
    "觉術术領领共確确傳传師师觀观清今切院讓让識识候帶带導导運运"
)
# Where the less rare characters stand: the first levels of Big5 and GB 2312, by their first octet.
BIG5_FIRST: Final = range(0xA4, 0xC7)
GB2312_FIRST: Final = range(0xB0, 0xD8)
HAN_SIGN: Final = re.compile("[\u3400-\u9fff]")
KANA_SIGN: Final = re.compile("[\u3040-\u30ff]")
PIECE: Final = 1 << 20
HEADING_LENGTH: Final = 10_000  # octets
# How files begin that are no tables: JSON, XML and HTML, ZIP, PDF, and Word of old.
NO_TABLES: Final = (b"{", b"[", b"<", b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0")


class FileError(ValueError):
    """The file as a whole is no table of readers; the message says why, and nothing of it is to be written."""


def delimiter_of(line: str) -> str:
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
    if b"\0" in first:
        return _utf_16(path, first)
    if _decodes(path, "utf-8-sig"):
        return "utf-8-sig"
    fitting = [WESTERN] if _is_western(path) else []
    fitting += [encoding for encoding in NATIONAL if _decodes(path, encoding)]
    known = {encoding: _known(first, encoding) for encoding in fitting}
    if not known or (fitting == ["gb18030"] and not known["gb18030"]):  # which nearly everything fits
        raise FileError(_("The file is neither UTF-8 nor Big5. Save it as “CSV UTF-8” and try again."))
    return max(fitting, key=lambda encoding: (known[encoding], _commonness(first, encoding)))


def _utf_16(path: Path, first: bytes) -> str:
    """Return which UTF-16 a file without a mark is: of each comma and line end one octet is nothing."""
    encoding = "utf-16-le" if first[1::2].count(0) > first[::2].count(0) else "utf-16-be"
    if "@" not in first.decode(encoding, errors="ignore") or not _decodes(path, encoding):
        raise FileError(
            _("The file looks like UTF-16 and cannot be read as such. Save it as “CSV UTF-8” and try again.")
        )
    return encoding


def _commonness(octets: bytes, encoding: str) -> float:
    """Return how common the characters are if octets are so written: of two encodings that fit, one gives rare ones."""
    signs = [sign for sign in octets.decode(encoding, errors="ignore") if sign > "\x7f"]
    # Of rare characters most files here are Taiwan's: with 0.6, one of six single rare names is mistaken, either way.
    return sum(map(_is_common, signs)) / len(signs) + 0.6 * (encoding == "cp950") if signs else 0


def _is_common(sign: str) -> int:
    if HAN_SIGN.match(sign):
        levels = _stands_in(sign, "big5", BIG5_FIRST) + _stands_in(sign, "gb2312", GB2312_FIRST)
        return levels + 2 * (sign in COMMON)
    return 4 if KANA_SIGN.match(sign) or (sign < "\u0250" and sign.isalpha()) else 0


def _stands_in(sign: str, encoding: str, rows: range) -> bool:
    return sign.encode(encoding, errors="ignore")[:1] in {bytes([row]) for row in rows}


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


BECAUSE = "refused_because"


class RefusedLines:
    """Lines for the file of what was refused of one table."""

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare them. names: of the columns of the table."""
        self._places = [place for place, name in enumerate(names) if plain(name) != plain(BECAUSE)]
        self._width = len(names)
        self.heading = [*(names[place] for place in self._places), BECAUSE]

    def line(self, cells: Sequence[str], why: str) -> list[str]:
        """Return a refused line; one that is too long keeps all of its cells behind the reason."""
        given = [cells[place] if place < len(cells) else "" for place in self._places]
        return [*given, why, *cells[self._width :]]


def made_up(width: int, email: int = 0) -> list[str]:
    """Return names for the columns of a table that has none. email: which has the addresses."""
    return ["email" if place == email else f"column {place + 1}" for place in range(width)]


WORKBOOK: Final = "xl/workbook.xml"
UNPACKED_MAX: Final = 256 * 1024 * 1024  # bytes
AT_ONCE: Final = 64 * 1024  # bytes
PROGRAM: Final = workbook.__file__

log = logging.getLogger(__name__)


def is_workbook(file: IO[bytes]) -> bool:
    """Return whether a file is a workbook; other ZIPs are none."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as packed:
        return WORKBOOK in packed.namelist()


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the first sheet of a workbook as CSV in UTF-8, in pieces; raise FileError for one that cannot be read."""
    with zipfile.ZipFile(file) as packed:
        if sum(one.file_size for one in packed.infolist()) > UNPACKED_MAX:
            raise FileError(_("The file in the ZIP is too large. Send it in parts."))
    file.seek(0)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as said:
        shutil.copyfileobj(file, given)
        given.seek(0)
        command = [sys.executable, "-I", PROGRAM, str(timezone.get_default_timezone())]
        done = subprocess.run(command, stdin=given, stdout=written, stderr=said, env={}, check=False)  # noqa: S603  # ours
        if done.returncode:
            _log(done.returncode, said)
            raise FileError(_("The workbook cannot be opened."))
        written.seek(0)
        yield from iter(partial(written.read, AT_ONCE), b"")


def _log(code: int, said: IO[bytes]) -> None:
    """Tell the operator of a program that did not end as it should; a file that is no workbook is the author's."""
    if code != NO_WORKBOOK:
        said.seek(0)
        log.warning("A workbook could not be read: exit code %d: %s", code, said.read(500).decode(errors="replace"))


SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs"}
IN_WORDS = {"note", "kept"}  # fields whose cells may have lines
NAMED = {"name", "first_name", "last_name"}  # fields whose cells may have two
LINES_MAX = 50  # of a note; a longer one is a quotation mark that is not closed


@dataclass(frozen=True)
class Glimpse:
    """The first lines of a file. names: of its columns; none if its first line is a reader already."""

    names: list[str]
    samples: list[list[str]]


def glimpse(path: Path, count: int) -> Glimpse:
    """Return the names of a file's columns and its first rows, whatever they mean; raise FileError for no table."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            first, delimiter, _lines = first_line(file)
            lines = csv.reader(chain([first], file), delimiter=delimiter)
            rows = [row for row in islice(lines, count + 1) if any(map(str.strip, row))]
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(_("Line %(start)d is not CSV: %(error)s") % {"start": 1, "error": error}) from error
    if not rows:
        raise FileError(_("There is nothing in the file."))
    return Glimpse([], rows) if "@" in rows[0][0] else Glimpse([name.strip() for name in rows[0]], rows[1:])


@contextmanager
def opened(path: Path, choices: Choices = NOTHING, *, is_checked: bool = False) -> Iterator["Table"]:
    """Open a table of readers, after one look through all of it.

    choices: what whoever imports says of its columns. is_checked: it was looked through before.
    Raises FileError when it has no column of addresses or one that is unknown, or when a quotation mark is missing.
    """
    encoding = encoding_of(path)
    with path.open("rb") as file:
        table = Table(file, encoding, choices)
        if not is_checked:
            table.check()
        yield table


class Lines[Read]:
    """A CSV file that is being read, row by row. names: of its columns; made up if its first line is a row."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._text = io.TextIOWrapper(file, encoding, newline="")
        try:
            first, self._delimiter, self._lines_before = first_line(self._text)
        except UnicodeDecodeError as error:
            raise FileError(_("Line %(start)d is not CSV: %(error)s") % {"start": 1, "error": error}) from error
        self.heading = heading_of(first, self._delimiter)
        self._first: list[str] | None = None  # the first line, when it is a row already
        self._width = len(self.heading)
        self.written = f"{NAMES[encoding]}, {SIGNS[self._delimiter]}" if encoding in NAMES else encoding
        self.names = [name.strip() for name in self.heading]

    def read(self, line: int, cells: list[str]) -> Read:
        raise NotImplementedError

    def bytes_read(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[Read]:
        """Yield each row of the file; blank lines are none."""
        return (row for row, _cells in self.rows_and_cells())

    def rows_and_cells(self, skipped: int = 0) -> Iterator[tuple[Read, list[str]]]:
        """Yield each row with its cells as they stand in the file, but for the first ones."""
        for line, cells in islice(self._lines(), skipped, None):
            yield self.read(line, cells), cells

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        if self._first is not None:
            yield self._lines_before, self._first
        for _start, end, cells in self._records():
            if any(map(str.strip, cells)):
                yield end, cells

    def _records(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield first and last line of each record behind the heading, and its cells."""
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
        before = self._lines_before
        start = before + 1
        try:
            for cells in reader:
                yield start, reader.line_num + before, cells
                start = reader.line_num + before + 1
        except (csv.Error, UnicodeDecodeError) as error:
            end = reader.line_num + before
            one, more = _("Line %(start)d is not CSV: %(error)s"), _("Line %(start)d to %(to)d is not CSV: %(error)s")
            raise FileError((more if end > start else one) % {"start": start, "to": end, "error": error}) from error

    def _do_without_heading(self, place: int) -> None:
        """Take the first line as a row, whose cell at a place should be an address."""
        if place >= len(self.heading) or "@" not in self.heading[place]:
            given = ", ".join(cell.strip()[:40] for cell in self.heading[:6]) or _("nothing")
            raise FileError(_("The first line must name a column “email”; it has %s") % given)
        self._first, self.names = self.heading, made_up(len(self.heading), place)


class Table(Lines[Row | Unreadable]):
    """A table of readers."""

    def __init__(self, file: BinaryIO, encoding: str, choices: Choices = NOTHING) -> None:
        super().__init__(file, encoding)
        try:
            self.columns = Columns.of(self.heading, choices)
        except ColumnError as error:
            raise FileError(str(error)) from error
        if "email" not in self.columns.places:
            self._do_without_heading(0)
            self.columns = Columns({"email": [0]})
        elif self.columns.unknown:
            raise FileError(self.columns.question())
        self._reader = RowReader(self.columns, self._width)

    def read(self, line: int, cells: list[str]) -> Row | Unreadable:
        return self._reader.read(line, cells)

    def check(self) -> None:
        """Read all of it once, and begin anew.

        Raises FileError where it stops being CSV, or where a quotation mark takes in the lines below it.
        """
        most = {place: 1 for name in NAMED for place in self.columns.places.get(name, ())}
        most |= {place: LINES_MAX for name in IN_WORDS for place in self.columns.places.get(name, ())}
        used = {place for places in self.columns.places.values() for place in places}
        for start, end, cells in self._records():
            if end > start and any(
                self._takes_in(cell, most.get(place, 0 if place in used else LINES_MAX))
                for place, cell in enumerate(cells)
            ):
                said = _(
                    "Line %(start)d: a quotation mark opens here and is closed in line %(end)d."
                    " Is one missing or too many?"
                )
                raise FileError(said % {"start": start, "end": end})
        self._text.seek(0)
        first_line(self._text)

    def _takes_in(self, cell: str, most: int) -> bool:
        """Return whether a cell holds what looks like other rows. most: lines that it may have below its first."""
        below = cell.splitlines()[1:]
        is_row = any("@" in line and line.count(self._delimiter) >= self._width - 1 > 0 for line in below)
        is_address = most == 1 and any("@" in line for line in below)
        return is_row or is_address or len(below) > LINES_MAX or (most < len([one for one in below if one.strip()]))
