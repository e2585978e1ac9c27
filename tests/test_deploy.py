"""What docs/deploy.md tells an operator to paste."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.product import ROOT
from tests.support.restoring import back_up, restore


def unit() -> str:
    document = (ROOT / "docs" / "deploy.md").read_text()
    block = re.search(r"^    \[Unit\]\n(?:    .*\n|\n(?=    ))+", document, re.MULTILINE)[0]
    return re.sub(r"^    ", "", block, flags=re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_the_unit_exposes_little(tmp_path):
    """systemd's own measure, from 0 to 10 (below: times ten); the unit without its lower half has 9.0."""
    file = tmp_path / "newsletter.service"
    file.write_text(unit())

    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert re.search(r"exposure level for newsletter.service: 1\.1", done.stdout), "docs/deploy.md says another number"


def test_what_it_writes_is_its_own():
    lines = unit().splitlines()

    assert {"StateDirectoryMode=0700", "UMask=0077", "ProtectSystem=strict", "NoNewPrivileges=yes"} <= set(lines)


def test_the_kernel_still_says_whether_the_machine_was_started_anew():
    """The flight recorders ask /proc/sys, which ProcSubset=pid would hide."""
    assert "ProcSubset" not in unit()
    assert Path("/proc/sys/kernel/random/boot_id").exists()


def test_no_password_stands_on_a_command_line():
    document = (ROOT / "docs" / "deploy.md").read_text()

    assert "$(cat" not in document
    assert "env-file /etc/newsletter.env author_link" in document


# --- Backup and restore ---

WRITTEN = """
from subscribers.models import Subscriber, address_hash
Subscriber.objects.create(email="{0}@example.org", address_hash=address_hash("{0}@example.org"))
"""
THEN_KILLED = """
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
READERS = """
from django.db import connection
from subscribers.models import Subscriber
answer = list(Subscriber.objects.values_list("email", flat=True))
if connection.vendor == "sqlite":
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        answer += cursor.fetchone()
"""


@pytest.mark.servers
def test_sqlite_is_restored_after_a_crash_by_the_commands_as_they_are_written(make_product, tmp_path):
    product = make_product()
    product.migrate()
    product.shell(WRITTEN.format("before"))
    back_up(product, tmp_path)
    product.manage("shell", "--no-imports", "-v", "0", "-c", WRITTEN.format("after") + THEN_KILLED, check=False)
    assert (product.data / "newsletter.sqlite3-wal").stat().st_size

    restore(product, tmp_path)

    assert product.shell(READERS) == ["before@example.org", "ok"]
    assert (product.data / "newsletter.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.servers
def test_postgresql_is_restored_by_the_commands_as_they_are_written(make_product, named_postgres_url, tmp_path):
    product = make_product(database_url=named_postgres_url)
    product.migrate()
    product.shell(WRITTEN.format("before"))
    back_up(product, tmp_path)
    product.shell(WRITTEN.format("after"))

    restore(product, tmp_path)

    assert product.shell(READERS) == ["before@example.org"]
