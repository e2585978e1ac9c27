"""The mail server that an owner enters: saved once it has accepted a test mail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from newsletter.delivery.provider.transports import backend_factory
from newsletter.desk import permissions
from newsletter.desk.settings import sender_checks
from newsletter.mail import mailers, reach, safe_http
from newsletter.mail.mailers import PROVIDERS, mailer_from_url, provider_label
from newsletter.operation import doctor_checks, senders
from newsletter.operation.accounts import roles
from newsletter.publication.changes import Change
from newsletter.publication.forms import CleanTextForm
from newsletter.publication.mail_server import UNREADABLE_URL, MailServer, may_connect, saved_url

TRIAL_SESSION_KEY = "mail_trial"  # the steps of the last successful trial
SMTP, TLS, STARTTLS, UNENCRYPTED = "smtp", "smtps", "smtp+tls", "smtp"
PORTS = {TLS: 465, STARTTLS: 587, UNENCRYPTED: 25}
# Of services with a second address, chosen as a kind of its own.
EUROPE = {"mailgun": "https://api.eu.mailgun.net/v3", "sparkpost": "https://api.eu.sparkpost.com/api/v1"}
IN_EUROPE = "-eu"  # ends such a kind
# All others could lead into a private network. Compared as a whole: two parsers may see two hosts in one URL.
API_URLS = {*EUROPE.values(), *(PROVIDERS["unisender-go"].api_url.format(host=f"go{n}.unisender.ru") for n in (1, 2))}
DOTS = {messages.SUCCESS: "good", messages.WARNING: "warn", messages.ERROR: "bad"}
# Services that need more than a key.
WITH_USER = {"ses", *(name for name, one in PROVIDERS.items() if one.password_option)}
NEEDS_MORE = WITH_USER | {name for name, one in PROVIDERS.items() if one.host_option or one.api_url}


def _service_kinds(*, needs_more: bool) -> Iterator[tuple[str, Any]]:
    for name, service in senders.SERVICES.items():
        if (name in NEEDS_MORE) is needs_more:
            yield name, service.name
            if name in EUROPE:
                yield name + IN_EUROPE, format_lazy("{} ({})", service.name, pgettext_lazy("service", "Europe"))


KINDS = (
    (SMTP, gettext_lazy("An SMTP server")),
    (gettext_lazy("An e-mail service, by its key"), [*_service_kinds(needs_more=False)]),
    (gettext_lazy("An e-mail service that asks for more"), [*_service_kinds(needs_more=True)]),
)


class Step(NamedTuple):
    """One exchange with the server. dot: good, warn or bad."""

    dot: str
    text: str


class MailServerForm(CleanTextForm, forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("Over"), choices=KINDS)
    host = forms.CharField(
        label=gettext_lazy("Server"),
        required=False,
        max_length=253,
        validators=[RegexValidator(r"^[\w.:\[\]-]*\Z", gettext_lazy("This is no address of a server."))],
        help_text=gettext_lazy("Such as smtp.example.org."),
    )
    security = forms.ChoiceField(
        label=gettext_lazy("Encryption"),
        required=False,
        choices=(
            (STARTTLS, pgettext_lazy("encryption", "STARTTLS, port 587")),
            (TLS, pgettext_lazy("encryption", "TLS, port 465")),
            (UNENCRYPTED, pgettext_lazy("encryption", "none, port 25")),
        ),
    )
    port = forms.IntegerField(label=gettext_lazy("Another port"), required=False, min_value=1, max_value=65535)
    user = forms.CharField(label=gettext_lazy("User name"), required=False, max_length=250)
    password = forms.CharField(
        label=gettext_lazy("Password or key"),
        required=False,
        max_length=500,
        strip=False,
        # Only what was typed just now is shown again, never what is saved.
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )
    options = forms.CharField(
        label=gettext_lazy("Options"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Such as rate=10 or message_stream=broadcast, as in MAIL_URL. Mostly empty."),
    )
    address = forms.EmailField(label=gettext_lazy("The letter goes to"), max_length=254)

    def __init__(self, *args: Any, saved: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.saved = saved
        if saved:
            self.fields["password"].help_text = _("Empty: the saved one, which is never shown.")

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or {}
        if self.errors:
            return typed
        self.url = self._url(typed)
        try:
            self.entry = mailer_from_url(self.url, outbox=Path())
        except ImproperlyConfigured as error:
            raise ValidationError(str(error)) from None
        if self.entry.get("WEBHOOKS"):
            raise ValidationError(_("Keys of webhooks belong in MAIL_URL."))
        check_address(self.entry)
        return typed

    @sensitive_variables()
    def _url(self, typed: dict[str, Any]) -> str:
        kind, user, host, options = typed["kind"], typed["user"], typed["host"].lower(), typed["options"]
        password = typed["password"] or self._saved_password(kind, user, host)
        if kind.endswith(IN_EUROPE):
            kind = kind.removesuffix(IN_EUROPE)
            options = "&".join(filter(None, [options, f"api_url={EUROPE[kind]}"]))
        if kind == SMTP:
            kind = typed["security"] or STARTTLS
            secrets, host = [user, password] if user else [], f"{host}:{typed['port'] or PORTS[kind]}" if host else ""
        else:
            secrets = [user, password] if kind in WITH_USER else [password]
        given = f"{':'.join(quote(one, safe='') for one in secrets)}@" if any(secrets) else ""
        return f"{kind}://{given}{host}{'?' if options else ''}{options}"

    def _saved_password(self, kind: str, user: str, host: str) -> str:
        """The saved password, only for the same server and user."""
        known = initial_of(self.saved) if self.saved else {}
        is_same = known and (known["kind"], known["user"], known["host"]) == (kind, user, host)
        return _secrets(self.saved)[1] if is_same else ""


def check_address(entry: dict[str, Any]) -> None:
    """Raise ValidationError unless mail may be sent there, with what was entered alone."""
    options = entry["OPTIONS"]
    if api_url := options.get("api_url"):
        _check_api(api_url)
    elif "host" in options:
        _check_smtp(options["host"], options["port"])
    elif "amazon_ses" in entry["BACKEND"]:
        _check_amazon(options.get("client_params", {}))


def _check_api(url: str) -> None:
    if url not in API_URLS and not settings.PRIVATE_MAIL_SERVERS:
        message = _("%s is no address of a service: allow it by PRIVATE_MAIL_SERVERS=1 in the environment.")
        raise ValidationError(message % url)


def _check_amazon(client: dict[str, Any]) -> None:
    """Without keys, Amazon's client would take the role of this machine, which only its operator may give away."""
    if not (client.get("aws_access_key_id") and client.get("aws_secret_access_key")):
        raise ValidationError(_("Amazon SES needs both of its keys here: user name and password."))


