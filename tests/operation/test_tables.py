"""Commands where the tables are not those of this version: none of them, or later ones."""

import pytest
from django.core.management import get_commands

pytestmark = pytest.mark.servers

WORDS = {  # what each command of ours is asked for here
    "check_backup": ["{folder}/none.tar"],
    "convert": ["{folder}/posts", "{folder}/converted"],
    "export_site": ["{folder}/export"],
    "export_subscribers": ["{folder}/readers.csv"],
    "import_posts": ["{folder}/posts"],
    "import_site": ["{folder}/posts"],
    "import_subscribers": ["{folder}/new.csv"],
    "import_suppressions": ["{folder}/new.csv"],
    "mailing_status": ["1"],
    "receive_mail": ["bounces@example.org"],
    "replay_events": ["{folder}/events.json", "--provider", "postmark"],
    "restore": ["{folder}/none.tar"],
    "send_test": ["1", "tester@example.org"],
    "backup": ["{folder}/made.tar"],
}
OTHERWISE = {"check_backup", "copy_pictures", "doctor", "healthy", "import_site", "receive_mail", "restore"}
STAY = {"migrate", "up", "run_worker"}  # they make the tables, or wait for them
OURS = sorted(
    name for name, app in get_commands().items() if app.startswith(("newsletter.", "subscribers")) and name not in STAY
)


def test_without_tables_a_command_says_what_to_do(make_product, tmp_path):
    product, wrong = make_product(is_new=True), {}
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts/one.md").write_text("---\ntitle: 一篇\ndate: 2026-01-01\n---\n\n文字\n")
    (tmp_path / "new.csv").write_text("email\nreader@example.org\n")
    (tmp_path / "events.json").write_text('{"RecordType": "Bounce", "Email": "a@example.org"}\n')

    for name in OURS:
        done = product.command(name, *(word.format(folder=tmp_path) for word in WORDS.get(name, [])), check=False)
        said = done.stdout + done.stderr
        is_told = done.returncode == 0 or "manage.py migrate" in said or name in OTHERWISE
        if not is_told or "Traceback" in said or "no such table" in said:
            wrong[name] = said
        for file in product.data.glob("newsletter.sqlite3*"):
            file.unlink()  # to open it makes it

    assert wrong == {}


def test_an_export_is_converted_where_no_newsletter_is(make_product, tmp_path):
    product = make_product(is_new=True)
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts/one.md").write_text("---\ntitle: 一篇\ndate: 2026-01-01\n---\n\n文字\n")

    product.command("convert", str(tmp_path / "posts"), str(tmp_path / "converted"))

    [post] = (tmp_path / "converted").rglob("*one*.md")
    assert "一篇" in post.read_text()
    assert not list(product.data.glob("newsletter.sqlite3*"))


NEWER = """
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

MigrationRecorder(connection).record_applied("posts", "0999_of_tomorrow")
"""


@pytest.mark.parametrize("words", [("up", "--port", "0"), ("run_worker",)])
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_an_older_version_refuses_the_tables_of_a_newer_one(words, engine, make_product, request):
    url = "" if engine == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    product = make_product(database_url=url)
    product.shell(NEWER)

    done = product.command(*words, check=False)

    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "newer version of this program, which knows posts.0999_of_tomorrow" in done.stderr
