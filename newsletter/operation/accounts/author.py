"""The first owner's account: created at the first start, activated by a one-time link."""

from itertools import chain, count

from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from newsletter.operation.accounts import roles, second_factors

USERNAME = "author"


class StartTokens(PasswordResetTokenGenerator):
    """One-time tokens: the password hash is part of the signature, so a new password invalidates them."""

    key_salt = "newsletter.desk.author.start"


tokens = StartTokens()


def get_or_create_author() -> User:
    """The first owner, superusers first; created without a password if there is none."""
    author = roles.owners().order_by("-is_superuser", "pk").first()
    return author or User.objects.create_superuser(_free_name())


def _free_name() -> str:
    """USERNAME, numbered if it is taken, such as by a closed account."""
    taken = set(User.objects.filter(username__startswith=USERNAME).values_list("username", flat=True))
    return next(name for name in chain([USERNAME], (f"{USERNAME}-{n}" for n in count(2))) if name not in taken)


def nobody_can_log_in() -> bool:
    return not User.objects.filter(is_staff=True, is_active=True).exclude(roles.HAS_NO_PASSWORD).exists()


def start_link(author: User, *, base_url: str) -> str:
    """A new absolute link to choose name and password.

    It lives for settings.PASSWORD_RESET_TIMEOUT seconds. Earlier links stay valid until one of them is used or the user
    logs in: that invalidates all.
    """
    uid = urlsafe_base64_encode(force_bytes(author.pk))
    return base_url + reverse("admin:start", args=[uid, tokens.make_token(author)])


def user_of_link(uid: str, token: str) -> User | None:
    """None if the link is used, expired or forged."""
    try:
        author = User.objects.get(pk=urlsafe_base64_decode(uid).decode(), is_active=True)
    except (User.DoesNotExist, ValueError, OverflowError):
        return None
    return author if tokens.check_token(author, token) else None


@transaction.atomic
def claim_account(author: User, *, username: str, email: str, password: str) -> bool:
    """Set name and password; return False if another request was first.

    Removes the second factors: this link is the way back after a lost device.
    """
    unspent = User.objects.filter(pk=author.pk, password=author.password)
    author.username, author.email = username, email
    author.set_password(password)
    is_first = bool(unspent.update(username=username, email=email, password=author.password))
    if is_first:
        second_factors.remove_all(author)
    return is_first
