"""A whole move: links lead to the new place, a move that was cut short goes on, the account names what differs."""

import json
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.utils import translation

from newsletter.posts.importers import markdown_folder, moving
from newsletter.posts.importers.account import compared
from newsletter.posts.importers.folder.files import InFolder
from newsletter.posts.importers.imported import Counts, Remark
from newsletter.posts.models import Post, Redirect, Rendering, Tag
from tests.factories import make_publication

TAIPEI = ZoneInfo("Asia/Taipei")


@pytest.fixture(autouse=True)
def _english(db, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path / "media"
    make_publication()
    with translation.override("en"):
        yield


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text)


def run(path, *options):
    out = StringIO()
    call_command("import_posts", str(path), *options, stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def bodies():
    return {post.source: post.body for post in Post.objects.all()}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("[a](b.md)", "[a]({b})"),
        ("[a](./b.md#part)", "[a]({b}#part)"),
        ("[a](/b/)", "[a]({b})"),
        ("[a](/b.html)", "[a]({b})"),
        ("[[b]]", "[b](<{b}>)"),
        ('[a](b.md "title")', '[a]({b} "title")'),
        ("[a][1]\n\n[1]: b.md", "[a][1]\n\n[1]: {b}"),
        ('<a href="/b/">a</a>', '<a href="{b}">a</a>'),
        ("`[a](b.md)`", "`[a](b.md)`"),
        ("[a](https://example.org/b/)", "[a](https://example.org/b/)"),
        ("[a](nowhere.md)", "[a](nowhere.md)"),
        ("[a](#b)", "[a](#b)"),
    ],
)
def test_links_between_posts_lead_to_the_new_place(tmp_path, typed, expected):
    write(tmp_path, a=f"# A\n\n{typed}", b="---\nslug: b\ntitle: B\n---\nText.")

    run(tmp_path)

    there = Post.objects.get(source="markdown:b.md").get_absolute_url()
    assert bodies()["markdown:a.md"] == expected.replace("{b}", there)


def test_a_move_that_was_cut_short_goes_on_to_the_same_end(tmp_path, monkeypatch):
    write(tmp_path, a="# A\n\n[b](b.md)", b="# B\n\n[c](c.md)", c="# C\n\n[a](a.md)")
    source = markdown_folder.Source(InFolder(tmp_path), TAIPEI)

    def stop(entry):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moving.move(source, [], dry_run=False, report=stop)
    assert Post.objects.count() == 1
    run(tmp_path)

    links = {post.source[9:10]: post.get_absolute_url() for post in Post.objects.all()}
    assert bodies() == {
        "markdown:a.md": f"[b]({links['b']})",
        "markdown:b.md": f"[c]({links['c']})",
        "markdown:c.md": f"[a]({links['a']})",
    }


def test_each_post_is_found_at_its_old_addresses(tmp_path, client):
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_posts" / "2019-05-06-my-post.md").write_text(
        "---\npermalink: /old/place/\ncategories: [life]\n---\nText."
    )
    run(tmp_path)

    post = Post.objects.get()
    for path in ("/old/place/", "/2019/05/06/my-post.html", "/life/2019/05/06/my-post.html", "/2019/05/06/my-post/"):
        assert client.get(path).headers["Location"] == post.get_absolute_url()
    assert set(Redirect.objects.exclude(post=None).values_list("post", flat=True)) == {post.pk}


def test_what_the_author_changed_stays_with_its_links_mended(tmp_path):
    write(tmp_path, a="# A\n\nText.", b="# B\n\nText.")
    run(tmp_path)
    Post.objects.filter(source="markdown:a.md").update(body="我的話，見 [b](b.md)。")

    run(tmp_path)

    there = Post.objects.get(source="markdown:b.md").get_absolute_url()
    assert bodies()["markdown:a.md"] == f"我的話，見 [b]({there})。"


# --- The account ---


def counts(tokens=(), **things):
    from collections import Counter

    return Counts(Counter(tokens), Counter(things))


def test_a_difference_that_a_remark_explains_is_named_and_another_is_not():
    before, after = counts("ab", links=2), counts("a", links=1)
    remark = Remark("a box stays away", effect=counts() - counts("b", links=1))

    assert compared(before, after, (remark,)) == ()
    assert compared(before, after, ()) == ("words missing: b", "links: -1")
    assert compared(after, before, ()) == ("links: +1", "words added: b")


# --- The pages of tags ---


def test_tags_keep_their_addresses(tmp_path, client):
    facts = {"title": "甲", "html": "<p>甲</p>", "status": "published", "published_at": "2024-05-06T00:00:00Z"}
    posts = [{"id": f"p{n}", "slug": f"p{n}", **facts} for n in (1, 2)]
    tags = [{"id": "t", "name": "管理", "slug": "leadership"}, {"id": "u", "name": "C#", "slug": "hash-c"}]
    links = [{"post_id": "p1", "tag_id": "t"}, {"post_id": "p1", "tag_id": "u"}, {"post_id": "p2", "tag_id": "t"}]
    data = {"db": [{"data": {"posts": posts, "tags": tags, "posts_tags": links}}]}
    (tmp_path / "x.json").write_text(json.dumps(data))

    run(tmp_path / "x.json")

    assert client.get("/tag/leadership/").headers["Location"] == "/tags/leadership/"
    assert client.get("/tag/leadership/rss/").headers["Location"] == "/tags/leadership/feed.xml"
    assert client.get("/tag/hash-c/", follow=True).status_code == 200
    assert run(tmp_path / "x.json")["unchanged"] == 2


def test_a_slug_that_is_taken_gets_a_number_and_the_old_feed_leads_there(tmp_path, client):
    Tag.objects.create(name="Another", slug="one")
    row = {"id": "p", "title": "甲", "html": "<p>甲</p>", "slug": "p", "status": "published"}
    row |= {"published_at": "2024-05-06T00:00:00Z", "tags": [{"name": "One", "slug": "one"}]}
    (tmp_path / "x.json").write_text(json.dumps({"posts": [row]}))

    run(tmp_path / "x.json")

    assert Tag.objects.get(name="One").slug == "one-2"
    assert client.get("/tag/one/rss/").headers["Location"] == "/tags/one-2/feed.xml"


def test_tags_and_categories_of_a_folder_lead_to_the_tags_here(tmp_path, client):
    write(tmp_path, a="---\ntitle: A\ndate: 2024-01-01\ntags: [管理 心得]\ncategories: [Deep Work]\n---\nText.")

    run(tmp_path)

    tags = {tag.name: tag.get_absolute_url() for tag in Tag.objects.all()}
    assert client.get("/tags/管理-心得/").headers["Location"] == tags["管理 心得"]
    assert client.get("/categories/deep-work/").headers["Location"] == tags["Deep Work"]
    assert client.get("/categories/Deep-Work/").headers["Location"] == tags["Deep Work"]


def test_a_draft_makes_no_address_of_a_tag(tmp_path):
    write(tmp_path, a="---\ntitle: A\ntags: [管理]\n---\nText.")

    run(tmp_path)

    assert not Redirect.objects.filter(path__startswith="/tags/").exists()


def test_thousands_of_posts_do_not_fill_the_memory_with_their_pages(tmp_path):
    write(tmp_path, a="---\ntitle: A\ndate: 2020-01-01\n---\n一段。")

    run(tmp_path)

    made = Rendering.objects.get(html__contains="一段。")
    assert caches["pages"].get(made.pk) is None
