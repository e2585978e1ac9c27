"""Exports of the years of Flash lose no word: old films, unescaped code, pictures of a site that nobody named."""

import re
import zipfile
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from newsletter.posts.importers.account import compared
from newsletter.posts.importers.detecting import detected
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.raw_words import missing
from newsletter.posts.markdown.render import render
from tests.posts.importers.shapes import flash

TAIPEI = ZoneInfo("Asia/Taipei")
FILM = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def posts(tmp_path, export, site=""):
    path = tmp_path / ("x.xml" if isinstance(export, str) else "x.zip")
    if isinstance(export, str):
        path.write_text(export)
    else:
        with zipfile.ZipFile(path, "w") as made:
            for name, text in export.items():
                made.writestr(name, text)
    return [read() for _name, read in detected(path, TAIPEI, site).articles()]


@pytest.mark.parametrize("name", ["GHOST", "WORDPRESS", "MEDIUM"])
def test_no_word_of_the_years_of_flash_is_lost(tmp_path, name):
    for post in posts(tmp_path, getattr(flash, name)):
        said = re.sub(r"<[^>]*>", "", render(post.body))

        assert missing(post.raw, post.body, post.remarks) == Counter()
        assert compared(post.before, shown(post.body), post.remarks) == ()
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
    [post] = posts(tmp_path, flash.GHOST, site)

    assert f"![圖]({address})" in post.body
