"""What a list of the admin is called, which of its rows are shown, of how many, and the way to the others."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.contrib.admin.views.main import PAGE_VAR
from django.utils.formats import number_format
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag
def page_name(beside: Iterable[Any] | None, title: str) -> str:
    """Return the name by which the frame leads to the page that is shown; `title` where it leads to none.

    beside: links of `frame.py`, with label and is_current.
    """
    return next((str(link.label) for link in beside or [] if link.is_current), title)


@register.simple_tag
def list_extent(changelist: Any) -> str:
    """Return "51–100 of 3,211"; "10,000 and more" where counting stops there (subscribers/admin.py)."""
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
    """Return the address of the page that is `steps` further, with search, filters and order as they are."""
    return str(changelist.get_query_string({PAGE_VAR: changelist.page_num + steps}))


def _number(value: int) -> str:
    return number_format(value, use_l10n=True, force_grouping=True)
