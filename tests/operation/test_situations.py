"""Broken installations are identified by the doctor, /readyz, /metrics and the log.

Each situation is real: servers are killed, disks are full, folders are read-only.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from newsletter.background import machines
from newsletter.delivery.models.mailing import MailingStep
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation import diagnosis, hourly_check, readiness
from newsletter.operation.models import NightlyBackup
from newsletter.publication import heartbeats
from tests.factories import make_publication
from tests.operation.test_diagnosis import make_mailing
from tests.support.processes import free_port, run_python
from tests.support.product import ROOT
from tests.support.s3 import store_pictures_in

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]


@dataclass(frozen=True)
class Situation:
    """One broken installation. readyz: the part and its answer; metric: what one value must be."""

    name: str
    make: Callable[["House"], None]
    finding: str
    sentence: str
    metric: tuple[str, ...]
    value: Callable[[float], bool]
    line: str
    readyz: tuple[str, str] | None = None
    level: str = "error"


@dataclass
class House:
    """An installation in order, and what breaks it."""

    settings: object
    name_server: object
    smtp: object
    redis: object
    tmp_path: object
    restore: list[Callable[[], None]] = field(default_factory=list)


@pytest.fixture
def house(in_order, settings, name_server, smtp, redis, tmp_path):
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.LOCK_DIR, settings.MEDIA_ROOT = tmp_path / "locks", str(tmp_path / "media")
    mailer = mailer_from_url(f"smtp://gipi:secret@127.0.0.1:{smtp.port}", outbox=tmp_path)
    (smtp.folder / "accept-login").touch()
    settings.MAILERS = {"default": mailer, "bulk": mailer}
    make_publication(language="en")
    readiness.log_readiness({})
    made = House(settings, name_server, smtp, redis, tmp_path)
    yield made
    [undo() for undo in made.restore]
    readiness.log_readiness({})
    redis.mend()


# --- How each is made ---


def stop_clock(house):
    _silence(house, heartbeats.Component.CLOCK)


def stop_lane(house):
    _silence(house, heartbeats.Component.LANES)
    begun = timezone.now() - timedelta(hours=1)
    mailing = make_mailing(state="sending", send_at=begun, planned_at=begun, total=2)
    mailing.record(MailingStep.Kind.BEGUN, at=begun)
    mailing.batches.create(no=1, lo=1, hi=3, cursor=1)


def stop_worker(house):
    _silence(house, heartbeats.Component.WORKER)


def _silence(house, part):
    heartbeats.beat(part)
    at = time.monotonic() - 600
    os.utime(house.settings.DATA_DIR / "heartbeats" / part, (at, at))


def kill_mail_server(house):
    house.smtp.kill()
    house.restore.append(house.smtp.start)


def refuse_login(house):
    (house.smtp.folder / "accept-login").unlink()
    (house.smtp.folder / "refuse-login").touch()


def offer_no_tls(house):
    options = mailer_from_url(f"smtp+tls://gipi:secret@127.0.0.1:{house.smtp.port}", outbox=house.tmp_path)
    house.settings.MAILERS = house.settings.MAILERS | {"bulk": options}


def block_media(house):
    (house.tmp_path / "media").write_text("a file where the folder should be")


def lose_bucket(house):
    store_pictures_in(house.settings, f"s3://key:secret@127.0.0.1:{free_port()}/pictures?tls=false")


def block_locks(house):
    (house.tmp_path / "locks").write_text("a file where the folder should be")


def kill_redis(house):
    house.settings.REDIS_URL = house.redis.url
    house.redis.kill()


def forget_migration(house):
    (latest,) = MigrationLoader(connection).graph.leaf_nodes("hooks")
    MigrationRecorder(connection).record_unapplied(*latest)


def lose_secret(house):
    hourly_check.check_and_mail(timezone.now())
    house.settings.SECRET_KEY = "another one"


def forget_proxy(house):
    house.settings.TRUSTED_PROXIES = 0


def leave_spf_out(house):
    del house.name_server.records["spf.mtasv.net", "TXT"]


def publish_no_key(house):
    folder = house.settings.DKIM_DIR = house.tmp_path / "dkim"
    folder.mkdir()
    house.settings.BULK_MAIL_URL = f"smtp://127.0.0.1:{house.smtp.port}"
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
    subprocess.run([*command, "-out", folder / "issues.pem"], check=True, capture_output=True)


def skip_nights(house):
    made = timezone.now() - timedelta(days=3)
    NightlyBackup.objects.create(day=made.date(), begun_at=made, made_at=made)


def report_another_environment(house):
    """A web server whose SITE_URL the worker lacks."""
    machines.report("worker")
    ours, house.settings.SITE_URL = house.settings.SITE_URL, "https://letters.gipi.tw"
    machines.report("web")
    house.settings.SITE_URL = ours


TRUE = (1.0).__eq__
FALSE = (0.0).__eq__
OLD = (500.0).__lt__
TABLE = (
    Situation(
        *("the clock stands still", stop_clock, "clock.silent", "The clock starts no tasks, since "),
        *(("part_age_seconds", "clock"), OLD, "not ready: clock silent for "),
        readyz=("clock", "silent for "),
    ),
    Situation(
        *("the mail server is away", kill_mail_server, "mail.away"),
        "The mail server 127.0.0.1:{smtp} does not answer: Connection refused.",
        *(("trouble", "mail.away", "error"), TRUE, "trouble mail.away: The mail server 127.0.0.1:"),
    ),
    Situation(
        *("the mail server refuses the password", refuse_login, "mail.login"),
        "The mail server 127.0.0.1:{smtp} refuses user or password: 535 5.7.8 Authentication credentials invalid.",
        *(("trouble", "mail.login", "error"), TRUE, "trouble mail.login: The mail server 127.0.0.1:"),
    ),
    Situation(
        *("the mail server offers no encryption", offer_no_tls, "mail.unsupported"),
        "does not offer what it is asked for: STARTTLS extension not supported by server.",
        *(("trouble", "mail.unsupported", "error"), TRUE, "trouble mail.unsupported: "),
    ),
    Situation(
        *("pictures cannot be kept", block_media, "media.read_only", "media cannot be written to: Not a directory."),
        *(("trouble", "media.read_only", "error"), TRUE, "trouble media.read_only: "),
    ),
    Situation(
        *("the bucket of the pictures is away", lose_bucket, "media.away"),
        "The bucket of the pictures does not answer, or refuses us: s3://127.0.0.1:",
        *(("trouble", "media.away", "error"), TRUE, "trouble media.away: "),
    ),
    Situation(
        *("locks cannot be taken", block_locks, "locks.read_only", "locks cannot be written to: Not a directory."),
        *(("trouble", "locks.read_only", "error"), TRUE, "trouble locks.read_only: "),
    ),
    Situation(
        *("no worker takes tasks", stop_worker, "worker.silent", "No worker answers: neither issues nor confirmations"),
        *(("part_age_seconds", "worker"), OLD, "trouble worker.silent: No worker answers"),
    ),
    Situation(
        *("a lane hangs", stop_lane, "mailing.stands_still", "has made no progress for 90 seconds, though it could."),
        *(("part_age_seconds", "lanes"), OLD, "trouble mailing.stands_still:"),
    ),
    Situation(
        *("Redis is away", kill_redis, "queue.unreachable", "The queue cannot be used: ConnectionError."),
        *(("ready", "queue"), FALSE, "not ready: queue ConnectionError"),
        readyz=("queue", "ConnectionError"),
    ),
    Situation(
        *("a migration is missing", forget_migration, "database.migrations"),
        *("The database is older than the program.", ("ready", "migrations"), FALSE, "not ready: migrations pending"),
        readyz=("migrations", "pending"),
    ),
    Situation(
        *("the secret key is another one", lose_secret, "secret.changed"),
        "The secret key is not the one of before: links in mails sent so far, and logins, are dead.",
        *(("trouble", "secret.changed", "error"), TRUE, "trouble secret.changed: "),
    ),
    Situation(
        *("a worker has another environment", report_another_environment, "machines.differ"),
        *("the web server has another SITE_URL. It sends nothing.", ("machines_differing",), TRUE),
        "trouble machines.differ:",
    ),
    Situation(
        *("no proxy is trusted", forget_proxy, "proxies.untrusted"),
        "https://news.gipi.tw is https, but no proxy is trusted: every page would redirect to itself.",
        *(("trouble", "proxies.untrusted", "warning"), TRUE, "trouble proxies.untrusted: "),
        level="warning",
    ),
    Situation(
        *("SPF includes what is not there", leave_spf_out, "spf.broken"),
        "The SPF record of gipi.tw includes spf.mtasv.net, which has none: receivers take none of it.",
        *(("trouble", "spf.broken", "error"), TRUE, "trouble spf.broken: "),
    ),
    Situation(
        *("the DKIM key is not published", publish_no_key, "dkim.missing"),
        "The DKIM key “issues” signs our mails, but the DNS has no record of it.",
        *(("trouble", "dkim.missing", "error"), TRUE, "trouble dkim.missing: "),
    ),
    Situation(
        *("nights are without a backup", skip_nights, "backup.old", "The last backup is of "),
        *(("backup_age_seconds",), (2 * 86400.0).__lt__, "trouble backup.old: "),
        level="warning",
    ),
)


@pytest.fixture(autouse=True)
def _token(settings):
    settings.METRICS_TOKEN = "let-me-see"


@pytest.mark.parametrize("situation", TABLE, ids=lambda one: one.name)
def test_each_is_named_by_the_doctor_by_readyz_by_metrics_and_by_the_log(situation, house, client, caplog):
    situation.make(house)

    findings = diagnosis.run_checks(timezone.now())
    hourly_check.check_and_mail(timezone.now())
    readyz = client.get("/readyz")
    metrics = samples(client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).text)

    found = next(one for one in findings if one.id == situation.finding)
    assert situation.sentence.format(smtp=house.smtp.port) in found.message
    assert found.hint
    assert found.level == situation.level
    assert {one.id for one in findings} <= {situation.finding, "worker.silent"}, "nothing else is said to be wrong"
    assert situation.value(metrics[situation.metric])
    assert sum(situation.line in line for line in caplog.messages) == 1, caplog.messages
    if situation.readyz:
        part, answer = situation.readyz
        assert readyz.status_code == 503
        assert readyz.json()[part].startswith(answer)
    else:
        assert readyz.status_code == 200


def test_in_order_nothing_of_it_is_said(house, client, caplog):
    findings = {one.id for one in diagnosis.run_checks(timezone.now())}
    hourly_check.check_and_mail(timezone.now())
    metrics = samples(client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).text)

    assert findings == {"worker.silent"}
    assert client.get("/readyz").status_code == 200
    assert {name[1] for name in metrics if name[0] == "trouble"} == {"worker.silent"}
    assert not any(line.startswith("not ready") for line in caplog.messages)


def test_what_is_ready_again_is_told_once(house, client, caplog):
    forget_migration(house)
    client.get("/readyz")
    client.get("/readyz")
    (latest,) = MigrationLoader(connection).graph.leaf_nodes("hooks")
    MigrationRecorder(connection).record_applied(*latest)
    client.get("/readyz")
    client.get("/readyz")

    told = [line for line in caplog.messages if "ready" in line and "readyz" not in line]
    assert told == ["not ready: migrations pending", "ready again: migrations"]


def samples(text):
    return {
        (sample.name.removeprefix("newsletter_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# --- What a process of its own must see: its database or its disk is another one ---

ASK = """
import json, sys
import django
django.setup()
from django.test import Client
from django.utils import timezone, translation
from newsletter.operation import diagnosis
with translation.override("en"):
    found = [[one.level, one.id, one.message] for one in diagnosis.run_checks(timezone.now())]
