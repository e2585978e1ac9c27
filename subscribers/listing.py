"""Long lists of rows on the desk: counted no further than a person would leaf, and looked through once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

COUNT_MAX = 10_000  # rows; a page beyond that is found by searching, not by leafing


class LimitedPaginator(Paginator):  # type: ignore[type-arg]
    """Count no further than a person would leaf: count(*) over a million rows takes a second."""

    limit = COUNT_MAX  # what a page says is then "10,000 and more"

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[: self.limit].count()

    @property
    def has_more(self) -> bool:
        """Return whether there may be more than are counted."""
        return self.count >= self.limit


class FoundPaginator(LimitedPaginator):
    """Pages of what was looked for, the newest first. parts: all of it together, each newer than the next.

    Looking through addresses and names is what takes the time, so keys are read once: for the count and for a page.
    """

    parts: Sequence["QuerySet[Any]"] = ()

    @cached_property
    def keys(self) -> list[int]:
        """Return what was found, the newest first, and no more than `limit`."""
        found: list[int] = []
        for part in self.parts:
            found += part.order_by("-pk").values_list("pk", flat=True)[: self.limit - len(found)]
        return found

    @cached_property
    def count(self) -> int:
        return len(self.keys)


class ReadPaginator(FoundPaginator):
    """A page of what was looked for, whose rows are fetched by their keys. rows: where they are fetched.

    It looks no further than to the next page: texts are long, and a frequent word stands in each third of them.
    """

    def __init__(self, found: "QuerySet[Any]", per_page: int, *, rows: "QuerySet[Any]") -> None:
        super().__init__(found, per_page)
        self.parts, self.rows = [found], rows

    def get_page(self, number: float | str | None) -> "Page[Any]":
        typed = str(number)
        wanted = int(typed[:9]) if typed.isdecimal() else 1
        self.limit = min(self.limit, max(wanted, 1) * self.per_page + 1)
        return super().get_page(wanted)

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        keys = self.keys[(number - 1) * self.per_page : number * self.per_page]
        return Page(self.rows.filter(pk__in=keys).order_by("-pk"), number, self)


class FoundList(ChangeList):
    """A list of a desk whose newest rows stand first, and whose rows are not looked for a second time."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not isinstance(self.paginator, FoundPaginator):
            return
        first = 0 if self.show_all else (self.page_num - 1) * self.list_per_page
        end = self.list_max_show_all if self.show_all else first + self.list_per_page
        self.result_list = self.root_queryset.filter(pk__in=self.paginator.keys[first:end]).order_by("-pk")
