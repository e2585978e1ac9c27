"""Database triggers that write webhook calls in the transaction of the event.

Events are written in many ways: by a form, by an import of a million readers in one statement, by hand in SQL. Triggers
catch them all, and the apps below do not depend on webhooks. Without a hook a trigger finds an empty table and writes
nothing. Events before a hook was created are not sent, whenever they are written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from newsletter.api.hooks.models import Call, Hook, HookEvent, HookEventType
from newsletter.delivery.models import ResultLetter
from newsletter.delivery.models.mailing import MailingStep
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Consent

EVENT_OF_CONSENT = {
    Consent.Kind.CONFIRMED: HookEventType.CONFIRMED,
    Consent.Kind.CAME_BACK: HookEventType.CONFIRMED,
    Consent.Kind.WITHDREW: HookEventType.LEFT,
}
EVENT_OF_STEP = {
    MailingStep.Kind.APPROVED: HookEventType.SCHEDULED,
    MailingStep.Kind.MOVED: HookEventType.SCHEDULED,
    MailingStep.Kind.BEGUN: HookEventType.BEGUN,
    MailingStep.Kind.PAUSED: HookEventType.PAUSED,
    MailingStep.Kind.FINISHED: HookEventType.SENT,
}
FUNCTION_PREFIX = "hooks_record"


@dataclass(frozen=True)
class FactTable:
    """A table with a trigger. Its fields are SQL about the new row `n`; event: NULL for rows without one.

    verb: INSERT, or UPDATE of `column`, compared with the old row `o`.
    """

    table: str
    event: str
    about: str
    verb: str = "INSERT"
    column: str = ""
    at: str = "n.at"
    detail: str = "''"
    where: str = "TRUE"
    order: str = "n.id"

    @property
    def trigger(self) -> str:
        return f"{self.table}_{self.verb.lower()}_told"


def _case_expression(column: str, events: Mapping[Any, HookEventType]) -> str:
    cases = (f"WHEN '{value}' THEN '{event.value}'" for value, event in events.items())
    return f"CASE {column} {' '.join(cases)} END"


def fact_tables(vendor: str) -> list[FactTable]:
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if vendor == "sqlite" else "now()"
    consents, suppressions = Consent._meta.db_table, Suppression._meta.db_table
    reader = f"(SELECT id FROM {Subscriber._meta.db_table} r WHERE r.address_hash = n.address_hash)"  # noqa: S608  # nosec B608  # our own table's name
    barred = FactTable(
        suppressions, f"'{HookEventType.SUPPRESSED.value}'", reader, at="n.created_at", detail="n.reason"
    )
    # Merging two readers first adds a MOVED consent, then copies the other's older ones: those are no new events.
    is_new = (
        f"NOT EXISTS (SELECT 1 FROM {consents} m WHERE m.subscriber_id = n.subscriber_id"  # noqa: S608  # nosec B608  # the same
        f" AND m.kind = '{Consent.Kind.MOVED.value}' AND m.at > n.at)"
    )
    return [
        FactTable(consents, _case_expression("n.kind", EVENT_OF_CONSENT), "n.subscriber_id", where=is_new),
        barred,
        FactTable(suppressions, barred.event, reader, "UPDATE", "reason", at=now, detail="n.reason"),
        FactTable(MailingStep._meta.db_table, _case_expression("n.what", EVENT_OF_STEP), "n.id"),
        FactTable(ResultLetter._meta.db_table, f"'{HookEventType.RESULT.value}'", "n.issue_id", order="n.issue_id"),
    ]


def drop_triggers(sender: AppConfig, *, using: str, plan: list[object], **_event: object) -> None:
    """Before a migration: SQLite renames no table that a trigger of another one refers to."""
    connection = connections[using]
    if plan and connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for source in fact_tables(connection.vendor):
                cursor.execute(f"DROP TRIGGER IF EXISTS {source.trigger}")


def install_triggers(sender: AppConfig, *, using: str, **_event: object) -> None:
    """After each migrate, because SQLite loses the triggers of a table that it rebuilds."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if Call._meta.db_table not in tables:
        return
    found = [source for source in fact_tables(connection.vendor) if source.table in tables]
    create = _create_sqlite_trigger if connection.vendor == "sqlite" else _create_postgresql_trigger
    with transaction.atomic(using), connection.cursor() as cursor:
        for source in found:
            create(cursor, source)


def _create_sqlite_trigger(cursor: CursorWrapper, source: FactTable) -> None:
    """A trigger per row: SQLite has no other. An identical one is left alone."""
    verb = f"UPDATE OF {source.column}" if source.column else source.verb
    when = f"WHEN OLD.{source.column} <> NEW.{source.column} " if source.column else ""
    insert = _insert_statement(source, "", "'msg_' || lower(hex(randomblob(16)))")
    body = re.sub(r"\bn\.", "NEW.", insert)  # SQLite names the new row NEW
    statement = f"CREATE TRIGGER {source.trigger} AFTER {verb} ON {source.table} {when}BEGIN {body}; END"
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s", [source.trigger])
    if cursor.fetchone() != (statement,):
        cursor.execute(f"DROP TRIGGER IF EXISTS {source.trigger}")
        cursor.execute(statement)


def _create_postgresql_trigger(cursor: CursorWrapper, source: FactTable) -> None:
    """One trigger per statement, however many rows it writes."""
    name = f"{FUNCTION_PREFIX}_{source.trigger}"
    rows, tables = "added n", "NEW TABLE AS added"
    if source.column:
        rows = f"added n JOIN former o ON o.id = n.id AND o.{source.column} <> n.{source.column}"
        tables += " OLD TABLE AS former"
    insert = _insert_statement(source, f"{rows} CROSS JOIN ", "'msg_' || replace(gen_random_uuid()::text, '-', '')")
    subscribed = f"SELECT 1 FROM {HookEvent._meta.db_table}"  # noqa: S608  # nosec B608  # our own table's name
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF EXISTS ({subscribed}) THEN {insert}; END IF; RETURN NULL; END $$"
    )
    cursor.execute(
        f"CREATE OR REPLACE TRIGGER {source.trigger} AFTER {source.verb} ON {source.table}"
        f" REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def _insert_statement(source: FactTable, rows: str, message_id: str) -> str:
    """SQL that writes a call for each subscribed hook. rows: start of FROM, with the new rows as n; "" in SQLite."""
    calls, hooks, subscriptions = (model._meta.db_table for model in (Call, Hook, HookEvent))
    return (
        f"INSERT INTO {calls} (hook_id, event, about, detail, at, message_id)"  # noqa: S608  # nosec B608  # our own names
        f" SELECT h.id, e.event, {source.about}, {source.detail}, {source.at}, {message_id}"
        f" FROM {rows}{subscriptions} e JOIN {hooks} h ON h.id = e.hook_id AND h.off = ''"
        f" WHERE e.event = {source.event} AND {source.at} >= e.since AND {source.about} IS NOT NULL AND {source.where}"
        f" ORDER BY {source.order}, h.id"
    )
