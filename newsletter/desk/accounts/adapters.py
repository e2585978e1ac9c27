"""How django-allauth is fitted to the desk: nobody signs up, the secrets of second factors are stored encrypted."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from newsletter.publication import limits
from newsletter.publication.models import Publication

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

UNKNOWN_ADDRESS = "::"  # a Unix socket has none, and a row of the list of sessions must have one


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """A login has one stage of ours behind the password; whatever allauth would say, the desk's pages say."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["newsletter.desk.accounts.stages.SecondFactorStage"]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("admin:index")

    def get_client_ip(self, request: HttpRequest) -> str:
        return limits.client_address(request) or UNKNOWN_ADDRESS

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: each view of the desk has its own words."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets are encrypted with a key of SECRET_KEY; apps and keys show the name of the publication."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raise ValidationError when it was encrypted under a SECRET_KEY that is gone."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415  # 4 MB that most processes never need

        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            message = _("This second factor cannot be read: SECRET_KEY has changed. Use author_link.")
            raise ValidationError(message) from None

    def get_totp_issuer(self) -> str:
        return Publication.objects.current().name

    def _get_site_name(self) -> str:
        return Publication.objects.current().name

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())


def _cipher() -> "MultiFernet":
    """Return what encrypts under SECRET_KEY, and decrypts under it or a former one."""
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415  # 4 MB that most processes never need

    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (sha256(f"newsletter.desk.second_factor.{secret}".encode()).digest() for secret in secrets)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in keys])
