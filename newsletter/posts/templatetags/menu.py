"""The template tag of the menu."""

from django import template
from django.utils import timezone

from newsletter.posts.menu import MenuLink, menu_links
from newsletter.publication.models import Publication

register = template.Library()


@register.simple_tag
def menu() -> list[MenuLink]:
    return menu_links(Publication.objects.current().menu, timezone.now())
