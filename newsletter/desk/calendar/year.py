"""The months of a year with what stands on their days, and the slots ahead. A constant number of queries."""

import calendar
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Min, OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from newsletter.delivery.days import free_slots
from newsletter.delivery.models import Mailing
from newsletter.desk.templatetags.calendar_days import in_words
from newsletter.issues import days_off, rhythm
from newsletter.issues.cadence import DAY, Fate, Slot
from newsletter.issues.models import Issue, Shift
from newsletter.publication.models import Publication

AHEAD = 6  # slots that are listed with their forms
YEARS_AHEAD, YEARS_BACK = 2, 50  # for which there are pages
AHEAD_DAYS = 120  # at least: a vacation of three months still leaves something to see


@dataclass(frozen=True)
class Mark:
    """What stands on a day. kind: a name for the sheet. word: the state, in one word; about: of what."""

    kind: str
    word: str
    about: str = ""
    url: str = ""

    @property
    def text(self) -> str:
        return f"{self.about} · {self.word}" if self.about else self.word


@dataclass(frozen=True)
class Note:
    """A line under a month. days: "3", or "3–17" of one month."""

    days: str
    mark: Mark


@dataclass
class Day:
    on: date
    marks: list[Mark] = field(default_factory=list)
    is_today: bool = False

    @property
    def kinds(self) -> str:
        """Return classes for the sheet."""
        return " ".join(f"is-{kind}" for kind in dict.fromkeys(mark.kind for mark in self.marks))

    @property
    def words(self) -> str:
        """Return day and marks as a screen reader says them."""
        texts = [_("today")] * self.is_today + [mark.text for mark in self.marks]
        return _(", ").join([in_words(self.on), *texts])

    @property
    def url(self) -> str:
        return next((mark.url for mark in self.marks if mark.url), "")


@dataclass(frozen=True)
class Month:
    number: int
    weeks: list[list[Day | None]]
    notes: list[Note]

    @property
    def name(self) -> str:
        return str(MONTHS[self.number])


@dataclass(frozen=True)
class Ahead:
    """A slot to come. issue: what is planned for it. mailing: set once that is scheduled."""

    slot: Slot
    at: datetime
    issue: Issue | None = None
    mailing: Mailing | None = None

    @property
    def day(self) -> date:
        """Return the local day on which it is due."""
        return timezone.localtime(self.at).date()

    @property
    def key(self) -> str:
        """Return the slot's day as addresses have it."""
        return self.slot.day.isoformat()

    @property
    def is_left_out(self) -> bool:
        return self.slot.at is None


# --- The year ---


def range_of(publication: Publication, this_year: int) -> tuple[int, int]:
    """Return the first and the last year that have a page: from the first issue or slot to YEARS_AHEAD from now."""
    first_sent = Issue.objects.aggregate(at=Min("sent_at"))["at"]
    years = [this_year, publication.cadence_anchor_on.year]
    years += [_local_day(publication, first_sent).year] if first_sent else []
    return max(min(years), this_year - YEARS_BACK), this_year + YEARS_AHEAD


def months(publication: Publication, year: int, now: datetime) -> list[Month]:
    """Return the twelve months. Seven queries, however much happened."""
    first_on, last_on = date(year, 1, 1), date(year, 12, 31)
    today = timezone.localtime(now, publication.zone).date()
    days = {first_on + DAY * step: Day(first_on + DAY * step) for step in range((last_on - first_on).days + 1)}
    notes: dict[int, list[tuple[date, Note]]] = defaultdict(list)
    if today in days:
        days[today].is_today = True
    for on, mark in sorted(_marks(publication, year, now), key=lambda one: one[0][0]):
        first, last = on[0], on[-1]
        for day in on:
            if day in days:
                days[day].marks.append(mark)
        notes[max(first, first_on).month].append((first, Note(_span(first, last), mark)))
    return [_month(year, number, days, [note for _on, note in notes[number]]) for number in range(1, 13)]


def _month(year: int, number: int, days: dict[date, Day], notes: list[Note]) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(year, number)
    return Month(number, [[days[day] if day.month == number else None for day in week] for week in weeks], notes)


def _span(first: date, last: date) -> str:
    if first == last:
        return str(first.day)
    return f"{first.day}–{last.day}" if first.month == last.month else f"{first.day}–{last.month}/{last.day}"


