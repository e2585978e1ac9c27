from typing import Any

from django.db import migrations

from newsletter.posts.search.folding import fold, weighed

TOKENS_MAX = 60_000


def index_anew(apps: Any, schema_editor: Any) -> None:
    """Find joined words by their parts, weigh what texts speak of, and find issues by their numbers."""
    documents = apps.get_model("posts", "SearchDocument").objects
    for row in documents.defer("body", "tokens").iterator(chunk_size=100):
        if row.kind == "issue":
            number = row.url.strip("/").rpartition("/")[2]
            row.tags = f"第 {number} 期、Issue {number}、#{number}"
            row.folded_tags = fold(row.tags)
            title, _tags, rest = row.folded.split("\n", 2)
            row.folded = f"{title}\n{row.folded_tags}\n{rest}"
        row.tokens = " ".join(sorted(weighed(row.folded))[:TOKENS_MAX])
        row.save(update_fields=["tags", "folded_tags", "folded", "tokens"])


class Migration(migrations.Migration):
    dependencies = [("posts", "0015_unlisted")]

    operations = [migrations.RunPython(index_anew, migrations.RunPython.noop)]
