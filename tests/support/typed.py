"""Random posts: Chinese and Latin sentences among Markdown, HTML and garbage."""

import unicodedata
from collections.abc import Callable
from random import Random

HAN = "一乙二十丁七八九三上下大小中心日月水火木金土人口手目耳山石田力刀弓車門馬魚鳥"
LATIN = ("ship", "Draft7", "OKR", "review", "GPT4", "beta2", "plan", "Team")
ENDS = ("", "", "", "。", "？！", "……", "——", "🙂", "👩‍💻", "🇹🇼", "①", "％", "→", "𠮷", "ㄅ", "é", "가", "～")
TAGS = (  # no "-->": what a whole comment hides is hidden by its author
    *(
        "<textarea>",
        "</textarea>",
        "<title>",
        "</title>",
        "<style>",
        "<script>",
        "</script>",
        "<svg>",
        "<math>",
        "<!--",
    ),
    *("<b>", "</b>", "<div>", "</div>", "<div ", "<br>", "<code>", "<pre>", "</pre>", "<nav>", "<p", "<a href='"),
    *("<iframe>", "<iframe src='https://a.tw/'>", "</iframe>", "<table><tr><td>", "</table>", "<?x", "<!DOCTYPE html>"),
    *("<select><option>", "<details><summary>", "</details>", "<noscript>", "<template>", "<plaintext>", "<ruby>"),
    *("&", "&#", "<x-y>", "<![CDATA[", "]]>", "<br/", "<b", "</", "</p>", "<li>", "<tr>", "<td>", "<h2>", "</h3>"),
    *("<a href=https://a.tw>", "</a>", "<rt>", "</ruby>", "<img src=/a.png>", '<b class="', "<summary>", "<q>"),
)
MARKS = (
    *("*", "**", "_", "`", "``", "~~", "==", "[", "](", "](https://a.tw/)", "![", "\\", "\\*", "|", "<", ">", "$", "^"),
    *(":", "***", "__", "[^1]", "[^", "]", "){", "{", "}", "[[", "]]", "<<", "$$", "\\[", "\\<", "\\`", "```", "~~~"),
    *("](<", '](/a "', "][1]", "[1]: ", "[x]", "#", "+", "- ", "---", "=== ", "\\\\", "!", "[]", "()", "http://", "@"),
)
ENTITIES = (
    "&amp;",
    "&lt;",
    "&gt;b&lt;",
    "&#20013;",
    "&#x4e2d;",
    "&#0;",
    "&copy",
    "&nbsp;",
    "&bogus;",
    "&#x2;",
    "&quot;",
)
ODD = ("\x02", "\x03", "\x0b", "\x00", "\u2028", "\ufeff", "klzzwxh:0001", "\x02klzzwxh:0000\x03", "\u200b")
UNSEEN = ("\u200b", "\u200c", "\u200d", "\u2060", "\u200e", "\u202e", "\u2066", "\u2069", "\xad", "\ufe0f", "\xa0")
OPENERS = (
    *("", "", "", "# ", "## ", "- ", "1. ", "> ", "> [!TIP]\n> ", "    ", "  - ", "[^1]: ", ": ", "| ", "```\n"),
    *("~~~\n", "<div>\n", "\t", "* ", "+ ", "10) ", "- [ ] ", "###### ", "> > ", "- - ", "1. > ", "<details>\n", "<p>"),
)
PAIRS = (  # what stands around words, and what of Chinese stands beside it
    *(("**", "**"), ("*", "*"), ("__", "__"), ("_", "_"), ("~~", "~~"), ("==", "=="), ("***", "***"), ("`", "`")),
    *(
        ("**「", "」**"),
        ("「**", "**」"),
        ("**（", "）**"),
        ("*《", "》*"),
        ("**", "，**"),
        ("，**", "。**"),
        ("**“", "”**"),
    ),
    *(("<b>", "</b>"), ("<u>**", "**</u>"), ("<span title='", "'>乙</span>"), ("<kbd>", "</kbd>"), ("<a>", "</a>")),
    *(("[", "](https://a.tw/中_(b))"), ("[", "][r]"), ("[**", "**](/p/1/)"), ("![", "](/a.png)"), ("<!-- 藏 -->", "")),
    *(('[乙](https://a.tw "', '")'), ('![乙](/a.png "', '")'), ("[![", "](/a.png)](/b/)"), ('<img alt="', '">')),
    *(("<q>", "</q>"), ("<ruby>", "<rt>ㄅ</rt></ruby>"), ("<del>", "</del>"), ("（", "）"), ('"', '"'), ("^[", "]")),
)

