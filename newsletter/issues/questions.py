"""The page on which readers answer the question of an issue: by a link in their letter, or from the issue's page."""

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.issues.models import LINE_MAX, QUESTION_OPEN_FOR, Issue, Vote
from newsletter.limits import client_ip
from newsletter.limits.public_views import private_form, too_many_requests
from newsletter.limits.rate_limits import count_and_check_limit
from newsletter.mail.characters import nfc, single_line

VOTE_COOKIE = "vote"  # a random name of the browser, so that it counts once; sent to this page alone
# From one network: a company, or the phones behind one address. Letters have links of their own.
VOTES_PER_HOUR = 60
NEW_BROWSERS_PER_HOUR = 10  # without the cookie
IPV6_PREFIX = 48  # what one customer may get: RFC 6177


@private_form
def vote(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue.objects.archived().exclude(question=""), number=number)
    if request.method != "POST":
        return voting_page(request, issue, "")
    network = client_ip.client_network(client_ip.client_address(request), ipv6_prefix=IPV6_PREFIX)
    known = request.get_signed_cookie(VOTE_COOKIE, "", salt=str(number))
    scope, limit = ("vote", VOTES_PER_HOUR) if known else ("new-vote", NEW_BROWSERS_PER_HOUR)
    if count_and_check_limit(scope, network, limit=limit, seconds=3600):
        return too_many_requests(request, seconds=3600)
    browser = known or secrets.token_urlsafe(12)
    response = voting_page(request, issue, f"browser {browser}", is_from_page=True)
    path = reverse("issues:vote", args=[number])
    age = int(QUESTION_OPEN_FOR.total_seconds())
    response.set_signed_cookie(
        VOTE_COOKIE,
        browser,
        salt=str(number),
        max_age=age,
        path=path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def voting_page(
    request: HttpRequest, issue: Issue, voter: str, choice: str = "", *, is_from_page: bool = False
) -> HttpResponse:
    """The question with its answers; after a POST that names one of them, thanks.

    choice: the number of the answer that a link named. A GET stores nothing, because mail scanners follow links.
    """
    choice = request.POST.get("answer", choice)
    chosen = next((number for number, _label in enumerate(issue.choices, 1) if str(number) == choice), 0)
    is_open = issue.takes_votes(timezone.now())
    context = {"issue": issue, "chosen": chosen, "is_open": is_open, "sentence_max": LINE_MAX}
    if request.method == "POST" and is_open and chosen:
        line = nfc(single_line(request.POST.get("sentence", ""))).strip()[:LINE_MAX]
        Vote.objects.put(issue, voter, chosen, line, is_from_page=is_from_page)
        context |= {"is_given": True, "has_sentence": bool(line), "answer": issue.choices[chosen - 1]}
    return render(request, "issues/vote.html", context)


def result_markdown(issue: Issue) -> str:
    asked = _("In issue %(number)s you were asked: %(question)s") % {"number": issue.number, "question": issue.question}
    return "\n".join([f"**{asked}**", "", *(f"- {one.label}: {one.share}% ({one.times})" for one in issue.tally())])
