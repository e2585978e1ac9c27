"""The sign-up form, for any page."""

from typing import Any

from django import template
from django.utils import timezone

from newsletter.publication.models import Publication
from subscribers.forms import stamp

register = template.Library()


@register.inclusion_tag("subscribers/_signup_form.html")
def signup_form(
    place: str = "page", email: str = "", error: str = "", origin: str = "", **carried: str
) -> dict[str, Any]:
    """Show one field and a button, or that the publication takes no new readers.

    place: where on the site the form stands, in letters; kept with the reader's consent, and
        makes the field's id unique when a page shows two forms.
    error: why the address was not taken. origin: the place of the form that was sent first, if this one comes after it.
    carried: where the reader came from (`came`), the token of the letter that brought them (`invite`), and their
        `name`, on a page that is made for one.
    """
    publication = Publication.objects.current()
    fields = {"place": place, "origin": origin or place, "email": email, "error": error, **carried}
    return fields | {"stamp": stamp(timezone.now()), "publication": publication}
