"""Passkeys (WebAuthn): options for the browser, and verification of its response. The challenge is in the session."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from newsletter.operation.accounts import second_factors

RESPONSE_LENGTH_MAX = 16_000  # characters of JSON; a registration with an attestation is below 8,000
NAME_LENGTH_MAX = 60
webauthn: Any = auth  # allauth has no types


class PasskeyRejected(Exception):
    """The response is malformed, of an unknown passkey, for another challenge, or without user verification."""


def are_supported(request: HttpRequest) -> bool:
    """Do browsers support passkeys here? Only on https or localhost, not on a bare IP address.

    Source: W3C Web Authentication Level 3, "relying party identifier"; Secure Contexts section 3.1.
    """
    host = request.get_host().rpartition(":")[0] or request.get_host()
    is_number = host.startswith("[") or host.replace(".", "").isdecimal()
    return not is_number and (request.is_secure() or host == "localhost")


def registration_options(user: User) -> dict[str, Any]:
    """Options for a discoverable passkey: it logs in without a user name."""
    return _plain(webauthn.begin_registration(user, passwordless=True))


def login_options(user: User | None) -> dict[str, Any]:
    """Options for a login; None accepts a passkey of any account."""
    return _plain(webauthn.begin_authentication(user))


@transaction.atomic
def register(user: User, name: str, answer: Any) -> list[str]:
    """Add the passkey; return new recovery codes, [] if the account has some. Raises PasskeyRejected."""
    try:
        webauthn.parse_registration_response(answer)
        if not webauthn.complete_registration(answer).is_user_verified():
            raise PasskeyRejected
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PasskeyRejected from error
    webauthn.WebAuthn.add(user, name[:NAME_LENGTH_MAX], answer)
    return second_factors.create_first_codes(user)


def authenticate(user: User | None, answer: Any) -> Authenticator:
    """Verify the response; return the passkey of `user` or, for None, of the account that it names.

    For None, user verification is required: there is no other second factor. Raises PasskeyRejected.
    """
    try:
        signed = webauthn.parse_authentication_response(answer).response.authenticator_data
        owner = user or webauthn.extract_user_from_response(answer)
        passkey: Authenticator = webauthn.complete_authentication(owner, answer)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PasskeyRejected from error
    if user is None and not signed.is_user_verified():
        raise PasskeyRejected
    passkey.record_usage()
    return passkey


def _plain(options: Any) -> dict[str, Any]:
    """Convert fido2's own mappings, which are not dictionaries, for JSON."""
    return {name: _plain(part) if hasattr(part, "items") else part for name, part in options.items()}
