"""Decorators that declare endpoints. `EndpointRouter` does the rest.

    posts_router = EndpointRouter(tags=["posts"])

    @posts_router.reads("/posts/{number:number}", scope="posts:read", permissions=("posts.view_post",), returns=PostOut)
    def read_post(request: ApiRequest, number: PathId) -> ApiResponse:
        return ApiResponse(_to_json(_post(request, number)))

reads: GET of one object, with ETag and If-None-Match, or of a page. computes: POST that changes nothing. creates:
POST with an Idempotency-Key. modifies: PATCH or DELETE with If-Match. acts: POST with both. The view itself checks
If-Match (`check_if_match`), because only it knows the current state. If the view raises, its changes are rolled back.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import parse_etags, urlencode
from ninja import Path, Router, Schema
from pydantic import AfterValidator, AwareDatetime

from newsletter.api import idempotency
from newsletter.api.auth import JSON, ApiRequest, BearerToken
from newsletter.api.openapi import EndpointSpec, parameter_specs, response_specs
from newsletter.api.problems import Problem
from newsletter.publication.changes import Via, acting_as


def iso_time(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat(timespec="seconds") if at else None


def etag_of(body: Any) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return f'"{sha256(text.encode()).hexdigest()[:24]}"'


def is_not_modified(request: HttpRequest, etag: str) -> bool:
    """Whether If-None-Match contains the ETag. Weak comparison: RFC 9110 section 13.1.2."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in given or etag in {one.removeprefix("W/") for one in given}


def check_if_match(request: HttpRequest, etag: str) -> None:
    """Raise a Problem unless If-Match is the current ETag or “*”."""
    given = parse_etags(request.headers.get("If-Match", ""))
    if not ({"*", etag} & set(given)):
        raise Problem("changed", headers={"ETag": etag})


type View = Callable[..., "ApiResponse | HttpResponseBase"]
PathId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def _within_the_calendar(at: datetime) -> datetime:
    """The first and last year overflow when converted to another zone."""
    if not MINYEAR < at.year < MAXYEAR:
        raise ValueError("year out of range")
    return at


AwareTime = Annotated[AwareDatetime, AfterValidator(_within_the_calendar)]  # a time with its offset
AnyTime = Annotated[datetime, AfterValidator(_within_the_calendar)]  # or without, in the publication's zone


@dataclass(frozen=True)
class ApiResponse:
    """etag: None computes it from the body, "" sends none. more: the cursor of the next page."""

    body: Any
    status: int = HTTPStatus.OK
    etag: str | None = None
    location: str = ""
    more: str = ""


def to_dict(schema: type[Schema], row: Any, **values: Any) -> dict[str, Any]:
    """The fields of a schema: of `values`, or else attributes of `row`; times as text."""
    found = {name: values[name] if name in values else getattr(row, name) for name in schema.model_fields}
    return {name: iso_time(value) if isinstance(value, datetime) else value for name, value in found.items()}


def page_response(items: Sequence[dict[str, Any]], cursor: str) -> ApiResponse:
    """cursor: of the next page, "" on the last."""
    return ApiResponse({"items": list(items), "next": cursor or None}, more=cursor)


class EndpointRouter(Router):
    """The endpoints of one subject.

    scope: what the token must have. permissions: of its user. returns: the schema of a successful response.
    """

    def reads(self, path: str, **declared: Any) -> Callable[[View], View]:
        return self._registered(path, EndpointSpec("GET"), **declared)

    def computes(self, path: str, **declared: Any) -> Callable[[View], View]:
        return self._registered(path, EndpointSpec("POST"), **declared)

    def creates(self, path: str, *, takes: str = JSON, status: int = 201, **declared: Any) -> Callable[[View], View]:
        return self._registered(path, EndpointSpec("POST", status=status, has_key=True, takes=takes), **declared)

    def modifies(
        self, path: str, *, method: str = "PATCH", status: int = 200, **declared: Any
    ) -> Callable[[View], View]:
        return self._registered(path, EndpointSpec(method, status=status, has_match=True), **declared)

    def acts(self, path: str, **declared: Any) -> Callable[[View], View]:
        return self._registered(path, EndpointSpec("POST", has_key=True, has_match=True), **declared)

    def _registered(
        self, path: str, demands: EndpointSpec, *, scope: str, permissions: Sequence[str], returns: Any
    ) -> Callable[[View], View]:
        extra = {
            "x-scope": scope,
            "parameters": parameter_specs(demands),
            "responses": response_specs(demands),
            "x-rights": list(permissions),
        }

        def register(view: View) -> View:
            operation = self.api_operation(
                [demands.method],
                path,
                auth=BearerToken(scope, permissions, demands.takes),
                response={demands.status: returns},
                operation_id=view.__name__,
                summary=(view.__doc__ or view.__name__).strip().partition("\n")[0].rstrip("."),
                openapi_extra=extra,
            )
            operation(_reading(view) if demands.method == "GET" else _changing(view, demands))
            return view

        return register


def _reading(view: View) -> View:
    @wraps(view)
    def respond(request: HttpRequest, **given: Any) -> HttpResponseBase:
        return to_http(request, view(request, **given))

    return respond


def _changing(view: View, demands: EndpointSpec) -> View:
    @wraps(view)
    def respond(request: ApiRequest, **given: Any) -> HttpResponse:
        def work() -> HttpResponse:
            if demands.has_match and not request.headers.get("If-Match", "").strip():
                raise Problem("etag-missing")
            with transaction.atomic():
                return cast("HttpResponse", to_http(request, view(request, **given)))  # only what is read streams

        with acting_as(f"{request.user.get_username()} ({request.auth.name})", Via.API):
            return _done_once(request, work) if demands.has_key else work()

    return respond


def _done_once(request: ApiRequest, work: Callable[[], HttpResponse]) -> HttpResponse:
    with idempotency.claim_key(request, request.auth) as claim:
        if isinstance(claim, HttpResponse):
            return claim
        with transaction.atomic():
            response = work()
            claim.store_response(response)
        return response


def to_http(request: HttpRequest, answer: ApiResponse | HttpResponseBase) -> HttpResponseBase:
    """With ETag, Link and Location; 304 if the client has this state."""
    if isinstance(answer, HttpResponseBase):
        return answer
    headers = {"Cache-Control": "private, no-cache"}
    if answer.location:
        headers["Location"] = answer.location
    if answer.more:
        headers["Link"] = _next_link(request, answer.more)
    if etag := etag_of(answer.body) if answer.etag is None else answer.etag:
        headers["ETag"] = etag
        if request.method in {"GET", "HEAD"} and is_not_modified(request, etag):
            return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    text = json.dumps(answer.body, ensure_ascii=False)
    return HttpResponse(text, status=answer.status, content_type=JSON, headers=headers)


def _next_link(request: HttpRequest, cursor: str) -> str:
    query = urlencode(request.GET.dict() | {"cursor": cursor})
    return f'<{request.path}?{query}>; rel="next"'
