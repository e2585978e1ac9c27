"""What docs/deploy.md tells an operator to paste."""

import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from dotenv import dotenv_values

from newsletter.mail.mailers import mailer_from_url
from tests.flows.seeds import compose_issue_1, schedule_issue_1
from tests.support.documented_backup import back_up, restore
from tests.support.missing_parts import skip_missing
from tests.support.product import ROOT

pytestmark = pytest.mark.exhaustive

DOCUMENT = (ROOT / "docs" / "deploy.md").read_text()
FIRST_DAY = DOCUMENT.split("\n## On Debian\n")[1].split("\n## Backup\n")[0]
PASTED = re.findall(r"^```sh\n(.*?)^```$", FIRST_DAY, re.DOTALL | re.MULTILINE)
TO_PASTE = "".join(PASTED)  # from a fresh machine to a newsletter behind a proxy
WRITTEN_FILES = dict(re.findall(r"^cat >(\S+) <<'END'\n(.*?)^END$", TO_PASTE, re.DOTALL | re.MULTILINE))


def unit() -> str:
    return WRITTEN_FILES["/etc/systemd/system/newsletter.service"]


def test_the_unit_exposes_little(tmp_path):
    """systemd's own measure, from 0 to 10 (below: times ten); the unit without its lower half has 9.0."""
    if not shutil.which("systemd-analyze"):
        skip_missing("apt-get install --no-install-recommends systemd")
    file = tmp_path / "newsletter.service"
    file.write_text(unit())

    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=30", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert re.search(r"exposure level for newsletter.service: 1\.1", done.stdout), "docs/deploy.md says another number"


def test_what_it_writes_is_its_own():
    lines = unit().splitlines()

    assert {"StateDirectoryMode=0700", "UMask=0077", "ProtectSystem=strict", "NoNewPrivileges=yes"} <= set(lines)


# --- What is pasted on a fresh Debian 13; benchmarks/debian.py does it in one ---


def test_every_program_is_debians_or_was_installed_before():
    """A fresh Debian 13 has no adduser, no sudo, no pip outside a venv, and no uv."""
    essential = {"apt-get", "cat", "cd", "install", "ln", "openssl", "rm", "runuser", "systemctl", "useradd"}
    installed = {"git": "git", "python3": "python3", "nginx": "nginx", "certbot": "certbot"}
    heredocs = re.sub(r"<<'END'\n.*?^END$", "", TO_PASTE, flags=re.DOTALL | re.MULTILINE)
    words = [line.split() for line in heredocs.splitlines() if line.strip()]
    named = {line[0] for line in words if not line[0].startswith("/")}
    packages = {word for line in words if line[:2] == ["apt-get", "install"] for word in line[2:]}

    assert named <= essential | set(installed)
    assert {installed[name] for name in named & set(installed)} <= packages
    assert {line[0] for line in words if line[0].startswith("/")} == {"/opt/uv/bin/pip", "/opt/uv/bin/uv"}
    assert "python3 -m venv /opt/uv" in heredocs


def test_the_user_of_the_unit_is_made_and_owns_the_file_of_variables():
    user = re.search(r"^User=(\w+)$", unit(), re.MULTILINE)[1]

    assert re.search(rf"^useradd --system .*{user}$", TO_PASTE, re.MULTILINE)
    assert f"install -o {user} -g {user} -m 600 /dev/null /etc/newsletter.env" in TO_PASTE
    assert re.search(r"^EnvironmentFile=(\S+)$", unit(), re.MULTILINE)[1] == "/etc/newsletter.env"


def test_the_file_of_variables_is_one_and_what_it_names_is_read():
    found = dotenv_values(stream=StringIO(WRITTEN_FILES["/etc/newsletter.env"]))
    listed = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert set(found) <= listed
    assert found["MAIL_URL"] == "smtp://user:password@mail.example.org:587"
    assert found["DATA_DIR"] == "/var/lib/newsletter"


@pytest.mark.parametrize("command", re.findall(r"manage\.py (.*?)(?: +#.*)?$", TO_PASTE, re.MULTILINE))
def test_every_command_has_the_environment_of_the_service(command):
    assert command.startswith(("--env-file /etc/newsletter.env ", "up --port 8000"))


