"""Parse a mail URL, such as smtp://user:password@host:587, into an entry of MAILERS. Pure: settings imports it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

TIMEOUT_SECONDS = 60
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
# Of a server that was entered on the desk: who may enter one may not reach into the network of this machine.
DESK_SMTP_BACKEND = "newsletter.publication.desk_smtp.EmailBackend"
SMTP_BACKENDS = {SMTP_BACKEND, DESK_SMTP_BACKEND}
OUTBOX_BACKEND = "newsletter.mail.outbox.OutboxBackend"
OUTBOX_NAME = "outbox"  # as the ledger names it
URL_VARIABLES = {"default": "MAIL_URL", "bulk": "BULK_MAIL_URL"}  # by the name of a mailer
TRUE_WORDS, FALSE_WORDS = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True)
class AnymailProvider:
    """Names of the Anymail options that each part of a URL sets; "" if unused."""

    module: str
    user_option: str = "api_key"
    password_option: str = ""
    host_option: str = ""
    api_url: str = ""  # built from the host, for self-hosted providers
    options: tuple[str, ...] = ()  # query parameters, by Anymail's names


# A single secret is the user: resend://re_123@. Every one takes "timeout" and "api_url" too:
# mailgun://key@mg.example.org?api_url=https://api.eu.mailgun.net/v3
# Of Anymail's options only these: others lose mails without a word, print them, or are no strings.
# Source: the get_anymail_setting calls of anymail/backends/*.py, version 15.
PROVIDERS = {
    "brevo": AnymailProvider("brevo"),
    "mailersend": AnymailProvider("mailersend", user_option="api_token", options=("batch_send_mode",)),
    "mailgun": AnymailProvider("mailgun", host_option="sender_domain"),
    "mailjet": AnymailProvider("mailjet", "api_key", "secret_key"),
    "mailtrap": AnymailProvider("mailtrap", user_option="api_token", options=("sandbox_id",)),
    "mandrill": AnymailProvider("mandrill"),
    "postal": AnymailProvider("postal", api_url="https://{host}/api/v1"),
    "postmark": AnymailProvider("postmark", user_option="server_token", options=("message_stream",)),
    "resend": AnymailProvider("resend"),
    "scaleway": AnymailProvider("scaleway", "project_id", "secret_key", host_option="region"),
    "sendgrid": AnymailProvider("sendgrid", options=("merge_field_format",)),
    "ses": AnymailProvider("amazon_ses", options=("configuration_set_name", "message_tag_name")),
    "sparkpost": AnymailProvider("sparkpost", options=("subaccount",)),
    "unisender-go": AnymailProvider("unisender_go", api_url="https://{host}/en/transactional/api/v1"),
}
SMTP_SCHEMES = ("smtp", "smtp+tls", "smtps")
# Our own query parameters, which backends do not know.
LIMIT_PARAMETERS = ("rate", "domain_rate", "lines", "per_connection")
# Signing keys of webhooks, by Anymail's names; on smtp:// prefixed by the provider: mailgun_webhook_signing_key.
# "topics" is ours: the ARNs of the SNS topics that may post here.
# Source: the get_anymail_setting calls of anymail/webhooks/*.py, version 15.
WEBHOOK_OPTIONS = {
    "amazon_ses": ("topics",),
    "mailersend": ("signing_secret",),
    "mailgun": ("webhook_signing_key",),
    "mailtrap": ("tracking_secret",),
    "mandrill": ("webhook_key", "webhook_url"),
    "postal": ("webhook_key",),
    "resend": ("signing_secret",),
    "sendgrid": ("tracking_webhook_verification_key",),
}


@dataclass(frozen=True)
class SendLimits:
    """Rates in messages a second. domain_rates: by recipient domain, "*" for all others.

    connections: maximum SMTP connections, or concurrent API calls, of a lane; None lets the lane choose.
    messages_per_connection: before a connection is replaced; 0 for any number.
    """

    rate: float | None = None
    domain_rates: Mapping[str, float] = field(default_factory=dict)
    connections: int | None = None
    messages_per_connection: int = 0

    def rate_of_domain(self, domain: str) -> float | None:
        return self.domain_rates.get(domain, self.domain_rates.get("*"))


class Mailers(Mapping[str, dict[str, Any]]):
    """The setting MAILERS, by the name of a mailer.

    saved_url: dotted path of a function that returns the URL of mailers that have none in `urls`; "" for the outbox.
    """

    def __init__(self, urls: Mapping[str, str], *, outbox: Path, saved_url: str) -> None:
        self._outbox, self._saved_url = outbox, saved_url
        self._fixed = {name: _mailer_of(name, url, outbox) if url else None for name, url in urls.items()}

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._fixed[name] or self._saved()

    def _saved(self) -> dict[str, Any]:
        entry = mailer_from_url(import_string(self._saved_url)(), outbox=self._outbox)
        return entry | {"BACKEND": DESK_SMTP_BACKEND} if entry["BACKEND"] == SMTP_BACKEND else entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._fixed)

    def __len__(self) -> int:
        return len(self._fixed)

    def __repr__(self) -> str:
        return f"<Mailers {', '.join(self)}>"  # without secrets

    @property
    def uses_api(self) -> bool:
        """Whether a URL of the environment names an e-mail API."""
        return any(entry and entry["BACKEND"].startswith("anymail.") for entry in self._fixed.values())


def _mailer_of(name: str, url: str, outbox: Path) -> dict[str, Any]:
    try:
        return mailer_from_url(url, outbox=outbox)
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"{URL_VARIABLES[name]}: {error}") from None


def provider_host(entry: Mapping[str, Any]) -> str:
    """The host or provider of a MAILERS entry, without secrets; "" for the outbox."""
    if entry["BACKEND"] == OUTBOX_BACKEND:
        return ""
    host = entry.get("OPTIONS", {}).get("host")
    return str(host or entry["BACKEND"].rsplit(".", 2)[-2])


def mailer_from_url(url: str, *, outbox: Path) -> dict[str, Any]:
    """The MAILERS entry for a mail URL; the outbox without one.

    smtp:// uses STARTTLS on port 587 or with ?tls=true, smtp+tls:// always; smtps:// is implicit TLS. Our own query
    parameters go to LIMITS, signing keys to WEBHOOKS. Raise ImproperlyConfigured, without secrets and without the
    variable's name, for an invalid URL.
    """
    if not url:
        return {"BACKEND": OUTBOX_BACKEND, "OPTIONS": {"directory": str(outbox)}}
    parts, limits = _split_limits(_parse_url(url))
    parts, webhooks = _split_webhooks(parts)
    extra = {"LIMITS": limits if limits != SendLimits() else None, "WEBHOOKS": webhooks}
    return _mailer(parts) | {name: value for name, value in extra.items() if value}


def _mailer(parts: SplitResult) -> dict[str, Any]:
    if parts.scheme in SMTP_SCHEMES:
        return {"BACKEND": SMTP_BACKEND, "OPTIONS": _smtp_options(parts)}
    if parts.scheme not in PROVIDERS:
        known = ", ".join([*SMTP_SCHEMES, *PROVIDERS])
        raise ImproperlyConfigured(f"unknown scheme {parts.scheme!r}. Known: {known}")
    provider = PROVIDERS[parts.scheme]
    options = _ses_options(parts) if parts.scheme == "ses" else _provider_options(parts, provider)
    return {"BACKEND": f"anymail.backends.{provider.module}.EmailBackend", "OPTIONS": options}


def mailer_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Exceptions to catch around sending, plus `others`."""
    return (OSError, anymail_exceptions().AnymailError, *others)  # smtplib's errors are OSErrors


