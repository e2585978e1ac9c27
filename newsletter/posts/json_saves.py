"""JSON responses of an admin form, so that a script can save while the author keeps writing.

Permissions, validation, saving and logging are those of the ordinary form; only the response differs.
"""

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

JSON = "application/json"
CHANGED_ELSEWHERE = "changed_elsewhere"  # error code of a form whose text was saved elsewhere meanwhile
ENTER_BUTTON = "_enter"  # the form's default button: pressed by Enter in a field
AUTOSAVE_FIELD = "_auto"  # field of an autosave: no button was pressed, and nothing is published
PUBLISH, UPDATE = "_publish", "_update"  # buttons that make the form's text public
AUTOSAVE_DELAY = timedelta(seconds=2)  # after the last key
DOCUMENT = "document"  # form field: random id of a text that is not saved yet
DOCUMENT_MAX = 32  # characters
SAVED_DOCUMENTS = "desk_saved_documents"  # session key: primary keys by document id
SAVED_MAX = 20


class StaleTextError(Exception):
    """Somebody else has saved between reading and writing."""


def wants_json(request: HttpRequest) -> bool:
    return request.method == "POST" and request.headers.get("Accept") == JSON


def is_autosave(request: HttpRequest) -> bool:
    return wants_json(request) and AUTOSAVE_FIELD in request.POST


class JsonSaveAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    continue_buttons = frozenset({ENTER_BUTTON})  # return to the form after saving

    def seen(self, saved: Any) -> dict[str, str]:
        """Hidden fields that identify the version which a tab shows."""
        raise NotImplementedError

    def facts(self, saved: Any) -> dict[str, Any]:
        return {}

    def store_refused(self, request: HttpRequest, form: Any) -> str:
        return self._place(form.instance.pk)["address"]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if self.continue_buttons & request.POST.keys():
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]  # the stubs know no setter
        try:
            return self._respond(request, object_id, form_url, extra_context)
        except StaleTextError:  # again: now validation sees the other save, and the form keeps the typed text
            return self._respond(request, object_id, form_url, extra_context)

    def _respond(self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: Any) -> Any:
        saved = self.saved_before(request) if object_id is None and request.method == "POST" else None
        if saved and wants_json(request):
            return JsonResponse({"outcome": "exists"} | self._place(saved), status=HTTPStatus.CONFLICT)
        response = super().changeform_view(request, str(saved) if saved else object_id, form_url, extra_context)
        return self._as_json(response) if wants_json(request) else response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # Django names what kwargs takes
        saved = kwargs.get("obj")
        kind = f"{self.opts.app_label}.{self.opts.model_name}"
        form = context["adminform"].form
        name = document_name(request) or secrets.token_hex(8)
        shown = {
            "document": name,
            "document_key": f"{kind}/{saved.pk}" if saved else f"{kind}/new/{name}",
            "document_kind": kind,
            "both": self.store_refused(request, form) if form.has_error(NON_FIELD_ERRORS, CHANGED_ELSEWHERE) else "",
        }
        return super().render_change_form(request, context | shown, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if not wants_json(request):
            return super().response_add(request, obj, post_url_continue)
        if name := document_name(request):
            before = dict(list(request.session.get(SAVED_DOCUMENTS, {}).items())[1 - SAVED_MAX :])
            request.session[SAVED_DOCUMENTS] = before | {name: obj.pk}
        return self._saved(obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._saved(obj) if wants_json(request) else super().response_change(request, obj)

    def saved_before(self, request: HttpRequest) -> int | None:
        if not wants_json(request):
            return None
        pk: int | None = request.session.get(SAVED_DOCUMENTS, {}).get(document_name(request))
        return pk if pk and self.get_queryset(request).filter(pk=pk).exists() else None

    def _saved(self, saved: Any) -> JsonResponse:
        facts = {"outcome": "saved", "at": timezone.now().isoformat(), "seen": self.seen(saved)} | self.facts(saved)
        return JsonResponse(facts | self._place(saved.pk))

    def _as_json(self, response: HttpResponse) -> HttpResponse:
        """Convert the stock form's response: a page with errors, or a redirect from a deleted row."""
        if isinstance(response, JsonResponse):
            return response
        if not isinstance(response, TemplateResponse):
            return JsonResponse({"outcome": "gone"}, status=HTTPStatus.NOT_FOUND)
        context: dict[str, Any] = response.context_data or {}
        form = context["adminform"].form
        formsets = [inline.formset for inline in context["inline_admin_formsets"]]
        forms = [form, *(row for formset in formsets for row in formset.forms)]
        general = [*form.non_field_errors(), *(text for formset in formsets for text in formset.non_form_errors())]
        general += [text for row in forms[1:] for text in row.non_field_errors()]
        errors = [_field_errors(field) for one in forms for field in one if field.errors]
        if context["both"]:
            facts = {"outcome": "elsewhere", "both": context["both"], "general": general}
            return JsonResponse(facts, status=HTTPStatus.CONFLICT)
        facts = {"outcome": "refused", "errors": errors, "general": general}
        return JsonResponse(facts, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def _place(self, pk: int) -> dict[str, str]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_change"
        address = reverse(f"admin:{name}", args=[pk], current_app=self.admin_site.name)
        return {"address": address, "document": f"{self.opts.app_label}.{self.opts.model_name}/{pk}"}


def document_name(request: HttpRequest) -> str:
    """The document id in the request; "" if missing or malformed."""
    name = request.POST.get(DOCUMENT, "")
    return name if name.isalnum() and name.isascii() and len(name) <= DOCUMENT_MAX else ""


def _field_errors(field: Any) -> dict[str, Any]:
    return {"id": field.id_for_label, "name": field.html_name, "label": str(field.label), "texts": list(field.errors)}