def _marks(publication: Publication, year: int, now: datetime) -> Iterator[tuple[list[date], Mark]]:
    """Yield each mark with its days, in their order: what matters most of a day comes first."""
    first_on, last_on = date(year, 1, 1), date(year, 12, 31)
    issues = [*_sent(publication, year), *_scheduled(publication)]
    yield from (([day], mark) for day, mark in issues if day.year == year)
    plan = rhythm.plan(publication, first_on, last_on)
    yield from (([day], mark) for day, mark in _of_slots(publication, plan, {day for day, _mark in issues}, now))
    for vacation in Shift.objects.vacations().filter(first_on__lte=last_on, last_on__gte=first_on):
        first, last = vacation.days
        on = [first + DAY * step for step in range((last - first).days + 1)]
        yield on, Mark("away", _("Vacation"), vacation.note)
    for holiday in days_off.grouped(
        days_off.of_days(publication.holiday_country, first_on, last_on, get_language() or publication.language)
    ):
        yield sorted(holiday.days), Mark("off", _("Holiday"), holiday.name)


def _sent(publication: Publication, year: int) -> Iterator[tuple[date, Mark]]:
    mailing = Mailing.objects.filter(issue=OuterRef("pk"), kind=Mailing.Kind.ISSUE).order_by("pk").values("pk")[:1]
    issues = Issue.objects.in_year(year).annotate(mailing_id=Subquery(mailing)).only("number", "subject", "sent_at")
    for issue in issues:
        mailing_id: int | None = getattr(issue, "mailing_id")  # noqa: B009 - annotated
        page = ("mailing", mailing_id) if mailing_id else ("issues_issue_change", issue.pk)
        url = reverse(f"admin:{page[0]}", args=[page[1]])
        yield _local_day(publication, issue.sent_at), Mark("sent", pgettext("an issue", "sent"), str(issue), url)


def _scheduled(publication: Publication) -> Iterator[tuple[date, Mark]]:
    for mailing in _waiting():
        url = reverse("admin:mailing", args=[mailing.pk])
        yield (
            _local_day(publication, mailing.send_at),
            Mark("scheduled", pgettext("an issue", "scheduled"), str(mailing.issue), url),
        )


def _waiting() -> Iterable[Mailing]:
    waiting = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SCHEDULED)
    return waiting.select_related("issue").defer("html", "text").order_by("-send_at")


def _of_slots(
    publication: Publication, plan: Iterable[Slot], taken: Iterable[date], now: datetime
) -> Iterator[tuple[date, Mark]]:
    """Yield what became of slots: those to come, and those left out or moved away. One that went is an issue."""
    [upcoming] = free_slots(publication, now, 1)
    for slot in plan:
        if slot.at is None and slot.fate == Fate.SKIPPED:
            yield slot.day, Mark("left", pgettext("a slot", "skipped"), _("Slot"))
        elif slot.at is None:
            yield slot.day, Mark("left", _("left out, vacation"), _("Slot"))
        else:
            day = _local_day(publication, slot.at)
            if slot.fate == Fate.MOVED:
                yield slot.day, Mark("left", _("moved to %(day)s") % {"day": in_words(day)}, _("Slot"))
            if slot.at > now and day not in taken:
                yield day, _to_come(slot, is_next=slot.at == upcoming)


def _to_come(slot: Slot, *, is_next: bool) -> Mark:
    url = reverse("admin:calendar_slot", args=[slot.day.isoformat()])
    return Mark("next", _("next slot"), url=url) if is_next else Mark("slot", _("slot"), url=url)


def _local_day(publication: Publication, at: datetime | None) -> date:
    return timezone.localtime(at, publication.zone).date()


# --- The slots ahead ---


def ahead(publication: Publication, now: datetime) -> list[Ahead]:
    """Return the next slots, also those that are left out, with the issues for them. Three queries."""
    today = _local_day(publication, now)
    reach = timedelta(days=max(AHEAD_DAYS, publication.cadence_days * AHEAD))
    plan = [slot for slot in rhythm.plan(publication, today, today + reach) if slot.shown_at > now][:AHEAD]
    scheduled = {_local_day(publication, mailing.send_at): mailing for mailing in _waiting()}
    drafts = iter(Issue.objects.unsent().exclude(mailings__state__in=Mailing.OPEN_STATES)[:AHEAD])
    return [_ahead(publication, slot, scheduled, drafts) for slot in plan]


def _ahead(publication: Publication, slot: Slot, scheduled: dict[date, Mailing], drafts: Iterator[Issue]) -> Ahead:
    if slot.at is None:
        return Ahead(slot, slot.due_at)
    mailing = scheduled.get(_local_day(publication, slot.at))
    issue = mailing.issue if mailing else next(drafts, None)
    return Ahead(slot, slot.at, issue, mailing)
