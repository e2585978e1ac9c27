"""Pages for importing posts: upload, dry run, import, and the report."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.desk import tasks
from newsletter.desk.jobs import posts
from newsletter.desk.models import PostImport, PostImportEntry
from newsletter.desk.readers import importing
from newsletter.issues.archiving import NUMBER_MAX
from newsletter.issues.models import Issue
from newsletter.moving.counting import COUNT_NAMES
from newsletter.moving.taking.report import CountChange, explain, render_html, translated
from newsletter.publication.forms import CleanTextModelForm
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers.addresses import one_line
from subscribers.importers.csv_file import TableError


class PostUploadForm(importing.FileForm):
    too_large = gettext_lazy("This file is too large for the browser.")
    file = forms.FileField(
        label=gettext_lazy("The file that the other program gave you"),
        label_suffix="",
        widget=forms.FileInput({"accept": ".zip,.json,.xml,.csv,.md,.tsv,.xlsx"}),
        help_text=gettext_lazy(
            "As it is, packed or not: ZIP, JSON, XML or CSV, 64 MB at most. Pack a folder of Markdown as a ZIP."
        ),
    )


class TrialForm(forms.Form):
    site = forms.URLField(
        label=gettext_lazy("Where the posts were read until now"),
        label_suffix="",
        max_length=200,
        required=False,
        assume_scheme="https",
        error_messages={"invalid": gettext_lazy("This is no address of a site. It begins with https://.")},
        widget=forms.URLInput({"placeholder": "https://"}),
        help_text=gettext_lazy("Links between your posts are known by it, and lead to the new place afterwards."),
    )
    fetches = forms.BooleanField(
        label=gettext_lazy("Fetch pictures that are not in the file from the web"),
        label_suffix="",
        required=False,
        help_text=gettext_lazy("Only from public addresses. Pictures that are not found stay where they are."),
    )

    def clean_site(self) -> str:
        return str(self.cleaned_data["site"]).rstrip("/")


State = PostImport.State
STATE_DOTS: dict[str, str] = {State.WORKING: "wait", State.TRIED: "warn", State.STOPPED: "warn"}
STATE_DOTS |= {State.DONE: "good", State.FAILED: "bad"}
OUTCOME_LABELS: dict[str, Promise] = {
    "created": pgettext_lazy("of posts", "new"),
    "updated": pgettext_lazy("of posts", "changed"),
    "unchanged": pgettext_lazy("of posts", "as they were"),
    "rejected": pgettext_lazy("of posts", "left out"),
}
TEXTS_AT_ONCE = 20  # texts of the account on a page
WORKER_DELAY_MAX = timedelta(minutes=1)  # without a worker, after which the page says so


def import_context(found: PostImport, now: datetime, page: str = "", form: TrialForm | None = None) -> dict[str, Any]:
    counts = found.counts
    has_account = bool(counts) and not found.is_at_work
    words_lost = F("account__lost").desc(nulls_last=True)
    different = found.entries.filter(differs=True).order_by(words_lost, "-losses", "place")
    texts = Paginator(different, TEXTS_AT_ONCE).get_page(page) if has_account else None
    return {
        "found": found,
        "form": form or TrialForm(initial={"site": found.site, "fetches": found.fetches}),
        "dot": STATE_DOTS.get(found.state, ""),
        "what_it_is": kind_counts(found),
        "ends": [(label, counts[name]) for name, label in OUTCOME_LABELS.items() if counts.get(name)],
        "totals": count_rows(found.totals) if has_account else [],
        "texts": texts,
        "listed": [entry_context(row) for row in texts] if texts else [],
        "to_do": max(found.total, found.cursor),
        "has_no_worker": _has_no_worker(found, now),
        "has_file": found.has_files(now),
        "mailed": found.entries.exclude(mailed_at=None).count() if has_account else 0,
        "counted": has_account,
        "error": translated(found.error),
        "asks_for_site": found.program == "Ghost" and not found.site,
        "found_url": reverse("admin:move_in_import", args=[found.pk]),
    }


def kind_counts(found: PostImport) -> list[str]:
    counts = found.counts
    if not counts:
        return [ngettext("%d text", "%d texts", found.total) % found.total] if found.total else []
    labels = {
        "posts": ngettext("%d post", "%d posts", counts.get("posts", 0)),
        "pages": ngettext("%d page", "%d pages", counts.get("pages", 0)),
        "drafts": ngettext("%d draft", "%d drafts", counts.get("drafts", 0)),
        "pictures": ngettext("%d picture", "%d pictures", counts.get("pictures", 0)),
    }
    return [label % counts[name] for name, label in labels.items() if counts.get(name)]


def count_rows(totals: dict[str, list[int]]) -> list[CountChange]:
    rows = (CountChange(name, *totals.get(name, (0, 0))) for name in COUNT_NAMES)
    return [row for row in rows if row.before or row.after]


def _has_no_worker(found: PostImport, now: datetime) -> bool:
    """No worker has taken it up: all are busy or stopped, or one was killed."""
    due = found.lease_until or (found.begun_at and found.begun_at + WORKER_DELAY_MAX)
    return found.is_at_work and due is not None and due < now


def entry_context(row: PostImportEntry) -> dict[str, Any]:
    entry = posts.entry_of(row)
    return explain(entry) | {"row": row, "things": entry.changed_counts}


IMPORTS_SHOWN = 10
CHUNK_BYTES = 1 << 20  # bytes


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    form = PostUploadForm(request.POST, request.FILES) if request.method == "POST" else PostUploadForm()
    if form.is_bound and form.is_valid():
        try:
            return _take_in(request, form.cleaned_data["file"])
        except TableError as error:
            form.add_error("file", str(error))
    latest = PostImport.objects.all()[:IMPORTS_SHOWN]
    context = {"form": form, "imports": [(one, STATE_DOTS.get(one.state, "")) for one in latest]}
    return page(request, "upload", context, status=400 if form.is_bound else 200)


def _take_in(request: HttpRequest, file: "UploadedFile[Any]") -> HttpResponse:
    """Store an export of posts; a list of readers goes to the import of readers."""
    if importing.is_reader_list(file):
        return importing.hand_over(request, file)
    pieces = iter(lambda: file.read(CHUNK_BYTES), b"")
    found = posts.store_upload(one_line(file.name or ""), pieces, user=request.user, now=timezone.now())
    return redirect("admin:move_in_import", found.pk)


@require_safe
def show(request: HttpRequest, pk: int) -> HttpResponse:
    return _import_page(request, get_object_or_404(PostImport, pk=pk))


def _import_page(request: HttpRequest, found: PostImport, form: TrialForm | None = None) -> HttpResponse:
    context = import_context(found, timezone.now(), request.GET.get("page", ""), form)
    return page(request, "import", context, status=400 if form else 200)


@require_safe
def moving(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that live.js replaces."""
    found = get_object_or_404(PostImport, pk=pk)
    return render(request, "desk/moving_in/_import.html", import_context(found, timezone.now()))


