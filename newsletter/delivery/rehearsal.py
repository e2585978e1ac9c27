"""Test copies and rehearsals: build the real messages, check their links, count nothing."""

import errno
import html
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.policy import SMTP
from http.client import HTTPException
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import urljoin

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Length
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from newsletter.buckets import PicturesUnavailable
from newsletter.delivery.ledger.claims import DeliveryRow
from newsletter.delivery.letter.compiled import LARGEST_ID, CompiledMailing, first_difference
from newsletter.delivery.letter.losses import check_losses, weigh_letter
from newsletter.delivery.letter.rendering import build_copy, freeze_letter
from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, INFO, OK, WARNING, Rehearsal, RehearsalRemark
from newsletter.delivery.planning.approving import audience
from newsletter.delivery.provider.outcomes import SendOutcome
from newsletter.delivery.provider.transports import transport_for
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail import outbox, reach
from newsletter.mail.message import Mail, shouting_letters
from newsletter.mail.safe_http import (
    HOPS_MAX,
    REDIRECTS,
    STEP_SECONDS,
    LinkStatus,
    RequestBlocked,
    may_connect,
    parse_url,
    request,
    resolve_allowed,
)
from newsletter.posts.models import Post, Tag
from newsletter.posts.models.images import BYTES_MAX
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import media
from subscribers.models import Subscriber


@dataclass(frozen=True)
class PictureReference:
    """alt: None if missing, "" for a decoration."""

    url: str
    alt: str | None
    has_width: bool


@dataclass
class References:
    links: list[str] = field(default_factory=list)
    pictures: list[PictureReference] = field(default_factory=list)


# For HTML by our own templates: attributes in double quotes.
IMG = re.compile(r"<img\b[^>]*>")
ATTRIBUTE = re.compile(r'\s(alt|src|width)="([^"]*)"')


def find_references(part: str) -> References:
    found = References(list(dict.fromkeys(url for url, _text in rewriting.links(part) if url)))
    for tag in IMG.findall(part):
        given = {name: html.unescape(value) for name, value in ATTRIBUTE.findall(tag)}
        found.pictures.append(PictureReference(given.get("src", ""), given.get("alt"), bool(given.get("width"))))
    return found


Topic = Rehearsal.Topic
WEB_SCHEMES = ("http://", "https://")
UNSUBSCRIBE_URL_MAX = 74  # some relays write a longer one as an encoded word (RFC 2047)
ALL_PICTURES_BYTES_MAX = 2_000_000  # for readers on a mobile network
OUTLOOK_FORMATS = {".jpg", ".jpeg", ".png", ".gif"}  # Outlook shows no WebP, AVIF or SVG


def check_headers(octets: bytes, mailing: Mailing) -> Iterator[RehearsalRemark]:
    fields = {name.lower(): value for name, value in outbox.header_fields(octets)}
    url = fields.get("list-unsubscribe", "").partition(",")[0].strip("<>")
    if len(url) > UNSUBSCRIBE_URL_MAX:
        text = _("The address to unsubscribe has %(count)d characters: some relays spoil it beyond 74.")
        hint = _("A shorter host name in SITE_URL mends that.")
        yield RehearsalRemark(Topic.HEADERS, WARNING, text % {"count": len(url)}, hint)
    if "list-unsubscribe-post" not in fields:
        text = _("Mail clients will show no one-click button to unsubscribe, which Gmail and Yahoo ask for.")
        yield RehearsalRemark(Topic.HEADERS, WARNING, text, _("It needs a SITE_URL that begins with https (RFC 8058)."))
    if letters := shouting_letters(mailing.subject):
        text = _("Some spam filters take this subject for shouting: all its Latin letters are capitals (%s).") % letters
        hint = _("The issue's number (No. 42), a small letter or no space mends that. SpamAssassin adds 0.5 points.")
        yield RehearsalRemark(Topic.HEADERS, INFO, text, hint)
    if "list-unsubscribe-post" in fields and len(url) <= UNSUBSCRIBE_URL_MAX:
        count = len(outbox.header_fields(octets))
        text = ngettext(
            "%(count)d header field, as it should be.", "%(count)d header fields, all as they should be.", count
        )
        yield RehearsalRemark(Topic.HEADERS, OK, text % {"count": count})


def is_own_url(url: str) -> bool:
    return url == settings.SITE_URL or url.startswith(f"{settings.SITE_URL}/")


