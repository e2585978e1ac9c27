"""A year to keep: its book and its page for a printer, as a reader gets them."""

import contextlib
import re
import shutil
import subprocess
import tracemalloc
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import pytest
from django.conf import settings
from django.utils import timezone
from PIL import Image as Drawing

from newsletter.issues.volumes import book
from newsletter.issues.volumes.book import YearContents
from newsletter.issues.volumes.views import DOWNLOADS_PER_WINDOW
from newsletter.posts.models import Image
from newsletter.publication.pictures.cards import Cover
from tests.factories import make_issue, make_post, make_publication
from tests.support.missing_parts import skip_missing
from tests.support.page_checks import assert_valid
from tests.support.pictures import prepared_once

pytestmark = pytest.mark.django_db
EPUBCHECK = Path("/usr/share/java/epubcheck.jar")  # Debian's
# It ends after some seconds: Java's second compiler and its threads for garbage would take as much as the check itself.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar")
SENT_AT = datetime(2026, 3, 5, tzinfo=UTC)
ODD = """前言：
- 第一
- 第二

![圖表](https://elsewhere.example/a.png) 與 [站內](/p/1/)、[這裡](#s1)、[別處](https://example.com/a[1]?q=2&r=3)、<me@example.org>。

## 小標 & 更多

| 名 | 值 |
|---|--:|
| 甲 | 1 |

- [x] 做了
- [ ] 還沒

腳註[^1]，`code <b>`，<kbd>Ctrl</kbd>，<ruby>漢<rt>ㄏㄢˋ</rt></ruby>，<time datetime="soon">不久</time>。

<details><summary>打開</summary>藏著</details>

<ol reversed type="x"><li value="3">三</li></ol>

<div id="s1" class="說明">同名</div><img src="/media/0123456789abcdef/lost.jpg" width="100%">

<table><thead><tr><th>甲</th></tr></thead><thead><tr><th>乙</th></tr></thead></table>

[路](https://elsewhere.example/guide#!#-a)、[六](http://[::1]/a)、[空](http://)、[壞](https://[x/)

https://www.youtube.com/watch?v=dQw4w9WgXcQ

```python
print("一行")
```

[^1]: 註。
"""


drawn_once = cache(Cover.png)  # a cover takes 0.3 s, and most books here have the same one


