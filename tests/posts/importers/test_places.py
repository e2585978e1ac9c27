"""Links within a text lead to its headings here, whatever name another program gave them."""

import pytest

from newsletter.posts.importers.folder.shortcodes import as_markdown
from newsletter.posts.importers.html.converting import NOWHERE, converted, mended, with_places
from newsletter.posts.importers.html.tree import parse
from newsletter.posts.markdown.render import render


def ends(markdown):
    """Return what each link within the page leads to: the words of the heading."""
    root = parse(render(markdown))
    named = {node.attrs["id"]: node.text for node in root.walk() if node.attrs.get("id")}
    return [named.get(link.attrs["href"][1:]) for link in root.all("a") if link.attrs.get("href", "").startswith("#")]


@pytest.mark.parametrize(
    ("link", "heading"),
    [
        ("第一章-開始", "第一章 開始"),  # GitHub, Hugo
        ("第一章、開始！", "第一章、開始！"),  # Hexo
        ("%E7%AC%AC%E4%B8%80%E7%AB%A0", "第一章"),
        ("_1-安裝-node-js", "1. 安裝 Node.js"),  # VuePress
        ("What-s-New", "What's new?"),
        ("用-code-寫", "用 `code` 寫"),
        ("連結-甲", "[連結](https://e.org) **甲**"),
    ],
)
def test_a_link_finds_its_heading_by_letters_and_digits(link, heading):
    text, remarks = mended(f"- [去](#{link})\n\n## 另一\n\n## {heading}\n\n## 又一", {})

    assert remarks == ()
    assert ends(text) == [parse(render(f"## {heading}")).text.strip()]


def test_the_second_heading_of_the_same_words_has_a_number():
    text, _remarks = mended("[一](#甲) [二](#甲-1)\n\n## 甲\n\n## 乙\n\n## 甲", {})

    assert text.startswith("[一](#s1) [二](#s3)")


@pytest.mark.parametrize(
    "heading",
    [
        "## 標題 {#own}",
        "## 標題 {: #own .x}",
        "## 標題\n{: #own}",
        '<a name="own"></a>\n## 標題',
        '## <a id="own"></a>標題',
    ],
)
def test_a_name_that_was_given_by_hand_is_known(heading):
    text, remarks = as_markdown(f"[去](#own)\n\n## 別的\n\n{heading}\n\n文")

    assert ends(text) == ["標題"]
    assert not [remark for remark in remarks if remark.is_loss]


def test_a_link_that_leads_nowhere_is_named():
    text, remarks = mended('[甲](#nowhere) <a href="#top">上</a>\n\n## 題\n\n`[乙](#no)`\n\n```\n[丙](#no)\n```', {})

    assert text.startswith("[甲](#nowhere)")
    assert [(one.what, one.detail, one.is_loss) for one in remarks] == [(NOWHERE, "#nowhere", True)]


def test_notes_and_links_that_lead_here_stay():
    text = "[甲](#intro) 註[^1] [乙](/p/1#x)\n\n## Intro\n\n[^1]: 註"

    assert mended(text, {}) == (text, ())


def test_names_of_html_are_those_of_its_headings():
    made = with_places(
        converted(
            '<p><a href="#h-abc">甲</a> <a href="#ez-toc-1">乙</a> <a href="#p">丙</a></p><h2 id="h-abc">第一</h2>'
            '<h3><span id="ez-toc-1"></span>第二</h3><p id="p">段</p>'
        )
    )

    assert ends(made.markdown)[:2] == ["第一", "第二"]
    assert [(one.what, one.detail) for one in made.remarks] == [(NOWHERE, "#p")]
