"""A post that is read by its address alone: nothing that readers or programs are shown leads to it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from newsletter.issues.models import IssueItem, StartingPoint
from newsletter.posts.models import Post, Tag
from newsletter.posts.search.index import index_post, search
from tests.factories import PUBLISHED_AT, make_findable_post, make_issue, make_post, make_publication
from tests.support.page_checks import form_data

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
TITLE = "只給有網址的人看"
SHOWS = {  # every address that shows a post like it
    "/",
    "/posts/",
    "/start-here/",
    "/feed.xml",
    "/feed.json",
    "/llms.txt",
    "/sitemap.xml",
    "/tags/quiet/",
    "/tags/quiet/feed.xml",
    "/search/?q=網址",
}


@pytest.fixture
def post() -> Post:
    make_publication()
    make_issue(make_findable_post("另一篇談網址", tags=("ai",)), number=1, sent_at=PUBLISHED_AT)
    post = make_findable_post(TITLE, tags=("ai", "quiet"), published_at=PUBLISHED_AT + timedelta(days=1))
    make_findable_post("最新談網址", tags=("ai",), published_at=PUBLISHED_AT + timedelta(days=2))
    StartingPoint.objects.create(post=post, reason="從這裡開始")
    return post


def hide(post: Post) -> None:
    post.is_unlisted = True
    post.save()


def routes(patterns: list, before: str = "") -> Iterator[str]:
    """Yield every address of the site that takes no argument, but for those of the desk."""
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield "/" + route.removesuffix("$")
        elif not route.startswith("admin"):
            yield from routes(one.url_patterns, route)


def addresses(post: Post) -> list[str]:
    """Return every address that a stranger can ask for without being told a secret."""
    others = Post.objects.exclude(pk=post.pk)
    tags = [address for tag in Tag.objects.all() for address in (tag.get_absolute_url(), f"/tags/{tag.slug}/feed.xml")]
    paths = ["/issues/1/", f"/issues/{PUBLISHED_AT.year}/", "/search/?q=網址"]
    return [
        *(route for route in routes(get_resolver().url_patterns) if not set("<()\\") & set(route)),
        *(other.get_absolute_url() for other in others),
        *tags,
        *paths,
    ]


def showing(post: Post) -> set[str]:
    """Return the addresses whose pages name the post, or lead to it."""
    client, found = Client(), set()
    for address in addresses(post):
        response = client.get(address)
        if response.streaming or response.status_code >= 300:
            continue
        text = response.content.decode(errors="replace")
        if TITLE in text or f"/p/{post.pk}" in text:
            found.add(address)
    return found


@pytest.mark.exhaustive
def test_nothing_that_a_stranger_can_ask_for_shows_it(post):
    beside = {other.get_absolute_url() for other in Post.objects.exclude(pk=post.pk)}
    assert SHOWS | beside <= showing(post)

    hide(post)

    assert showing(post) == set()


def test_its_address_answers_and_asks_search_engines_to_pass_it_over(client, post):
    page = client.get(post.get_absolute_url())
    assert "noindex" not in page.text
    assert "最新談網址" in page.text

    hide(post)
    page = client.get(post.get_absolute_url())

    assert page.status_code == 200
    assert TITLE in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    assert "最新談網址" not in page.text  # it stands alone: no neighbours, and nothing to read after it
    assert client.get(f"/p/{post.pk}-other/").status_code == 301


def test_a_draft_stays_hidden_unlisted_or_not(client, post):
    Post.objects.filter(pk=post.pk).update(published_at=None, is_unlisted=True)

    assert client.get(post.get_absolute_url()).status_code == 404


def test_a_tag_counts_the_listed_ones_and_is_gone_without_any(client, post):
    now = timezone.now()
    assert {tag.slug: tag.post_count for tag in Tag.objects.in_use(now)} == {"ai": 3, "quiet": 1}

    hide(post)

    assert {tag.slug: tag.post_count for tag in Tag.objects.in_use(now)} == {"ai": 2}
    assert "/tags/quiet/" not in client.get("/sitemap.xml").text


def test_search_and_relatives_leave_it_out(client, post):
    now = timezone.now()
    other = Post.objects.exclude(pk=post.pk).first()
    assert TITLE in client.get(other.get_absolute_url()).text

    hide(post)
    index_post(post)

    assert TITLE not in client.get(other.get_absolute_url()).text
    assert post.pk not in [one.key for one in search("網址", now=now).results]
    assert post.pk in [one.key for one in search("網址", now=now, finds_unlisted=True).results]


# --- On the desk ---


def save(author: Client, post: Post, **changed: str):
    address = reverse("admin:posts_post_change", args=[post.pk])
    return author.post(address, form_data(author.get(address).text, "post_form") | changed)


def test_a_published_post_is_unlisted_with_the_next_save_and_the_list_says_so(author, post):
    IssueItem.objects.filter(post=post).delete()
    assert save(author, post, place="link").status_code == 302

    assert Post.objects.get(pk=post.pk).is_unlisted
    assert "unlisted" in author.get(reverse("admin:posts_post_changelist")).text
    assert "Begin an issue" not in author.get(reverse("admin:posts_post_change", args=[post.pk])).text


def test_a_post_of_an_issue_cannot_be_unlisted(author):
    post = make_post(TITLE)
    make_issue(post, number=7)

    form = save(author, post, place="link").context["adminform"].form

    assert form.errors == {"place": ["Issue 7 carries this post, and the archive shows all posts of an issue."]}
    assert not Post.objects.get(pk=post.pk).is_unlisted


def test_an_issue_takes_no_unlisted_post_by_any_way(author):
    post, issue = make_post(TITLE, is_unlisted=True), make_issue(make_post("別的"), number=7)
    page = author.get(reverse("admin:issues_issue_change", args=[issue.pk]))
    assert TITLE not in page.text

    sent = form_data(page.text, "issue_form")
    typed = author.post(reverse("admin:issues_issue_change", args=[issue.pk]), sent | {"older": str(post.pk)})
    put = author.post(reverse("admin:issue_take_in", args=[issue.pk, post.pk]), follow=True)

    refused = f"“{TITLE}” is unlisted. The archive shows all posts of an issue: list it first."
    assert typed.context["adminform"].form.errors["older"] == [refused]
    assert f"“{TITLE}” is unlisted, and the archive shows all posts of" in put.text
    assert not issue.items.filter(post=post).exists()


def test_two_brackets_find_it_for_its_author(author):
    post = make_findable_post(TITLE, is_unlisted=True)

    for query in ("", "網址"):
        found = author.get(reverse("admin:writing_posts") + f"?q={query}").json()["posts"]
        assert [one["title"] for one in found] == [post.title]
