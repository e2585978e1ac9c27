"""JSON for the scripts of the post form: format check of unsaved text, posts to link to, and kept texts."""

from bisect import bisect_left
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from newsletter.delivery.letter.losses import size_text, weight_of_text
from newsletter.issues.models import KeptText
from newsletter.posts.models import BODY_MAX, Post
from newsletter.posts.models.renderings import render_uncached
from newsletter.posts.proofreading.check import (
    HINTS,
    RULES,
    FindingGroup,
    FindingRow,
    apply_fixes,
    group_findings,
    house_terms,
)
from newsletter.posts.search.index import search
from newsletter.posts.text import prose
from newsletter.publication.models import Publication


def refuse_unless_writer(request: HttpRequest) -> None:
    if not (request.user.has_perm("posts.add_post") or request.user.has_perm("posts.change_post")):
        raise PermissionDenied("posts.change_post")


ALL_RULES = "all"  # all enabled rules, without hints


@require_POST
def check_text(request: HttpRequest) -> JsonResponse:
    """Findings of the format check on `body`; with `fix`, a rule or "all", the fixed text."""
    refuse_unless_writer(request)
    body = request.POST.get("body", "").replace("\r\n", "\n")
    if len(body) > BODY_MAX:
        text = _("The text is too long to be checked: at most %(most)s characters.") % {"most": f"{BODY_MAX:,}"}
        return JsonResponse({"error": text}, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    publication = Publication.objects.current()
    if rule := request.POST.get("fix"):
        return JsonResponse({"body": fixed_text(body, rule, publication)})
    result = check_result(body, publication)
    kinds = sum(bool(group["safe"]) for group in result["groups"] if not group["hint"])
    html = render_to_string("admin/posts/_checked.html", result | {"kinds": kinds})
    return JsonResponse({"facts": result["facts"], "count": result["count"], "html": html})


def check_result(body: str, publication: Publication) -> dict[str, Any]:
    """Positions are UTF-16 code units, as JavaScript counts."""
    groups = group_findings(body, Post(body=body).findings(publication))
    return {
        "facts": _facts(body, publication),
        "count": sum(len(group.rows) for group in groups if not group.is_hint),
        "safe": sum(group.safe_count for group in groups if not group.is_hint),
        "groups": [_group(group, _units_before(body)) for group in groups],
    }


def fixed_text(body: str, rule: str, publication: Publication) -> str:
    rules = RULES.keys() - HINTS - set(publication.checks_off) if rule == ALL_RULES else {rule}
    text, _done = apply_fixes(body, terms=house_terms(publication.name, publication.terms), rules=rules)
    return text


def _facts(body: str, publication: Publication) -> list[str]:
    if not body.strip():
        return []
    html = render_uncached(body)
    counts = prose.han_count(html), prose.word_count(html)
    minutes = _("%(minutes)s min read") % {"minutes": prose.minutes_to_read(*counts, publication)}
    length = prose.length_text(*counts)
    return [length, minutes, _("%(size)s in the mail") % {"size": size_text(weight_of_text(body))}]


def _units_before(body: str) -> list[int]:
    """Positions of characters that are two UTF-16 code units."""
    return [place for place, character in enumerate(body) if ord(character) > 0xFFFF]


def _group(group: FindingGroup, wide: list[int]) -> dict[str, Any]:
    return {
        "rule": group.rule,
        "label": str(group.label),
        "hint": group.is_hint,
        "safe": group.safe_count,
        "hidden": group.hidden_count,
        "count": len(group.rows),
        "rows": list(_rows(group.shown, wide)),
    }


def _rows(rows: Iterable[FindingRow], wide: list[int]) -> Iterable[dict[str, Any]]:
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


POSTS_SHOWN = 5
RESULTS_SEARCHED = 15  # results, which include issues
QUERY_MAX = 80  # characters
ESCAPE_TABLE = str.maketrans({mark: f"\\{mark}" for mark in "\\[]"})  # would end a link's text


@require_GET
def linkable_posts(request: HttpRequest) -> JsonResponse:
    """Published posts that match `q`, best first; the newest without `q`.

    Includes unlisted ones that the user may see. except: the key of the post being written.
    """
    refuse_unless_writer(request)
    query, now = request.GET.get("q", "").replace("\0", "").strip()[:QUERY_MAX], timezone.now()
    own = request.GET.get("except", "")
    known = Post.objects.listed(now) | Post.objects.visible_to(request.user).published(now)
    public = known.exclude(pk=int(own) if own.isdecimal() and len(own) < 19 else 0).defer("body")
    if query:
        results = search(query, now=now, limit=RESULTS_SEARCHED, finds_unlisted=True).results
        keys = [one.key for one in results if one.kind == "post"]
        found = public.in_bulk(keys)
        chosen = [found[key] for key in keys if key in found][:POSTS_SHOWN]
    else:
        chosen = list(public[:POSTS_SHOWN])
    return JsonResponse({"posts": [_post_json(post) for post in chosen]})


@require_GET
def kept_texts(request: HttpRequest) -> JsonResponse:
    refuse_unless_writer(request)
    return JsonResponse({"texts": list(KeptText.objects.values("name", "text"))})


def _post_json(post: Post) -> dict[str, str]:
    """when: the day on which it was published."""
    words, published_at = post.title.translate(ESCAPE_TABLE), timezone.localtime(post.published_at)
    markdown = f"[{words}]({post.get_absolute_url()})"
    return {"title": post.title, "markdown": markdown, "when": date_format(published_at)}
