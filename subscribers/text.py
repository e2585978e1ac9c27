"""What readers are told when they sign up: the promise and the six notices of the law. Pure."""

from dataclasses import dataclass

from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Notice:
    """One thing that the law wants told."""

    heading: str
    body: str


def notices(*, name: str, author: str, contact: str) -> list[Notice]:
    """Return what a reader must be told before giving an address.

    name: of the publication. contact: the address that answers requests.

    Source: Taiwan's Personal Data Protection Act (個人資料保護法) section 8 I 1-6, section 3.
    """
    return [
        Notice(_("Who keeps it"), _("%(author)s, publisher of %(name)s.") % {"author": author, "name": name}),
        Notice(_("What for"), _("To send you the newsletter you asked for. For nothing else.")),
        Notice(
            _("What is kept"),
            _("Your e-mail address; your name, if you give one; when and from which IP address you agreed."),
        ),
        Notice(
            _("How long, where, who sees it"),
            _(
                "Until you leave and ask for it to be deleted; on this site's server and with the mail service "
                "that delivers the letters; nobody else gets it."
            ),
        ),
        Notice(
            _("Your rights"),
            _(
                "You may see, copy, correct, stop or delete what is kept about you: by the links in every letter, "
                "or by writing to %(contact)s."
            )
            % {"contact": contact},
        ),
        Notice(
            _("If you would rather not"),
            _("Without an address no letter can reach you. Everything stays free to read on this site."),
        ),
    ]


def consent_text(*, promise: str, notes: list[Notice]) -> str:
    """Return the words that a reader agreed to, to be kept with the agreement."""
    lines = [promise, _("Free. You confirm by e-mail first, and leave with one click.")]
    told = [_("%(heading)s: %(body)s") % {"heading": note.heading, "body": note.body} for note in notes]
    return "\n".join([*lines, *told])
