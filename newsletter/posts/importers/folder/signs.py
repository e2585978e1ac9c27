"""Signs of other renderers: raised and lowered letters, what was added, emoji by their names, links of programs. Pure.

Sources: markdown-it's plug-ins, which Hexo and Ghost load (`x^2^`, `H~2~O`, `++added++`); GitHub's names of emoji,
which Hugo, Jekyll and Hexo know. Only the names that authors use most are here; what only looks like a name stays.
"""

import re

from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.markdown.sanitise import SCHEMES

_RAISED = re.compile(r"(?<=[A-Za-z0-9)])\^(?P<words>[A-Za-z0-9+-]{1,8})\^")
_LOWERED = re.compile(r"(?<=[A-Za-z)])~(?P<words>\d{1,3}[+-]?|[A-Za-z]{1,3})~(?!~)")  # 5~6~7 is from and to
_ADDED = re.compile(r"(?<![+\w])\+\+(?=[^\s+])(?P<words>[^+\n]{1,200})(?<=\S)\+\+(?![+\w])")
_EMOJI = re.compile(r"(?<![\w:/]):(?P<name>[a-z+-][a-z0-9_+-]{0,30}):(?![\w:/])")
_LINK = re.compile(
    r"(?<![!\\])\[(?P<words>[^\[\]\n]{1,300})\]\(<?(?P<url>(?P<scheme>[a-z][a-z0-9+.-]{1,20}):[^\s()<>]{1,500})>?\)"
)
_TABLE = """
smile 😄 smiley 😃 grin 😁 joy 😂 laughing 😆 sweat_smile 😅 wink 😉 blush 😊 heart_eyes 😍
thinking 🤔 cry 😢 sob 😭 scream 😱 sunglasses 😎 heart ❤️ broken_heart 💔 sparkles ✨ star ⭐
star2 🌟 fire 🔥 boom 💥 tada 🎉 confetti_ball 🎊 gift 🎁 rocket 🚀 bulb 💡 zap ⚡ warning ⚠️
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 clap 👏 pray 🙏 muscle 💪 wave 👋 point_right 👉
point_left 👈 point_up ☝️ point_down 👇 ok_hand 👌 raised_hands 🙌 white_check_mark ✅
heavy_check_mark ✔️ x ❌ exclamation ❗ question ❓ no_entry ⛔ memo 📝 pencil 📝 book 📖
books 📚 computer 💻 email 📧 link 🔗 lock 🔒 coffee ☕ beer 🍺 bug 🐛 cat 🐱 dog 🐶
earth_asia 🌏 construction 🚧
"""
_NAMES = _TABLE.split()
EMOJI = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with these signs as Markdown."""
    text = _RAISED.sub(r"<sup>\g<words></sup>", text) if "^" in text else text
    text = _LOWERED.sub(r"<sub>\g<words></sub>", text) if "~" in text else text
    text = _ADDED.sub(r"<ins>\g<words></ins>", text) if "++" in text else text
    text = _EMOJI.sub(lambda found: EMOJI.get(found["name"], found[0]), text) if ":" in text else text
    return _LINK.sub(lambda found: _linked(found, remarks), text) if "](" in text else text


def _linked(found: re.Match[str], remarks: list[Remark]) -> str:
    """No page here leads out of the web: a link into a program is its words."""
    if found["scheme"] in SCHEMES:
        return found[0]
    remarks.append(Remark("a link that opens a program is words", found["url"][:200]))
    return found["words"]
