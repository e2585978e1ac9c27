"""Every page says what it is, in data that ends where it should."""

import json
import re

import pytest

from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db
SITE = "https://news.example.org"


def data(page):
    """Return the one thing that a page says it is."""
    (text,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    return json.loads(text)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "WebSite"),
        ("/issues/", "CollectionPage"),
        ("/posts/", "CollectionPage"),
        ("/tags/ai/", "CollectionPage"),
        ("/about/", "ProfilePage"),
        ("/subscribe/", "WebPage"),
    ],
)
def test_a_page_says_what_it_is(client, path, kind):
    make_post(tags=("ai",))

    said = data(client.get(path))

    assert said["@type"] == kind
    assert said["url"] == SITE + path


def test_a_post_says_which_issue_carried_it(client):
    post = make_post("管理槓桿", tags=("ai",))
    make_issue(post, number=7, sent_at=PUBLISHED_AT)
    make_issue(post, number=8)

    said = data(client.get(post.get_absolute_url()))

    assert (said["@type"], said["headline"], said["keywords"]) == ("NewsArticle", "管理槓桿", ["ai"])
    assert [carrier["issueNumber"] for carrier in said["isPartOf"]] == [7], "one that was not sent is nobody's business"
    assert said["image"] == [SITE + post.preview_card_url]


def test_an_issue_says_its_number_and_when_it_was_corrected(client):
    issue = make_issue(make_post(), number=7, subject="第七期", sent_at=PUBLISHED_AT)
    issue.mark_corrected("錯字", PUBLISHED_AT.replace(day=9))

    said = data(client.get("/issues/7/"))

    assert (said["headline"], said["isPartOf"][0]["issueNumber"]) == ("第七期", 7)
    assert said["dateModified"] == "2026-10-09T00:00:00+00:00"


def test_a_title_cannot_end_the_element_of_the_data(client):
    title = "</script><script>alert(1)</script>&amp;<!--"
    post = make_post(title)

    page = client.get(post.get_absolute_url())

    assert "<script>alert" not in page.text
    assert data(page)["headline"] == title


def test_a_page_of_a_list_leads_to_those_beside_it(client):
    for _ in range(41):
        make_post()

    head = client.get("/posts/?page=2").text

    assert re.search(rf'rel="canonical"\s+href="{SITE}/posts/\?page=2"', head)
    assert re.search(rf'rel="prev"\s+href="{SITE}/posts/"', head)
    assert re.search(rf'rel="next"\s+href="{SITE}/posts/\?page=3"', head)


@pytest.mark.parametrize(
    ("old", "address"),
    [
        ("/rss/", "/feed.xml"),
        ("/feed/", "/feed.xml"),
        ("/rss.xml", "/feed.xml"),
        ("/atom.xml", "/feed.xml"),
        ("/archive/", "/posts/"),
        ("/tag/ai/", "/tags/ai/"),
        ("/start/", "/start-here/"),
    ],
)
def test_an_address_that_readers_know_from_elsewhere_leads_on_for_good(client, old, address):
    make_post(tags=("ai",))

    response = client.get(old)

    assert (response.status_code, response.headers["Location"]) == (301, address)
    assert client.get(address).status_code == 200
