"""Checks of pages: accessibility, valid HTML, queries and forms."""

import re
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.contrib.messages import get_messages
from django.db import connection
from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from newsletter.page_cache.site_version import SiteVersion

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from playwright.sync_api import Page


COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # axe-core's rules that look at them
# A colour on its way to another has no contrast yet; Django's own sheets send buttons on one.
FINISH_TRANSITIONS = "document.getAnimations().filter(one => one instanceof CSSTransition).forEach(one => one.finish())"


def flash_messages(response: Any) -> list[str]:
    """The messages that a request leaves for the next page."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def assert_accessible(page: "Page", *, only: Mapping[str, Any] | None = None) -> None:
    """Fail with axe-core's report of any violation (WCAG 2.2 A and AA, and best practices)."""
    from axe_playwright_python.base import AXE_SCRIPT, AxeResults

    page.evaluate(FINISH_TRANSITIONS)
    if not page.evaluate("'axe' in window"):  # half a megabyte; a page that is looked at again has it
        page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"]} | ({"runOnly": only} if only else {})
    results = AxeResults(page.evaluate("options => axe.run(options)", options))

    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def assert_accessible_in_both_schemes(page: "Page") -> None:
    """Run all rules on the light page, and those about colours on the dark one, which differs only in these."""
    page.emulate_media(color_scheme="light")
    assert_accessible(page)
    page.emulate_media(color_scheme="dark")
    assert_accessible(page, only=COLOURS)


def assert_accessible_wide_and_narrow(page: "Page") -> None:
    """A wide page by day, and a small phone by night, on which nothing is too wide."""
    for scheme, width, height in (("light", 1280, 900), ("dark", 320, 640)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)


def markup(response: HttpResponse) -> str:
    """The HTML with whitespace collapsed."""
    text = re.sub(r"\s+", " ", response.content.decode())
    return re.sub(r"> | <", lambda gap: gap[0].strip(), text)


HTML = "{http://www.w3.org/1999/xhtml}"


def assert_valid(html: str) -> None:
    """Fail on any parse error of the HTML Standard, and on basic accessibility errors."""
    from html5lib import HTMLParser

    document = HTMLParser(strict=True).parse(html)
    elements = [element for element in document.iter() if isinstance(element.tag, str)]

    assert _ids_named_twice(elements) == []
    assert _pointers_to_nothing(elements) == []
    assert len(_all(elements, "h1")) == len(_all(elements, "main")) == len(_all(elements, "title")) == 1
    assert document.get("lang")
    assert [image.get("src") for image in _all(elements, "img") if image.get("alt") is None] == []
    assert _fields_without_a_name(elements) == []
    assert _headings_that_skip(elements) == []


def _all(elements: list["Element"], *names: str) -> list["Element"]:
    return [element for element in elements if element.tag.removeprefix(HTML) in names]


def _ids_named_twice(elements: list["Element"]) -> list[str]:
    counts = Counter(element.get("id") for element in elements if element.get("id"))
    return [name for name, count in counts.items() if count > 1]


def _pointers_to_nothing(elements: list["Element"]) -> list[str]:
    """Referenced ids that do not exist."""
    ids = {element.get("id") for element in elements}
    pointers = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
    named = {name for element in elements for pointer in pointers for name in (element.get(pointer) or "").split()}
    anchors = {href[1:] for link in _all(elements, "a") if (href := link.get("href") or "").startswith("#")}
    return sorted((named | anchors) - ids)


def _fields_without_a_name(elements: list["Element"]) -> list[str]:
    """Names of form fields without a label."""
    labelled = {label.get("for") for label in _all(elements, "label")}
    within = {field for label in _all(elements, "label") for field in label.iter()}
    return [
        field.get("name") or field.tag
        for field in _all(elements, "input", "select", "textarea")
        if field.get("type") not in {"hidden", "submit"}
        and field.get("id") not in labelled
        and field not in within
        and not (field.get("aria-label") or field.get("aria-labelledby"))
    ]


def _headings_that_skip(elements: list["Element"]) -> list[str]:
    levels = [int(element.tag[-1]) for element in _all(elements, "h1", "h2", "h3", "h4", "h5", "h6")]
    return [f"h{after} after h{before}" for before, after in pairwise(levels) if after > before + 1]


def uncached_queries(client: Client, path: str) -> list[str]:
    """Queries of a page that is not cached.

    Warm are caches of texts, and what all pages of this site version share, because another URL was requested before.
    """
    elsewhere = path + ("&" if "?" in path else "?") + "elsewhere"
    client.get(elsewhere)
    SiteVersion.objects.update(number=F("number") + 1)
    client.get(elsewhere)
    with CaptureQueriesContext(connection) as context:
        assert client.get(path).status_code == HTTPStatus.OK
    return [str(query["sql"]) for query in context]


def form_data(html: str, form_id: str) -> dict[str, str | list[str]]:
    """The data of the form as a browser would submit it unchanged, without a button.

    Newlines become CRLF, and the one right after <textarea> is dropped: HTML 4.10.22.4, 13.1.2.
    """
    from html5lib import HTMLParser

    document = HTMLParser().parse(html)
    form = next(one for one in document.iter(f"{HTML}form") if one.get("id") == form_id)
    sent: dict[str, list[str]] = {}
    for field in _all(list(form.iter()), "input", "textarea", "select"):
        if (name := field.get("name")) and field.get("disabled") is None:
            sent.setdefault(name, []).extend(_values(field))
    return {name: values if len(values) > 1 else values[0] for name, values in sent.items() if values}


def _values(field: "Element") -> list[str]:
    if field.tag == f"{HTML}textarea":
        return ["".join(field.itertext()).replace("\n", "\r\n")]
    if field.tag == f"{HTML}select":
        options = list(field.iter(f"{HTML}option"))
        chosen = [one for one in options if one.get("selected") is not None] or options[:1]
        return [one.get("value", "") for one in chosen]
    kind = field.get("type", "text")
    if kind in {"submit", "button", "image", "reset", "file"}:
        return []
    is_sent = kind not in {"checkbox", "radio"} or field.get("checked") is not None
    return [field.get("value", "on" if kind in {"checkbox", "radio"} else "")] if is_sent else []


def wait_for_expression(page: "Page", expression: str) -> None:
    """Wait until a JavaScript expression is true; Playwright's wait needs `eval`, which the CSP forbids."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)
