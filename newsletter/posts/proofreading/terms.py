"""Terms to replace: words of other regions than Taiwan, names in the wrong case."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

ARROW: Final = re.compile(r"\s*(?:→|⇒|->|=>)\s*")

WORDS: Final = (
    "人工智能→人工智慧 互聯網→網際網路 內存→記憶體 分布式→分散式 分佈式→分散式 操作系統→作業系統 文件夾→資料夾 "
    "服務器→伺服器 服務器端→伺服器端 源代碼→原始碼 激活→啟用 數據→資料 數據庫→資料庫 硬件→硬體 硬盤→硬碟 "
    "筆記本電腦→筆記型電腦 網絡→網路 緩存→快取 負載均衡→負載平衡 軟件→軟體 雲計算→雲端運算 鼠標→滑鼠 屏幕→螢幕 "
    "打印→列印 兼容→相容 帶寬→頻寬 默認值→預設值 字符串→字串 多線程→多執行緒 鏈接→連結 賬號→帳號 賬戶→帳戶 "
    "信息→資訊 博客→部落格 短信→簡訊 視頻→影片 音頻→音訊 點贊→按讚 反饋→回饋 渠道→管道 項目管理→專案管理 "
    "知識產權→智慧財產權 英偉達→輝達 谷歌→Google"
)
NAMES: Final = (
    "ChatGPT DeepSeek Django Docker Facebook GitHub GitLab iOS iPad iPhone JavaScript Kubernetes LinkedIn macOS MySQL "
    "NVIDIA OpenAI PostgreSQL PowerPoint TypeScript WordPress YouTube"
)
# Correct words that contain a wrong one; each is its own replacement.
KEPT: Final = (
    # Here 數據 means figures, as in Taiwan too.
    "大數據 數據機 數據中心 數據分析 測試數據 統計數據 實驗數據 數據顯示 數據化 數據指標 數據驅動 監控數據 "
    "流量數據 指標數據 效能數據 營運數據 銷售數據 財務數據 實測數據 觀測數據 量化數據 關鍵數據 數據說話 數據會說話 "
    # Parts of two words side by side
    "內存在 內存有 內存款 內存放 相信息 通信息息 信息素 打印度 打印尼 打印象 "
    "溝渠道 反饋贈 "
    # Ties between people, as in Taiwan too.
    "人脈網絡 社交網絡 人際網絡 人際關係網絡 支持網絡 "
)
AMBIGUOUS: Final = frozenset({"數據", "渠道", "激活", "網絡"})  # right in another sense: reported, not replaced
DEFAULT_TERMS: Final[Mapping[str, str]] = {
    **dict(pair.split("→") for pair in WORDS.split()),
    **{name.lower(): name for name in NAMES.split()},
    **{word: word for word in KEPT.split()},
}


@dataclass(frozen=True)
class TermHit:
    """A term in a text. replacement: may be the term itself."""

    start: int
    end: int
    replacement: str


def parse_terms(typed: str) -> dict[str, str]:
    """Parse one term a line: `數據 → 資料`; a word without a right side is its own replacement."""
    pairs = (ARROW.split(line.strip(), maxsplit=1) for line in typed.splitlines() if line.strip())
    return {_key(pair[0]): (pair[1] if len(pair) > 1 else "") or pair[0] for pair in pairs if pair[0]}


def find_terms(text: str, terms: Mapping[str, str]) -> Iterator[TermHit]:
    """Yield the terms in `text`, longest first at each position; Latin ones as whole words, ignoring case."""
    if not terms:
        return
    for match in _pattern(tuple(terms)).finditer(text):
        replacement = terms.get(match[0]) or terms[_key(match[0])]
        yield TermHit(match.start(), match.end(), replacement)


def _key(word: str) -> str:
    return word.lower() if word.isascii() else word


@lru_cache(maxsize=8)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(_term_pattern(word) for word in longest_first), re.IGNORECASE)


def _term_pattern(word: str) -> str:
    """Excludes parts of URLs, handles and compounds: github.com, @github, deepseek-chat."""
    left = r"(?<![A-Za-z0-9_./@#\\-])" if word[0].isascii() else ""
    right = r"(?![A-Za-z0-9_/]|[.-][A-Za-z0-9])" if word[-1].isascii() else ""
    return left + re.escape(word) + right