def check_own_links(references: References, issue: Issue, at: datetime) -> Iterator[RehearsalRemark]:
    own_urls = [url for url in references.links if is_own_url(url)]
    lost = [url for url in own_urls if not _leads_somewhere(url, issue, at)]
    for url in lost:
        yield RehearsalRemark(Topic.LINKS, ERROR, _("Nothing is there on this site: %s") % url, _("Fix the link."))
    for url in references.links:
        if not url.startswith((*WEB_SCHEMES, "mailto:")):
            text = _("This link works in no mail: %s") % url
            yield RehearsalRemark(Topic.LINKS, ERROR, text, _("Write the whole address."))
    if own_urls and not lost and reach.opens_from_afar(settings.SITE_URL):
        text = ngettext(
            "%(count)d link to this site works, and any reader can open it.",
            "All %(count)d links to this site work, and any reader can open them.",
            len(own_urls),
        )
        yield RehearsalRemark(Topic.LINKS, OK, text % {"count": len(own_urls)})


def check_reach_of_links(references: References) -> Iterator[RehearsalRemark]:
    """Name the links that a reader far away could not open; those to this site once, with their number."""
    closed = [url for url in references.links if url.startswith(WEB_SCHEMES) and not reach.opens_from_afar(url)]
    own_count = sum(map(is_own_url, closed))
    if own_count:
        text = ngettext(
            "%(count)d link leads to this site, which no reader far away can open: %(url)s",
            "%(count)d links lead to this site, which no reader far away can open: %(url)s",
            own_count,
        )
        hint = _("Set SITE_URL to the site’s public address.")
        values = {"count": own_count, "url": settings.SITE_URL}
        yield RehearsalRemark(Topic.LINKS, WARNING, text % values, hint)
    for url in closed:
        if not is_own_url(url):
            text = _("No reader far away can open this link: %s") % url
            yield RehearsalRemark(Topic.LINKS, WARNING, text, _("Link to a public address."))


def _leads_somewhere(url: str, issue: Issue, at: datetime) -> bool:
    path = url.removeprefix(settings.SITE_URL).partition("#")[0].partition("?")[0] or "/"
    try:
        page = resolve(path)
    except Resolver404:
        return False
    arguments = page.kwargs
    match page.view_name:  # most pages always exist
        case "posts:post":
            return Post.objects.published(at).filter(pk=arguments["number"]).exists()
        case "posts:tag":
            return Tag.objects.in_use(at).filter(slug=arguments["slug"]).exists()
        case "issues:issue":
            is_archived = Issue.objects.archived().filter(number=arguments["number"]).exists()
            return arguments["number"] == issue.number or is_archived
        case "publication:media":
            with suppress(PicturesUnavailable):  # the storage does not respond, which `check_pictures` reports
                return media.exists(f"{arguments['digest']}/{arguments['name']}")
    return True


def check_pictures(references: References, *, logo_url: str = "") -> Iterator[RehearsalRemark]:
    """Check that each picture exists, is not too large, and has an alternative text.

    logo_url: may have none, because the publication's name is next to it.
    """
    try:
        yield from _about_pictures(references, logo_url)
    except PicturesUnavailable:
        text = _("The pictures could not be looked at: where they lie does not answer.")
        yield RehearsalRemark(Topic.PICTURES, WARNING, text, _("Rehearse again in some minutes."))


def _about_pictures(references: References, logo_url: str) -> Iterator[RehearsalRemark]:
    remarks = [remark for one in references.pictures for remark in _about_picture(one, logo_url)]
    total = sum(_picture_size(one.url) or 0 for one in references.pictures)
    if total > ALL_PICTURES_BYTES_MAX:
        text = _("All pictures together weigh %s; on the way that takes long.") % filesizeformat(total)
        hint = _("Show some posts as excerpts, or make pictures smaller.")
        remarks.append(RehearsalRemark(Topic.PICTURES, WARNING, text, hint))
    yield from remarks
    if not references.pictures:
        yield RehearsalRemark(Topic.PICTURES, OK, _("There are no pictures."))
    elif not remarks:
        count = len(references.pictures)
        text = ngettext("%(count)d picture, %(size)s.", "%(count)d pictures, together %(size)s.", count)
        yield RehearsalRemark(Topic.PICTURES, OK, text % {"count": count, "size": filesizeformat(total)})


