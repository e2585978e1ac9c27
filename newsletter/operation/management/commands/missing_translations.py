"""What a language lacks, for its translators. Needs polib, which only a development environment has."""

import re
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

COMPLETE = "zh_Hant"  # the tests check that it has every text
DOMAINS = ("django", "djangojs")
KINDS = ("missing", "fuzzy", "other placeholders")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


class Command(BaseCommand):
    help = "Print what a language lacks: texts without translation, fuzzy ones, and those with other placeholders."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("language", help="as its folder in newsletter/locale is called: zh_Hant, de, pt_BR")

    def handle(self, *args: Any, language: str, **options: Any) -> None:
        if not (_locale() / language).is_dir():
            raise CommandError(f"newsletter/locale/{language} does not exist. docs/translating.md says how to begin.")
        counts: Counter[str] = Counter()
        for kind, text in _lacking(language):
            counts[kind] += 1
            self.stdout.write(f"{kind}: {text!r}")
        summary = f"{language}: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
        if counts:
            raise CommandError(summary)
        self.stdout.write(summary)


def _locale() -> Path:
    return Path(settings.LOCALE_PATHS[0])


def _lacking(language: str) -> Iterator[tuple[str, str]]:
    for domain in DOMAINS:
        translated = {(entry.msgctxt, entry.msgid): entry for entry in _catalogue(language, domain)}
        for entry in _catalogue(COMPLETE, domain):
            if kind := _fault(translated.get((entry.msgctxt, entry.msgid))):
                yield kind, entry.msgid


def _catalogue(language: str, domain: str) -> list[polib.POEntry]:
    path = _locale() / language / "LC_MESSAGES" / f"{domain}.po"
    return [entry for entry in polib.pofile(path.read_text()) if not entry.obsolete] if path.exists() else []


def _fault(entry: polib.POEntry | None) -> str | None:
    """Return which of `KINDS` a translation is; None for a good one."""
    if entry is None or (not entry.fuzzy and not entry.translated()):
        return "missing"
    if entry.fuzzy:
        return "fuzzy"
    return None if _has_its_placeholders(entry) else "other placeholders"


def _has_its_placeholders(entry: polib.POEntry) -> bool:
    """A form of a plural may leave some out ("one reader"), any other text may not."""
    if entry.msgid_plural:
        asked = set(PLACEHOLDER.findall(entry.msgid_plural))
        return all(set(PLACEHOLDER.findall(form)) <= asked for form in entry.msgstr_plural.values())
    return Counter(PLACEHOLDER.findall(entry.msgid)) == Counter(PLACEHOLDER.findall(entry.msgstr))