here = {"headers": {"Host": "localhost", "Authorization": "Bearer let-me-see"}}
pages = {name: Client().get(f"/{name}", **here).content.decode() for name in ("readyz", "metrics")}
print(json.dumps({"found": found} | pages))
"""


def ask(before=(), **env):
    given = {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "TRUSTED_PROXIES": "0", "METRICS_TOKEN": "let-me-see"}
    env = os.environ | given | env
    if before:
        command = [*before, sys.executable, "-c", ASK]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    else:
        done = run_python("-c", ASK, env=env)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    return told["found"], json.loads(told["readyz"]), samples(told["metrics"]), done.stderr


def test_a_database_server_that_is_away(tmp_path):
    found, readyz, metrics, log = ask(
        DATABASE_URL=f"postgres://newsletter@127.0.0.1:{free_port()}/newsletter", DATA_DIR=str(tmp_path)
    )

    ((level, name, message),) = found
    assert (level, name) == ("error", "database.unreachable")
    assert "Connection refused" in message
    assert readyz["database"] == "away"
    assert (metrics["database_up",], metrics["ready", "database"]) == (0, 0)
    assert log.count("not ready: database away") == 1


def test_a_database_that_does_not_exist(tmp_path, postgres):
    found, readyz, metrics, log = ask(DATABASE_URL=postgres.url("nowhere"), DATA_DIR=str(tmp_path))

    ((level, name, message),) = found
    assert (level, name) == ("error", "database.unreachable")
    assert 'database "nowhere" does not exist' in message
    assert readyz["database"] == "away"
    assert (metrics["database_up",], metrics["ready", "database"]) == (0, 0)
    assert log.count("not ready: database away") == 1


def test_an_account_that_the_database_does_not_know(tmp_path, postgres):
    url = postgres.url().replace("postgres@", "stranger@")

    ((_level, name, message),), readyz, _metrics, _log = ask(DATABASE_URL=url, DATA_DIR=str(tmp_path))

    assert name == "database.unreachable"
    assert 'role "stranger" does not exist' in message
    assert readyz["database"] == "away"


@pytest.fixture
def in_ascii(postgres):
    """The URL of a database as `initdb` makes it where no locale is set."""
    postgres.run("CREATE DATABASE in_ascii TEMPLATE template0 ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'")
    yield postgres.url("in_ascii")
    postgres.drop(postgres.url("in_ascii"))


def test_up_makes_no_table_in_a_database_that_keeps_no_utf8(tmp_path, in_ascii, collected_static):
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": in_ascii, "DATA_DIR": str(tmp_path)}

    done = run_python("manage.py", "up", "--port", str(free_port()), env=env | {"STATIC_ROOT": str(collected_static)})

    assert done.returncode == 1
    assert "CommandError: The database has the encoding SQL_ASCII. Make it with UTF8" in done.stderr
    with psycopg.connect(in_ascii) as there:
        assert there.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


on_a_small_disk = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="a disk that is full is a small one, and only root mounts one",
)


@on_a_small_disk
def test_a_full_disk(tmp_path, migrated_sqlite):
    data, script = tmp_path / "data", tmp_path / "script"
    data.mkdir()
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.sqlite3")
    script.write_text(
        f"mount -t tmpfs -o size=60m none {data} || exit 70\n"
        f"cd {data} && mkdir queue && cp ../newsletter.sqlite3 . && cat /dev/zero >filler 2>/dev/null\n"
        f'cd {ROOT}\nexec "$@"\n'
    )

    found, readyz, metrics, log = ask(
        ("unshare", "-m", "sh", str(script)), DATA_DIR=str(data), DATABASE_URL="", SECRET_KEY="of the environment"
    )

    told = {name: (level, message) for level, name, message in found}
    assert told["data_dir.full"] == ("error", f"The disk of {data} is full.")
    assert readyz["data_dir"] == "full"
    assert metrics["ready", "data_dir"] == 0
    assert log.count("not ready: data_dir full") == 1


LEAVING = """
import json
from contextlib import suppress
from urllib.parse import urlsplit
from django.conf import settings
from django.test import Client
from django.utils import timezone
from subscribers import pending_unsubscribes
from subscribers.models import Subscriber, address_hash

