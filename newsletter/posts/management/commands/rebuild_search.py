"""Build the search index anew."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from newsletter.posts import search


class Command(BaseCommand):
    help = "Builds the search index anew, from the posts and from what other rooms handed down."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            number = search.rebuild()
        self.stdout.write(f"{number} documents can be found.")
