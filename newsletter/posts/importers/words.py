"""What an import says of its texts, in the language of whoever reads it: the importers name things in English. Pure."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# What an importer may say, word for word.
SAYINGS = (
    _("a picture stays at its old address"),
    _("a picture's link to its own large form stays away"),
    _("a short code stays as it was typed"),
    _("a field of Buttondown stays as it was typed"),
    _("a film or sound stays at its old address"),
    _("a sound stays at its old address"),
    _("a file that is no picture stays at its old address"),
    _("a link leads to a file of the old site"),
    _("a link that opens a program is words"),
    _("a button of the old program stays away"),
    _("a page is a post that no list shows"),
    _("an answer to another story is a post that no list shows"),
    _("code that was put into its page stays away"),
    _("has no place here"),
    _("it has no text"),
    _("it was in the trash there"),
    _("it was behind a password, so it is a draft"),
    _("it was mailed and never on the web, so it is a draft"),
    _("it was not for everybody, so it is a draft"),
    _("its date cannot be read, so it is a draft"),
    _("short codes are Markdown now"),
    _("stands above the text now"),
    _("the caption of its cover stays away"),
    _("the conversation below a thread is not in the export"),
    _("the heading of a fold-out is its summary"),
    _("the script of an embed stays away"),
    _("the small pictures of a bookmark stay away"),
    _("what only mails had is kept as a comment"),
    _("what only members saw is kept as a comment"),
    _("a picture behind words stands above them"),
    _("a gallery is pictures one below the other"),
    _("a link into the old program is words"),
    _("what stands behind the fence of code stays away"),
    _("a box of Substack is written out"),
    _("a box of X is a link"),
    _("a program that stands at GitHub is a link"),
    _("what another site shows is a link"),
    _("what another text says is a link to it"),
    _("the name of an emoji stays as it was typed"),
    _("a formula is written as it was typed"),
    _("the look of single parts stays away"),
    _("what a picture said under a pointer stays away"),
    _("a value that a program writes stays as it was typed"),
    _("a place within the text that links could name stays away"),
    _("a link within the text leads nowhere here"),
    _("a script is kept as a comment"),
    _("a style sheet is kept as a comment"),
    _("a form is kept as a comment"),
    _("an object is kept as a comment"),
    _("a canvas is kept as a comment"),
    _("a drawing (SVG) is kept as a comment"),
    _("a button without an address is kept as a comment"),
    _("a field is kept as a comment"),
    _("a template is kept as a comment"),
    _("it is in none of the places that were searched"),
    _("nobody has said where the old site was"),
    # Why a file, or one of its texts, does not come in.
    _("it would be larger than 20 GB when unpacked"),
    _("it is no story of Medium"),
    _("its text is not in the archive"),
    _("it contains a NUL character; is it a text?"),
    _("it is a link to a file outside the folder"),
    _("it has no posts of Ghost in it"),
    _("the export has no page of it; save it in Ghost and export again"),
    _("it is a list of readers; readers have an import of their own"),
    _("it is a page of HTML, not an export"),
    _("it is a feed, which has the latest posts at most; take the export of the program"),
    _("it is a document, not an export"),
    _("it has pictures and no texts"),
    _("it was unpacked; take the ZIP as the program gave it"),
    _("it is a theme, not an export"),
    _("it is empty"),
    _("there is no post in it"),
    _("it declares a document type or an entity, which no export of WordPress does"),
    _("has an absolute name"),
    _("leads out of the archive"),
    _("is a link to another file"),
    _("is encrypted"),
    _("is larger than 1 GB"),
    _("is packed too tightly to be honest (a zip bomb)"),
    _("its front matter is nested too deeply"),
    _("its front matter has an alias of YAML, which is refused"),
)
# What it may say with a name or a number in it: a group that is a saying itself is said in the same language.
_TWO = r"(?P<a>\d{1,9}) characters, of which (?P<b>\d{1,9}) fit"
_WHICH = r"(?:.{0,500}/)?(?P<a>[^/]{1,200})"
_WHY = r"(?P<a>.{0,500})"
_FORMS = (
    (rf"its title has {_TWO}", _("its title has %(a)s characters, of which %(b)s fit")),
    (rf"its summary has {_TWO}", _("its summary has %(a)s characters, of which %(b)s fit")),
    (r"a tag of more than (?P<a>\d{1,9}) characters stays away", _("a tag of more than %(a)s characters stays away")),
    (r"a (?P<a>[\w-]{1,60}) is a post that no list shows", _("a %(a)s is a post that no list shows")),
    (
        r"a box that is not known here \((?P<a>[^()]{0,60})\) is kept as a comment",
        _("a box that is not known here (%(a)s) is kept as a comment"),
    ),
    (r"its key (?P<a>.{1,200}) says nothing to this importer", _("its key %(a)s says nothing to this importer")),
    (r"its member (?P<a>'[^']{0,200}') (?P<b>.{1,300})", _("its member %(a)s %(b)s")),
    (rf"{_WHICH} is no export that is known here: .{{0,100}}", _("no program is known that writes such a file")),
    (rf"(?:{_WHICH}|it) is not UTF-8 text \(byte (?P<b>\d{{1,12}})\)", _("it is not UTF-8 text (byte %(b)s)")),
    (r"is larger than (?P<a>\d{1,9}) MB; import_posts reads it", _("is larger than %(a)s MB; import_posts reads it")),
    (rf"it is no zip that can be read: {_WHY}", _("it is no zip that can be read: %(a)s")),
    (rf"it is no XML that can be read: {_WHY}", _("it is no XML that can be read: %(a)s")),
    (rf"it is no JSON: {_WHY}", _("it is no JSON: %(a)s")),
    (
        r"it has (?P<a>[\d,]{1,20}) characters; at most (?P<b>[\d,]{1,20}) fit",
        _("it has %(a)s characters; at most %(b)s fit"),
    ),
    (rf"it cannot be read: {_WHY}", _("it cannot be read: %(a)s")),
    (rf"these numbers are in use, or stand twice: {_WHY}", _("these numbers are in use, or stand twice: %(a)s")),
    (rf"words missing: {_WHY}", _("words missing: %(a)s")),
    (rf"words added: {_WHY}", _("words added: %(a)s")),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in _FORMS)


def in_words(said: str) -> str:
    """Return what an importer said in the language that is active; what is not known stays as it is."""
    if not said or said in SAYINGS:
        return gettext(said) if said else ""
    return next(_matched(said), said)


def _matched(said: str) -> Iterator[str]:
    for pattern, words in _PATTERNS:
        if found := pattern.fullmatch(said):
            yield gettext(words) % {name: in_words(value or "") for name, value in found.groupdict().items()}
