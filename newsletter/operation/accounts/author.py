"""The author's account: made by the first start, entered for the first time by a one-time link."""

from itertools import chain, count

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from newsletter.operation.accounts import factors, roles

USERNAME = "author"


class StartTokens(PasswordResetTokenGenerator):
    """One-time keys, spent by the new password: it is part of what they sign."""

    key_salt = "newsletter.desk.author.start"


tokens = StartTokens()


def get_or_create() -> User:
    """Return the first owner, superusers before others; make one that nobody can log in as when there is none."""
    author = roles.owners().order_by("-is_superuser", "pk").first()
    return author or User.objects.create_superuser(_free_name())


def _free_name() -> str:
    """Return the name of the first author, or one like it: their account may be closed by now."""
    taken = set(User.objects.filter(username__startswith=USERNAME).values_list("username", flat=True))
    return next(name for name in chain([USERNAME], (f"{USERNAME}-{n}" for n in count(2))) if name not in taken)


def is_missing() -> bool:
    """Return whether nobody at all can log in to the desk."""
    closed = Q(password="") | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return not User.objects.filter(is_staff=True, is_active=True).exclude(closed).exists()


def link(author: User, *, base_url: str) -> str:
    """Return a new absolute link that lets `author` choose name and password.

    It lives for settings.PASSWORD_RESET_TIMEOUT seconds. Links made before stay good until
    one of them is used: that spends all, and so does logging in.
    """
    uid = urlsafe_base64_encode(force_bytes(author.pk))
    return base_url + reverse("admin:start", args=[uid, tokens.make_token(author)])


def from_link(uid: str, token: str) -> User | None:
    """Return whose link it is; None if it is spent, too old or not ours."""
    try:
        author = User.objects.get(pk=urlsafe_base64_decode(uid).decode(), is_active=True)
    except (User.DoesNotExist, ValueError, OverflowError):
        return None
    return author if tokens.check_token(author, token) else None


@transaction.atomic
def take_over(author: User, *, username: str, email: str, password: str) -> bool:
    """Give the account a name and a password; return False if another request was first.

    Its second factors are removed: whoever lost the device comes back by this link, and by no other way.
    """
    unspent = User.objects.filter(pk=author.pk, password=author.password)
    author.username, author.email = username, email
    author.set_password(password)
    is_first = bool(unspent.update(username=username, email=email, password=author.password))
    if is_first:
        factors.remove_all(author)
    return is_first