def _check_smtp(host: str, port: int) -> None:
    """Checks the current IP address; `publication.desk_smtp` does at each connection."""
    try:
        safe_http.resolve_allowed(urlsplit(f"smtp://{host}:{port}"), may_connect)
    except ValueError:
        raise ValidationError(_("This is no address of a server.")) from None
    except safe_http.RequestBlocked as blocked:
        raise ValidationError(_refusal(blocked, host)) from None


def _refusal(blocked: safe_http.RequestBlocked, host: str) -> str:
    if blocked.link_status == safe_http.LinkStatus.PRIVATE:
        return _("%s is in a private network: allow that by PRIVATE_MAIL_SERVERS=1 in the environment.") % host
    if blocked.link_status == safe_http.LinkStatus.ODD_PORT:
        return _("Port %s is not one of a mail server: 25, 465, 587, 2525.") % blocked.detail
    return _("There is no server of the name %s.") % host


def initial_of(url: str) -> dict[str, Any]:
    """The fields of a mail URL, without the password."""
    parts = urlsplit(url)
    is_smtp = parts.scheme in mailers.SMTP_SCHEMES
    given = parts.query.split("&")
    options = [one for one in given if unquote(one) != f"api_url={EUROPE.get(parts.scheme)}"]
    return {
        "kind": SMTP if is_smtp else parts.scheme + (IN_EUROPE if options != given else ""),
        "security": parts.scheme if is_smtp else "",
        "host": parts.hostname or "",
        "port": parts.port if is_smtp and parts.port != PORTS[parts.scheme] else None,
        "user": _secrets(url)[0],
        "options": "&".join(options),
    }


