"""Redirects link clicks and counts them by day, people and bots separately; each click is deleted the next day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from hmac import digest
from urllib.parse import urlsplit

from django.core.cache import caches
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Count, F, Max, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation

from newsletter.delivery.links.rewriting import URL_LENGTH_MAX
from newsletter.delivery.models import DaySalt, Link, LinkDayCount, Mailing, Visit
from newsletter.delivery.models.links import HASH_LENGTH
from newsletter.limits import circuit_breaker, client_ip, rate_limits
from newsletter.limits.public_views import private_view, too_many_requests
from newsletter.mail import tokens
from newsletter.publication.models import Publication
from subscribers.pending_unsubscribes import short_lock_timeout

# Programs that open links of mails before, or instead of, their readers, by substrings of User-Agent. Sources:
# 1 https://check.live-direct-marketing.online/blog/bot-clicks-security-scanners-detect
# 2 https://university.act-on.com/Product_Features/Reports/Sent_Email_Reports/Identifying_False_Positives_in_Email_Clicks
# 3 https://developers.facebook.com/docs/sharing/webmasters/web-crawlers and https://api.slack.com/robots
BOT_SUBSTRINGS = (
    *("ms-office", "msoffice", "microsoft office", "skypeuripreview"),  # Microsoft's (1)
    *("barracuda", "mimecast", "proofpoint", "ironport", "ciscosecureemail", "tmes", "fortinet", "sophos"),  # 1, 2
    *("trend micro", "trendmicro", "fortimail", "symantec", "mcafee", "forcepoint", "fireeye", "kaspersky"),
    *("sonicwall", "zscaler"),
    *("facebookexternalhit", "whatsapp/", "slack-imgproxy", "googleimageproxy", "preview"),  # of links passed on (3)
    # Programs that identify themselves
    *("bot", "crawl", "spider", "scanner", "monitor", "headless", "curl/", "wget/", "python", "java/", "okhttp"),
    *("go-http-client", "libwww", "axios/", "node-fetch", "apache-httpclient", "phantomjs", "puppeteer"),
)
BROWSER_PREFIXES = ("mozilla/", "opera/")
BOT_FALSE_POSITIVE = "cubot"  # a phone brand
PREFETCH_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def is_machine(headers: Mapping[str, str]) -> bool:
    program = headers.get("User-Agent", "").lower().replace(BOT_FALSE_POSITIVE, "")
    if any(headers.get(name, "").lower().startswith(("prefetch", "preview")) for name in PREFETCH_HEADERS):
        return True
    return not program.startswith(BROWSER_PREFIXES) or any(name in program for name in BOT_SUBSTRINGS)


def asks_not_to_be_tracked(headers: Mapping[str, str]) -> bool:
    """Whether a browser sends Global Privacy Control or Do Not Track.

    Source: https://www.w3.org/TR/gpc/ section 3, https://www.w3.org/TR/tracking-dnt/ section 5.
    """
    return "1" in {headers.get("Sec-GPC", "").strip(), headers.get("DNT", "").strip()}


DAYS_SHOWN = 3
LOCK_WAIT_MS = 200  # a click that finds the database locked for longer is not counted
CLICK_LIMIT, CLICK_WINDOW_SECONDS = 300, 600  # clicks from one network
SALT_CACHE_SECONDS = 3600
VISIT_COUNTS = {"people": Count("pk", filter=Q(is_machine=False)), "machines": Count("pk", filter=Q(is_machine=True))}
# A network that clicks all links of a mailing (at least BURST_LINKS_MIN) within this window counts as a machine.
BURST_WINDOW, BURST_LINKS_MIN = timedelta(seconds=60), 3


@dataclass(frozen=True)
class LinkCount:
    """Approximate clicks of a link. people_by_day: on each of the first DAYS_SHOWN days."""

    url: str
    words: str
    people: int
    machines: int
    people_by_day: tuple[int, ...]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.removeprefix("www.")


def link_counts(mailing: Mailing) -> tuple[LinkCount, ...]:
    """Clicks per link of a mailing, the most clicked first; () if links are not counted."""
    days = {link: dict[date, tuple[int, int]]() for link in mailing.links.values_list("pk", flat=True)}
    if not days:
        return ()
    aggregated = LinkDayCount.objects.filter(link__mailing=mailing).values_list("link", "day", "people", "machines")
    visits = Visit.objects.filter(link__mailing=mailing).order_by().values_list("link", "day")
    for link_id, day, people, machines in [*aggregated, *visits.annotate(**VISIT_COUNTS)]:
        before = days[link_id].get(day, (0, 0))
        days[link_id][day] = (before[0] + people, before[1] + machines)
    first = _local_day(mailing.planned_at or mailing.send_at)
    counts = [_link_count(link, days[link.pk], first) for link in mailing.links.all()]
    return tuple(sorted(counts, key=lambda one: -one.people))


def _link_count(link: Link, days: dict[date, tuple[int, int]], first: date) -> LinkCount:
    shown = (days.get(first + timedelta(days=number), (0, 0))[0] for number in range(DAYS_SHOWN))
    people, machines = (sum(both[index] for both in days.values()) for index in (0, 1))
    return LinkCount(link.url, link.words, people, machines, tuple(shown))


def _local_day(at: datetime) -> date:
    return timezone.localdate(at, Publication.objects.current().zone)


def count_visit(link_id: int, request: HttpRequest, now: datetime) -> None:
    """Count a click, unless counting is off or the browser asks not to be tracked. Never raises database errors."""
    address = client_ip.client_address(request)
    if asks_not_to_be_tracked(request.headers) or circuit_breaker.is_circuit_open("link-counts"):
        return
    network, program = client_ip.client_network(address), request.headers.get("User-Agent", "")
    try:
        if not Publication.objects.current().counts_links:
            return
        if rate_limits.count_and_check_limit("followed", network, limit=CLICK_LIMIT, seconds=CLICK_WINDOW_SECONDS):
            return
        day = _local_day(now)
        who, network_hash = (_salted_hash(day, text) for text in (f"{network} {program}", network))
        visit = Visit(link_id=link_id, day=day, who=who, network=network_hash, at=now)
        visit.is_machine = is_machine(request.headers)
        with short_lock_timeout(LOCK_WAIT_MS):
            Visit.objects.bulk_create([visit], ignore_conflicts=True)
    except (DatabaseError, InterfaceError) as error:
        circuit_breaker.open_circuit("link-counts", error, meanwhile="links redirect, and clicks are not counted")


def _salted_hash(day: date, text: str) -> str:
    name = f"link-salt:{day}"
    salt: str | None = caches["pages"].get(name)
    if salt is None:
        salt = DaySalt.objects.get_or_create(day=day, defaults={"salt": tokens.new_salt()})[0].salt
        caches["pages"].set(name, salt, SALT_CACHE_SECONDS)
    return digest(salt.encode(), text.encode(), sha256).hex()[:HASH_LENGTH]


def aggregate_days(now: datetime) -> None:
    """Mark machines among today's clicks, and reduce past days to counts."""
    today = _local_day(now)
    open_days = Visit.objects.order_by().values_list("link__mailing_id", "day").distinct()
    for number, day in list(open_days):
        mailing = Mailing.objects.defer("html", "text").get(pk=number)
        mark_machines(mailing, day)
        if day < today:
            _aggregate_day(mailing, day)
    former = DaySalt.objects.filter(day__lt=today)
    if former.exists():  # Django opens a transaction even to delete nothing
        former.delete()


