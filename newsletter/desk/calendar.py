"""The calendar of one year: slots, holidays, vacations and sent issues; and the forms that move slots."""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Min, OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.delivery.author import icalendar_feed, reminders
from newsletter.delivery.models import Mailing
from newsletter.delivery.sending_days import free_slots
from newsletter.desk.templatetags.calendar_days import WEEKDAYS, day_text
from newsletter.issues import cadence, public_holidays, schedule
from newsletter.issues.cadence import DAY, Cadence, Shifts, Slot, SlotStatus
from newsletter.issues.models import HolidayAnswer, Issue, Shift
from newsletter.issues.schedule import NOTE_LENGTH
from newsletter.publication.forms import CleanTextForm
from newsletter.publication.models import Publication

SLOTS_SHOWN = 6  # with their forms
YEARS_AHEAD, YEARS_BACK = 2, 50  # limits of the calendar
DAYS_SHOWN = 210  # at least: six slots of a monthly rule, and something beside a vacation of three months


@dataclass(frozen=True)
class DayMark:
    """An entry on a day. kind: for the CSS class. word: the state. about: its subject."""

    kind: str
    word: str
    about: str = ""
    url: str = ""

    @property
    def text(self) -> str:
        return f"{self.about} · {self.word}" if self.about else self.word


@dataclass(frozen=True)
class MonthNote:
    """A line below a month. days: "3", or "3–17" of one month."""

    days: str
    mark: DayMark


@dataclass
class CalendarDay:
    on: date
    marks: list[DayMark] = field(default_factory=list)
    is_today: bool = False

    @property
    def kinds(self) -> str:
        return " ".join(f"is-{kind}" for kind in dict.fromkeys(mark.kind for mark in self.marks))

    @property
    def words(self) -> str:
        """For screen readers."""
        texts = [_("today")] * self.is_today + [mark.text for mark in self.marks]
        return _(", ").join([day_text(self.on), *texts])

    @property
    def url(self) -> str:
        return next((mark.url for mark in self.marks if mark.url), "")


@dataclass(frozen=True)
class CalendarMonth:
    number: int
    weeks: list[list[CalendarDay | None]]
    notes: list[MonthNote]

    @property
    def name(self) -> str:
        return str(MONTHS[self.number])


@dataclass(frozen=True)
class UpcomingSlot:
    """issue: planned for this slot. mailing: set once it is scheduled."""

    slot: Slot
    at: datetime
    issue: Issue | None = None
    mailing: Mailing | None = None

    @property
    def day(self) -> date:
        return timezone.localtime(self.at).date()

    @property
    def key(self) -> str:
        return self.slot.day.isoformat()

    @property
    def is_left_out(self) -> bool:
        return self.slot.at is None


# --- The year ---


def year_range(publication: Publication, this_year: int) -> tuple[int, int]:
    """First and last year that have a page: from the first issue or slot to YEARS_AHEAD from now."""
    first_sent = Issue.objects.aggregate(at=Min("sent_at"))["at"]
    years = [this_year, publication.cadence_anchor_on.year]
    years += [_local_day(publication, first_sent).year] if first_sent else []
    return max(min(years), this_year - YEARS_BACK), this_year + YEARS_AHEAD


def months_of_year(publication: Publication, year: int, now: datetime) -> list[CalendarMonth]:
    """Seven queries, independent of the amount of data."""
    first_on, last_on = date(year, 1, 1), date(year, 12, 31)
    today = timezone.localtime(now, publication.zone).date()
    days = {first_on + DAY * step: CalendarDay(first_on + DAY * step) for step in range((last_on - first_on).days + 1)}
    notes: dict[int, list[MonthNote]] = defaultdict(list)
    if today in days:
        days[today].is_today = True
    for on, mark in sorted(_marks(publication, year, now), key=lambda one: one[0][0]):
        first, last = on[0], on[-1]
        for day in on:
            if day in days:
                days[day].marks.append(mark)
        notes[max(first, first_on).month].append(MonthNote(_span(first, last), mark))
    return [_month(year, number, days, notes[number]) for number in range(1, 13)]


