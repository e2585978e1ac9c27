"""Posts that nobody wrote: sentences of Chinese and Latin among the marks, tags and leavings that texts have."""

from random import Random

HAN = "一乙二十丁七八九三上下大小中心日月水火木金土人口手目耳山石田力刀弓車門馬魚鳥"
LATIN = ("ship", "Draft7", "OKR", "review", "GPT4", "beta2", "plan", "Team")
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
    *("&", "&#", "<x-y>"),
)
MARKS = (
    *("*", "**", "_", "`", "``", "~~", "==", "[", "](", "](https://a.tw/)", "![", "\\", "\\*", "|", "<", ">", "$", "^"),
    ":",
)
ODD = ("\x02", "\x03", "\x0b", "\x00", "\u2028", "\ufeff", "klzzwxh:0001", "\x02klzzwxh:0000\x03", "\u200b")
OPENERS = (
    *("", "", "", "# ", "## ", "- ", "1. ", "> ", "> [!TIP]\n> ", "    ", "  - ", "[^1]: ", ": ", "| ", "```\n"),
    *("~~~\n", "<div>\n"),
)


def sentence(random: Random, number: int) -> str:
    """Return letters and digits that stand nowhere else: they begin with their own number."""
    return f"句{number}號" + "".join(random.choices(HAN, k=random.randint(2, 8))) + random.choice([*LATIN, "", ""])


def post(random: Random) -> tuple[str, list[str]]:
    """Return a post, and its sentences as letters and digits in a row."""
    sentences, blocks = [], []
    for _block in range(random.randint(1, 8)):
        pieces = [random.choice(OPENERS)]
        for _piece in range(random.randint(1, 4)):
            sentences.append(sentence(random, len(sentences)))
            pieces += [sentences[-1], *_between(random)]
        blocks.append("".join(pieces))
    return random.choice(["\n\n", "\n\n", "\n"]).join(blocks), sentences


def _between(random: Random) -> list[str]:
    kinds = [TAGS, MARKS, MARKS, ("，", "。", " ", "\n", "  \n")] + ([ODD] if random.random() < 0.1 else [])
    return [random.choice(random.choice(kinds)) for _each in range(random.randint(0, 3))]
