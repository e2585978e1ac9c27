"""Roles of the team: built-in groups and their permissions."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

HAS_NO_PASSWORD = Q(password="") | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
OWNER, EDITOR, WRITER, READER_CARE = "owner", "editor", "writer", "reader-care"  # names of groups
ROLE_LABELS = {OWNER: _("Owner"), EDITOR: _("Editor"), WRITER: _("Writer"), READER_CARE: _("Reader care")}
DESCRIPTIONS = {
    OWNER: _("Everything, with the accounts of others, the Publication and the list of readers as a file."),
    EDITOR: _("All posts and issues: write, publish, compose and send. Sees how many readers there are, not who."),
    WRITER: _("Own drafts only: write, put pictures in, preview. Somebody else publishes them."),
    READER_CARE: _("Readers: find, add, tag, unsubscribe, suppress and erase them. Reads the outbox."),
}
ROLE_APPS = ("posts", "issues", "delivery", "subscribers", "publication")  # apps whose permissions a role may have
_ALL = ("view", "add", "change", "delete")
# By role and "app.model": allowed verbs. The owners' group gets all permissions of ROLE_APPS, including those added by
# an upgrade.
_MODEL_PERMISSIONS: dict[str, dict[str, tuple[str, ...]]] = {
    EDITOR: {
        "posts.post": (*_ALL, "publish"),
        "posts.tag": _ALL,
        "posts.series": _ALL,
        "posts.image": ("view", "add", "change"),
        "issues.issue": (*_ALL, "send"),
        "issues.issueitem": _ALL,
        "issues.startingpoint": _ALL,
        "delivery.mailing": ("view",),
    },
    WRITER: {"posts.post": ("view", "add", "change"), "posts.image": ("view", "add")},
    READER_CARE: {"subscribers.subscriber": _ALL, "subscribers.suppression": ("view", "add", "change")},
}
_EXTRA_PERMISSIONS = {READER_CARE: ("subscribers.see_readers", "publication.see_mail")}


def is_owner(user: Any) -> bool:
    """Whether an active user is a superuser or in the owners' group."""
    return bool(user.is_active and (user.is_superuser or user.groups.filter(name=OWNER).exists()))


def groups_with(permission: str) -> list[Group]:
    """Groups that have a permission, given as "app.codename"."""
    room, _dot, codename = permission.partition(".")
    return list(Group.objects.filter(permissions__content_type__app_label=room, permissions__codename=codename))


def owners() -> QuerySet[User]:
    """Active staff who are superusers or in the owners' group, with or without a password."""
    members = User.groups.through.objects.filter(user=OuterRef("pk"), group__name=OWNER)
    return User.objects.filter(Q(is_superuser=True) | Exists(members), is_active=True, is_staff=True)


def is_last_owner(user: User) -> bool:
    return is_owner(user) and not owners().exclude(HAS_NO_PASSWORD).exclude(pk=user.pk).exists()


def permissions_of(role: str) -> Iterator[str]:
    """Permissions of a built-in role other than owner, as "app.codename"."""
    for model, verbs in _MODEL_PERMISSIONS[role].items():
        room, name = model.split(".")
        yield from (f"{room}.{verb}_{name}" for verb in verbs)
    yield from _EXTRA_PERMISSIONS.get(role, ())


def make_groups(using: str = "default", apps: Any = installed, **kwargs: Any) -> None:
    """Create missing groups, after every migration; existing ones other than the owners' keep their permissions."""
    if any(app not in apps.app_configs for app in (*ROLE_APPS, "auth")):  # `migrate` stopped before these tables
        return
    group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    granted = permission.objects.using(using).filter(content_type__app_label__in=ROLE_APPS)
    for role in (EDITOR, WRITER, READER_CARE):
        made, is_new = group.objects.using(using).get_or_create(name=role)
        if is_new:
            chosen = set(permissions_of(role))
            made.permissions.set(
                [one for one in granted.select_related("content_type") if permission_key(one) in chosen]
            )
    group.objects.using(using).get_or_create(name=OWNER)[0].permissions.set(granted)


def permission_key(permission: Any) -> str:
    """ "app.codename", as for `has_perm`."""
    return f"{permission.content_type.app_label}.{permission.codename}"


def role_label(group: Group) -> str:
    return str(ROLE_LABELS.get(group.name, group.name))
