"""Calls from an event loop into threads."""

import asyncio
import resource
import threading
from threading import Event, current_thread

import pytest

from newsletter import threads
from newsletter.threads import Threads, with_room
from tests.support.loops import run


def test_a_call_returns_what_its_function_returns():
    async def main():
        return await Threads(asyncio.get_running_loop()).call(lambda: 7)

    assert run(main()) == 7


def test_the_loop_learns_at_once_of_what_it_asked(monkeypatch):
    monkeypatch.setattr(threads, "TICK_SECONDS", 600)

    async def main():
        pool = Threads(asyncio.get_running_loop())
        return [await pool.ask(lambda: 7), await pool.ask(exit), await pool.ask(lambda: 8)], pool.is_busy(600)

    assert run(main()) == ([7, None, 8], False)


def test_calls_are_made_one_after_the_other_in_one_thread():
    running, seen = [], []

    def work() -> str:
        running.append(1)
        seen.append(len(running))
        running.pop()
        return current_thread()

    async def main():
        pool = Threads(asyncio.get_running_loop())
        return await asyncio.gather(*(pool.call(work) for _ in range(200)))

    assert len(set(run(main()))) == 1
    assert set(seen) == {1}


def _faults_of_calls() -> int:
    """Return how many pages of memory this thread is given while it calls functions from many depths."""

    def call_from(depth: int) -> None:
        if depth:
            call_from(depth - 1)
        for _ in range(1_000):
            pass_by()

    def pass_by() -> None: ...

    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    call_from(400)
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_no_depth_of_calls_costs_a_page_of_memory_for_each_call():
    async def main():
        return await Threads(asyncio.get_running_loop()).call(_faults_of_calls)

    assert run(main()) < 200


def test_a_function_with_room_is_called_as_it_was():
    @with_room
    def joined(*words: str, by: str = " ") -> str:
        """Join."""
        return by.join(words)

    assert joined("a", "b", by="-") == "a-b"
    assert (joined.__name__, joined.__doc__) == ("joined", "Join.")


def test_calls_that_wait_for_later_ones_do_not_keep_these_waiting():
    opened = Event()

    async def main():
        pool = Threads(asyncio.get_running_loop())
        waits = [pool.call(lambda: opened.wait(20)) for _ in range(10)]
        pool.call(opened.set)
        return await asyncio.gather(*waits)

    assert run(main()) == [True] * 10


def test_a_thread_that_was_followed_ends_and_one_is_left():
    opened = Event()

    def wait() -> threading.Thread:
        opened.wait(20)
        return current_thread()

    async def main():
        pool = Threads(asyncio.get_running_loop())
        waits = [pool.call(wait) for _ in range(10)]
        pool.call(opened.set)
        used = set(await asyncio.gather(*waits))
        for thread in used - {pool._leader}:
            thread.join(20)
        return used, [thread for thread in pool._threads if thread.is_alive()]

    used, left = run(main())

    assert len(used) == 10
    assert len(left) == 1


def test_there_is_an_end_to_the_threads(monkeypatch):
    monkeypatch.setattr(threads, "MOST_THREADS", 3)
    opened, used = Event(), set()

    def wait() -> None:
        used.add(current_thread())
        opened.wait(20)

    async def main():
        pool = Threads(asyncio.get_running_loop())
        waits = [pool.call(wait) for _ in range(6)]
        while len(used) < 3:
            await asyncio.sleep(0)
        for _ in range(3):
            pool._tick()
        opened.set()
        await asyncio.gather(*waits)

    run(main())

    assert len(used) == 3


def test_a_call_that_fails_is_logged_and_the_next_one_is_made(caplog):
    async def main():
        pool = Threads(asyncio.get_running_loop())
        return await asyncio.gather(pool.call(exit), pool.call(lambda: 7))

    assert run(main()) == [None, 7]
    assert "A request has failed outside of Django" in caplog.text


def test_a_call_that_nobody_waits_for_any_more_harms_nobody():
    opened = Event()

    async def main():
        pool = Threads(asyncio.get_running_loop())
        given_up = pool.call(lambda: opened.wait(20))
        given_up.cancel()
        opened.set()
        return await pool.call(lambda: 7)

    assert run(main()) == 7


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_ends_leaves_no_connection_open():
    from django.db import connection

    opened, held = Event(), []

    def ask() -> bool:
        held.append(connection.connection or connection.connect() or connection.connection)
        return opened.wait(20)

    async def main():
        pool = Threads(asyncio.get_running_loop())
        wait, leader = pool.call(ask), pool._leader
        await pool.call(opened.set)
        await wait
        leader.join(20)

    run(main())

    with pytest.raises(Exception, match="closed"):
        held[0].cursor()
