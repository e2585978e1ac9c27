"""Problem responses (RFC 9457), translated by Accept-Language."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

from newsletter.mail import logs
from newsletter.posts.json_saves import CHANGED_ELSEWHERE

MEDIA_TYPE = "application/problem+json"
DOCS_PATH = "/api/docs/"
REALM = "newsletter"


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem. Its key in PROBLEM_KINDS is the anchor in the API docs that `type` links to."""

    status: int
    title: Promise
    detail: Promise


PROBLEM_KINDS: dict[str, ProblemKind] = {
    "malformed": ProblemKind(400, gettext_lazy("The request cannot be read"),
        gettext_lazy("The body is no JSON in UTF-8, or not whole.")),
    "key-missing": ProblemKind(400, gettext_lazy("There is no Idempotency-Key"),
        gettext_lazy("Send one of your own with each POST, up to 200 characters: repeated, it is done once.")),
    "unauthorized": ProblemKind(401, gettext_lazy("There is no token that opens this"),
        gettext_lazy("Send “Authorization: Bearer nl_…”. The token may have ended, or its account been closed.")),
    "forbidden": ProblemKind(403, gettext_lazy("The token does not open this"),
        gettext_lazy("The token lacks a scope, or its account a right.")),
    "not-found": ProblemKind(404, gettext_lazy("There is nothing here"),
        gettext_lazy("Look at the address and at the number.")),
    "method": ProblemKind(405, gettext_lazy("That is not done here"),
        gettext_lazy("The header “Allow” lists the methods.")),
    "conflict": ProblemKind(409, gettext_lazy("This cannot be done now"),
        gettext_lazy("What was asked does not fit how things stand.")),
    "changed": ProblemKind(412, gettext_lazy("It was changed meanwhile"),
        gettext_lazy("Nothing was done. Read it again, and send its new ETag in “If-Match”.")),
    "too-large": ProblemKind(413, gettext_lazy("That is too much at once"),
        gettext_lazy("The body is larger than is taken.")),
    "media-type": ProblemKind(415, gettext_lazy("The body is of another kind"),
        gettext_lazy("Send it as the documentation says.")),
    "invalid": ProblemKind(422, gettext_lazy("Something in it is not valid"),
        gettext_lazy("“errors” says what, and where.")),
    "key-used": ProblemKind(422, gettext_lazy("The Idempotency-Key was used for something else"),
        gettext_lazy("It came with another body before. Make a new key for a new request.")),
    "etag-missing": ProblemKind(428, gettext_lazy("There is no If-Match"),
        gettext_lazy("Read it first and send its ETag in “If-Match”, so that no change of others is lost.")),
    "too-many": ProblemKind(429, gettext_lazy("Too many requests"),
        gettext_lazy("The header “Retry-After” says when there may be more.")),
    "failure": ProblemKind(500, gettext_lazy("Something failed here"),
        gettext_lazy("It is in the server's log under “request”. Repeat it with the same Idempotency-Key.")),
    "unavailable": ProblemKind(503, gettext_lazy("The database does not answer"),
        gettext_lazy("Nothing was done. Ask again in a moment.")),
}  # fmt: skip


@dataclass(frozen=True)
class FieldError:
    """pointer: into the body (RFC 6901); or parameter: of the URL."""

    detail: str
    pointer: str = ""
    parameter: str = ""


class Problem(Exception):
    """Ends a request with a problem response. detail: translated; "" for the text of the kind."""

    def __init__(
        self,
        kind_name: str,
        detail: str = "",
        *,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind_name, detail)
        self.kind_name, self.detail, self.errors, self.headers = kind_name, detail, tuple(errors), dict(headers or {})


class TooLarge(Problem):
    def __init__(self, max_bytes: int) -> None:
        super().__init__("too-large", _("At most %(kb)s KB are taken here.") % {"kb": f"{max_bytes // 1024:,}"})


def language_of(request: HttpRequest) -> str:
    """The best supported language of Accept-Language, else the publication's."""
    for wanted, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            return get_supported_language_variant(wanted)
        except LookupError:
            continue
    return translation.get_language() or settings.LANGUAGE_CODE


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    language = language_of(request)
    with translation.override(language):
        body = _body(request, problem)
    status = PROBLEM_KINDS[problem.kind_name].status
    response = HttpResponse(json.dumps(body, ensure_ascii=False), content_type=MEDIA_TYPE, status=status)
    headers = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Bearer realm="{REALM}"'
    for name, value in (headers | problem.headers).items():
        response.headers[name] = value
    return response


def _body(request: HttpRequest, problem: Problem) -> dict[str, Any]:
    kind = PROBLEM_KINDS[problem.kind_name]
    body: dict[str, Any] = {
        "type": f"{settings.SITE_URL}{DOCS_PATH}#problem-{problem.kind_name}",
        "title": str(kind.title),
        "status": kind.status,
        "detail": str(problem.detail or kind.detail),
        "instance": request.path,
        "request": logs.request_id.get(),
    }
    if problem.errors:
        body["errors"] = [_error(one) for one in problem.errors]
    return body


def _error(error: FieldError) -> dict[str, str]:
    place = {"pointer": error.pointer} if error.pointer else {"parameter": error.parameter} if error.parameter else {}
    return {"detail": error.detail} | place


def check_form(form: BaseForm, names: Mapping[str, str] | None = None) -> None:
    """Raise a Problem unless the form is valid. names: API names of fields that differ."""
    if form.has_error(NON_FIELD_ERRORS, CHANGED_ELSEWHERE):
        raise Problem("changed")
    errors = [
        FieldError(str(text), pointer="" if name == NON_FIELD_ERRORS else f"/{(names or {}).get(name, name)}")
        for name, texts in form.errors.items()
        for text in texts
    ]
    if errors:
        raise Problem("invalid", errors=errors)