@pytest.fixture(autouse=True)
def _media(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(Cover, "png", drawn_once)
    make_publication(name="Gipi 電子報", author="Gipi", promise="每兩週一封信。")


def kept_picture(size=(900, 600), alt="一座橋") -> Image:
    file = BytesIO()
    Drawing.effect_noise(size, 60).convert("RGB").save(file, "JPEG", quality=80)
    return Image.objects.get_or_store(prepared_once(file.getvalue()), "bridge.jpg", alt)[0]


def opened(response) -> ZipFile:
    return ZipFile(BytesIO(b"".join(response.streaming_content)))


def read(volume: ZipFile, name: str) -> str:
    return volume.read(f"book/{name}").decode()


def test_a_year_is_a_book_whose_contents_lead_to_every_post(client):
    cover = kept_picture()
    first = make_post("談槓桿", body="見[另一篇](/p/{})。", cover=cover)
    second = make_post("談信任", body=f"先讀[槓桿](/p/{first.pk}-words/#s1)。")
    make_issue(first, number=7, subject="開春", introduction="大家好。", sent_at=SENT_AT)
    make_issue(second, first, number=8, subject="立夏", closing="下期見。", sent_at=SENT_AT)

    response = client.get("/issues/2026.epub")
    volume = opened(response)

    assert response["Content-Type"] == "application/epub+zip"
    assert response["Content-Disposition"] == 'attachment; filename="2026.epub"'
    assert volume.infolist()[0].filename == "mimetype"
    assert volume.infolist()[0].compress_type == ZIP_STORED
    assert volume.read("mimetype") == b"application/epub+zip"
    contents = read(volume, "contents.xhtml")
    assert re.findall(r'<li><a href="(issue[^"]+)">([^<]+)</a>', contents) == [
        ("issue-7.xhtml", "Issue 7: 開春"),
        (f"issue-7.xhtml#post-{first.pk}", "談槓桿"),
        ("issue-8.xhtml", "Issue 8: 立夏"),
        (f"issue-8.xhtml#post-{second.pk}", "談信任"),
        (f"issue-8.xhtml#post-{first.pk}", "談槓桿"),
    ]
    assert f'<a href="issue-7.xhtml#post-{first.pk}">槓桿</a>' in read(volume, "issue-8.xhtml")
    assert "It is in issue 7 already." in read(volume, "issue-8.xhtml")
    assert 'alt="一座橋"' in read(volume, "issue-7.xhtml")
    assert "下期見。" in read(volume, "issue-8.xhtml")


def test_the_sections_of_a_post_are_below_its_title_and_no_paragraph_ends_in_one_character(client):
    make_issue(make_post("談槓桿", body="## 一節\n\n把一段話寫得夠長，才看得出結尾。"), number=7, sent_at=SENT_AT)

    book = read(opened(client.get("/issues/2026.epub")), "issue-7.xhtml")
    printable = b"".join(client.get("/issues/2026/print/").streaming_content).decode()

    assert re.findall(r"<(h\d)[^>]*>([^<]+)<", book) == [("h1", "第 7 期"), ("h2", "談槓桿"), ("h3", "一節")]
    assert '<span class="kept">結尾。</span></p>' in book
    assert re.findall(r"<(h\d)[^>]*>(談槓桿|一節)<", printable) == [("h3", "談槓桿"), ("h4", "一節")]


def test_a_book_has_a_cover_of_its_own_which_old_devices_find_too(client):
    make_issue(make_post(), number=7, sent_at=SENT_AT)

    volume = opened(client.get("/issues/2026.epub"))

    assert Drawing.open(BytesIO(volume.read("book/cover.png"))).size == (1200, 1920)
    package = read(volume, "package.opf")
    [number] = re.findall(
        r'<item id="(p\d+)" href="cover.png" media-type="image/png" properties="cover-image"/>', package
    )
    assert f'<meta name="cover" content="{number}"/>' in package


def test_a_book_has_nothing_that_readers_may_not_see(client):
    draft, later = (
        make_post("草稿", published_at=None),
        make_post("明年", published_at=datetime(2099, 1, 1, tzinfo=UTC)),
    )
    make_issue(make_post("公開"), draft, later, number=7, sent_at=SENT_AT)
    make_issue(make_post("未寄的"), number=8)

    volume = opened(client.get("/issues/2026.epub"))

    assert [name for name in volume.namelist() if "issue" in name] == ["book/issue-7.xhtml"]
    assert "草稿" not in read(volume, "issue-7.xhtml")
    assert "明年" not in read(volume, "issue-7.xhtml")
    assert client.get("/issues/2025.epub").status_code == 404
    assert client.get("/issues/2025/print/").status_code == 404


@pytest.mark.parametrize("address", ["/issues/2026.epub", "/issues/2026/print/"])
def test_a_volume_is_made_once_and_anew_when_a_text_changes(client, address):
    post = make_post(body="從前。")
    make_issue(post, number=7, sent_at=SENT_AT)
    first = client.get(address)
    b"".join(first.streaming_content)
    files = list((settings.MEDIA_ROOT / "volumes").iterdir())
    made_at = files[0].stat().st_mtime_ns

    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    b"".join(client.get(address).streaming_content)
    assert again.status_code == 304
    assert files[0].stat().st_mtime_ns == made_at

    post.body = "現在。"
    post.save()
    changed = client.get(address, headers={"If-None-Match": first["ETag"]})

    assert changed.status_code == 200
    b"".join(changed.streaming_content)
    assert len(list((settings.MEDIA_ROOT / "volumes").iterdir())) == 1


def test_who_asks_for_too_many_is_told_when_to_come_back(client):
    make_issue(make_post(), number=7, sent_at=SENT_AT)
    for _ in range(DOWNLOADS_PER_WINDOW):
        b"".join(client.get("/issues/2026.epub").streaming_content)

    refused = client.get("/issues/2026.epub")

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


@pytest.mark.exhaustive
def test_no_more_than_an_issue_is_in_memory(tmp_path):
    def peak() -> int:
        with (tmp_path / "book").open("wb") as file:
            tracemalloc.start()
            book.write_book(file, YearContents(2026, timezone.now()))
            _now, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return most

    for number in range(100, 104):
        make_issue(make_post(body="字" * 60_000), number=number, sent_at=SENT_AT)
    peak()  # what is loaded and rendered once
    few = peak()
    for number in range(104, 124):
        make_issue(make_post(body="字" * 60_000), number=number, sent_at=SENT_AT)
    peak()

    assert peak() < few + 1_000_000


def test_the_page_for_a_printer_has_all_issues(client):
    post = make_post("談槓桿", body="見[書](https://book.example/a)與[這](#s1)。\n\n## 節")
    make_issue(post, number=7, subject="開春", introduction="看[站](/about/)。", sent_at=SENT_AT)
    make_issue(make_post("談信任"), number=8, subject="立夏", sent_at=SENT_AT)

    response = client.get("/issues/2026/print/")
    html = b"".join(response.streaming_content).decode()

    assert_valid(html)
    assert re.findall(r'bound-title">([^<]+)<', html) == ["開春", "立夏"]
    assert "<section" not in html  # of two posts of one name each would be the same landmark
    assert response["X-Robots-Tag"] == "noindex"
    [sheet] = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    allowed = b64encode(sha256(sheet.encode()).digest()).decode()
    assert allowed in response["Content-Security-Policy"]
    with contextlib.closing(client.get("/issues/2026/print/")) as again:  # the kept file
        assert allowed in again["Content-Security-Policy"]


@pytest.mark.exhaustive
@pytest.mark.servers
def test_epubcheck_finds_nothing(client, tmp_path):
    if not EPUBCHECK.exists() or not shutil.which("java"):
        skip_missing("epubcheck is not installed: apt-get install epubcheck")
    make_publication(language="zh-hant", name="A & B <電子報>", promise='"引號"')
    cover = kept_picture()
    odd = make_post("標題 & <b>", body=ODD + cover.markdown, cover=cover)
    make_issue(odd, make_post(body=ODD), number=7, subject="a < b", introduction=ODD, closing=ODD, sent_at=SENT_AT)
    make_issue(odd, number=8, sent_at=SENT_AT)
    make_issue(number=9, sent_at=SENT_AT)
    file = tmp_path / "2026.epub"
    file.write_bytes(b"".join(client.get("/issues/2026.epub").streaming_content))

    said = subprocess.run([*JAVA, EPUBCHECK, file], capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stdout + said.stderr
    assert "WARNING" not in said.stdout + said.stderr
