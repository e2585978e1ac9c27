"""Which characters are Chinese: the classes that every module of the room reads text by."""

import re
from typing import Final

HAN: Final = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Ideographs with 々 and 〇, for use inside a regular expression's brackets."""

KANA: Final = "\u3040-\u30ff\u31f0-\u31ff"
BOPOMOFO: Final = "\u02c9\u02ca\u02c7\u02cb\u02d9\u3100-\u312f\u31a0-\u31bf"

PUNCTUATION: Final = "\u3001-\u3004\u3008-\u3020\u3030\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
"""CJK punctuation and full-width forms of ASCII punctuation."""

FULL_WIDTH: Final = "\u3000-\u303f\ufe30-\ufe4f\uff01-\uff65\uffe0-\uffe6"
"""All of CJK symbols and full-width forms, letters and digits too."""

WIDE: Final = HAN + KANA + BOPOMOFO + FULL_WIDTH
"""What is set without spaces: two of these never want one between them."""

SHARED: Final = "\u00b7\u2014\u2018\u2019\u201c\u201d\u2026\u2027"
"""Punctuation that Chinese shares with Latin (— … “ ”): wide only beside a wide character."""

HAN_CHARACTER: Final = re.compile(f"[{HAN}]")
LATIN_WORD: Final = re.compile(r"[A-Za-z0-9\u00c0-\u024f]+(?:['’.\-+#/&][A-Za-z0-9\u00c0-\u024f]+)*[+#]*")
