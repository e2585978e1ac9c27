"""Metrics for Prometheus from the database, heartbeats and the disk, and who may read them."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Min, Sum
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from newsletter.background import machines
from newsletter.delivery.models import Batch, Breakdown, Delivery, InboundMessage, Mailing
from newsletter.mail.mailers import provider_label
from newsletter.mail.smtp_replies import RefusalReason
from newsletter.mail.views import is_trial_user
from newsletter.operation import backup_findings, readiness
from newsletter.operation.models import Look, Trouble
from newsletter.publication import heartbeats
from subscribers.models import Subscriber
from subscribers.models.counts import cached_reader_counts, count_movements

DAY = timedelta(days=1)

type MetricSource = Callable[[datetime], Iterator[Metric]]


class MetricsCollector:
    """A prometheus_client collector. Without the database it yields what it can."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield from _parts()
        free = shutil.disk_usage(settings.DATA_DIR).free
        yield gauge("disk_free_bytes", "Free bytes where DATA_DIR is.", free)
        ready = readiness.by_part()
        states = {part: float(answer == "ok") for part, answer in ready.items()}
        yield labelled_gauge("ready", "Whether a part is as /readyz wants it.", "part", states)
        begun = time.perf_counter()
        is_up = readiness.database_error() is None
        seconds = time.perf_counter() - begun
        yield gauge("database_up", "Whether the database answers.", int(is_up))
        if ready["migrations"] != "ok" or not is_up:
            return
        yield gauge("database_seconds", "Time of one small query.", seconds)
        for question in METRIC_SOURCES:
            yield from question(self.now)


def gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"newsletter_{name}", words, value=value)


def labelled_gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """values: by label value."""
    family = GaugeMetricFamily(f"newsletter_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _parts() -> Iterator[Metric]:
    beats = {part.value: heartbeats.last_beat(part, anywhere=True) for part in heartbeats.Component}
    ages = {part: time.monotonic() - at for part, at in beats.items() if at is not None}
    yield labelled_gauge(
        "part_age_seconds", "Since a part last did its work, on this machine or another.", "part", ages
    )


def database(now: datetime) -> Iterator[Metric]:
    if connection.vendor == "sqlite":
        file = Path(settings.DATABASES["default"]["NAME"])
        yield gauge("database_bytes", "Size of the database.", file.stat().st_size if file.exists() else 0)
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), pg_total_relation_size(%s::regclass),"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())",
            [Delivery._meta.db_table],
        )
        whole, copies, connections = cursor.fetchone()
    yield gauge("database_bytes", "Size of the database.", whole)
    yield gauge("ledger_bytes", "Size of the table of copies, with its indexes.", copies)
    yield gauge("database_connections", "Connections to the database, of every program.", connections)


def mailings(now: datetime) -> Iterator[Metric]:
    """Copies of open mailings, and totals since the beginning."""
    counted = {name: Sum(name, default=0) for name in ("sent", "failed", "uncertain", "skipped", "in_flight")}
    under_way = Batch.objects.filter(mailing__in=Mailing.objects.open())
    totals = under_way.aggregate(**counted, all=Sum(F("hi") - F("lo"), default=0))
    states = {name: totals[name] for name in ("sent", "failed", "uncertain", "skipped")}
    states["sending"] = totals["in_flight"]
    states["queued"] = totals["all"] - sum(states.values())
    yield labelled_gauge("copies", "Copies of the mailings under way, by state.", "state", states)

    ever = Batch.objects.aggregate(**{name: counted[name] for name in ("sent", "failed", "uncertain")})
    ended = CounterMetricFamily("newsletter_copies_ended", "Copies of all mailings.", labels=["state"])
    for state in ("sent", "failed"):
        ended.add_metric([state], ever[state])
    yield ended
    yield gauge("copies_uncertain", "Copies of which nobody knows whether they arrived.", ever["uncertain"])

    paused = Mailing.objects.filter(state=Mailing.State.PAUSED).values_list("issue__number", "paused_by")
    family = GaugeMetricFamily("newsletter_mailing_paused", "Mailings that are paused.", labels=["issue", "cause"])
    for number, cause in paused:
        family.add_metric([str(number), cause or "unknown"], 1)
    yield family
    late = Mailing.objects.due(now).aggregate(at=Min("send_at"))["at"]
    yield gauge("mailing_late_seconds", "Since the oldest mailing was due that has not begun.", _age(late, now))