def test_backups_are_made_in_a_folder_that_is_there_and_that_the_unit_may_write_to():
    """ProtectSystem=strict makes every other folder read-only."""
    folder = dotenv_values(stream=StringIO(WRITTEN_FILES["/etc/newsletter.env"]))["BACKUP_URL"]

    assert f"install -d -o newsletter -g newsletter -m 700 {folder}" in TO_PASTE.splitlines()
    assert f"ReadWritePaths=-{folder}" in unit().splitlines()


# --- The mail server ---

MAIL_TABLE = DOCUMENT.split("\n## The mail server\n")[1].split("\n## ")[0]
MAIL_URLS = re.findall(r"`(?:BULK_MAIL_URL=)?([a-z+-]+://[^`…]+)`", MAIL_TABLE)


@pytest.mark.parametrize("url", MAIL_URLS)
def test_each_mail_url_that_is_shown_is_understood(url):
    entry = mailer_from_url(url, outbox=Path("/outbox"))

    assert entry["BACKEND"].startswith(("django.core.mail.backends.smtp.", "anymail.backends."))
    assert "" not in entry["OPTIONS"].values() or url == "smtp://localhost"


# --- With Docker ---

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
TYPED = re.findall(r"docker compose (.*?)(?:`|$| \|)", DOCUMENT + (ROOT / "README.md").read_text(), re.MULTILINE)
WITH_PROFILE = [line for line in TYPED if line.startswith("--profile")]


@pytest.mark.parametrize("line", sorted(set(WITH_PROFILE)))
def test_each_line_for_compose_names_what_there_is(line):
    _option, profile, verb, *words = line.split()
    there = {name for name, service in COMPOSE["services"].items() if profile in service["profiles"]}
    named = [word.partition(":")[0] for word in words if word.partition(":")[0] in COMPOSE["services"]]
    commands = get_commands().keys() & set(words)

    assert verb in {"up", "logs", "exec", "run", "cp", "stop"}
    assert set(named) <= there
    assert bool(named) == (verb in {"exec", "run", "cp", "stop"})
    assert bool(commands) == (verb in {"exec", "run"} and "--entrypoint" not in words)


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
    product.shell(WRITTEN.format("before"))
    back_up(product, tmp_path)
    product.command("shell", "--no-imports", "-v", "0", "-c", WRITTEN.format("after") + THEN_KILLED, check=False)
    assert (product.data / "newsletter.sqlite3-wal").stat().st_size

    restore(product, tmp_path)

    assert product.shell(READERS) == ["before@example.org", "ok"]
    assert (product.data / "newsletter.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.servers
def test_postgresql_is_restored_by_the_commands_as_they_are_written(make_product, named_postgres_url, tmp_path):
    product = make_product(database_url=named_postgres_url)
    product.shell(WRITTEN.format("before"))
    back_up(product, tmp_path)
    product.shell(WRITTEN.format("after"))

    restore(product, tmp_path)

    assert product.shell(READERS) == ["before@example.org"]


START = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
restore_detection.detect_restore(timezone.now())
answer = restore_detection.is_restore_undecided()
"""
DECISION = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
restore_detection.count_as_sent(timezone.now())
"""


@pytest.mark.servers
def test_a_restored_postgresql_is_known_by_a_machine_that_has_sent_nothing_itself(
    make_product, named_postgres_url, tmp_path
):
    """The machine that has sent, and could prove it, may start later."""
    options = {"database_url": named_postgres_url, "mail_url": "smtp://127.0.0.1:9"}
    first, second = (make_product(**options) for _ in range(2))
    compose_issue_1(first, {"reader@example.org"})
    schedule_issue_1(first)
    assert [first.shell(START), second.shell(START), first.shell(START)] == [False] * 3
    back_up(first, tmp_path)

    restore(first, tmp_path)

    assert first.shell(START)
    first.shell(DECISION)
    assert not second.shell(START), "the author has decided about this restore"
    restore(first, tmp_path)
    assert second.shell(START), "this is another one"
