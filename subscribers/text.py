"""The texts around the forms by which readers sign up and confirm. Pure."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

INVITATIONS = {"posts", "tag", "post", "issue", "about", "starthere", "year", "archive"}  # where _subscribe.html stands


@dataclass(frozen=True)
class Notice:
    """One piece of information that the law requires."""

    heading: str
    body: str


def server(place: str) -> str:
    """Return where data is kept. place: where the server stands, if the author has said it."""
    if not place:
        return _("On the server of this site.")
    return _("On the server of this site, which stands here: %(place)s.") % {"place": place}


def notices(*, name: str, author: str, contact: str, place: str = "") -> list[Notice]:
    """Return what a reader must be able to read before giving an address.

    name: of the publication. contact: the address that answers requests. place: where the server stands.

    Source: Taiwan's Personal Data Protection Act (個人資料保護法) section 8 I 1-6, section 3.
    """
    return [
        Notice(_("Who keeps it"), _("%(author)s, publisher of %(name)s.") % {"author": author, "name": name}),
        Notice(_("What for"), _("To send you the newsletter you asked for. For nothing else.")),
        Notice(
            _("What is kept"),
            _(
                "Your e-mail address; your name, if you give one; when you agreed, from which IP address, on which "
                "page, and by which link or site you came; which issues went out to you, what your mail server "
                "answered, and what you said of them."
            ),
        ),
        Notice(
            _("How long, where, who sees it"),
            _(
                "Until you leave and ask for it to be deleted. %(server)s Besides, the mail service that delivers the "
                "letters gets your address; nobody else does."
            )
            % {"server": server(place)},
        ),
        Notice(
            _("Your rights"),
            _(
                "You may see, copy, correct, stop or delete what is kept about you: by the links in every letter, "
                "by “Your preferences” at the foot of every page, or by writing to %(contact)s."
            )
            % {"contact": contact},
        ),
        Notice(
            _("If you would rather not"),
            _("Without an address no letter can reach you. Everything stays free to read on this site."),
        ),
    ]


def form_words(*, asks_name: bool = False) -> list[str]:
    """Return what templates/subscribers/_signup_form.html says wherever it stands."""
    return [
        _("Your e-mail address"),
        *([_("Your name, if you like")] if asks_name else []),
        _("Subscribe"),
        _("Free. You confirm by e-mail first, and leave with one click."),
        _("What happens to your address"),
    ]


def signup_words(place: str, *, name: str, promise: str, notes: list[Notice], asks_name: bool = False) -> str:
    """Return the words that a sign-up form showed, to be kept as what its reader agreed to.

    place: where the form stood. Of a place that is not ours only the form itself is known.
    name, promise: of the publication, which asks for the reader's name or does not.
    """
    form = form_words(asks_name=asks_name)
    if place == "subscribe":
        steps = [
            _("You get a letter with a link. Only its owner can confirm an address."),
            _("Open the link and press the button: that is all."),
            _("Then each new issue comes to you. Every one has a link to pause or to leave."),
        ]
        noted = [line for note in notes for line in (note.heading, note.body)]
        lines = [_("Subscribe to %(name)s") % {"name": name}, promise, *form, *steps, *noted]
    elif place == "home":
        lines = [promise or name, *form]
    elif place == "embed":
        lines = [name, promise, *form]
    elif place in INVITATIONS:
        lines = [_("Get %(name)s in your inbox") % {"name": name}, promise, *form]
    else:
        lines = form
    return "\n".join(line for line in lines if line)


def confirm_words(name: str) -> str:
    """Return the words of the page that confirms, but for the address: what the owner of the mailbox agreed to."""
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
