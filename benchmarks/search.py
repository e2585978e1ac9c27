"""The search over 5,000 posts: milliseconds a page of hits, and whether the hits are exactly those of a LIKE.

    uv run --dev python -m benchmarks.search FOLDER [--posts 5000] [--words 300] [--compared 30] [--postgres]

FOLDER is what benchmarks.corpus reads; its posts are repeated with their paragraphs shuffled until there are enough.
"""

import argparse
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.corpus import posts

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HAN_RUN = re.compile("[\u4e00-\u9fff]{3,}")


@contextmanager
def database(*, postgres: bool) -> Iterator[None]:
    """Set Django up on an empty database of its own. Once a process."""
    from tests.support.postgres import Postgres

    folder, server = Path(tempfile.mkdtemp(prefix="newsletter-search-")), Postgres()
    if postgres:
        server.start()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "newsletter.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": server.url() if postgres else "",
    }
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield
    finally:
        server.stop()
        shutil.rmtree(folder)


def fill(sources: list[str], number: int, dice: random.Random) -> None:
    """Index `number` posts."""
    from django.db import connection, transaction

    from newsletter.posts.search.index import Document, index_document

    with transaction.atomic():
        for key in range(number):
            paragraphs = sources[key % len(sources)].split("\n\n")
            dice.shuffle(paragraphs)
            at = NOW - timedelta(hours=key)
            index_document(Document("post", key, f"/p/{key}/", paragraphs[0][:60], "\n".join(paragraphs), at))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def words(sources: list[str], number: int, dice: random.Random) -> list[str]:
    """Return words of two and three characters as they stand in the posts, the common ones more often."""
    runs = [run for source in sources for run in HAN_RUN.findall(source)]
    found = []
    for run in dice.choices(runs, k=number):
        size = dice.choice((2, 3))
        start = dice.randrange(len(run) - size + 1)
        found.append(run[start : start + size])
    return found


def timed(times: list[float]) -> Callable[..., Any]:
    """Return a wrapper of statements that notes how long each takes, in milliseconds."""

    def wrapper(execute: Callable[..., Any], *statement: Any) -> Any:
        begun = time.perf_counter()
        result = execute(*statement)
        times.append((time.perf_counter() - begun) * 1000)
        return result

    return wrapper


def report(wanted: list[str], compared: int) -> None:
    """Print how long a page of twenty takes, and for how many words a LIKE finds anything else."""
    from django.db import connection

    from newsletter.posts.models import SearchDocument
    from newsletter.posts.search.folding import fold
    from newsletter.posts.search.index import search

    times, spent, asked, wrong = [], [], [], []
    for word in wanted:
        begun, worked = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(timed(asked)):
            search(word, now=NOW)
        times.append((time.perf_counter() - begun) * 1000)
        spent.append((time.process_time() - worked) * 1000)
    for word in wanted[:compared]:
        found = {result.key for result in search(word, now=NOW, limit=100_000).results}
        standing = set(SearchDocument.objects.filter(folded__contains=fold(word)).values_list("key", flat=True))
        wrong += [word] if found != standing else []
    number = SearchDocument.objects.count()
    print(f"{connection.vendor}, {number:,} posts, {len(wanted)} words, load {os.getloadavg()[0]:.1f}")
    for name, all_of_them in (("a page", times), ("of it CPU here", spent), ("of it the statement", asked)):
        cuts = quantiles(all_of_them, n=100)
        print(f"{name}: median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, longest {max(all_of_them):.1f} ms")
    print(f"other hits than LIKE: {len(wrong)} of {compared} words {' '.join(wrong[:10])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=int, default=5000)
    parser.add_argument("--words", type=int, default=300)
    parser.add_argument("--compared", type=int, default=30, help="of the words, with a LIKE")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    options = parser.parse_args()
    dice, sources = random.Random(1), [source for _name, source in posts(options.folder) if source.strip()]
    with database(postgres=options.postgres):
        fill(sources, options.posts, dice)
        report(words(sources, options.words, dice), options.compared)


if __name__ == "__main__":
    main()
