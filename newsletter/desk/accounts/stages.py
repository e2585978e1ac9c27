"""What stands between a password and the desk."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from newsletter.operation.accounts import factors


class SecondFactorStage(LoginStage):  # type: ignore[misc]  # allauth has no types
    """Asks for a code or a passkey, unless the account has neither, or the login was a passkey's."""

    key = "second_factor"
    urlname = "admin:second_factor"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return a redirect, or None to go on; the login is kept in both cases."""
        is_done = self.login.state.get("by_passkey") or not factors.has_any(self.login.user)
        return (None if is_done else redirect(self.urlname)), True
