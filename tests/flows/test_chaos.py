"""Everything dies while a mailing is being sent: a short run of benchmarks/chaos, and what its verdict sees."""

import signal
import subprocess
from collections import Counter

import pytest

from benchmarks.chaos.faults import Faults
from benchmarks.chaos.run import run
from benchmarks.chaos.schedule import LINES, Fault, bound, schedule
from benchmarks.chaos.verdict import Verdict, judge, table
from benchmarks.chaos.world import Machine, World
from newsletter.delivery.ledger.recovery import RECORDED_REPLY, RESTORED_REPLY, UNRECORDED_REPLY

pytestmark = pytest.mark.exhaustive

SEED = 7
READERS = 900
COUNTS = {"queued": 0, "sending": 0, "sent": 2, "failed": 1, "uncertain": 1, "skipped": 0}
ROWS = [
    ["a@example.org", "SENT", "250 ok"],
    ["b@example.org", "SENT", "250 ok"],
    ["c@example.org", "UNCERTAIN", RECORDED_REPLY],
    ["refuse-1-3@example.org", "FAILED", "550 no such reader"],
]
AUDIENCE = [row[0] for row in ROWS]
ACCEPTED = ["a@example.org", "b@example.org", "c@example.org"]


def judged(*, rows=ROWS, accepted=ACCEPTED, state="sent", counts=COUNTS, missed=0, gone=None, **fired):
    verdict = Verdict("sqlite", len(AUDIENCE), Counter(fired or {"lane": 1}), seconds=1.0, missed=missed)
    ledger = {"state": state, "total": len(AUDIENCE), "rows": rows, "counts": counts}
    ledger |= {"unrecorded": UNRECORDED_REPLY, "restored": RESTORED_REPLY}
    return judge(verdict, ledger, accepted, AUDIENCE, gone)


def without(email):
    return [row for row in ROWS if row[0] != email]


@pytest.mark.servers
@pytest.mark.parametrize(("engine", "faults"), [("postgres", 22), ("sqlite", 19)])
def test_nobody_is_mailed_twice_or_forgotten_whatever_dies(engine, faults, tmp_path):
    plan = schedule(SEED, faults=faults, readers=READERS, engine=engine, is_short=True)

    verdict = run(engine, plan, readers=READERS, folder=tmp_path / engine, patience=120, forks=True)

    assert verdict.errors == []
    assert (verdict.duplicates, verdict.lost, verdict.missed) == (0, 0, 0)
    assert verdict.kills >= 3, table([verdict])
    assert verdict.accepted + verdict.failed + verdict.uncertain - verdict.arrived == READERS


def test_a_fault_finds_its_lane_once_the_resume_of_a_pause_is_due(tmp_path):
    world = World("sqlite", tmp_path / "world")
    world.machines = [Machine(tmp_path / "machine")]
    faults, lanes = Faults(world), []
    faults.later = [(0.0, lambda: lanes.append(_lane_of(world.first)))]  # a mailing that is paused has none until then

    faults.fire(Fault(1, "lane"))

    assert [lane.wait(10) for lane in lanes] == [-signal.SIGKILL]


def _lane_of(machine):
    """Start a process that holds the lock of the machine's slot."""
    lock = machine.data / "locks" / "slot-0"
    lock.parent.mkdir(parents=True)
    return subprocess.Popen(["flock", "--no-fork", lock, "sleep", "60"])


def test_a_kill_leaves_at_most_one_copy_a_connection_uncertain():
    assert bound(Counter(lane=3, beat=2, clock=5)) == 3 * LINES
    assert bound(Counter({"lease": 1, "cut-after-data": 2})) == LINES + 2


def test_a_ledger_that_agrees_with_the_server_is_right():
    verdict = judged()

    assert verdict.errors == []
    assert (verdict.accepted, verdict.failed, verdict.uncertain, verdict.arrived) == (3, 1, 1, 1)


def test_a_second_copy_is_seen():
    verdict = judged(accepted=[*ACCEPTED, "a@example.org"])

    assert verdict.duplicates == 1
    assert verdict.errors == ["twice: ['a@example.org']"]


def test_a_copy_that_is_sent_to_the_ledger_alone_is_lost():
    verdict = judged(accepted=["a@example.org", "c@example.org"])

    assert verdict.lost == 1
    assert "lost: [['b@example.org', 'SENT', '250 ok']]" in verdict.errors
    assert "sent in the ledger, but not accepted: ['b@example.org']" in verdict.errors


def test_a_copy_that_the_ledger_denies_is_seen():
    rows = [*without("b@example.org"), ["b@example.org", "FAILED", ""]]

    assert "accepted, but not so in the ledger: [('b@example.org', 'FAILED')]" in judged(rows=rows).errors


def test_a_reader_without_a_row_is_lost():
    verdict = judged(rows=without("b@example.org"), accepted=["a@example.org", "c@example.org"])

    assert verdict.lost == 1


def test_a_reader_who_is_mailed_after_he_left_is_seen():
    assert judged(gone={"c@example.org": 2}).errors == ["mailed after they had left: ['c@example.org']"]
    assert judged(gone={"c@example.org": 3}).errors == []


def test_a_confirmation_that_waits_for_more_than_a_minute_after_kills_is_seen():
    kills, freeze = judged(lane=2, machine=1), judged(lane=2, standstill=1)
    for verdict in (kills, freeze):
        verdict.confirm([3.0, 61.0])

    assert kills.errors == ["a confirmation waited 61 s"]
    assert freeze.errors == [], "a whole machine stood still for longer"


@pytest.mark.parametrize("fault", ["lease", "clock", "machine"])
def test_no_fault_explains_a_copy_of_which_no_recorder_told(fault):
    rows = [*without("c@example.org"), ["c@example.org", "UNCERTAIN", UNRECORDED_REPLY]]

    verdict = judged(rows=rows, **{"lane": 3, fault: 2})

    assert verdict.unrecorded == 1
    assert verdict.errors == ["1 uncertain without a recorder's word"]


def test_a_mailing_that_does_not_end_is_seen():
    assert judged(state="paused").errors == ["the mailing is paused"]
