"""The rules of the format check, one function each; check.py runs them."""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from newsletter.posts.markdown import render, typed_tags
from newsletter.posts.proofreading import masking
from newsletter.posts.proofreading.terms import AMBIGUOUS, DEFAULT_TERMS, TermHit
from newsletter.posts.text.prose import HAN

PAIRS: Final = {"「": "」", "『": "』", "（": "）", "《": "》", "〈": "〉", "【": "】"}
OPENERS: Final = {closer: opener for opener, closer in PAIRS.items()}
QUOTATION_PARAGRAPHS: Final = 3  # that one pair of quotation marks may span


def unpaired_brackets(plain: str) -> list[int]:
    """Positions of unpaired brackets; a quotation may close some paragraphs later."""
    unpaired: list[tuple[int, int]] = []  # (paragraph, place)
    for number, match in enumerate(re.finditer(r"(?:.+\n?)+", plain)):
        unpaired += [(number, match.start() + place) for place in _unpaired(match[0])]
    unpaired.sort(key=lambda item: item[1])
    quotations = _split_quotations(plain, unpaired)
    return [place for _paragraph, place in unpaired if place not in quotations]


def _unpaired(paragraph: str) -> Iterator[int]:
    """Yield positions of brackets without a partner in the paragraph."""
    open_at: list[int] = []
    number_open: Counter[str] = Counter()
    for match in re.finditer(f"[{''.join(PAIRS) + ''.join(OPENERS)}]", paragraph):
        if match[0] in PAIRS:
            open_at.append(match.start())
            number_open[match[0]] += 1
            continue
        opener = OPENERS[match[0]]
        if number_open[opener]:
            while paragraph[at := open_at.pop()] != opener:
                yield at
                number_open[paragraph[at]] -= 1
            number_open[opener] -= 1
        elif not _is_number_or_smile(paragraph, match.start()):
            yield match.start()
    yield from open_at


def _is_number_or_smile(paragraph: str, position: int) -> bool:
    """Is a closing bracket part of `1）` or `：）`?"""
    before = paragraph[max(0, position - 12) : position].rpartition("\n")[2]
    return bool(re.search(r"(?:^|[\s，。；：、])(?:\d{1,2}|[a-zA-Z]|[一二三四五六七八九十]+)$|[:：;；^]$", before))


def _split_quotations(plain: str, unpaired: list[tuple[int, int]]) -> set[int]:
    """Positions of quotation marks that pair across some paragraphs: a speech opens once and closes at its end."""
    partners: set[int] = set()
    for one, other in pairwise(unpaired):
        is_near = other[0] - one[0] <= QUOTATION_PARAGRAPHS
        if is_near and PAIRS.get(plain[one[1]]) == plain[other[1]] and plain[other[1]] in "」』":
            partners |= {one[1], other[1]}
    return partners


