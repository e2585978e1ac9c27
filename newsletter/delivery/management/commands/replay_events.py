"""Stores provider events from a file: what was missed while this site was down, or a download from the provider."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter.delivery.events import webhooks
from newsletter.delivery.models import InboundMessage


class Command(BaseCommand):
    help = (
        "Take in provider events from a file: one JSON text a line, as the provider's webhook would have sent it. "
        "What is known already changes nothing. The last line is a JSON summary."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--provider",
            choices=sorted(webhooks.VIEW_PATH_BY_PROVIDER),
            help='whose events these are; without it each line is {"provider": …, "body": …}',
        )

    def handle(self, *, file: Path, provider: str | None, **options: Any) -> None:
        counts = {"lines": 0, "stored": 0, "known": 0, "rejected": 0}
        try:
            with file.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        counts["lines"] += 1
                        counts[self._take(number, line, provider)] += 1
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        self.stdout.write("They are applied by the worker, in the background." if counts["stored"] else "Nothing new.")
        self.stdout.write(json.dumps(counts))

    def _take(self, number: int, line: str, provider: str | None) -> str:
        try:
            source, body, kept = _request(line, provider)
        except ValueError as error:
            self.stderr.write(f"Line {number}: {error}")
            return "rejected"
        is_new = InboundMessage.objects.store(source, body.encode(), timezone.now(), about=kept)
        return "stored" if is_new else "known"


def _request(line: str, provider: str | None) -> tuple[str, str, dict[str, str]]:
    """A line's provider, request body and kept headers. Raises ValueError."""
    data = json.loads(line)
    if provider:
        return provider, line.strip(), {}
    if not isinstance(data, dict) or data.get("provider") not in webhooks.VIEW_PATH_BY_PROVIDER:
        raise ValueError("it names no provider that is known; give one with --provider")
    body = data.get("body")
    headers = data.get("headers")
    headers = headers if isinstance(headers, dict) else {}
    kept = {name: str(headers[name]) for name in ("content-type", *webhooks.KEPT_HEADERS) if name in headers}
    return data["provider"], body if isinstance(body, str) else json.dumps(body), kept
