"""Into Ghost: what its importer demands of the files, and that nothing is lost when they are read again."""

import csv
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from newsletter.issues.models import Issue
from newsletter.posts.models import Image, Post, Redirect
from subscribers.models import Subscriber, Suppression, address_hash
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.operation.site_export import house
from tests.publication.pictures.test_uploads import picture

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
BODY = """段落 **粗** 與 [另一篇](/p/{other}/#s1) 註[^1]

![圖說](/media/{digest}/a.png)

| 甲 | 乙 |
|---|---|
| 1 | 2 |

[^1]: 註腳
"""


@pytest.fixture
def old(settings, tmp_path):
    house.move(settings, tmp_path / "old")
    settings.SITE_URL = "https://example.org"
    make_publication(author="夏娃", sender_email="eve@example.org")


@pytest.fixture
def exported(old, tmp_path):
    def write():
        call_command("export_site", tmp_path / "ghost", "--ghost", stdout=StringIO(), stderr=StringIO())
        return tmp_path / "ghost"

    return write


def a_picture():
    octets = picture("PNG", (40, 20))
    digest = "ab" * 8
    default_storage.save(f"{digest}/a.png", ContentFile(octets))
    return Image.objects.create(digest=digest, name="a.png", alt="封面", width=40, height=20)


def a_site():
    image = a_picture()
    eve = User.objects.create_user("eve", email="eve@example.org", first_name="Eve")
    adam = User.objects.create_user("adam", email="adam@example.org", first_name="Adam")
    other = make_post("另一篇", body="## 小題\n\n文", words="other", published_at=AT, tags=("生活", "AI"))
    body = BODY.format(other=other.pk, digest=image.digest)
    first = make_post("第一篇", body=body, words="first", published_at=AT, cover=image, summary="摘要", tags=("生活",))
    Post.objects.filter(pk=first.pk).update(created_by=adam)
    Post.objects.filter(pk=other.pk).update(created_by=eve)
    make_post("草稿", body="未完", words="draft", published_at=None)
    make_post("明天", body="明天見", words="later", published_at=timezone.now() + timedelta(days=1))
    make_post("關於", body="一頁", words="about-me", published_at=AT, is_unlisted=True)
    make_issue(first, number=7, subject="第七期", introduction="開頭[連](/p/1/)", closing="再見", sent_at=AT)
    Redirect.objects.create(path="/2019/my-post", post=first)
    Redirect.objects.create(path="/?p=3", post=first)
    return first


def data(folder):
    with zipfile.ZipFile(folder / "content.zip") as archive:
        whole = json.loads(archive.read("ghost.json"))
    assert list(whole) == ["db"]
    return whole["db"][0]["meta"], whole["db"][0]["data"]


def test_the_zip_has_what_ghosts_importer_finds_and_nothing_that_it_refuses(exported):
    a_site()

    with zipfile.ZipFile(exported() / "content.zip") as archive:
        names = archive.namelist()
        assert archive.testzip() is None

    # One JSON, at the root: a second one, or a Markdown file, stops its import; one in a folder is taken for an upload.
    assert [name for name in names if not name.startswith("content/images/")] == ["ghost.json"]
    # It changes other characters in names, and does not find the picture again.
    assert all(re.fullmatch(r"content/images/[0-9a-f]{16}/[\w@.-]+", name, re.ASCII) for name in names[1:])


def test_the_tables_have_what_its_importer_demands(exported):
    a_site()

    meta, tables = data(exported())

    assert re.fullmatch(r"\d+\.\d+\.\d+", meta["version"])
    ids = {name: {row["id"] for row in tables[name]} for name in ("posts", "tags", "users")}
    for row in tables["posts"]:
        assert re.fullmatch(r"[0-9a-f]{24}", row["id"])
        assert row["type"] in {"post", "page"}
        assert row["status"] in {"published", "draft", "scheduled"}
        assert 0 < len(row["title"]) <= 255
        assert len(row["custom_excerpt"] or "") <= 300
        assert not {"lexical", "mobiledoc", "newsletter_id"} & set(row)  # the HTML is what is read; nothing is mailed
        datetime.fromisoformat(row["created_at"])
    assert len({row["slug"] for row in tables["posts"]}) == len(tables["posts"]) == 6
    assert {row["tag_id"] for row in tables["posts_tags"]} <= ids["tags"]
    assert {row["author_id"] for row in tables["posts_authors"]} <= ids["users"]
    assert {row["post_id"] for row in tables["posts_authors"]} == ids["posts"]
    assert len({row["email"] for row in tables["users"]}) == len(tables["users"]) == 2


def test_each_post_is_what_it_was(exported):
    a_site()

    _meta, tables = data(exported())

    posts = {row["slug"]: row for row in tables["posts"]}
    first = posts["first"]
    assert {slug: (row["type"], row["status"]) for slug, row in posts.items()} == {
        "other": ("post", "published"),
        "first": ("post", "published"),
        "draft": ("post", "draft"),
        "later": ("post", "scheduled"),
        "about-me": ("page", "published"),
        "issue-7": ("post", "published"),
    }
    assert first["published_at"] == "2026-11-01T08:30:00.000Z"
    assert first["custom_excerpt"] == "摘要"
    assert first["feature_image"] == "__GHOST_URL__/content/images/abababababababab/a.png"
    assert 'src="__GHOST_URL__/content/images/abababababababab/a.png"' in first["html"]
    assert 'href="__GHOST_URL__/other/#s1"' in first["html"]
    assert posts["draft"]["published_at"] is None
    assert tables["posts_meta"] == [{"post_id": first["id"], "feature_image_alt": "封面"}]
    assert "開頭" in posts["issue-7"]["html"]
    assert '<a href="__GHOST_URL__/first/">第一篇</a>' in posts["issue-7"]["html"]
    assert "再見" in posts["issue-7"]["html"]
    names = {row["id"]: row["name"] for row in tables["tags"]}
    assert [names[row["tag_id"]] for row in tables["posts_tags"] if row["post_id"] == first["id"]] == ["生活"]
    authors = {row["id"]: row["name"] for row in tables["users"]}
    [author] = [row["author_id"] for row in tables["posts_authors"] if row["post_id"] == first["id"]]
    assert authors[author] == "Adam"


