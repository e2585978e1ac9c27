"""The door to a reader's own data, by a fresh link from the own mailbox: the name, and where letters go."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from newsletter.publication.doors import capability, same_origin, too_many
from newsletter.publication.limits import is_over
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from subscribers import own_data, tasks
from subscribers.forms import AddressForm, NameForm
from subscribers.mails import changing
from subscribers.models import Sentence, Subscriber, address_hash
from subscribers.pages.preferences import done
from subscribers.pages.views import DAY, SENTENCES_PER_DAY, ask_and_act, closed, confirmed, lost

SHOWN_MAX = 30  # lines of a chapter; a download has all
PER_DAY = 5  # letters that one reader may have sent to new addresses, and that one address may get
DONE = {"name", "address", "again", "not-again"}  # what the page may say has been done


@capability
@ask_and_act
@same_origin
def mine(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a reader may change; a POST changes the name."""
    subscriber = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if subscriber is None:
        return lost(request, token, "mine")
    if request.method == "POST" and not (subscriber.is_reader and _has_name(subscriber)):
        return closed(request, "spent", status=410)
    form = NameForm(request.POST if request.method == "POST" else {"name": subscriber.name})
    if request.method == "POST" and form.is_valid():
        subscriber.name = form.cleaned_data["name"]
        subscriber.save(update_fields=["name"])
        return done("mine", token, "name")
    return _page(request, subscriber, token, name_form=form)


@capability
@require_POST
@same_origin
def change_address(request: HttpRequest, token: str) -> HttpResponse:
    """Have the new address asked; the answer is the same whoever it belongs to."""
    subscriber = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if subscriber is None:
        return lost(request, token, "mine")
    if not subscriber.is_reader:
        return closed(request, "spent", status=410)
    form = AddressForm(request.POST, subscriber=subscriber)
    if not form.is_valid():
        return _page(request, subscriber, token, address_form=form)
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


def _page(
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
        "done": what if (what := request.GET.get("done")) in DONE else "",
    }
    has_error = any(form is not None and form.errors for form in (name_form, address_form))
    return render(request, "subscribers/mine.html", context, status=422 if has_error else 200)
