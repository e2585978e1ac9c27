"""Settings of the test run. Real servers and the browser are in tests/support."""

import gc
import os
import shutil
import sys
import tempfile

# Before Django reads its settings: a folder of this run's own, and none of the developer's variables.
# The module is named here, not in pyproject.toml: from there it would be read before this file.
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="newsletter-tests-")
os.mkdir(os.environ["DATA_DIR"] + "/static")  # noqa: PTH102  # whitenoise warns when it is missing
os.environ["SITE_URL"] = "https://news.example.org"
for name in ("DATABASE_URL", "REDIS_URL", "MAIL_URL", "BULK_MAIL_URL", "SEND_RATE", "SECRET_KEY", "TRUSTED_PROXIES"):
    os.environ[name] = ""
os.environ["TRUSTED_PROXIES"] = "0"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")  # see delivery/test_postgresql.py
os.environ.pop("SEND_RATE")
os.environ.pop("KEEP_DELIVERIES_DAYS", None)
# A run starts some hundred programs; to compile their modules anew takes each of them two seconds more.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import django
import pytest
import time_machine

gc.disable()  # what is loaded and collected stays: a tenth of that time went into looks for garbage among it
django.setup()
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.servers.basehttp import ThreadedWSGIServer
from django.utils import timezone, translation
from hypothesis import HealthCheck
from hypothesis import settings as cases

from newsletter.mail import mail_queue
from newsletter.publication import heartbeats
from newsletter.publication.models import Publication
from newsletter.publication.pictures import uploads
from tests.factories import make_publication
from tests.support.frames import with_large_frame

# No manifest of static files, a queue in memory, http in the test client. Set once: each change tells all of Django.
project.STORAGES |= {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
project.CELERY_BROKER_URL = "memory://"
project.SECURE_SSL_REDIRECT = False
project.VISITS_SITE = False
project.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ThreadedWSGIServer.process_request_thread = with_large_frame(ThreadedWSGIServer.process_request_thread)
mail_queue.JITTER = 0  # mails that failed are tried again on the minute
# Every test finds a newsletter that is set up, but for those of the setup itself.
for name, value in {"name": "Gipi電子報", "author": "Gipi", "promise": "每兩週一封信，談管理、產品與 AI。"}.items():
    Publication._meta.get_field(name).default = value
uploads.AVIF_SPEED = 10  # as good as 6 for what a test looks at, in a tenth of the time

pytest_plugins = [
    "tests.support.browser",
    "tests.support.database",
    "tests.support.dns",
    "tests.support.fast_flush",
    "tests.support.pictures",
    "tests.support.postfix",
    "tests.support.postgres",
    "tests.support.product",
    "tests.support.migrated",
    "tests.support.redis",
    "tests.support.documented_backup",
    "tests.support.s3",
    "tests.support.shared_rows",
    "tests.support.smtp",
    "tests.support.wire",
]


def pytest_configure(config: pytest.Config) -> None:
    """Have Hypothesis try few cases, and many with the exhaustive tests."""
    tries = 200 if _is_exhaustive(config) else 20
    cases.register_profile("ours", max_examples=tries, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    cases.load_profile("ours")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have the exhaustive tests try what Hypothesis tries once more, in many more cases."""
    if _is_exhaustive(item.config) and hasattr(getattr(item, "obj", None), "hypothesis"):
        item.add_marker("exhaustive")


def _is_exhaustive(config: pytest.Config) -> bool:
    return "exhaustive" in config.option.markexpr


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the exhaustive tests out, unless `-m` names them; begin with those that take long: docs/decisions/0112."""
    left_out = [] if _is_exhaustive(config) else [item for item in items if "exhaustive" in item.keywords]
    config.hook.pytest_deselected(items=left_out)
    chosen = [item for item in items if _is_exhaustive(config) or "exhaustive" not in item.keywords]
    items[:] = sorted(chosen, key=lambda item: ("servers" not in item.keywords) + ("browser" not in item.keywords))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes keep the processors busy: those of exhaustive tests wait for most of their time."""
    processors = os.cpu_count() or 1
    return 2 * processors + 1 if _is_exhaustive(config) else processors + 1


def pytest_collection_finish() -> None:
    """Have no collection of garbage look again at modules and tests: that is 3 % of what a room takes.

    What is garbage now stays: to look for it here takes half a second of each process, and the run ends soon.
    """
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Look for garbage again, but seldom: also in the process that only hands out tests, and collects none itself.

    After 50,000 new objects instead of 2,000. Nearly all that a page or a mail leaves behind is gone without a look,
    and the looks took a twentieth of the time.
    """
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Call a test from a large frame: see tests/support/frames.py."""
    pyfuncitem.obj = with_large_frame(pyfuncitem.obj)


def pytest_report_header() -> str:
    from django.db import connection

    return f"database: {connection.vendor}"


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["DATA_DIR"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _unspoilt():
    """What the test before has left: a language and a zone, heartbeats, counted limits, a publication that is kept."""
    translation.deactivate()
    timezone.deactivate()
    heartbeats.clear_beats()
    _forget_all()
    yield
    _forget_all()


@pytest.fixture
def english():
    with translation.override("en"):
        yield


@pytest.fixture
def clock(request):
    """Frozen at the module's NOW; tests may move it."""
    with time_machine.travel(request.module.NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def author(client, db, settings, tmp_path):
    """A client in which the author is logged in, with a folder of pictures of its own."""
    settings.MEDIA_ROOT = tmp_path
    make_publication()
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    return client


def _forget_all():
    for cache in caches.all():
        cache.clear()