FULL_WIDTH_SIGNS: Final = {",": "，", ";": "；", ":": "：", "!": "！", "?": "？", ".": "。"}
CLOSERS: Final = r"(?:\*\*|__|[」』）》”])*"  # between a word and its punctuation
PUNCTUATION: Final = re.compile(  # with the space after it, which full-width punctuation drops
    rf"(?<=[{HAN}」』）》*])([,;:!?]|\.(?!\.))(?:(?= *$|{CLOSERS}[{HAN}「『（《])| +(?={CLOSERS}[{HAN}「『（《]))",
    re.MULTILINE,
)
PARENTHESES: Final = re.compile(rf"(?<![\]\\])\((?=[^()\n{HAN}]*+[{HAN}])([^()\n]*+)\)")
ELLIPSIS: Final = re.compile(
    rf"(?<=[{HAN}」』）》，？！])(?:\.{{3,}}|。{{2,}}|(?<!…)…(?!…))|(?<![.\w/])\.{{3,}}(?=[{HAN}])"
)
NUMBERED: Final = re.compile(
    rf"^ {{0,3}}((\d{{1,2}})(?:[、．] *|\.(?=[{HAN}「『（《]|\*\*[{HAN}])))(?=\S)(?!的話)", re.MULTILINE
)
# An indented paragraph would join the item above. A definition ends a paragraph as an empty line does.
NEXT_PARAGRAPH: Final = re.compile(r"\n(?:(?:[ \t]*| {0,3}\[[^\]\n]+\]:[^\n]*)\n)+((?: {4}|\t)?)(?=.)", re.DOTALL)
LIST_ENDS: Final = re.compile(r"\n[ \t]*(?:\n|\d+\. |\[[^\]\n]+\]:)")
HAN_DIGITS: Final = "一二三四五六七八九十"
HAN_NUMBERED: Final = re.compile(
    rf"^ {{0,3}}(?:（([{HAN_DIGITS}]{{1,2}})）|([{HAN_DIGITS}]{{1,2}})、)(?=\S)", re.MULTILINE
)
BULLET: Final = re.compile(r"^ {0,3}([•●○◆◇■□▪・‧·])[ \u3000]*(?=[^\s•●○◆◇■□▪・‧·])", re.MULTILINE)
GLUED_HEADING: Final = re.compile(r"^ {0,3}#{2,6}(?=[^#\s!])", re.MULTILINE)
TITLE: Final = re.compile(r"^ {0,3}#[ \u3000]+\S.*$|^(?! *[-*>#])\S.*\n={3,} *$", re.MULTILINE)
OUTLINE: Final = re.compile(  # headings that can go down one level
    r"^ {0,3}(?:#(?=[ \u3000]+\S)|#{2,5}(?=[^#\s!]|[ \u3000]+\S))|^(?! *[-*>#|])\S[^\n|]*\n(?:={3,}|-{3,}) *$",
    re.MULTILINE,
)
EMPTY_LINK: Final = re.compile(
    r"(?<!!)\[[^\[\]\n]*\]\(\s*+(?:(?:#|<>)\s*+)?\)|(?<!!)\[\s*+\]\([^()\s]+\)|<a\b[^<>]*href=([\"'])#?\1"
)
REVERSED_LINK: Final = re.compile(r"(?<![\]!])\(([^()\[\]\n]+)\)\[(https?://[^\]\s]+)\]")
LINK_TEXT: Final = re.compile(r"(?<=\[)[^\[\]\n]+(?=\]\()")
HTTP: Final = re.compile(
    r"http://(?!localhost|127\.|10\.|192\.168\.|0\.0\.0\.0|\[?::1|[\w-]+(?:[:/]|\s|$)|[\w.-]+\.(?:local|test|internal)\b)"
    r"[\w-]+\.[^\s)>\"'\x00]+",
    re.ASCII,
)
NO_ALT: Final = re.compile(
    r"!\[\s*+\](?:\([^)\n]{0,2000}\)|\[[^\[\]\n]*\])|<img\b(?![^<>]*\balt\s*=\s*([\"'])(?!\1)[^<>]*)[^<>]*>",
    re.IGNORECASE,
)
NAMING_PHRASE: Final = re.compile(
    r"(?:[叫稱][做作為]|翻譯|(?<!編)譯[成為作])[「『“]?\Z"
)  # what follows is a word that is quotations about
NAMING_PHRASE_MAX: Final = 8  # characters
BORDER: Final = re.compile(rf"(?<=[{HAN}])( *)(?=([A-Za-z0-9]))|(?<=([A-Za-z0-9%+#]))( *)(?=[{HAN}])")
NO_BORDER: Final = re.compile(rf"[第年月日週]\d|\d+[年月日時分秒號期歲週%]|[{HAN}]\d+[{HAN}]")  # dates, and `第3頁`
BORDERS_MIN: Final = 5  # borders from which on a habit shows
HABIT_SHARE: Final = 0.7  # share of them with a space
STARS: Final = re.compile(r"(?<!\\)\*{2,3}")
TAG_MESSAGES: Final = {
    typed_tags.TagOutcome.TYPED: _(
        "Readers see this tag as typed: it has no partner, or is none that a text may have."
    ),
    typed_tags.TagOutcome.LEFT_OUT: _(
        "Readers do not get this, nor what is in it. Between backquotes they see it as typed."
    ),
    typed_tags.TagOutcome.LINK: _("Readers get a link instead; from YouTube and Vimeo alone, the site shows a film."),
}
# The most frequent characters that are written in one script alone, in the same order.
SIMPLIFIED: Final = "这个们来说时国会对发学过还见现从问开样经动两长点进么为关电话给让认业产实网应该选择软请谁读写词线"
TRADITIONAL: Final = "這個們來說時國會對發學過還見現從問開樣經動兩長點進麼為關電話給讓認業產實網應該選擇軟請誰讀寫詞線"
UNSEEN_HTML: Final = re.compile(r"<(pre|code)\b.*?</\1>|<[^>]*>", re.DOTALL)


