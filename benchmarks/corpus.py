"""What becomes of a folder of real posts: marks left standing, lists lost, addresses too long, characters gone, time.

    uv run --dev python -m benchmarks.corpus [FOLDER] [--show 5] [--generated 5000 [--seed 0]]

FOLDER holds Markdown files, or JSON lists of objects with a `text` or `body`. A post loses by
    stars    `**` that readers see outside of code
    lists    a line that begins as a list item does, and is shown as text
    hrefs    a bare address whose link holds Chinese punctuation
    html     Han characters of the source that the page does not have (words, alternative texts, titles)
    text     the same for the text part of the mail
    losses   what the last comparison says of it, in any form: its author must know of it before it is sent
Of the generated posts (tests/support/typed.py) each sentence is known: `unnoticed` are those that a form lacks without
a word of the comparison.
"""

import argparse
import html
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import quantiles
from urllib.parse import unquote

from benchmarks.installation import installation
from newsletter.posts.text.missing_text import find_missing_text, visible_text
from tests.support.typed import random_post as typed_post
from tests.support.typed import visible

FORMS = ("page", "mail", "text part", "feed")
LOSSES = ("stars", "lists", "hrefs", "html", "text", "losses")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
NEVER_SHOWN = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
SAID = re.compile(r"\b(?:alt|title)=\"([^\"]*)\"")
ITEM = re.compile(r"^ {0,12}([-*+]|\d{1,2}[.)]) +(?=\S)([^\n]+)$", re.MULTILINE)
LINK = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>([^<]*)</a>')
PUNCTUATION = re.compile("[\u3001-\u3003\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]")
WIDE = "\u3000-\u303f\u4e00-\u9fff\uff01-\uff65"  # after which a line of text goes on without a break
FRONT_MATTER = re.compile(r"\A---[ ]*\n.*?^---[ ]*$\n?", re.DOTALL | re.MULTILINE)


def posts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and source of every post."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".md", ".markdown"}:
            yield path.name, FRONT_MATTER.sub("", path.read_text(errors="replace"))
        elif path.suffix == ".json":
            found = json.loads(path.read_text())
            for number, one in enumerate(found if isinstance(found, list) else []):
                if isinstance(one, dict) and isinstance(source := one.get("text", one.get("body")), str):
                    yield str(one.get("path", f"{path.name}:{number}")), source


def losses(source: str) -> dict[str, list[str]]:
    """Return what a post loses, by kind."""
    from newsletter.mail.plaintext import text_from_html
    from newsletter.posts.markdown import render
    from newsletter.posts.proofreading import masking
    from newsletter.posts.text import missing_text

    page = render.render(source)
    part = text_from_html(render.render_mail(source, base_url="https://news.example.org"))
    seen = html.unescape(re.sub("<[^>]*>", "", CODE.sub("", page)))
    output = missing_text.find_missing_text(source, missing_text.visible_text(page)) + missing_text.find_missing_text(
        source, part
    )
    source = NEVER_SHOWN.sub("", source)
    typed = masking.without_code(source)
    everything = html.unescape(re.sub("<[^>]*>", "", page) + " ".join(SAID.findall(page)))
    han = Counter(HAN.findall(masking.without_links(source) if "](" in source else source))
    return {
        "stars": [seen[max(0, m.start() - 12) : m.end() + 12] for m in re.finditer(r"\*\*", seen.replace("\\*", ""))],
        "lists": [m[0] for m in ITEM.finditer(typed) if _is_text(m, seen)],
        "hrefs": [m[1] for m in LINK.finditer(page) if PUNCTUATION.search(unquote(m[1])) and m[1] == m[2]],
        "html": [*(han - Counter(HAN.findall(everything)))],
        "text": [*(han - Counter(HAN.findall(part)))],
        "losses": [one.text for one in output],
    }


def _is_text(item: re.Match[str], seen: str) -> bool:
    """Return whether the line of a list stands with its mark among what readers see."""
    words = re.split(r"[*_`\[\]<~=\\!\x00]", item[2])[0].strip()[:12]
    mark = re.escape(f"{item[1]} {words}")
    return len(words) > 1 and re.search(rf"(?:^ *|(?<=[{WIDE}])){mark}", seen, re.MULTILINE) is not None


def generated(count: int, first: int, shown: int) -> None:
    """Print how many sentences of `count` posts made by chance are lost in a form, and how many of them unnoticed."""
    lost, unnoticed, sentences, marks = Counter[str](), Counter[str](), 0, 0
    for seed in range(first, first + count):
        source, typed = typed_post(Random(seed))
        sentences += len(typed)
        for form, words in zip(FORMS, _forms(source), strict=True):
            there = visible(words)
            missing = [sentence for sentence in typed if sentence not in there]
            lost[form] += len(missing)
            marks += "\x02" in words or "\x03" in words
            if missing and not find_missing_text(source, words):
                unnoticed[form] += len(missing)
                if unnoticed.total() <= shown:
                    print(f"         seed {seed}, {form}: {missing}")
    print(f"{count:,} generated posts, {sentences:,} sentences, {marks} times a mark of the renderer")
    for form in FORMS:
        print(f"{form:10} {lost[form]:6} sentences not shown, {unnoticed[form]:4} of them unnoticed")


def _forms(source: str) -> tuple[str, str, str, str]:
    """Return the words of page, mail, text part and feed."""
    from newsletter.mail.plaintext import text_from_html
    from newsletter.posts import syndication
    from newsletter.posts.markdown import render

    page, mail = render.render(source), render.render_mail(source, base_url="https://news.example.org")
    feed = syndication.html_for_feed(page, "https://news.example.org/p/1/")
    return visible_text(page), visible_text(mail), text_from_html(mail), visible_text(feed)


def milliseconds(source: str) -> float:
    from newsletter.posts.markdown import render

    begun = time.process_time()
    render.render(source)
    return (time.process_time() - begun) * 1000


def of_5000(sources: list[str]) -> list[float]:
    """Return the milliseconds that each post takes, cut or repeated to 5,000 characters."""
    long = [(source + "\n\n") * (5000 // max(len(source), 1) + 1) for source in sources]
    return [milliseconds(source[:5000]) for source in long if source.strip()]


def report(folder: Path, shown: int) -> None:
    """Print the shares that the corpus loses, with examples."""
    found = dict(posts(folder))
    lost = {name: losses(source) for name, source in found.items()}
    print(f"{len(found)} posts, {sum(len(HAN.findall(source)) for source in found.values()):,} Han characters")
    for kind in LOSSES:
        bad = {name: what[kind] for name, what in lost.items() if what[kind]}
        print(f"{kind:6} {len(bad):5} posts  {100 * len(bad) / max(len(found), 1):6.2f} %")
        for name, what in list(bad.items())[:shown]:
            print(f"         {name}: {' | '.join(what)[:160]!r}")
    times = of_5000(list(found.values()))
    cuts = quantiles(times, n=100) if len(times) > 1 else times * 99
    print(f"5,000 characters: median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, longest {max(times):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="none: only posts made by chance")
    parser.add_argument("--generated", type=int, default=0, help="posts made by chance, besides")
    parser.add_argument("--seed", type=int, default=0, help="of the first of them")
    parser.add_argument("--show", type=int, default=5, help="examples of each kind")
    options = parser.parse_args()
    with installation():
        if options.folder:
            report(options.folder, options.show)
        if options.generated:
            generated(options.generated, options.seed, options.show)


if __name__ == "__main__":
    main()
