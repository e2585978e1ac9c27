"""What became of everybody after a chaos run: the ledger against the SMTP server's own log."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos import life
from benchmarks.chaos.schedule import DEFINITE, KINDS, LINES, bound

LEDGER = """
from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Delivery, Mailing
mailing = Mailing.objects.get()
rows = Delivery.objects.filter(mailing=mailing).values_list("subscriber__email", "state", "reply")
counts = mailing.counts()
answer = {
    "state": mailing.state, "total": mailing.total,
    "unrecorded": recovery.UNRECORDED_REPLY, "restored": recovery.RESTORED_REPLY,
    "rows": [[email, Delivery.State(state).name, reply] for email, state, reply in rows],
    "counts": {name: getattr(counts, name) for name in ("queued", "sending", "sent", "failed", "uncertain", "skipped")},
}
"""

WAIT_SECONDS = 60.0  # of a confirmation, whatever was killed


@dataclass
class Verdict:
    """The numbers of one run, and what is wrong with them."""

    engine: str
    readers: int
    fired: Counter[str]
    seconds: float
    missed: int = 0  # faults that did not happen: nothing was there to be hurt, or the mailing was over
    own_restarts: int = 0  # of a process that nobody had killed
    own_resumes: int = 0  # by the author, of a mailing that the engine had paused
    accepted: int = 0
    duplicates: int = 0
    lost: int = 0
    failed: int = 0
    uncertain: int = 0
    arrived: int = 0  # of the uncertain, those that the server has
    bound: int = 0  # how many may be
    unrecorded: int = 0  # of the uncertain, those that no flight recorder names
    restored: int = 0  # of the uncertain, those that were on their way when a backup was made that was restored
    gone: int = 0  # readers who left or were erased between a backup and its restore
    looks: int = 0  # of somebody who watched
    standstills: list[life.Standstill] = field(default_factory=list)
    silent: int = 0  # of these, those that lasted and of which the product said nothing
    waits: list[float] = field(default_factory=list)  # seconds of those who signed up, until their confirmation
    errors: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(times for kind, times in self.fired.items() if KINDS[kind].is_kill)

    def live(self, looks: Sequence[life.Look], still: float = life.STILL_SECONDS) -> None:
        """Fill in whether it lived, by what somebody saw who looked all the time."""
        self.looks = len(looks)
        self.standstills = life.standstills(looks, min(still, life.SHORT_SECONDS))
        self.silent = sum(one.is_silent(still) for one in self.standstills)
        self.errors += life.errors(looks, self.seconds, still)

    def confirm(self, waits: Sequence[float]) -> None:
        """Fill in how long confirmations waited; where nothing stood still, that is bounded."""
        self.waits = list(waits)
        lasts = any(KINDS[kind].takes_long for kind in self.fired)
        if not lasts and self.longest_wait > WAIT_SECONDS:
            self.errors.append(f"a confirmation waited {self.longest_wait:.0f} s")

    @property
    def longest_wait(self) -> float:
        return max(self.waits, default=0.0)


def judge(
    verdict: Verdict,
    ledger: dict[str, Any],
    accepted: Sequence[str],
    audience: Iterable[str],
    gone: Mapping[str, int] | None = None,
) -> Verdict:
    """Fill in the verdict.

    Nothing is read out of logs: a worker that is killed, or whose disk is full, loses lines of what it has done.

    ledger: the answer of LEDGER; the row of an erased reader has no address. accepted: the recipient of each accepted
    copy. gone: who left or was erased, and how many copies had been accepted when that was forgotten.
    """
    gone = gone or {}
    state_of = {email: state for email, state, _reply in ledger["rows"] if email}
    copies = Counter(accepted)
    states = Counter(state for _email, state, _reply in ledger["rows"])
    verdict.gone = len(gone)
    verdict.accepted = len(copies)
    verdict.duplicates = sum(n - 1 for n in copies.values())
    verdict.failed, verdict.uncertain = states["FAILED"], states["UNCERTAIN"]
    verdict.arrived = sum(state == "UNCERTAIN" and email in copies for email, state in state_of.items())
    mailed = [email for number, email in enumerate(accepted) if number >= gone.get(email, len(accepted))]
    stayed = set(audience) - gone.keys()
    lost = {email for email in stayed if _is_lost(email, state_of.get(email), email in copies)}
    verdict.lost = len(lost)
    _look_at_uncertain(verdict, ledger)
    verdict.errors += list(_disagreements(ledger, state_of, copies, states))
    if mailed:
        verdict.errors.append(f"mailed after they had left: {mailed[:5]}")
    if verdict.duplicates:
        verdict.errors.append(f"twice: {sorted(email for email, n in copies.items() if n > 1)[:5]}")
    if verdict.missed > verdict.fired.total() // 10:
        verdict.errors.append(f"{verdict.missed} faults did not happen")
    if lost:
        verdict.errors.append(f"lost: {[row for row in ledger['rows'] if row[0] in lost][:5]}")
    return verdict


def _is_lost(email: str, state: str | None, is_accepted: bool) -> bool:
    """Return whether nobody would ever notice that this reader has no copy.

    A no is an answer only from a server that was to say no.
    """
    if is_accepted or state == "UNCERTAIN":
        return False
    return not (state == "FAILED" and email.startswith(DEFINITE))


def _look_at_uncertain(verdict: Verdict, ledger: dict[str, Any]) -> None:
    """Allow one copy a connection for each kill and each process that died by itself, and none without a recorder.

    A restore may leave the windows that were open when the backup was made, where their lane has ended them since.
    """
    verdict.bound = bound(verdict.fired) + LINES * verdict.own_restarts
    why = Counter(reply for _email, state, reply in ledger["rows"] if state == "UNCERTAIN")
    verdict.unrecorded, verdict.restored = why[ledger["unrecorded"]], why[ledger["restored"]]
    if verdict.unrecorded:
        verdict.errors.append(f"{verdict.unrecorded} uncertain without a recorder's word")
    if verdict.uncertain - verdict.restored > verdict.bound:
        verdict.errors.append(f"{verdict.uncertain} uncertain, at most {verdict.bound}: {why.most_common(5)}")


def _disagreements(
    ledger: dict[str, Any], state_of: dict[str, str], copies: Counter[str], states: Counter[str]
) -> Iterable[str]:
    if ledger["state"] != "sent":
        yield f"the mailing is {ledger['state']}"
    if unheard := [email for email, state in state_of.items() if state == "SENT" and email not in copies]:
        yield f"sent in the ledger, but not accepted: {sorted(unheard)[:5]}"
    if denied := [email for email in copies if state_of.get(email) not in {"SENT", "UNCERTAIN"}]:
        yield f"accepted, but not so in the ledger: {[(email, state_of.get(email)) for email in sorted(denied)[:5]]}"
    counts = ledger["counts"]
    if sum(counts.values()) != ledger["total"] or len(ledger["rows"]) != ledger["total"]:
        yield f"the sums are not the audience: {counts}, {len(ledger['rows'])} rows, {ledger['total']} readers"
    output = {name: counts[name] for name in ("sent", "failed", "uncertain", "skipped")}
    if output != (real := {name: states[name.upper()] for name in output}):
        yield f"the batches count {output}, the rows are {real}"


def _stood(standstills: list[life.Standstill]) -> str:
    longest = max((one.seconds for one in standstills), default=0.0)
    return f"{len(standstills)}, {longest:.0f} s"


def table(verdicts: list[Verdict]) -> str:
    """Return everything in one table, a column an engine."""
    rows = [["", *(verdict.engine for verdict in verdicts)]]
    rows += [[kind.words, *(str(v.fired[name]) for v in verdicts)] for name, kind in KINDS.items()]
    facts = {
        "**faults**": lambda v: v.fired.total(),
        "of these kills": lambda v: v.kills,
        "faults that did not happen": lambda v: v.missed,
        "processes that died by themselves": lambda v: v.own_restarts,
        "pauses by the engine, resumed by the author": lambda v: v.own_resumes,
        "readers": lambda v: v.readers,
        "accepted by the server": lambda v: v.accepted,
        "**duplicates**": lambda v: v.duplicates,
        "**lost**": lambda v: v.lost,
        "failed, as the server said": lambda v: v.failed,
        "**uncertain**, of these delivered": lambda v: f"{v.uncertain}, {v.arrived}",
        "uncertain at most": lambda v: v.bound,
        "uncertain without a recorder's word": lambda v: v.unrecorded,
        "uncertain because a backup was made in that moment": lambda v: v.restored,
        "left between a backup and its restore, and not mailed": lambda v: v.gone,
        "looks at progress, doctor and /readyz": lambda v: v.looks,
        "standstills of 30 s and more, the longest": lambda v: _stood(v.standstills),
        "**silent**: 90 s without a word": lambda v: v.silent,
        "confirmations meanwhile, the longest wait": lambda v: f"{len(v.waits)}, {v.longest_wait:.0f} s",
        "seconds": lambda v: f"{v.seconds:.0f}",
    }
    rows += [[words, *(str(fact(v)) for v in verdicts)] for words, fact in facts.items()]
    width = max(len(row[0]) for row in rows)
    lines = [f"| {row[0]:{width}} | " + " | ".join(f"{cell:>10}" for cell in row[1:]) + " |" for row in rows]
    lines.insert(1, f"|{'-' * (width + 2)}|" + "|".join(["-" * 11 + ":"] * len(verdicts)) + "|")
    return "\n".join(lines)
