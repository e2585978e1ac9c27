"""Old addresses, and ours, lead on in Ghost: as its router reads the file."""

import re

import pytest

from newsletter.operation.ghost_export.addresses import Addresses, slugs
from newsletter.operation.ghost_export.redirects import redirects

HERE = Addresses("https://example.org", {1: "one", 12: "post-12"}, frozenset({3}))


def led(path, old=()):
    """Return where Ghost leads a request: by the first rule whose expression fits, groups put in."""
    for rule in redirects(HERE, old).rules:
        if found := re.search(rule["from"], path):
            return re.sub(r"\$(\d)", lambda group: found[int(group[1])] or "", rule["to"])
    return None


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/p/1-one/", "/one/"),
        ("/p/1", "/one/"),
        ("/p/1-former-words/", "/one/"),
        ("/p/12-one/", "/post-12/"),
        ("/p/13-one/", None),
        ("/issues/3/", "/issue-3/"),
        ("/issues/33/", None),
        ("/tags/life/", "/tag/life/"),
        ("/tags/life/feed.xml", "/tag/life/rss/"),
        ("/media/abababababababab/a.png", "/content/images/abababababababab/a.png"),
        ("/feed.xml", "/rss/"),
        ("/issues/feed.xml", "/rss/"),
        ("/issues/", "/"),
        ("/posts/", "/"),
        ("/one/", None),
        ("/content/images/abababababababab/a.png", None),
    ],
)
def test_addresses_of_ours_lead_on(path, end):
    assert led(path) == end


OLD = [
    ("/2019/05/my-post", "/p/1-one/"),
    ("/c++ (new)", "/issues/3/"),
    ("/文章", "/tags/life/"),
    ("/blog/*", "https://other.example/"),
    ("/blog/kept", "/about/"),
    ("/?p=128", "/p/1-one/"),
]


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/2019/05/my-post/", "/one/"),
        ("/2019/05/my-post", "/one/"),
        ("/2019/05/my-posts", None),
        ("/c++%20(new)", "/issue-3/"),
        ("/%E6%96%87%E7%AB%A0/", "/tag/life/"),
        ("/blog/anything/else", "https://other.example/"),
        ("/blog/kept/", "/about/"),
    ],
)
def test_addresses_of_the_site_before_lead_on_the_longest_first(path, end):
    assert led(path, OLD) == end


def test_an_address_that_is_a_query_is_told_and_not_dropped_in_silence():
    assert redirects(HERE, OLD).left_out == ["/?p=128"]


def test_each_rule_has_what_ghost_demands():
    for rule in redirects(HERE, OLD).rules:
        assert rule["from"]
        assert rule["to"]
        assert set(rule) == {"from", "to", "permanent"}


def test_each_post_has_a_slug_of_its_own_and_none_that_ghost_needs_itself():
    found = slugs([(1, "same"), (2, "same"), (3, ""), (4, "tag"), (5, "issue-3")], taken=["issue-3"])

    assert found == {1: "same", 2: "same-2", 3: "post-3", 4: "tag-4", 5: "issue-3-5"}


@pytest.mark.parametrize(
    ("url", "there"),
    [
        ("/p/1-one/#s2", "__GHOST_URL__/one/#s2"),
        ("https://example.org/p/1?from=mail", "__GHOST_URL__/one/?from=mail"),
        ("/media/abababababababab/a.png", "__GHOST_URL__/content/images/abababababababab/a.png"),
        ("/p/99-gone/", "__GHOST_URL__/p/99-gone/"),
        ("https://example.org.evil.example/p/1", "https://example.org.evil.example/p/1"),
        ("//other.example/p/1", "//other.example/p/1"),
        ("https://other.example/p/1", "https://other.example/p/1"),
        ("#s2", "#s2"),
        ("mailto:a@example.org", "mailto:a@example.org"),
    ],
)
def test_links_of_a_text_lead_to_the_new_place(url, there):
    assert HERE.link(url) == there