def _about_picture(picture: PictureReference, logo_url: str) -> Iterator[RehearsalRemark]:
    name = PurePath(picture.url).name
    if not is_own_url(picture.url):
        text = _("This picture comes from another site, which sees who reads: %s") % picture.url
        yield RehearsalRemark(Topic.PICTURES, WARNING, text, _("Upload it here instead."))
    elif (size := _picture_size(picture.url)) is None:
        yield RehearsalRemark(Topic.PICTURES, ERROR, _("This picture is lost: %s") % name, _("Upload it again."))
    elif size > BYTES_MAX:
        text = _("This picture weighs %(size)s: %(name)s") % {"size": filesizeformat(size), "name": name}
        yield RehearsalRemark(Topic.PICTURES, WARNING, text, _("Make it smaller."))
    if is_own_url(picture.url) and PurePath(picture.url).suffix.lower() not in OUTLOOK_FORMATS:
        text = _("Outlook does not show this picture: %s") % name
        yield RehearsalRemark(Topic.PICTURES, WARNING, text, _("Use JPEG or PNG."))
    if picture.alt is None or (not picture.alt.strip() and picture.url != logo_url):
        text = _("Those who do not see this picture learn nothing of it: %s") % name
        yield RehearsalRemark(Topic.PICTURES, WARNING, text, _("Give it an alternative text."))
    if not picture.has_width:
        text = _("Outlook shows this picture as wide as its file, for it has no width: %s") % name
        yield RehearsalRemark(Topic.PICTURES, INFO, text)


def _picture_size(url: str) -> int | None:
    """Bytes of a picture of this site; None if it is missing, or on another site."""
    path = url.removeprefix(settings.SITE_URL).removeprefix(settings.MEDIA_URL)
    try:
        return media.size(path) if is_own_url(url) else None
    except PicturesUnavailable:
        raise
    except (OSError, ValueError):
        return None


CHECKS_AT_ONCE = 4
USER_AGENT = "newsletter-rehearsal/1 (checks whether a link works)"
GONE_STATUSES = frozenset({404, 410})
NO_NETWORK_ERRORS = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class LinkCheck:
    url: str
    status: LinkStatus
    detail: str = ""


def check_links(
    urls: Iterable[str], *, on_progress: Callable[[int], None], is_allowed: Callable[[str, int], bool] = may_connect
) -> list[LinkCheck]:
    """Check URLs, CHECKS_AT_ONCE at a time; `on_progress` is called in the caller's thread with the number checked."""
    with ThreadPoolExecutor(CHECKS_AT_ONCE, "outward") as threads:
        futures = [threads.submit(check_link, url, is_allowed=is_allowed) for url in urls]
        for number, _done in enumerate(as_completed(futures), 1):
            on_progress(number)
    checks = [future.result() for future in futures]
    if any(check.status not in {LinkStatus.NAMELESS, LinkStatus.OFFLINE} for check in checks):
        return checks
    # If no host resolves at all, this machine is offline: resolvers of closed networks reply like that.
    return [LinkCheck(check.url, LinkStatus.OFFLINE, check.detail) for check in checks]


def check_link(url: str, *, is_allowed: Callable[[str, int], bool] = may_connect) -> LinkCheck:
    """Follow a URL, with at most HOPS_MAX redirects, each checked like the first."""
    try:
        return LinkCheck(url, *_follow_redirects(url, is_allowed))
    except RequestBlocked as blocked:
        return LinkCheck(url, blocked.link_status, blocked.detail)
    except TimeoutError:
        return LinkCheck(url, LinkStatus.DOUBTFUL, f"no answer within {STEP_SECONDS:.0f} seconds")
    except OSError as error:
        status = LinkStatus.OFFLINE if error.errno in NO_NETWORK_ERRORS else LinkStatus.DOUBTFUL
        detail = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
        return LinkCheck(url, status, str(detail))
    except (HTTPException, ValueError) as error:
        return LinkCheck(url, LinkStatus.DOUBTFUL, type(error).__name__)


def _follow_redirects(url: str, is_allowed: Callable[[str, int], bool]) -> tuple[LinkStatus, str]:
    here = url
    for _hop in range(HOPS_MAX + 1):
        parts = parse_url(here)
        address = resolve_allowed(parts, is_allowed)
        status, location, _body = request("HEAD", parts, address, agent=USER_AGENT)
        if status >= 400:  # many servers do not support HEAD (RFC 9110 section 9.3.2)
            status, location, _body = request("GET", parts, address, agent=USER_AGENT)
        if status not in REDIRECTS or not location:
            return _link_status(status), str(status)
        here = urljoin(here, location)
    return LinkStatus.DOUBTFUL, f"more than {HOPS_MAX} redirects"


def _link_status(status: int) -> LinkStatus:
    if status in GONE_STATUSES:
        return LinkStatus.GONE
    if status < 400:
        return LinkStatus.THERE
    return LinkStatus.DOUBTFUL if 500 <= status < 600 else LinkStatus.REFUSES_BOTS


LINKS_MAX = 200  # to other sites

