"""Stores one mail from a mail server's pipe: a bounce, a complaint, an unsubscribe or a reply."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error
from django.utils import timezone

from newsletter.delivery.models import InboundMessage

SIZE_MAX = 25 * 1024 * 1024  # bytes


class Command(BaseCommand):
    help = (
        "Take one mail from standard input, as a mail server's pipe hands it over. "
        "The exit code is one of sysexits.h: 0 taken, 65 no mail, 75 try again later."
    )

    requires_system_checks: list[str] = []  # a mail is stored whatever else is wrong

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "recipients", nargs="*", metavar="RECIPIENT", help="whom it was sent to, such as Postfix's ${recipient}"
        )

    def handle(self, *, recipients: list[str], **options: Any) -> None:
        body = sys.stdin.buffer.read(SIZE_MAX + 1)
        if not body.strip() or len(body) > SIZE_MAX:
            self.stderr.write("There is no mail on standard input." if not body.strip() else "This mail is too big.")
            sys.exit(os.EX_DATAERR)
        try:
            InboundMessage.objects.store(InboundMessage.MAIL, body, timezone.now(), about={"to": recipients})
        except Error as error:
            self.stderr.write(f"The database does not take it: {error}")
            sys.exit(os.EX_TEMPFAIL)
