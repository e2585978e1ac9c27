"""The piece of a text that shows why it was found, cut at sentence ends, with the hits marked."""

import re
from dataclasses import dataclass

from newsletter.posts.folding import Folded, Term
from newsletter.posts.text import SENTENCE

LENGTH = 110  # characters
LEAD = 24  # of them before the first hit, when its sentence alone is longer


@dataclass(frozen=True)
class Piece:
    """Plain text, to be escaped by whoever shows it, and whether it was searched for."""

    text: str
    is_hit: bool = False


Span = tuple[int, int, int]


def marked(text: str, terms: list[Term]) -> list[Piece]:
    """Return all of `text` with its hits marked."""
    folded = Folded(text)
    return _pieces(folded.original, folded.spans(terms), 0, len(folded.original))


def snippet(text: str, terms: list[Term], *, length: int = LENGTH) -> list[Piece]:
    """Return the sentences around the hits: those in which most of the terms occur, else the first ones."""
    folded = Folded(text)
    spans = folded.spans(terms)
    sentences = _sentences(folded.original)
    if not sentences:
        return []
    best = max(range(len(sentences)), key=lambda i: (len(_terms_in(spans, *sentences[i])), -i))
    start, end = sentences[best]
    if end - start > length:
        return _window(folded.original, spans, (start, end), length)
    for following in sentences[best + 1 :]:
        if following[1] - start > length:
            break
        end = following[1]
    return _pieces(folded.original, spans, start, end)


def _sentences(text: str) -> list[tuple[int, int]]:
    found = []
    for match in SENTENCE.finditer(text):
        stripped = match[0].strip()
        if stripped:
            start = match.start() + match[0].index(stripped)
            found.append((start, start + len(stripped)))
    return found


def _terms_in(spans: list[Span], start: int, end: int) -> set[int]:
    return {number for from_, to, number in spans if from_ >= start and to <= end}


def _window(text: str, spans: list[Span], sentence: tuple[int, int], length: int) -> list[Piece]:
    """Cut a sentence that is too long on both sides of its first hit, at clauses if they are near."""
    start, end = sentence
    hit = next((from_ for from_, to, _number in spans if from_ >= start and to <= end), start)
    begin = start
    if hit - start > LEAD:
        clauses = [m.end() for m in re.finditer(r"[，、；：,;:\s]\s*", text[hit - LEAD : hit])]
        begin = hit - LEAD + (clauses[0] if clauses else 0)
    stop = min(end, begin + length)
    pieces = _pieces(text, spans, begin, stop)
    before = [Piece("…")] if begin > start else []
    after = [Piece("…")] if stop < end else []
    return before + pieces + after


def _pieces(text: str, spans: list[Span], start: int, end: int) -> list[Piece]:
    pieces, at = [], start
    for from_, to, _number in spans:
        if from_ < at or to > end:
            continue
        if from_ > at:
            pieces.append(Piece(_plain(text[at:from_])))
        pieces.append(Piece(text[from_:to], is_hit=True))
        at = to
    return [*pieces, Piece(_plain(text[at:end]))] if at < end else pieces


def _plain(text: str) -> str:
    return text.replace("\n", " ")
