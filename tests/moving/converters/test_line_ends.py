"""Where a program ends a line on its pages as the author did in the text, the post does too."""

import zipfile
from pathlib import Path

import pytest

from newsletter.moving.converters.detection import detected
from newsletter.moving.converters.markdown_folder import with_hard_breaks
from newsletter.posts.markdown.render import render
from tests.moving.converters.support import TAIPEI, laid_out, posts

TEXT = "---\ntitle: 題\ndate: 2024-01-05\n---\n第一行\n第二行\n"
HEXO = {"scaffolds/post.md": "", "source/_posts/a.md": TEXT}
JEKYLL = {"_posts/2024-01-05-a.md": TEXT}
HUGO = {"archetypes/default.md": "", "content/posts/a.md": TEXT}
OBSIDIAN = {"a.md": TEXT}


def pages(path: Path) -> list[str]:
    return [render(post.body).strip() for post in posts(path).values()]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("> 一\n> 二", "> 一\\\n> 二"),
        ("> [!NOTE] 題\n> 一\n> 二", "> [!NOTE] 題\n> 一\\\n> 二"),
        ("> ```\n> a\n> b\n> ```\n> 一\n> 二", "> ```\n> a\n> b\n> ```\n> 一\\\n> 二"),
        ("- 甲\n  續\n- 乙", "- 甲\\\n  續\n- 乙"),
        ("- 甲\n續\n\n後\n尾", "- 甲\\\n續\n\n後\\\n尾"),
        ("1. 一\n   二\n\n   三\n   四", "1. 一\\\n   二\n\n   三\\\n   四"),
        ("1. 一\n\t- 縮\n\t  行\n2. 二", "1. 一\n\t- 縮\\\n\t  行\n2. 二"),
        ("- [ ] 事\n- [x] 做", "- [ ] 事\n- [x] 做"),
        ("[^1]: 註\n    二", "[^1]: 註\\\n    二"),
        ("a | b\n--|--\n1 | 2\n\n一\n二", "a | b\n--|--\n1 | 2\n\n一\\\n二"),
        ("<div>\n字\n字\n</div>\n\n一\n二", "<div>\n字\n字\n</div>\n\n一\\\n二"),
        ("<!-- a\nb -->\n一\n二", "<!-- a\nb -->\n一\\\n二"),
        ("<pre>\n\na\nb\n</pre>\n一\n二", "<pre>\n\na\nb\n</pre>\n一\\\n二"),
        ("<img\n src=a\n alt=b>\n一\n二", "<img\n src=a\n alt=b>\n一\\\n二"),
        ("題\n===\n一\n二", "題\n===\n一\\\n二"),
        ("一\n***\n二", "一\n***\n二"),
        ("    a\n    b\n\n一\n二", "    a\n    b\n\n一\\\n二"),
        ("一<br>\n二", "一<br>\n二"),
        ("~~~\na\n```\nb\n~~~\n一\n二", "~~~\na\n```\nb\n~~~\n一\\\n二"),
    ],
)
def test_a_line_ends_within_quotes_items_and_notes_and_nowhere_else(typed, written):
    assert with_hard_breaks(typed) == written


@pytest.mark.exhaustive
def test_deep_quotes_and_long_texts_are_read_in_one_go():
    assert with_hard_breaks("> " * 500 + "一\n二").startswith("> > >")
    assert with_hard_breaks("- 甲\n  乙\n" * 20_000).count("\\\n") == 20_000


@pytest.mark.parametrize(
    ("files", "is_ended"),
    [
        (HEXO, True),
        (HEXO | {"_config.yml": "title: x\nmarked:\n  gfm: true\n  breaks: false\n"}, False),
        (HEXO | {"_config.yml": "marked:\n  breaks: true\n"}, True),
        (OBSIDIAN | {".obsidian/app.json": "{}"}, True),
        (OBSIDIAN | {".obsidian/app.json": '{"strictLineBreaks": true}'}, False),
        (JEKYLL | {"_config.yml": "title: x\n"}, False),
        (HUGO | {"hugo.toml": "title = 'x'\n"}, False),
        ({"docusaurus.config.js": "", "blog/a.md": TEXT}, False),
        ({"a.md": TEXT}, False),
    ],
)
def test_lines_end_where_the_program_was_told_that_they_do(tmp_path, files, is_ended):
    page = pages(laid_out(tmp_path, files))[0]

    assert page == ("<p>第一行<br>\n第二行</p>" if is_ended else "<p>第一行第二行</p>")


def test_settings_of_a_site_are_read_from_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "blog.zip", "w") as made:
        for name, text in HEXO.items():
            made.writestr(f"blog-main/{name}", text)

    assert pages(tmp_path / "blog.zip") == ["<p>第一行<br>\n第二行</p>"]


def test_a_folder_of_texts_within_no_site_is_its_own(tmp_path):
    laid_out(tmp_path, {"posts/a.md": TEXT})

    assert detected(tmp_path / "posts", TAIPEI).name == "Markdown"


def test_a_site_within_another_has_its_own_settings(tmp_path):
    laid_out(tmp_path, {"scaffolds/post.md": "", "docs/_config.yml": "title: x\n", "docs/_posts/2024-01-05-a.md": TEXT})

    assert detected(tmp_path / "docs", TAIPEI).name == "Jekyll"
    assert pages(tmp_path / "docs") == ["<p>第一行第二行</p>"]