@dataclass(frozen=True)
class ProofFinding:
    """A passage that a rule reports. replacement: only if it is safe to apply unseen."""

    start: int
    end: int
    rule: str
    text: str
    message: str | Promise
    replacement: str | None = None


@dataclass(frozen=True)
class MaskedSource:
    """A source and its masked variants, all of the same length."""

    source: str
    code_free: str
    link_free: str
    plain: str

    @classmethod
    def of(cls, source: str) -> "MaskedSource":
        code_free = masking.without_code(source)
        link_free = masking.without_links(masking.without_references(code_free))
        return cls(source, code_free, link_free, masking.without_urls(link_free))

    def finding(self, rule: str, span: tuple[int, int], message: str | Promise, fix: str | None = None) -> ProofFinding:
        return ProofFinding(*span, rule, self.source[slice(*span)], message, fix)


def _stars(text: MaskedSource) -> Iterator[ProofFinding]:
    """Compare with the rendering: no pattern can tell which asterisks the renderer uses."""
    if "**" not in text.plain:
        return
    rendered = render.render(text.source.replace("\\*", "\u2217"))
    literal = html.unescape(UNSEEN_HTML.sub(lambda m: masking.MASK if m[1] else "", rendered))
    after = [_signature(literal, m.end()) for m in STARS.finditer(literal)]
    for match in STARS.finditer(text.plain):
        if (signature := _signature(text.source, match.end())) in after:
            after.remove(signature)
            message = _("These asterisks stay as they are: one of the pair is missing.")
            yield text.finding("stars", match.span(), message)


def _signature(source: str, after: int) -> str:
    following = source[after : after + 200].partition("\n")[0]
    return re.sub(r"(?:\]\([^)]*\)|[*_`~=\[\]\x00\s\\])+", "", following)[:6]


def _brackets(text: MaskedSource) -> Iterator[ProofFinding]:
    for place in unpaired_brackets(text.plain):
        is_opener = text.plain[place] in PAIRS
        message = _("This opens and is not closed.") if is_opener else _("This closes what was not opened.")
        yield text.finding("brackets", (place, place + 1), message)


def _punctuation(text: MaskedSource) -> Iterator[ProofFinding]:
    message = _("Between Chinese, punctuation is full width.")
    for match in PUNCTUATION.finditer(text.plain):
        if re.search(rf"[{HAN}」』）》]{CLOSERS}$", text.plain[max(0, match.start() - 8) : match.start()]):
            is_between = match[0] == "." and text.plain[match.end() : match.end() + 1].strip()  # `顯示.設定`: a slash?
            yield text.finding("punctuation", match.span(), message, None if is_between else FULL_WIDTH_SIGNS[match[1]])
    for match in PARENTHESES.finditer(text.plain):
        is_link = text.plain.startswith("[", match.end())  # turned round
        if masking.MASK not in match[0] and not is_link and _touches_han(text.plain, *match.span()):
            yield text.finding("punctuation", match.span(), message, f"（{match[1].strip()}）")


def _touches_han(plain: str, start: int, end: int) -> bool:
    return bool(
        re.search(rf"[{HAN}] ?$", plain[max(0, start - 2) : start]) or re.match(rf" ?[{HAN}]", plain[end : end + 2])
    )


def _ellipsis(text: MaskedSource) -> Iterator[ProofFinding]:
    for match in ELLIPSIS.finditer(text.plain):
        yield text.finding("ellipsis", match.span(), _("In Chinese an ellipsis has six dots."), "……")


def _url(text: MaskedSource) -> Iterator[ProofFinding]:
    before, after = _("Put a space before the address."), _("The address ends here. If it goes on, copy it encoded.")
    for match in masking.BARE_URL.finditer(text.link_free):
        start, end = match.span()
        if text.link_free.startswith(")[", start - 2):  # a link that is turned round
            continue
        if re.match(f"[{HAN}]", text.link_free[start - 1 : start]):
            yield text.finding("url", (start, start), before, " ")
        if re.match(f"[{HAN}]", text.link_free[end : end + 1]):
            goes_on = match[0][-1] in "/=-_%&?+"
            yield text.finding("url", (end, end), after, None if goes_on else " ")