def test_our_own_importer_reads_it_without_an_unnamed_difference(exported, tmp_path, settings):
    a_site()
    before = {post.words: post for post in Post.objects.prefetch_related("tags").select_related("cover")}
    tags = {words: [tag.name for tag in post.tags.all()] for words, post in before.items()}
    html = {words: post.html for words, post in before.items()}
    folder = exported()
    house.empty()
    house.move(settings, tmp_path / "new")
    make_publication()

    out = StringIO()
    call_command(
        "import_posts",
        folder / "content.zip",
        "--as-issues",
        report=tmp_path / "report.json",
        stdout=out,
        stderr=StringIO(),
    )

    report = json.loads((tmp_path / "report.json").read_text())
    assert [entry for entry in report["posts"] if entry["unnamed"]] == []
    summary = json.loads(out.getvalue().splitlines()[-1])
    assert (summary["posts"], summary["created"], summary["losses"]) == (6, 6, 0)
    after = {post.words: post for post in Post.objects.prefetch_related("tags").select_related("cover")}
    for words, post in before.items():
        assert (after[words].title, after[words].summary) == (post.title, post.summary)
        assert _milliseconds(after[words].published_at) == _milliseconds(post.published_at)
        assert after[words].is_unlisted == post.is_unlisted
        assert sorted(tag.name for tag in after[words].tags.all()) == sorted(tags[words])
        assert (after[words].cover and after[words].cover.alt) == (post.cover and post.cover.alt)
        assert _words(after[words].html) == _words(html[words])
    assert f"/p/{after['other'].pk}-other/" in after["first"].html
    assert Issue.objects.get(sent_at__isnull=False).subject == "第七期"


def _milliseconds(at):
    return at and at.isoformat(timespec="milliseconds")  # no program keeps more


def _words(html):
    return "".join(re.sub(r"<[^>]*>", " ", html).split())


def test_only_active_readers_are_mailed_by_ghost(exported):
    make_subscriber("active@example.org", name="=1+1", tags="vip, 台北")
    make_subscriber("paused@example.org", state="paused", paused_until=timezone.now() + timedelta(days=9))
    make_subscriber("unsubscribed@example.org", state="unsubscribed")
    make_subscriber("pending@example.org", state="pending", confirmed_at=None)
    for reason in ("bounced", "complained", "manual"):
        email = f"{reason}@example.org"
        make_subscriber(email)
        Suppression.objects.create(email=email, address_hash=address_hash(email), reason=reason)

    with (exported() / "members.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["email"]: row for row in csv.DictReader(file)}

    assert {email: (row["subscribed_to_emails"], row["labels"]) for email, row in rows.items()} == {
        "active@example.org": ("true", "vip,台北"),
        "paused@example.org": ("false", "paused"),
        "unsubscribed@example.org": ("false", "unsubscribed"),
        "bounced@example.org": ("false", "bounced"),
        "complained@example.org": ("false", "complained"),
        "manual@example.org": ("false", "manual"),
    }
    assert rows["active@example.org"]["name"] == "'=1+1"
    assert datetime.fromisoformat(rows["active@example.org"]["created_at"]).tzinfo


def test_our_own_importer_activates_no_other_reader_of_it(exported, tmp_path, settings):
    make_subscriber("active@example.org", tags="vip")
    make_subscriber("left@example.org", state="unsubscribed")
    folder = exported()
    house.empty()
    house.move(settings, tmp_path / "new")
    make_publication()

    call_command("import_subscribers", folder / "members.csv", stdout=StringIO(), stderr=StringIO())

    states = dict(Subscriber.objects.values_list("email", "state"))
    assert states == {"active@example.org": "active", "left@example.org": "unsubscribed"}


def test_what_ghost_cannot_lead_on_or_is_gone_is_told(old, tmp_path):
    a_site()
    default_storage.delete("abababababababab/a.png")
    out, err = StringIO(), StringIO()

    call_command("export_site", tmp_path / "ghost", "--ghost", stdout=out, stderr=err)

    assert "5 posts, 1 issues, 0 pictures, 0 members" in out.getvalue()
    assert "/?p=3" in err.getvalue()
    assert "/media/abababababababab/a.png" in err.getvalue()
    rules = json.loads((tmp_path / "ghost" / "redirects.json").read_text())
    assert {"from": "^/2019/my-post/?$", "to": "/first/", "permanent": True} in rules


def test_it_is_its_owners_alone_and_written_over_nothing(exported, tmp_path):
    folder = exported()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {"content.zip", "members.csv", "redirects.json", "README.txt"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    with pytest.raises(CommandError, match="never written over"):
        call_command("export_site", folder, "--ghost")
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("export_site", str(tmp_path / "x"), "--ghost", "--with-keys")
