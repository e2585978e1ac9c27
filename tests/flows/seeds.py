"""What the flows start from, brought in by the product's own commands."""

import csv
from collections.abc import Iterable
from pathlib import Path

from tests.support.product import Product

READERS = """
from io import StringIO
from django.core.management import call_command
from django.db import connection

if not connection.introspection.table_names():  # a copy of a database that is migrated needs no look at that
    call_command("migrate", verbosity=0)
call_command("import_subscribers", {file!r}, stdout=StringIO(), stderr=StringIO())
"""
POST = """
from django.utils import timezone
from newsletter.posts.models import Post

Post.objects.create(title="管理槓桿", words="leverage", body={body!r}, published_at=timezone.now())
"""
ISSUE_1 = """
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post

issue = Issue.objects.create(number=1, subject="第一期", introduction="大家好，**這是**第一期。")
for post in Post.objects.all():
    IssueItem.objects.create(issue=issue, post=post)
"""
SENT = """
from io import StringIO
from django.core.management import call_command

call_command("send_issue", "1", "--no-hold", stdout=StringIO())
"""
SCHEDULED = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue
now = timezone.now()
approving.approve(Issue.objects.get(number=1), send_at=now + timedelta(days=1), now=now, hold=timedelta())
"""
ENGLISH = """
from newsletter.publication.models import Publication

Publication.objects.current()
Publication.objects.update(language="en")
"""
BODY = "讓管理變省力的**四個**技巧。[詳見](https://example.org/leverage)。\n"


def speak_english(product: Product) -> None:
    """Make the site speak the language of its source, which a translator cannot change."""
    product.shell(ENGLISH)


def compose_issue_1(product: Product, readers: Iterable[str]) -> None:
    """Make the database, with readers who may be mailed and an issue that is ready to be sent."""
    file: Path = product.folder / "readers.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["email", "state"])
        rows.writerows([address, "active"] for address in readers)
    # In one process: to start one is what takes long.
    product.shell(READERS.format(file=str(file)) + POST.format(body=BODY) + ISSUE_1)


def send_issue_1(product: Product) -> None:
    """Begin to send now, by the command that `test_result` and `test_machines` run as a process of its own."""
    product.shell(SENT)


def schedule_issue_1(product: Product) -> None:
    """Approve it for tomorrow."""
    product.shell(SCHEDULED)