def _list(text: MaskedSource) -> Iterator[ProofFinding]:
    message = _("Write “1. ” with a space, and it becomes a list.")
    for run in _numbered_runs(text.plain):
        below = [NEXT_PARAGRAPH.search(text.source, match.end()) for match in run]
        if len(run) > 1 and not any(match and match[1] for match in below):
            for match in run:
                yield text.finding("list", match.span(1), message, f"{match[2]}. ")
    yield from _han_numbers(text)
    yield from _bullets(text)


def _numbered_runs(plain: str) -> Iterator[list[re.Match[str]]]:
    """Yield what would be one list: numbers in a row, with no paragraph, list or definition between them."""
    run: list[re.Match[str]] = []
    for match in NUMBERED.finditer(plain):
        between = plain[run[-1].end() : match.start()].rstrip() if run else ""
        if run and int(match[2]) == int(run[-1][2]) + 1 and not LIST_ENDS.search(between):
            run.append(match)
            continue
        yield run
        run = [match]
    yield run


def _han_numbers(text: MaskedSource) -> Iterator[ProofFinding]:
    """Report 二、 on the line below 一、: both are rendered as one line."""
    message = _("Readers get it in one line with the one above: put an empty line between them.")
    matches = list(HAN_NUMBERED.finditer(text.plain))
    for one, other in pairwise(matches):
        above = text.plain[one.start() : other.start()]
        numbers = [_number(match[1] or match[2]) for match in (one, other)]
        runs_on = above.count("\n") == 1 and not above.endswith(("  \n", "\\\n"))
        if runs_on and numbers[0] and numbers[1] == numbers[0] + 1:
            yield text.finding("list", other.span(), message, f"\n{other[0]}")


def _number(han: str) -> int:
    """The value of 一 to 十九, else 0."""
    is_known = len(han) == 1 or han.startswith("十")
    return sum(HAN_DIGITS.index(digit) + 1 for digit in han) if is_known else 0


def _bullets(text: MaskedSource) -> Iterator[ProofFinding]:
    """Report adjacent lines that begin with a bullet character: they are rendered as one line."""
    message = _("Write “- ” at its head, and it becomes a list.")
    matches = list(BULLET.finditer(text.plain))
    ends = [text.plain.find("\n", match.end()) + 1 for match in matches]
    follows = [end == match.start() for end, match in zip(ends, matches[1:], strict=False)]
    for match, is_after, is_before in zip(matches, [False, *follows], [*follows, False], strict=False):  # none if none
        if is_after or is_before:
            yield text.finding("list", match.span(), message, "- ")


def _heading(text: MaskedSource) -> Iterator[ProofFinding]:
    for match in GLUED_HEADING.finditer(text.plain):
        yield text.finding("heading", match.span(), _("Other programs want a space after the #."), f"{match[0]} ")


def _title(text: MaskedSource) -> Iterator[ProofFinding]:
    message = _("The title of the post is the only heading of the first level: begin with ##.")
    for match in TITLE.finditer(text.code_free):
        words = text.source[slice(*match.span())].strip()
        lower = f"#{words}" if words.startswith("#") else f"## {words.partition('\n')[0]}"
        yield text.finding("title", match.span(), message, lower)


def lower_headings(source: str) -> str:
    free = masking.without_code(source)
    if not TITLE.search(free):
        return source
    pieces, position = [], 0
    for match in OUTLINE.finditer(free):
        pieces += [source[position : match.start()], _lower(source[slice(*match.span())])]
        position = match.end()
    return "".join([*pieces, source[position:]])


def _lower(heading: str) -> str:
    """The start of a `#` heading, or a whole underlined one, one level lower."""
    if "\n" not in heading:
        return f"#{heading.lstrip(' ')}"
    words, line = heading.split("\n")
    return f"{'##' if line.startswith('=') else '###'} {words.strip()}"


def _link(text: MaskedSource) -> Iterator[ProofFinding]:
    for match in EMPTY_LINK.finditer(text.code_free):
        yield text.finding("link", match.span(), _("It has no address, or no words to click on."))
    for match in REVERSED_LINK.finditer(text.code_free):
        message = _("The brackets are the wrong way round: [words](address).")
        yield text.finding("link", match.span(), message, f"[{match[1]}]({match[2]})")


def _http(text: MaskedSource) -> Iterator[ProofFinding]:
    for match in HTTP.finditer(text.code_free):
        yield text.finding("http", match.span(), _("Try it with https://."))


def _alt(text: MaskedSource) -> Iterator[ProofFinding]:
    message = _("Describe the picture between the brackets: ![…].")
    for match in NO_ALT.finditer(text.code_free):
        yield text.finding("alt", match.span(), message)


