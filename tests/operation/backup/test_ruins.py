"""`manage.py restore` onto what is left of a machine: the backup is there whole and alone, or all is as it was."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.operation.backup.test_backups import CHANGE, FILL, with_manifest
from tests.support.product import ROOT, Product

pytestmark = pytest.mark.servers

OLD, NEW = "後來的標題", "備份的一篇"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory, migrated_sqlite, collected_static):
    """A backup, the product that it was made of, and what the product's folder has held since."""
    folder = tmp_path_factory.mktemp("ruins")
    product = Product(folder / "product", forks=True)
    product.env["STATIC_ROOT"] = str(collected_static)
    product.begin_with(migrated_sqlite)
    product.shell(FILL)
    product.command("backup", str(folder / "one.tar"))
    product.shell(CHANGE)
    shutil.copytree(product.data, folder / "data")
    yield folder, product
    product.kill()


@pytest.fixture
def backup(made_once):
    """A backup, and the product that it was made of; which has changed since."""
    folder, product = made_once
    shutil.rmtree(product.data)
    shutil.copytree(folder / "data", product.data)
    return folder / "one.tar", product


def database(product: Product):
    return product.data / "newsletter.sqlite3"


def found(product: Product) -> tuple[str, int]:
    """The title of the post, and how many restores wait to be decided."""
    with closing(sqlite3.connect(database(product))) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ((title,),) = opened.execute("SELECT title FROM posts_post").fetchall()
        ((locks,),) = opened.execute("SELECT count(*) FROM delivery_restoration WHERE decided_at IS NULL").fetchall()
    return title, locks


def names(product: Product) -> list[str]:
    """The files that hold a database, but for those that were put aside."""
    return sorted(path.name for path in product.data.glob("*newsletter.sqlite3*") if "before_restore" not in path.name)


