"""Test copies, and rehearsals: the real letter through the real pipeline, counted nowhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from email.policy import SMTP
from typing import NamedTuple

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Length
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter.compiled import LARGEST, PER_COPY, Compiled
from newsletter.delivery.letter.losses import check_losses, weigh
from newsletter.delivery.letter.rendering import copy_for, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, INFO, OK, WARNING, Rehearsal, Remark
from newsletter.delivery.planning.approving import audience
from newsletter.delivery.provider.outcomes import Outcome
from newsletter.delivery.provider.transports import transport_for
from newsletter.delivery.rehearsal import checks, link_checker
from newsletter.delivery.rehearsal.checks import References, read_html
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.outward import Verdict, is_askable
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, SubscriberQuerySet

Topic = Rehearsal.Topic
AT_EACH_END = 20  # readers of the audience whose copies are written, besides the hardest
LINKS_MAX = 200  # of others, that are asked
WORTH_A_WORD = {
    Verdict.GONE: ERROR,
    Verdict.NAMELESS: ERROR,
    Verdict.DOUBTFUL: WARNING,
    Verdict.PRIVATE: WARNING,
    Verdict.ODD_PORT: INFO,
    Verdict.SHY: INFO,
}

# Readers whom an audience may not have yet: name and address.
MADE_UP = (
    ("", "reader@example.org"),
    (
        "歐陽娜娜・Anne-Sophie von Wolkenstein-Trostburg（產品管理部資深總監）",
        f"{'anne-sophie.' * 5}a@correspondence.example.org",
    ),
    ('王 "小明", 「老闆」 <boss> \\ O\'Neill; a=?b?=', "o'neill+news@example.org"),
    ("𠮷野家 🍣 𰻝𰻝麵", "yoshinoya@example.org"),
    ("A" * 80, "a@example.org"),
)


# --- Test copies ---


def example_reader(address: str, name: str = "") -> Subscriber:
    """Return a reader who is in no table: the links of their copy lead to pages that say so."""
    return Subscriber(pk=0, email=address, name=name, token_salt="")


def rehearsed(issue: Issue, address: str, name: str = "") -> Mail:
    """Build the mail that a reader would get if `issue` were sent as it is now, marked as a test."""
    now = timezone.now()
    mailing = Mailing(issue=issue, approved_at=now, send_at=now, **freeze(issue).columns())
    ids = (issue.number, time.time_ns())
    return copy_for(mailing, example_reader(address, name), ids=ids, subject_mark=_("[Test] "))


def send_test_copy(issue: Issue, address: str) -> Outcome:
    """Send one test copy; return the provider's answer.

    Raises ProviderAway or ProviderRefuses when the provider takes nothing.
    """
    transport = transport_for("bulk")
    try:
        return transport.send(rehearsed(issue, address))
    finally:
        transport.close()


# --- A rehearsal, but for what is outside ---


class Written(NamedTuple):
    """One reader's copy as it would go over the wire, or why there is none."""

    name: str
    address: str
    octets: bytes = b""
    problem: str = ""


class RehearsalResult(NamedTuple):
    remarks: list[Remark]
    copies: list[dict[str, object]]  # of the hardest readers: name, address, bytes, problem
    links: list[str]  # to others, that are still to be asked


def rehearse(mailing: Mailing, now: datetime) -> RehearsalResult:
    """Write copies to readers of the audience and look at them; `mailing` (`as_if`) is not kept, nothing is sent."""
    compiled = Compiled(mailing)
    hard = hard_readers(mailing, now)
    known = {row.subscriber_id for row in hard}
    hardest = [_write(mailing, compiled, row) for row in [*hard, *made_up_readers()]]
    others = [_write(mailing, compiled, row) for row in some_readers(mailing, now) if row.subscriber_id not in known]
    specimen = next(one for one in hardest if not one.problem)
    references = read_html(outbox.part(specimen.octets, "html"))
    remarks = [*_about_copies([*hardest, *others]), *_about_letter(mailing, specimen, references)]
    copies = [
        {"name": one.name, "address": one.address, "bytes": len(one.octets), "problem": one.problem} for one in hardest
    ]
    return RehearsalResult(remarks, copies, links_to_others(references))


def as_if(issue: Issue, segment: str, now: datetime) -> Mailing:
    """Return the mailing that approving `issue` would make: complete, and not kept."""
    return Mailing(pk=0, issue=issue, segment=segment, approved_at=now, send_at=now, **freeze(issue).columns())


def hard_readers(mailing: Mailing, now: datetime) -> list[Row]:
    """Return those of the audience with the longest name and the longest address, and one without a name."""
    readers = audience(mailing, now)
    orders = [readers.order_by(Length("name").desc(), "pk"), readers.order_by(Length("email").desc(), "pk")]
    orders.append(readers.filter(name="").order_by("pk"))
    return list({row.subscriber_id: row for found in orders for row in _rows(found[:1])}.values())


def made_up_readers() -> list[Row]:
    """Return hard readers who do not exist, with links as long as they can become."""
    return [Row(LARGEST, LARGEST, address, name, is_mailable=True) for name, address in MADE_UP]


def some_readers(mailing: Mailing, now: datetime) -> list[Row]:
    """Return the first and the last readers of the audience, each once."""
    readers = audience(mailing, now)
    rows = [*_rows(readers.order_by("pk")[:AT_EACH_END]), *_rows(readers.order_by("-pk")[:AT_EACH_END])]
    return list({row.subscriber_id: row for row in rows}.values())


