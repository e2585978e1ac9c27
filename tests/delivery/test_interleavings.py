"""Two workers, a sweep, an author and every accident between them, in any order: the promises of the ledger hold.

What is real: ledger, holdings, recovery, evidence and flight recorders. What is played: the wire, the clock, death,
and the author, who decides about uncertain copies from pages that may be old.
"""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery.ledger import claims, flight_recorder, recovery, uncertain
from newsletter.delivery.ledger.claims import DeliveryResult, LaneEnded
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution, SeenRow
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import beginning
from newsletter.delivery.rate import RateLimiter
from newsletter.delivery.sending.lane import HeldBatch
from subscribers.models import Subscriber
from tests.delivery.conftest import InTurn

pytestmark = pytest.mark.exhaustive

State = Delivery.State
READERS = "abcdefghi"
IN_FLIGHT = 2  # messages on the wire of one worker, at the most
MARKS = {State.SENT: RowMark.SENT, State.FAILED: RowMark.FAILED, State.DEFERRED: RowMark.DEFERRED}


class Wire:
    """A provider that may accept a message and say so, accept it in silence, or refuse it for good or for now."""

    def __init__(self):
        self.accepted = Counter()
        self.saw_trouble = False

    def hand_over(self, seq, answer):
        if answer in {State.SENT, State.UNCERTAIN}:
            self.accepted[seq] += 1
        self.saw_trouble |= answer == State.UNCERTAIN
        return DeliveryResult(seq, answer)


class Worker:
    """One worker, a step at a time: claim, fetch a row, hand it over, hear its answer, settle."""

    def __init__(self, name, mailing, wire, flight):
        self.name, self.mailing, self.wire, self.path = name, mailing, wire, flight
        self.recorder = FlightRecorder(flight)
        self.holding = None

    def step(self, now, answer):
        if self.holding is None:
            self.claim(now)
        elif self.fetched:
            self.hand_over(answer)
        elif self.unheard:
            self.hear()
        elif self.is_through:
            self.settle()
        else:
            self.fetch()

    def recover(self):
        """Do what the next holder of the slot does first, once this one is dead."""
        if self.holding is not None:
            return
        for batch in Batch.objects.filter(worker=self.name, state=Batch.State.LEASED):
            recovery.recover_batch(batch, flight_recorder.read_record(self.path))

    def claim(self, now):
        self.recover()
        batch = claims.claim_batch(self.mailing, self.name, now)
        if batch is None:
            return
        self.recorder.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        self.holding = HeldBatch(batch, 1, InTurn(), RateLimiter(None))
        self.rows = self.holding.rows(lambda: self.is_through)
        self.fetched, self.unheard, self.is_through = [], [], False

    def fetch(self):
        if self.holding is None or self.is_through or len(self.fetched) + len(self.unheard) >= IN_FLIGHT:
            return
        try:
            self.fetched.append(next(self.rows))
        except (StopIteration, LaneEnded):
            self.is_through = True

    def hand_over(self, answer):
        row = self.fetched.pop(0)
        self.recorder.mark(row.seq, RowMark.HANDED_OVER)
        self.unheard.append(self.wire.hand_over(row.seq, answer))

    def hear(self):
        result = self.unheard.pop()
        self.recorder.mark(result.seq, MARKS.get(result.state, RowMark.UNCERTAIN))
        self.holding.add_result(result)

    def settle(self):
        self.holding.settle()
        self.holding = None

    def stop(self):
        """End as a lane does: what is on the wire is heard, what is not yet there is given back."""
        if self.holding is None:
            return
        self.is_through, self.fetched = True, []
        while self.unheard:
            self.hear()
        self.settle()

    def die(self):
        self.wire.saw_trouble |= self.holding is not None
        self.holding = None


