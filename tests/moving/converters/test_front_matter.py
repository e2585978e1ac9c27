"""Front matter of other programs: dates in any form, pictures above the text, and a name for what has no place."""

import pytest

from newsletter.moving.converters.files import Rejected
from newsletter.moving.converters.markdown.front_matter import parse
from subscribers.importers.dates import parse_datetime
from tests.moving.converters.support import TAIPEI, post_of


def post(head, text="文"):
    return post_of("content/a.md", f"---\ntitle: 題\n{head}\n---\n{text}\n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-01-05", "2024-01-05T00:00:00+08:00"),
        ("2024-01-05 8:03", "2024-01-05T08:03:00+08:00"),
        ("2024-01-05 8:03 PM", "2024-01-05T20:03:00+08:00"),
        ("2024/1/5 12:03 a.m.", "2024-01-05T00:03:00+08:00"),
        ("2024-01-05 08:03:22 +0900", "2024-01-05T08:03:22+09:00"),
        ("2024-01-05 08:03:22 +09:00", "2024-01-05T08:03:22+09:00"),
        ("2024-01-05 08:03:22 Asia/Tokyo", "2024-01-05T08:03:22+09:00"),
        ("2024-01-05T08:03:22Z", "2024-01-05T08:03:22+00:00"),
        ("2024年1月5日", "2024-01-05T00:00:00+08:00"),
        ("2024 年 1 月 5 日 下午 8:03", "2024-01-05T20:03:00+08:00"),
        ("2024-01-05 08時03分", "2024-01-05T08:03:00+08:00"),
        ("January 5, 2024", "2024-01-05T00:00:00+08:00"),
        ("Jan 5 2024", "2024-01-05T00:00:00+08:00"),
        ("Friday, January 5th, 2024 at 8:03 PM", "2024-01-05T20:03:00+08:00"),
        ("Fri., Jan. 5, 2024, 8:03:22 pm", "2024-01-05T20:03:22+08:00"),
        ("5 January 2024 8:03", "2024-01-05T08:03:00+08:00"),
        ("Fri, 05 Jan 2024 08:03:00 +0900", "2024-01-05T08:03:00+09:00"),
        ("1704412980", "2024-01-05T00:03:00+00:00"),
        ("1704412980000", "2024-01-05T00:03:00+00:00"),
        ("20240105", "2024-01-05T00:00:00+08:00"),
    ],
)
def test_a_moment_is_read_in_many_forms(given, expected):
    assert parse_datetime(given, TAIPEI).isoformat() == expected


@pytest.mark.parametrize(
    "given",
    ["", "05/01/2024", "2024-13-01", "2024-01-05 25:00", "2024-01-05 08:03 CST", "2024-01-05 08:03 No/Where", "5"],
)
def test_what_may_be_several_moments_or_none_is_none(given):
    assert parse_datetime(given, TAIPEI) is None


@pytest.mark.parametrize(
    ("head", "cover", "alt"),
    [
        ("image:\n  path: /a.png\n  alt: 貓", "/a.png", "貓"),  # Chirpy
        ("header:\n  overlay_image: /a.png", "/a.png", ""),  # Minimal Mistakes
        ("images: [/a.png]", "/a.png", ""),  # Hugo
        ("resources:\n- name: featured-image\n  src: a.png", "a.png", ""),  # Hugo, LoveIt
        ("params:\n  cover:\n    image: a.png\n    alt: 貓", "a.png", "貓"),
        ("heroImage: ./a.png", "./a.png", ""),  # Astro
        ("top_img: false\ncover: /a.png", "/a.png", ""),  # Butterfly
        ("cover: true", "", ""),
    ],
)
def test_a_picture_above_the_text_is_found_where_each_theme_keeps_it(head, cover, alt):
    found = post(head)

    assert (found.cover, found.cover_alt, [remark for remark in found.remarks if remark.is_loss]) == (cover, alt, [])


def test_further_pictures_above_a_text_of_hexo_come_along():
    found = post("photos:\n  - /a.png\n  - /b.png\n  - /c d.png")

    assert (found.cover, found.body) == ("/a.png", "![](/b.png)\n\n![](/c%20d.png)\n\n文")
    assert [(one.what, one.detail) for one in found.remarks][:1] == [("stands above the text now", "/b.png, /c d.png")]


@pytest.mark.parametrize("head", ["photos: false", "photos: no", "photos: [no]"])
def test_photos_that_are_switched_off_are_no_pictures(head):
    found = post(head)

    assert (found.cover, found.body) == ("", "文")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("gallery:\n  - url: /a.png\n    alt: 貓", "gallery (url /a.png · alt 貓)"),
        ("a:\n  b:\n    c: 1", "a.b.c (1)"),
        ("header:\n  image: /a.png\n  teaser: /b.png", "another cover (/b.png)"),
        ("resources:\n- src: a.pdf\n  title: 檔", "resources (src a.pdf · title 檔)"),
        ("authors:\n- name: 甲\n  url: https://e.org", "authors (甲)"),
    ],
)
def test_what_has_no_place_is_named_however_deep_it_stands(head, said):
    assert [str(one) for one in post(head).remarks] == [f"has no place here: {said}"]


def test_obsidian_writes_tags_with_their_sign_and_dates_in_two_words():
    found = post('tags: ["#甲", "#乙/丙"]\ndate created: 2024-01-05T08:03:00+08:00')

    assert (found.tags, found.date.isoformat()) == (("甲", "乙/丙"), "2024-01-05T08:03:00+08:00")


def test_tags_and_authors_go_by_their_names():
    fields, _text = parse("---\ntags:\n- label: 甲\n  permalink: /a\nauthors:\n- name: 乙\n---\n文")

    assert fields == {"tags": ["甲"], "authors": ["乙"]}


@pytest.mark.parametrize(
    "head",
    [
        "---\ntitle: 題\ndate: 2024-01-05\npassword: null\ncover: ~\ndescription: Null\ntags: [null, 甲]\n---\n",
        '{"title": "題", "date": "2024-01-05", "password": null, "cover": null, "tags": [null, "甲"]}\n',
    ],
)
def test_what_is_nothing_is_no_word(head):
    post = post_of("a.md", f"{head}字")

    assert (post.title, post.cover, post.summary, post.tags) == ("題", "", "", ("甲",))
    assert (post.date is None, post.remarks) == (False, ())


def test_a_word_in_quotes_is_a_word():
    assert parse('---\ntitle: "null"\n---\n')[0] == {"title": "null"}


@pytest.mark.parametrize(
    ("name", "title", "address"),
    [
        ("content/posts/waiting/index.zh-tw.md", "waiting", "/zh-tw/posts/waiting"),
        ("content/posts/waiting.en.md", "waiting", "/en/posts/waiting"),
        ("content/posts/waiting/index.md", "waiting", "/posts/waiting"),
        ("content/posts/vue.js.md", "vue.js", "/posts/vue.js"),
    ],
)
def test_a_language_behind_the_name_of_a_file_is_no_part_of_it(name, title, address):
    found = post_of(name, "---\ndate: 2024-01-05\n---\n字")

    assert (found.title, found.addresses[0]) == (title, address)


def test_the_list_of_a_section_in_another_language_is_a_page():
    assert post_of("content/posts/_index.zh-tw.md", "字").is_unlisted


def bomb(depth):
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(9))}}}" for n in range(1, depth + 1)]
    return "\n".join(lines)


def test_an_alias_of_yaml_is_refused_before_it_is_followed():
    with pytest.raises(Rejected, match=r"^its front matter has an alias of YAML, which is refused$"):
        parse(f"---\n{bomb(3)}\n---\n文\n")
