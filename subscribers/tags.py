"""A reader's tags, which stand in one column, separated by commas. Pure but for the condition that finds one."""

import re
from collections import Counter
from collections.abc import Iterable

from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Replace, StrIndex
from django.db.models.lookups import GreaterThan

SEPARATOR = re.compile("[,，、]")  # between tags; stored as a plain comma


def split_tags(text: str) -> list[str]:
    """Return the tags in what was typed or stored, in order, each once."""
    parts = (" ".join(part.split()) for part in SEPARATOR.split(text))
    return list(dict.fromkeys(filter(None, parts)))


def tally(texts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return how many readers have each tag, by name. texts: what stands in the column, and in how many rows."""
    counted: Counter[str] = Counter()
    for text, count in texts:
        counted.update(dict.fromkeys(split_tags(text), count))
    return dict(sorted(counted.items()))


def has_tag(tag: str) -> Q:
    """Return the condition for one whole tag: LIKE would not tell "ab" from "AB" in SQLite."""
    bare = Replace(Replace(F("tags"), Value(", "), Value(",")), Value(" ,"), Value(","))
    between = Concat(Value(","), bare, Value(","))
    return ~Q(tags="") & Q(GreaterThan(StrIndex(between, Value(f",{tag},")), 0))
