"""What the cells of a row say of its reader's state, in the words of any program. Pure.

Where a program's own words were not at hand, after what the word means.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from django.utils.translation import gettext as _

from subscribers.importers.programs import NONE, Program
from subscribers.importers.times import NEVER, moment


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(", ".join(lines).split(", "))


STATES: Final = {
    "active": _words(
        ", active, subscribed, confirmed, enabled, regular, free, paid, premium, gift, gifted, comp, trial, trialed",
        "founding, author, deliverable, opted in",
        "訂閱, 訂閱中, 已訂閱, 有效, 正常, 订阅, 已订阅, 購読中, 登録済み, aktiv, angemeldet",
    ),
    "pending": _words(
        "pending, unconfirmed, unactivated, validating, not confirmed, needs attention, needs approval",
        "pending confirmation",
        "未確認, 待確認, 尚未確認, 未确认, unbestätigt",
    ),
    "paused": ("paused",),
    "unsubscribed": _words(
        "unsubscribed, inactive, disabled, cancelled, canceled, removed, archived, deleted, opted out, opt out",
        "not subscribed, non subscribed",
        "退訂, 已退訂, 取消訂閱, 已取消訂閱, 未訂閱, 停用, 退订, 已退订, 取消订阅, 配信停止, 解除, abgemeldet, inaktiv",
    ),
    "bounced": _words(
        "bounced, cleaned, invalid, hard bounce, hard bounced, undeliverable, unreachable",
        "退信, 已退信, 硬退信, 無效, 無效信箱",
    ),
    "complained": _words("complained, complaint, spam, abuse, spam complaint, marked as spam, 檢舉, 檢舉垃圾信"),
    "manual": _words("manual, suppressed, blocklisted, blacklisted, blocked, 黑名單, 封鎖"),
    "erased": ("erased",),
}
STATE_OF: Final = {word: state for state, words in STATES.items() for word in words}
YES: Final = frozenset({"true", "yes", "y", "t", "1", "on", "x", "是", "有", "已", "ja", "はい"})
NO: Final = frozenset({"false", "no", "n", "f", "0", "off", "否", "無", "未", "nein", "いいえ"})
GRAVITY: Final = ("active", "pending", "paused", "unsubscribed", "manual", "bounced", "complained", "erased")
MUST_NOT_BE_MAILED: Final = frozenset({"bounced", "complained", "manual", "erased"})

type Says = Callable[[str], str | None]  # from a cell that is not empty to a state, None if it says nothing of it


class RowError(ValueError):
    """One row cannot be read; the message says why."""


def gravest(one: str, other: str) -> str:
    """Return the one of two states that keeps more mail away."""
    return max(one, other, key=GRAVITY.index)


def words_of(program: Program = NONE) -> dict[str, Says]:
    """Return what a cell of each field says of the state; raise RowError for a word that nobody knows."""
    return {
        "state": partial(_known_state, program),
        "left_at": partial(_says_when, "unsubscribed"),
        "cleaned_at": partial(_says_when, "bounced"),
        "complained_at": partial(_says_when, "complained"),
        "wants_mail": partial(_leaves_if, False),
        "refuses_mail": partial(_leaves_if, True),
    }


def is_yes(word: str) -> bool | None:
    """Return whether a cell says yes, as a time does; None when it says nothing. Raise ValueError for anything else."""
    said = word.strip().casefold()
    if not said or said in YES | NO:
        return said in YES if said else None
    return moment(word.strip()) is not None


@lru_cache(maxsize=1024)  # the same cell stands in many rows
def _known_state(program: Program, word: str) -> str:
    key = " ".join(re.split(r"[\s_-]+", word.casefold())).strip()
    state = program.words.get(key) or STATE_OF.get(key)
    if state is None:
        raise RowError(_("has an unknown state %r") % word.casefold())
    return state


def _says_when(state: str, word: str) -> str | None:
    return None if word.startswith(NEVER) else state


@lru_cache(maxsize=1024)
def _leaves_if(answer: bool, word: str) -> str | None:
    """Return "unsubscribed" if a cell gives this answer."""
    try:
        return "unsubscribed" if is_yes(word) is answer else None
    except ValueError as error:
        raise RowError(_("has %r where only yes or no, or a time, says whether mail is wanted") % word) from error