def _month(year: int, number: int, days: dict[date, CalendarDay], notes: list[MonthNote]) -> CalendarMonth:
    weeks = calendar.Calendar().monthdatescalendar(year, number)
    shown = [[days[day] if day.month == number else None for day in week] for week in weeks]
    return CalendarMonth(number, shown, notes)


def _span(first: date, last: date) -> str:
    if first == last:
        return str(first.day)
    return f"{first.day}–{last.day}" if first.month == last.month else f"{first.day}–{last.month}/{last.day}"


def _marks(publication: Publication, year: int, now: datetime) -> Iterator[tuple[list[date], DayMark]]:
    """Each mark with its days, the most important of a day first."""
    first_on, last_on = date(year, 1, 1), date(year, 12, 31)
    issues = [*_sent_issues(publication, year), *_scheduled_issues(publication)]
    yield from (([day], mark) for day, mark in issues if day.year == year)
    plan = schedule.slots_between(publication, first_on, last_on)
    yield from (([day], mark) for day, mark in _slot_marks(publication, plan, {day for day, _mark in issues}, now))
    for vacation in Shift.objects.vacations().filter(first_on__lte=last_on, last_on__gte=first_on):
        first, last = vacation.days
        on = [first + DAY * step for step in range((last - first).days + 1)]
        yield on, DayMark("away", _("Vacation"), vacation.note)
    country, language = publication.holiday_country, get_language() or publication.language
    days_off = public_holidays.holidays_between(country, first_on, last_on, language)
    for holiday in public_holidays.group_days(days_off):
        yield sorted(holiday.days), DayMark("off", _("Holiday"), holiday.name)


def _sent_issues(publication: Publication, year: int) -> Iterator[tuple[date, DayMark]]:
    first = Mailing.objects.filter(issue=OuterRef("pk"), kind=Mailing.Kind.ISSUE).order_by("pk").values("pk")[:1]
    issues: Any = Issue.objects.in_year(year).annotate(mailing_id=Subquery(first)).only("number", "subject", "sent_at")
    for issue in issues:
        name, key = ("mailing", issue.mailing_id) if issue.mailing_id else ("issues_issue_change", issue.pk)
        mark = DayMark("sent", pgettext("an issue", "sent"), str(issue), reverse(f"admin:{name}", args=[key]))
        yield _local_day(publication, issue.sent_at), mark


def _scheduled_issues(publication: Publication) -> Iterator[tuple[date, DayMark]]:
    for mailing in _waiting():
        url = reverse("admin:mailing", args=[mailing.pk])
        mark = DayMark("scheduled", pgettext("an issue", "scheduled"), str(mailing.issue), url)
        yield _local_day(publication, mailing.send_at), mark


def _waiting() -> Iterable[Mailing]:
    waiting = Mailing.objects.filter(kind=Mailing.Kind.ISSUE, state=Mailing.State.SCHEDULED)
    return waiting.select_related("issue").defer("html", "text").order_by("-send_at")


def _slot_marks(
    publication: Publication, plan: Iterable[Slot], taken: Iterable[date], now: datetime
) -> Iterator[tuple[date, DayMark]]:
    """Marks of upcoming, skipped and moved slots. A slot that was used is shown as its issue."""
    [upcoming] = free_slots(publication, now, 1)
    for slot in plan:
        if slot.at is None and slot.fate == SlotStatus.SKIPPED:
            yield slot.day, DayMark("left", pgettext("a slot", "skipped"), _("Slot"))
        elif slot.at is None:
            yield slot.day, DayMark("left", _("left out, vacation"), _("Slot"))
        else:
            day = _local_day(publication, slot.at)
            if slot.fate == SlotStatus.MOVED:
                yield slot.day, DayMark("left", _("moved to %(day)s") % {"day": day_text(day)}, _("Slot"))
            if slot.at > now and day not in taken:
                kind, word = ("next", _("next slot")) if slot.at == upcoming else ("slot", _("slot"))
                yield day, DayMark(kind, word, url=reverse("admin:calendar_slot", args=[slot.day.isoformat()]))


