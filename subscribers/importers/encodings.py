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
