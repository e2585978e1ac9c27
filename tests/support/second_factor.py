"""Second factors for tests: TOTP codes and a software passkey."""

import json
import secrets
import time
from hashlib import sha256
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from newsletter.operation.accounts import second_factors

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def totp_code(off: int = 0, secret: str = SECRET) -> str:
    """The current TOTP code, or `off` steps of 30 seconds later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + off))


def add_totp_app(user: User) -> list[str]:
    """Add the app to the account; return its recovery codes."""
    return second_factors.add_totp(user, SECRET, 0)


def expire_proof(client: Client) -> None:
    """Set the session's last authentication to an hour ago."""
    session = client.session
    session["desk_proven_at"] = time.time() - 3600
    session.save()


class Passkey:
    """A software passkey that responds like a browser, also with wrong values."""

    def __init__(self, *, rp: str = "localhost", origin: str = "http://localhost") -> None:
        self.rp, self.origin = rp, origin
        self.id = secrets.token_bytes(16)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.user_handle = ""

    def create(self, options: dict[str, Any], *, is_verified: bool = True) -> str:
        """The JSON response to registration options."""
        asked = options["publicKey"]
        self.user_handle = asked["user"]["id"]
        public = ES256.from_cryptography_key(self.key.public_key())
        credential = AttestedCredentialData.create(bytes(16), self.id, public)
        made = AttestationObject.create("none", self._data(is_verified, credential), {})
        client = self._client("webauthn.create", asked["challenge"])
        return self._answer({"clientDataJSON": client, "attestationObject": bytes(made)})

    def get(self, options: dict[str, Any], *, is_verified: bool = True, user_handle: str = "") -> str:
        """The JSON response to authentication options."""
        client, data = self._client("webauthn.get", options["publicKey"]["challenge"]), self._data(is_verified)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._answer(parts, userHandle=user_handle or self.user_handle)

    def _data(self, is_verified: bool, credential: bytes = b"") -> AuthenticatorData:
        flag = AuthenticatorData.FLAG
        flags = flag.UP | (flag.UV if is_verified else flag(0)) | (flag.AT if credential else flag(0))
        return AuthenticatorData.create(sha256(self.rp.encode()).digest(), flags, 0, credential)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, parts: dict[str, bytes], **plain: str) -> str:
        name = websafe_encode(self.id)
        response = {key: websafe_encode(value) for key, value in parts.items()} | plain
        answer = {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
        return json.dumps(answer)