def _secrets(url: str) -> tuple[str, str]:
    """User and password; a key alone is the password."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return (user, password) if parts.scheme in {*mailers.SMTP_SCHEMES, *WITH_USER} else ("", user)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def mail_server(request: HttpRequest) -> HttpResponse:
    if not roles.is_owner(request.user):
        raise PermissionDenied(permissions.MANAGE_ACCOUNTS)
    saved = saved_url()
    is_lost = saved == UNREADABLE_URL
    known = "" if is_lost else saved
    initial = {"address": getattr(request.user, "email", ""), **(initial_of(known) if known else {})}
    form = MailServerForm(request.POST or None, saved=known, initial=initial)
    steps = [Step(*one) for one in request.session.pop(TRIAL_SESSION_KEY, ())]
    if request.method == "POST" and not settings.MAIL_URL and form.is_valid():
        steps = list(trial(form.entry, form.cleaned_data["address"]))
        if all(step.dot != "bad" for step in steps):
            return _saved(request, form.url, steps)
    context = {
        "title": _("Mail server"),
        "form": form,
        "steps": steps,
        "is_lost": is_lost,
        "way": provider_label(settings.MAILERS["default"]),
        "environment": settings.MAIL_URL and "MAIL_URL",
        "bulk": settings.BULK_MAIL_URL and provider_label(settings.MAILERS["bulk"]),
        "is_saved": bool(known),
        "missing": reach.missing_parts(),
    }
    return render(request, "desk/settings/mail.html", admin.site.each_context(request) | context)


def _saved(request: HttpRequest, url: str, steps: list[Step]) -> HttpResponse:
    row = MailServer.objects.keep(url)
    Change.objects.log(Change.Action.CHANGED, [row])
    request.session[TRIAL_SESSION_KEY] = [*steps, *_dns_steps()]
    messages.success(request, _("Saved. All mail is sent this way from now on."))
    return redirect("admin:settings_mail")


def trial(entry: dict[str, Any], address: str) -> Iterator[Step]:
    """Log in and send a test mail by an entry of MAILERS; ends with the first step that fails."""
    backend = backend_factory("trial", entry)()
    if isinstance(backend, EmailBackend):
        login = doctor_checks.try_login(backend)
        server = provider_label(entry).removeprefix("smtp ")
        if isinstance(login, Exception):
            yield Step("bad", doctor_checks.login_finding(login, server, "").message)
            return
        yield from _smtp_steps(backend, server, login)
    level, text = sender_checks.send_by(entry, sender_checks.test_mail(address, "bulk"))
    yield Step(DOTS[level], text)


def _smtp_steps(backend: EmailBackend, server: str, tls: str) -> Iterator[Step]:
    yield Step("good", _("%s answers.") % server)
    if tls:
        yield Step("good", _("The way there is encrypted (%s), and its certificate is valid.") % tls)
    else:
        yield Step("warn", _("The way there is not encrypted: everybody on it can read the password and the mails."))
    if backend.username:
        yield Step("good", _("It takes the user %s and the password.") % backend.username)


def _dns_steps() -> Iterator[Step]:
    now = timezone.now()
    findings = [*senders.sender_findings(now), *senders.dns_findings(now)]
    found = [one for one in findings if one.id != "tls.off"]  # a step before has said it
    yield from (Step("warn", f"{one.message} {one.hint}") for one in found)
    if not found:
        yield Step("good", _("The DNS of %s says what receivers ask for.") % senders.sender_domain())
