"""The screens of the calendar: GET shows, POST shifts; all of it works without JavaScript."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.delivery.author import slots, subscribed
from newsletter.delivery.models import Mailing
from newsletter.desk.calendar import year as years
from newsletter.desk.calendar.forms import MoveForm, VacationForm
from newsletter.desk.templatetags.calendar_days import WEEKDAYS, in_words
from newsletter.issues import cadence, rhythm
from newsletter.issues.cadence import Slot
from newsletter.issues.models import HolidayAnswer, Shift
from newsletter.publication.audit import who
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

LINES = 8  # of what was done, the latest first
ABOUT = [Shift._meta.label_lower, HolidayAnswer._meta.label_lower]
ask_and_act = require_http_methods(["GET", "HEAD", "POST"])


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | context
    return render(request, f"desk/calendar/{template}.html", context, status=status)


# --- The year ---


@require_safe
def show(request: HttpRequest, year: int | None = None) -> HttpResponse:
    """Show one year, this one unless another is asked for, and what comes next."""
    publication, now = Publication.objects.current(), timezone.now()
    this_year = timezone.localtime(now, publication.zone).year
    shown = this_year if year is None else year
    first, last = years.range_of(publication, this_year)
    if not first <= shown <= last:
        raise Http404(shown)
    context = {
        "title": _("Calendar"),
        "year": shown,
        "earlier": shown - 1 if shown > first else None,
        "later": shown + 1 if shown < last else None,
        "weekdays": WEEKDAYS,
        "months": years.months(publication, shown, now),
        "ahead": years.ahead(publication, now) if shown == this_year else [],
        "questions": rhythm.questions(publication, now, get_language() or ""),
        "vacations": Shift.objects.vacations().filter(last_on__gte=timezone.localtime(now, publication.zone).date()),
        "lines": _lines(),
        "publication": publication,
    }
    return _page(request, "year", context)


def _lines() -> list[tuple[Change, str]]:
    """Return what was done last, each with who did it and from where."""
    done = Change.objects.filter(about__in=ABOUT).order_by("-pk")[:LINES]
    return [(change, who(change.by, change.via)) for change in done]


# --- A slot ---


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404(text) from None


def _slot(publication: Publication, text: str, now: datetime) -> Slot:
    """Return the slot that an address names by its day in the rhythm. Raise Http404 if it is none, or has passed."""
    day, used = _day(text), rhythm.of(publication)
    if not used.has(day):
        raise Http404(text)
    found = cadence.slot_of(used, day, rhythm.shifts_from(publication, now))
    if found.shown_at <= now:
        raise Http404(text)
    return found


@ask_and_act
def slot(request: HttpRequest, day: str) -> HttpResponse:
    """Ask for another day and time of a slot; a POST moves it."""
    publication, now = Publication.objects.fresh(), timezone.now()
    found = _slot(publication, day, now)
    used, shifts = rhythm.of(publication), rhythm.shifts_from(publication, now)
    form = MoveForm(request.POST or None, slot=found, rhythm=used, shifts=shifts, now=now)
    is_taken = found.at is not None and slots.is_settled(found.at)
    if not is_taken and form.is_valid():
        chosen = form.cleaned_data
        rhythm.move(found.day, now, to_on=chosen["day"], to_at=chosen["time"])
        messages.success(request, _("Moved to %(day)s. The slots behind it stay.") % {"day": in_words(chosen["day"])})
        return redirect("admin:calendar")
    context = {"title": in_words(found.day), "slot": found, "key": day, "form": form, "is_taken": is_taken}
    return _page(request, "slot", context, status=409 if is_taken and request.method == "POST" else 200)


@require_POST
def skip(request: HttpRequest, day: str) -> HttpResponse:
    """Leave a slot out, unless an issue is scheduled for it."""
    publication, now = Publication.objects.fresh(), timezone.now()
    found = _slot(publication, day, now)
    if found.at is not None and slots.is_settled(found.at):
        messages.error(request, _("An issue is scheduled for this slot. Cancel or move it first."))
    else:
        rhythm.skip(found.day, now)
        messages.success(request, _("The slot of %(day)s is skipped.") % {"day": in_words(found.day)})
    return redirect("admin:calendar")


@require_POST
def restore(request: HttpRequest, day: str) -> HttpResponse:
    """Put a slot back to where the rhythm has it."""
    found = _day(day)
    if rhythm.restore(found, timezone.now()):
        messages.success(request, _("The slot of %(day)s is where it was.") % {"day": in_words(found)})
    return redirect("admin:calendar")


# --- Vacation ---


@ask_and_act
def vacation(request: HttpRequest) -> HttpResponse:
    """Ask for the days; a POST leaves out their slots, and says what stays scheduled all the same."""
    publication, now = Publication.objects.fresh(), timezone.now()
    form = VacationForm(request.POST or None, today=timezone.localtime(now, publication.zone).date())
    if not form.is_valid():
        return _page(request, "vacation", {"title": _("Take a vacation"), "form": form})
    said = form.cleaned_data
    taken = rhythm.take_vacation(said["first_on"], said["last_on"], now, note=said["note"])
    _tell(request, publication, taken)
    return redirect("admin:calendar")


def _tell(request: HttpRequest, publication: Publication, taken: Shift) -> None:
    first_on, last_on = taken.days
    count = sum(one.fate == cadence.Fate.AWAY for one in rhythm.plan(publication, first_on, last_on))
    words = ngettext("Vacation: %(count)d slot is left out.", "Vacation: %(count)d slots are left out.", count)
    messages.success(request, words % {"count": count})
    for mailing in Mailing.objects.filter(state=Mailing.State.SCHEDULED).select_related("issue"):
        if first_on <= timezone.localtime(mailing.send_at, publication.zone).date() <= last_on:
            text = _("%(issue)s is scheduled within it and goes out all the same. Cancel or move it on its page.")
            messages.warning(request, text % {"issue": mailing.issue})


@require_POST
def give_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the slots of a vacation back."""
    if rhythm.give_up_vacation(pk, timezone.now()):
        messages.success(request, _("The vacation is given up; its slots are back."))
    return redirect("admin:calendar")


