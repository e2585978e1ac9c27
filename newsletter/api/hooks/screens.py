"""Screens of webhooks: subscriptions, calls and their responses, and replays."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.api.hooks import http_calls, tasks
from newsletter.api.hooks.models import CALL_RETENTION, EVENT_CHOICES, HOOKS_MAX, Call, Hook, HookEventType
from newsletter.api.hooks.signing import OLD_SECRET_FOR
from newsletter.desk import permissions
from newsletter.publication.changes import Change
from newsletter.publication.forms import CleanTextForm
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit


class HookForm(CleanTextForm, forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    events = forms.MultipleChoiceField(
        label=_("Told of"), choices=EVENT_CHOICES, widget=forms.CheckboxSelectMultiple, help_text=_("From now on.")
    )

    class Meta:
        model = Hook
        fields = ("url", "note", "shows_addresses")
        labels = {
            "url": pgettext_lazy("of a webhook", "Address"),
            "note": _("What it is for"),
            "shows_addresses": _("Send the mail address of the reader along"),
        }
        help_texts = {
            "url": _("Begins with https://. Whoever made the other program gives it to you."),
            "note": _("For yourself, such as “customer list”. Empty: the name of the host."),
            "shows_addresses": _(
                "Without the tick only numbers leave, by which a program with a token of yours can ask for more. "
                "With it, the privacy notice names the host of the other program."
            ),
        }
        widgets = {"url": forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"})}

    field_order = ("url", "note", "events", "shows_addresses")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["events"] = list(self.instance.events.values_list("event", flat=True))

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if not http_calls.is_allowed_url(url):
            raise ValidationError(
                _("Enter an address that begins with https://, without a password, at port 443 or 8443.")
            )
        return url


CALLS_SHOWN = 50
SHOWN_HOOK_SESSION_KEY = "webhook_secret"  # value: pk of the hook whose page shows the secret, once
DOT_CLASSES = {Call.State.SENT: "good", Call.State.FAILED: "bad", Call.State.HELD: "warn"}


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    rows = [{"hook": hook, "state": hook_state(hook), "last": _last_call(hook)} for hook in Hook.objects.all()]
    context = {"rows": rows, "is_full": len(rows) >= HOOKS_MAX, "max": HOOKS_MAX}
    return _page(request, "list", gettext("Webhooks"), context)


def _last_call(hook: Hook) -> Call | None:
    return max(_newest_calls(hook, 1), key=lambda call: call.tried_at or call.at, default=None)


def hook_state(hook: Hook) -> tuple[str, str]:
    if hook.off:
        return ("" if hook.off == Hook.Off.AUTHOR else "bad"), hook.get_off_display()
    return ("warn", gettext("takes nothing")) if hook.failures else ("good", pgettext("of a webhook", "on"))


def _newest_calls(hook: Hook, count: int) -> list[Call]:
    """The newest settled or held calls, and a waiting one that was tried. One query per state, to use the index."""
    states = [state for state in Call.State if state not in {Call.State.WAITING, Call.State.VOID}]
    found = [call for state in states for call in hook.calls.filter(state=state).order_by("-pk")[:count]]
    tried = hook.calls.waiting().order_by("pk").first()  # the one that blocks the others
    return [*found, tried] if tried and tried.tried_at else found


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    if Hook.objects.count() >= HOOKS_MAX:
        messages.error(request, gettext("There are %s webhooks already. Delete one first.") % HOOKS_MAX)
        return redirect("admin:webhooks")
    now = timezone.now()
    return _hook_form(request, Hook(created_at=now), now)


@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    return _hook_form(request, get_object_or_404(Hook, pk=pk), timezone.now())


def _hook_form(request: HttpRequest, hook: Hook, now: datetime) -> HttpResponse:
    if request.method == "POST":
        permissions.require_fresh_proof(request)  # it sends data about readers elsewhere
    is_new, had_addresses = hook.pk is None, hook.shows_addresses
    form = HookForm(request.POST if request.method == "POST" else None, instance=hook)
    if form.is_valid():
        if form.cleaned_data["shows_addresses"] and not had_addresses:
            permissions.check_permissions(request, permissions.EXPORT_READERS)
        hook = form.save()
        hook.subscribe_to(form.cleaned_data["events"], now)
        action = Change.Action.ADDED if is_new else Change.Action.CHANGED
        Change.objects.log(action, [hook], {"fields": [] if is_new else form.changed_data})
        if is_new:
            request.session[SHOWN_HOOK_SESSION_KEY] = hook.pk
        return redirect("admin:webhook", hook.pk)
    title = gettext("New webhook") if is_new else gettext("Change %s") % hook.host
    context = {"form": form, "hook": None if is_new else hook}
    return _page(request, "form", title, context, status=400 if form.is_bound else 200)


@require_safe
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    hook = get_object_or_404(Hook, pk=pk)
    now = timezone.now()
    calls = sorted(_newest_calls(hook, CALLS_SHOWN), key=lambda call: call.pk, reverse=True)[:CALLS_SHOWN]
    shows_secret = request.session.get(SHOWN_HOOK_SESSION_KEY) == hook.pk
    if shows_secret:
        del request.session[SHOWN_HOOK_SESSION_KEY]
    context = {
        "hook": hook,
        "state": hook_state(hook),
        "events": [event.get_event_display() for event in hook.events.all()],
        "calls": [(call, DOT_CLASSES.get(Call.State(call.state), "warn")) for call in calls],
        "waiting": hook.calls.waiting().count(),
        "secret": hook.secret if shows_secret else "",
        "is_replaced": len(hook.valid_secrets(now)) > 1,
        "old_for": OLD_SECRET_FOR.days * 24,
        "since": f"{timezone.localtime(now - timedelta(days=1), _zone()):%Y-%m-%dT%H:%M}",
        "kept_days": CALL_RETENTION.days,
    }
    return _page(request, "hook", str(hook), context)


def _zone() -> Any:
    return Publication.objects.current().zone


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    hook = get_object_or_404(Hook, pk=pk)
    if request.method != "POST":
        return _page(request, "delete", gettext("Delete %s?") % hook.host, {"hook": hook})
    Change.objects.log(Change.Action.DELETED, [hook])
    hook.delete()
    messages.success(request, gettext("Nothing is sent to %s any more.") % hook.host)
    return redirect("admin:webhooks")


@require_POST
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    hook = get_object_or_404(Hook, pk=pk)
    permissions.require_fresh_proof(request)
    hook.rotate(timezone.now())
    request.session[SHOWN_HOOK_SESSION_KEY] = hook.pk
    return redirect("admin:webhook", pk)


@require_POST
def perform_action(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    hook = get_object_or_404(Hook, pk=pk)
    if (action := ACTIONS.get(name)) is None:
        raise Http404(name)
    action(request, hook, timezone.now())
    enqueue_on_commit(tasks.call_hooks)
    return redirect("admin:webhook", pk)


def _send_test(request: HttpRequest, hook: Hook, now: datetime) -> None:
    if hook.off:
        messages.error(request, gettext("It is switched off: nothing is sent. Switch it on first."))
        return
    hook.send_test(now)
    messages.success(request, gettext("A test is on its way. Load this page again in some seconds for the answer."))


def _switch_on(request: HttpRequest, hook: Hook, now: datetime) -> None:
    hook.switch_on(now)
    messages.success(request, gettext("It is on: what waits is sent now. What happened while it was off is not sent."))


def _switch_off(request: HttpRequest, hook: Hook, now: datetime) -> None:
    hook.switch_off()
    messages.success(request, gettext("It is off: what waits stays, and what happens meanwhile is not kept for it."))


def _replay_since(request: HttpRequest, hook: Hook, now: datetime) -> None:
    try:
        since = datetime.fromisoformat(request.POST.get("since", "")).replace(tzinfo=_zone())
    except ValueError:
        messages.error(request, gettext("Nothing is sent again: enter a day and a time."))
        return
    count = hook.calls.filter(at__gte=since).exclude(event=HookEventType.TEST).exclude(about=None).replay()
    text = ngettext("%s call is made once more.", "%s calls are made once more.", count)
    messages.success(request, text % count)


ACTIONS: dict[str, Callable[[HttpRequest, Hook, datetime], None]] = {
    "test": _send_test,
    "on": _switch_on,
    "off": _switch_off,
    "replay": _replay_since,
}


@require_POST
def replay(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    call = get_object_or_404(Call, pk=number, hook=pk)
    if Call.objects.filter(pk=call.pk).replay():
        messages.success(request, gettext("It is made once more, with the same id."))
        enqueue_on_commit(tasks.call_hooks)
    else:
        messages.info(request, gettext("It waits already, or is about nothing that is there."))
    return redirect("admin:webhook", pk)


def _page(request: HttpRequest, name: str, title: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": title} | context
    return render(request, f"desk/settings/webhooks/{name}.html", context, status=status)


needs_settings_permission = permissions.requires("publication.change_publication")
SCREENS = (  # of the admin: (prefix, [(route, view, name), …])
    "settings/webhooks/",
    [
        (route, needs_settings_permission(view), name)
        for route, view, name in (
            ("", webhooks, "webhooks"),
            ("add/", add, "webhook_add"),
            ("<int:pk>/", webhook, "webhook"),
            ("<int:pk>/change/", change, "webhook_change"),
            ("<int:pk>/delete/", delete, "webhook_delete"),
            ("<int:pk>/secret/", rotate, "webhook_rotate"),
            ("<int:pk>/do/<str:name>/", perform_action, "webhook_act"),
            ("<int:pk>/calls/<int:number>/again/", replay, "webhook_again"),
        )
    ],
)
