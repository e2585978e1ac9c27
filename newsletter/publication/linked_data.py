"""JSON-LD of schema.org, for search engines and archives. Pure.

One object a page, others nested: https://developers.google.com/search/docs/appearance/structured-data
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

type Thing = dict[str, Any]


@dataclass(frozen=True)
class SchemaSite:
    """The publication. url: without a trailing slash; logo: an absolute URL."""

    url: str
    name: str
    promise: str
    author: str
    language: str  # BCP 47
    logo: str

    @property
    def person(self) -> Thing:
        return {"@type": "Person", "@id": f"{self.url}/about/#author", "name": self.author, "url": f"{self.url}/about/"}

    @property
    def publisher(self) -> Thing:
        logo = {"@type": "ImageObject", "url": self.logo}
        return {"@type": "Organization", "@id": f"{self.url}/#publisher", "name": self.name, "logo": logo} | {
            "url": f"{self.url}/"
        }

    @property
    def periodical(self) -> Thing:
        return {"@type": "Periodical", "@id": f"{self.url}/issues/#periodical", "name": self.name} | {
            "url": f"{self.url}/issues/"
        }

    def website(self) -> Thing:
        """The home page, with its search and the periodical."""
        entry = {"@type": "EntryPoint", "urlTemplate": f"{self.url}/search/?q={{search_term_string}}"}
        search = {"@type": "SearchAction", "target": entry, "query": "{search_term_string}"}
        return _with_context(
            self._short() | {"description": self.promise, "potentialAction": search, "hasPart": self.periodical}
        )

    def page(self, kind: str, *, path: str, title: str, trail: list[tuple[str, str]]) -> Thing:
        """A page that is no article. kind: WebPage or a subtype; trail: (path, name) pairs."""
        return _with_context(
            {"@type": kind, "@id": self.url + path, "url": self.url + path, "name": title}
            | {"isPartOf": self._short(), "breadcrumb": self.breadcrumb([*trail, (path, title)])}
            | ({"mainEntity": self.person} if kind == "ProfilePage" else {})
        )

    def article(self, article: "Article") -> Thing:
        page = {"@type": "WebPage", "@id": self.url + article.path}
        breadcrumb = self.breadcrumb([*article.trail, (article.path, article.title)])
        wholes = [self.issue(*one) for one in article.issues]
        if article.series:
            path, title = article.series
            wholes.append({"@type": "CreativeWorkSeries", "@id": self.url + path, "name": title})
        return _with_context(
            {"@type": "NewsArticle", "headline": article.title, "description": article.description}
            | {"url": self.url + article.path, "mainEntityOfPage": page | {"breadcrumb": breadcrumb}}
            | {"datePublished": _iso(article.published_at), "dateModified": _iso(article.changed_at)}
            | {"image": [self.url + article.image], "author": self.person, "publisher": self.publisher}
            | {"inLanguage": self.language, "isAccessibleForFree": True}
            | ({"keywords": article.keywords} if article.keywords else {})
            | ({"wordCount": article.length} if article.length else {})
            | ({"isPartOf": wholes} if wholes else {})
        )

    def issue(self, number: int, sent_at: datetime) -> Thing:
        return {
            "@type": "PublicationIssue",
            "@id": f"{self.url}/issues/{number}/#issue",
            "issueNumber": number,
            "datePublished": _iso(sent_at),
            "isPartOf": self.periodical,
        }

    def breadcrumb(self, trail: list[tuple[str, str]]) -> Thing:
        """trail: (path, name) pairs without the home page."""
        steps = [
            {"@type": "ListItem", "position": place, "name": name, "item": self.url + path}
            for place, (path, name) in enumerate([("/", self.name), *trail], 1)
        ]
        return {"@type": "BreadcrumbList", "itemListElement": steps}

    def _short(self) -> Thing:
        return {"@type": "WebSite", "@id": f"{self.url}/#website", "url": f"{self.url}/", "name": self.name} | {
            "inLanguage": self.language,
            "publisher": self.publisher,
        }


@dataclass(frozen=True)
class Article:
    """A post or a whole issue; a NewsArticle, because it appears in dated issues."""

    path: str
    title: str
    description: str
    image: str  # its path
    published_at: datetime
    changed_at: datetime
    trail: list[tuple[str, str]]
    issues: list[tuple[int, datetime]]  # that contained it
    keywords: list[str]
    series: tuple[str, str] | None = None  # path and title
    length: int = 0  # in words, or characters of Chinese


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _with_context(thing: Thing) -> Thing:
    return {"@context": "https://schema.org"} | thing