type Sentence = Callable[[], str]
"""What types a sentence, and remembers that it did."""


class Seen(dict[int, int | None]):
    """A lazy table for str.translate that keeps visible characters."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        is_seen = char.isalnum() or (not char.isascii() and unicodedata.category(char)[0] in "PSM")
        self[code] = code if is_seen and char != "\ufe0f" else None
        return self[code]


SEEN = Seen()


def visible(text: str) -> str:
    """The visible characters of `text`, without whitespace and ASCII punctuation. An independent rule, not ours."""
    return unicodedata.normalize("NFC", text).translate(SEEN)


def random_sentence(random: Random, number: int) -> str:
    """A sentence that is unique by its number."""
    words = f"句{number}號" + "".join(random.choices(HAN, k=random.randint(2, 8))) + random.choice([*LATIN, "", ""])
    if random.random() < 0.05:
        place = random.randrange(len(words))
        words = words[:place] + random.choice(UNSEEN) + words[place:]
    return words + random.choice(ENDS)


def random_post(random: Random) -> tuple[str, list[str]]:
    """A post, and `visible` of each of its sentences."""
    sentences: list[str] = []

    def typed() -> str:
        sentences.append(random_sentence(random, len(sentences)))
        return sentences[-1]

    blocks = [random.choice(EVERY)(random, typed) for _block in range(random.randint(1, 8))]
    return random.choice(["\n\n", "\n\n", "\n"]).join(blocks), [visible(one) for one in sentences]


# --- Blocks ---


def _words(random: Random, typed: Sentence) -> str:
    """Sentences with anything between them."""
    pieces = []
    for _piece in range(random.randint(1, 4)):
        opening, closing = random.choice(PAIRS) if random.random() < 0.4 else ("", "")
        pieces += [opening, typed(), closing, *_between(random)]
    return "".join(pieces)


def _between(random: Random) -> list[str]:
    kinds = [TAGS, MARKS, MARKS, ENTITIES, ("，", "。", " ", "\n", "  \n", "\\\n")]
    kinds += [ODD] if random.random() < 0.1 else [UNSEEN] if random.random() < 0.1 else []
    return [random.choice(random.choice(kinds)) for _each in range(random.randint(0, 3))]


def _plain(random: Random, typed: Sentence) -> str:
    return random.choice(OPENERS) + _words(random, typed)


def _nested(random: Random, typed: Sentence) -> str:
    """Blocks inside quotes and lists inside each other."""
    inner = "\n".join(random.choice(BLOCKS)(random, typed) for _block in range(random.randint(1, 2)))
    first, rest = random.choice(
        [
            ("> ", "> "),
            ("- ", "  "),
            ("1. ", "   "),
            ("- ", "    "),
            ("> [!NOTE] ", "> "),
            ("    ", "    "),
            (": ", "  "),
        ]
    )
    return first + inner.replace("\n", f"\n{rest}")


def _table(random: Random, typed: Sentence) -> str:
    """A table, often one whose rows are longer or shorter than its head."""
    width = random.randint(1, 4)
    head = "|".join(["", *(typed() for _cell in range(width)), ""])
    rule = "|".join(["", *(random.choice(["---", ":-:", "--:"]) for _cell in range(width)), ""])
    rows = []
    for _row in range(random.randint(0, 3)):
        cells = [_cell(random, typed) for _each in range(max(1, width + random.choice([0, 0, 0, -1, 1, 2])))]
        rows.append("|".join([random.choice(["", "|"]) + cells[0], *cells[1:]]) + random.choice(["", "|"]))
    return "\n".join([head, rule, *rows])


def _cell(random: Random, typed: Sentence) -> str:
    return random.choice(["{}", " {} ", "`{}`", "**{}**", "\\|{}", "`a\\|{}`", "{}<br>", "[{}](/b)"]).replace(
        "{}", typed()
    )


def _fence(random: Random, typed: Sentence) -> str:
    """Code, sometimes never closed, or closed by another fence than it was opened by."""
    fence = random.choice(["```", "````", "~~~"])
    info = random.choice(["", "python", "js {1,3}", "html", 'text title="a"', "c++", "中文"])
    inside = "\n".join(random.choice(["", "    ", "# ", "<b>", "```", "> ", "\t"]) + typed() for _line in range(3))
    return f"{fence}{info}\n{inside}\n{random.choice([fence, fence, fence, '```', '~~~~', ''])}"


def _notes(random: Random, typed: Sentence) -> str:
    """A footnote, sometimes twice, never or before its mark, with lines of its own."""
    name = random.choice(["1", "2", "note", "甲", "a b"])
    more = random.choice(["", "\n    {}", "\n\n    {}", "\n{}", "\n    - {}"])
    mark, note = f"{{}}[^{name}]{{}}", f"[^{name}]: {{}}{more}"
    return _filled(random.choice([f"{mark}\n\n{note}", f"{note}\n\n{mark}", mark, note, f"{mark}\n{note}"]), typed)


def _filled(shape: str, typed: Sentence) -> str:
    """Return `shape` with a sentence at each place, typed in the order in which they stand."""
    pieces = shape.split("{}")
    return pieces[0] + "".join(f"{typed()}{piece}" for piece in pieces[1:])


def _html(random: Random, typed: Sentence) -> str:
    """A block of HTML, whole or not."""
    shapes = (
        "<div class='a'>\n\n{}\n\n</div>",
        "<details><summary>{}</summary>\n\n{}\n\n</details>",
        "<table><tr><td>{}</td><th>{}</th></tr></table>",
        "<p align=center>{}<br>{}",
        "<section>\n{}\n<blockquote>{}</section>",
        "<ul><li>{}<li>{}</ul>",
        "<dl><dt>{}<dd>{}</dl>",
        "<figure><img src='/a.png' alt='{}'><figcaption>{}</figcaption></figure>",
        "<form action='/x'>{}<input value='乙'><button>{}</button></form>",
        "<h2>{}\n\n{}</h2>",
        "<pre>{}\n\n{}</pre>",
        "{}<div>{}",
        "<div><div>{}</div>\n{}",
        "<a href='javascript:alert(1)' onclick=\"x('>')\">{}</a>{}",
        "<video controls><source src=/a.mp4>{}</video>{}",
        "<center><font color=red>{}</font>{}</center>",
    )
    return _filled(random.choice(shapes), typed)


def _references(random: Random, typed: Sentence) -> str:
    """Links whose addresses stand elsewhere, with and without titles."""
    definition = random.choice(["[r]: https://a.tw", '[r]: https://a.tw "{}"', "[r]: {}", "[r]: <{}>"])
    return _filled(f"[{{}}][r] {{}} [r] [{{}}]\n\n{definition}\n{{}}", typed)


def _under(random: Random, typed: Sentence) -> str:
    """What a line below makes a heading, a table or a rule."""
    return f"{_words(random, typed)}\n{random.choice(['===', '---', '***', '- - -', '|---|', ':---', '~~~~', '+++'])}"


def _long(random: Random, typed: Sentence) -> str:
    """A line that no person types: pasted from a program, without a break."""
    size = random.choice([20, 60, 200])
    return "".join(
        typed() + random.choice(["", "，", "**", " ", "`", "<b>", "[", "](/a)", "_"]) for _each in range(size)
    )


BLOCKS: tuple[Callable[[Random, Sentence], str], ...] = (
    *(_plain, _plain, _plain, _plain, _nested, _nested, _table, _fence, _notes, _html, _html, _references, _under),
)
EVERY: tuple[Callable[[Random, Sentence], str], ...] = (*BLOCKS, _long)