def leave_log(product: Product) -> None:
    """Kill a process in the middle of its work: its last writes are only in the WAL."""
    code = (
        f"import os, sqlite3; c = sqlite3.connect({str(database(product))!r});"
        " c.execute('PRAGMA journal_mode = WAL');"
        " c.execute(\"UPDATE posts_post SET title = 'nur im WAL'\"); c.commit(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert database(product).with_name("newsletter.sqlite3-wal").stat().st_size


def make_nothing(product):
    for path in product.data.glob("newsletter.sqlite3*"):
        path.unlink()


def make_no_octets(product):
    make_nothing(product)
    database(product).touch()


def make_stale_log(product):
    leave_log(product)
    database(product).unlink()


def make_cut(product):
    os.truncate(database(product), 4096)


def make_bad_header(product):
    with database(product).open("r+b") as file:
        file.write(b"x" * 200)


def make_bad_pages(product):
    size = database(product).stat().st_size
    with database(product).open("r+b") as file:
        file.seek(4096)
        file.write(b"x" * (size - 4096))


@pytest.mark.parametrize("ruin", [make_nothing, make_no_octets, make_stale_log])
def test_where_no_database_is_the_backup_is_all_that_is_there(backup, ruin):
    path, product = backup
    ruin(product)

    done = product.command("restore", str(path))

    assert "Restored the backup" in done.stdout
    assert found(product) == (NEW, 1)
    assert names(product) == ["newsletter.sqlite3"]


@pytest.mark.parametrize("ruin", [make_cut, make_bad_header, make_bad_pages, leave_log])
def test_a_damaged_database_is_put_aside(backup, ruin):
    path, product = backup
    ruin(product)
    before = database(product).read_bytes()

    refused = product.command("restore", str(path), check=False)
    assert (refused.returncode, "--replace" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    product.command("restore", "--replace", str(path))

    assert found(product) == (NEW, 1)
    assert names(product) == ["newsletter.sqlite3"]
    (aside,) = product.data.glob("before_restore_*.newsletter.sqlite3")
    assert ruin is leave_log or aside.read_bytes() == before


@pytest.mark.parametrize("is_same", [True, False])
def test_restore_says_whether_the_key_of_the_backup_is_in_use(backup, monkeypatch, is_same):
    """Where SECRET_KEY is given, it stays: with another one, links in mails of the backup are dead."""
    path, product = backup
    key = (product.data / "secret_key").read_text() if is_same else "another one"
    monkeypatch.setitem(product.env, "SECRET_KEY", key)

    done = product.command("restore", "--replace", str(path))

    assert ("SECRET_KEY differs" in done.stdout, "SECRET_KEY_FALLBACKS" in done.stdout) == (not is_same, not is_same)


ON_A_FULL_DISK = """
import resource
from django.core.management import CommandError, call_command

resource.setrlimit(resource.RLIMIT_FSIZE, ({octets}, resource.RLIM_INFINITY))
try:
    call_command("restore", {path!r}, replace=True)
    answer = "done"
except CommandError as error:
    answer = str(error)
"""


@pytest.mark.parametrize("room", [10, 100_000, "half of it"])
def test_on_a_full_disk_all_is_as_it_was(backup, room):
    """The note, the database and what a migration adds to it: each may find no room."""
    path, product = backup
    before = database(product).read_bytes()
    octets = room if isinstance(room, int) else database(product).stat().st_size // 2

    answer = product.shell(ON_A_FULL_DISK.format(octets=octets, path=str(path)))

    assert answer.startswith("Nothing was restored")
    assert found(product) == (OLD, 0)
    assert database(product).read_bytes() == before
    assert names(product) == ["newsletter.sqlite3"]
    assert not list(product.data.glob("restore.unfinished"))


KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command

moments = 0

def look(event, found):
    global moments
    if event in {"os.rename", "os.link", "os.remove"} or event == "open" and "newsletter.sqlite3.new" in str(found[0]):
        moments += 1
        if moments == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
call_command("restore", sys.argv[2], replace=True)
"""


@pytest.mark.exhaustive
def test_after_a_kill_at_any_moment(backup, tmp_path):
    """What was there is untouched, or the backup is there; half of one is nowhere after the next restore."""
    path, product = backup
    kept = tmp_path / "kept"
    shutil.copytree(product.data, kept)
    env = product.env | {"DJANGO_SETTINGS_MODULE": "newsletter.settings"}
    seen = set()
    for moment in range(1, 100, 2):  # each is a program of its own
        shutil.rmtree(product.data)
        shutil.copytree(kept, product.data)
        words = [sys.executable, "-c", KILLED, str(moment), str(path)]
        code = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        note = product.data / "restore.unfinished"
        state = found(product)
        assert state in {(OLD, 0), (NEW, 1)}
        assert note.exists() or state == (OLD, 0) or not list(product.data.rglob("*.new"))
        seen.add(state)
    assert seen == {(OLD, 0), (NEW, 1)}
    assert moment > 3


def test_a_killed_restore_is_told_and_done_again(backup):
    path, product = backup
    env = product.env | {"DJANGO_SETTINGS_MODULE": "newsletter.settings"}
    words = [sys.executable, "-c", KILLED, "4", str(path)]
    subprocess.run(words, env=env, cwd=ROOT, capture_output=True, check=False)

    for command in (["up", "--port", "0"], ["run_worker"]):
        done = product.command(*command, check=False)
        assert (done.returncode, "was not finished" in done.stderr, "as it was" in done.stderr) == (1, True, True)
    assert names(product) == ["newsletter.sqlite3"]
    product.command("restore", "--replace", str(path))

    assert found(product) == (NEW, 1)
    assert names(product) == ["newsletter.sqlite3"]
    assert not list(product.data.glob("restore.unfinished"))


@pytest.fixture
def on_postgres(make_product, tmp_path, request):
    postgres = request.getfixturevalue("migrated_postgres")
    product, path = make_product(database_url=request.getfixturevalue("migrated_postgres_url")), tmp_path / "one.tar"
    product.env["PATH"] = f"{postgres.programs}:{product.env['PATH']}"
    product.shell(FILL)
    product.command("backup", str(path))
    product.shell(CHANGE)
    return path, product


TITLE = "from newsletter.posts.models import Post\nanswer = Post.objects.get().title"


@pytest.mark.exhaustive
def test_postgresql_refuses_what_it_cannot_take_and_keeps_what_it_has(on_postgres, tmp_path):
    path, product = on_postgres
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:20_000])
    changes = {"engine": {"engine": "sqlite"}, "newer": {"migrations": ["posts.0999_of_tomorrow"]}}
    for name, change in changes.items():
        with_manifest(path, tmp_path / f"{name}.tar", change)

    said = {}
    for name in ("one", "cut", "engine", "newer", "missing"):
        options = [] if name == "one" else ["--replace"]
        done = product.command("restore", *options, str(tmp_path / f"{name}.tar"), check=False)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        said[name] = done.stderr

    assert "--replace" in said["one"]
    assert "too early" in said["cut"]
    assert "DATABASE_URL leads to postgresql" in said["engine"]
    assert "update first" in said["newer"]
    assert "No such file" in said["missing"]
    assert product.shell(TITLE) == OLD


KILLED_WHILE_IT_LOADS = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command

def look(event, found):
    if event == "subprocess.Popen" and found[0] == "pg_restore":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
call_command("restore", sys.argv[1], replace=True)
"""


@pytest.mark.exhaustive
def test_a_restore_into_postgresql_that_is_killed_says_where_what_was_there_is(on_postgres):
    path, product = on_postgres
    env = product.env | {"DJANGO_SETTINGS_MODULE": "newsletter.settings"}
    said = []

    for _there in ("a post", "nothing"):
        words = [sys.executable, "-c", KILLED_WHILE_IT_LOADS, str(path)]
        assert subprocess.run(words, env=env, cwd=ROOT, check=False).returncode == -signal.SIGKILL
        said.append(product.command("run_worker", check=False).stderr)
    product.command("restore", "--replace", str(path))

    assert "what was in the database before is in its schema before_restore_" in said[0]
    assert "the database was empty before" in said[1]
    assert product.shell(TITLE) == NEW
