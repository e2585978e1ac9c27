"""Exports of the years of Flash lose no word: old films, unescaped code, pictures of a site that nobody named."""

import re

import pytest

from newsletter.posts.markdown.render import render
from tests.moving.converters.shapes import flash
from tests.moving.converters.support import posts, unnamed, zipped

FILM = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def read(tmp_path, export, site=""):
    path = tmp_path / ("x.xml" if isinstance(export, str) else "x.zip")
    path.write_text(export) if isinstance(export, str) else zipped(path, export)
    return [*posts(path, site).values()]


@pytest.mark.parametrize("name", ["GHOST", "WORDPRESS", "MEDIUM"])
def test_no_word_of_the_years_of_flash_is_lost(tmp_path, name):
    for post in read(tmp_path, getattr(flash, name)):
        said = re.sub(r"<[^>]*>", "", render(post.body))

        assert unnamed(post) == ((), {})
        assert [words for words in ("之前的話。", "的話", "最後 words.", "之後的標題") if words not in said] == []
        assert (post.body.count("- 甲乙\n- 丙丁"), post.body.count("**粗體**")) == (1, 1)
        code = post.body.replace("\n\n", "\n")  # Medium's own code has no empty lines, only <br>
        assert f"```php\n{flash.CODE}\n```".replace("\n\n", "\n") in code
        assert f"\n\n{FILM}\n\n" in post.body
        assert {one.what for one in post.remarks if one.is_loss} == {"an object is kept as a comment"}


@pytest.mark.parametrize(
    ("site", "address"),
    [("", "__GHOST_URL__/content/images/2012/a.png"), ("https://b.tw/", "https://b.tw/content/images/2012/a.png")],
)
def test_a_picture_has_the_address_of_its_site_once_somebody_says_it(tmp_path, site, address):
    [post] = read(tmp_path, flash.GHOST, site)

    assert f"![圖]({address})" in post.body
