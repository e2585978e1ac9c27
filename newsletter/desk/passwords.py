"""What a password must be, and how often it may be guessed."""

from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from newsletter.desk.accounts import attempts

LENGTH_MAX = 1024  # characters; nobody types more, and what is longer is not hashed


class CountingBackend(ModelBackend):
    """Django's own, which counts failures: at every door that calls `authenticate`, whoever is logged in there."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        return attempts.guarded(request, username, "password", partial(self._find, request, username, password))

    @sensitive_variables("password")
    def _find(self, request: HttpRequest | None, username: str, password: str) -> User | None:
        """Return whose password it is; None for a user who is no staff, because nobody else logs in here."""
        if len(password) > LENGTH_MAX:
            return None
        found = super().authenticate(request, username, password)
        return found if found and found.is_staff else None

    async def aauthenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> User | None:
        """Ask `authenticate`: Django's own way to do this would not count."""
        return await sync_to_async(self.authenticate)(request, *args, **credentials)


class LengthValidator(MinimumLengthValidator):
    """Django's own, which refuses too what nobody could log in with."""

    def validate(self, password: str, user: User | None = None) -> None:
        super().validate(password, user)
        if len(password) > LENGTH_MAX:
            text = _("Your password can have at most %(most)d characters.")
            raise ValidationError(text, code="password_too_long", params={"most": LENGTH_MAX})
