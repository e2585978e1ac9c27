"""Test copies, and rehearsals: the real letter through the real pipeline, its links asked, and counted nowhere."""

import errno
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from email.policy import SMTP
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Length
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.buckets import PicturesAway
from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter.compiled import LARGEST, PER_COPY, Compiled
from newsletter.delivery.letter.losses import check_losses, weigh
from newsletter.delivery.letter.rendering import copy_for, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, INFO, OK, WARNING, Rehearsal, Remark
from newsletter.delivery.planning.approving import audience
from newsletter.delivery.provider.outcomes import Outcome
from newsletter.delivery.provider.transports import transport_for
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail import outbox
from newsletter.mail.message import Mail, shouted
from newsletter.mail.outward import (
    HOPS_MAX,
    REDIRECTS,
    SECONDS,
    Stop,
    Verdict,
    connected,
    is_askable,
    looked_up,
    parts_of,
)
from newsletter.posts.models import Post, Tag
from newsletter.posts.models.images import BYTES_MOST
from newsletter.publication.models import Publication
from newsletter.publication.pictures.storages import media
from subscribers.models import Subscriber, SubscriberQuerySet

# --- What a mail refers to ---


@dataclass(frozen=True)
class Shown:
    """A picture as the HTML names it; alt is None where there is none, "" where it is said to be decoration."""

    url: str
    alt: str | None
    has_width: bool


@dataclass
class References:
    """The links of the HTML part in their order, and its pictures."""

    links: list[str] = field(default_factory=list)
    pictures: list[Shown] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = References()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.found.links.append(str(given["href"]))
        elif tag == "img":
            alt = (given["alt"] or "") if "alt" in given else None
            has_width = bool(given.get("width"))
            self.found.pictures.append(Shown(str(given.get("src") or ""), alt, has_width))


def read_html(html: str) -> References:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.links = list(dict.fromkeys(reader.found.links))
    return reader.found


Topic = Rehearsal.Topic
UNSUBSCRIBE_URL_MAX = 74  # relays that fold by RFC 2047 write a longer one as an encoded word
ALL_PICTURES_MAX = 2_000_000  # bytes that a reader on the way can bear
FORMATS = {".jpg", ".jpeg", ".png", ".gif"}  # Outlook shows no WebP, AVIF or SVG


# --- Headers ---


def check_headers(octets: bytes, mailing: Mailing) -> Iterator[Remark]:
    found = [*_about_leaving(octets), *_about_capitals(mailing.subject)]
    yield from found
    if not any(one.level in {ERROR, WARNING} for one in found):
        count = len(outbox.fields(octets))
        text = ngettext(
            "%(count)d header field, as it should be.", "%(count)d header fields, all as they should be.", count
        )
        yield Remark(Topic.HEADERS, OK, text % {"count": count})


def _about_leaving(octets: bytes) -> Iterator[Remark]:
    said = {name.lower(): value for name, value in outbox.fields(octets)}
    url = said.get("list-unsubscribe", "").partition(",")[0].strip("<>")
    if len(url) > UNSUBSCRIBE_URL_MAX:
        text = _("The address to unsubscribe has %(count)d characters: some relays spoil it beyond 74.")
        hint = _("A shorter host name in SITE_URL mends that.")
        yield Remark(Topic.HEADERS, WARNING, text % {"count": len(url)}, hint)
    if "list-unsubscribe-post" not in said:
        text = _("Mail clients will show no one-click button to unsubscribe, which Gmail and Yahoo ask for.")
        yield Remark(Topic.HEADERS, WARNING, text, _("It needs a SITE_URL that begins with https (RFC 8058)."))


def _about_capitals(subject: str) -> Iterator[Remark]:
    if letters := shouted(subject):
        text = _("Some spam filters take this subject for shouting: all its Latin letters are capitals (%s).") % letters
        hint = _("The issue's number (No. 42), a small letter or no space mends that. SpamAssassin adds 0.5 points.")
        yield Remark(Topic.HEADERS, INFO, text, hint)


def is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


# --- Links ---


def is_own(url: str) -> bool:
    return url == settings.SITE_URL or url.startswith(f"{settings.SITE_URL}/")


def check_own_links(references: References, issue: Issue, at: datetime) -> Iterator[Remark]:
    """Follow the links to this site through its own addresses and rows, as they will be at `at`."""
    own = [url for url in references.links if is_own(url)]
    lost = [url for url in own if not _leads_somewhere(url, issue, at)]
    for url in lost:
        yield Remark(Topic.LINKS, ERROR, _("Nothing is there on this site: %s") % url, _("Mend the link."))
    for url in references.links:
        if not is_web(url) and not url.startswith("mailto:"):
            yield Remark(Topic.LINKS, ERROR, _("This link works in no mail: %s") % url, _("Write the whole address."))
    if own and not lost:
        words = ngettext("%(count)d link to this site works.", "All %(count)d links to this site work.", len(own))
        yield Remark(Topic.LINKS, OK, words % {"count": len(own)})


