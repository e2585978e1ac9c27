"""The database itself writes down what hooks are to be told, in the transaction in which it happens.

Facts are written in many ways: by a form, by the import of a million readers in one statement, by hand in SQL. Triggers
on the tables of facts see them all, and the rooms below know nothing of webhooks. Without a hook a trigger finds an
empty table and writes nothing. What happened before a hook was made is no news, whenever it is written down.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from newsletter.api.hooks.models import Call, Event, Hook, HookEvent
from newsletter.delivery.models import ResultLetter
from newsletter.delivery.models.mailing import Step
from subscribers.models import Subscriber, Suppression
from subscribers.models.consents import Consent

EVENT_OF_CONSENT = {
    Consent.Kind.CONFIRMED: Event.CONFIRMED,
    Consent.Kind.CAME_BACK: Event.CONFIRMED,
    Consent.Kind.WITHDREW: Event.LEFT,
}
EVENT_OF_STEP = {
    Step.What.APPROVED: Event.SCHEDULED,
    Step.What.MOVED: Event.SCHEDULED,
    Step.What.BEGUN: Event.BEGUN,
    Step.What.PAUSED: Event.PAUSED,
    Step.What.FINISHED: Event.SENT,
}
FUNCTION = "hooks_record"


@dataclass(frozen=True)
class Source:
    """A table of facts. Its texts are SQL about the new row `n`; event: "NULL" for what nobody is told.

    verb: INSERT, or UPDATE with the column that counts, which is then compared with the former row `o`.
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


def _case(column: str, events: Mapping[Any, Event]) -> str:
    cases = (f"WHEN '{value}' THEN '{event.value}'" for value, event in events.items())
    return f"CASE {column} {' '.join(cases)} END"


def sources(vendor: str) -> list[Source]:
    """Return the tables of facts, with the words of one engine."""
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if vendor == "sqlite" else "now()"
    consents, suppressions = Consent._meta.db_table, Suppression._meta.db_table
    reader = f"(SELECT id FROM {Subscriber._meta.db_table} r WHERE r.address_hash = n.address_hash)"  # noqa: S608  # nosec B608  # our own table's name
    barred = Source(suppressions, f"'{Event.SUPPRESSED.value}'", reader, at="n.created_at", detail="n.reason")
    # A record that is taken over from another row when two become one is older than the move that stands before it.
    is_new = (
        f"NOT EXISTS (SELECT 1 FROM {consents} m WHERE m.subscriber_id = n.subscriber_id"  # noqa: S608  # nosec B608  # the same
        f" AND m.kind = '{Consent.Kind.MOVED.value}' AND m.at > n.at)"
    )
    return [
        Source(consents, _case("n.kind", EVENT_OF_CONSENT), "n.subscriber_id", where=is_new),
        barred,
        Source(suppressions, barred.event, reader, "UPDATE", "reason", at=now, detail="n.reason"),
        Source(Step._meta.db_table, _case("n.what", EVENT_OF_STEP), "n.id"),
        Source(ResultLetter._meta.db_table, f"'{Event.RESULT.value}'", "n.issue_id", order="n.issue_id"),
    ]


def forget(sender: AppConfig, *, using: str, plan: list[object], **_event: object) -> None:
    """Before a migration: SQLite renames no table that a trigger of another one names."""
    connection = connections[using]
    if plan and connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for source in sources(connection.vendor):
                cursor.execute(f"DROP TRIGGER IF EXISTS {source.trigger}")


def install(sender: AppConfig, *, using: str, **_event: object) -> None:
    """After each migrate, because SQLite loses the triggers of a table that it rebuilds."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if Call._meta.db_table not in tables:
        return
    found = [source for source in sources(connection.vendor) if source.table in tables]
    write = _into_sqlite if connection.vendor == "sqlite" else _into_postgresql
    with transaction.atomic(using), connection.cursor() as cursor:
        for source in found:
            write(cursor, source)


def _into_sqlite(cursor: CursorWrapper, source: Source) -> None:
    """Have a trigger for each row: SQLite has no other. One that is there already is left alone."""
    verb = f"UPDATE OF {source.column}" if source.column else source.verb
    when = f"WHEN OLD.{source.column} <> NEW.{source.column} " if source.column else ""
    insert = _insert(source, "", "'msg_' || lower(hex(randomblob(16)))")
    body = re.sub(r"\bn\.", "NEW.", insert)  # what the select calls n is NEW here
    statement = f"CREATE TRIGGER {source.trigger} AFTER {verb} ON {source.table} {when}BEGIN {body}; END"
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = %s", [source.trigger])
    if cursor.fetchone() != (statement,):
        cursor.execute(f"DROP TRIGGER IF EXISTS {source.trigger}")
        cursor.execute(statement)


def _into_postgresql(cursor: CursorWrapper, source: Source) -> None:
    """Have a trigger for each statement, however many rows it writes."""
    name = f"{FUNCTION}_{source.trigger}"
    rows, tables = "added n", "NEW TABLE AS added"
    if source.column:
        rows = f"added n JOIN former o ON o.id = n.id AND o.{source.column} <> n.{source.column}"
        tables += " OLD TABLE AS former"
    insert = _insert(source, f"{rows} CROSS JOIN ", "'msg_' || replace(gen_random_uuid()::text, '-', '')")
    wished = f"SELECT 1 FROM {HookEvent._meta.db_table}"  # noqa: S608  # nosec B608  # our own table's name
    cursor.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF EXISTS ({wished}) THEN {insert}; END IF; RETURN NULL; END $$"
    )
    cursor.execute(
        f"CREATE OR REPLACE TRIGGER {source.trigger} AFTER {source.verb} ON {source.table}"
        f" REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def _insert(source: Source, rows: str, message_id: str) -> str:
    """Return the statement that writes a call for each hook that wants to be told of `rows`, which are called n."""
    calls, hooks, wishes = (model._meta.db_table for model in (Call, Hook, HookEvent))
    return (
        f"INSERT INTO {calls} (hook_id, event, about, detail, at, message_id)"  # noqa: S608  # nosec B608  # our own names
        f" SELECT h.id, e.event, {source.about}, {source.detail}, {source.at}, {message_id}"
        f" FROM {rows}{wishes} e JOIN {hooks} h ON h.id = e.hook_id AND h.off = ''"
        f" WHERE e.event = {source.event} AND {source.at} >= e.since AND {source.about} IS NOT NULL AND {source.where}"
        f" ORDER BY {source.order}, h.id"
    )