class World:
    """A mailing, its two workers, and whatever befalls them."""

    def __init__(self, mailing, folder):
        self.mailing, self.wire, self.now = mailing, Wire(), timezone.now()
        self.page, self.decisions = [], 0  # what the author has before him: uncertain rows, and his last decision
        self.again, self.counted = Counter(), set()
        self.workers = [Worker(f"machine{n}/0/x", mailing, self.wire, folder / f"flight-{n}") for n in range(2)]

    def befall(self, what, number, answer):
        worker = self.workers[number]
        if what == "step":
            worker.step(self.now, answer)
        elif hasattr(worker, what):
            getattr(worker, what)()
        else:
            getattr(self, what)(worker)

    def lease_runs_out(self, worker):
        """Take its batch from an owner who may be alive, and go on."""
        for batch in Batch.objects.filter(worker=worker.name, state=Batch.State.LEASED):
            self.wire.saw_trouble = True
            recovery.recover_batch(batch, None)

    def time_passes(self, _worker=None):
        self.now += timedelta(days=2)

    def pause(self, _worker):
        self.mailing.pause()

    def resume(self, _worker=None):
        self.mailing.resume(self.now, timedelta())

    def cancel(self, _worker):
        self.mailing.cancel(self.now)

    def sweep(self, _worker=None):
        recovery.settle_cancelled()
        self.mailing.finish(self.now)

    def provider_tells(self, _worker):
        """Have the provider report late what it did with the copies that are uncertain, and wait to go again."""
        for row in self.mailing.deliveries.exclude(state=State.DEFERRED):
            if self.wire.accepted[row.seq]:
                uncertain.resolve(row, DeliveryReport(Resolution.ACCEPTED, self.now))

    def author_looks(self, _worker):
        rows = self.mailing.deliveries.filter(state=State.UNCERTAIN).values_list("seq", "attempts")
        self.page, self.decisions = [SeenRow(*row) for row in rows], uncertain.last_decision(self.mailing)

    def author_counts_one(self, worker):
        self._decide(self.page[self.workers.index(worker) :][:1], Resolution.COUNT_AS_SENT)

    def author_sends_one_again(self, worker):
        self._decide(self.page[self.workers.index(worker) :][:1], Resolution.SEND_AGAIN)

    def author_sends_all_again(self, _worker):
        before = self.rows()
        uncertain.decide_all(self.mailing, DeliveryReport(Resolution.SEND_AGAIN, self.now), seen=self.decisions)
        self._note(before, Resolution.SEND_AGAIN)

    def _decide(self, rows, known):
        before = self.rows()
        uncertain.decide(self.mailing, rows, DeliveryReport(known, self.now))
        self._note(before, known)
        assert {seq for seq, state in self.rows().items() if state != before[seq]} <= {row.seq for row in rows}

    def _note(self, before, known):
        """Count what the author has changed: each "send again" allows one more copy, of that row alone."""
        self.mailing.refresh_from_db()
        changed = [seq for seq, state in self.rows().items() if state != before[seq]]
        assert all(before[seq] == State.UNCERTAIN for seq in changed)
        if known is Resolution.SEND_AGAIN:
            self.again.update(changed)
        else:
            self.counted.update(changed)

    def somebody_leaves(self, worker):
        leaver = Subscriber.objects.get(email=f"{READERS[self.workers.index(worker)]}@example.org")
        leaver.unsubscribe(self.now)

    def come_to_the_end(self):
        """Let everybody die or stop, and a good worker do what is left."""
        for worker in self.workers:
            worker.stop()
            worker.recover()
        self.resume()
        for _turn in range(20):
            self.time_passes()
            while self._works():
                pass
            self.sweep()
            self.mailing.refresh_from_db()
            if self.mailing.finished_at and not self.mailing.batches.exclude(state=Batch.State.DONE).exists():
                return
        pytest.fail(f"it never ends: {self.rows()}, {list(self.mailing.batches.values())}")

    def _works(self):
        self.workers[0].step(self.now, State.SENT)
        return self.workers[0].holding is not None

    def rows(self):
        return dict(self.mailing.deliveries.values_list("seq", "state"))

    def check(self):
        """Nobody has two copies unless the author risked it, and the counters are what a count of the rows says."""
        assert all(copies <= 1 + self.again[seq] for seq, copies in self.wire.accepted.items())
        counts, found = self.mailing.counts(), Counter(self.rows().values())
        assert counts.total == len(READERS)
        assert (counts.sent, counts.failed) == (found[State.SENT], found[State.FAILED])
        assert (counts.uncertain, counts.skipped) == (found[State.UNCERTAIN], found[State.SKIPPED])
        assert counts.queued >= 0
        assert counts.sending >= 0

    def check_the_end(self):
        """Nobody is forgotten, and what is written of each is true."""
        rows, accepted = self.rows(), self.wire.accepted
        assert set(rows.values()) <= {State.SENT, State.FAILED, State.SKIPPED, State.UNCERTAIN}
        assert {seq for seq, state in rows.items() if state == State.SENT} <= accepted.keys() | self.counted
        lost = {seq for seq, state in rows.items() if state in {State.FAILED, State.SKIPPED}}
        assert not accepted.keys() & lost - self.again.keys()
        assert self.wire.saw_trouble or State.UNCERTAIN not in rows.values()
        counts = Mailing.objects.get().counts()
        assert counts.total == len(READERS)
        assert (counts.sent, counts.uncertain) == tuple(
            list(rows.values()).count(s) for s in (State.SENT, State.UNCERTAIN)
        )


STEPS = ["step"] * 20 + ["fetch"] * 4 + ["lease_runs_out"] * 3 + ["stop", "die", "recover", "time_passes"]
STEPS += ["pause", "resume", "resume", "sweep", "somebody_leaves", "cancel"]
STEPS += ["author_looks"] * 4 + ["author_counts_one", "author_sends_one_again", "author_sends_one_again"]
STEPS += ["author_sends_all_again"] * 2 + ["provider_tells"]
ANSWERS = [State.SENT] * 4 + [State.FAILED, State.DEFERRED, State.DEFERRED, State.UNCERTAIN, State.UNCERTAIN]
EVENT = st.tuples(st.sampled_from(STEPS), st.sampled_from([0, 1]), st.sampled_from(ANSWERS))


@pytest.fixture
def mailing(make_mailing, monkeypatch):
    """A mailing in two batches: written once, and as it was written before each example."""
    monkeypatch.setattr(beginning, "BATCH_MAX", 6)
    return make_mailing(READERS)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENT, min_size=20, max_size=70))
def test_nobody_gets_two_copies_and_nobody_is_forgotten(mailing, tmp_path, events):
    with transaction.atomic():
        world = World(Mailing.objects.get(pk=mailing.pk), tmp_path)

        for event in events:
            world.befall(*event)
            world.check()
        world.come_to_the_end()
        world.check()
        world.check_the_end()

        transaction.set_rollback(True)
