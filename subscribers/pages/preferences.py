"""The door that every letter opens: pause, resume, leave, and ask for a link to one's own data.

A letter may be forwarded, so its page shows no address and no name, and changes nothing but whether letters come. The
link to one's own data opens the rest: name, address, everything that is kept, and having it erased.
"""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.views.decorators.http import require_POST, require_safe

from newsletter.publication.doors import capability, same_origin, too_many
from newsletter.publication.kept import kept
from newsletter.publication.limits import is_over
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from subscribers import own_data, privacy, tasks
from subscribers.forms import AddressForm, NameForm, PauseForm
from subscribers.links import FRESH_MINUTES
from subscribers.mails import changing, sending
from subscribers.models import Sentence, Subscriber, address_hash
from subscribers.models.address_changes import AddressChange
from subscribers.pages.views import DAY, SENTENCES_PER_DAY, ask_and_act, circumstances, closed, confirmed, left, lost

PURPOSE = "preferences"
DONE = {"paused", "resumed", "link"}  # what the page may say has been done

type View = Callable[[HttpRequest, Subscriber, str], HttpResponse]


def of_letter(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Open a page by the link in a letter of its reader."""

    def opened(request: HttpRequest, token: str) -> HttpResponse:
        reader = Subscriber.objects.opened_by(token, PURPOSE)
        return lost(request, token, PURPOSE) if reader is None else view(request, reader, token)

    return wraps(view)(opened)


def of_mailbox(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Open a page by the link that was just sent to its reader's own mailbox."""

    def opened(request: HttpRequest, token: str) -> HttpResponse:
        reader = Subscriber.objects.freshly_opened_by(token, timezone.now())
        return lost(request, token, "mine") if reader is None else view(request, reader, token)

    return wraps(view)(opened)


@capability
@require_safe
@of_letter
def preferences(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    return _page(request, subscriber)


@capability
@require_POST
@same_origin
@of_letter
def pause(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Stop letters until a day; they come again by themselves."""
    form = PauseForm(request.POST, today=timezone.localdate())
    if not form.is_valid():
        return _page(request, subscriber, form)
    subscriber.pause(form.until(), timezone.now())
    return done("preferences", token, "paused")


@capability
@require_POST
@same_origin
@of_letter
def resume(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """End a pause now."""
    subscriber.resume(timezone.now())
    return done("preferences", token, "resumed")


@capability
@require_POST
@same_origin
@of_letter
def send_link(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Mail a link to the reader's own data to the reader's own mailbox; the answer is always the same."""
    if sending.ask_for_link(subscriber, timezone.now()):
        wake(tasks.send_confirmations)
    return done("preferences", token, "link")


def done(page: str, token: str, what: str) -> HttpResponse:
    response = redirect(f"subscribers:{page}", token)
    response.headers["Location"] += f"?done={what}"
    return response


def _page(request: HttpRequest, subscriber: Subscriber, pause_form: PauseForm | None = None) -> HttpResponse:
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return left(request, subscriber)
    if not subscriber.is_reader:
        return closed(request, "pending", status=410)
    context = {
        "subscriber": subscriber,
        "token": subscriber.token(PURPOSE),
        "is_paused": subscriber.is_paused(timezone.now()),
        "pause_form": pause_form or PauseForm(today=timezone.localdate()),
        "done": what if (what := request.GET.get("done")) in DONE else "",
        "minutes": FRESH_MINUTES,
    }
    return render(request, "subscribers/preferences.html", context, status=422 if pause_form else 200)


SHOWN_MAX = 30  # lines of a chapter; a download has all
PER_DAY = 5  # letters that one reader may have sent to new addresses, and that one address may get
MINE_DONE = {"name", "address", "again", "not-again"}  # what the page may say has been done


@capability
@ask_and_act
@same_origin
@of_mailbox
def mine(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Show what a reader may change; a POST changes the name."""
    if request.method == "POST" and not (subscriber.is_reader and _has_name(subscriber)):
        return closed(request, "spent", status=410)
    form = NameForm(request.POST if request.method == "POST" else {"name": subscriber.name})
    if request.method == "POST" and form.is_valid():
        subscriber.name = form.cleaned_data["name"]
        subscriber.save(update_fields=["name"])
        return done("mine", token, "name")
    return _mine_page(request, subscriber, token, name_form=form)


@capability
@require_POST
@same_origin
@of_mailbox
def change_address(request: HttpRequest, subscriber: Subscriber, token: str) -> HttpResponse:
    """Have the new address asked; the answer is the same whoever it belongs to."""
    if not subscriber.is_reader:
        return closed(request, "spent", status=410)
    form = AddressForm(request.POST, subscriber=subscriber)
    if not form.is_valid():
        return _mine_page(request, subscriber, token, address_form=form)
    email = form.cleaned_data["email"]
    for whom in (str(subscriber.pk), address_hash(email)):
        if is_over("address-change", whom, limit=PER_DAY, seconds=DAY):
            return too_many(request, seconds=DAY)
    if changing.ask(subscriber, email, timezone.now()):
        wake(tasks.send_confirmations)
    return done("mine", token, "address")


@capability
@require_POST
@same_origin
def heard(request: HttpRequest, token: str) -> HttpResponse:
    """Keep one sentence of who has just confirmed: how they heard of the newsletter. Nobody has to write it."""
    subscriber = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if subscriber is None or not subscriber.is_reader or not Publication.objects.current().asks_heard:
        return lost(request, token, "mine")
    if is_over("sentence", str(subscriber.pk), limit=SENTENCES_PER_DAY, seconds=DAY):
        return too_many(request, seconds=DAY)
    Sentence.objects.say(subscriber, Sentence.Kind.HEARD, request.POST.get("sentence", ""), timezone.now())
    return confirmed(request, subscriber, is_said=True)


def _has_name(reader: Subscriber) -> bool:
    """Return whether a name is asked for, or is kept from elsewhere, such as an import, and may be corrected."""
    return Publication.objects.current().asks_name or bool(reader.name)


def _mine_page(
    request: HttpRequest,
    subscriber: Subscriber,
    token: str,
    *,
    name_form: NameForm | None = None,
    address_form: AddressForm | None = None,
) -> HttpResponse:
    if not subscriber.has_data:
        return closed(request, "spent", status=410)
    context = {
        "subscriber": subscriber,
        "token": token,
        "name_form": name_form or NameForm({"name": subscriber.name}),
        "address_form": address_form or AddressForm(subscriber=subscriber),
        "chapters": own_data.chapters(subscriber, token),
        "shown_max": SHOWN_MAX,
        "has_name": _has_name(subscriber),
        "invites": Publication.objects.current().invites,
        "invited": own_data.invited(subscriber),
        "waits_for": subscriber.address_changes.waiting(timezone.now()).first(),
        "done": what if (what := request.GET.get("done")) in MINE_DONE else "",
    }
    has_error = any(form is not None and form.errors for form in (name_form, address_form))
    return render(request, "subscribers/mine.html", context, status=422 if has_error else 200)


@capability
@ask_and_act
@same_origin
def move(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, because mail scanners follow links; move the subscription on POST."""
    change = AddressChange.objects.opened_by(token)
    if change is None:
        return lost(request)
    now = timezone.now()
    if request.method == "POST" and changing.confirm(change, now, circumstances(request, "link in the new mailbox")):
        wake(tasks.send_confirmations)
    if change.undone_at:
        return closed(request, "undone", status=410)
    if change.confirmed_at:
        return render(request, "subscribers/moved.html", {"change": change})
    if not change.can_confirm(now):
        return closed(request, "address", status=410)
    return render(request, "subscribers/move.html", {"change": change})


@capability
@ask_and_act
@same_origin
def undo_move(request: HttpRequest, token: str) -> HttpResponse:
    """Bring the letters back to the former address: ask on GET, act on POST."""
    change = AddressChange.objects.undone_by(token)
    if change is None:
        return lost(request)
    now = timezone.now()
    if request.method == "POST":
        changing.undo(change, now, circumstances(request, "link in the former mailbox"))
    if not (change.undone_at or change.can_undo(now)):
        return closed(request, "undo-move", status=410)
    return render(request, "subscribers/undo_move.html", {"change": change})


NAME = "my-data"  # of a download


@capability
@require_safe
@of_mailbox
def as_json(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    """Hand over everything as JSON."""
    response = JsonResponse(own_data.as_json(reader), json_dumps_params={"ensure_ascii": False, "indent": 2})
    return _attached(response, "json")


@capability
@require_safe
@of_mailbox
def as_csv(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    """Hand over everything as a table; the mark in front lets Excel read the Chinese."""
    text = "\ufeff" + "".join(own_data.as_csv(reader))
    return _attached(HttpResponse(text, content_type="text/csv; charset=utf-8"), "csv")


def _attached(response: HttpResponse, kind: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{NAME}.{kind}"'
    return response


@capability
@ask_and_act
@same_origin
@of_mailbox
def erase(request: HttpRequest, reader: Subscriber, token: str) -> HttpResponse:
    """Say on GET what goes and what stays; erase on POST, once the reader has ticked that they mean it."""
    is_meant = request.method == "POST" and request.POST.get("meant") == "yes"
    if is_meant:
        reader.erase()
        return closed(request, "erased now", status=200)
    context = {"subscriber": reader, "token": token, "is_asked": request.method == "POST"}
    return render(request, "subscribers/erase.html", context, status=422 if request.method == "POST" else 200)


@kept()
@require_safe
def privacy_page(request: HttpRequest) -> HttpResponse:
    """Show the notice, in the publication's language first."""
    own = Publication.objects.current().language
    facts, parts = privacy.Facts.now(), []
    for language in sorted((code for code, _name in settings.LANGUAGES), key=lambda code: code != own):
        with translation.override(language):
            heading = translation.gettext("What happens to your data")
            parts.append({"language": language, "heading": heading, "notices": privacy.notice(facts)})
    context = {"parts": parts, "version": privacy.version(privacy.words())}
    return render(request, "subscribers/privacy.html", context)