def anymail_exceptions() -> Any:
    """The module anymail.exceptions, imported at the first error: its HTTP client takes 4 MB of each process."""
    return import_module("anymail.exceptions")


def provider_label(entry: dict[str, Any]) -> str:
    """For the ledger, such as "smtp mail.example.org:587" or "mailgun mg.example.org"; without secrets."""
    options = entry.get("OPTIONS", {})
    if entry["BACKEND"] in SMTP_BACKENDS:
        return f"smtp {options['host']}:{options['port']}"
    if entry["BACKEND"] == OUTBOX_BACKEND:
        return OUTBOX_NAME
    where = options.get("sender_domain") or urlsplit(options.get("api_url", "")).hostname or options.get("region", "")
    return f"{entry['BACKEND'].split('.')[-2]} {where}".rstrip()


def _split_limits(parts: SplitResult) -> tuple[SplitResult, SendLimits]:
    given = dict(parse_qsl(parts.query))
    rate = _parse_rate("rate", given["rate"]) if "rate" in given else None
    domain_rates = dict(_parse_domain_rate(pair) for pair in given.get("domain_rate", "").split(",") if pair.strip())
    rest = [option for option in parts.query.split("&") if option.partition("=")[0] not in LIMIT_PARAMETERS]
    connections = _parse_count("lines", given["lines"]) if "lines" in given else None
    per_connection = _parse_count("per_connection", given["per_connection"]) if "per_connection" in given else 0
    return parts._replace(query="&".join(rest)), SendLimits(rate, domain_rates, connections, per_connection)


def _split_webhooks(parts: SplitResult) -> tuple[SplitResult, dict[str, dict[str, str]]]:
    """The URL without webhook keys, and these by provider."""
    names = _webhook_names(parts.scheme)
    found: dict[str, dict[str, str]] = {}
    for name, value in parse_qsl(parts.query):
        if name in names:
            provider, option = names[name]
            # parse_qsl turns the + of unencoded base64 into a space.
            found.setdefault(provider, {})[option] = value.replace(" ", "+")
    rest = [option for option in parts.query.split("&") if option.partition("=")[0] not in names]
    return parts._replace(query="&".join(rest)), found