def _local_day(publication: Publication, at: datetime | None) -> date:
    return timezone.localtime(at, publication.zone).date()


# --- The slots ahead ---


def upcoming_slots(publication: Publication, now: datetime) -> list[UpcomingSlot]:
    """The next slots, skipped ones too, with the issues for them. Three queries."""
    today = _local_day(publication, now)
    reach = timedelta(days=max(DAYS_SHOWN, publication.cadence_days * SLOTS_SHOWN))
    plan = [slot for slot in schedule.slots_between(publication, today, today + reach) if slot.shown_at > now][
        :SLOTS_SHOWN
    ]
    scheduled = {_local_day(publication, mailing.send_at): mailing for mailing in _waiting()}
    drafts = iter(Issue.objects.unsent().exclude(mailings__state__in=Mailing.OPEN_STATES)[:SLOTS_SHOWN])
    return [_upcoming_slot(publication, slot, scheduled, drafts) for slot in plan]


def _upcoming_slot(
    publication: Publication, slot: Slot, scheduled: dict[date, Mailing], drafts: Iterator[Issue]
) -> UpcomingSlot:
    if slot.at is None:
        return UpcomingSlot(slot, slot.due_at)
    mailing = scheduled.get(_local_day(publication, slot.at))
    issue = mailing.issue if mailing else next(drafts, None)
    return UpcomingSlot(slot, slot.at, issue, mailing)


MOVE_DISTANCE_MAX = timedelta(days=60)  # from its regular day
VACATION_MAX = timedelta(days=366)


