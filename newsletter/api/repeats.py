"""A POST with an Idempotency-Key is done once: asked again, the first answer is given again.

Source: draft-ietf-httpapi-idempotency-key-header-07. A claim is written before the work begins; the answer in the same
transaction as what the work does. So a process that dies in between leaves a claim and no effect, and the claim is
given up after a minute.

An answer may have an address in it. So it is encrypted with the key, and of the key only a hash is kept: whoever asks
again brings it along, and nobody else reads there what was erased since.
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

from newsletter.api.models import KEPT_FOR, KEY_MAX, KeptAnswer, Token
from newsletter.api.problems import Problem

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
CLAIM = timedelta(minutes=1)
PIECE = 64 * 1024  # bytes of a file that are in memory at once
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Content-Language")


class Claimed:
    """One request that does the work of a key. Its `keep` stands in the transaction of the work."""

    def __init__(self, row: KeptAnswer, key: str) -> None:
        self.row, self.key = row, key

    def _mine(self) -> QuerySet[KeptAnswer]:
        return KeptAnswer.objects.filter(pk=self.row.pk, claimed_at=self.row.claimed_at, status__isnull=True)

    def keep(self, response: HttpResponse) -> None:
        """Keep the answer. Raise a Problem, which takes the work back, if another request has the claim by now."""
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        content = _lock(self.key).encrypt(response.content).decode()
        kept = self._mine().update(status=response.status_code, headers=headers, content=content)
        if not kept:
            raise Problem("conflict", _("It took too long, and was begun again by another request with this key."))

    def give_up(self) -> None:
        self._mine().delete()


def key_of(request: HttpRequest) -> str:
    """Return the key of a request, without the quotes that the draft asks for and few send. Raises a Problem."""
    key = request.headers.get(HEADER, "").strip().removeprefix('"').removesuffix('"')
    if not key or len(key) > KEY_MAX or not key.isascii() or not key.isprintable():
        raise Problem("key-missing")
    return key


@contextmanager
def claimed(request: HttpRequest, token: Token) -> Iterator[Claimed | HttpResponse]:
    """Yield the claim of this request, or the answer that was given before. Raises a Problem."""
    one = _claim(token, key_of(request), request.path, _digest(request), timezone.now())
    if isinstance(one, HttpResponse):
        yield one
        return
    try:
        yield one
    except BaseException:
        one.give_up()
        raise


def _digest(request: HttpRequest) -> str:
    """Return what two equal bodies have in common: of a form its fields and files, for its boundary is always new."""
    if request.content_type != "multipart/form-data":
        return sha256(request.body).hexdigest()
    whole = sha256(repr(sorted(request.POST.lists())).encode("utf-8", "surrogatepass"))
    for name in sorted(request.FILES):
        file: Any = request.FILES[name]
        whole.update(f"{name}\0{file.name}\0{file.size}\0".encode("utf-8", "surrogatepass"))
        while piece := file.read(PIECE):
            whole.update(piece)
        file.seek(0)
    return whole.hexdigest()


def forget(now: datetime) -> None:
    old = KeptAnswer.objects.filter(claimed_at__lt=now - KEPT_FOR)
    if old.exists():  # a DELETE of nothing would lock a database in one file
        old.delete()


def _lock(key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(f"answer {key}".encode()).digest()))


def _claim(token: Token, key: str, path: str, digest: str, now: datetime) -> Claimed | HttpResponse:
    forget(now)
    name = {"token": token, "key": sha256(key.encode()).hexdigest(), "path": path}
    try:
        with transaction.atomic():
            return Claimed(KeptAnswer.objects.create(**name, body_digest=digest, claimed_at=now), key)
    except IntegrityError:
        row = KeptAnswer.objects.filter(**name).first()
    if row is None:  # given up between the two
        return _claim(token, key, path, digest, now)
    if row.body_digest != digest:
        raise Problem("key-used")
    return _again(row, key, now)


def _again(row: KeptAnswer, key: str, now: datetime) -> Claimed | HttpResponse:
    if row.status is not None:
        content = _lock(key).decrypt(row.content)
        return HttpResponse(content, status=row.status, headers=row.headers | {REPLAYED: "true"})
    is_given_up = abs(now - row.claimed_at) >= CLAIM
    same = KeptAnswer.objects.filter(pk=row.pk, claimed_at=row.claimed_at, status__isnull=True)
    if not is_given_up or not same.update(claimed_at=now):
        raise Problem("conflict", _("A request with this Idempotency-Key is being worked on."), headers=_SOON)
    row.claimed_at = now
    return Claimed(row, key)


_SOON = {"Retry-After": "5"}
