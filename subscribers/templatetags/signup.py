"""The sign-up form as a template tag."""

from typing import Any

from django import template
from django.utils import timezone

from newsletter.publication.models import Publication
from subscribers.forms import sign_timestamp

register = template.Library()


@register.inclusion_tag("subscribers/_signup_form.html")
def signup_form(
    place: str = "page", email: str = "", error: str = "", origin: str = "", **carried: str
) -> dict[str, Any]:
    """The form, or a notice that sign-up is closed.

    place: page of the form, stored with the consent; also makes the field's id unique on the page.
        error: why the address was refused. origin: place of the first form, on follow-up pages.
    carried: hidden fields: origin of the reader (`came`), invitation token (`invite`), `name`.
    """
    publication = Publication.objects.current()
    fields = {"place": place, "origin": origin or place, "email": email, "error": error, **carried}
    return fields | {"stamp": sign_timestamp(timezone.now()), "publication": publication}
