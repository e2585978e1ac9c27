from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import ngettext

from newsletter.moving.folder import layout
from newsletter.moving.management.commands.import_posts import add_options_of_conversion, convert, rejection_text


class Command(BaseCommand):
    help = "Write an export of another program as a folder of Markdown and pictures, which import_posts takes in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="what the other program gave you")
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new folder")
        add_options_of_conversion(parser)

    def handle(self, *args: Any, path: Path, folder: Path, **options: Any) -> None:
        convert(path, folder.absolute(), self, options)
        account = layout.read_report(folder)
        for name, reason in account.rejected:
            self.stdout.write(rejection_text(name, reason))
        count = len(account.posts)
        message = ngettext(
            "%(program)s: %(count)d post in %(folder)s", "%(program)s: %(count)d posts in %(folder)s", count
        )
        self.stdout.write(message % {"program": account.program, "count": count, "folder": folder})