def mark_machines(mailing: Mailing, day: date) -> None:
    """Mark a day's clicks by machines; delete clicks from before the audience was fixed: they come from test copies."""
    visits = Visit.objects.filter(link__mailing=mailing, day=day)
    if mailing.planned_at is None:
        visits.delete()
        return
    visits.filter(at__lt=mailing.planned_at).delete()
    people = visits.filter(is_machine=False)
    by_network = people.order_by().values("network")
    at_once = by_network.annotate(links=Count("link", distinct=True), first=Min("at"), last=Max("at"))
    all_links = max(BURST_LINKS_MIN, mailing.links.count())
    bursts = [row for row in at_once.filter(links__gte=all_links) if row["last"] - row["first"] <= BURST_WINDOW]
    people.filter(network__in=[row["network"] for row in bursts]).update(is_machine=True)


def _aggregate_day(mailing: Mailing, day: date) -> None:
    for link in mailing.links.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            Link.objects.select_for_update().filter(pk=link).first()  # serializes workers
            visits = Visit.objects.filter(link=link, day=day)
            counted = visits.aggregate(**VISIT_COUNTS)
            if any(counted.values()):
                row, _is_new = LinkDayCount.objects.get_or_create(link_id=link, day=day)
                added = {name: F(name) + count for name, count in counted.items()}
                LinkDayCount.objects.filter(pk=row.pk).update(**added)
                visits.delete()


ENCODED_CHAR_BYTES_MAX = 12  # bytes of a percent-encoded character at most
INVALID_TOKENS_MAX, INVALID_TOKEN_SECONDS = 60, 600  # from one network


@private_view
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Redirect to the link's target; 404 for an unknown token."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    link = _find_link(token)
    if link is None:
        return _not_found_page(request)
    link_id, url = link
    if request.method == "GET":
        count_visit(link_id, request, timezone.now())
    return HttpResponseRedirect(url, max_length=URL_LENGTH_MAX * ENCODED_CHAR_BYTES_MAX)


def _find_link(token: str) -> tuple[int, str] | None:
    if tokens.unverified_id(token) is None:
        return None
    cached: tuple[int, str] | None = caches["pages"].get(f"link:{token}")
    if cached:
        return cached
    mailings = Link.objects.filter(token=token).values("mailing")
    # All links of the mailing, which are often clicked together.
    links = Link.objects.filter(mailing__in=mailings).values_list("token", "pk", "url")
    rows = {name: (pk, url) for name, pk, url in links}
    for name, row in rows.items():
        caches["pages"].set(f"link:{name}", row, None)
    return rows.get(token)


def _not_found_page(request: HttpRequest) -> HttpResponse:
    network, publication = client_ip.client_network(client_ip.client_address(request)), Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        if rate_limits.count_and_check_limit("links", network, limit=INVALID_TOKENS_MAX, seconds=INVALID_TOKEN_SECONDS):
            return too_many_requests(request, seconds=INVALID_TOKEN_SECONDS)
        return render(request, "404.html", status=404)