# --- A holiday ---


@require_POST
def holiday(request: HttpRequest, day: str) -> HttpResponse:
    """Do what the author chose for the slots on a holiday; asked and answered once."""
    publication, now, first_on = Publication.objects.fresh(), timezone.now(), _day(day)
    choice = request.POST.get("choice", "")
    asked = rhythm.questions(publication, now, get_language() or "")
    found = next((one for one in asked if one.holiday.first_on == first_on), None)
    if found and choice in HolidayAnswer.Choice.values:
        rhythm.answer(found, HolidayAnswer.Choice(choice), publication, now)
        text = _("%(holiday)s: %(choice)s. You will not be asked again.")
        answer = {"holiday": found.holiday.name, "choice": HolidayAnswer.Choice(choice).label}
        messages.success(request, text % answer)
    return redirect("admin:index" if request.POST.get("back") == "today" else "admin:calendar")


# --- The link for calendar programs ---


@ask_and_act
def link(request: HttpRequest) -> HttpResponse:
    """Show the secret address; a POST renews it, and the old one opens nothing any more."""
    if request.method == "POST":
        subscribed.renew(Publication.objects.fresh(), timezone.now())
        messages.success(request, _("There is a new link. The old one opens nothing any more."))
        return redirect("admin:calendar_link")
    address = subscribed.calendar_url(Publication.objects.fresh())
    return _page(request, "link", {"title": _("Subscribe to the calendar"), "address": address})


type View = Callable[..., HttpResponse]
SCREENS: tuple[tuple[str, View, str], ...] = (
    ("", show, "calendar"),
    ("<int:year>/", show, "calendar_year"),
    ("slot/<str:day>/", slot, "calendar_slot"),
    ("slot/<str:day>/skip/", skip, "calendar_skip"),
    ("slot/<str:day>/restore/", restore, "calendar_restore"),
    ("vacation/", vacation, "calendar_vacation"),
    ("vacation/<int:pk>/end/", give_up, "calendar_give_up"),
    ("holiday/<str:day>/", holiday, "calendar_holiday"),
    ("link/", link, "calendar_link"),
)