def _spacing(text: MaskedSource) -> Iterator[ProofFinding]:
    """Report missing spaces if the author usually writes them, and double ones always."""
    titles = _link_texts(text)
    borders = [m for m in BORDER.finditer(text.plain) if not (_is_date(text.plain, m) or m.start() in titles)]
    for kind in (str.isdigit, str.isalpha):
        own = [match for match in borders if kind((match[2] or match[3])[0])]
        spaced = sum(bool(_gap(match)) for match in own)
        is_habit = spaced >= BORDERS_MIN and spaced >= HABIT_SHARE * len(own)
        for match in own:
            if not _gap(match) and is_habit:
                yield text.finding("spacing", match.span(), _("Elsewhere in this post a space stands here."), " ")
            elif len(_gap(match)) > 1 and not _is_in_table(text.plain, match.start()):
                yield text.finding("spacing", match.span(), _("One space is enough."), " ")


def _link_texts(text: MaskedSource) -> set[int]:
    """Positions inside link texts, which mostly quote titles."""
    return {place for match in LINK_TEXT.finditer(text.code_free) for place in range(*match.span())}


def _gap(border: re.Match[str]) -> str:
    return border[1] or border[4] or ""


def _is_date(plain: str, border: re.Match[str]) -> bool:
    start = max(0, border.start() - 6)
    dates = NO_BORDER.finditer(plain[start : border.end() + 6])
    return any(match.start() < border.start() - start < match.end() for match in dates)


def _is_in_table(plain: str, position: int) -> bool:
    return "|" in plain[plain.rfind("\n", 0, position) + 1 : (plain.find("\n", position) + 1 or len(plain))]


def _tags(text: MaskedSource) -> Iterator[ProofFinding]:
    """Report HTML that is shown as typed, dropped with its content, or replaced by a link."""
    for tag in typed_tags.ineffective_tags(text.code_free):
        if masking.AUTOLINK.match(text.code_free, tag.start):
            continue
        yield text.finding("tags", (tag.start, tag.end), TAG_MESSAGES[tag.outcome])


def wrong_terms(text: MaskedSource, found: list[TermHit]) -> Iterator[ProofFinding]:
    titles = _link_texts(text)
    simplified = _simplified_spans(text.plain) if found else []
    for hit in found:
        written, line = text.source[hit.start : hit.end], text.source.rfind("\n", 0, hit.start) + 1
        is_taiwanese = DEFAULT_TERMS.get(written) == hit.replacement and not hit.replacement.isascii()
        if is_taiwanese and any(start <= hit.start < end for start, end in simplified):
            continue
        if written == hit.replacement or (len(written) > 4 and written.isascii() and written.isupper()):
            continue
        is_quoted = hit.start in titles or text.source.startswith(">", line)
        is_named = NAMING_PHRASE.search(text.plain, max(0, hit.start - NAMING_PHRASE_MAX), hit.start)
        is_sure = not (is_quoted or is_named) and written not in AMBIGUOUS  # never change quotations
        fix = hit.replacement if is_sure else None
        message = format_lazy(_("Here one writes {right}."), right=hit.replacement)
        yield text.finding("terms", (hit.start, hit.end), message, fix)


def _simplified_spans(plain: str) -> list[tuple[int, int]]:
    """Spans of paragraphs in Simplified characters; one without a sign of either is as the whole text is."""
    is_simplified = _simplified_surplus(plain) > 0
    spans = []
    for match in re.finditer(r"(?:.+\n?)+", plain):
        surplus = _simplified_surplus(match[0])
        if surplus > 0 or (is_simplified and not surplus):
            spans.append(match.span())
    return spans


def _simplified_surplus(plain: str) -> int:
    """By how many the characters that only Simplified text has outnumber those that only Traditional text has."""
    return sum(map(plain.count, SIMPLIFIED)) - sum(map(plain.count, TRADITIONAL))


CHECKS: Final[dict[str, Callable[[MaskedSource], Iterator[ProofFinding]]]] = {
    "stars": _stars,
    "brackets": _brackets,
    "punctuation": _punctuation,
    "ellipsis": _ellipsis,
    "url": _url,
    "list": _list,
    "heading": _heading,
    "title": _title,
    "link": _link,
    "http": _http,
    "alt": _alt,
    "tags": _tags,
    "spacing": _spacing,
}
