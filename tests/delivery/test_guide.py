"""docs/sending.md gives the numbers that the code has."""

import re

from newsletter.delivery import rate
from newsletter.delivery.author import alerts, reminders
from newsletter.delivery.ledger import claims, recovery
from newsletter.delivery.models.deliveries import RETRY_AFTER
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.provider import outcomes, stoppable_wait
from newsletter.delivery.sending import api_courier, couriers
from newsletter.operation import supervisor, worker
from newsletter.publication.heartbeats import SILENT_AFTER_SECONDS
from newsletter.publication.models import Publication
from tests.support.product import ROOT

GUIDE = " ".join((ROOT / "docs" / "sending.md").read_text().split())
WORDS = {6: "six", 9: "nine", 17: "seventeen", 4: "four"}


def hours(delta) -> int:
    return int(delta.total_seconds() // 3600)


def numbers() -> dict[str, str]:
    """Return sentences of the guide, each with its numbers from the code."""
    minutes = [int(delta.total_seconds() // 60) for delta in RETRY_AFTER]
    first, later = minutes[:3], [one // 60 for one in minutes[3:]]
    silent = claims.LEASE_DURATION + recovery.DEAD_MACHINE
    days = WORDS[rate.days_needed(10_000)], WORDS[rate.days_needed(1_000_000)]
    return {
        "batch": f"cuts them into batches of up to {beginning.BATCH_MAX:,}",
        "last batches": f"the last batches are smaller, down to {beginning.BATCH_STEP}",
        "lease": f"a lease of {claims.LEASE_DURATION.seconds} seconds",
        "late": f"more than {hours(beginning.LATE_AFTER)} hours behind its time",
        "hold": f"before the hold has passed: {Publication._meta.get_field('hold_minutes').default} minutes",
        "hold of a program": f"at least {approving.API_HOLD_MIN.seconds // 60} minutes",
        "draft": f"{hours(reminders.DRAFT_BEFORE)} hours before it: the draft",
        "letter": f"{hours(reminders.LETTER_BEFORE)} hours before it: the letter",
        "refusals": f"refuses {outcomes.REFUSALS_MAX} readers in a row",
        "retries": "after {}, {} and {} minutes, then {}, {}, {}, {}, {} and {} hours".format(*first, *later),
        "revoked": f"{recovery.STALLED_LEASE.seconds} seconds after its lease ended",
        "revoked on SQLite": f"after {recovery.HUNG_LEASE.seconds // 60} minutes",
        "another machine": f"silent for {silent.seconds} seconds",
        "stop": f"{stoppable_wait.STOP_GRACE_SECONDS} seconds in all",
        "connections": f"starts with {WORDS[couriers.FIRST_CONNECTIONS]} connections",
        "most connections": f"up to {couriers.MOST_CONNECTIONS} (",
        "warm-up": "allows {}, {}, {} … {:,} mails".format(*map(rate.daily_limit, (1, 2, 3, 16))),
        "days of a warm-up": "10,000 readers take {} days, a million {}".format(*days),
        "failing": f"over {alerts.FAILED_SHARE_MIN * 100:g} %, at least {alerts.FAILED_COPIES_MIN} copies",
        "threads": f"Celery on {WORDS[worker.CONCURRENCY]} threads",
        "silent": f"silent for {SILENT_AFTER_SECONDS:g} seconds",
        "restart": "after {}, {}, {}, {} and at most {} seconds".format(*supervisor.RESTART_DELAYS_SECONDS),
        "kill": f"after {WORDS[supervisor.STOP_SECONDS]} seconds SIGKILL",
    }


def test_its_numbers_are_those_of_the_code():
    assert {what: sentence for what, sentence in numbers().items() if sentence not in GUIDE} == {}


def test_it_lists_the_providers_that_take_many_readers_in_one_call():
    rows = dict(re.findall(r"\| (\w+) \| (\d+) \| (?:merged|whole) \|", GUIDE))

    limits = {name: min(one.limit, api_courier.READERS_PER_CALL) for name, one in api_courier.PROVIDERS.items()}
    assert {name: int(number) for name, number in rows.items()} == limits
