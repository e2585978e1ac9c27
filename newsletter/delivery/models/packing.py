"""The copies of a batch as octets, and back: columns instead of rows, compressed. Pure.

Neighbours are alike: their readers' numbers follow each other, a window has one moment, and few words are said of many.
So a column holds differences, words stand once, and zlib takes the rest: about one octet a copy that was plainly sent.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Copy(NamedTuple):
    """One row of the ledger; its mailing and its batch are known to whoever keeps the octets."""

    seq: int
    subscriber_id: int | None
    state: int
    attempts: int
    sent_at: datetime | None
    provider_id: str
    reply: str


def pack(copies: Sequence[Copy]) -> bytes:
    """Return `copies`, in the order of their numbers, as octets."""
    words = list(dict.fromkeys(word for copy in copies for word in (copy.provider_id, copy.reply)))
    places = {word: place for place, word in enumerate(words)}
    columns = {
        "seq": _differences([copy.seq for copy in copies]),
        "subscriber": _differences([copy.subscriber_id for copy in copies]),
        "state": [copy.state for copy in copies],
        "attempts": [copy.attempts for copy in copies],
        "sent_at": _differences(_moments(copies)),
        "provider_id": [places[copy.provider_id] for copy in copies],
        "reply": [places[copy.reply] for copy in copies],
        "words": words,
    }
    return zlib.compress(json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode())


def unpack(octets: bytes) -> list[Copy]:
    """Return the copies that were packed."""
    columns = json.loads(zlib.decompress(octets))
    words = columns["words"]
    moments = {one: EPOCH + one * MICROSECOND for one in set(_sums(columns["sent_at"])) if one is not None}
    rows = zip(
        _sums(columns["seq"]),
        _sums(columns["subscriber"]),
        columns["state"],
        columns["attempts"],
        (None if one is None else moments[one] for one in _sums(columns["sent_at"])),
        (words[place] for place in columns["provider_id"]),
        (words[place] for place in columns["reply"]),
        strict=True,
    )
    return [Copy(*row) for row in rows]


def _moments(copies: Sequence[Copy]) -> list[int | None]:
    """Return the microseconds since EPOCH; few moments differ, and each is counted once."""
    known: dict[datetime | None, int | None] = {None: None}
    for at in {copy.sent_at for copy in copies if copy.sent_at}:
        known[at] = (at - EPOCH) // MICROSECOND
    return [known[copy.sent_at] for copy in copies]


def _differences(values: Iterable[int | None]) -> list[int | None]:
    """Return by how much each value differs from the last one that is there; None stays None."""
    found: list[int | None] = []
    last = 0
    for value in values:
        found.append(None if value is None else value - last)
        last = last if value is None else value
    return found


def _sums(differences: list[int | None]) -> list[int | None]:
    """Take back `_differences`."""
    sums = accumulate(0 if one is None else one for one in differences)
    return [None if one is None else value for one, value in zip(differences, sums, strict=True)]
