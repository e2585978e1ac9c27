"""A table as CSV: its encoding, its rows, and lines for the file of those that were refused."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from django.utils.translation import gettext as _

from subscribers import exporting
from subscribers.importers.columns import FIELD_OF, NO_CHOICES, ColumnError, ColumnMapping, column_key
from subscribers.importers.rows import InvalidRow, ReaderRow, RejectCallback, RowParser, Rows

DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
UTF16_BOMS: Final = {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
NATIONAL: Final = ("cp950", "cp932", "gb18030")  # Excel in Taiwan, Japan and China, without a mark
WESTERN: Final = "cp1252"
ENCODING_NAMES: Final = {
    "utf-8-sig": "UTF-8",
    **dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be"), "UTF-16"),
    WESTERN: "Windows-1252",
    "cp950": "Big5",
    "cp932": "Shift JIS",
    "gb18030": "GB 18030",
}
# Three letters with accents in a row are in no western name: the file is no text, or of another country.
NOT_WESTERN: Final = re.compile(rb"[\x80-\xff]{3}")
SEP_LINE: Final = re.compile(r"sep=([,;\t])\s*")
# Characters that stand in many names and texts of Taiwan and of China.
COMMON_CHARACTERS: Final = frozenset(
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
# The first octets of less rare characters: the first levels of Big5 and GB 2312.
FIRST_LEVELS: Final = {"big5": (b"\xa4", b"\xc7"), "gb2312": (b"\xb0", b"\xd8")}
HAN_SIGN: Final = re.compile("[\u3400-\u9fff]")
KANA_SIGN: Final = re.compile("[\u3040-\u30ff]")
WESTERN_QUOTES: Final = "‘’“”–—…"  # in Windows-1252
# Measured on made files of four names and more: none of Taiwan or China was read wrongly, one in 20 was refused.
COMMONNESS_MARGIN: Final = 0.5  # of commonness, between the best encoding and the next one
COMMONNESS_MIN: Final = {WESTERN: 0, "cp932": 1.5, "cp950": 2.2, "gb18030": 2.2}  # below it stands Korean or Russian
PIECE: Final = 1 << 20
SAMPLE: Final = 10_000  # octets
# How files begin that are no tables: JSON, XML and HTML, ZIP, PDF, and Word of old.
FOREIGN_PREFIXES: Final = (b"{", b"[", b"<", b"PK\x03\x04", b"PK\x05\x06", b"%PDF", b"\xd0\xcf\x11\xe0")


class TableError(ValueError):
    """The file as a whole is no table of readers, and nothing of it is to be written; the message says why."""


def csv_error(error: Exception, start: int, end: int) -> TableError:
    one, more = _("Line %(start)d is not CSV: %(error)s"), _("Line %(start)d to %(to)d is not CSV: %(error)s")
    return TableError((more if end > start else one) % {"start": start, "to": end, "error": error})


def encoding_of(path: Path) -> str:
    """The codec's name. Raises TableError where it is not certain: names would be garbled."""
    with path.open("rb") as file:
        first = file.read(SAMPLE)
    if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(FOREIGN_PREFIXES):
        raise TableError(_("This is no table of readers. Posts move in under Settings, “Move in”."))
    if first[:2] in UTF16_BOMS:
        return "utf-16"
    if b"\0" in first:
        return _utf_16(path, first)
    return "utf-8-sig" if _decodes(path, "utf-8-sig") else _national(path, first)


def _utf_16(path: Path, first: bytes) -> str:
    """Byte order of UTF-16 without a mark, by where the zero bytes of ASCII characters stand."""
    encoding = "utf-16-le" if first[1::2].count(0) > first[::2].count(0) else "utf-16-be"
    if "@" not in first.decode(encoding, errors="ignore") or not _decodes(path, encoding):
        raise TableError(
            _("The file looks like UTF-16 and cannot be read as such. Save it as “CSV UTF-8” and try again.")
        )
    return encoding


def _national(path: Path, first: bytes) -> str:
    """The encoding that makes known column names, or else the most common characters."""
    sample = _sample(path)
    with path.open("rb") as file:
        is_western = not any(NOT_WESTERN.search(line) for line in iter(partial(file.readline, PIECE), b""))
    candidates = (WESTERN, *NATIONAL) if is_western else NATIONAL
    fitting = [encoding for encoding in candidates if _decodes(path, encoding)]
    scores = sorted(((_known_names(first, one), _commonness(sample, one), one) for one in fitting), reverse=True)
    names, commonness, encoding = scores[0] if scores else (0, 0.0, "")
    _names, other, _encoding = next((one for one in scores[1:] if one[0] == names), (0, 0.0, ""))
    if not names and (commonness < COMMONNESS_MIN.get(encoding, 1) or commonness - other < COMMONNESS_MARGIN):
        raise TableError(_("It is not certain how the file is encoded. Save it as “CSV UTF-8” and try again."))
    return encoding


