"""How a post is set on page and letter: torn lines, lone characters, spread Latin, wide quotes, a name that splits.

    uv run --dev python -m benchmarks.typography [POST...]

POST: Markdown files; none for the two posts of the sample that are full of Latin. Each is set at 375, 412 and 1280
pixels, in Noto and in a stack with a narrower Latin. A line's looseness is what justification added, as a share of the
line's own width. The exit status is 1 if anything is wrong.
    loose     lines looser than 6 %, and the loosest
    lone      paragraphs that end in one character
    spread    Latin letters or digits moved apart
    quotes    ’ and “ ” as wide as a Chinese character
    names     names of the publication on two lines
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

from django.core.management import call_command
from playwright.sync_api import Page, sync_playwright

from benchmarks.installation import ROOT, installation
from tests.support.browser import ARGUMENTS, chromium

SAMPLE = [ROOT / f"newsletter/desk/demo_data/posts/{name}.md" for name in ("price-of-a-token", "borrowed-words")]
WIDTHS = (375, 412, 1280)
NAME = "Gipi電子報"
NARROW = '"DejaVu Sans Condensed", "Noto Sans CJK TC"'
STACKS = {
    "Noto": "",
    "narrow": f"<style>:root:root{{--sans:Latin,{NARROW}}} .sheet *{{font-family:{NARROW} !important}}</style>",
}
KINDS = ("loose", "lone", "spread", "quotes", "names")
MEASURE = r"""
name => {
  const LATIN = /[A-Za-z0-9]/, found = { lines: 0, loosest: 0, loose: [], lone: [], spread: 0, quotes: 0, names: 0 };
  function* characters(block) {
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); )
      for (let at = 0; at < node.data.length; at++) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const box = [...range.getClientRects()].pop();
        const size = parseFloat(getComputedStyle(node.parentElement).fontSize);
        if (box?.width) yield { text: node.data[at], box, size };
      }
  }
  const setLines = (block) => {
    const lines = [];
    for (const one of characters(block)) {
      const last = lines.at(-1);
      if (last && !(one.box.left < last.at(-1).box.left && one.box.top > last.at(-1).box.top + 8)) last.push(one);
      else lines.push([one]);
    }
    return lines;
  };
  const width = (line) => Math.max(...line.map((one) => one.box.right)) - line[0].box.left;
  const words = (line) => line.map((one) => one.text).join("");
  for (const block of document.querySelectorAll(".prose :is(p, li, dd)")) {
    if (block.querySelector("p, ul, ol, img")) continue;
    const set = setLines(block);
    block.style.setProperty("text-align", "start", "important");
    const own = setLines(block);
    block.style.removeProperty("text-align");
    set.forEach((line, row) => {
      const looseness = width(line) / width(own[row]) - 1;
      found.lines++;
      found.loosest = Math.max(found.loosest, looseness);
      if (looseness > 0.06) found.loose.push(words(line));
      line.forEach((one, at) => {
        const isLatin = LATIN.test(one.text) && LATIN.test(line[at + 1]?.text ?? "");
        if (isLatin && Math.abs(one.box.width - own[row][at].box.width) > 0.3) found.spread++;
        if (/[’“”‘]/.test(one.text) && one.box.width > one.size * 0.7) found.quotes++;
      });
    });
    if (set.length > 1 && words(set.at(-1)).replace(/[\p{P}\s]/gu, "").length < 2) found.lone.push(words(set.at(-1)));
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); )
    for (let at = -1; (at = node.data.indexOf(name, at + 1)) >= 0; ) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + name.length);
      const boxes = [...range.getClientRects()];
      if (boxes.some((box) => box.top > boxes[0].bottom - 2)) found.names++;
    }
  return found;
}
"""


def typeset(path: Path) -> dict[str, str]:
    """Return the HTML of the page and of the letter of a post."""
    from django.test import Client

    from newsletter.delivery.letter.rendering import freeze_letter
    from newsletter.publication.stylesheet import STATIC_DIR
    from tests.factories import make_issue, make_post

    source = path.read_text()
    body = source.split("---\n", 2)[2] if source.startswith("---\n") else source
    post = make_post(path.stem, body=body)
    page = Client(headers={"host": "news.example.org"}).get(post.get_absolute_url(), secure=True).text
    script = (STATIC_DIR / "site.js").read_text()
    return {
        "page": page.replace("</body>", f"<script>{script}</script></body>"),
        "letter": freeze_letter(make_issue(post)).html,
    }


def row(post: str, kind: str, stack: str, width: int, found: dict[str, Any]) -> int:
    """Print what was found; return how many things are wrong."""
    counts = [len(found[one]) if isinstance(found[one], list) else found[one] for one in KINDS]
    head = f"{post[:20]:20} {kind:7} {stack:7} {width:5} {found['lines']:6} {found['loosest']:8.1%}"
    print(head, *(f"{count:6}" for count in counts))
    for line in [*found["loose"], *found["lone"]]:
        print(f"    {line}")
    return sum(counts)


def report(tab: Page, set_posts: dict[str, dict[str, str]], name: str) -> int:
    print(
        f"{'post':20} {'set as':7} {'fonts':7} {'px':>5} {'lines':>6} {'loosest':>8}", *(f"{one:>6}" for one in KINDS)
    )
    faults = 0
    for (post, kinds), (stack, style), width in product(set_posts.items(), STACKS.items(), WIDTHS):
        tab.set_viewport_size({"width": width, "height": 900})
        for kind, html in kinds.items():
            tab.goto("about:blank")  # a script runs once a document
            tab.set_content(html.replace("</head>", f"{style}</head>"))
            faults += row(post, kind, stack, width, tab.evaluate(MEASURE, name))
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("posts", type=Path, nargs="*", default=SAMPLE, metavar="POST")
    options = parser.parse_args()
    with installation():
        call_command("collectstatic", interactive=False, verbosity=0)
        set_posts = {path.stem: typeset(path) for path in options.posts}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            faults = report(browser.new_page(), set_posts, NAME)
            browser.close()
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
