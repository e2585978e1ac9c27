import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter.operation import diagnosis, doctor_checks, hourly_check
from newsletter.operation.findings import ERROR, WARNING, Finding

GRAVE = (ERROR, WARNING)  # the gravest first
PUBLIC = ("level", "id", "message", "hint")  # what scripts rely on


class Command(BaseCommand):
    help = "Say what is wrong with this installation and how to mend it. Exits with 1 on an error."
    requires_system_checks = []  # the doctor must run even if they fail

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--mail", action="store_true", help="mail those who may send what has changed since the last look; no more"
        )
        parser.add_argument(
            "--fail-on", choices=GRAVE, default=ERROR, help="the mildest level that exits with 1 (default: error)"
        )
        parser.add_argument(
            "--forget-keys", action="store_true", help="former secret keys are lost for good: speak of them no more"
        )
        parser.add_argument("--json", action="store_true", help="a list of {level, id, message, hint}")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["mail"]:
            news = hourly_check.check_and_mail(timezone.now())
            self.stdout.write(f"{len(news.wrong)} new, {len(news.well)} well again.")
            return
        if options["forget_keys"]:
            doctor_checks.forget_keys()
        findings = diagnosis.run_checks(timezone.now())
        if options["json"]:
            texts = [{name: getattr(finding, name) for name in PUBLIC} for finding in findings]
            self.stdout.write(json.dumps(texts, ensure_ascii=False, indent=2))
        else:
            self._print(findings)
        if any(finding.level in GRAVE[: GRAVE.index(options["fail_on"]) + 1] for finding in findings):
            sys.exit(1)

    def _print(self, findings: list[Finding]) -> None:
        styles = {"error": self.style.ERROR, "warning": self.style.WARNING, "info": self.style.NOTICE}
        for finding in findings:
            self.stdout.write(styles[finding.level](f"{finding.level}  {finding.id}"))
            self.stdout.write(f"  {finding.message}\n  {finding.hint}\n")
        if not findings:
            self.stdout.write(self.style.SUCCESS("Nothing to mend."))