def _sample(path: Path) -> bytes:
    with path.open("rb") as file:
        lines = (line for line in iter(partial(file.readline, PIECE), b"") if not line.isascii())
        return b"".join(islice(lines, 500))[:SAMPLE]


def _known_names(first: bytes, encoding: str) -> int:
    """Count column names beyond ASCII that are known, in this encoding."""
    line, delimiter, _lines = first_line(io.StringIO(first.decode(encoding, errors="replace"), newline=""))
    heading = next(csv.reader([line], delimiter=delimiter), [])
    return sum(column_key(name) in FIELD_OF for name in heading if not name.isascii())


def _commonness(octets: bytes, encoding: str) -> float:
    """Mean commonness of the characters: of two encodings that decode, the wrong one gives rare ones."""
    signs = [sign for sign in octets.decode(encoding, errors="ignore") if sign > "\x7f"]
    # Of rare characters most files here are Taiwan's.
    return sum(map(_is_common, signs)) / len(signs) + 0.6 * (encoding == "cp950") if signs else 0


def _is_common(sign: str) -> int:
    if HAN_SIGN.match(sign):
        levels = sum(low <= sign.encode(name, "ignore") < high for name, (low, high) in FIRST_LEVELS.items())
        return levels + 2 * (sign in COMMON_CHARACTERS)
    return 4 if KANA_SIGN.match(sign) or sign in WESTERN_QUOTES or (sign < "\u0250" and sign.isalpha()) else 0


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as file:
            while file.read(PIECE):
                pass
    except UnicodeDecodeError:
        return False
    return True


def first_line(file: TextIO) -> tuple[str, str, int]:
    """Return the first line, its delimiter and how many lines were read; Excel reads a line “sep=;” before it."""
    line = file.readline()
    if found := SEP_LINE.fullmatch(line):
        return file.readline(), found[1], 2
    return line, max(DELIMITERS, key=line.count), 1


@contextmanager
def open_table(
    path: Path, choices: Mapping[str, str] = NO_CHOICES, *, reason: str = "", skip_check: bool = False
) -> Iterator["Table"]:
    """Open a table, or with a `reason` a suppression list. skip_check: do not read it all first. Raises TableError."""
    encoding = encoding_of(path)
    with path.open("rb") as file:
        table = Table(file, encoding, choices, reason)
        if not skip_check:
            table.check()
        yield table


LINES_MAX = 50  # below the first one of a note; a longer one is a quotation mark that is not closed
FIELD_LINES_MAX = {"note": LINES_MAX, "name": 1, "first_name": 1, "last_name": 1}  # other fields have none
REFUSED_BECAUSE: Final = "refused_because"