# Edge cases that an audience may lack: name and address.
EXAMPLE_READERS = (
    ("", "reader@example.org"),
    (
        gettext_lazy("Maximiliane Anne-Sophie von Wolkenstein-Trostburg (Senior Director of Product Management)"),
        f"{'anne-sophie.' * 5}a@correspondence.example.org",
    ),
    (gettext_lazy("Anna \"Ann\" Miller, 'Boss' <boss> \\ O'Neill; a=?b?="), "o'neill+news@example.org"),
    (gettext_lazy("Zoë Çağlar-Nuñez 🍣 𝒜𝓃𝓃𝒶"), "yoshinoya@example.org"),
    ("A" * 80, "a@example.org"),
)


def example_reader(address: str, name: str = "") -> Subscriber:
    """An unsaved reader: the links of their copy lead to pages that say so."""
    return Subscriber(pk=0, email=address, name=name, token_salt="")


def build_test_copy(issue: Issue, address: str, name: str = "") -> Mail:
    """Build the mail a reader would get if `issue` were sent now, marked as a test."""
    now = timezone.now()
    mailing = Mailing(issue=issue, approved_at=now, send_at=now, **freeze_letter(issue).columns())
    ids = (issue.number, time.time_ns())
    return build_copy(mailing, example_reader(address, name), ids=ids, subject_prefix=_("[Test] "))


def send_test_copy(issue: Issue, address: str) -> SendOutcome:
    """Send one test copy; return its outcome. Raises ProviderUnavailable or ProviderRejection."""
    transport = transport_for("bulk")
    try:
        return transport.send(build_test_copy(issue, address))
    finally:
        transport.close()


class WrittenCopy(NamedTuple):
    """A reader's message for the wire. problem: why there is none, or what differs."""

    name: str
    address: str
    octets: bytes = b""
    problem: str = ""


class RehearsalResult(NamedTuple):
    remarks: list[RehearsalRemark]
    copies: list[dict[str, object]]  # of the hardest readers: name, address, problem
    links: list[str]  # on other sites, not requested yet


def rehearse(mailing: Mailing, now: datetime) -> RehearsalResult:
    """Build and check messages to the hardest readers. mailing: unsaved, see `unsaved_mailing`. Sends nothing."""
    compiled = CompiledMailing(mailing)
    examples = [
        DeliveryRow(LARGEST_ID, LARGEST_ID, address, str(name), is_mailable=True) for name, address in EXAMPLE_READERS
    ]
    hardest = [_write_copy(mailing, compiled, row) for row in [*extreme_rows(mailing, now), *examples]]
    specimen = next(copy for copy in hardest if not copy.problem)
    references = find_references(outbox.body_part(specimen.octets, "html"))
    remarks = [*_about_copies(hardest), *_about_letter(mailing, specimen, references)]
    copies: list[dict[str, object]] = [
        {"name": copy.name, "address": copy.address, "problem": copy.problem} for copy in hardest
    ]
    return RehearsalResult(remarks, copies, links_to_other_sites(references))


def unsaved_mailing(issue: Issue, segment: str, now: datetime) -> Mailing:
    """The mailing that approving `issue` would create."""
    return Mailing(pk=0, issue=issue, segment=segment, approved_at=now, send_at=now, **freeze_letter(issue).columns())


def extreme_rows(mailing: Mailing, now: datetime) -> list[DeliveryRow]:
    """Rows of the audience with the longest name, the longest address, and no name."""
    readers = audience(mailing, now)
    orders = [readers.order_by(Length("name").desc(), "pk"), readers.order_by(Length("email").desc(), "pk")]
    orders.append(readers.filter(name="").order_by("pk"))
    columns = ("pk", "email", "name", Value(True), "token_salt", "address_hash")
    rows = [DeliveryRow(0, *values) for found in orders for values in found.values_list(*columns)[:1]]
    return list({row.subscriber_id: row for row in rows}.values())


def _write_copy(mailing: Mailing, compiled: CompiledMailing, row: DeliveryRow) -> WrittenCopy:
    """Build a message by the compiled template and by the e-mail classes: both must be equal."""
    try:
        octets = compiled.envelope(row).data
        built = build_copy(mailing, row.reader, ids=(mailing.pk, row.seq)).message(policy=SMTP).as_bytes()
    except ValueError as error:
        return WrittenCopy(row.name, row.email, problem=str(error))
    differs = _("The two ways to write it differ.") if first_difference(octets, built) else ""
    return WrittenCopy(row.name, row.email, octets, differs)


