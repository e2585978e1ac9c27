"""Emoji by their names, as GitHub has them; links that open programs. Pure."""

import re

from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.markdown.sanitise import SCHEMES

_EMOJI = re.compile(r"(?<![A-Za-z0-9_:/]):(?P<name>[a-z+-][a-z0-9_+-]{0,30}):(?![A-Za-z0-9_:/])")
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
"""
_NAMES = _TABLE.split()
EMOJI = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with these signs as Markdown."""
    text = _EMOJI.sub(lambda found: _emoji(found, remarks), text) if ":" in text else text
    return _LINK.sub(lambda found: _linked(found, remarks), text) if "](" in text else text


def _emoji(found: re.Match[str], remarks: list[Remark]) -> str:
    if found["name"] in EMOJI:
        return EMOJI[found["name"]]
    remark = Remark("the name of an emoji stays as it was typed", found[0])
    remarks += [] if remark in remarks else [remark]
    return found[0]


def _linked(found: re.Match[str], remarks: list[Remark]) -> str:
    """No page here leads out of the web: a link into a program is its words."""
    if found["scheme"] in SCHEMES:
        return found[0]
    remarks.append(Remark("a link that opens a program is words", found["url"][:200]))
    return found["words"]