def replies(now: datetime) -> Iterator[Metric]:
    """Permanent refusals (5xx) by reason, and deferred copies (4xx) by domain."""
    provider, reasons = provider_label(settings.MAILERS["bulk"]), Counter[str]()
    for said in Breakdown.objects.values_list("by_verdict", flat=True):
        reasons.update(said)
    refused = CounterMetricFamily(
        "newsletter_refusals", "Copies refused for good (5xx), by what the reply means.", labels=["provider", "verdict"]
    )
    for verdict in RefusalReason:
        refused.add_metric([provider, verdict], reasons[verdict])
    yield refused
    put_off = Counter[str]()
    for domains in Breakdown.objects.filter(mailing__in=Mailing.objects.open()).values_list("by_domain", flat=True):
        put_off.update({domain or "others": counts[Delivery.State.DEFERRED] for domain, counts in domains.items()})
    yield labelled_gauge("copies_deferred", "Copies put off (4xx) that are tried again, by domain.", "domain", put_off)


def programs(now: datetime) -> Iterator[Metric]:
    living = [state for state in machines.program_states() if state.is_alive]
    differing = sum(bool(state.differing) for state in living)
    yield gauge("machines_differing", "Programs that send nothing: not the web server's environment.", differing)


def lanes(now: datetime) -> Iterator[Metric]:
    held = Batch.objects.filter(state=Batch.State.LEASED).values_list("worker", flat=True)
    machines = Counter(worker.partition("/")[0] for worker in held)
    yield labelled_gauge("batches_leased", "Batches that a worker holds, by its machine.", "machine", machines)
    free = Batch.objects.ready(now).filter(mailing__in=Mailing.objects.ready(now)).count()
    yield gauge("batches_free", "Batches that a worker may take now.", free)


def readers(now: datetime) -> Iterator[Metric]:
    counts = {name: float(number) for name, number in vars(cached_reader_counts(now)).items()}
    yield labelled_gauge("readers", "Readers, by whether an issue would go to them.", "state", counts)
    (moved,) = count_movements([(now - DAY, now)])
    yield gauge("readers_came_day", "Readers who confirmed within 24 hours.", moved.came)
    yield gauge("readers_left_day", "Readers who left within 24 hours.", moved.left)
    asked = Subscriber.objects.filter(state=Subscriber.State.PENDING, created_at__gte=now - DAY)
    yield gauge("sign_ups_waiting_day", "Sign-ups within 24 hours that nobody has confirmed yet.", asked.count())
    due = Subscriber.objects.filter(confirmation_due_at__lte=now).aggregate(at=Min("confirmation_due_at"))["at"]
    yield gauge("confirmation_due_seconds", "Since the oldest confirmation was due.", _age(due, now))


def arrivals(now: datetime) -> Iterator[Metric]:
    waiting = InboundMessage.objects.waiting().aggregate(number=Count("pk"), at=Min("received_at"))
    yield gauge("arrivals_waiting", "Events and mails that were stored and not applied yet.", waiting["number"])
    yield gauge("arrivals_waiting_seconds", "Since the oldest of these arrived.", _age(waiting["at"], now))


def queue(now: datetime) -> Iterator[Metric]:
    length = readiness.queue_length()
    if length is not None:
        yield gauge("queue_length", "Tasks on the queue that no worker has taken.", length)


def nights(now: datetime) -> Iterator[Metric]:
    if settings.BACKUP_URL:
        words = "Since the last backup was made, or, before the first one, since the installation was."
        yield gauge("backup_age_seconds", words, _age(backup_findings.uncovered_since(), now))


def troubles(now: datetime) -> Iterator[Metric]:
    """Findings of the last hourly check."""
    family = GaugeMetricFamily("newsletter_trouble", "What the doctor has found wrong.", labels=["id", "level"])
    for name, level in sorted({(one.finding, one.level) for one in Trouble.objects.exclude(level="")}):
        family.add_metric([name, level], 1)
    yield family
    if last := Look.objects.first():
        yield gauge("look_age_seconds", "Since the doctor has looked by itself.", _age(last.at, now))


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


METRIC_SOURCES: tuple[MetricSource, ...] = (
    *(database, mailings, replies, programs, lanes, readers, arrivals, queue, nights, troubles),
)


def may_read_metrics(request: HttpRequest) -> bool:
    """Does the request carry METRICS_TOKEN (RFC 6750)?

    Without a token only loopback clients of a trial installation may read: behind a proxy that names no client,
    everyone would seem local.
    """
    if not settings.METRICS_TOKEN:
        return is_trial_user(request)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def metrics_text() -> tuple[bytes, str]:
    registry = CollectorRegistry()
    registry.register(MetricsCollector(datetime.now(UTC)))
    return generate_latest(registry), CONTENT_TYPE_LATEST
