"""Galleries, shared blocks and blocks that WordPress's server filled."""

import pytest

from newsletter.moving.converters.converter import ConvertedPost
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.wordpress_html import Attachment, as_html, with_galleries
from newsletter.moving.counting import count_html
from tests.moving.converters.support import posts, unnamed
from tests.moving.converters.test_others import wxr

PICTURES = {
    "1": Attachment("https://e.org/a.jpg", "甲", "說明", post_id="9"),
    "2": Attachment("https://e.org/b.png", post_id="9"),
    "3": Attachment("https://e.org/c.pdf", post_id="9"),
}
TWO = '![甲](https://e.org/a.jpg "說明")\n\n![](https://e.org/b.png)'


def converted_from(text, number="9"):
    remarks = []
    body = convert_html(as_html(with_galleries(text, number, PICTURES, {"7": "<p>共用</p>"}), "", remarks))
    post = ConvertedPost(
        source="x", body=body.markdown, original_counts=count_html(text), remarks=(*remarks, *body.remarks)
    )
    return post.body, [one.what for one in post.remarks], unnamed(post)[0]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ('[gallery ids="1,2" columns="2"]', TWO),
        ("[gallery]", TWO),
        ("前\n\n[gallery link='file']\n\n後", f"前\n\n{TWO}\n\n後"),
        ('<!-- wp:block {"ref":7} /-->', "共用"),
        ("[youtube https://www.youtube.com/watch?v=dQw4w9WgXcQ&w=640]", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        (
            (
                '<!-- wp:gallery --><figure class="wp-block-gallery has-nested-images"><figure class="wp-block-image">'
                '<img src="a.jpg"/><figcaption>一</figcaption></figure><figure><a href="/b"><img '
                'src="b.jpg"/></a></figure><figcaption class="blocks-gallery-caption">全部</figcaption>'
                "</figure><!-- /wp:gallery -->"
            ),
            '![](a.jpg "一")\n\n[![](b.jpg)](/b)\n\n全部',
        ),
        (
            (
                '<!-- wp:file --><div class="wp-block-file"><a href="/r.pdf">年報</a><a href="/r.pdf" '
                'class="wp-block-file__button" download>Download</a></div><!-- /wp:file -->'
            ),
            "[年報](/r.pdf)",
        ),
    ],
)
def test_what_stood_there_by_number_or_by_block_comes_along(text, markdown):
    found, _remarks, unnamed = converted_from(text)

    assert (found, unnamed) == (markdown, ())


@pytest.mark.parametrize("text", ['[gallery ids="1,99"]', '[gallery ids="99"]'])
def test_a_gallery_with_pictures_that_are_not_in_the_export_stays_and_is_named(text):
    found, remarks, unnamed = converted_from(text)

    assert (found, remarks, unnamed) == (text, ["a short code stays as it was typed"], ())


@pytest.mark.parametrize("name", ["latest-posts", "block", "jetpack/subscriptions"])
def test_a_block_that_the_server_filled_is_named(name):
    _found, remarks, unnamed = converted_from(
        f'<!-- wp:paragraph --><p>前</p><!-- /wp:paragraph -->\n<!-- wp:{name} {{"ref":8}} /-->'
    )

    assert remarks == ["a box that is not known here is kept as a comment"]
    assert unnamed == ()


def test_a_gallery_of_the_export_finds_its_pictures(tmp_path):
    picture = {"number": 8, "kind": "attachment", "status": "inherit", "slug": "pic"}
    picture["meta"] = "<wp:post_parent>5</wp:post_parent><wp:attachment_url>https://e.org/a.png</wp:attachment_url>"

    found = posts(wxr(tmp_path / "w.xml", {"content": "[gallery]"}, picture))

    assert found["my-post"].body == '![](https://e.org/a.png "摘要")'