class MoveForm(forms.Form):
    """A new time for a slot. Asks for confirmation if another slot is too close."""

    day = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    time = forms.TimeField(label=gettext_lazy("Time"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    anyway = forms.BooleanField(label=gettext_lazy("Move it all the same"), required=False)

    def __init__(self, *args: Any, slot: Slot, schedule: Cadence, shifts: Shifts, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        local = timezone.localtime(slot.shown_at, schedule.zone)
        self.initial = {"day": local.date(), "time": local.time()}
        self.slot, self.rhythm, self.shifts, self.now = slot, schedule, shifts, now
        self.neighbour: Slot | None = None

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        if abs(day - self.slot.day) > MOVE_DISTANCE_MAX:
            raise ValidationError(gettext_lazy("This is more than 60 days from its place in the rhythm."))
        if self.shifts.is_away(day):
            raise ValidationError(gettext_lazy("This day is in a vacation."))
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "day" in cleaned and "time" in cleaned:
            self._check_neighbour(cleaned["day"], cleaned)
        return cleaned

    def _check_neighbour(self, day: date, cleaned: dict[str, Any]) -> None:
        if cadence.local_to_utc(day, cleaned["time"], self.rhythm.zone) <= self.now:
            self.add_error("day", gettext_lazy("This time has passed."))
            return
        self.neighbour = cadence.conflicting_slot(self.rhythm, self.shifts, self.slot.day, day)
        if self.neighbour and not cleaned.get("anyway"):
            near = timezone.localtime(self.neighbour.shown_at, self.rhythm.zone).date()
            text = gettext_lazy("The slot of %(day)s is too close. The later one then waits for your approval.")
            self.add_error(None, ValidationError(text, params={"day": day_text(near)}))


class VacationForm(CleanTextForm, forms.Form):
    first_on = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput({"type": "date"}))
    last_on = forms.DateField(label=gettext_lazy("Last day"), widget=forms.DateInput({"type": "date"}))
    note = forms.CharField(
        label=gettext_lazy("Notice on the site"),
        required=False,
        max_length=NOTE_LENGTH,
        help_text=gettext_lazy("Shown on the front page from two weeks before. Empty: a sentence with the days."),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first_on, last_on = cleaned.get("first_on"), cleaned.get("last_on")
        if first_on and last_on and last_on < first_on:
            self.add_error("last_on", gettext_lazy("The last day is before the first."))
        elif last_on and last_on < self.today:
            self.add_error("last_on", gettext_lazy("These days have passed."))
        elif first_on and last_on and last_on - first_on > VACATION_MAX:
            self.add_error("last_on", gettext_lazy("At most a year."))
        return cleaned


allow_get_and_post = require_http_methods(["GET", "HEAD", "POST"])


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | context
    return render(request, f"desk/calendar/{template}.html", context, status=status)


@require_safe
def show(request: HttpRequest, year: int | None = None) -> HttpResponse:
    publication, now = Publication.objects.current(), timezone.now()
    this_year = timezone.localtime(now, publication.zone).year
    shown = this_year if year is None else year
    first, last = year_range(publication, this_year)
    if not first <= shown <= last:
        raise Http404(shown)
    context = {
        "title": _("Calendar"),
        "year": shown,
        "earlier": shown - 1 if shown > first else None,
        "later": shown + 1 if shown < last else None,
        "weekdays": WEEKDAYS,
        "months": months_of_year(publication, shown, now),
        "ahead": upcoming_slots(publication, now) if shown == this_year else [],
        "questions": schedule.open_questions(publication, now, get_language() or ""),
        "vacations": Shift.objects.vacations().filter(last_on__gte=timezone.localtime(now, publication.zone).date()),
        "publication": publication,
    }
    return _page(request, "year", context)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404(text) from None


def _slot(publication: Publication, text: str, now: datetime) -> Slot:
    """Look a slot up by its regular day. Raises Http404 if there is none, or it has passed."""
    day, used = _day(text), schedule.cadence_of(publication)
    if not used.has(day):
        raise Http404(text)
    found = cadence.slot_on(used, day, schedule.shifts_from(publication, now))
    if found.shown_at <= now:
        raise Http404(text)
    return found


@allow_get_and_post
def slot(request: HttpRequest, day: str) -> HttpResponse:
    publication, now = Publication.objects.fresh(), timezone.now()
    found = _slot(publication, day, now)
    used, shifts = schedule.cadence_of(publication), schedule.shifts_from(publication, now)
    form = MoveForm(request.POST or None, slot=found, schedule=used, shifts=shifts, now=now)
    is_taken = found.at is not None and reminders.has_mailing_on_day(found.at)
    if not is_taken and form.is_valid():
        chosen = form.cleaned_data
        schedule.move_slot(found.day, now, to_on=chosen["day"], to_at=chosen["time"])
        messages.success(request, _("Moved to %(day)s. The slots behind it stay.") % {"day": day_text(chosen["day"])})
        return redirect("admin:calendar")
    context = {"title": day_text(found.day), "slot": found, "key": day, "form": form, "is_taken": is_taken}
    return _page(request, "slot", context, status=409 if is_taken and request.method == "POST" else 200)


@require_POST
def skip(request: HttpRequest, day: str) -> HttpResponse:
    publication, now = Publication.objects.fresh(), timezone.now()
    found = _slot(publication, day, now)
    if found.at is not None and reminders.has_mailing_on_day(found.at):
        messages.error(request, _("An issue is scheduled for this slot. Cancel or move it first."))
    else:
        schedule.skip_slot(found.day, now)
        messages.success(request, _("The slot of %(day)s is skipped.") % {"day": day_text(found.day)})
    return redirect("admin:calendar")


@require_POST
def restore(request: HttpRequest, day: str) -> HttpResponse:
    found = _day(day)
    if schedule.restore_slot(found, timezone.now()):
        messages.success(request, _("The slot of %(day)s is where it was.") % {"day": day_text(found)})
    return redirect("admin:calendar")


@allow_get_and_post
def vacation(request: HttpRequest) -> HttpResponse:
    publication, now = Publication.objects.fresh(), timezone.now()
    form = VacationForm(request.POST or None, today=timezone.localtime(now, publication.zone).date())
    if not form.is_valid():
        return _page(request, "vacation", {"title": _("Take a vacation"), "form": form})
    cleaned = form.cleaned_data
    taken = schedule.add_vacation(cleaned["first_on"], cleaned["last_on"], now, note=cleaned["note"])
    _report_vacation(request, publication, taken)
    return redirect("admin:calendar")


def _report_vacation(request: HttpRequest, publication: Publication, taken: Shift) -> None:
    first_on, last_on = taken.days
    count = sum(one.fate == cadence.SlotStatus.AWAY for one in schedule.slots_between(publication, first_on, last_on))
    words = ngettext("Vacation: %(count)d slot is left out.", "Vacation: %(count)d slots are left out.", count)
    messages.success(request, words % {"count": count})
    for mailing in Mailing.objects.filter(state=Mailing.State.SCHEDULED).select_related("issue"):
        if first_on <= timezone.localtime(mailing.send_at, publication.zone).date() <= last_on:
            text = _("%(issue)s is scheduled within it and goes out all the same. Cancel or move it on its page.")
            messages.warning(request, text % {"issue": mailing.issue})


@require_POST
def end_vacation(request: HttpRequest, pk: int) -> HttpResponse:
    if schedule.cancel_vacation(pk, timezone.now()):
        messages.success(request, _("The vacation is given up; its slots are back."))
    return redirect("admin:calendar")


@require_POST
def holiday(request: HttpRequest, day: str) -> HttpResponse:
    """Apply the author's choice for the slots on a holiday. Each holiday is asked about once."""
    publication, now, first_on = Publication.objects.fresh(), timezone.now(), _day(day)
    choice = request.POST.get("choice", "")
    asked = schedule.open_questions(publication, now, get_language() or "")
    found = next((one for one in asked if one.holiday.first_on == first_on), None)
    if found and choice in HolidayAnswer.Choice.values:
        schedule.answer_question(found, HolidayAnswer.Choice(choice), publication, now)
        text = _("%(holiday)s: %(choice)s. You will not be asked again.")
        answer = {"holiday": found.holiday.name, "choice": HolidayAnswer.Choice(choice).label}
        messages.success(request, text % answer)
    return redirect("admin:index" if request.POST.get("back") == "today" else "admin:calendar")


@allow_get_and_post
def link(request: HttpRequest) -> HttpResponse:
    """Show the secret URL. POST replaces it; the old one stops working."""
    if request.method == "POST":
        icalendar_feed.renew_calendar_url(Publication.objects.fresh(), timezone.now())
        messages.success(request, _("There is a new link. The old one opens nothing any more."))
        return redirect("admin:calendar_link")
    address = icalendar_feed.calendar_url(Publication.objects.fresh())
    return _page(request, "link", {"title": _("Subscribe to the calendar"), "address": address})


type View = Callable[..., HttpResponse]
SCREENS: tuple[tuple[str, View, str], ...] = (
    ("", show, "calendar"),
    ("<int:year>/", show, "calendar_year"),
    ("slot/<str:day>/", slot, "calendar_slot"),
    ("slot/<str:day>/skip/", skip, "calendar_skip"),
    ("slot/<str:day>/restore/", restore, "calendar_restore"),
    ("vacation/", vacation, "calendar_vacation"),
    ("vacation/<int:pk>/end/", end_vacation, "calendar_give_up"),
    ("holiday/<str:day>/", holiday, "calendar_holiday"),
    ("link/", link, "calendar_link"),
)
