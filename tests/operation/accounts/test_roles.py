"""The groups that the installation comes with."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.operation.accounts import roles
from tests.factories import make_helper

pytestmark = pytest.mark.django_db


def rights_of(name: str) -> set[str]:
    found = Group.objects.get(name=name).permissions.select_related("content_type")
    return {roles.permission_key(permission) for permission in found}


def migrate_again() -> None:
    call_command("migrate", verbosity=0)


def test_an_installation_comes_with_the_four_roles():
    assert set(Group.objects.values_list("name", flat=True)) == {"owner", "editor", "writer", "reader-care"}


@pytest.mark.parametrize("role", [roles.EDITOR, roles.WRITER, roles.READER_CARE])
def test_a_role_has_what_is_written_for_it_and_every_word_of_that_exists(role):
    assert rights_of(role) == set(roles.permissions_of(role))


def test_the_owners_have_every_right_of_every_room():
    everything = Permission.objects.filter(content_type__app_label__in=roles.ROLE_APPS).select_related("content_type")

    assert rights_of("owner") == {roles.permission_key(one) for one in everything}


@pytest.mark.parametrize(
    ("right", "holders"),
    [
        ("posts.publish_post", {"owner", "editor"}),
        ("issues.send_issue", {"owner", "editor"}),
        ("subscribers.see_readers", {"owner", "reader-care"}),
        ("subscribers.export_readers", {"owner"}),
        ("publication.see_mail", {"owner", "reader-care"}),
        ("publication.change_publication", {"owner"}),
    ],
)
def test_the_rights_of_our_own_belong_to_these_roles(right, holders):
    assert {role for role in roles.ROLE_LABELS if right in rights_of(role)} == holders


def test_no_role_but_the_owners_touches_accounts():
    assert not Permission.objects.filter(group__isnull=False, content_type__app_label="auth").exists()


def test_what_an_owner_changed_by_hand_outlives_an_upgrade():
    editor = Group.objects.get(name="editor")
    editor.permissions.set(Permission.objects.filter(codename="see_readers"))

    migrate_again()

    assert rights_of("editor") == {"subscribers.see_readers"}


def test_a_group_that_is_gone_is_made_again_and_the_owners_get_what_is_new():
    Group.objects.get(name="writer").delete()
    Group.objects.get(name="owner").permissions.clear()

    migrate_again()

    assert rights_of("writer") == set(roles.permissions_of("writer"))
    assert "posts.publish_post" in rights_of("owner")


def test_before_its_tables_are_there_nothing_is_made():
    class Early:
        app_configs = {name: None for name in apps.app_configs if name != "posts"}

    Group.objects.all().delete()
    roles.make_groups(apps=Early)

    assert not Group.objects.exists()


@pytest.mark.parametrize(
    ("made", "is_one"),
    [
        (lambda: User.objects.create_superuser("gipi"), True),
        (lambda: make_helper("owner"), True),
        (lambda: make_helper("editor", "writer", "reader-care"), False),
        (lambda: make_helper("owner", is_active=False), False),
        (lambda: User.objects.create_superuser("gone", is_active=False), False),
    ],
)
def test_an_owner_is_a_superuser_or_a_member_of_the_owners(made, is_one):
    user = made()

    assert roles.is_owner(user) is is_one
    assert (user in roles.owners()) is is_one


def test_the_last_owner_is_the_only_one_who_can_log_in():
    first = User.objects.create_superuser("gipi", password="leverage-2026")
    invited = make_helper("owner")
    alone = roles.is_last_owner(first)
    invited.set_password("leverage-2027")
    invited.save()

    assert (alone, roles.is_last_owner(first), roles.is_last_owner(invited)) == (True, False, False)


def test_a_helper_is_no_last_owner():
    assert not roles.is_last_owner(make_helper("editor"))


# --- What one account may do ---


@pytest.mark.parametrize(
    ("held", "fields"),
    [
        ((), {}),
        (("writer",), {}),
        (("writer", "reader-care"), {}),
        (("owner",), {}),
        (("editor",), {"is_active": False}),
        ((), {"is_superuser": True}),
    ],
)
def test_an_account_may_do_what_django_says(held, fields):
    make_helper("editor")
    helper = make_helper(*held, **fields)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["add_tag", "view_user"]))
    expected = ModelBackend().get_all_permissions(User.objects.get(pk=helper.pk))

    found = User.objects.get(pk=helper.pk).get_all_permissions()

    assert found == expected
    assert bool(found) == helper.is_active


def test_what_an_account_may_do_is_asked_once_and_anew_for_each_request():
    helper = make_helper("writer")
    first = User.objects.get(pk=helper.pk)

    with CaptureQueriesContext(connection) as asked:
        assert first.has_perm("posts.add_post")
        assert not first.has_perm("posts.publish_post")
    helper.groups.add(Group.objects.get(name="editor"))

    assert len(asked) == 2  # their own, and those of their groups
    assert not first.has_perm("posts.publish_post")
    assert User.objects.get(pk=helper.pk).has_perm("posts.publish_post")
    assert not first.has_perm("posts.add_post", first)  # no right is about one row


def test_who_is_logged_in_is_a_whole_account_while_it_is_open():
    helper, gone = make_helper("writer", email="edith@example.org"), make_helper()
    backend = load_backend(settings.AUTHENTICATION_BACKENDS[0])

    found = backend.get_user(helper.pk)

    assert (found, found.email, found.has_usable_password()) == (helper, helper.email, helper.has_usable_password())
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert [backend.get_user(pk) for pk in (gone.pk, 999_999)] == [None, None]


@pytest.mark.parametrize(
    ("right", "names"),
    [("posts.publish_post", {"owner", "editor"}), ("subscribers.export_readers", {"owner"}), ("posts.no_such", set())],
)
def test_the_groups_that_have_a_right_are_found(right, names):
    assert {group.name for group in roles.groups_with(right)} == names
