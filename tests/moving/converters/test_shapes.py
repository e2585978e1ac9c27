"""Exports in the shape in which the programs write them, counted by a parser that is not ours."""

import json
import re
from contextlib import suppress

import html5lib
import pytest

from newsletter.moving.converters.detection import detected
from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.wordpress_html import as_html
from newsletter.posts.markdown.render import render
from tests.moving.converters.shapes import buttondown, folders, ghost, medium, substack, wordpress, wxr
from tests.moving.converters.support import TAIPEI, losses_of, post_of, posts, unnamed, zipped

# --- Substack ---


@pytest.mark.parametrize("name", substack.EXPORTS)
def test_an_export_of_substack_has_the_same_words_and_pictures_or_says_why_not(tmp_path, name):
    files = substack.EXPORTS[name]

    for post in posts(zipped(tmp_path / "s.zip", files)).values():
        assert unnamed(post) == ((), {})


def test_boxes_of_substack_that_are_only_data_are_written_out(tmp_path):
    post = posts(zipped(tmp_path / "s.zip", substack.EXPORTS["links"]))["201.links"]

    assert "> [窄一點的型別](https://other.substack.com/p/narrow)\n>\n> 這期談型別。\n>\n> 型別週報" in post.body
    assert "> [晶片法案](https://chips.example/p/act)\n>\n> 半導體的一大步…\n>\n> 晶片觀察" in post.body
    assert "> [推文的內容](https://twitter.com/a/status/1)\n>\n> 甲" in post.body
    assert "> [一支舞](https://www.tiktok.com/@a/video/1)\n>\n> 甲" in post.body
    assert "> [節目](https://open.spotify.com/episode/1)\n>\n> 甲" in post.body
    assert f"![失業率]({substack.S3}/chart.png)" in post.body
    assert "(https://demo.substack.com/api/v1/file/1.pdf)" in post.body
    assert "[讀者的一句話]" in post.body
    assert "[買票](https://tickets.example/x)" in post.body
    assert losses_of(post) == [
        "a box that is not known here is kept as a comment",
    ]


def test_an_essay_of_substack_has_its_notes_galleries_and_names(tmp_path):
    found = posts(zipped(tmp_path / "s.zip", substack.EXPORTS["essays"]))
    first, second = found["101.first"], found["102.second"]

    assert "**學會等待**[^1]。" in first.body
    assert "[^2]: 第二個註腳。\n\n    它有兩段。" in first.body
    assert "```latex\nE = mc^2\n```" in first.body
    assert "```\n床前明月光\n  疑是地上霜\n```" in first.body
    assert second.body.count("![兩束花](") == 2
    assert "感謝王小明的照片。" in second.body
    assert (losses_of(first), losses_of(second)) == ([], [])


# --- Medium ---


@pytest.mark.parametrize("name", medium.EXPORTS)
def test_stories_of_medium_have_the_same_words_and_pictures_or_say_why_not(tmp_path, name):
    files = medium.EXPORTS[name]
    found = posts(zipped(tmp_path / "m.zip", files))

    assert [unnamed(post) for post in found.values()] == [((), {})] * len(found)
    assert len(found) == len([name for name in files if name.startswith("posts/")])


def test_a_story_of_medium_is_written_as_its_author_would(tmp_path):
    essay, code, boxes = posts(zipped(tmp_path / "m.zip", medium.EXPORT)).values()

    assert "管理的第一課，是**學會等待**。" in essay.body
    assert "```python\ndef wait():\n    return 1\n```" in code.body
    assert "[gist.github.com/demo/0123456789abcdef](https://gist.github.com/demo/0123456789abcdef)" in code.body
    assert boxes.body.startswith(f"![]({medium.CDN}/2600/1*bg.jpeg)\n\n大圖上的字")
    assert "https://twitter.com/a/status/1" in boxes.body


def test_what_lies_beside_the_stories_of_medium_is_what_it_was(tmp_path):
    reply, notes, draft = posts(zipped(tmp_path / "m.zip", medium.BESIDE)).values()

    assert (reply.is_unlisted, notes.is_unlisted, draft.is_unlisted) == (True, False, False)
    assert (reply.date is None, draft.date) == (False, None)
    assert notes.body.startswith("第一句[^1]，第二句")
    assert "[^1]: 第一個註腳。" in notes.body
    assert [(one.what, one.detail) for one in notes.remarks if one.is_loss] == [
        ("what another site shows is a link", "https://medium.com/media/0123456789abcdef/href"),
        ("a link within the text leads nowhere here", "#b2"),
    ]


