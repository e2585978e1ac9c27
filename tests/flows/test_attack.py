"""The attacks of benchmarks/attack in their short form, against the product as `up` runs it."""

import pytest

from benchmarks.attack.run import ATTACKS, NEED_REDIS, attempt, floods
from benchmarks.attack.world import World

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
ELSEWHERE = {floods.hung_web}  # tests/operation/test_supervisor.py stops a web server, and waits as long


def test_every_attack_is_held(make_product, smtp):
    product = make_product(mail_url=smtp.url)
    product.forks = False  # its memory and its time are measured
    world = World(product, smtp, is_short=True)
    world.start()

    outcomes = {attack.__name__: attempt(attack, world) for attack in ATTACKS if attack not in NEED_REDIS | ELSEWHERE}

    assert {name: outcome.figures for name, outcome in outcomes.items() if not outcome.is_held} == {}
    assert len(outcomes) >= 31
