"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is good. The challenge waits in the session."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from newsletter.operation.accounts import factors

ANSWER_LENGTH_MAX = 16_000  # characters of JSON; a registration with an attestation is below 8,000
NAME_LENGTH_MAX = 60


class Refused(Exception):
    """The answer is not that of a passkey that belongs here, or not to this challenge."""


def can_be_used(request: HttpRequest) -> bool:
    """Return whether browsers offer passkeys at this address: to https and localhost, not to a bare IP address.

    Source: W3C Web Authentication Level 3, "relying party identifier"; Secure Contexts section 3.1.
    """
    host = request.get_host().rpartition(":")[0] or request.get_host()
    is_number = host.startswith("[") or host.replace(".", "").isdecimal()
    return not is_number and (request.is_secure() or host == "localhost")


def asked_to_register(user: User) -> dict[str, Any]:
    """Return what the browser is to make a passkey from: one that can log in without name and password."""
    return _plain(_webauthn().begin_registration(user, passwordless=True))


def asked_to_log_in(user: User | None) -> dict[str, Any]:
    """Return what the browser is to sign; None asks for whichever account the person has a passkey of."""
    return _plain(_webauthn().begin_authentication(user))


@transaction.atomic
def register(user: User, name: str, answer: Any) -> list[str]:
    """Add the passkey; return new recovery codes, [] if the account has some. Raise Refused."""
    webauthn = _webauthn()
    try:
        webauthn.parse_registration_response(answer)
        if not webauthn.complete_registration(answer).is_user_verified():
            raise Refused
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused from error
    webauthn.WebAuthn.add(user, name[:NAME_LENGTH_MAX], answer)
    return factors.first_codes(user)


def authenticate(user: User | None, answer: Any) -> Authenticator:
    """Return the passkey that signed, of `user` or, for None, of the account that it names. Raise Refused.

    For None it must have checked its owner, whatever the challenge asked: nothing else stands for the second factor.
    """
    webauthn = _webauthn()
    try:
        signed = webauthn.parse_authentication_response(answer).response.authenticator_data
        owner = user or webauthn.extract_user_from_response(answer)
        passkey: Authenticator = webauthn.complete_authentication(owner, answer)
    except (ValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused from error
    if user is None and not signed.is_user_verified():
        raise Refused
    passkey.record_usage()
    return passkey


def _webauthn() -> Any:
    return auth


def _plain(options: Any) -> dict[str, Any]:
    """Return the options as JSON has them: fido2's own mappings are no dictionaries."""
    return {name: _plain(part) if hasattr(part, "items") else part for name, part in options.items()}