def _webhook_names(scheme: str) -> dict[str, tuple[str, str]]:
    """Query parameter to (provider, option)."""
    if scheme in SMTP_SCHEMES:
        every = ((provider, option) for provider, options in WEBHOOK_OPTIONS.items() for option in options)
        return {f"{provider}_{option}": (provider, option) for provider, option in every}
    module = PROVIDERS[scheme].module if scheme in PROVIDERS else ""
    return {option: (module, option) for option in WEBHOOK_OPTIONS.get(module, ())}


def _parse_count(name: str, given: str) -> int:
    if not given.isdecimal() or not 0 < int(given) <= 1000:
        raise ImproperlyConfigured(f"{name} must be a number between 1 and 1000, got {given!r}")
    return int(given)


def _parse_domain_rate(pair: str) -> tuple[str, float]:
    domain, _colon, given = pair.strip().rpartition(":")
    if not domain:
        raise ImproperlyConfigured(f"domain_rate is written like gmail.com:20,*:50, got {pair.strip()!r}")
    return domain.lower(), _parse_rate("domain_rate", given)


def _parse_rate(name: str, given: str) -> float:
    wanted = "a number of messages per second above 0"
    return _parse_float(given, below=math.inf, problem=f"{name} must be {wanted}, got {given!r}")


def _parse_float(given: str, *, below: float, problem: str) -> float:
    try:
        number = float(given)
    except ValueError:
        number = 0
    if not 0 < number < below:
        raise ImproperlyConfigured(problem)
    return number


def _parse_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # urllib validates the port only on access
    except ValueError:
        hint = "Percent-encode special characters in user and password"
        raise ImproperlyConfigured(f"host or port cannot be read. {hint}") from None
    return parts


def _smtp_options(parts: SplitResult) -> dict[str, Any]:
    query = dict(parse_qsl(parts.query))
    if not parts.hostname:
        raise ImproperlyConfigured(f"{parts.scheme}:// needs a host, such as {parts.scheme}://localhost")
    _refuse_others(query, {"tls", "timeout"})
    implicit = parts.scheme == "smtps"
    starttls = not implicit and _parse_flag(query.get("tls"), parts.scheme == "smtp+tls" or parts.port == 587)
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or (465 if implicit else 587 if starttls else 25),
        "timeout": _parse_seconds(query.get("timeout")),
        "use_ssl": implicit,
        "use_tls": starttls,
    }
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return options


def _provider_options(parts: SplitResult, provider: AnymailProvider) -> dict[str, Any]:
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    _refuse_others(options, {"api_url", "timeout", *provider.options})
    given = {
        provider.user_option: unquote(parts.username or ""),
        provider.password_option: unquote(parts.password or ""),
        provider.host_option: parts.hostname or "",
        "api_url": provider.api_url.format(host=parts.netloc.rpartition("@")[2]) if provider.api_url else "",
    }
    options = {name: value for name, value in given.items() if name and value} | options
    if missing := [name for name in (provider.user_option, provider.password_option) if name and name not in options]:
        shape = f"{parts.scheme}://{provider.user_option.upper()}"
        shape += f":{provider.password_option.upper()}@" if provider.password_option else "@"
        shape += provider.host_option.upper() or ("HOST" if provider.api_url else "")
        raise ImproperlyConfigured(f"{parts.scheme}:// needs {missing[0]}. Write it like {shape}")
    if "timeout" in options:
        options["requests_timeout"] = _parse_seconds(options.pop("timeout"))
    return options


def _ses_options(parts: SplitResult) -> dict[str, Any]:
    """Without keys in the URL, boto3 finds its own (role, environment)."""
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    _refuse_others(options, {"timeout", *PROVIDERS["ses"].options})
    client: dict[str, Any] = {"region_name": parts.hostname} if parts.hostname else {}
    if parts.username:
        client["aws_access_key_id"] = unquote(parts.username)
        client["aws_secret_access_key"] = unquote(parts.password or "")
    if "timeout" in options:
        client["config"] = {"read_timeout": _parse_seconds(options.pop("timeout"))}
    return options | ({"client_params": client} if client else {})


def _refuse_others(given: Mapping[str, str], known: set[str]) -> None:
    if unknown := given.keys() - known:
        raise ImproperlyConfigured(f"unknown option {min(unknown)!r}. Known: {', '.join(sorted(known))}")


def _parse_flag(given: str | None, default: bool) -> bool:
    if given is None:
        return default
    if given.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise ImproperlyConfigured(f"tls must be true or false, got {given!r}")
    return given.lower() in TRUE_WORDS


def _parse_seconds(given: str | None) -> float:
    problem = f"timeout must be seconds between 0 and 3600, got {given!r}"
    return _parse_float(given or str(TIMEOUT_SECONDS), below=3600, problem=problem)
