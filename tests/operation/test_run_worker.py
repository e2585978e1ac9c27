"""What a worker holds in memory."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
LOADED = """
import os, sys
os.environ["CELERY_SKIP_CHECKS"] = "true"
from django.core.management import load_command_class
import celery.apps.worker, celery.concurrency.solo
from newsletter.celery import app
load_command_class("newsletter.operation", "run_worker")
app.loader.import_default_modules()
import newsletter.delivery.lanes
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
    assert "newsletter.delivery.sending.lane" in loaded
    assert needless & loaded == set()


def parts_of(product):
    worker = product.running["worker"].pid
    return {pid for pid in product.pids() if pid != worker}


@pytest.mark.servers
@pytest.mark.exhaustive
def test_killed_hands_and_lanes_are_replaced_and_those_of_a_killed_worker_end(make_product):
    product = make_product()
    product.start_worker(processes=2)
    wait_until(lambda: len(parts_of(product)) == 3, what=product.told)

    killed = {min(parts_of(product)), max(parts_of(product))}
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(parts_of(product) - killed) == 3, what=product.told)
    os.kill(product.running["worker"].pid, signal.SIGKILL)

    wait_until(lambda: not product.pids(), what=product.told)
    assert "hand 1 died (signal 9); starting it again in 0.5 s." in product.output("worker")
    assert "lane 1 died (signal 9); starting it again in 0.5 s." in product.output("worker")
