"""What a worker holds in memory, for itself and once more for each of its hands."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADED = """
import os, sys
os.environ["CELERY_SKIP_CHECKS"] = "true"
from django.core.management import load_command_class
import celery.apps.worker, celery.concurrency.prefork
from newsletter.celery import app
load_command_class("newsletter.desk", "run_worker")
app.loader.import_default_modules()
print(*sys.modules)
"""


def test_a_worker_whose_mail_leaves_by_smtp_loads_no_client_of_anything_else(tmp_path):
    env = os.environ | {"DATA_DIR": str(tmp_path), "MAIL_URL": "smtp://127.0.0.1", "BULK_MAIL_URL": "", "REDIS_URL": ""}

    said = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env=env, capture_output=True, text=True, check=True)

    needless = {
        "anymail",
        "celery.bin.celery",
        "cryptography",
        "dkim",
        "dns",
        "newsletter.urls",
        "prompt_toolkit",
        "redis",
        "requests",
    }
    loaded = set(said.stdout.split())
    assert "newsletter.delivery.sending" in loaded
    assert needless & loaded == set()
