"""From templates/email/<name>.html to a Letter."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import get_template

from newsletter.buckets import PicturesAway
from newsletter.mail import colours, html, plaintext, spacing
from newsletter.mail.message import Letter, shortened, shouted

LOOK = "letter"  # one of templates/email/_*.css
LOGO_WIDTH, LOGO_HEIGHT = 160, 36  # pixels at most, beside the name
FACE_SIDE = 44  # pixels


def render(
    name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool = False
) -> Letter:
    """Return the letter of templates/email/<name>.html, in the language that is active.

    The text part is <name>.txt if there is one, else it is read out of the HTML.
    context: what the template says; `publication` gives the frame its name, logo and accent.
    base_url: absolute, without a slash at its end, for links that a template builds.
    needs_pictures: raise PicturesAway rather than leave logo and face out while nobody can look at their files.
    """
    page = _page(name, subject, context, base_url=base_url, needs_pictures=needs_pictures)
    return Letter(subject=shortened(page.subject), html=page.html, text=_text(name, page))


def render_html(
    name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool = False
) -> str:
    return _page(name, subject, context, base_url=base_url, needs_pictures=needs_pictures).html


class _Page(NamedTuple):
    """The HTML part, and what the text part is made of. whole: the HTML before what old programs need."""

    subject: str
    values: dict[str, Any]
    names: tuple[str, ...]
    whole: str
    html: str


def _page(name: str, subject: str, context: Mapping[str, Any], *, base_url: str, needs_pictures: bool) -> _Page:
    names = spelled(context.get("publication"))
    subject = spaced_subject(subject, names)
    shades = colours.of_mail(getattr(context.get("publication"), "accent", ""))
    values = {**context, **shades, "subject": subject, "base_url": base_url}
    try:
        values |= {"logo": _logo(context.get("publication")), "face": _face(context.get("publication"))}
    except PicturesAway:
        if needs_pictures:
            raise
    values["look_styles"] = f"email/_{getattr(context.get('publication'), 'look', '') or LOOK}.css"
    whole = spacing.spaced_html(html.inline_css(get_template(f"email/{name}.html").render(values)), names)
    return _Page(subject, values, names, whole, html.for_old_clients(whole))


def spelled(publication: Any) -> tuple[str, ...]:
    """Return the names in which no space is put between Chinese and Latin."""
    return tuple(publication.spelled()) if hasattr(publication, "spelled") else ()


def spaced_subject(subject: str, names: tuple[str, ...]) -> str:
    """Return a subject with a space between Chinese and Latin, but where filters would take it for shouting then."""
    line = spacing.spaced(subject, names)
    return line if shouted(subject) or not shouted(line) else subject


def _text(name: str, page: _Page) -> str:
    try:
        template = get_template(f"email/{name}.txt")
    except TemplateDoesNotExist:
        return plaintext.text_from_html(page.whole)
    return plaintext.tidy(spacing.spaced(template.render(page.values), page.names))


def _logo(publication: Any) -> dict[str, Any] | None:
    """Return address and size of the logo; None without one, or when its file is lost: the name says it too."""
    logo = getattr(publication, "logo", None)
    if not logo:
        return None
    try:
        scale = min(LOGO_HEIGHT / logo.height, LOGO_WIDTH / logo.width)
    except PicturesAway:
        raise
    except OSError:
        return None
    size = {"width": round(logo.width * scale), "height": round(logo.height * scale)}
    return {"url": logo.url, "alt": getattr(publication, "logo_alt", ""), **size}


def _face(publication: Any) -> dict[str, Any] | None:
    """Return address and size of the author's photograph; None without one, or when its file is lost."""
    face = getattr(publication, "face", None)
    if not face or not face.storage.exists(face.name):
        return None
    return {"url": face.url, "alt": publication.face_alt or publication.author or publication.name, "side": FACE_SIDE}
