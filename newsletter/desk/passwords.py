"""Password rules, and the limit of guesses."""

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

from newsletter.desk.accounts import login_attempts

LENGTH_MAX = 1024  # characters; longer ones are not hashed


class CountingBackend(ModelBackend):
    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        return login_attempts.check_limited(
            request, username, "password", partial(self._find, request, username, password)
        )

    @sensitive_variables("password")
    def _find(self, request: HttpRequest | None, username: str, password: str) -> User | None:
        """None for users who are not staff: nobody else logs in here."""
        if len(password) > LENGTH_MAX:
            return None
        found = super().authenticate(request, username, password)
        return found if found and found.is_staff else None

    async def aauthenticate(self, request: HttpRequest | None, *args: Any, **credentials: Any) -> User | None:
        """Delegate to `authenticate`: Django's own version would not count failures."""
        return await sync_to_async(self.authenticate)(request, *args, **credentials)


class LengthValidator(MinimumLengthValidator):
    """Adds a maximum length, beyond which no login is possible."""

    def validate(self, password: str, user: User | None = None) -> None:
        super().validate(password, user)
        if len(password) > LENGTH_MAX:
            text = _("Your password can have at most %(most)d characters.")
            raise ValidationError(text, code="password_too_long", params={"most": LENGTH_MAX})
