"""The hands of a worker: one that stands still is found by its own worker; one that waits or works is left alone."""

import os
import signal
import sys

import pytest

from newsletter.operation.hands import Hand
from tests.support.processes import start
from tests.support.product import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.exhaustive

# A worker with little patience.
IMPATIENT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
import django
django.setup()
from django.core.management import call_command
from newsletter.operation import supervisor
from newsletter.publication import pulse
supervisor.SILENT_SECONDS, supervisor.LOOK_SECONDS, pulse.BEAT_SECONDS = 3.0, 0.2, 0.5
call_command("run_worker", hands=2, log_level="WARNING")
"""


def test_each_hand_has_a_pulse_of_its_own():
    first, second = Hand("hand 1", []), Hand("lane 1", [])
    first.pulse.show()

    assert first.beats() is not None
    assert second.beats() is None


@pytest.mark.servers
@pytest.mark.parametrize("queue", ["files", "redis"])
def test_a_hand_or_lane_that_stands_still_is_ended_by_its_worker_and_one_that_waits_is_not(
    make_product, queue, request
):
    redis_url = request.getfixturevalue("redis_url") if queue == "redis" else ""
    product = make_product(redis_url=redis_url)
    log = product.logs / "worker.log"
    product.running["worker"] = start([sys.executable, "-c", IMPATIENT], log=log, env=product.env, cwd=ROOT)
    wait_until(lambda: len(product.pids()) == 4, what=product.told)
    first, _second, lane = sorted(set(product.pids()) - {product.running["worker"].pid})

    for pid, name in ((first, "hand 1"), (lane, "lane 1")):  # the second hand has waited for long enough meanwhile
        os.kill(pid, signal.SIGSTOP)
        said = [f"{name} has not done its work for 3 s; ending it.", f"{name} is started again."]
        for line in said:
            wait_until(lambda line=line: line in product.output("worker"), what=product.told)

    assert "hand 2 has not done its work" not in product.output("worker")