def _leads_somewhere(url: str, issue: Issue, at: datetime) -> bool:
    path = url.removeprefix(settings.SITE_URL).partition("#")[0].partition("?")[0] or "/"
    try:
        match = resolve(path)
    except Resolver404:
        return False
    return _has_row(match, issue, at)


def _has_row(match: ResolverMatch, issue: Issue, at: datetime) -> bool:
    """Return whether the page of a path has something to show then; most pages always have."""
    given = match.kwargs
    match match.view_name:
        case "posts:post":
            return Post.objects.published(at).filter(pk=given["number"]).exists()
        case "posts:tag":
            return Tag.objects.in_use(at).filter(slug=given["slug"]).exists()
        case "issues:issue":
            is_archived = Issue.objects.archived().filter(number=given["number"]).exists()
            return given["number"] == issue.number or is_archived
        case "publication:media":
            return _is_kept(f"{given['digest']}/{given['name']}")
    return True


def _is_kept(path: str) -> bool:
    """Return whether a picture is there, or may be: `check_pictures` says when that cannot be known."""
    try:
        return media.exists(path)
    except PicturesAway:
        return True


# --- Pictures ---


def check_pictures(references: References, *, logo_url: str = "") -> Iterator[Remark]:
    """Look whether each picture is there, not too heavy, and says what it shows.

    logo_url: of the one that may say nothing, because the publication's name stands beside it.
    """
    try:
        yield from _about_pictures(references, logo_url)
    except PicturesAway:
        text = _("The pictures could not be looked at: where they lie does not answer.")
        yield Remark(Topic.PICTURES, WARNING, text, _("Rehearse again in some minutes."))


def _about_pictures(references: References, logo_url: str) -> Iterator[Remark]:
    found = [remark for one in references.pictures for remark in (*_about_file(one), *_about_words(one, logo_url))]
    total = sum(_size(one.url) or 0 for one in references.pictures)
    if total > ALL_PICTURES_MAX:
        text = _("All pictures together weigh %s; on the way that takes long.") % filesizeformat(total)
        found.append(Remark(Topic.PICTURES, WARNING, text, _("Show some posts as excerpts, or make pictures smaller.")))
    yield from found
    if not references.pictures:
        yield Remark(Topic.PICTURES, OK, _("There are no pictures."))
    elif not found:
        count = len(references.pictures)
        text = ngettext("%(count)d picture, %(size)s.", "%(count)d pictures, together %(size)s.", count)
        yield Remark(Topic.PICTURES, OK, text % {"count": count, "size": filesizeformat(total)})


def _about_file(picture: Shown) -> Iterator[Remark]:
    name = PurePath(picture.url).name
    if not is_own(picture.url):
        text = _("This picture comes from another site, which sees who reads: %s") % picture.url
        yield Remark(Topic.PICTURES, WARNING, text, _("Upload it here instead."))
    elif (size := _size(picture.url)) is None:
        yield Remark(Topic.PICTURES, ERROR, _("This picture is lost: %s") % name, _("Upload it again."))
    elif size > BYTES_MOST:
        text = _("This picture weighs %(size)s: %(name)s") % {"size": filesizeformat(size), "name": name}
        yield Remark(Topic.PICTURES, WARNING, text, _("Make it smaller."))
    if is_own(picture.url) and PurePath(picture.url).suffix.lower() not in FORMATS:
        yield Remark(Topic.PICTURES, WARNING, _("Outlook does not show this picture: %s") % name, _("Use JPEG or PNG."))


def _about_words(picture: Shown, logo_url: str) -> Iterator[Remark]:
    name = PurePath(picture.url).name
    if picture.alt is None or (not picture.alt.strip() and picture.url != logo_url):
        text = _("Who does not see this picture is told nothing: %s") % name
        yield Remark(Topic.PICTURES, WARNING, text, _("Give it an alternative text."))
    if not picture.has_width:
        text = _("Outlook shows this picture as wide as its file, for it has no width: %s") % name
        yield Remark(Topic.PICTURES, INFO, text)


def _size(url: str) -> int | None:
    """Return the bytes of a picture of ours; None when its file is lost, or when it is not ours."""
    path = url.removeprefix(settings.SITE_URL).removeprefix(settings.MEDIA_URL)
    try:
        return media.size(path) if is_own(url) else None
    except PicturesAway:
        raise
    except (OSError, ValueError):
        return None