def _about_copies(written: list[WrittenCopy]) -> Iterator[RehearsalRemark]:
    for one in written:
        if one.problem:
            text = _("The copy of %(reader)s: %(problem)s") % {"reader": one.address, "problem": one.problem}
            yield RehearsalRemark(Topic.READERS, ERROR if one.octets else WARNING, text)
    good = sum(not one.problem for one in written)
    text = ngettext("%(count)d copy was written whole.", "%(count)d copies were written whole.", good)
    yield RehearsalRemark(Topic.READERS, OK, text % {"count": good})


def _about_letter(mailing: Mailing, specimen: WrittenCopy, references: References) -> Iterator[RehearsalRemark]:
    publication = Publication.objects.current()
    logo_url = settings.SITE_URL + publication.logo.url if publication.logo else ""
    slot = next_slots(publication, 1)[0]
    yield from _about_size(mailing)
    yield from check_headers(specimen.octets, mailing)
    yield from check_own_links(references, mailing.issue, slot)
    yield from check_reach_of_links(references)
    yield from check_pictures(references, logo_url=logo_url)
    yield from _about_format(mailing.issue, publication)
    yield from check_losses(mailing.issue, mailing)


def _about_size(mailing: Mailing) -> Iterator[RehearsalRemark]:
    weight = weigh_letter(mailing.issue, mailing)
    level = ERROR if weight.is_too_large else WARNING if weight.is_large else OK
    hint = weight.advice() if weight.is_too_large else ""
    yield RehearsalRemark(Topic.SIZE, level, str(weight), hint)


def _about_format(issue: Issue, publication: Publication) -> Iterator[RehearsalRemark]:
    found = issue.posts_with_objections(publication)
    for post, count in found:
        text = ngettext("“%(title)s”: %(count)d place", "“%(title)s”: %(count)d places", count)
        said, url = text % {"title": post.title, "count": count}, reverse("admin:posts_post_change", args=[post.pk])
        yield RehearsalRemark(Topic.FORMAT, WARNING, said, _("Open the post"), url)
    if not found:
        yield RehearsalRemark(Topic.FORMAT, OK, _("Nothing to say about the posts."))


def links_to_other_sites(references: References) -> list[str]:
    wanted = [*references.links, *(one.url for one in references.pictures)]
    others = [
        url for url in wanted if url.startswith(WEB_SCHEMES) and not is_own_url(url) and reach.opens_from_afar(url)
    ]
    return list(dict.fromkeys(others))[:LINKS_MAX]


def check_other_sites(
    rehearsal: Rehearsal, is_allowed: Callable[[str, int], bool] = may_connect
) -> list[RehearsalRemark]:
    checks = check_links(
        rehearsal.links, on_progress=lambda asked: rehearsal.progress(asked, timezone.now()), is_allowed=is_allowed
    )
    return list(_about_others(checks))


def _about_others(checks: Sequence[LinkCheck]) -> Iterator[RehearsalRemark]:
    for check in checks:
        if check.status in REMARK_OF_STATUS:
            level, template = REMARK_OF_STATUS[check.status]
            values = {"url": check.url, "detail": check.detail}
            yield RehearsalRemark(Topic.LINKS, level, str(template) % values, _("Open it in a browser."))
    offline = sum(check.status == LinkStatus.OFFLINE for check in checks)
    if offline:
        text = _("%(count)d links to other sites were not asked: this machine has no way to them.")
        yield RehearsalRemark(Topic.LINKS, INFO, text % {"count": offline})
    there = sum(check.status == LinkStatus.THERE for check in checks)
    if there:
        text = ngettext("%(count)d link to another site works.", "%(count)d links to other sites work.", there)
        yield RehearsalRemark(Topic.LINKS, OK, text % {"count": there})


REMARK_OF_STATUS: dict[LinkStatus, tuple[str, Promise]] = {
    LinkStatus.GONE: (ERROR, gettext_lazy("Nothing is there (%(detail)s): %(url)s")),
    LinkStatus.NAMELESS: (ERROR, gettext_lazy("There is no host %(detail)s: %(url)s")),
    LinkStatus.REFUSES_BOTS: (INFO, gettext_lazy("Lets only people in (%(detail)s): %(url)s")),
    LinkStatus.DOUBTFUL: (WARNING, gettext_lazy("Could not be looked at (%(detail)s): %(url)s")),
    LinkStatus.ODD_PORT: (
        INFO,
        gettext_lazy("Not asked, because web pages are at ports 80 and 443 (here %(detail)s): %(url)s"),
    ),
    LinkStatus.PRIVATE: (
        WARNING,
        gettext_lazy("Leads into a private network (%(detail)s), so it was not asked: %(url)s"),
    ),
}
