"""Build the search index anew."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from newsletter.issues import search
from newsletter.posts.search import index


class Command(BaseCommand):
    help = "Renders every post anew, and builds the search index of posts and issues anew."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            number = index.rebuild_index(search.search_documents())
        self.stdout.write(f"{number} documents can be found.")
