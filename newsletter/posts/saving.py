"""A save that leaves the page where it is: how the admin's form of a text answers a script. The form is the stock one.

Rights, validation, proofs, the order of saving and the log are those of the ordinary form: only the answer differs.
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
ELSEWHERE = "changed_elsewhere"  # code of the error of a form whose text was saved by somebody else meanwhile
ENTER = "_enter"  # the form's default button: what Enter in a field presses
AUTO = "_auto"  # says that nobody pressed a button: the form saves by itself, and never publishes
PUBLISH, UPDATE = "_publish", "_update"  # buttons that show readers what stands in the form
REST = timedelta(seconds=2)  # without a key, after which it does
DOCUMENT = "document"  # field of the form: the name of a text that has no address yet
DOCUMENT_MAX = 32  # characters
SAVED = "desk_saved_documents"  # in the session: which new texts have become which rows
SAVED_MAX = 20


class StaleText(Exception):
    """Another save came between reading and writing."""


def is_in_place(request: HttpRequest) -> bool:
    return request.method == "POST" and request.headers.get("Accept") == JSON


def is_auto(request: HttpRequest) -> bool:
    return is_in_place(request) and AUTO in request.POST


class InPlaceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A text that can be saved while the author goes on writing."""

    stays = frozenset({ENTER})  # buttons after which the form is shown again

    def seen(self, saved: Any) -> dict[str, str]:
        """Return the fields that hold which state of the text a tab has seen."""
        raise NotImplementedError

    def facts(self, saved: Any) -> dict[str, Any]:
        """Return what else a script is told of a saved text."""
        return {}

    def keep_refused(self, request: HttpRequest, form: Any) -> str:
        """Keep what was typed while somebody else saved; return the address where both texts are seen."""
        return self._place(form.instance.pk)["address"]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        if self.stays & request.POST.keys():
            posted = request.POST.copy()
            posted["_continue"] = "1"
            request.POST = posted  # type: ignore[assignment]  # the stubs know no setter
        try:
            return self._answered(request, object_id, form_url, extra_context)
        except StaleText:  # now the other save can be seen: the form refuses, and keeps what was typed
            return self._answered(request, object_id, form_url, extra_context)

    def _answered(self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: Any) -> Any:
        saved = self.saved_before(request) if object_id is None and request.method == "POST" else None
        if saved and is_in_place(request):
            return JsonResponse({"outcome": "exists"} | self._place(saved), status=HTTPStatus.CONFLICT)
        response = super().changeform_view(request, str(saved) if saved else object_id, form_url, extra_context)
        return self._in_json(response) if is_in_place(request) else response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        saved = kwargs.get("obj")
        kind = f"{self.opts.app_label}.{self.opts.model_name}"
        form = context["adminform"].form
        name = document_of(request) or secrets.token_hex(8)
        shown = {
            "document": name,
            "document_key": f"{kind}/{saved.pk}" if saved else f"{kind}/new/{name}",
            "document_kind": kind,
            "both": self.keep_refused(request, form) if form.has_error(NON_FIELD_ERRORS, ELSEWHERE) else "",
        }
        return super().render_change_form(request, context | shown, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if not is_in_place(request):
            return super().response_add(request, obj, post_url_continue)
        if name := document_of(request):
            before = dict(list(request.session.get(SAVED, {}).items())[1 - SAVED_MAX :])
            request.session[SAVED] = before | {name: obj.pk}
        return self._saved(obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._saved(obj) if is_in_place(request) else super().response_change(request, obj)

    def saved_before(self, request: HttpRequest) -> int | None:
        """Return the row that a new text has become already, if the answer to its first save was lost."""
        if not is_in_place(request):
            return None
        pk: int | None = request.session.get(SAVED, {}).get(document_of(request))
        return pk if pk and self.get_queryset(request).filter(pk=pk).exists() else None

    def _saved(self, saved: Any) -> JsonResponse:
        facts = {"outcome": "saved", "at": timezone.now().isoformat(), "seen": self.seen(saved)} | self.facts(saved)
        return JsonResponse(facts | self._place(saved.pk))

    def _in_json(self, response: HttpResponse) -> HttpResponse:
        """Return the answer of the stock form as JSON: a page with errors, or a redirect from a row that is gone."""
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
        errors = [_of_field(field) for one in forms for field in one if field.errors]
        if context["both"]:
            facts = {"outcome": "elsewhere", "both": context["both"], "general": general}
            return JsonResponse(facts, status=HTTPStatus.CONFLICT)
        return JsonResponse(
            {"outcome": "refused", "errors": errors, "general": general}, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )

    def _place(self, pk: int) -> dict[str, str]:
        """Return where the text has its form, and the key of its copies in the browser."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_change"
        address = reverse(f"admin:{name}", args=[pk], current_app=self.admin_site.name)
        return {"address": address, "document": f"{self.opts.app_label}.{self.opts.model_name}/{pk}"}


def document_of(request: HttpRequest) -> str:
    """Return the name that the page of a new text has given it; "" if it has none."""
    name = request.POST.get(DOCUMENT, "")
    return name if name.isalnum() and name.isascii() and len(name) <= DOCUMENT_MAX else ""


def _of_field(field: Any) -> dict[str, Any]:
    return {"id": field.id_for_label, "name": field.html_name, "label": str(field.label), "texts": list(field.errors)}
