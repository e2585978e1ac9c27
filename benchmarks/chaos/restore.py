"""A restore in mid-mailing, by the commands of docs/deploy.md; after the backup one left, one was erased, one came."""

from collections.abc import Callable

from benchmarks.chaos.world import AuthorAway, World
from tests.support import documented_backup
from tests.support.product import Product
from tests.support.waiting import wait_until

FORGOTTEN = 60  # messages at least between backup and end
NOTICE_SECONDS = 90
AUTHOR = "the author"  # why a mailing is paused

DEPARTURES = """
from django.utils import timezone
from subscribers.models import Subscriber, address_hash
waiting = Subscriber.objects.filter(state="active", email__startswith="reader").order_by("-pk")
erased, left = waiting[:2]
name = f"newcomer{waiting.count()}@example.org"
new = Subscriber.objects.create(email=name, address_hash=address_hash(name))
answer = [[erased.email, left.email], new.pk, new.token("unsubscribe")]
left.unsubscribe(timezone.now())
erased.erase()
"""
TESTIFIED = """
from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Delivery
answer = not Delivery.objects.filter(state=Delivery.State.UNCERTAIN, reply=recovery.UNRECORDED_REPLY).exists()
"""
NOTICED = """
from django.utils import timezone
from newsletter.operation.diagnosis import editor_findings
answer = "database.restored" in [finding.id for finding in editor_findings(timezone.now())]
"""
DECISION = """
from django.utils import timezone
from newsletter.delivery.ledger import restore_detection
answer = restore_detection.count_as_sent(timezone.now())
"""
OPENED = """
from subscribers.models import Subscriber, address_hash
name = "other" + {token!r}[-6:] + "@example.org"
other, _made = Subscriber.objects.get_or_create(email=name, defaults={{"address_hash": address_hash(name)}})
answer = other.pk == {pk!r} and Subscriber.objects.for_token({token!r}, "unsubscribe") is not None
"""
RESUME = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.models import Mailing
answer = Mailing.objects.get().resume(timezone.now(), timedelta())
"""


def restore(world: World, end: Callable[[Product], object]) -> None:
    """Back up, let readers leave, end everything by `end`, restore, start, and decide as the author."""
    assert world.author
    folder = world.folder / "backup"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    _let_testify(world)
    documented_backup.back_up(world.first, folder)
    gone, lost_pk, lost_token = world.author.ask(DEPARTURES)
    _send_some(world)
    with world.database:  # nobody asks it meanwhile: an open file would be the old one
        world.leave_seats()
        for machine in world.machines:
            end(machine)
        before = world.accepted()
        world.gone |= dict.fromkeys(gone, before)
        world.newcomers.clear()  # the backup may not know them
        documented_backup.restore(world.first, folder)
        for machine in world.machines:
            (machine.data / "heartbeats" / "worker").unlink(missing_ok=True)
        world.begin_all()
        world.take_seats()
    _decide(world, before)
    if world.author.ask(OPENED.format(token=lost_token, pk=lost_pk)):
        world.remarks.append(f"a lost reader's link opens another's row: {lost_pk}")


def _let_testify(world: World) -> None:
    """Give lanes that were just woken, or cut off, time to say what never left: after a restore nobody could."""
    author = world.author
    assert author

    def all_testified() -> bool:
        world.keep_running()
        return bool(author.ask(TESTIFIED))

    wait_until(all_testified, 60, what="lanes that were woken", every=0.5)


def _send_some(world: World) -> None:
    """Let copies leave that the backup does not know."""
    until = world.accepted() + FORGOTTEN
    world.smtp.hold_at(until)

    def has_sent() -> bool:
        world.keep_running()
        return world.accepted() >= until

    wait_until(has_sent, 60, what="messages after a backup")


def _decide(world: World, before: int) -> None:
    """Wait until every machine has compared its recorders with the database; then have what they know counted."""
    assert world.author
    author = world.author
    started = [machine.data / "heartbeats" / "worker" for machine in world.machines]
    wait_until(lambda: all(path.exists() for path in started), NOTICE_SECONDS, what="the workers after a restore")
    if not author.ask(NOTICED):
        world.remarks.append("a restore that nobody noticed")
    if (after := world.accepted()) != before:
        world.remarks.append(f"{after - before} messages left after a restore, before the author had decided")
    author.ask(DECISION)
    try:
        author.ask(RESUME)
    except AuthorAway:
        world.remarks.append("a mailing that could not be resumed after a restore")