# --- Ghost ---


@pytest.mark.parametrize("name", ghost.EXPORTS)
def test_an_export_of_ghost_of_each_age_has_the_same_words_and_pictures_or_says_why_not(tmp_path, name):
    path = tmp_path / "ghost.json"
    path.write_text(json.dumps(ghost.EXPORTS[name]))

    found = posts(path)

    assert [unnamed(post) for post in found.values()] == [((), {})] * len(found)


def test_every_card_of_ghost_comes_along(tmp_path):
    path = tmp_path / "ghost.json"
    path.write_text(json.dumps(ghost.LEXICAL))

    post = posts(path)["post-1"]

    assert losses_of(post) == [
        "a file that is no picture stays at its old address",
        "the heading of a fold-out is its summary",
        "the small pictures of a bookmark stay away",
    ]
    assert found(render(post.body), "img") == 5


# --- Buttondown ---


@pytest.mark.parametrize("name", buttondown.EXPORTS)
def test_an_export_of_buttondown_has_what_is_in_it_and_names_what_is_not(tmp_path, name):
    plain, fancy, closed, draft = posts(zipped(tmp_path / "b.zip", buttondown.EXPORTS[name])).values()

    html = render(plain.body)
    counts = {"img": 1, "table": 1, "strong": 1, "pre": 1, "li[id^=fn]": 1, "script": 0, "audio": 0}
    assert {selector: found(html, selector) for selector in counts} == counts
    assert "[a.mp3](https://buttondown-attachments.example/a.mp3)" in plain.body
    assert "```html\n<script>x()</script>\n```" in plain.body
    assert "buttondown-editor-mode" not in plain.body + fancy.body
    assert losses_of(plain) == [
        "a field of Buttondown stays as it was typed",
        "a film or sound stays at its old address",
        "the script of an embed stays away",
    ]
    assert (closed.date, draft.date) == (None, None)
    assert [one.mailed is not None for one in (plain, fancy, closed, draft)] == [True, True, True, False]
    assert [unnamed(one) for one in (plain, fancy, closed, draft)] == [((), {})] * 4


# --- WordPress ---


@pytest.mark.parametrize("name", wxr.EXPORTS)
def test_an_export_of_wordpress_has_the_same_words_and_pictures_or_says_why_not(tmp_path, name):
    path = tmp_path / "blog.xml"
    path.write_text(wxr.EXPORTS[name])

    taken = [load for _name, load in detected(path, TAIPEI).posts()]
    made = []
    for load in taken:
        with suppress(Rejected):
            made.append(load())

    assert [unnamed(post)[0] for post in made] == [()] * len(made)
    assert [change for post in made for change in unnamed(post)[1].values() if change < 0] == []
    assert (len(taken), len(made)) == {"blocks": (5, 4), "classic": (2, 2), "jetpack": (1, 1)}[name]


@pytest.mark.parametrize(
    ("name", "title", "losses"),
    [
        (
            "blocks",
            "區塊",
            [
                "a film or sound stays at its old address",
                "the caption of its cover stays away",
                "what another site shows is a link",
            ],
        ),
        ("classic", "舊編輯器", []),
        ("jetpack", "外掛", ["a short code stays as it was typed"]),
    ],
)
def test_what_an_export_of_wordpress_loses_is_named(tmp_path, name, title, losses):
    path = tmp_path / "blog.xml"
    path.write_text(wxr.EXPORTS[name])

    post = next(post for name, post in posts_that_come(path) if post.title == title)

    assert losses_of(post) == losses
    assert len(re.findall(r"!\[", post.body)) == {"blocks": 2, "classic": 3, "jetpack": 3}[name]


def posts_that_come(path):
    for name, load in detected(path, TAIPEI).posts():
        with suppress(Rejected):
            yield name, load()


