from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsletter.operation.accounts import author, second_factors


class Command(BaseCommand):
    help = (
        "Print a one-time link with which the author, or a helper, chooses a new name and password. "
        "Using it removes the account's second factors: it is the way back for a lost device."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", metavar="NAME", help="whose account it opens; the first owner's if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        user = self._named(options["user"]) if options["user"] else author.get_or_create_author()
        self.stdout.write(author.start_link(user, base_url=settings.SITE_URL))
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        self.stderr.write(f"It works once, within {hours} hours. The old password works until then.")
        if second_factors.has_second_factor(user):
            self.stderr.write("Whoever uses it removes the second factor of this account. Set one up again afterwards.")

    def _named(self, name: str) -> User:
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None:
            raise CommandError(f"No account that may log in is called {name!r}.")
        return user
