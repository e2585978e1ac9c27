"""The piece of a text that shows why it was found, cut at sentence ends, with the hits marked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.mail.characters import nfc
from newsletter.posts.search.folding import CJK, Folded, Term, fold, hits
from newsletter.posts.text.measures import ENDS_SENTENCE, SENTENCE

LENGTH = 110  # characters
WORD_MAX = 30  # of a Latin word that is not cut
NOT_CJK = f"[^{CJK}\u3000-\u303f\uff00-\uffef]"
LEAD = 24  # of them before the first hit, when its sentence alone is longer


@dataclass(frozen=True)
class Piece:
    """Plain text, to be escaped by whoever shows it, and whether it was searched for."""

    text: str
    is_hit: bool = False


Span = tuple[int, int, int]


def marked(text: str, terms: list[Term]) -> list[Piece]:
    folded = Folded(text)
    return _pieces(folded.original, folded.spans(terms), 0, len(folded.original))


def snippet(
    text: str, terms: list[Term], *, folded: str | None = None, title: str = "", summary: str = "", length: int = LENGTH
) -> list[Piece]:
    """Return the sentences around the hits: those in which most of the terms occur.

    A line that repeats `title` tells nothing new. Where no other holds a hit, it is `summary`, or else how the prose
    begins. folded: what ends with `text` as `fold` has it. With it at hand only the lines that hold hits are folded.
    """
    text = nfc(text)
    sentence = _telling(text, fold(text) if folded is None else folded, terms, fold(title).strip())
    if sentence is None and summary:
        return marked(summary, terms)
    sentence = sentence or _beginning(text, title)
    if sentence is None:
        return []
    start, end = sentence
    if end - start > length:
        return _window(text, _spans(text, sentence, terms), sentence, length)
    for _start, following in _sentences(text, end):
        if following - start > length:
            break
        end = following
    return _pieces(text, _spans(text, (start, end), terms), start, end)


def _telling(text: str, folded: str, terms: list[Term], title: str) -> tuple[int, int] | None:
    """Return the first of the sentences in which most of the terms occur; None if no hit stands within one.

    title: folded. Of two with as many terms a whole sentence tells more than a heading or an item of a list.
    """
    found, most = None, (0, False)
    for (start, end), number in _weighed(text, folded, terms, title):
        weight = (number, bool(number) and ENDS_SENTENCE.search(text, start, end) is not None)
        if weight > most:
            found, most = (start, end), weight
        if most == (len(terms), True):  # the rest of the text is not read
            break
    return found


def _beginning(text: str, title: str) -> tuple[int, int] | None:
    """Return the first whole sentence; the first line that is not the title where there is none."""
    others = [one for one in _sentences(text, 0) if text[slice(*one)] != title] if title else list(_sentences(text, 0))
    whole = (one for one in others if ENDS_SENTENCE.search(text, *one))
    return next(whole, others[0] if others else None)


def _weighed(text: str, folded: str, terms: list[Term], title: str) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the sentences of the lines that hold hits, each with the number of terms that occur in it."""
    for line in _lines_with_hits(text, folded, terms, title):
        spans = _spans(text, line, terms)
        for start, end in _sentences(text, line[0]):
            if start >= line[1]:
                break
            yield (start, end), len({number for from_, to, number in spans if from_ >= start and to <= end})


def _lines_with_hits(text: str, folded: str, terms: list[Term], title: str) -> Iterator[tuple[int, int]]:
    """Yield where lines stand that hold hits, but the title; folding leaves the ends of lines where they are."""
    lines, start = text.split("\n"), 0
    pattern = hits(tuple(terms))
    for line, folded_line in zip(lines, folded.split("\n")[-len(lines) :], strict=True):
        if pattern.search(folded_line) and folded_line.strip() != title:
            yield start, start + len(line)
        start += len(line) + 1


def _sentences(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where sentences stand. start: the beginning of a line, or the end of a sentence."""
    for match in SENTENCE.finditer(text, start):
        stripped = match[0].strip()
        if stripped:
            begin = match.start() + match[0].index(stripped)
            yield begin, begin + len(stripped)


def _spans(text: str, part: tuple[int, int], terms: list[Term]) -> list[Span]:
    start, end = part
    return [(start + from_, start + to, number) for from_, to, number in Folded(text[start:end]).spans(terms)]


def _window(text: str, spans: list[Span], sentence: tuple[int, int], length: int) -> list[Piece]:
    """Cut a sentence that is too long on both sides of its first hit, at clauses if they are near."""
    start, end = sentence
    hit = next((from_ for from_, to, _number in spans if from_ >= start and to <= end), start)
    begin = start
    if hit - start > LEAD:
        clauses = [m.end() for m in re.finditer(r"[，、；：,;:\s]\s*", text[hit - LEAD : hit])]
        begin = hit - LEAD + clauses[0] if clauses else _word_begins(text, hit - LEAD, start)
    stop = min(end, begin + length)
    stop = stop if stop == end else max(_word_begins(text, stop, hit), spans[0][1] if spans else 0)
    pieces = _pieces(text, spans, begin, stop)
    before = [Piece("…")] if begin > start else []
    after = [Piece("…")] if stop < end else []
    return before + pieces + after


def _word_begins(text: str, position: int, least: int) -> int:
    """Return where the Latin word begins that `position` stands in, down to `least`; elsewhere `position`."""
    before = re.search(rf"(?:(?=\S){NOT_CJK}){{1,{WORD_MAX}}}\Z", text[max(least, position - WORD_MAX) : position])
    is_within = before and re.match(rf"(?=\S){NOT_CJK}", text[position:])
    return position - len(before[0]) if before and is_within else position


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