def test_what_plug_ins_of_wordpress_had_in_the_sentence_is_a_note_below_it():
    body = convert_html(as_html(wordpress.CLASSIC, "", [])).markdown

    assert "第二段[^1]，又一句[^2]。" in body
    assert "[^1]: 腳註的字\n\n[^2]: 另一個*腳註*" in body
    assert "```php\n<?php echo 1; ?>\n```" in body


# --- Folders ---


def found(html, name):
    """Return how many elements a short selector finds: a tag, a class, an attribute, one inside another."""
    tag, _dot, kind = name.rpartition(" ")[2].partition(".")
    tag, _bracket, attribute = tag.partition("[")
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    within = tree.iter(name.split(" ")[0]) if " " in name else [tree]
    key, _sign, start = attribute.rstrip("]").partition("^=")
    return sum(
        (not kind or kind in one.get("class", "").split()) and (not key or one.get(key, "").startswith(start or ""))
        for outer in within
        for one in outer.iter(tag)
        if not key or key in one.keys()  # noqa: SIM118 - an element has no other way to say it
    )


@pytest.mark.parametrize(("name", "typed", "counts", "losses"), folders.SHAPES)
def test_a_text_of_a_folder_has_what_is_in_it_and_names_what_is_not(name, typed, counts, losses):
    post = post_of(name, typed)

    html = render(post.body)
    assert {selector: found(html, selector) for selector in counts} == counts
    assert losses_of(post) == losses
    assert (post.title, post.date.date().isoformat()) == ("題", "2024-01-05")


def test_code_of_a_folder_stays_as_it_was_typed():
    post = post_of("a.md", folders.JEKYLL)

    assert "```\n{{ page.title }} {: .x} ^[no] $$x$$\n```" in post.body
    assert "{{ kept }}" in post.body
    assert "{{ page.title }}" in [remark.detail for remark in post.remarks]
    assert "{{ kept }}" not in [remark.detail for remark in post.remarks]


@pytest.mark.parametrize(
    "head",
    [
        '{"title": "題", "date": "2024-01-05", "tags": ["甲"]}\n',
        '+++\ntitle = "題"\ndate = 2024-01-05\n[taxonomies]\ntags = ["甲"]\n+++\n',
        "---yaml\ntitle: 題\ndate: 2024-01-05\ntags: [甲]\n---\n",
        "---\r\ntitle: 題\r\ndate: 2024-01-05\r\ntags: 甲\r\n---\r\n",
    ],
)
def test_front_matter_of_every_form_is_read(head):
    post = post_of("a.md", f"{head}內文")

    assert (post.title, post.tags, post.body) == ("題", ("甲",), "內文")
    assert post.date.date().isoformat() == "2024-01-05"


@pytest.mark.parametrize(
    "text", ['{"a": 1} 是內文', '{"a": 1}\n\n是內文', '"引言"開頭', "{% raw %}x{% endraw %}", ";;;"]
)
def test_a_text_that_begins_like_front_matter_is_text(text):
    post = post_of("a.md", text)

    assert (post.title, post.date) == ("a", None)
    assert post.body


@pytest.mark.parametrize("head", ['{"title": "題",\n', "+++\ntitle 題\n+++\n"])
def test_front_matter_that_cannot_be_read_is_refused_with_the_reason(head):
    with pytest.raises(Rejected, match=r"its front matter is no (JSON|TOML)"):
        post_of("a.md", f"{head}內文")


@pytest.mark.parametrize(
    ("name", "head"),
    [("content/posts/_index.md", ""), ("about.md", "layout: page\n"), ("source/about/index.md", "type: page\n")],
)
def test_a_page_of_the_site_is_a_post_that_no_list_shows(name, head):
    post = post_of(name, f"---\ntitle: 關於\ndate: 2024-01-05\n{head}---\n內文")

    assert (post.is_unlisted, post.is_web_only) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        "價錢 $5 與 $8",
        "C++和D++",
        "數字^[",
        "a^[b",
        "{name} 與 {a}",
        "用 <video> 標籤",
        "*[不是]* 縮寫",
        "集合 {1, 2, 3}",
        "花費 US$10~$20",
    ],
)
def test_words_that_only_look_like_marks_of_a_program_stay_and_are_not_named(text):
    post = post_of("a.md", text)

    assert (post.body, post.remarks) == (text, ())