# --- Asking other people's addresses ---


AT_ONCE = 4
AGENT = "newsletter-rehearsal/1 (looks whether a link works)"
GONE_FOR_SURE = frozenset({404, 410})
NO_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class Found:
    url: str
    verdict: Verdict
    detail: str = ""


def ask_all(
    urls: Iterable[str], *, on_answer: Callable[[int], None], may_ask: Callable[[str, int], bool] = is_askable
) -> list[Found]:
    """Ask each address, AT_ONCE at a time; `on_answer` gets how many have been asked, in the caller's thread."""
    with ThreadPoolExecutor(AT_ONCE, "outward") as threads:
        futures = [threads.submit(ask, url, may_ask=may_ask) for url in urls]
        for number, _done in enumerate(as_completed(futures), 1):
            on_answer(number)
    return _without_names([future.result() for future in futures])


def _without_names(found: list[Found]) -> list[Found]:
    """Where not one host has a name, it is the way out that is missing: resolvers of closed networks say so."""
    if any(one.verdict not in {Verdict.NAMELESS, Verdict.OFFLINE} for one in found):
        return found
    return [Found(one.url, Verdict.OFFLINE, one.detail) for one in found]


def ask(url: str, *, may_ask: Callable[[str, int], bool] = is_askable) -> Found:
    """Follow one address to its end; at most HOPS_MAX redirects, each looked at like the first."""
    try:
        return Found(url, *_follow(url, may_ask))
    except Stop as stop:
        return Found(url, stop.verdict, stop.detail)
    except TimeoutError:
        return Found(url, Verdict.DOUBTFUL, f"no answer within {SECONDS:.0f} seconds")
    except OSError as error:
        return Found(url, Verdict.OFFLINE if error.errno in NO_NETWORK else Verdict.DOUBTFUL, _words(error))
    except (HTTPException, ValueError) as error:
        return Found(url, Verdict.DOUBTFUL, type(error).__name__)


def _words(error: OSError) -> str:
    return str(getattr(error, "verify_message", "") or error.strerror or type(error).__name__)


def _follow(url: str, may_ask: Callable[[str, int], bool]) -> tuple[Verdict, str]:
    here = url
    for _hop in range(HOPS_MAX + 1):
        status, location = _status(here, may_ask)
        if status not in REDIRECTS or not location:
            return _verdict(status), str(status)
        here = urljoin(here, location)
    return Verdict.DOUBTFUL, f"more than {HOPS_MAX} redirects"


def _verdict(status: int) -> Verdict:
    if status in GONE_FOR_SURE:
        return Verdict.GONE
    if status < 400:
        return Verdict.THERE
    return Verdict.DOUBTFUL if 500 <= status < 600 else Verdict.SHY


def _status(url: str, may_ask: Callable[[str, int], bool]) -> tuple[int, str]:
    """Ask by HEAD, and by GET what HEAD was refused: many servers do not know it (RFC 9110 section 9.3.2)."""
    parts = parts_of(url)
    address = looked_up(parts, may_ask)
    status, location = _request("HEAD", parts, address)
    return _request("GET", parts, address) if status >= 400 else (status, location)


def _request(method: str, parts: SplitResult, address: str) -> tuple[int, str]:
    with connected(parts, address) as connection:
        target = parts.path or "/"
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": AGENT, "Accept": "*/*"}
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, headers=headers)
        response = connection.getresponse()  # the body is never read
        return response.status, response.getheader("Location", "")


# --- Copies ---


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
    return [Row(LARGEST, LARGEST, address, name, is_mailable=True) for name, address in MADE_UP]


def some_readers(mailing: Mailing, now: datetime) -> list[Row]:
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
    fields = [(name.lower(), value) for name, value in outbox.fields(octets)]
    own = sorted(one for one in fields if one[0] not in PER_COPY)
    return own, outbox.part(octets, "html"), outbox.part(octets, "plain")


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
    yield from check_headers(specimen.octets, mailing)
    yield from check_own_links(references, mailing.issue, slot)
    yield from check_pictures(references, logo_url=logo_url)
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
    found = [url for url in wanted if is_web(url) and not is_own(url)]
    return list(dict.fromkeys(found))[:LINKS_MAX]


def ask_others(rehearsal: Rehearsal, may_ask: Callable[[str, int], bool] = is_askable) -> list[Remark]:
    """Ask every address that is not ours; the rehearsal's row counts how many have been asked."""
    found = ask_all(
        rehearsal.links, on_answer=lambda number: rehearsal.progress(number, timezone.now()), may_ask=may_ask
    )
    return list(_about_others(found))


def _about_others(found: Iterable[Found]) -> Iterator[Remark]:
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
