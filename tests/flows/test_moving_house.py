"""A site moves from SQLite to PostgreSQL and back, killed on the way: each page, feed, letter and count is equal."""

import json
import time

import pytest

from tests.support.processes import kill
from tests.support.product import Product
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
SITE = "https://news.example.org"
POSTS = 300
MORE = f"""
from datetime import timedelta
from django.utils import timezone
from newsletter.issues.models import Correction, Issue
from newsletter.posts.models import Image, Post, Redirect, Tag
from newsletter.posts.search.index import index_post
from subscribers.models import Subscriber, Suppression, address_hash

now = timezone.now().replace(microsecond=0)
tags = Tag.objects.get_or_create_named([f"題目{{n}}" for n in range(7)])
picture = Image.objects.first()
Post.objects.bulk_create([
    Post(
        title=f"第 {{n}} 篇：**字** & \\"引\\"",
        words=f"more-{{n}}",
        body=f"內文 {{n}}。[^1]\\r\\n\\r\\n| 甲 | 乙 |\\n|---|---|\\n| {{n}} | `a|b` |\\n\\n[^1]: 註。\\n\\n"
             f"---\\n\\n- 一\\n- [二](/p/{{n + 1}}/)\\n\\n```python\\nx = {{n}}\\n```\\n"
             + (picture.markdown if n % 50 == 0 else ""),
        published_at=None if n % 60 == 7 else now + timedelta(hours=-n if n % 60 else n + 1),
        is_unlisted=n % 60 == 9,
        is_page=n % 120 == 9,
    )
    for n in range({POSTS})
])
for post in Post.objects.filter(words__startswith="more-"):
    post.tags.set([tags[post.pk % 7], tags[post.pk % 5]])
    index_post(post)
some = Post.objects.get(words="more-2")
Redirect.objects.create(path="/blog/2020/two.html", post=some)
Redirect.objects.create(path="/old/*", target="/issues/")
issue = Issue.objects.get(number=2)
Correction.objects.create(issue=issue, note="一個**數字**錯了。", made_at=now)
reader = Subscriber.objects.first()
reader.unsubscribe(now)
Suppression.objects.create(address_hash=address_hash("no@example.org"), email="no@example.org", reason="complained")
answer = Post.objects.count()
"""
# Every address that a page leads to, from the home page on, and what a letter's links open.
LOOK = r"""
import re
from hashlib import sha256
from django.conf import settings
from django.test import Client, override_settings
from newsletter.delivery.models import Mailing
from subscribers.models import Subscriber

plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # nothing is collected
override_settings(STORAGES=settings.STORAGES | plain).enable()
client = Client(headers={"host": "news.example.org"})
LINK = re.compile(r'(?:href|src|content)="(?:https://news.example.org)?(/[^"#]*)|<loc>https://news.example.org([^<]*)')
SET = re.compile(r'(/media/[^" ,]+)')
readers = [url for one in Subscriber.objects.order_by("pk")[:3] for url in (one.preferences_url, one.unsubscribe_url)]
paths = ["/", "/sitemap.xml", "/feed.xml", "/feed.json", "/issues/feed.xml", "/llms.txt", "/robots.txt",
         "/blog/2020/two.html", "/old/some/where?q=1", "/search/?q=甲", "/search/?q=more", "/p/9999/",
         *(url.removeprefix(settings.SITE_URL) for url in readers)]
answer = {}
while paths:
    path = paths.pop()
    if path in answer or re.match(r"/(static|admin|cards/p)/|/p/\d+.*\.md|.*\.(pdf|epub)", path) or len(answer) >= MOST:
        continue
    page = client.get(path, secure=True)
    body = b"".join(page.streaming_content) if page.streaming else page.content
    body = re.sub(rb'name="stamp" value="[^"]*"', b"", body)  # when the form was shown
    answer[path] = [page.status_code, page.headers.get("Location", ""), sha256(body).hexdigest()]
    if page.headers.get("Content-Type", "").startswith(("text/html", "application/xml")):
        text = body.decode()
        paths += [a or b for a, b in LINK.findall(text)] + SET.findall(text)
for mailing in Mailing.objects.order_by("pk"):
    texts = [sha256(text.encode()).hexdigest() for text in (mailing.html, mailing.text)]
    answer[f"letter {mailing.pk}"] = [*texts, str(mailing.counts())]
"""


@pytest.fixture
def houses(make_product, migrated_postgres_url):
    """Two on SQLite and one on PostgreSQL, with one address."""
    found = [make_product(), make_product(database_url=migrated_postgres_url), make_product()]
    for product in found:
        product.env |= {"SITE_URL": SITE, "SECRET_KEY": ""}
    return found


def kill_when(product: Product, words, has_begun, seconds: float) -> None:
    """Begin a command and kill it some time after it has begun its work, in the middle of it."""
    process = product.manage_in_background(*words)
    wait_until(has_begun, 60, what=product.log_tails)
    time.sleep(seconds)
    assert process.poll() is None, "it was over before it was killed"
    kill(process)


def test_a_site_moves_from_sqlite_to_postgresql_and_back(houses, tmp_path):
    old, new, back = houses
    old.command("demo")
    assert old.shell(MORE) == POSTS + 19
    folder, again = tmp_path / "site", tmp_path / "again"

    kill_when(old, ["export_site", str(folder)], lambda: any((tmp_path / ".site.part").rglob("0100*.md")), 0)
    assert not folder.exists()
    old.command("export_site", str(folder), "--with-keys")
    lock = new.data / "up-clock.lock"  # the last of the three that it holds
    words = ["import_site", str(folder)]
    kill_when(new, words, lambda: lock.exists() and lock.read_text(), 1.0)
    said = new.command(*words).stdout
    new.command("export_site", str(again), "--with-keys")
    files = [json.loads((one / "manifest.json").read_text())["files"] for one in (folder, again)]
    seen, shown = (product.shell(f"MOST = 2000\n{LOOK}") for product in (old, new))

    assert "0 posts" not in said
    assert len(seen) > POSTS
    assert {path: shown.get(path) for path in seen if shown.get(path) != seen[path]} == {}
    assert seen["/blog/2020/two.html"][:2] == [301, "/p/22-more-2/"]
    assert files[0] == files[1]

    back.command("import_site", str(again))
    some = back.shell(f"MOST = 60\n{LOOK}")
    assert some == {path: seen[path] for path in some}
