"""What a page's HTML becomes when its pictures have sizes."""

import re

import pytest

from newsletter.posts.models import Image
from newsletter.posts.responsive_images import add_picture_sizes
from tests.factories import make_post, make_publication

SIZES = {"fallback": [640, 2000], "webp": [640, 1280, 2000], "avif": [640, 1280]}
DIGEST = "0123456789abcdef"
TAG = f'<img src="/media/{DIGEST}/a.jpg" alt="x" width="1280" height="720" loading="lazy">'


def an_image(**fields):
    return Image(
        **({"digest": DIGEST, "name": "a.jpg", "alt": "x", "width": 1280, "height": 720, "sizes": SIZES} | fields)
    )


def shown(html=TAG, **fields):
    image = an_image(**fields)
    return add_picture_sizes(html, {image.get_absolute_url(): image})


def test_the_best_form_comes_first_and_the_plain_picture_last():
    html = shown()

    assert re.findall(r'<source type="([^"]+)"', html) == ["image/avif", "image/webp"]
    assert html.startswith("<picture><source")
    assert html.endswith("></picture>")
    assert f'src="/media/{DIGEST}/a.jpg" alt="x" width="1280" height="720" loading="lazy" srcset=' in html


def test_each_form_names_its_sizes_and_how_wide_the_text_is():
    html = shown()

    base = f"/media/{DIGEST}/a"
    assert f'srcset="{base}-640.avif 640w, {base}-1280.avif 1280w" sizes="(min-width' in html
    assert f'srcset="{base}-640.webp 640w, {base}-1280.webp 1280w, {base}-2000.webp 2000w"' in html
    assert f'srcset="{base}-640.jpg 640w, {base}.jpg 1280w, {base}-2000.jpg 2000w"' in html


def test_a_picture_without_sizes_or_without_a_row_stays_as_it_is():
    assert shown(sizes={}) == TAG
    assert add_picture_sizes(TAG, {}) == TAG


def test_what_stands_just_behind_the_title_does_not_wait():
    near = shown(f"<h1>T</h1><p>short</p>{TAG}")
    far = shown(f"<h1>T</h1><p>{'long ' * 300}</p>{TAG}")

    assert 'loading="lazy"' not in near
    assert 'loading="lazy"' in far


@pytest.fixture
def row(db):
    make_publication()
    image = an_image(sizes={k: SIZES[k] for k in ("fallback", "webp")})
    image.save()
    return image


def test_a_form_that_arrives_later_is_on_the_page_at_once(client, row):
    post = make_post(body=row.markdown, cover=row)
    before = client.get(post.get_absolute_url()).text

    Image.objects.update(sizes=SIZES)
    after = client.get(post.get_absolute_url()).text

    assert before.count("<picture>") == after.count("<picture>") == 2
    assert (before.count("image/avif"), after.count("image/avif")) == (0, 2)


def test_the_cover_comes_first_and_the_rest_when_it_is_near(client, row):
    post = make_post(body="字" * 900 + f"\n\n{row.markdown}", cover=row)

    tags = re.findall(r"<img[^>]*/media/[^>]*>", client.get(post.get_absolute_url()).text)

    assert ['fetchpriority="high"' in tag for tag in tags] == [True, False]
    assert ['loading="lazy"' in tag for tag in tags] == [False, True]
    assert all('width="1280"' in tag and 'height="720"' in tag for tag in tags)


@pytest.mark.parametrize("path", ["/feed.xml", "/feed.json"])
def test_feeds_show_the_plain_picture(client, row, path):
    make_post(body=row.markdown)

    text = client.get(path).text

    assert f"/media/{DIGEST}/a.jpg" in text
    assert "webp" not in text