class Table:
    """names: of the columns, made up if there is no heading. reason: default of a suppression list."""

    def __init__(
        self, file: BinaryIO, encoding: str, choices: Mapping[str, str] = NO_CHOICES, reason: str = ""
    ) -> None:
        self._file, self._text = file, io.TextIOWrapper(file, encoding, newline="")
        try:
            first, self._delimiter, self._lines_before = first_line(self._text)
            heading = next(csv.reader([first], delimiter=self._delimiter), [])
            self.columns = ColumnMapping.from_heading(heading, choices, reason)
        except (csv.Error, UnicodeDecodeError) as error:
            raise csv_error(error, 1, 1) from error
        except ColumnError as error:
            raise TableError(str(error)) from error
        self.encoding = ENCODING_NAMES.get(encoding, encoding)
        self.names = [name.strip() for name in heading]
        self._width, self._first = len(heading), list[str]()  # the first line, when it is a row already
        if "email" not in self.columns.positions:
            self._do_without_heading(heading, reason)
        self._parser = RowParser(self.columns, self._width)

    @property
    def has_heading(self) -> bool:
        return not self._first

    @property
    def format_text(self) -> str:
        return f"{self.encoding}, {DELIMITERS[self._delimiter]}"

    def bytes_read(self) -> int:
        return self._file.tell()

    def rows_and_cells(self, skipped: int = 0) -> Iterator[tuple[ReaderRow | InvalidRow, list[str]]]:
        """Yield each row with its cells as they stand in the file, but for the first ones. Blank lines are none."""
        for line, cells in islice(self._lines(), skipped, None):
            yield self._parser.read_row(line, cells), cells

    def samples(self, count: int) -> list[list[str]]:
        """The cells of the first rows; raise TableError where there is nothing at all."""
        samples = [cells for _line, cells in islice(self._lines(), count)]
        if not any(self.names) and not samples:
            raise TableError(_("There is nothing in the file."))
        return samples

    def check_columns(self) -> None:
        """Raise TableError for a heading without a column of addresses, or with an unknown one."""
        if "email" not in self.columns.positions:
            given = ", ".join(name[:40] for name in self.names[:6]) or _("nothing")
            raise TableError(_("The first line must name a column “email”; it has %s") % given)
        if self.columns.unknown:
            raise TableError(self.columns.question())

    def check(self) -> None:
        """Read all once. Raises TableError for invalid CSV, or a quotation mark that takes in the lines below it."""
        self.check_columns()
        lines_of = [LINES_MAX] * self._width
        for field, places in self.columns.positions.items():
            for place in set(places) - self.columns.note_columns.keys():
                lines_of[place] = FIELD_LINES_MAX.get(field, 0)
        for start, end, cells in self._records():
            if end > start and any(map(self._has_open_quote, cells, chain(lines_of, repeat(LINES_MAX)))):
                text = _(
                    "Line %(start)d: a quotation mark opens here and is closed in line %(end)d."
                    " Is one missing or too many?"
                )
                raise TableError(text % {"start": start, "end": end})
        self._text.seek(0)
        first_line(self._text)

    def refused_line(self, cells: Sequence[str], why: str) -> str:
        """A refused row for the file of those; one that is too long keeps all of its cells behind the reason."""
        given = [cells[place] if place < len(cells) else "" for place in self._kept_places()]
        return exporting.csv_line([*given, why, *cells[self._width :]])

    def refused_heading(self) -> str:
        return exporting.csv_line([*(self.names[place] for place in self._kept_places()), REFUSED_BECAUSE])

    def _kept_places(self) -> list[int]:
        return [place for place, name in enumerate(self.names) if column_key(name) != column_key(REFUSED_BECAUSE)]

    def _do_without_heading(self, cells: list[str], reason: str) -> None:
        """Take the first line as a row if it has an address: in its first cell, or anywhere in a suppression list."""
        email = next((place for place, cell in enumerate(cells) if "@" in cell and (reason or not place)), None)
        if email is not None:
            self._first = cells
            self.names = ["email" if place == email else f"column {place + 1}" for place in range(self._width)]
            self.columns = ColumnMapping.without_heading(email, self._width, reason)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        if self._first:
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
            raise csv_error(error, start, reader.line_num + before) from error

    def _has_open_quote(self, cell: str, most: int) -> bool:
        """A cell that seems to hold other rows: a quotation mark is open. most: lines allowed below its first."""
        below = cell.splitlines()[1:]
        is_row = any("@" in line and line.count(self._delimiter) >= self._width - 1 > 0 for line in below)
        is_address = most == 1 and any("@" in line for line in below)
        return is_row or is_address or len(below) > LINES_MAX or most < len([one for one in below if one.strip()])


BATCH = 1000  # rows in one transaction: with SQLite nobody else writes meanwhile

type WriteRows = Callable[[Rows, datetime, RejectCallback], Counter[str]]


@dataclass(frozen=True)
class Chunk:
    """The result of a batch. problems: refused lines with reasons; refused: as CSV; position: bytes read so far."""

    rows: int
    counts: Counter[str]
    problems: list[tuple[int, str]]
    refused: list[str]
    position: int
    is_last: bool


def chunks(table: Table, write: WriteRows, *, skipped: int = 0) -> Iterator[Callable[[datetime], Chunk]]:
    """Yield a function that writes the next batch. skipped: rows written by an earlier run."""
    rows, is_last = table.rows_and_cells(skipped), False
    while not is_last:
        some = list(islice(rows, BATCH))
        is_last = len(some) < BATCH
        yield partial(_write_chunk, table, write, some, is_last)


def _write_chunk(
    table: Table, write: WriteRows, rows: list[tuple[ReaderRow | InvalidRow, list[str]]], is_last: bool, now: datetime
) -> Chunk:
    problems: list[tuple[int, str]] = []
    counts = write([row for row, _cells in rows], now, lambda line, why: problems.append((line, why)))
    cells_of = {row.line: cells for row, cells in rows} if problems else {}
    refused = [table.refused_line(cells_of[line], why) for line, why in problems]
    return Chunk(len(rows), counts, problems, refused, table.bytes_read(), is_last)
