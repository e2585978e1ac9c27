"""Every place where a mail gets a space between Chinese and Latin, to be read by eye.

    uv run --dev python -m benchmarks.spaces FOLDER [--around 14]

FOLDER holds Markdown files, or JSON lists of objects with a `text` or `body`. A line shows what stands on both sides of
a space that was put in, as ␣; equal ones are counted together. Prints the number of posts, places and lines at last.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from benchmarks.corpus import posts
from benchmarks.installation import installation

TAGS = re.compile(r"<[^>]*>")


def places(source: str, around: int) -> Iterator[str]:
    """Yield each place of the mail of `source` that got a space, with what stands around it."""
    from newsletter.mail.spacing import autospace_html
    from newsletter.posts.markdown import render
    from newsletter.publication.models import Publication

    names = Publication.objects.current().unspaced_names()
    html = render.render_mail(source, base_url="https://news.example.org")
    before, after = (re.split(r"\n+", unescape(TAGS.sub("", one))) for one in (html, autospace_html(html, names)))
    for old, new in zip(before, after, strict=True):
        if old != new:
            yield from _inserted(old, new, around)


def _inserted(old: str, new: str, around: int) -> Iterator[str]:
    position = 0
    for at, char in enumerate(new):
        if position < len(old) and char == old[position]:
            position += 1
        else:
            yield f"{new[max(at - around, 0) : at]}␣{new[at + 1 : at + 1 + around]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--around", type=int, default=14)
    options = parser.parse_args()
    found: Counter[str] = Counter()
    number = 0
    with installation():
        for _name, source in posts(options.folder):
            number += 1
            found.update(places(source, options.around))
    for place, times in sorted(found.items()):
        print(f"{times:5} {place}")
    print(f"{number} posts, {found.total()} places, {len(found)} lines")


if __name__ == "__main__":
    main()
