import json
from collections.abc import Iterable
from copy import copy
from typing import Any

from django import template
from django.contrib.admin.views.main import PAGE_VAR
from django.template.context import RequestContext
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext, override
from django.utils.translation import gettext as _

from newsletter.delivery.models import Reply, accepts_replies
from newsletter.desk.next_issue import PostDestination, destination_for
from newsletter.posts.models import Post
from subscribers import addresses

register = template.Library()


@register.simple_tag(takes_context=True)
def mask_addresses(context: RequestContext, text: str) -> str:
    return text if context["user"].has_perm("subscribers.see_readers") else addresses.mask_addresses(str(text))


@register.filter
def change_text(logged: Any) -> str:
    """The text of a LogEntry, translated.

    Django stores the labels of fields in English with a capital, and translates that: "Name" of a tag becomes that of a
    person, and "Alternative text" is not found. Here each label is looked up as the model has it.
    """
    try:
        changes = json.loads(logged.change_message)
    except json.JSONDecodeError:
        return str(logged.get_change_message())
    names = _names(logged)
    for change in changes:
        about = change.get("changed", {})
        if "object" not in about and "fields" in about:
            about["fields"] = [gettext(", ").join(names.get(label, gettext(label)) for label in about["fields"])]
    shown = copy(logged)
    shown.change_message = json.dumps(changes)
    return str(shown.get_change_message())


def _names(logged: Any) -> dict[str, str]:
    """Map each label as Django stores it (English, capitalised) to its translation."""
    model = logged.content_type.model_class() if logged.content_type else None
    labels = [field.verbose_name for field in model._meta.fields + model._meta.many_to_many] if model else []
    with override(None):
        stored = [capfirst(str(label)) for label in labels]
    return dict(zip(stored, (capfirst(str(label)) for label in labels), strict=True))


@register.simple_tag(takes_context=True)
def destination_of(context: RequestContext, post: Post) -> PostDestination | None:
    return destination_for(post, context["user"])


@register.simple_tag
def page_name(beside: Iterable[Any] | None, title: str) -> str:
    """The label of the current navigation link; `title` if none is current.

    beside: NavLinks.
    """
    return next((str(link.label) for link in beside or [] if link.is_current), title)


@register.simple_tag
def list_extent(changelist: Any) -> str:
    """ "51–100 of 3,211"; "10,000 and more" where counting stops (subscribers/admin.py)."""
    count = changelist.result_count
    if not count:
        return _("Nothing here.")
    limit = getattr(changelist.paginator, "limit", None)
    whole = _("%(count)s and more") if limit and count >= limit else "%(count)s"
    all_of_them = whole % {"count": _number(count)}
    if not changelist.multi_page or changelist.show_all:
        return _("%(count)s in all") % {"count": all_of_them}
    first = (changelist.page_num - 1) * changelist.list_per_page + 1
    extent = {"first": _number(first), "last": _number(first + len(changelist.result_list) - 1), "all": all_of_them}
    return _("%(first)s–%(last)s of %(all)s") % extent


@register.simple_tag
def page_link(changelist: Any, steps: int) -> str:
    """The URL of the page `steps` further, with search, filters and order kept."""
    return str(changelist.get_query_string({PAGE_VAR: changelist.page_num + steps}))


def _number(value: int) -> str:
    return number_format(value, use_l10n=True, force_grouping=True)


@register.simple_tag
def replies_here() -> bool:
    return accepts_replies()


@register.simple_tag
def replies_to(issue: int) -> int:
    return Reply.objects.by_readers().filter(issue=issue).count()
