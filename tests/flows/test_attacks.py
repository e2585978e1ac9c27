"""The attacks of docs/attacks.md, fewer of each, on a house that is open."""

import pytest

from benchmarks.attack.run import run, world

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]


@pytest.mark.parametrize(("engine", "proxy"), [("sqlite", "none"), ("servers", "nginx")])
def test_every_attack_is_held(engine, proxy):
    with world(engine, proxy, is_short=True) as attacked:
        assert run(attacked) == []
