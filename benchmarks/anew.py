"""What each public page costs when it is made anew: the site's version is moved on before each request.

    uv run --dev python -m benchmarks.anew [--posts 10 5000] [--rounds 100] [--postgres]

Milliseconds of CPU of one process that calls the WSGI application itself: no server, no socket, but the whole
middleware, and Python's compression of the page. Printed are the best tenth and the median of the rounds; the pages
take turns. Remembered from before are texts, lengths and relatives; nothing of this version of the site.

queries    what the page asks the database, the first one of a version of the site, and in brackets each further one
post       with relatives looked for in the last hour; "related anew": the first one in an hour
search     a word that every fiftieth post has; "of all": one that every post has
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote
from wsgiref.util import setup_testing_defaults

from benchmarks.installation import PARAGRAPH, machine

TAGS = 50
IN_AN_ISSUE = 8  # posts
RARE, IN_ALL = "季節限定", "管理"
FIRST_LOOK = "post, related anew"
clients = count(1)


@contextmanager
def site(*, postgres: bool) -> Iterator[None]:
    """Set Django up on an empty installation of its own. Once a process."""
    from tests.support.postgres import Postgres

    folder, server = Path(tempfile.mkdtemp(prefix="newsletter-benchmark-")), Postgres()
    if postgres:
        server.start()
    os.environ |= dict.fromkeys(("REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "SECRET_KEY"), "") | {
        "DJANGO_SETTINGS_MODULE": "newsletter.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": server.url() if postgres else "",
        "SITE_URL": "http://127.0.0.1",
    }
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        from newsletter.publication.models import Publication

        Publication.objects.create(name="Gipi電子報")  # its pages are closed until it has a name
        yield
    finally:
        server.stop()
        shutil.rmtree(folder)


def body(number: int) -> str:
    """Return 2,500 characters that no other post has."""
    end = f"最後談談{RARE}。" if number % 50 == 0 else "下回見。"
    return "\n\n".join([f"這是第 {number} 篇。", *[PARAGRAPH] * 25, end])


def fill(first: int, last: int) -> None:
    """Add posts, and an issue for every ten of them; all can be found."""
    from django.db import transaction
    from django.utils import timezone

    from newsletter.issues.archiving import index_issue
    from newsletter.issues.models import Issue, IssueItem
    from newsletter.posts.models import Post, Tag
    from newsletter.posts.search.index import index_post

    now = timezone.now()
    with transaction.atomic():
        tags = [Tag.objects.get_or_create(name=f"標籤{n}", slug=f"tag{n}")[0] for n in range(TAGS)]
        for ten in range(first, last, 10):
            posts = [
                Post(
                    title=f"第 {n} 篇：槓桿", words="leverage", body=body(n), published_at=now - timedelta(hours=n + 1)
                )
                for n in range(ten, ten + 10)
            ]
            for n, post in enumerate(Post.objects.bulk_create(posts), ten):
                post.tags.set([tags[n % TAGS], tags[(n + 7) % TAGS]])
                index_post(post)
            sent_at, number = now - timedelta(days=14 * ten / 10), 100_000 - ten // 10
            issue = Issue.objects.create(
                number=number, subject=f"第 {number} 期", introduction="大家好。", sent_at=sent_at
            )
            IssueItem.objects.bulk_create(IssueItem(issue=issue, post=post) for post in posts[:IN_AN_ISSUE])
            index_issue(issue)
            posts_of_ten = Post.objects.filter(pk__in=[post.pk for post in posts])
            posts_of_ten.update(updated_at=sent_at)  # as nearly all: nobody has touched them since
            Issue.objects.filter(pk=issue.pk).update(updated_at=sent_at)


def pages() -> dict[str, str]:
    """Return the addresses of what is measured; the year is the last one that is complete, if there is one."""
    from newsletter.issues.models import Issue
    from newsletter.posts.models import Post

    years = [year for year, _number in Issue.objects.archived().years()]
    issues, posts = list(Issue.objects.archived()[:2]), list(Post.objects.order_by("-published_at")[:3])
    return {
        "post": posts[-1].get_absolute_url(),
        FIRST_LOOK: posts[0].get_absolute_url(),
        "home": "/",
        "issue": issues[-1].get_absolute_url(),
        "archive": "/issues/",
        "year": f"/issues/{years[:2][-1]}/",
        "all posts": "/posts/",
        "a tag": "/tags/tag3/",
        "start here": "/start-here/",
        "search": f"/search/?q={quote(RARE)}",
        "search, of all": f"/search/?q={quote(IN_ALL)}",
        "feed": "/feed.xml",
        "sitemap": "/sitemap.xml",
    }


def get(address: str) -> bytes:
    """Return the compressed page of `address` through all of the product but its server."""
    from newsletter.wsgi import application

    path, _mark, query = address.partition("?")
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_ACCEPT_ENCODING": "gzip"}
    number = next(clients)  # another one each time: a single one may not search so often
    environ |= {"HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
    setup_testing_defaults(environ)
    said: list[str] = []
    response = application(environ, lambda status, _headers: said.append(status))
    octets = b"".join(response)
    response.close()
    assert said[0].startswith(str(HTTPStatus.OK.value)), f"{address}: {said[0]}"
    return octets


def change(name: str = "") -> None:
    """Move the version of the site on, as every change of what readers see does."""
    from django.core.cache import caches
    from django.db.models import F

    from newsletter.page_cache.site_version import SiteVersion
    from newsletter.posts.models import Post

    SiteVersion.objects.update(number=F("number") + 1)
    if name == FIRST_LOOK:
        caches["pages"].delete_many(f"related:{number}" for number in Post.objects.values_list("pk", flat=True)[:1])


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def queries(address: str) -> int:
    """Return how many statements a page needs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        get(address)
    return len(asked)


def measure(rounds: int) -> Iterable[str]:
    """Yield a line for each page."""
    addresses = pages()
    times: dict[str, list[float]] = {name: [] for name in addresses}
    for round_ in range(rounds + 2):
        for name, address in addresses.items():
            change(name)
            spent = milliseconds(partial(get, address))
            times[name] += [spent] if round_ > 1 else []  # imports, templates and texts are loaded by then
    for name, address in addresses.items():
        change(name)
        first = queries(address)
        change()
        get("/about/")
        low, middle = quantiles(times[name], n=10)[0], median(times[name])
        size = len(get(address)) / 1000
        yield f"{name:18} {low:8.1f} {middle:8.1f} {first:6} ({queries(address + _elsewhere(address))}) {size:8.1f}"


def _elsewhere(address: str) -> str:
    """Return what makes another address of the same page."""
    return ("&" if "?" in address else "?") + "elsewhere"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[10, 5000], help="tens, each more than the one before")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    options = parser.parse_args()
    with site(postgres=options.postgres):
        there = 0
        for number in options.posts:
            fill(there, number)
            there = number
            print(f"{number:,} posts, {machine()}")
            print(f"{'page':18} {'best 10th':>8} {'median':>8} {'queries':>10} {'KB':>8}")
            for line in measure(options.rounds):
                print(line)


if __name__ == "__main__":
    main()
