"""What pages say to search engines, as https://schema.org has it."""

from datetime import UTC, datetime

import pytest

from newsletter.publication.linked_data import Article, SchemaSite

URL = "https://news.example.org"
AT = datetime(2026, 10, 1, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def site():
    return SchemaSite(
        url=URL, name="Gipi電子報", promise="兩週一封信。", author="Gipi", language="zh-Hant-TW", logo=f"{URL}/i.png"
    )


def article(**fields):
    facts = {"path": "/p/1/", "title": "管理槓桿", "description": "前言。", "image": "/cards/p/1-0.png"}
    facts |= {"published_at": AT, "changed_at": AT, "trail": [("/posts/", "文章")], "issues": [], "keywords": []}
    return Article(**(facts | fields))


def test_the_home_page_is_a_site_that_can_be_searched(site):
    said = site.website()

    assert (said["@context"], said["@type"], said["url"]) == ("https://schema.org", "WebSite", f"{URL}/")
    assert said["potentialAction"]["target"]["urlTemplate"] == f"{URL}/search/?q={{search_term_string}}"
    assert said["hasPart"]["@type"] == "Periodical"


def test_an_article_names_author_publisher_picture_and_the_way_to_it(site):
    said = site.article(article())

    assert (said["headline"], said["url"]) == ("管理槓桿", f"{URL}/p/1/")
    assert said["author"]["@type"] == "Person"
    assert said["author"]["url"] == f"{URL}/about/"
    assert said["publisher"]["logo"]["url"] == f"{URL}/i.png"
    assert said["image"] == [f"{URL}/cards/p/1-0.png"]
    steps = said["mainEntityOfPage"]["breadcrumb"]["itemListElement"]
    assert [(step["position"], step["name"], step["item"]) for step in steps] == [
        (1, "Gipi電子報", f"{URL}/"),
        (2, "文章", f"{URL}/posts/"),
        (3, "管理槓桿", f"{URL}/p/1/"),
    ]


def test_an_article_that_an_issue_carried_is_part_of_it(site):
    said = site.article(article(issues=[(7, AT)], keywords=["ai"], length=900))

    (carrier,) = said["isPartOf"]
    assert (carrier["@type"], carrier["issueNumber"]) == ("PublicationIssue", 7)
    assert carrier["isPartOf"]["@type"] == "Periodical"
    assert (said["keywords"], said["wordCount"]) == (["ai"], 900)
