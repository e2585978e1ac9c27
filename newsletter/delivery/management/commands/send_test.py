"""Sends test copies of an issue through the real pipeline."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from newsletter.delivery.provider.outcomes import ProviderRejection, ProviderUnavailable, SendStatus
from newsletter.delivery.rehearsal import send_test_copy
from newsletter.issues.models import Issue


class Command(BaseCommand):
    help = "Send test copies of an issue, as it is now, to some addresses. They are counted nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int, help="the issue's number")
        parser.add_argument("addresses", nargs="+", metavar="ADDRESS")

    def handle(self, *, number: int, addresses: list[str], **options: Any) -> None:
        issue = Issue.objects.filter(number=number).first()
        if issue is None:
            raise CommandError(f"There is no issue {number}.")
        for address in addresses:
            self._send(issue, address)

    def _send(self, issue: Issue, address: str) -> None:
        try:
            validate_email(address)
            outcome = send_test_copy(issue, address)
        except ValidationError as error:
            raise CommandError(f"{address!r} is no e-mail address.") from error
        except (ProviderUnavailable, ProviderRejection) as problem:
            raise CommandError(f"The mail server does not take it: {problem}") from problem
        if outcome.status is not SendStatus.SENT:
            raise CommandError(f"{address}: {outcome.status.value}: {outcome.reply}")
        self.stdout.write(f"{address}: sent")
