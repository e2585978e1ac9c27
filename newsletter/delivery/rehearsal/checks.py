"""What a mail refers to: the links and pictures of its HTML part, and the addresses in its text part. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from pathlib import PurePath

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.encoding import punycode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.buckets import PicturesAway
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, INFO, OK, WARNING, Rehearsal, Remark
from newsletter.issues.models import Issue
from newsletter.mail import headers, outbox
from newsletter.mail.message import shouted
from newsletter.posts.models import Post, Tag
from newsletter.posts.models.images import BYTES_MOST
from newsletter.publication.pictures.storages import media

ADDRESS = re.compile(r"https?://[^\s<>\"'（）「」『』【】《》，。；：！？、]+")
AT_THE_END = ".,;:!?)]}"  # of a sentence, not of its last address


@dataclass(frozen=True)
class Shown:
    """A picture as the HTML names it; alt is None where there is none, "" where it is said to be decoration."""

    url: str
    alt: str | None
    has_width: bool


@dataclass
class References:
    """The links of the HTML part in their order, its pictures, and its words."""

    links: list[str] = field(default_factory=list)
    pictures: list[Shown] = field(default_factory=list)
    words: str = ""


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

    def handle_data(self, data: str) -> None:
        self.found.words += data


def read_html(html: str) -> References:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.found.links = list(dict.fromkeys(reader.found.links))
    return reader.found


def addresses_in(text: str) -> list[str]:
    """Return each web address of a plain text once."""
    return list(dict.fromkeys(found.rstrip(AT_THE_END) for found in ADDRESS.findall(text)))


Topic = Rehearsal.Topic
UNSUBSCRIBE_URL_MAX = 74  # relays that fold by RFC 2047 write a longer one as an encoded word
ALL_PICTURES_MAX = 2_000_000  # bytes that a reader on the way can bear
FORMATS = {".jpg", ".jpeg", ".png", ".gif"}  # Outlook shows no WebP, AVIF or SVG
ONCE = (
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Precedence", "List-Id", "List-Unsubscribe"),
    *("List-Help", "List-Owner", "List-Post", "List-Archive", "Archived-At", "Feedback-ID"),
)
FOR_MACHINES = r"^(?:List-[\w-]+|Feedback-ID|CFBL-Address|Archived-At|Message-ID):"
ENCODED = re.compile(rf"{FOR_MACHINES}[^\r\n]*=\?".encode(), re.IGNORECASE | re.MULTILINE)


# --- Headers ---


def check_headers(octets: bytes, mailing: Mailing) -> Iterator[Remark]:
    """Look at the head of a message as it goes over the wire."""
    head = octets.partition(b"\r\n\r\n")[0]
    found = [*_broken(head), *_miscounted(octets, mailing), *_about_leaving(octets), *_about_capitals(mailing.subject)]
    yield from found
    if not any(one.level in {ERROR, WARNING} for one in found):
        count = len(outbox.fields(octets))
        text = ngettext(
            "%(count)d header field, as it should be.", "%(count)d header fields, all as they should be.", count
        )
        yield Remark(Topic.HEADERS, OK, text % {"count": count})


def _broken(head: bytes) -> Iterator[Remark]:
    if not head.isascii():
        yield Remark(Topic.HEADERS, ERROR, _("A header has bytes that are not ASCII."))
    if any(len(line) > headers.FIELD_LENGTH_MAX for line in head.split(b"\r\n")):
        yield Remark(Topic.HEADERS, ERROR, _("A header line is longer than 998 bytes."))
    if ENCODED.search(head):
        yield Remark(Topic.HEADERS, ERROR, _("A header for machines is encoded: no mail client understands it."))


def _miscounted(octets: bytes, mailing: Mailing) -> Iterator[Remark]:
    fields = outbox.fields(octets)
    names = [name.lower() for name, _value in fields]
    for name in ONCE:
        if names.count(name.lower()) != 1:
            text = _("The header %(name)s is there %(count)d times instead of once.")
            yield Remark(Topic.HEADERS, ERROR, text % {"name": name, "count": names.count(name.lower())})
    said = {name.lower(): value for name, value in fields}
    if said.get("subject") != mailing.subject:
        yield Remark(Topic.HEADERS, ERROR, _("Mail clients read another subject than the one that was written."))
    domain = punycode(mailing.sender_email.rpartition("@")[2])
    if not said.get("message-id", "").endswith(f"@{domain}>"):
        yield Remark(Topic.HEADERS, ERROR, _("The Message-ID does not end in the sender's domain."))


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


# --- The text part ---


def check_text(references: References, text: str) -> Iterator[Remark]:
    """Compare the addresses in both parts: who reads the text must get everywhere too."""
    if not text.strip():
        yield Remark(Topic.TEXT, ERROR, _("The mail has no text part."))
        return
    links = [url for url in references.links if is_web(url)]
    missing = [url for url in links if url not in text]
    more = [url for url in addresses_in(text) if url not in links and url not in references.words]
    for url in missing:
        yield Remark(Topic.TEXT, ERROR, _("The text part lacks a link: %s") % url)
    for url in more:
        yield Remark(Topic.TEXT, WARNING, _("Only the text part has this link: %s") % url)
    if not missing and not more:
        words = ngettext("%(count)d link, in both parts.", "%(count)d links, the same in both parts.", len(links))
        yield Remark(Topic.TEXT, OK, words % {"count": len(links)})


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
