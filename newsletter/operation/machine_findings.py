"""Findings about the machines: another environment, another version, a wrong clock."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.background import machines
from newsletter.background.machines import ProgramState
from newsletter.operation import readiness
from newsletter.operation.findings import ERROR, WARNING, Finding

CLOCK_SKEW_MAX = timedelta(seconds=5)
PROGRAM_NAMES = {
    "web": gettext_lazy("Web server"),
    "worker": gettext_lazy("Worker"),
    "clock": gettext_lazy("Clock"),
}


def differing_machine_findings(now: datetime) -> Iterator[Finding]:
    """Cheap: one query."""
    for state in _living():
        if state.differing:
            facts = {"program": program_name(state), "place": state.row.place, "names": ", ".join(state.differing)}
            if state.row.program == machines.WEB:
                message = _("%(program)s on %(place)s: another web server has another %(names)s. Nothing is sent.")
            else:
                message = _("%(program)s on %(place)s: the web server has another %(names)s. It sends nothing.")
            hint = _("Give every machine the same environment, and start what has another one again.")
            yield Finding(ERROR, "machines.differ", message % facts, hint, state.row.pk)


def version_findings(now: datetime) -> Iterator[Finding]:
    states = list(_living())
    if len({state.row.version for state in states}) > 1:
        running = "; ".join(f"{program_name(one)}, {one.row.place}: {one.row.version}" for one in states)
        message = _("Not every machine runs the same version. %s") % running
        yield Finding(WARNING, "machines.versions", message, _("Update them all. Until then sending goes on."))


def clock_findings(now: datetime) -> Iterator[Finding]:
    """On SQLite the database's clock is the machine's own."""
    for host, skew in sorted({state.row.host: skew_text(state.row.clock_ahead) for state in _living()}.items()):
        if skew:
            message = _("The clock of %(host)s differs from the database’s by %(seconds)s seconds.")
            facts = {"host": host, "seconds": skew}
            yield Finding(WARNING, "clock.differs", message % facts, _("Let both machines follow a time server."))


def queue_clock_findings(now: datetime) -> Iterator[Finding]:
    if settings.REDIS_URL and (skew := skew_text(readiness.ahead_of_redis())):
        message = _("The clock of this machine differs from that of Redis by %s seconds.") % skew
        yield Finding(WARNING, "clock.redis", message, _("Let both machines follow a time server."))


def skew_text(clock_ahead: timedelta) -> str:
    """Seconds with their sign, "" if they are few."""
    return f"{clock_ahead.total_seconds():+.0f}" if abs(clock_ahead) > CLOCK_SKEW_MAX else ""


def program_name(state: ProgramState) -> str:
    return str(PROGRAM_NAMES.get(state.row.program, state.row.program))


def _living() -> Sequence[ProgramState]:
    return [state for state in machines.program_states() if state.is_alive]
