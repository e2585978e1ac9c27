"""Ghost's cards as the HTML that its pages had. One payload serves Lexical and Mobiledoc. Pure."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

type Payload = dict[str, Any]


def card(name: str, payload: Payload) -> str | None:
    """Return the HTML of a card; None for one that nobody here knows."""
    write = CARDS.get(name)
    return _seen(write(payload), payload.get("visibility")) if write else None


def _seen(html: str, visibility: Any) -> str:
    """Return a card as the page showed it: one that was not for everybody is marked, and becomes a comment."""
    given: Payload = visibility if isinstance(visibility, dict) else {}
    inner = given.get("web")
    web: Payload = inner if isinstance(inner, dict) else {}
    if given.get("emailOnly") is True or given.get("showOnWeb") is False:
        return f'<div class="kg-email-only">{html}</div>'
    if web.get("nonMember") is not False:
        return html
    is_seen = web.get("memberSegment") != ""
    return f'<div class="{"kg-members-only" if is_seen else "kg-email-only"}">{html}</div>'


def _text(payload: Payload, *names: str) -> str:
    return next((str(payload[name]) for name in names if payload.get(name)), "")


def _figure(kind: str, inner: str, payload: Payload) -> str:
    caption = _text(payload, "caption")
    end = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="kg-card kg-{kind}-card">{inner}{end}</figure>'


def image_tag(payload: Payload) -> str:
    source = escape(_text(payload, "src"))
    title = f' title="{escape(_text(payload, "title"))}"' if payload.get("title") else ""
    return f'<img src="{source}" alt="{escape(_text(payload, "alt"))}"{title}>' if source else ""


def _image(payload: Payload) -> str:
    shown, href = image_tag(payload), _text(payload, "href")
    return _figure("image", f'<a href="{escape(href)}">{shown}</a>' if href else shown, payload) if shown else ""


def _gallery(payload: Payload) -> str:
    return _figure("gallery", "".join(image_tag(one) for one in payload.get("images") or []), payload)


def _bookmark(payload: Payload) -> str:
    about = payload.get("metadata") or {}
    url = _text(payload, "url") or _text(about, "url")
    parts = [
        f'<div class="kg-bookmark-title">{escape(_text(about, "title") or url)}</div>',
        f'<div class="kg-bookmark-description">{escape(_text(about, "description"))}</div>',
        f'<span class="kg-bookmark-author">{escape(_text(about, "author"))}</span>',
        f'<span class="kg-bookmark-publisher">{escape(_text(about, "publisher"))}</span>',
    ]
    small = "".join(f'<img src="{escape(_text(about, name))}">' for name in ("icon", "thumbnail") if about.get(name))
    return _figure(
        "bookmark", f'<a class="kg-bookmark-container" href="{escape(url)}">{"".join(parts)}{small}</a>', payload
    )


def _embed(payload: Payload) -> str:
    html, url = _text(payload, "html"), _text(payload, "url")
    return _figure("embed", html or (f'<a href="{escape(url)}">{escape(url)}</a>' if url else ""), payload)


def _callout(payload: Payload) -> str:
    emoji = _text(payload, "calloutEmoji")
    head = f'<div class="kg-callout-emoji">{escape(emoji)}</div>' if emoji else ""
    words = f'<div class="kg-callout-text">{_text(payload, "calloutText")}</div>'
    return f'<div class="kg-card kg-callout-card">{head}{words}</div>'


def _toggle(payload: Payload) -> str:
    return (
        f'<div class="kg-card kg-toggle-card"><h4 class="kg-toggle-heading-text">{_text(payload, "heading")}</h4>'
        f'<div class="kg-toggle-content">{_text(payload, "content")}</div></div>'
    )


def _button(payload: Payload) -> str:
    words, url = _text(payload, "buttonText"), _text(payload, "buttonUrl")
    return f'<div class="kg-card kg-button-card"><a href="{escape(url)}">{escape(words)}</a></div>' if words else ""


def _code(payload: Payload) -> str:
    language = _text(payload, "language")
    name = f' class="language-{escape(language)}"' if language else ""
    shown = f"<pre><code{name}>{escape(_text(payload, 'code'), quote=False)}</code></pre>"
    return _figure("code", shown, payload) if payload.get("caption") else shown


def _html(payload: Payload) -> str:
    return _text(payload, "html")


def _email(payload: Payload) -> str:
    """A card that only mails had: kept as a comment that says so, and shown to nobody."""
    inner = _text(payload, "html") + (_button(payload) if payload.get("showButton") else "")
    return f'<div class="kg-email-only">{inner}</div>' if inner else ""


def _paywall(payload: Payload) -> str:
    return "<!--members-only-->"


def _rule(payload: Payload) -> str:
    return "<hr>"


def _video(payload: Payload) -> str:
    return _figure("video", f'<video src="{escape(_text(payload, "src"))}"></video>', payload)


def _audio(payload: Payload) -> str:
    title = f'<div class="kg-audio-title">{escape(_text(payload, "title"))}</div>'
    cover = _text(payload, "thumbnailSrc")
    title = f'<img class="kg-audio-thumbnail" src="{escape(cover)}" alt="">{title}' if cover else title
    return f'<div class="kg-card kg-audio-card">{title}<audio src="{escape(_text(payload, "src"))}"></audio></div>'


def _file(payload: Payload) -> str:
    title = escape(_text(payload, "fileTitle", "fileName"))
    about = f'<div class="kg-file-card-caption">{escape(_text(payload, "fileCaption"))}</div>'
    link = f'<a href="{escape(_text(payload, "src"))}"><div class="kg-file-card-title">{title}</div>{about}</a>'
    return f'<div class="kg-card kg-file-card">{link}</div>'


def _product(payload: Payload) -> str:
    image = image_tag({"src": payload.get("productImageSrc")}) if payload.get("productImageSrc") else ""
    button = _button({"buttonText": payload.get("productButton"), "buttonUrl": payload.get("productUrl")})
    title, about = _text(payload, "productTitle"), _text(payload, "productDescription")
    shown = button if payload.get("productButtonEnabled", True) else ""
    return f'<div class="kg-card kg-product-card">{image}<h4>{title}</h4>{_block(about)}{shown}</div>'


def _header(payload: Payload) -> str:
    heading, below = _text(payload, "header", "heading"), _text(payload, "subheader", "subheading")
    source = _text(payload, "backgroundImageSrc")
    image = image_tag({"src": source}) if source else ""
    button = _button(payload) if payload.get("buttonEnabled") or payload.get("showButton") else ""
    return f"{image}<h2>{heading}</h2>{_block(below)}{button}" if heading or below or image else button


def _signup(payload: Payload) -> str:
    """A form of Ghost: its words stay; the form itself leads nowhere any more."""
    words = [_text(payload, name) for name in ("subheader", "disclaimer")]
    heading = _text(payload, "header")
    source = _text(payload, "backgroundImageSrc")
    image = image_tag({"src": source}) if source else ""
    inner = image + (f"<h2>{heading}</h2>" if heading else "") + "".join(_block(word) for word in words)
    return f'<div class="kg-card kg-signup-card">{inner}</div>'


def _call(payload: Payload) -> str:
    image = image_tag({"src": payload.get("imageUrl")}) if payload.get("imageUrl") else ""
    label = _block(_text(payload, "sponsorLabel")) if payload.get("hasSponsorLabel") else ""
    button = _button(payload) if payload.get("showButton") else ""
    return f"<div>{label}{image}{_block(_text(payload, 'textValue'))}{button}</div>"


def _block(html: str) -> str:
    return html if html.lstrip().startswith("<p") or not html else f"<p>{html}</p>"


def unknown(name: str, payload: object) -> str:
    """Return a card that nobody knows as it was typed, in a form that is kept and named: see html/cards.py."""
    typed = json.dumps(payload, ensure_ascii=False)[:2000]
    return f'<div class="unknown-card" title="{escape(name)}">{escape(typed)}</div>'


CARDS: dict[str, Callable[[Payload], str]] = {
    "image": _image,
    "gallery": _gallery,
    "bookmark": _bookmark,
    "embed": _embed,
    "callout": _callout,
    "toggle": _toggle,
    "button": _button,
    **dict.fromkeys(("code", "codeblock"), _code),
    "html": _html,
    **dict.fromkeys(("email", "email-cta"), _email),
    "paywall": _paywall,
    **dict.fromkeys(("hr", "horizontalrule"), _rule),
    "video": _video,
    "audio": _audio,
    "file": _file,
    "product": _product,
    **dict.fromkeys(("header", "header-card"), _header),
    "signup": _signup,
    "call-to-action": _call,
}
