"""How many people followed the links of a mailing, about: a row for each visit of today, a number for each day before.

Who comes is known for one day, by a hash of network and program that is made with the day's own salt. In the night the
rows become numbers; rows and salt are deleted.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from hmac import digest
from urllib.parse import urlsplit

from django.core.cache import caches
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Count, F, Max, Min, Q
from django.http import HttpRequest
from django.utils import timezone

from newsletter.delivery.links import machines
from newsletter.delivery.models import DayCount, DaySalt, Delivery, Link, Mailing, Visit
from newsletter.delivery.models.links import HASH_LENGTH
from newsletter.publication import limits
from newsletter.publication.models import Publication

DAYS = 3  # that are shown one by one
PATIENCE_MS = 200  # what a visit may wait for a locked database; then it is not counted
COUNTED_MAX, COUNTED_SECONDS = 300, 600  # visits from one network
SALT_SECONDS = 3600
STORE = """INSERT INTO delivery_visit (link_id, day, who, network, at, is_machine)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (link_id, day, who) DO NOTHING"""

# --- What only shows beside others ---
NEAR = timedelta(seconds=10)  # of the first copy that a receiver got: scanners look before their readers
FIRST_COPIES = 4_000  # among which each receiver's first is looked for
AT_ONCE = timedelta(seconds=60)  # all links of a letter, from one network
AT_LEAST = 3  # links that a letter must have for that


@dataclass(frozen=True)
class LinkCount:
    """A link of a letter, by about how many people and how many machines it was followed; days: the first ones."""

    url: str
    words: str
    people: int
    machines: int
    days: tuple[int, ...]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.removeprefix("www.")


def followed(mailing: Mailing) -> tuple[LinkCount, ...]:
    """Return how often each link of a mailing was followed, the most followed first; () where nothing is counted."""
    days = {link: dict[date, tuple[int, int]]() for link in mailing.links.values_list("pk", flat=True)}
    if not days:
        return ()
    over = DayCount.objects.filter(link__mailing=mailing).values_list("link", "day", "people", "machines")
    for link, day, people, others in [*over, *_today(mailing)]:
        before = days[link].get(day, (0, 0))
        days[link][day] = (before[0] + people, before[1] + others)
    first = _day(mailing.planned_at or mailing.send_at)
    found = [_count(link, days[link.pk], first) for link in mailing.links.all()]
    return tuple(sorted(found, key=lambda one: -one.people))


def _count(link: Link, days: dict[date, tuple[int, int]], first: date) -> LinkCount:
    shown = (days.get(first + timedelta(days=number), (0, 0))[0] for number in range(DAYS))
    people, others = (sum(both[place] for both in days.values()) for place in (0, 1))
    return LinkCount(link.url, link.words, people, others, tuple(shown))


def _today(mailing: Mailing) -> list[tuple[int, date, int, int]]:
    """Return what the visits say that are not numbers yet."""
    visits = Visit.objects.filter(link__mailing=mailing).order_by().values_list("link", "day")
    return list(visits.annotate(people=Count("pk", filter=Q(is_machine=False)), machines=_machines()))


def _machines() -> Count:
    return Count("pk", filter=Q(is_machine=True))


def _day(at: datetime) -> date:
    return timezone.localdate(at, Publication.objects.current().zone)


# --- A visit ---


def note(link: int, request: HttpRequest, now: datetime) -> None:
    """Count that somebody follows a link, unless counting is off, or they ask not to be tracked. Never raises."""
    address = limits.client_address(request)
    if machines.asks_not_to_be_tracked(request.headers) or limits.is_away("link-counts"):
        return
    network, program = limits.neighbourhood(address), request.headers.get("User-Agent", "")
    try:
        if not Publication.objects.current().counts_links:
            return
        if limits.is_over("followed", network, limit=COUNTED_MAX, seconds=COUNTED_SECONDS):
            return
        day = _day(now)
        who, place = (_hash(day, text) for text in (f"{network} {program}", network))
        at = connection.ops.adapt_datetimefield_value(now)
        with _briefly(), connection.cursor() as cursor:
            cursor.execute(STORE, [link, day, who, place, at, machines.is_machine(request.headers)])
    except (DatabaseError, InterfaceError) as error:
        limits.begin_outage("link-counts", error, meanwhile="who follows a link is led on, and not counted")


def _hash(day: date, text: str) -> str:
    name = f"link-salt:{day}"
    salt: str | None = caches["pages"].get(name)
    if salt is None:
        salt = DaySalt.of(day)
        caches["pages"].set(name, salt, SALT_SECONDS)
    return digest(salt.encode(), text.encode(), sha256).hex()[:HASH_LENGTH]


@contextmanager
def _briefly() -> Iterator[None]:
    """Let SQLite wait for a lock no longer than a reader would; in PostgreSQL nothing holds a new row back."""
    if connection.vendor != "sqlite":
        yield
        return
    usual = int(float(connection.settings_dict["OPTIONS"].get("timeout", 5)) * 1000)
    _wait(PATIENCE_MS)
    try:
        yield
    finally:
        _wait(usual)


def _wait(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")


# --- By the clock ---


def settle(now: datetime) -> None:
    """Tell machines of today from people, and make numbers of the days that are over."""
    today = _day(now)
    open_days = Visit.objects.order_by().values_list("link__mailing_id", "day").distinct()
    for number, day in list(open_days):
        mailing = Mailing.objects.defer("html", "text").get(pk=number)
        tell_machines(mailing, day)
        if day < today:
            _close(mailing, day)
    former = DaySalt.objects.filter(day__lt=today)
    if former.exists():  # Django opens a transaction even to delete nothing
        former.delete()


def tell_machines(mailing: Mailing, day: date) -> None:
    """Mark the visits of a day that no person made, and drop those of test copies, before the mailing began."""
    visits = Visit.objects.filter(link__mailing=mailing, day=day)
    if mailing.planned_at is None:
        visits.delete()
        return
    visits.filter(at__lt=mailing.planned_at).delete()
    people = visits.filter(is_machine=False)
    moments = _first_hand_overs(mailing) if people.exists() else []
    near = [pk for pk, at in people.values_list("pk", "at") if _is_near(at, moments)]
    at_once = (
        people.order_by()
        .values("network")
        .annotate(links=Count("link", distinct=True), first=Min("at"), last=Max("at"))
    )
    all_links = max(AT_LEAST, mailing.links.count())
    networks = [one["network"] for one in at_once.filter(links__gte=all_links) if one["last"] - one["first"] <= AT_ONCE]
    people.filter(network__in=networks).update(is_machine=True)
    for some in range(0, len(near), 500):
        Visit.objects.filter(pk__in=near[some : some + 500]).update(is_machine=True)


def _first_hand_overs(mailing: Mailing) -> list[datetime]:
    """Return when each receiving domain got its first copy, as far as the first copies tell."""
    first = Delivery.objects.filter(mailing=mailing, seq__lt=FIRST_COPIES, sent_at__isnull=False)
    moments = dict[str, datetime]()
    for email, at in first.values_list("subscriber__email", "sent_at").iterator():
        if at is not None:
            domain = (email or "").rpartition("@")[2].lower()
            moments[domain] = min(moments.get(domain, at), at)
    return sorted(moments.values())


def _is_near(at: datetime, moments: Sequence[datetime]) -> bool:
    """Return whether a visit comes within NEAR of one of these moments, which are when the answers were written."""
    place = bisect_right(moments, at)
    return any(abs(at - moment) <= NEAR for moment in moments[max(0, place - 1) : place + 1])


def _close(mailing: Mailing, day: date) -> None:
    """Make a number of the visits of each link: one transaction a link, so that each counts once."""
    for link in mailing.links.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            Link.objects.select_for_update().filter(pk=link).first()  # one at a time
            visits = Visit.objects.filter(link=link, day=day)
            counted = visits.aggregate(people=Count("pk", filter=Q(is_machine=False)), machines=_machines())
            if counted["people"] or counted["machines"]:
                row, _is_new = DayCount.objects.get_or_create(link_id=link, day=day)
                added = {name: F(name) + count for name, count in counted.items()}
                DayCount.objects.filter(pk=row.pk).update(**added)
                visits.delete()
