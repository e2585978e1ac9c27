"""An installation is brought up to date if this version can do it, and refused with the way out if it cannot."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from newsletter.operation import preparing

pytestmark = pytest.mark.django_db
REFUSED = (
    "The database is of a version before {commit}, which alone can bring it up to date."
    " Run manage.py migrate of {commit} first, then this version."
)
CHANGES = [(app, "0002_changes") for app in ("delivery", "desk", "issues", "operation", "posts", "publication")]
NEW_NAMES = [("desk", "0001_initial"), ("operation", "0001_initial"), ("subscribers", "0002_indexes")]
NEW_NAMES += [*CHANGES, ("subscribers", "0003_changes")]


def forget(*names):
    for name in names:
        MigrationRecorder(connection).record_unapplied(*name)


def former_of(app):
    applied = MigrationRecorder(connection).applied_migrations()
    return [name for name in applied if name[0] == app and name[1] != "0001_initial"]


def bring_up_to_date_by_migrate():
    call_command("migrate", verbosity=0)


@pytest.mark.parametrize("act", [bring_up_to_date_by_migrate, preparing.migrate_database])
@pytest.mark.parametrize(
    ("without", "commit"),
    [("0039_announced", "98338c97"), ("all but the first", "98338c97"), ("0008_ledger_place", "6fa1db2d")],
)
def test_a_database_that_a_former_version_left_half_way_is_refused(act, without, commit):
    forget(*(former_of("delivery") if without == "all but the first" else [("delivery", without)]))

    with pytest.raises(CommandError) as refused:
        act()

    assert str(refused.value) == REFUSED.format(commit=commit)
    assert not preparing.is_migrated()


def test_a_database_of_the_last_version_with_the_former_migrations_is_up_to_date():
    forget(*NEW_NAMES)

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    bring_up_to_date_by_migrate()

    assert plan == []
    assert MigrationRecorder(connection).applied_migrations().keys() >= set(NEW_NAMES)


def test_a_first_migrate_that_ended_between_two_apps_goes_on():
    """Django notes what a migration replaces at its end, and the migration itself when all apps are done."""
    forget(*NEW_NAMES, ("delivery", "0001_initial"))

    bring_up_to_date_by_migrate()

    assert preparing.is_migrated()
