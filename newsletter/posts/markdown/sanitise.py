"""HTML sanitising by an allowlist, with nh3 (Ammonia)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

import nh3

from newsletter.mail.characters import without_control_characters
from newsletter.posts.markdown.code_highlighting import allowed_styles
from newsletter.posts.markdown.figures import PLAYER_URLS

NONE: Final[set[str]] = set()
# Attributes by tag; "*" applies to all. Other tags are dropped, their text is kept.
ALLOWED_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"class", "id", "lang", "dir", "title"},
    **dict.fromkeys(("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "div", "section", "aside"), NONE),
    **dict.fromkeys(("blockquote", "pre", "ul", "dl", "dt", "dd", "figure", "figcaption", "summary", "center"), NONE),
    **dict.fromkeys(
        ("table", "caption", "thead", "tbody", "tfoot", "tr", "ruby", "rt", "rp", "bdi", "bdo", "wbr"), NONE
    ),
    **dict.fromkeys(("em", "strong", "b", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup", "span"), NONE),
    **dict.fromkeys(("code", "kbd", "samp", "var", "abbr", "cite", "q", "dfn"), NONE),
    "a": {"href"},
    "details": {"open"},
    "iframe": {"src", "width", "height", "allowfullscreen", "referrerpolicy"},
    "img": {"src", "alt", "width", "height"},
    "input": {"type", "checked", "disabled"},
    "label": NONE,
    "ol": {"start", "reversed", "type"},
    "li": {"value"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
URL_SCHEMES: Final = {"http", "https", "mailto", "tel"}
# One attribute each: nh3 writes several in varying order.
WEB_ATTRIBUTES: Final = {"img": {"loading": "lazy"}, "iframe": {"loading": "lazy"}}
WEB_ONLY_TAGS: Final = {"iframe", "input", "label"}
_CELL: Final = re.compile(r'(<t[dh]\b[^>]*?) align="(left|center|right)"([^>]*)')
_TAG_WITH_EMPTY_ATTRIBUTE: Final = re.compile(r'<(?:input|details|iframe|ol)\b[^>]*=""[^>]*>')  # a boolean one
SAFE_IN_URL: Final = "%/:?#[]@!$&'()*+,;=~-._"

AttributeFilter = Callable[[str, str, str], str | None]


def for_web(html: str) -> str:
    """Keep allowed tags and attributes; align cells by classes.

    Removes control characters after parsing, which decodes `&#2;`.
    """
    html = _CELL.sub(_aligned_by_class, without_control_characters(_WEB.clean(html)))
    return _TAG_WITH_EMPTY_ATTRIBUTE.sub(lambda tag: tag[0].replace('=""', ""), html)


def _aligned_by_class(cell: re.Match[str]) -> str:
    before, side, after = cell.groups()
    own = re.search(r' class="([^"]*)"', before + after)
    rest = (before + after).replace(own[0], "") if own else before + after
    names = f"{own[1]} align-{side}" if own else f"align-{side}"
    return f'{rest[:3]} class="{names}"{rest[3:]}'


def for_mail(html: str, *, base_url: str) -> str:
    """Absolute URLs, no ids, no links within the page, no players."""
    return without_control_characters(_mail(base_url).clean(html))


@lru_cache(maxsize=4)  # a site has one base URL; making a cleaner takes a fifth of a short text's time
def _mail(base_url: str) -> nh3.Cleaner:
    tags = {tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items() if tag not in WEB_ONLY_TAGS}
    tags["*"] = tags["*"] - {"id"}
    for tag in ("pre", "span"):
        tags[tag] = tags[tag] | {"style"}
    return _cleaner(tags, _mail_filter(base_url), {})


def _cleaner(
    table: dict[str, set[str]], attribute_filter: AttributeFilter, sets: dict[str, dict[str, str]]
) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(table) - {"*"},
        clean_content_tags={"script", "style", "noscript", "template", "textarea", "title", "object", "svg", "math"},
        attributes=table,
        attribute_filter=attribute_filter,
        set_tag_attribute_values=sets,
        url_schemes=URL_SCHEMES,
        link_rel=None,
    )


def _web_filter(tag: str, name: str, value: str) -> str | None:
    if tag == "iframe" and name == "src":
        return value if value.startswith(PLAYER_URLS) else None
    if tag == "input" and name == "type":
        return value if value == "checkbox" else None
    return _resolve_url("", value) if name in {"href", "src"} else value


def _resolve_url(base: str, value: str) -> str | None:
    """The quoted URL, absolute if `base` is not empty; None if malformed, such as half an IPv6 address."""
    try:
        address = quote(value.strip(), safe=SAFE_IN_URL)
        urlsplit(address)
        return urljoin(base, address)
    except ValueError:
        return None


def _mail_filter(base_url: str) -> AttributeFilter:
    styles = allowed_styles()

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "style":  # only the highlighter's
            return value if value in styles else None
        if name not in {"href", "src"}:
            return value
        return None if value.strip().startswith("#") else _resolve_url(f"{base_url}/", value)

    return keep


_WEB = _cleaner(ALLOWED_ATTRIBUTES, _web_filter, WEB_ATTRIBUTES)
