"""What a worker holds in memory."""

import os
import signal

import pytest

from tests.support.waiting import wait_until


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