@require_POST
def begin_trial(request: HttpRequest, pk: int) -> HttpResponse:
    found, form = get_object_or_404(PostImport, pk=pk), TrialForm(request.POST)
    if not form.is_valid():
        return _import_page(request, found, form)
    return _enqueued(request, found, begun=posts.begin_trial(found, timezone.now(), **form.cleaned_data))


@require_POST
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue the import; with issues, show their numbers first."""
    found = get_object_or_404(PostImport, pk=pk)
    if request.POST.get("as_issues"):
        return redirect("admin:move_in_numbers", pk)
    return _enqueued(request, found, begun=posts.begin(found, timezone.now(), as_issues=False))


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(PostImport, pk=pk)
    if found.stop(timezone.now()):
        messages.success(request, _("It was stopped. What was done until then stays."))
    else:
        messages.info(request, _("It had ended already."))
    return redirect("admin:move_in_import", pk)


@require_POST
def go_on(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(PostImport, pk=pk)
    return _enqueued(request, found, begun=posts.resume(found, timezone.now()))


def _enqueued(request: HttpRequest, found: PostImport, *, begun: bool) -> HttpResponse:
    if begun:
        enqueue_on_commit(tasks.take_in_posts)
    else:
        messages.info(request, _("It was begun already, or its file is gone."))
    return redirect("admin:move_in_import", found.pk)


def page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Move in")} | context
    return render(request, f"desk/moving_in/{template}.html", context, status=status)


NUMBERS_AT_ONCE = 100  # mails on a page


class NumberForm(CleanTextModelForm):
    """The number and the subject with which a mail of the past becomes an issue; without a number it does not."""

    number = forms.IntegerField(
        min_value=1,
        max_value=NUMBER_MAX,
        required=False,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off", "maxlength": 6}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), gettext_lazy("This is no number of an issue.")
        ),
    )

    class Meta:
        model = PostImportEntry
        fields = ("number", "subject")
        widgets = {"subject": forms.TextInput({"autocomplete": "off"})}

    def add_prefix(self, field_name: str) -> str:
        return f"{field_name}-{self.instance.place}"

    def clean_subject(self) -> str:
        return self.cleaned_data["subject"] or str(self.initial["subject"])


@require_http_methods(["GET", "HEAD", "POST"])
def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the numbers, a hundred a page; POST saves them, and from the last page begins the import."""
    found = get_object_or_404(PostImport, pk=pk)
    mails = found.entries.exclude(mailed_at=None).order_by("mailed_at", "place")
    shown = Paginator(mails, NUMBERS_AT_ONCE).get_page(request.GET.get("page"))
    if not may_change(found):
        return redirect("admin:move_in_import", pk)
    lines = [NumberForm(request.POST if request.method == "POST" else None, instance=row) for row in shown]
    if request.method != "POST" or not _validate_numbers(found, lines):
        context = {"found": found, "lines": lines, "shown": shown, "has_errors": any(line.errors for line in lines)}
        status = 400 if request.method == "POST" else 200
        return page(request, "numbers", context | {"title": _("Numbers of the issues")}, status=status)
    PostImportEntry.objects.bulk_update([line.instance for line in lines], ["number", "subject"])
    if shown.has_next() and "begin" not in request.POST:
        return redirect(f"{request.path}?page={shown.next_page_number()}")
    is_stuck, now = found.state == State.FAILED, timezone.now()
    begun = posts.resume(found, now) if is_stuck else posts.begin(found, now, as_issues=True)
    return _enqueued(request, found, begun=begun)


def may_change(found: PostImport) -> bool:
    """No issue was made yet: before the run, or after a run that failed over the numbers."""
    is_stuck = found.state == PostImport.State.FAILED and found.stage == PostImport.Stage.ISSUES
    return found.state == PostImport.State.TRIED or is_stuck


def _validate_numbers(found: PostImport, lines: list[NumberForm]) -> bool:
    """Add an error to each number that is typed twice, on another page, or in use; return whether all are valid."""
    typed = Counter(line.cleaned_data["number"] for line in lines if line.is_valid())
    others = found.entries.exclude(pk__in=[line.instance.pk for line in lines])
    for rows in (others, Issue.objects.all()):
        typed.update(rows.filter(number__in=[*filter(None, typed)]).values_list("number", flat=True))
    for line in lines:
        if (number := line.cleaned_data.get("number")) and typed[number] > 1:
            line.add_error("number", _("Another issue has this number."))
    return all(line.is_valid() for line in lines)


@require_safe
def as_html(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(PostImport, pk=pk)
    name = f"move-{timezone.localtime(found.created_at):%Y-%m-%d}-{pk}.html"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(render_html(posts.account_of(found)), headers=headers)
