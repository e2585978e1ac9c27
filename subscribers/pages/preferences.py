"""Preferences by the link in each letter, and own data by a fresh link.

A letter may be forwarded, so its page shows neither address nor name, and only pauses or unsubscribes. A fresh link,
mailed to the reader, opens the rest: name, address, all stored data, and erasure.
"""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from newsletter.limits.public_views import private_form, private_post, private_view, too_many_requests
from newsletter.limits.rate_limits import count_and_check_limit
from newsletter.page_cache.pages import cached_page
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers import own_data, privacy, tasks
from subscribers.forms import AddressForm, NameForm, OwnPauseForm
from subscribers.links import DATA_LINK_MINUTES
from subscribers.mails import address_change, sending
from subscribers.models import Sentence, Subscriber, address_hash
from subscribers.models.address_changes import AddressChange
from subscribers.pages.views import (
    DAY,
    SENTENCES_PER_DAY,
    ask_about_address,
    closed_page,
    confirmed_page,
    consent_details,
    invalid_link,
    left_page,
)

LETTER_PURPOSE = "preferences"

type View = Callable[[HttpRequest, Subscriber, str], HttpResponse]


def by_letter_token(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        reader = Subscriber.objects.for_token(token, LETTER_PURPOSE)
        return invalid_link(request, token, LETTER_PURPOSE) if reader is None else view(request, reader, token)

    return wraps(view)(opened)


def by_fresh_token(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        reader = Subscriber.objects.for_fresh_token(token, timezone.now())
        return invalid_link(request, token, "mine") if reader is None else view(request, reader, token)

    return wraps(view)(opened)


@private_view
@require_safe
@by_letter_token
def preferences(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    return _preferences_page(request, subscriber)


@private_post
@by_letter_token
def pause(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    form = OwnPauseForm(request.POST, today=timezone.localdate())
    if not form.is_valid():
        return _preferences_page(request, subscriber, form)
    subscriber.pause(form.resume_at(), timezone.now())
    return redirect_done("preferences", token, "paused")


@private_post
@by_letter_token
def resume(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    subscriber.resume(timezone.now())
    return redirect_done("preferences", token, "resumed")


@private_post
@by_letter_token
def send_link(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Mail a fresh link to the reader; the response is always the same."""
    if sending.queue_link(subscriber, timezone.now()):
        enqueue_on_commit(tasks.send_confirmations)
    return redirect_done("preferences", token, "link")


def redirect_done(page: str, token: str, what: str) -> HttpResponse:
    response = redirect(f"subscribers:{page}", token)
    response.headers["Location"] += f"?done={what}"
    return response


def _preferences_page(
    request: HttpRequest, subscriber: Subscriber, pause_form: OwnPauseForm | None = None
) -> HttpResponse:
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return left_page(request, subscriber)
    if not subscriber.is_reader:
        return closed_page(request, "pending", status=410)
    context = {
        "subscriber": subscriber,
        "token": subscriber.token(LETTER_PURPOSE),
        "is_paused": subscriber.is_paused(timezone.now()),
        "pause_form": pause_form or OwnPauseForm(today=timezone.localdate()),
        "done": request.GET.get("done"),
        "minutes": DATA_LINK_MINUTES,
    }
    return render(request, "subscribers/preferences.html", context, status=422 if pause_form else 200)


SHOWN_MAX = 30  # lines shown of each chapter of the reader's data; downloads have all
ADDRESS_CHANGES_PER_DAY = 5  # change mails per reader, and per new address


@private_form
@by_fresh_token
def own_data_page(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    if request.method == "POST" and not (subscriber.is_reader and _shows_name(subscriber)):
        return closed_page(request, "spent", status=410)
    form = NameForm(request.POST if request.method == "POST" else {"name": subscriber.name})
    if request.method == "POST" and form.is_valid():
        subscriber.name = form.cleaned_data["name"]
        subscriber.save(update_fields=["name"])
        return redirect_done("mine", token, "name")
    return _mine_page(request, subscriber, token, name_form=form)


@private_post
@by_fresh_token
def change_address(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Request a change of address; the response does not reveal whether a mail is sent to the new address."""
    if not subscriber.is_reader:
        return closed_page(request, "spent", status=410)
    form = AddressForm(request.POST, subscriber=subscriber)
    if not form.is_valid():
        return _mine_page(request, subscriber, token, address_form=form)
    if form.suggestion:
        return ask_about_address(request, form)
    email = form.cleaned_data["email"]
    for whom in (str(subscriber.pk), address_hash(email)):
        if count_and_check_limit("address-change", whom, limit=ADDRESS_CHANGES_PER_DAY, seconds=DAY):
            return too_many_requests(request, seconds=DAY)
    if address_change.request_change(subscriber, email, timezone.now()):
        enqueue_on_commit(tasks.send_confirmations)
    return redirect_done("mine", token, "address")


@private_post
@by_fresh_token
def how_heard(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Store the optional answer to how a new reader heard of the newsletter."""
    if not subscriber.is_reader or not Publication.objects.current().asks_heard:
        return invalid_link(request, token, "mine")
    if count_and_check_limit("sentence", str(subscriber.pk), limit=SENTENCES_PER_DAY, seconds=DAY):
        return too_many_requests(request, seconds=DAY)
    Sentence.objects.store(subscriber, Sentence.Kind.HEARD, request.POST.get("sentence", ""), timezone.now())
    return confirmed_page(request, subscriber, has_sentence=True)


def _shows_name(reader: Subscriber) -> bool:
    """Is a name asked for, or stored by an import, so that it may be corrected?"""
    return Publication.objects.current().asks_name or bool(reader.name)


def _mine_page(
    request: HttpRequest,
    subscriber: Subscriber,
    token: str,
    *,
    name_form: NameForm | None = None,
    address_form: AddressForm | None = None,
) -> HttpResponse:
    if not subscriber.can_see_data:
        return closed_page(request, "spent", status=410)
    context = {
        "subscriber": subscriber,
        "token": token,
        "name_form": name_form or NameForm({"name": subscriber.name}),
        "address_form": address_form or AddressForm(subscriber=subscriber),
        "chapters": own_data.all_chapters(subscriber, token),
        "shown_max": SHOWN_MAX,
        "shows_name": _shows_name(subscriber),
        "invites": Publication.objects.current().invites,
        "invited": own_data.invited_count(subscriber),
        "waits_for": subscriber.address_changes.waiting(timezone.now()).first(),
        "done": request.GET.get("done"),
    }
    has_error = any(form is not None and form.errors for form in (name_form, address_form))
    return render(request, "subscribers/mine.html", context, status=422 if has_error else 200)


@private_form
def move(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm a new address on POST; GET asks, because mail scanners follow links."""
    change = AddressChange.objects.for_token(token)
    if change is None:
        return invalid_link(request)
    now = timezone.now()
    if request.method == "POST" and address_change.confirm_change(
        change, now, consent_details(request, "link in the new mailbox")
    ):
        enqueue_on_commit(tasks.send_confirmations)
    if change.undone_at:
        return closed_page(request, "undone", status=410)
    if not (change.confirmed_at or change.can_confirm(now)):
        return closed_page(request, "address", status=410)
    return render(request, "subscribers/move.html", {"change": change})


@private_form
def undo_move(request: HttpRequest, token: str) -> HttpResponse:
    """Undo a change of address on POST; GET asks."""
    change = AddressChange.objects.for_undo_token(token)
    if change is None:
        return invalid_link(request)
    now = timezone.now()
    if request.method == "POST":
        address_change.undo_change(change, now, consent_details(request, "link in the former mailbox"))
    if not (change.undone_at or change.can_undo(now)):
        return closed_page(request, "undo-move", status=410)
    return render(request, "subscribers/undo_move.html", {"change": change})


@private_view
@require_safe
@by_fresh_token
def download_json(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    response = JsonResponse(own_data.data_as_json(reader), json_dumps_params={"ensure_ascii": False, "indent": 2})
    return _attached(response, "json")


@private_view
@require_safe
@by_fresh_token
def download_csv(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    """With a byte order mark, so that Excel reads Chinese."""
    text = "\ufeff" + "".join(own_data.data_as_csv(reader))
    return _attached(HttpResponse(text, content_type="text/csv; charset=utf-8"), "csv")


def _attached(response: HttpResponse, kind: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="my-data.{kind}"'
    return response


@private_form
@by_fresh_token
def erase(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    """Explain on GET; erase on POST with the checkbox ticked."""
    is_ticked = request.method == "POST" and request.POST.get("confirmed") == "yes"
    if is_ticked:
        reader.erase()
        return closed_page(request, "erased now", status=200)
    context = {"subscriber": reader, "token": token, "is_tick_missing": request.method == "POST"}
    return render(request, "subscribers/erase.html", context, status=422 if request.method == "POST" else 200)


@cached_page()
@require_safe
def privacy_page(request: HttpRequest) -> HttpResponse:
    sections = privacy.notice_sections(privacy.NoticeFacts.now())
    context = {"sections": sections, "version": privacy.notice_version(privacy.notice_text())}
    return render(request, "subscribers/privacy.html", context)
