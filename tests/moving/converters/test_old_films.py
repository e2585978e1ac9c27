"""Films of the years of Flash, and elements without an end tag, swallow no word of what stands behind them."""

import re

import pytest

from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.markdown.marks import without_hidden_html
from newsletter.posts.markdown.render import render
from tests.moving.converters.shapes import flash
from tests.moving.converters.support import markdown, posts, unnamed, zipped

YOUTUBE = "https://www.youtube.com/v/dQw4w9WgXcQ"
OBJECT = (
    f'<object width="425" height="344"><param name="movie" value="{YOUTUBE}&amp;hl=en&amp;fs=1"></param>'
    f'<param name="allowFullScreen" value="true"><param name=allowscriptaccess value=always>'
    f'<embed src="{YOUTUBE}&hl=en&fs=1" type="application/x-shockwave-flash" width="425" height="344"></embed></object>'
)
BY_DATA = (
    f'<object type="application/x-shockwave-flash" data="{YOUTUBE}"><param name="movie" value="{YOUTUBE}" /></object>'
)
EMBED = '<embed src="//www.youtube.com/v/dQw4w9WgXcQ?fs=1" type="application/x-shockwave-flash">'
PLAYER = (
    '<object classid="clsid:d27cdb6e"><param name="movie" value="https://e.org/player.swf"><param name="quality" '
    'value="high"><embed src="https://e.org/player.swf" quality="high"></embed></object>'
)
FILM = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


@pytest.mark.parametrize("code", [OBJECT, BY_DATA, EMBED])
def test_an_old_film_of_youtube_is_a_film_and_what_stands_behind_it_stays(code):
    assert markdown(f"<p>前</p>{code}<p>後<b>粗</b></p><ul><li>項</li></ul>") == f"前\n\n{FILM}\n\n後**粗**\n\n- 項"


@pytest.mark.parametrize("code", [OBJECT, BY_DATA, EMBED])
def test_an_old_film_within_a_paragraph_is_a_film_and_its_neighbours_stay(code):
    assert markdown(f"<p>前{code}後</p><h2>題</h2>") == f"前\n\n{FILM}\n\n後\n\n## 題"


def test_an_old_film_of_vimeo_is_a_film():
    address = "http://vimeo.com/moogaloop.swf?clip_id=1084537&amp;server=vimeo.com"
    code = f'<object><param name="movie" value="{address}"><embed src="{address}"></object>'

    assert markdown(f"{code}<p>後</p>") == "https://vimeo.com/1084537\n\n後"


def test_a_player_that_nobody_knows_is_a_comment_and_the_words_behind_it_stay():
    made = convert_html(f"<p>前{PLAYER}後</p><p>再後</p>")

    assert [remark.what for remark in made.remarks] == ["an object is kept as a comment"]
    assert made.markdown.replace("\n", "").endswith("後再後")
    assert "player.swf" in made.markdown


def test_what_an_object_says_where_its_player_is_missing_is_seen_here():
    inner = '<p>看<a href="https://e.org/x">文字版</a></p><img src="x.png" alt="圖">'
    made = convert_html(f'<object data="x.swf">{inner}</object><p>後</p>')

    assert made.markdown.endswith("看[文字版](https://e.org/x)\n\n![圖](x.png)\n\n後")


@pytest.mark.parametrize("tag", ["param", "keygen", "basefont", "bgsound", "frame"])
def test_an_element_without_an_end_swallows_nothing(tag):
    html = f"<ul><li>甲<{tag} name=x>乙</li><li>丙</li></ul><p>丁<{tag}>戊</p>"

    assert markdown(html) == "- 甲乙\n- 丙\n\n丁戊"


def test_an_old_film_in_a_folder_of_markdown_is_a_film():
    text, remarks = without_hidden_html(f"前\n\n{OBJECT}\n\n後")

    assert text.split() == ["前", FILM, "後"]
    assert not [remark for remark in remarks if remark.is_loss]


def test_the_words_of_an_object_in_a_folder_of_markdown_are_seen():
    text, _remarks = without_hidden_html(f"前\n\n{PLAYER.replace('</object>', '<b>文字版</b></object>')}\n\n後")

    assert text.endswith("-->\n\n**文字版**\n\n\n\n後")


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
