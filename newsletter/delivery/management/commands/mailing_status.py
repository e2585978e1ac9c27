"""Shows the progress of an issue's mailing."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter.delivery.models import Mailing, MailingCounts
from newsletter.issues.models import Issue


class Command(BaseCommand):
    help = "Say how far the mailing of an issue is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int, help="the issue's number")
        parser.add_argument("--json", action="store_true", help="one JSON object on one line")

    def handle(self, *, number: int, **options: Any) -> None:
        issue = Issue.objects.filter(number=number).first()
        if issue is None:
            raise CommandError(f"There is no issue {number}.")
        status = status_of(issue)
        if options["json"]:
            self.stdout.write(json.dumps(status))
            return
        for name, value in status.items():
            self.stdout.write(f"{name:>10}  {value}")


def status_of(issue: Issue) -> dict[str, int | str]:
    """The state of the issue's latest mailing, and the summed counts of all its mailings of kind issue."""
    mailings = list(issue.mailings.filter(kind=Mailing.Kind.ISSUE).order_by("number"))
    names = ("queued", "sending", "sent", "failed", "uncertain", "skipped")
    counts = [mailing.counts() for mailing in mailings] or [MailingCounts()]
    sums = {name: sum(getattr(each, name) for each in counts) for name in names}
    status = mailings[-1].state if mailings else "none"
    return {"number": issue.number, "status": status, "total": sum(sums.values()), **sums}
