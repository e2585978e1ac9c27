"""A worker and its lane, started without `up`."""

import os
import signal

import pytest

from tests.support.waiting import wait_until


def parts_of(product):
    worker = product.running["worker"].pid
    return {pid for pid in product.pids() if pid != worker}


@pytest.mark.servers
@pytest.mark.exhaustive
def test_a_killed_worker_or_lane_is_replaced_and_those_of_a_killed_supervisor_end(make_product):
    product = make_product()
    product.start_worker(processes=2)
    wait_until(lambda: len(parts_of(product)) == 2, what=product.log_tails)

    killed = parts_of(product)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(parts_of(product) - killed) == 2, what=product.log_tails)
    os.kill(product.running["worker"].pid, signal.SIGKILL)

    wait_until(lambda: not product.pids(), what=product.log_tails)
    assert "worker died (signal 9); starting it again in 0.5 s." in product.output("worker")
    assert "lane-1 died (signal 9); starting it again in 0.5 s." in product.output("worker")
