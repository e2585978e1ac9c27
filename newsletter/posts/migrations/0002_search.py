from typing import Any

import django.db.models.deletion
from django.db import migrations, models

# Kept by the database, so that no row is ever out of step. A later migration that changes
# SearchDocument makes SQLite copy the table, which drops its triggers: create them again there.
CREATE = {
    "sqlite": [
        """
        CREATE VIRTUAL TABLE posts_searchindex USING fts5(
            tokens, content='posts_searchdocument', content_rowid='id', detail=none, columnsize=0,
            tokenize="unicode61 remove_diacritics 0 tokenchars '#+./&_-'"
        )
        """,
        """
        CREATE TRIGGER posts_searchindex_insert AFTER INSERT ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (rowid, tokens) VALUES (new.id, new.tokens);
        END
        """,
        """
        CREATE TRIGGER posts_searchindex_delete AFTER DELETE ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (posts_searchindex, rowid, tokens) VALUES ('delete', old.id, old.tokens);
        END
        """,
        """
        CREATE TRIGGER posts_searchindex_update AFTER UPDATE OF tokens ON posts_searchdocument BEGIN
            INSERT INTO posts_searchindex (posts_searchindex, rowid, tokens) VALUES ('delete', old.id, old.tokens);
            INSERT INTO posts_searchindex (rowid, tokens) VALUES (new.id, new.tokens);
        END
        """,
    ],
    "postgresql": [
        """
        ALTER TABLE posts_searchdocument ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(NULLIF(tokens, ''), ' '))) STORED
        """,
        "CREATE INDEX posts_searchdocument_vector ON posts_searchdocument USING gin (vector) WITH (fastupdate = off)",
        # A word that half of the documents contain makes the planner read all of them instead of the
        # index, as it does not count what unpacking their vectors costs: fifty times as long.
        """
        CREATE FUNCTION posts_searchindex(wanted tsquery) RETURNS SETOF bigint
        LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 SET enable_seqscan = off
        AS $$ SELECT id FROM posts_searchdocument WHERE vector @@ wanted $$
        """,
    ],
}
DROP = {
    "sqlite": [
        "DROP TRIGGER posts_searchindex_insert",
        "DROP TRIGGER posts_searchindex_delete",
        "DROP TRIGGER posts_searchindex_update",
        "DROP TABLE posts_searchindex",
    ],
    "postgresql": ["DROP FUNCTION posts_searchindex", "ALTER TABLE posts_searchdocument DROP COLUMN vector"],
}


def create(apps: Any, schema_editor: Any) -> None:
    for statement in CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop(apps: Any, schema_editor: Any) -> None:
    for statement in DROP[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("posts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("key", models.PositiveBigIntegerField()),
                ("published_at", models.DateTimeField(null=True)),
                ("url", models.CharField(max_length=300)),
                ("title", models.TextField()),
                ("tags", models.TextField(blank=True)),
                ("summary", models.TextField(blank=True)),
                ("folded_title", models.TextField()),
                ("folded_tags", models.TextField(blank=True)),
                ("folded_summary", models.TextField(blank=True)),
                ("body", models.TextField(blank=True)),
                ("folded", models.TextField()),
                ("tokens", models.TextField(blank=True)),
                (
                    "post",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_document",
                        to="posts.post",
                    ),
                ),
            ],
            options={
                "verbose_name": "search entry",
                "verbose_name_plural": "search entries",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "key"), name="a_document_is_found_once"),
                ],
            },
        ),
        migrations.RunPython(create, drop),
    ]
