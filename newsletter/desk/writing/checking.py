"""The format check and the measures of a text as it stands in the form, saved or not."""

from bisect import bisect_left
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.delivery.letter.losses import encoded, weight_of_text
from newsletter.desk.templatetags.figures import octets
from newsletter.desk.writing.rights import refuse_unless_writer
from newsletter.posts.models import BODY_MAX, Post
from newsletter.posts.models.renderings import rendered_anew
from newsletter.posts.proofreading.check import HINTS, RULES, Group, Row, fixed, grouped, house_terms
from newsletter.posts.text import measures
from newsletter.publication.models import Publication

ALL = "all"  # instead of a rule: each of them that the publication has on, but no hints


@require_POST
def check(request: HttpRequest) -> JsonResponse:
    """Answer what the format check says about `body`; with `fix`, a rule or "all", the text with that rule's fixes.

    Places are counted in UTF-16 code units, as a script counts the characters of its field.
    """
    refuse_unless_writer(request)
    body = request.POST.get("body", "").replace("\r\n", "\n")
    if len(body) > BODY_MAX:
        text = _("The text is too long to be checked: at most %(most)s characters.") % {"most": f"{BODY_MAX:,}"}
        return JsonResponse({"error": text}, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    publication = Publication.objects.current()
    if rule := request.POST.get("fix"):
        return JsonResponse({"body": fixed_text(body, rule, publication)})
    return JsonResponse(checked(body, publication))


def checked(body: str, publication: Publication) -> dict[str, Any]:
    """Return what the format check says about a text, with its measures."""
    groups = grouped(body, Post(body=body).findings(publication))
    return {
        "facts": _facts(body, publication),
        "count": sum(len(group.rows) for group in groups if not group.is_hint),
        "safe": sum(group.safe for group in groups if not group.is_hint),
        "groups": [_group(group, _units_before(body)) for group in groups],
    }


def fixed_text(body: str, rule: str, publication: Publication) -> str:
    """Return the text with the safe fixes of a rule, or of ALL."""
    rules = RULES.keys() - HINTS - set(publication.checks_off) if rule == ALL else {rule}
    text, _done = fixed(body, terms=house_terms(publication.name, publication.terms), rules=rules)
    return text


def _facts(body: str, publication: Publication) -> list[str]:
    """Return minutes and size in the mail in words; nothing of an empty text."""
    if not body.strip():
        return []
    html = rendered_anew(body)
    paces = {"han_per_minute": publication.han_per_minute, "words_per_minute": publication.words_per_minute}
    minutes = _("%(minutes)s min read") % {"minutes": measures.reading_minutes(html, **paces)}
    return [minutes, _("%(size)s in the mail") % {"size": octets(encoded(weight_of_text(body)))}]


def _units_before(body: str) -> list[int]:
    """Return the places of the characters that a script counts twice."""
    return [place for place, character in enumerate(body) if ord(character) > 0xFFFF]


def _group(group: Group, wide: list[int]) -> dict[str, Any]:
    return {
        "rule": group.rule,
        "label": str(group.label),
        "hint": group.is_hint,
        "safe": group.safe,
        "hidden": group.hidden,
        "count": len(group.rows),
        "rows": list(_rows(group.shown, wide)),
    }


def _rows(rows: Iterable[Row], wide: list[int]) -> Iterable[dict[str, Any]]:
    for row in rows:
        found = row.finding
        start, end = (place + bisect_left(wide, place) for place in (found.start, found.end))
        yield {
            "start": start,
            "end": end,
            "line": row.line,
            "before": row.before,
            "text": found.text,
            "after": row.after,
            "message": str(found.message),
            "fix": found.replacement,
        }
