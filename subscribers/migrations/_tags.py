"""What migrations 0015 and 0016 share: bring the tags in the column into the tables. Can run twice."""

import re
from itertools import batched

SEPARATOR = re.compile("[,，、]")  # as tags were separated where they were typed
CHUNK = 1000  # texts that are held in memory

# Each statement is one pass over the readers with tags, whatever their number. `words` is what stands in the column.
MAKE_TAGS = """
    INSERT INTO subscribers_tag (name) SELECT DISTINCT name FROM tags_of_words WHERE name <> '' ORDER BY name
    ON CONFLICT DO NOTHING
"""
TAKE_AWAY = """
    DELETE FROM subscribers_tagging WHERE NOT EXISTS (
        SELECT 1 FROM subscribers_subscriber AS s
          JOIN tags_of_words AS w ON w.words = s.tags JOIN subscribers_tag AS t ON t.name = w.name
         WHERE s.id = subscribers_tagging.subscriber_id AND t.id = subscribers_tagging.tag_id
    )
"""
GIVE = """
    INSERT INTO subscribers_tagging (subscriber_id, tag_id)
    SELECT s.id, t.id FROM subscribers_subscriber AS s
      JOIN tags_of_words AS w ON w.words = s.tags JOIN subscribers_tag AS t ON t.name = w.name
     WHERE s.tags <> '' AND NOT EXISTS (
        SELECT 1 FROM subscribers_tagging AS g WHERE g.subscriber_id = s.id AND g.tag_id = t.id
     ) ORDER BY s.id, w.place
"""
WRITE_BACK = """
    UPDATE subscribers_subscriber SET tags = (
        SELECT {joined}(name, ',') FROM (
            SELECT t.name FROM subscribers_tagging AS g JOIN subscribers_tag AS t ON t.id = g.tag_id
             WHERE g.subscriber_id = subscribers_subscriber.id ORDER BY g.id
        ) AS names
    ) WHERE id IN (SELECT subscriber_id FROM subscribers_tagging)
"""


def split(words):
    """Return the tags in what stands in the column, in order, each once."""
    parts = (" ".join(part.split()) for part in SEPARATOR.split(words))
    return list(dict.fromkeys(filter(None, parts)))


def copy(apps, schema_editor):
    """Bring the tables to what the column says. Each different text is split once, by Python."""
    texts = apps.get_model("subscribers", "Subscriber").objects.order_by().exclude(tags="").values_list("tags", flat=True)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE tags_of_words (words varchar(200), place integer, name varchar(200))")
        for chunk in batched(texts.distinct().iterator(chunk_size=CHUNK), CHUNK, strict=False):
            rows = [(words, place, name) for words in chunk for place, name in enumerate(split(words))]
            cursor.executemany("INSERT INTO tags_of_words VALUES (%s, %s, %s)", rows)
        cursor.execute("CREATE INDEX tags_of_words_by_words ON tags_of_words (words)")
        if schema_editor.connection.vendor == "postgresql":
            cursor.execute("ANALYZE tags_of_words")
        for statement in (MAKE_TAGS, TAKE_AWAY, GIVE):
            cursor.execute(statement)
        cursor.execute("DROP TABLE tags_of_words")


def write_back(apps, schema_editor):
    """Write into the column what the tables say."""
    joined = "string_agg" if schema_editor.connection.vendor == "postgresql" else "group_concat"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(WRITE_BACK.format(joined=joined))
