"""Mailings that were paused before a column told who had paused them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from newsletter.delivery.models import Mailing

NOW = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
BEFORE = [("delivery", "0016_unshown")]


@pytest.fixture
def migrated(transactional_db):
    """Take the tables back, let a test write rows as they were, and bring them here again."""

    def migrate(write):
        MigrationExecutor(connection).migrate(BEFORE)
        write(MigrationExecutor(connection).loader.project_state(BEFORE).apps)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    yield migrate
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def write(apps):
    issues, mailings = (apps.get_model(*one).objects for one in (("issues", "Issue"), ("delivery", "Mailing")))
    steps = apps.get_model("delivery", "Step").objects

    def make(number, reason, **fields):
        issue = issues.create(number=number, subject="題")
        fields = {"approved_at": NOW, "send_at": NOW, "state": "paused"} | fields
        mailing = mailings.create(issue=issue, reason=reason, **fields)
        steps.create(mailing=mailing, at=NOW, what="paused", detail=reason)

    make(1, "由作者暫停。", planned_at=NOW)
    make(2, "Paused by the author.")
    make(3, "535 authentication failed", planned_at=NOW)
    make(4, "It was due at 2026-11-03 08:00, but nothing was running then.")
    make(5, "", state="sent", planned_at=NOW)


def test_a_sentence_that_told_who_had_paused_becomes_a_column(migrated):
    migrated(write)

    rows = Mailing.objects.order_by("issue__number").values_list("paused_by", "reason")
    assert [(paused_by, reason[:6]) for paused_by, reason in rows] == [
        ("author", ""),
        ("author", ""),
        ("provider", "535 au"),
        ("late", "It was"),
        ("", ""),
    ]
    assert [step.via for mailing in Mailing.objects.order_by("pk") for step in mailing.steps.all()] == [
        *("desk", "desk", "", "", "desk")
    ]
