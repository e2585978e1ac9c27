"""What a page's HTML becomes when its pictures have sizes."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.posts.models import Image
from newsletter.posts.responsive_images import with_sizes
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

SIZES = {"fallback": [640, 2000], "webp": [640, 1280, 2000], "avif": [640, 1280]}
DIGEST = "0123456789abcdef"
TAG = f'<img src="/media/{DIGEST}/a.jpg" alt="x" width="1280" height="720" loading="lazy">'


def an_image(**fields):
    return Image(
        **({"digest": DIGEST, "name": "a.jpg", "alt": "x", "width": 1280, "height": 720, "sizes": SIZES} | fields)
    )


def shown(html=TAG, **fields):
    image = an_image(**fields)
    return with_sizes(html, {image.get_absolute_url(): image})


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


def test_only_forms_that_exist_are_named():
    html = shown(sizes={"fallback": [640], "avif": []})

    assert "<source" not in html
    assert "640w" in html


def test_a_picture_without_sizes_or_without_a_row_stays_as_it_is():
    assert shown(sizes={}) == TAG
    assert with_sizes(TAG, {}) == TAG


def test_a_small_picture_is_not_widened():
    assert 'sizes="300px"' in shown(width=300, sizes={"webp": [300]})


def test_width_and_height_are_set_where_they_are_missing():
    html = shown(f'<img alt="" src="/media/{DIGEST}/a.jpg">')

    assert html.count('width="1280" height="720"') == 1


@pytest.mark.parametrize(
    "html",
    [
        f'<code>&lt;img src="/media/{DIGEST}/a.jpg"&gt;</code>',
        f'<a href="/media/{DIGEST}/a.jpg" title="&lt;img src=&quot;/media/{DIGEST}/a.jpg&quot;&gt;">x</a>',
        '<img src="https://example.org/a.jpg" alt="">',
        f'<meta property="og:image" content="https://news.example.org/media/{DIGEST}/a.jpg">',
        f'<img src="/media/{DIGEST}/b.jpg" alt="">',
    ],
)
def test_what_is_no_picture_of_ours_is_left_alone(html):
    assert shown(html) == html


def test_a_text_with_angles_and_quotes_stays_whole():
    tag = f'<img class="cover" src="/media/{DIGEST}/a.jpg" alt="a > b &quot;c&quot; / <d>" width="2" height="1" />'

    html = shown(tag)

    assert 'alt="a > b &quot;c&quot; / <d>"' in html
    assert 'height="1" srcset' in html


def test_pictures_within_a_link_are_within_it_still():
    assert re.fullmatch(r'<a href="/x"><picture>.*</picture></a>', shown(f'<a href="/x">{TAG}</a>'))


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


@pytest.mark.parametrize("path", ["/issues/1/", "{post}", "/about/"])
def test_all_pictures_of_a_page_are_one_query(client, row, path):
    other = an_image(digest="f" * 16)
    other.save()
    posts = [make_post(body=f"{row.markdown}\n\n{other.markdown}\n\n{n}", cover=other) for n in range(3)]
    make_issue(*posts, number=1, introduction=row.markdown, sent_at=PUBLISHED_AT)
    make_publication(about=f"{row.markdown}\n\n{other.markdown}")
    address = path.format(post=posts[0].get_absolute_url())
    client.get(address)
    Image.objects.update(alt="moved on")

    with CaptureQueriesContext(connection) as context:
        page = client.get(address)

    assert page.text.count("<picture>") >= 2
    assert sum('"posts_image"."digest" IN' in query["sql"] for query in context) == 1


@pytest.mark.parametrize("path", ["/feed.xml", "/feed.json"])
def test_feeds_show_the_plain_picture(client, row, path):
    make_post(body=row.markdown)

    text = client.get(path).text

    assert f"/media/{DIGEST}/a.jpg" in text
    assert "webp" not in text
