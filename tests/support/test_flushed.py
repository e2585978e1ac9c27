"""After a test that commits, the tables are as `migrate` leaves them."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from newsletter.publication.models import Publication
from tests.factories import make_publication

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
DROP = {
    "sqlite": "DROP TRIGGER publication_publication_update_shown",
    "postgresql": "DROP TRIGGER publication_publication_shown ON publication_publication",
}


def flush():
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


def given():
    """Return what the roles may do, and which triggers there are."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        triggers = {name for (name,) in cursor.fetchall()}
    granted = {(group.name, key) for group in Group.objects.all() for key in group.permissions.values_list("codename")}
    return granted, Permission.objects.count(), ContentType.objects.count(), triggers


@pytest.mark.django_db(transaction=True)
def test_what_migrate_gives_is_there_again_after_each_test_and_nothing_else():
    flush()
    first = given()
    make_publication()
    Group.objects.get(name="editor").delete()
    Permission.objects.all().delete()

    flush()

    assert given() == first
    assert not Publication.objects.exists()
    assert Group.objects.get(name="owner").permissions.count() > 50


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_a_test_has_lost_is_made_again():
    flush()
    first = given()
    with connection.cursor() as cursor:
        cursor.execute(DROP[connection.vendor])

    flush()

    assert given() == first
