"""What providers send: requests of django-anymail's own tests (payloads/LICENSE), signed anew with keys of ours."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

SECRET = "hook:a-long-word"
TOPIC = "arn:aws:sns:us-east-1:1234567890:SES_Events"
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem"


@dataclass(frozen=True)
class Recorded:
    provider: str
    body: bytes
    content_type: str = "application/json"
    headers: dict = field(default_factory=dict)
    kinds: tuple = ()


@cache
def recorded() -> tuple[Recorded, ...]:
    rows = json.loads((Path(__file__).parent / "payloads" / "anymail.json").read_text())
    return tuple(
        Recorded(
            row["provider"],
            row["body"].encode(),
            row["content_type"],
            row["headers"],
            tuple(event["kind"] for event in row["events"]),
        )
        for row in rows
    )


# --- Keys ---


@cache
def _ec_key():
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def _public(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


@cache
def certificate(ended=False) -> bytes:
    """Return a certificate as SNS has one: of our own key."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key().public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2016, 1, 1, tzinfo=UTC) if ended else now + timedelta(days=900))
    return builder.sign(rsa_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def webhooks():
    """Return the keys, as the mail URLs give them to the product."""
    return {
        "mailgun": {"webhook_signing_key": "mailgun-key"},
        "mailersend": {"signing_secret": "mailersend-key"},
        "mailtrap": {"tracking_secret": "mailtrap-key"},
        "mandrill": {
            "webhook_key": "mandrill-key",
            "webhook_url": "https://news.example.org/webhooks/mandrill/tracking/",
        },
        "resend": {"signing_secret": "whsec_" + base64.b64encode(b"resend-key").decode()},
        "sendgrid": {"tracking_webhook_verification_key": _public(_ec_key())},
        "postal": {"webhook_key": _public(rsa_key())},
        "amazon_ses": {"topics": TOPIC},
    }


# --- Signatures ---


def _hex(key, data):
    return hmac.new(key.encode(), data, hashlib.sha256).hexdigest()


def signed(one: Recorded) -> Recorded:
    """Return a request as its provider signs it; as it is where the provider signs nothing."""
    return SIGN[one.provider](one) if one.provider in SIGN else one


def _with(one, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Recorded(one.provider, one.body if body is None else body, one.content_type, one.headers | named, one.kinds)


def _mailgun(one):
    if "json" not in one.content_type:
        return one
    data = json.loads(one.body)
    signature = data.setdefault("signature", {})
    signature.setdefault("token", "0" * 32)
    signature["timestamp"] = str(signature.get("timestamp") or 1534111899)
    signature["signature"] = _hex("mailgun-key", (signature["timestamp"] + signature["token"]).encode())
    return _with(one, json.dumps(data).encode())


def _mailersend(one):
    return _with(one, Signature=_hex("mailersend-key", one.body))


def _mailtrap(one):
    return _with(one, Mailtrap_Signature=_hex("mailtrap-key", one.body))


def _resend(one):
    name, now = one.headers.get("Svix-Id", "msg_1"), str(int(time.time()))
    digest = hmac.digest(b"resend-key", f"{name}.{now}.".encode() + one.body, "sha256")
    written = "v1,AAAA v1," + base64.b64encode(digest).decode()
    return _with(one, Svix_Id=name, Svix_Timestamp=now, Svix_Signature=written)


def _sendgrid(one):
    now = str(int(time.time()))
    digest = _ec_key().sign(now.encode() + one.body, ec.ECDSA(hashes.SHA256()))
    written = base64.b64encode(digest).decode()
    return _with(one, X_Twilio_Email_Event_Webhook_Timestamp=now, X_Twilio_Email_Event_Webhook_Signature=written)


def _postal(one):
    digest = rsa_key().sign(one.body, padding.PKCS1v15(), hashes.SHA1())
    return _with(one, X_Postal_Signature=base64.b64encode(digest).decode())


def _amazon(one):
    message = json.loads(one.body)
    message.setdefault("TopicArn", TOPIC)
    return _with(one, json.dumps(sns_signed(message)).encode())


def sns_signed(message: dict, version="2") -> dict:
    """Return a message of SNS with its signature."""
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    is_notification = message["Type"] == "Notification"
    apart = {"SubscribeURL", "Token"} if is_notification else {"Subject"}
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message and name not in apart)
    algorithm = {"1": hashes.SHA1, "2": hashes.SHA256}[version]()
    signature = base64.b64encode(rsa_key().sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
    return message | {"SignatureVersion": version, "Signature": signature, "SigningCertURL": CERTIFICATE_URL}


SIGN = {
    "amazon_ses": _amazon,
    "mailersend": _mailersend,
    "mailgun": _mailgun,
    "mailtrap": _mailtrap,
    "postal": _postal,
    "resend": _resend,
    "sendgrid": _sendgrid,
}
