"""The pictures beside links, and the icons: at addresses that never change what they show."""

import re
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from PIL import Image

from newsletter.posts.models import Image as Picture
from newsletter.publication.pictures import cards
from newsletter.publication.sharing import icon_version
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def no_font(monkeypatch, tmp_path):
    """The font of the house is broken, and the system has no other."""
    file = tmp_path / "broken.woff2"
    file.write_bytes(b"no font")
    monkeypatch.setattr(cards, "FONT", file)
    monkeypatch.setattr(cards, "OTHER_FONTS", ())
    forget = [known.cache_clear for known in (cards._font_files, cards._font, cards._font_index)]
    [clear() for clear in forget]
    yield file
    [clear() for clear in forget]


def tags(page):
    """Return what a page says to other sites, by name."""
    found = re.findall(r'<meta\s+(?:property|name)="([^"]+)"\s+content="([^"]*)"', page.text)
    return dict(found)


def path(address):
    return address.removeprefix("https://news.example.org")


def picture(response):
    return Image.open(BytesIO(b"".join(response.streaming_content)))


def test_a_post_a_sent_issue_and_every_other_page_have_a_card(client):
    post = make_post(words="leverage")
    issue = make_issue(post, number=7, sent_at=PUBLISHED_AT)

    for address in (post.get_absolute_url(), issue.get_absolute_url(), "/", "/issues/", "/subscribe/"):
        said = tags(client.get(address))
        card = client.get(path(said["og:image"]))

        assert said["og:image"] == said["twitter:image"]
        assert (said["og:image:width"], said["og:image:height"]) == ("1200", "630")
        assert said["og:image:alt"]
        assert said["twitter:card"] == "summary_large_image"
        assert card.headers["Content-Type"] == "image/png"
        assert "immutable" in card.headers["Cache-Control"]
        assert picture(card).size == (1200, 630)


def test_a_cover_is_shown_instead_of_a_card(client):
    cover = Picture.objects.create(digest="0123456789abcdef", name="a.png", alt="圖", width=1200, height=600)
    post = make_post(cover=cover)

    said = tags(client.get(post.get_absolute_url()))

    assert said["og:image"] == said["twitter:image"] == "https://news.example.org/media/0123456789abcdef/a.png"
    assert (said["og:image:width"], said["og:image:height"], said["og:image:alt"]) == ("1200", "600", "圖")


def test_a_card_is_drawn_once(client, media):
    address = make_post().preview_card_url
    first = picture(client.get(address)).tobytes()
    before = drawings(media)

    again = client.get(f"{address}?q=1")

    assert picture(again).tobytes() == first
    assert list(before) == [address.removeprefix("/")]
    assert drawings(media) == before


def test_without_a_font_the_icon_stands_in_for_the_picture_and_the_log_says_why(client, media, no_font, caplog):
    post, issue = make_post("沒畫過的題目"), make_issue(number=7, sent_at=PUBLISHED_AT)
    others = path(tags(client.get("/about/"))["og:image"])

    for address in (post.preview_card_url, issue.preview_card_url, others):
        response = client.get(address)
        icon = client.get(response.headers["Location"])

        assert response.status_code == 302
        assert "immutable" not in response.headers["Cache-Control"], "it is drawn once the font is back"
        assert (icon.status_code, icon.headers["Content-Type"]) == (200, "image/png")
    said = [(entry.levelname, entry.getMessage()) for entry in caplog.records]
    assert [level for level, _message in said] == ["ERROR"] * 3
    assert str(no_font) in said[0][1]
    assert list(media.glob("cards/**/*.*")) == [], "no half of a picture is left behind"


# --- Icons ---


@pytest.mark.parametrize(
    ("address", "content_type"),
    [
        ("/favicon.ico", "image/x-icon"),
        ("/icon.svg", "image/svg+xml"),
        ("/apple-touch-icon.png", "image/png"),
        ("/icon-192.png", "image/png"),
        ("/icon-512.png", "image/png"),
    ],
)
def test_an_icon_is_kept_for_ever_only_under_its_version(client, address, content_type):
    page = client.get("/").text
    version = re.search(r"/favicon\.ico\?v=(\w+)", page)[1]

    named, plain = client.get(address, {"v": version}), client.get(address)

    assert named.content == plain.content
    assert named.headers["Content-Type"] == content_type
    assert "immutable" in named.headers["Cache-Control"]
    assert "immutable" not in plain.headers["Cache-Control"]


def drawings(media):
    """Return the files of icons and cards with the times when they were drawn."""
    files = [file for folder in ("icons", "cards") for file in media.glob(f"{folder}/**/*") if file.is_file()]
    return {str(file.relative_to(media)): file.stat().st_mtime_ns for file in files}


def test_another_version_of_an_icon_leads_to_the_one_of_today(client):
    version = icon_version(make_publication())

    response = client.get("/icon-512.png?v=00000000&q=x")

    assert (response.status_code, response.headers["Location"]) == (302, f"/icon-512.png?v={version}")
    assert "immutable" not in response.headers["Cache-Control"]


def logo(publication):
    """Give a publication a green logo."""
    out = BytesIO()
    Image.new("RGB", (64, 64), "#00ff00").save(out, "PNG")
    publication.logo.save("0123456789abcdef/logo.png", ContentFile(out.getvalue()))


def pixel(response):
    """Return the colour in the middle of an icon."""
    return Image.open(BytesIO(response.content)).convert("RGB").getpixel((96, 96))


def test_a_logo_takes_the_place_of_the_envelope(client):
    logo(make_publication())

    assert pixel(client.get("/icon-192.png")) == (0, 255, 0)
    assert client.get("/icon.svg").status_code == 404
    assert "icon.svg" not in client.get("/").text


def test_every_page_leads_to_icons_and_feeds(client):
    page = client.get("/about/").text

    for address in ("/favicon.ico?v=", "/icon.svg?v=", "/apple-touch-icon.png?v="):
        assert f'href="{address}' in page
    for address in ("/feed.xml", "/feed.json"):
        assert f'href="{address}"' in page
