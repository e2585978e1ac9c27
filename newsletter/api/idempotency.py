"""Idempotency keys: a repeated POST gets the stored response.

Source: draft-ietf-httpapi-idempotency-key-header-07. The claim is committed before the work; the response in the same
transaction as the work. A process that dies in between leaves a claim and no effect; the claim expires after a minute.

A response may contain an address. It is encrypted with the key, and only a hash of the key is stored: only the client
that repeats the request can read it.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.api.models import KEY_LENGTH_MAX, RESPONSE_LIFETIME, KeptAnswer, Token
from newsletter.api.problems import Problem

KEY_HEADER, REPLAYED_HEADER = "Idempotency-Key", "Idempotency-Replayed"
CLAIM_TTL = timedelta(minutes=1)
CHUNK_BYTES = 64 * 1024  # bytes read at a time
STORED_HEADERS = ("Content-Type", "Location", "ETag", "Content-Language")


class IdempotencyClaim:
    """The claim of the request in progress. Call `store_response` in the transaction of the work."""

    def __init__(self, row: KeptAnswer, key: str) -> None:
        self.row, self.key = row, key

    def _own_row(self) -> QuerySet[KeptAnswer]:
        return KeptAnswer.objects.filter(pk=self.row.pk, claimed_at=self.row.claimed_at, status__isnull=True)

    def store_response(self, response: HttpResponse) -> None:
        """Store the response. Raises Problem, and so rolls back, if another request has taken over the claim."""
        headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
        content = _cipher(self.key).encrypt(response.content).decode()
        kept = self._own_row().update(status=response.status_code, headers=headers, content=content)
        if not kept:
            text = _("The request took too long, and another one with the same key has taken over.")
            raise Problem("conflict", text)

    def release(self) -> None:
        self._own_row().delete()


def idempotency_key(request: HttpRequest) -> str:
    """Return the key, without the optional quotes. Raises Problem."""
    key = request.headers.get(KEY_HEADER, "").strip().removeprefix('"').removesuffix('"')
    if not key or len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise Problem("key-missing")
    return key


@contextmanager
def claim_key(request: HttpRequest, token: Token) -> Iterator[IdempotencyClaim | HttpResponse]:
    """Yield a new claim, or the stored response. Raises Problem."""
    claim = _claim(token, idempotency_key(request), request.path, _digest(request), timezone.now())
    if isinstance(claim, HttpResponse):
        yield claim
        return
    try:
        yield claim
    except BaseException:
        claim.release()
        raise


def _digest(request: HttpRequest) -> str:
    """A digest of the body; of multipart its fields and files, because the boundary varies."""
    if request.content_type != "multipart/form-data":
        return sha256(request.body).hexdigest()
    whole = sha256(repr(sorted(request.POST.lists())).encode("utf-8", "surrogatepass"))
    for name in sorted(request.FILES):
        file: Any = request.FILES[name]
        whole.update(f"{name}\0{file.name}\0{file.size}\0".encode("utf-8", "surrogatepass"))
        while piece := file.read(CHUNK_BYTES):
            whole.update(piece)
        file.seek(0)
    return whole.hexdigest()


def delete_expired_responses(now: datetime) -> None:
    old = KeptAnswer.objects.filter(claimed_at__lt=now - RESPONSE_LIFETIME)
    if old.exists():  # even an empty DELETE locks SQLite
        old.delete()


def _cipher(key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(f"answer {key}".encode()).digest()))


def _claim(token: Token, key: str, path: str, digest: str, now: datetime) -> IdempotencyClaim | HttpResponse:
    delete_expired_responses(now)
    name = {"token": token, "key": sha256(key.encode()).hexdigest(), "path": path}
    try:
        with transaction.atomic():
            return IdempotencyClaim(KeptAnswer.objects.create(**name, body_digest=digest, claimed_at=now), key)
    except IntegrityError:
        row = KeptAnswer.objects.filter(**name).first()
    if row is None:  # deleted meanwhile
        return _claim(token, key, path, digest, now)
    if row.body_digest != digest:
        raise Problem("key-used")
    return _replay_or_take_over(row, key, now)


def _replay_or_take_over(row: KeptAnswer, key: str, now: datetime) -> IdempotencyClaim | HttpResponse:
    if row.status is not None:
        content = _cipher(key).decrypt(row.content)
        return HttpResponse(content, status=row.status, headers=row.headers | {REPLAYED_HEADER: "true"})
    has_expired = abs(now - row.claimed_at) >= CLAIM_TTL
    same = KeptAnswer.objects.filter(pk=row.pk, claimed_at=row.claimed_at, status__isnull=True)
    if not has_expired or not same.update(claimed_at=now):
        text = _("A request with this Idempotency-Key is being worked on.")
        raise Problem("conflict", text, headers={"Retry-After": "5"})
    row.claimed_at = now
    return IdempotencyClaim(row, key)