def _rows(readers: SubscriberQuerySet) -> Iterator[Row]:
    columns = ("pk", "email", "name", Value(True), "token_salt", "address_hash")
    for number, row in enumerate(readers.values_list(*columns)):
        yield Row(number, *row)


def _write(mailing: Mailing, compiled: Compiled, row: Row) -> Written:
    """Write a copy as the compiled template does, and as the e-mail classes do: both must say the same."""
    try:
        octets = compiled.envelope(row).data
        built = copy_for(mailing, row.reader, ids=(mailing.pk, row.seq)).message(policy=SMTP).as_bytes()
    except ValueError as error:
        return Written(row.name, row.email, problem=str(error))
    differs = "" if said(octets) == said(built) else _("The two ways to write it differ.")
    return Written(row.name, row.email, octets, differs)


def said(octets: bytes) -> tuple[object, ...]:
    """Return what a mail says, without what differs in two copies of one."""
    fields, html, plain = outbox.whole(octets)
    return sorted((name.lower(), value) for name, value in fields if name.lower() not in PER_COPY), html, plain


def _about_copies(written: list[Written]) -> Iterator[Remark]:
    for one in written:
        if one.problem:
            text = _("The copy of %(reader)s: %(problem)s") % {"reader": one.address, "problem": one.problem}
            yield Remark(Topic.READERS, ERROR if one.octets else WARNING, text)
    whole = sum(not one.problem for one in written)
    words = ngettext("%(count)d copy was written whole.", "%(count)d copies were written whole.", whole)
    yield Remark(Topic.READERS, OK, words % {"count": whole})


def _about_letter(mailing: Mailing, specimen: Written, references: References) -> Iterator[Remark]:
    publication = Publication.objects.current()
    logo_url = settings.SITE_URL + publication.logo.url if publication.logo else ""
    slot = next_slots(publication, 1)[0]
    yield from _about_size(mailing)
    yield from checks.check_headers(specimen.octets, mailing)
    yield from checks.check_text(references, outbox.part(specimen.octets, "plain"))
    yield from checks.check_own_links(references, mailing.issue, slot)
    yield from checks.check_pictures(references, logo_url=logo_url)
    yield from _about_format(mailing.issue, publication)
    yield from check_losses(mailing.issue, mailing)


def _about_size(mailing: Mailing) -> Iterator[Remark]:
    weight = weigh(mailing.issue, mailing)
    words = _("The HTML has %(size)s: %(share)s %% of what Gmail shows.")
    level = ERROR if weight.is_too_large else WARNING if weight.is_large else OK
    hint = weight.advice() if weight.is_too_large else ""
    yield Remark(Topic.SIZE, level, words % {"size": filesizeformat(weight.size), "share": weight.share}, hint)


def _about_format(issue: Issue, publication: Publication) -> Iterator[Remark]:
    found = issue.to_read_again(publication)
    for post, count in found:
        words = ngettext("“%(title)s”: %(count)d place", "“%(title)s”: %(count)d places", count)
        yield Remark(Topic.FORMAT, WARNING, words % {"title": post.title, "count": count}, _("Open the post."))
    if not found:
        yield Remark(Topic.FORMAT, OK, _("Nothing to say about the posts."))


# --- What is outside ---


def links_to_others(references: References) -> list[str]:
    """Return the addresses that only others can answer for, each once, pictures too."""
    wanted = [*references.links, *(one.url for one in references.pictures)]
    found = [url for url in wanted if checks.is_web(url) and not checks.is_own(url)]
    return list(dict.fromkeys(found))[:LINKS_MAX]


def ask_others(rehearsal: Rehearsal, may_ask: Callable[[str, int], bool] = is_askable) -> list[Remark]:
    """Ask every address that is not ours; the rehearsal's row counts how many have been asked."""
    found = link_checker.ask_all(
        rehearsal.links, on_answer=lambda number: rehearsal.progress(number, timezone.now()), may_ask=may_ask
    )
    return list(_about_others(found))


def _about_others(found: Iterable[link_checker.Found]) -> Iterator[Remark]:
    answers = list(found)
    for one in answers:
        if one.verdict in WORTH_A_WORD:
            text = REASONS[one.verdict]() % {"url": one.url, "detail": one.detail}
            yield Remark(Topic.LINKS, WORTH_A_WORD[one.verdict], text, _("Open it in a browser."))
    offline = sum(one.verdict == Verdict.OFFLINE for one in answers)
    if offline:
        words = _("%(count)d links to other sites were not asked: this machine has no way to them.")
        yield Remark(Topic.LINKS, INFO, words % {"count": offline})
    there = sum(one.verdict == Verdict.THERE for one in answers)
    if there:
        words = ngettext("%(count)d link to another site works.", "%(count)d links to other sites work.", there)
        yield Remark(Topic.LINKS, OK, words % {"count": there})


REASONS: dict[Verdict, Callable[[], str]] = {
    Verdict.GONE: lambda: _("Nothing is there (%(detail)s): %(url)s"),
    Verdict.NAMELESS: lambda: _("There is no host %(detail)s: %(url)s"),
    Verdict.SHY: lambda: _("Lets only people in (%(detail)s): %(url)s"),
    Verdict.DOUBTFUL: lambda: _("Could not be looked at (%(detail)s): %(url)s"),
    Verdict.ODD_PORT: lambda: _("Not asked, because web pages are at ports 80 and 443 (here %(detail)s): %(url)s"),
    Verdict.PRIVATE: lambda: _("Leads into a private network (%(detail)s), so it was not asked: %(url)s"),
}
