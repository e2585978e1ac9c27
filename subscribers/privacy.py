"""The privacy notice, generated from this installation's settings, and the texts of sign-up forms.

Each wording of the notice is a version.
Sources: Personal Data Protection Act of Taiwan (個人資料保護法) sections 3, 8 I 1-6; GDPR articles 6, 7, 13, 15-21, 77.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from newsletter.mail.mailers import provider_host
from newsletter.publication.models import Publication
from subscribers.models import FORGET_AFTER

FORM_PAGES = {"posts", "tag", "post", "issue", "about", "starthere", "year", "archive"}  # pages with _subscribe.html


@dataclass(frozen=True)
class NoticeSection:
    """A piece of information that the law requires."""

    heading: str
    body: str


def signup_words(publication: Publication, place: str) -> str:
    """The text around a sign-up form, for the consent record. place: page of the form; "embed": another site.

    The form's own text is that of templates/subscribers/_signup_form.html.
    """
    name, promise = publication.name, publication.promise
    before = {
        "subscribe": [_("Subscribe to %(name)s") % {"name": name}, promise],
        "home": [promise or name],
        "embed": [name, promise],
        **{page: [_("Get %(name)s in your inbox") % {"name": name}, promise] for page in FORM_PAGES},
    }
    form = [
        _("Your e-mail address"),
        _("Your name, if you like") if publication.asks_name else "",
        _("Subscribe"),
        _("Free. You confirm by e-mail first, and leave with one click."),
        _("What happens to your address"),
    ]
    steps = [
        _("You get a letter with a link. Only its owner can confirm an address."),
        _("Open the link and press the button: that is all."),
        _("Then each new issue comes to you. Every one has a link to pause or to leave."),
    ]
    return "\n".join(filter(None, [*before.get(place, []), *form, *(steps if place == "subscribe" else [])]))


def confirm_words(name: str) -> str:
    return "\n".join(
        [
            _("One click is left"),
            _("%(name)s will come to your address:") % {"name": name},
            _("Yes, subscribe me"),
            _(
                "It was not you? Close this page: without the button nothing happens, and the address is forgotten "
                "after 30 days."
            ),
        ]
    )


VERSION_LENGTH = 8  # hex characters
RECIPIENT_CALLBACKS: list[Callable[[], list[str]]] = []  # hosts to which other apps send readers' addresses


@dataclass(frozen=True)
class NoticeFacts:
    """What the notice depends on. providers: mail services; recipients: hosts of webhooks that get addresses."""

    publication: Publication
    providers: tuple[str, ...]
    recipients: tuple[str, ...]
    keeps_replies: bool
    has_delivery_reports: bool
    has_backups: bool

    @classmethod
    def now(cls) -> "NoticeFacts":
        mailers = (settings.MAILERS["default"], settings.MAILERS["bulk"])
        return cls(
            publication=Publication.objects.current(),
            providers=tuple(dict.fromkeys(filter(None, map(provider_host, mailers)))),
            recipients=tuple(sorted({host for hosts in RECIPIENT_CALLBACKS for host in hosts()})),
            keeps_replies=bool(settings.MAILBOX_URL),
            has_delivery_reports=bool(settings.WEBHOOK_SECRET),
            has_backups=bool(settings.BACKUP_URL),
        )


def notice_sections(facts: NoticeFacts) -> list[NoticeSection]:
    publication = facts.publication
    author, contact = publication.author or publication.name, publication.reply_to or publication.sender_email
    words = {"author": author, "name": publication.name, "contact": contact}
    return [
        NoticeSection(_("Who keeps it"), _("%(author)s, publisher of %(name)s. Write to %(contact)s.") % words),
        NoticeSection(_("What for, and by what right"), _purpose(facts)),
        NoticeSection(_("What is kept"), _kept(facts)),
        NoticeSection(_("How long"), _time(facts)),
        NoticeSection(_("Where, and who sees it"), _whereabouts(facts)),
        NoticeSection(_("What is not done"), _not_done(facts)),
        NoticeSection(
            _("Your rights"),
            _(
                "See, copy as a file, correct, stop or delete what is kept: by “Your preferences” at the foot of every "
                "page and of every letter, or by writing to %(contact)s. You may complain to %(authority)s."
            )
            % (words | {"authority": _authority(publication)}),
        ),
        NoticeSection(
            _("If you would rather not"),
            _("Without an address no letter can reach you. Everything stays free to read on this site."),
        ),
    ]


def _authority(publication: Publication) -> str:
    if publication.time_zone == "Asia/Taipei":
        return _("the Personal Data Protection Commission in Taiwan, or to the authority of your country")
    return _("the data protection authority of your country")


def _time(facts: NoticeFacts) -> str:
    time = _(
        "As long as you read. A sign-up that nobody confirms is deleted after %(days)d days. After you leave, it is "
        "kept that you have left, so that nobody mails you again. The IP address from which you agreed is deleted "
        "after a year. You may have everything deleted at once; then a pseudonym of your address stays, a salted "
        "hash, so that no import brings you back."
    ) % {"days": FORGET_AFTER.days}
    if facts.keeps_replies:
        time = _more(time, _("Letters that come back, and automatic replies, are deleted after 30 days."))
        written = _(
            "What you write in answer to a letter, and the author's answer, is deleted after two years, files "
            "that you attach after 90 days, and all of it at once when you have everything deleted."
        )
        time = _more(time, written)
    if facts.has_backups:
        return _more(time, _("Backups still have what was deleted until they are replaced, after a year or so."))
    return _more(time, _("Backups of the server still have what was deleted until they are replaced."))


def _not_done(facts: NoticeFacts) -> str:
    if facts.publication.counts_links:
        return _(
            "Public pages set no cookie. No picture in a letter tells whether you have read it, no link tells who has "
            "followed it. Nothing is sold, no profile is made, no machine decides about you."
        )
    return _(
        "Public pages set no cookie. No picture in a letter tells whether you have read it, no link leads over "
        "a counter. Nothing is sold, no profile is made, no machine decides about you."
    )


def _kept(facts: NoticeFacts) -> str:
    kept = _(
        "Your e-mail address; your name, if you give one; when, by which form and from which IP address you "
        "agreed, and by which page, link or site you came to it; pauses and changes of address; which issues "
        "went out to you and what your mail server answered; what you said of them; tags and notes of the "
        "author."
    )
    if facts.keeps_replies:
        kept = _more(kept, _("Besides, what you write in answer to a letter, and what the author answers."))
    if facts.has_delivery_reports:
        kept = _more(kept, _("Besides, what the mail service reports of a letter: arrived, refused, called unwanted."))
    if facts.publication.counts_links:
        counted = _(
            "Besides, how often a link of an issue was followed, as a number for each day. Such a link leads over this "
            "site and is the same in every letter, so that nobody can see who has followed it. Until midnight a salted "
            "hash of network and browser is kept beside it, to count nobody twice; then hash and salt are deleted. "
            "Whoever lets their browser ask not to be tracked (Global Privacy Control, Do Not Track) is not counted."
        )
        kept = _more(kept, counted)
    if facts.publication.asks_heard:
        kept = _more(kept, _("Besides, how you heard of it, if you say so."))
    if facts.publication.invites:
        kept = _more(kept, _("How many readers came by your link, as a number; who, only until they confirm."))
    return kept


def _more(text: str, more: str) -> str:
    return _("%(purpose)s %(more)s") % {"purpose": text, "more": more}


def _purpose(facts: NoticeFacts) -> str:
    purpose = _(
        "To send you the newsletter that you asked for, and for nothing else. The ground is your consent; you "
        "take it back at any time, with one click in every letter."
    )
    reminded = _("Whoever signs up and does not confirm is reminded once, by one mail after two days.")
    return _more(purpose, reminded) if facts.publication.reminds_unconfirmed else purpose


def _whereabouts(facts: NoticeFacts) -> str:
    placed = _("On the server of this site, which stands here: %(place)s.") % {"place": facts.publication.data_place}
    said = [
        placed if facts.publication.data_place else _("On the server of this site."),
        _("Programs there use it to send letters and to answer you; the author and who helps see it at their desk."),
    ]
    if facts.providers:
        handed = _("Letters are handed over to %(providers)s, which sees your address and the letter.")
        said.append(handed % {"providers": _(", ").join(facts.providers)})
    if facts.recipients:
        sent = _("When you confirm, leave, or no letter goes to you any more, %(who)s is notified, with your address.")
        said.append(sent % {"who": _(", ").join(facts.recipients)})
    return reduce(_more, [*said, _("Nobody else gets it.")])


def notice_text() -> str:
    """The whole notice in the publication's language, for the consent record."""
    with translation.override(Publication.objects.current().language):
        return "\n".join(line for part in notice_sections(NoticeFacts.now()) for line in (part.heading, part.body))


def notice_version(text: str) -> str:
    """Short digest of the wording."""
    return sha256(text.encode()).hexdigest()[:VERSION_LENGTH]
