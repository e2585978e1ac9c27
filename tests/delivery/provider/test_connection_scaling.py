"""How many connections are used, against servers of which is known how quick they are with how many."""

import random

import pytest

from newsletter.delivery.provider.connection_scaling import (
    HOLD_SECONDS,
    REFUSED_SECONDS,
    THROTTLING_REPLIES,
    ConnectionScaler,
)


class Server:
    """A server in time that is only counted.

    seconds: how long a message takes with so many connections. Each answer comes a little earlier or later.
    """

    def __init__(self, connections, seconds, *, jitter=0.2):
        self.connections, self.seconds, self.jitter = connections, seconds, jitter
        self.now, self.answered, self.random = 0.0, 0, random.Random(7)
        self.most_open = 0

    def run(self, seconds):
        """Let it answer for so long; return messages a second."""
        until, before = self.now + seconds, self.answered
        while self.now < until:
            opened = self.connections.wanted
            self.most_open = max(self.most_open, opened)
            factor = 1 + self.jitter * (2 * self.random.random() - 1)
            self.now += self.seconds(opened) / opened * factor
            self.answered += 1
            self.connections.on_reply(self.now, opened)
        return (self.answered - before) / seconds


def far_away(round_trips):
    """As quick with many connections as with few."""
    return lambda _connections: 0.02 * round_trips


def at_its_limit(rate):
    """More connections only wait for each other."""
    return lambda connections: connections / rate


def up_to(rate, seconds):
    """Far away, and with a limit of its own."""
    return lambda connections: max(seconds, connections / rate)


@pytest.mark.parametrize("round_trips", [1, 4])
def test_at_twenty_milliseconds_a_reply_a_thousand_messages_leave_a_second_after_some_seconds(round_trips):
    server = Server(ConnectionScaler(4, 128), far_away(round_trips))

    server.run(8)

    assert server.run(10) >= 1000
    assert server.most_open <= 128


@pytest.mark.exhaustive
@pytest.mark.parametrize("rate", [1000, 8000, 20_000])
def test_a_server_that_is_as_fast_with_few_connections_gets_few(rate):
    server = Server(ConnectionScaler(4, 128), at_its_limit(rate))

    server.run(5)  # eight were tried twice
    server.most_open = 0
    server.run(120)

    assert server.most_open <= 6  # now and then one or two more are tried


def test_a_machine_that_stands_still_during_a_trial_does_not_make_it_fail_for_long():
    server = Server(ConnectionScaler(4, 128), far_away(4))
    while server.connections.wanted < 16:
        server.run(0.1)

    server.now += 3
    server.run(10)

    assert server.run(10) >= 1000


def test_a_server_with_a_limit_gets_what_its_rate_needs_and_not_many_more():
    server = Server(ConnectionScaler(4, 128), up_to(500, seconds=0.05))  # 25 connections are enough

    server.run(60)
    assert server.run(60) >= 400
    assert 16 <= server.connections.wanted <= 40


def test_a_server_that_becomes_slow_by_its_load_gets_fewer_again():
    server = Server(ConnectionScaler(4, 128), far_away(4))
    server.run(10)
    assert server.connections.wanted > 60

    server.seconds = at_its_limit(200)
    server.run(20 * HOLD_SECONDS)

    assert server.connections.wanted <= 16


def test_a_server_that_throttles_gets_half_and_then_slowly_more_again():
    connections = ConnectionScaler(4, 128)
    server = Server(connections, far_away(4))
    server.run(10)
    before = connections.wanted

    for _ in range(before):  # it ends all of them in one moment, which is one complaint
        connections.on_throttled(server.now)
    assert connections.wanted == before // 2

    server.run(HOLD_SECONDS - 1)
    assert connections.wanted == before // 2
    server.run(HOLD_SECONDS)
    assert before // 2 < connections.wanted <= before


def test_a_server_that_throttles_again_and_again_keeps_one():
    connections = ConnectionScaler(4, 128)

    for second in range(20):
        connections.on_throttled(10.0 * second)

    assert connections.wanted == 1


def test_a_limit_that_is_found_by_being_throttled_is_not_run_into_all_the_time():
    connections = ConnectionScaler(4, 128)
    server, complaints = Server(connections, far_away(4)), 0

    for _ in range(600):
        server.run(1)
        if connections.wanted > 20:
            connections.on_throttled(server.now)
            complaints += 1

    assert 1 <= complaints <= 600 / HOLD_SECONDS / 2
    assert 10 <= connections.wanted <= 25


def test_one_reply_may_be_about_one_reader_three_within_ten_seconds_are_heard():
    connections = ConnectionScaler(8, 128)

    for _ in range(THROTTLING_REPLIES - 1):
        connections.on_throttling_reply(0.0)
    connections.on_throttling_reply(11.0)
    assert connections.wanted == 8

    connections.on_throttling_reply(12.0)
    connections.on_throttling_reply(13.0)
    assert connections.wanted == 4


def test_a_server_that_refuses_a_connection_keeps_some_for_others_and_is_asked_again_a_minute_later():
    connections = ConnectionScaler(4, 128)
    server, refusals = Server(connections, far_away(4)), []

    for _ in range(300):
        server.run(1)
        if connections.wanted > 50:
            connections.on_refused(server.now, 50)
            refusals.append(server.now)

    assert connections.wanted in (44, 50)
    assert 2 <= len(refusals) <= 1 + 300 / REFUSED_SECONDS


def test_a_rate_teaches_nothing_and_what_was_throttled_comes_back_without_being_measured():
    connections = ConnectionScaler(64, 64, is_measured=False)
    server = Server(connections, at_its_limit(50))
    server.run(200)
    assert connections.wanted == 64

    connections.on_throttled(server.now)
    server.run(1)
    assert connections.wanted == 32
    server.run(10 * HOLD_SECONDS)
    assert connections.wanted == 64