for name in ("click", "page"):
    values = {"email": f"{name}@example.org", "address_hash": address_hash(f"{name}@example.org")}
    Subscriber.objects.create(state="active", confirmed_at=timezone.now(), **values)
paths = [urlsplit(reader.unsubscribe_url).path for reader in Subscriber.objects.order_by("email")]
pending_unsubscribes.reserve_space()
filler = settings.DATA_DIR / "filler"
with filler.open("wb") as file, suppress(OSError):
    while True:
        file.write(bytes(4096))
bodies, client = [{"List-Unsubscribe": "One-Click"}, {}], Client(headers={"host": "localhost"})
answers = [client.post(path, body, secure=True).status_code for path, body in zip(paths, bodies)]
before = list(Subscriber.objects.values_list("state", flat=True))
filler.unlink()
pending_unsubscribes.process_pending()
print(json.dumps([answers, before, list(Subscriber.objects.values_list("state", flat=True))]))
"""


@on_a_small_disk
def test_who_leaves_on_a_full_disk_has_left_as_soon_as_there_is_room(tmp_path, migrated_sqlite, collected_static):
    data, script = tmp_path / "data", tmp_path / "script"
    data.mkdir()
    script.write_text(
        f"mount -t tmpfs -o size=20m none {data} || exit 70\n"
        f'cp {migrated_sqlite} {data}/newsletter.sqlite3\ncd {ROOT}\nexec "$@"\n'
    )
    env = os.environ | {"DATA_DIR": str(data), "DATABASE_URL": "", "STATIC_ROOT": str(collected_static)}
    command = ["unshare", "-m", "sh", str(script), sys.executable, "manage.py", "shell", "--no-imports", "-c", LEAVING]

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[200, 202], ["active", "active"], ["unsubscribed", "unsubscribed"]]


@on_a_small_disk
def test_up_says_in_a_sentence_that_the_disk_has_no_room_for_static_files(tmp_path):
    data, script = tmp_path / "data", tmp_path / "script"
    data.mkdir()
    script.write_text(
        f"mount -t tmpfs -o size=4m none {data} || exit 70\n"
        f"cd {data} && {{ head -c 300k /dev/zero >rest; cat /dev/zero >filler; rm rest; }} 2>/dev/null\n"
        f'cd {ROOT}\nexec "$@"\n'
    )
    env = os.environ | {"DATA_DIR": str(data), "DATABASE_URL": "", "REDIS_URL": "", "SECRET_KEY": "", "DEBUG": "0"}
    command = ["unshare", "-m", "sh", str(script), sys.executable, "manage.py", "up", "--port", "0"]

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
