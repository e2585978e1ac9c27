"""Render templates/email/<name>.html to MailContent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import get_template

from newsletter.buckets import PicturesUnavailable
from newsletter.mail import colours, html, plaintext, spacing, typesetting
from newsletter.mail.message import MailContent, shorten_subject, shouting_letters

DEFAULT_LOOK = "letter"  # one of templates/email/_*.css
LOGO_WIDTH, LOGO_HEIGHT = 160, 36  # pixels at most
FACE_SIDE = 44  # pixels


def render(
    name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool = False
) -> MailContent:
    """Render in the active language.

    The text part is <name>.txt if it exists, else it is converted from the HTML.
    context: `publication` gives the frame its name, logo and accent.
    base_url: absolute, without a trailing slash, for links in the template.
    needs_pictures: raise PicturesUnavailable instead of omitting logo and face while their storage is down.
    """
    page = _render_page(name, subject, context, base_url=base_url, needs_pictures=needs_pictures)
    return MailContent(subject=shorten_subject(page.subject), html=page.html, text=_plain_text(name, page))


def render_html(
    name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool = False
) -> str:
    return _render_page(name, subject, context, base_url=base_url, needs_pictures=needs_pictures).html


class _MailPage(NamedTuple):
    """The HTML part, and the input of the text part. whole: the HTML before `for_old_clients`."""

    subject: str
    values: dict[str, Any]
    names: tuple[str, ...]
    whole: str
    html: str


def _render_page(
    name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool
) -> _MailPage:
    publication = context.get("publication")
    names = unspaced_names(publication)
    subject = spaced_subject(subject, names)
    shades = colours.mail_palette(getattr(publication, "accent", ""))
    values = {**context, **shades, "subject": subject, "base_url": base_url}
    try:
        values |= {"logo": _logo(publication), "face": _face(publication)}
    except PicturesUnavailable:
        if needs_pictures:
            raise
    values["look_styles"] = f"email/_{getattr(publication, 'look', '') or DEFAULT_LOOK}.css"
    whole = spacing.autospace_html(html.inline_css(get_template(f"email/{name}.html").render(values)), names)
    whole = typesetting.keep_endings(whole)
    whole = typesetting.keep_name(whole, getattr(publication, "name", ""))
    if getattr(publication, "language", "") != "en":  # an English mail has Latin fonts first
        whole = typesetting.narrow_quotes(whole)
    return _MailPage(subject, values, names, whole, html.for_old_clients(whole))


def unspaced_names(publication: Any) -> tuple[str, ...]:
    return tuple(publication.unspaced_names()) if hasattr(publication, "unspaced_names") else ()


def spaced_subject(subject: str, names: tuple[str, ...]) -> str:
    """Add spaces between Chinese and Latin, unless spam filters would then see an all-caps subject."""
    line = spacing.autospace_text(subject, names)
    return line if shouting_letters(subject) or not shouting_letters(line) else subject


def _plain_text(name: str, page: _MailPage) -> str:
    try:
        template = get_template(f"email/{name}.txt")
    except TemplateDoesNotExist:
        return plaintext.text_from_html(page.whole)
    return plaintext.tidy(spacing.autospace_text(template.render(page.values), page.names))


def _logo(publication: Any) -> dict[str, Any] | None:
    """URL and size; None without a logo, or if its file is missing."""
    logo = getattr(publication, "logo", None)
    if not logo:
        return None
    try:
        scale = min(LOGO_HEIGHT / logo.height, LOGO_WIDTH / logo.width)
    except PicturesUnavailable:
        raise
    except OSError:
        return None
    size = {"width": round(logo.width * scale), "height": round(logo.height * scale)}
    return {"url": logo.url, "alt": getattr(publication, "logo_alt", ""), **size}


def _face(publication: Any) -> dict[str, Any] | None:
    """URL and size of the author's photograph; None without one, or if its file is missing."""
    face = getattr(publication, "face", None)
    if not face or not face.storage.exists(face.name):
        return None
    return {"url": face.url, "alt": publication.face_alt or publication.author or publication.name, "side": FACE_SIDE}
