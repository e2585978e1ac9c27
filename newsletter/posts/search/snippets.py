"""Search snippets: whole sentences around the hits, with the hits marked."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from newsletter.mail.characters import nfc
from newsletter.posts.search.folding import FoldedText, QueryTerm
from newsletter.posts.text.prose import ENDS_SENTENCE, SENTENCE

SNIPPET_LENGTH = 110  # characters
LEAD_LENGTH = 24  # characters kept before the first hit when its sentence is longer than the snippet
CLAUSE = re.compile(r"[，、；：,;:\s]\s*")
PARAGRAPH_END = re.compile(r"(?<=[。！？」』）…])\s*\n\s*")
HALF_WORD = re.compile(r"[A-Za-z0-9\u00c0-\u024f]{1,30}\Z")  # the start of a Latin word that a cut would split


@dataclass(frozen=True)
class SnippetPart:
    """Plain text, not escaped."""

    text: str
    is_hit: bool = False


Span = tuple[int, int, int]  # start, end, number of the term


def mark_hits(text: str, terms: list[QueryTerm]) -> list[SnippetPart]:
    folded = FoldedText(text)
    return _pieces(folded.original, folded.spans(terms), 0, len(folded.original))


def snippet(
    text: str, terms: list[QueryTerm], *, title: str = "", summary: str = "", length: int = SNIPPET_LENGTH
) -> list[SnippetPart]:
    """The sentence with the most different terms, and those after it that fit. Skips lines equal to `title`.

    Without a hit: `summary`, else the first sentences.
    """
    text = nfc(text)
    spans = FoldedText(text).spans(terms)
    sentences = [one for one in _sentences(text) if text[slice(*one)] != title]
    sentence = _best_sentence(text, sentences, spans)
    if sentence is None and summary:
        return mark_hits(summary, terms)
    whole = (one for one in sentences if ENDS_SENTENCE.search(text, *one))
    sentence = sentence or next(whole, next(iter(sentences), None))
    if sentence is None:
        return []
    start, end = sentence
    if end - start > length:
        return _window(text, spans, sentence, length)
    following = (one[1] for one in sentences if one[0] >= end)
    end = max([end, *takewhile(lambda place: place - start <= length, following)])
    return _pieces(text, spans, start, end)


def _best_sentence(text: str, sentences: list[tuple[int, int]], spans: list[Span]) -> tuple[int, int] | None:
    """The first sentence with the most different terms, a whole one before headings and list items; None without."""
    found, most = None, (0, False)
    for start, end in sentences:
        numbers = {number for _from, _to, number in _within(spans, start, end)}
        weight = (len(numbers), bool(numbers) and ENDS_SENTENCE.search(text, start, end) is not None)
        if weight > most:
            found, most = (start, end), weight
    return found


def _within(spans: list[Span], start: int, end: int) -> Iterator[Span]:
    return takewhile(lambda one: one[1] <= end, spans[bisect_left(spans, (start,)) :])


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    for match in SENTENCE.finditer(text):
        if stripped := match[0].strip():
            begin = match.start() + match[0].index(stripped)
            yield begin, begin + len(stripped)


def _window(text: str, spans: list[Span], sentence: tuple[int, int], length: int) -> list[SnippetPart]:
    """Cut a long sentence around its first hit, at clauses if they are near."""
    start, end = sentence
    hit = next(_within(spans, start, end), (start, start, 0))
    begin = start
    if hit[0] - start > LEAD_LENGTH:
        clauses = [found.end() for found in CLAUSE.finditer(text[hit[0] - LEAD_LENGTH : hit[0]])]
        begin = hit[0] - LEAD_LENGTH + clauses[0] if clauses else _between_words(text, hit[0] - LEAD_LENGTH)
    stop = min(end, begin + length)
    stop = stop if stop == end else max(_between_words(text, stop), hit[1])
    before, after = ([SnippetPart("…")] if is_cut else [] for is_cut in (begin > start, stop < end))
    return before + _pieces(text, spans, begin, stop) + after


def _between_words(text: str, position: int) -> int:
    """Move a position inside a Latin word to the word's start."""
    half = HALF_WORD.search(text[max(0, position - 30) : position]) if text[position : position + 1].isalnum() else None
    return position - len(half[0]) if half else position


def _pieces(text: str, spans: list[Span], start: int, end: int) -> list[SnippetPart]:
    pieces, at = [], start
    for from_, to, _number in _within(spans, start, end):
        if from_ > at:
            pieces.append(SnippetPart(_plain(text[at:from_])))
        pieces.append(SnippetPart(text[from_:to], is_hit=True))
        at = to
    return [*pieces, SnippetPart(_plain(text[at:end]))] if at < end else pieces


def _plain(text: str) -> str:
    """On one line; paragraphs that end in Chinese need no space."""
    return PARAGRAPH_END.sub("", text).replace("\n", " ")
