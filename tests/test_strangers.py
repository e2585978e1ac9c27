"""Nothing that a stranger sends costs more than its length: every door and every pattern, with 16 KB of the worst."""

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from django.core.exceptions import BadRequest, ValidationError
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from newsletter.delivery.provider import batch_apis
from newsletter.mail import headers, outbox, tokens
from newsletter.posts.models import tag_names
from newsletter.posts.search import folding
from newsletter.posts.search.folding import fold, hits, terms
from newsletter.posts.urls import AddressConverter
from newsletter.publication.limits import doors, rates
from newsletter.publication.pictures.uploads import Picture
from subscribers.addresses import AddressError, key, normalise, one_line
from subscribers.forms import AddressField, NameForm, PauseForm, SignupForm, SuppressionForm
from subscribers.importers import csv_file, encodings
from subscribers.models.tags import split_tags
from tests.factories import make_publication, make_subscriber
from tests.support.cpu import is_read_within, is_within

ROOT = Path(__file__).parents[1]
LENGTH = 16_384  # characters: what the public doors take at most
SECONDS = 0.05  # of CPU time
# Periods of the worst texts that are known: what is sorted, what is composed or taken apart into many, what patterns of
# addresses, quotes, brackets and headers go back over.
UNITS = (
    *("\u0315\u0316", "\u0f73", "\ufdfa", "\u1e9b\u0323", "가", "a", "0", "中", "中 a", "\u3000", "\u202e", "İ"),
    *(" ", " \n", "@", "a@", ".", "a.", "-", "a-", "_", "%", "&", "#", "/", "\\", "'", '"', '"a', "「", "[", "[(", "<"),
    *(",", "、", ";", '";', ":", "1:", "=", "a=", "=?", "xn--", "xn--a.", "\t", "*", "~", "!", "\r\n "),
)


def repeated(unit: str, length: int = LENGTH) -> str:
    return unit * (length // len(unit))


def worst() -> Iterator[str]:
    """Yield each text bare and as an address, with all marks of a kind together, and with an end that fits nothing."""
    yield "a" + "\u0315" * (LENGTH // 2) + "\u0316" * (LENGTH // 2)
    yield "\u0315" * (LENGTH // 2) + "\u0316" * (LENGTH // 2) + "@example.org"
    for unit in UNITS:
        text = repeated(unit)
        yield from (text, f"a@{text}", f"{text}@example.org", f"a{text}!")


# --- What takes texts of strangers ---


def refusing(act: Callable[[str], object], *refusals: type[Exception]) -> Callable[[str], None]:
    def door(text: str) -> None:
        with suppress(*refusals):
            act(text)

    return door


def sign_up_form(text: str) -> None:
    form = SignupForm({"email": text, "website": text, "place": text, "stamp": text, "person": text})
    if form.is_valid():
        form.is_from_person(timezone.now())
    more = {"name": text, "invite": text}
    form = SignupForm({"email": "a@example.org", "place": text, "stamp": text, "person": text} | more)
    assert form.is_valid()
    assert not form.is_from_person(timezone.now())


def csv_table(text: str) -> None:
    columns = ("email", "name", "tags", "status", "created_at", "paused_until", "unsubscribed_at")
    cell = '"' + text.replace('"', '""') + '"'
    table = f"{','.join(columns)}\n" + f"{','.join([cell] * len(columns))}\na@example.org,{cell},{cell}\n"
    assert list(csv_file.Table(BytesIO(table.encode()), "utf-8").rows())
    refusing(lambda line: csv_file.Table(BytesIO(line.encode()), "utf-8"), encodings.FileError)(text)


def behind_a_proxy(text: str) -> None:
    rates.client_address(RequestFactory().get("/", headers={"X-Forwarded-For": f"{text}, {text}"}))


def origin(text: str) -> None:
    request = RequestFactory().post("/subscribe/", headers={"Origin": f"https://{text}", "Sec-Fetch-Site": text})
    doors.is_own(request)


DOORS: dict[str, Callable[[str], object]] = {
    "an address": refusing(normalise, AddressError),
    "the key of an address": key,
    "a field of addresses": refusing(AddressField().clean, ValidationError),
    "the sign-up form": sign_up_form,
    "a reader's name": lambda text: NameForm({"name": text}).is_valid(),
    "the end of a pause": lambda text: PauseForm(
        {"length": text, "until_on": text}, today=timezone.localdate()
    ).is_valid(),
    "a suppressed address": lambda text: SuppressionForm({"email": text, "note": text, "reason": text}).errors,
    "one line": one_line,
    "a reader's tags": split_tags,
    "a post's tags": tag_names,
    "the words of a search": lambda text: hits(tuple(terms(text[:100]))).search(fold(text)),
    "folding": fold,
    "a table of readers": csv_table,
    "a token": lambda text: (tokens.opens(text, "confirm"), tokens.number_of(text)),
    "a proxy's header": behind_a_proxy,
    "an origin": origin,
    "an IP address": rates.neighbourhood,
    "a mailbox": headers.parsed,
    "a display name in a header": refusing(
        lambda text: headers.written_mailboxes("To", [(one_line(text), "a@example.org")], "\r\n"), ValueError
    ),
    "a name in the outbox": lambda text: list(outbox.names(Path(), text)),
    "the name of a file": lambda text: Picture(b"", ".jpg", 1, 1, "").file_name(text),
}


@pytest.mark.django_db
@pytest.mark.parametrize("door", DOORS)
def test_a_stranger_cannot_make_a_door_work_for_long(door, settings):
    settings.TRUSTED_PROXIES = 2
    make_publication(asks_name=True)
    act = DOORS[door]

    slow = [f"{text[:4]!r}…{text[-4:]!r}" for text in worst() if not is_within(SECONDS, lambda text=text: act(text))]

    assert slow == []


FIELDS = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Cookie", "If-Match", "If-None-Match", "If-Modified-Since"),
    *("If-Unmodified-Since", "Origin", "Range", "Referer", "Sec-Fetch-Site", "User-Agent", "X-Forwarded-For"),
    *("X-Forwarded-Proto", "Host", "Content-Type"),
)


def asked_with_header(name: str, text: str) -> Callable[[], object]:
    value = text.replace("\r", "").replace("\n", "").encode().decode("latin-1")  # as WSGI hands it over: PEP 3333
    post = {"path": "/subscribe/", "data": b"email=a", "content_type": "application/x-www-form-urlencoded"}
    if name == "Content-Type":
        kind = f"multipart/form-data; a={value}"
        return lambda: refusing(lambda kind: Client().post(**post | {"content_type": kind}), BadRequest)(kind)
    given = f"news.example.org:{value}" if name == "Host" else value
    return lambda: (Client().get("/", headers={name: given}), Client().post(**post, headers={name: given}))


ADDRESSES = {
    "/search/?q=TEXT": lambda text: lambda: Client().get("/search/", {"q": text}),
    "/search/?page=TEXT": lambda text: lambda: Client().get("/search/", {"q": "題", "page": text}),
    "/posts/?page=TEXT": lambda text: lambda: Client().get("/posts/", {"page": text, "v": text}),
    "/confirm/TEXT/": lambda text: lambda: Client().get("/confirm/" + text + "/"),
    "/tags/TEXT/": lambda text: lambda: Client().get("/tags/" + text + "/"),
    "/media/TEXT/TEXT": lambda text: lambda: Client().get("/media/" + text + "/" + text),
    "/p/1-TEXT/": lambda text: lambda: Client().get("/p/1-" + text + "/"),
    "/TEXT": lambda text: lambda: Client().get("/" + text),
    "POST /subscribe/": lambda text: lambda: Client().post("/subscribe/", {"email": text, text[:9999]: text}),
}
ADDRESS_MAX = 65_534  # octets with its query; a longer one gets 414 from the web server, before we see it
PERIODS = ("\u0315\u0316", "\ufdfa", " ", "@", "a.", '"', '";', ";", ",", "=", "\\", "a=1; ", "q=1,", "\x07", "W/", "[")


@pytest.mark.django_db
@pytest.mark.parametrize("name", FIELDS)
def test_no_header_of_a_request_is_read_for_long(name, settings):
    settings.TRUSTED_PROXIES = 1
    make_publication()
    plain = asked_with_header(name, "a")

    slow = [
        unit for unit in PERIODS if not is_within(SECONDS, asked_with_header(name, f'"{repeated(unit)}'), beyond=plain)
    ]

    assert slow == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_is_read_for_long(address):
    make_publication()
    act = ADDRESSES[address]

    def longest(unit: str) -> str:
        """Return what fits twice into an address, where a character takes up to nine octets."""
        return unit * min(LENGTH // len(unit), ADDRESS_MAX // 2 // len(quote(unit, safe="")))

    texts = {unit: repeated(unit) if address.startswith("POST") else longest(unit) for unit in PERIODS}
    slow = [unit for unit, text in texts.items() if not is_within(SECONDS, act(text), beyond=act("a"))]

    assert slow == []


@pytest.mark.django_db
def test_what_a_token_opens_reads_no_text_for_long():
    make_publication()
    reader = make_subscriber()
    page = reader.preferences_url.removeprefix("https://news.example.org")

    def sent(where: str, text: str) -> Callable[[], object]:
        return lambda: Client().post(page + where, {"name": text, "email": text, "length": text, "until_on": text})

    slow = [
        (where, unit)
        for where, unit in product(("", "pause/", "address/"), PERIODS)
        if not is_within(SECONDS, sent(where, repeated(unit)), beyond=sent(where, "a"))
    ]

    assert slow == []


# --- Patterns ---

# Who wrote what a pattern reads. A stranger's text may have 16 KB; each of those patterns is named below with the
# characters that its repeats take, and is tried with every text of one or two of them in turn.
STRANGERS = {
    "subscribers.importers.encodings.NOT_WESTERN": "é",
    "subscribers.importers.encodings.SIGN": "sep=; ",
    "subscribers.importers.times.DOTTED": "1.: ,",
    "subscribers.importers.times.OF_GO": "2-: .+Z",
    "subscribers.importers.times.SHEET": "2/: 上",
    "newsletter.publication.headers.WEIGHT": "q=1.0 ",
    "newsletter.delivery.sending.api_courier.PLAIN_ADDRESS": "a@.-0",
    "newsletter.delivery.events.finding.OURS": "issue.10a<@",
    "newsletter.delivery.events.reading.requests.ENHANCED": "5.1",
    "newsletter.delivery.events.reading.requests.OUR_MESSAGE_ID": "issue.10a@",
    "newsletter.delivery.events.sns.HOST": "sns.a-1mazoncm",
    "newsletter.delivery.events.reading.foreign.AWAY": "auto: -",
    "newsletter.delivery.events.reading.foreign.CHALLENGE": "to release your mail ",
    "newsletter.delivery.events.reading.reports.TYPED": "a-; ",
    "newsletter.delivery.events.reading.foreign.BY_GATEKEEPER": "spam arrest@.",
    "newsletter.delivery.events.reading.reports.CODE": "5. ",
    "newsletter.delivery.events.reading.foreign.ARRIVED": "successfully delivered was been",
    "newsletter.delivery.events.reading.foreign.NOT_DELIVERED": "could not be delivered",
    "newsletter.delivery.events.reading.verdicts.TOGETHER": "aA_",
    "newsletter.delivery.events.reading.reports.FEEDBACK_BLOCK": "feedback-type:\n x",
    "newsletter.delivery.events.reading.foreign.ADDRESS": "a@.-",
    "newsletter.delivery.events.reading.foreign.ALONE": "\n<a@.->: ",
    "newsletter.delivery.events.reading.foreign.ENVELOPE": "\n RCPT TO",
    "newsletter.delivery.events.reading.foreign.DAEMON": "mail -_",
    "newsletter.delivery.events.reading.reports.BLOCK": "final-recipient:\n x",
    "newsletter.delivery.events.reading.foreign.ANSWER": "re :",
    "newsletter.delivery.events.reading.foreign.AT_LINE_START": "\n <a@.",
    "newsletter.delivery.events.reading.foreign.ERROR": "Error:\n",
    "newsletter.delivery.events.reading.foreign.LATE": "delay ",
    "newsletter.delivery.events.reading.foreign.GOES_ON": "will be ",
    "newsletter.delivery.events.reading.foreign.ORIGINAL": "-=\nthe original message",
    "newsletter.delivery.events.reading.foreign.STRONG": "5 -#<.a",
    "newsletter.delivery.events.reading.foreign.TITLE": "mail delivery fail",
    "newsletter.delivery.events.reading.foreign.CERTAIN": "bounces-",
    "newsletter.delivery.events.reading.foreign.TAGGED": " [a]\n",
    "newsletter.delivery.events.reading.personal.FROM_FIELD": "*from: ",
    "newsletter.delivery.events.reading.personal.INTRODUCED": "on wrote: <@>",
    "newsletter.delivery.events.reading.personal.OTHER_FIELD": "*to: ",
    "newsletter.delivery.events.reading.personal.RULED": "- _original message",
    "newsletter.delivery.events.reading.message.CONTROL": "\x00a",
    "newsletter.delivery.events.reading.message.PLUS": "+a@",
    "newsletter.delivery.events.reading.message.QUOTED_ID": "message-id: <\n",
    "newsletter.delivery.events.reading.message.TOKEN_IN_LINK": "/+a",
    "newsletter.delivery.events.reading.verdicts.ENHANCED": "5.1",
    "newsletter.delivery.events.reading.verdicts.NEEDLESS": "(in reply to )",
    "newsletter.delivery.events.reading.verdicts.QUOTED": "<a@.>:/ ",
    "newsletter.delivery.events.reading.verdicts.REASON": "reject reason: a",
    "newsletter.delivery.events.reading.verdicts.BEFORE_RECIPIENT": "after piped HELO",
    "newsletter.delivery.events.reading.verdicts.NOT_IN_DIRECTORY": "recipient address rejected :",
    "newsletter.delivery.letter.compiled.COMMON_ADDRESS": "a@.-!",
    "newsletter.delivery.letter.compiled.COMMON_NAME": "a !'",
    "newsletter.delivery.letter.compiled.PLAIN": "a@. ",
    "newsletter.mail.characters._PERHAPS_MARKS": "a\u0315\u0316中\u0400",
    "newsletter.mail.characters._BREAKS": "\r\na\x0b",
    "newsletter.mail.characters._CONTROL": "\x02a中",
    "newsletter.mail.characters._LINES": "\r\na ",
    "newsletter.desk.accounts.browsers.CLAIM": "0.a",
    "newsletter.mail.headers.ATOMS": "a !\u0315",
    "newsletter.mail.headers.CONTROL": "a\n\x85",
    "newsletter.mail.headers.LIKE_ENCODED": "=?bq",
    "newsletter.mail.headers.MAILBOX": ' a"\\<>',
    "newsletter.mail.logs.CONTROLS": "a\n\u202e",
    "newsletter.mail.logs.TOKEN": "/a0 undo",
    "newsletter.mail.outbox.ADDRESS_FIELDS": "to:\r\n ",
    "newsletter.mail.outbox.NAME": "0T-",
    "newsletter.mail.replies.CODE": "5 -",
    "newsletter.mail.replies.ENHANCED": "5.1 -#(",
    "newsletter.mail.replies.NO_SUCH_ADDRESS_AT_MICROSOFT": "re ",
    "newsletter.mail.replies.QUOTED": "<a@.>:/ ",
    "newsletter.posts.search.folding.IS_CJK": "中a ",
    "newsletter.posts.search.folding.JOINED": "a.+#",
    "newsletter.posts.search.folding.NEEDLESS": "中a ",
    "newsletter.posts.search.folding.PARTS": "中a_",
    "newsletter.posts.search.folding.PHRASE": '"a「」 ',
    "newsletter.posts.search.folding.RUN": "中a.+#",
    "subscribers.addresses._IN_TEXT": "a@. ",
    "newsletter.publication.kept.pages.NUMBER": "10a",
    "subscribers.addresses._HYPHEN_TAGS": "yahoo.com",
    "newsletter.mail.text.salutations.DROPPED": "a<&",
    "subscribers.forms.ADVERTISEMENT": "aw.",
    "subscribers.addresses._ORDINARY": "a@.-_",
    "subscribers.addresses._SUBDOMAINS": "a@.fastmail.com",
    "subscribers.models.tags.SEPARATOR": "a,、",
    "subscribers.origins._HOST": "a.-",
    "subscribers.origins._NOT_KEPT": "a@ .",
    "subscribers.origins._PAGE": "/a-",
}
CUT_BEFORE = {
    "newsletter.posts.search.folding.PHRASE": folding.QUERY_MAX,
    "newsletter.delivery.events.reading.verdicts.QUOTED": 500,
    "newsletter.mail.replies.QUOTED": 500,
    "newsletter.mail.text.salutations.DROPPED": 80,
    "subscribers.forms.ADVERTISEMENT": 80,
    "subscribers.origins._HOST": 2000,
    "subscribers.origins._NOT_KEPT": 40,
    "subscribers.origins._PAGE": 2000,
}  # characters, where it is less than a door takes
BY_WHOM = {
    "strangers: small patterns written where they are used, of texts that were cut before": {
        "newsletter.delivery.events.reading.reports": "_recipient",
        "newsletter.desk.templatetags.figures": "broken_well _pieces",
        "newsletter.delivery.events.reading.foreign": "FOR_KNOWN_SENDERS looks_returned _joined",
        "newsletter.delivery.events.reading.message": "beginning blocks without_tags",
        "newsletter.delivery.events.reading.verdicts": "of _any",
        "newsletter.mail.headers": "mailbox parsed ascii_address _phrase",
        "newsletter.error_reports": "ADDRESS SECRET_IN_URL QUERY",
        "newsletter.requests": "GIVEN",
        "newsletter.mail.replies": "_any _of_smtp BY_API",
        "newsletter.posts.search.folding": "Term.pattern hits",
        "newsletter.posts.models.posts": "tag_names",
        "newsletter.posts.views": "search",
    },
    "us: words of our own, or HTML that the sanitiser or a template wrote": {
        "newsletter.api.hooks.recording": "_into_sqlite",
        "newsletter.operation.backup.archive": "MEMBER",
        "newsletter.operation.backup.nights": "NAME",
        "newsletter.operation.env_file": "_LINE _PART _BARE _ESCAPED",
        "newsletter.operation.site_export.folder": "PART SHA256",
        "newsletter.operation.site_export.nightly": "NAME",
        "newsletter.publication.pictures.storages": "PICTURE",
        "newsletter.operation.site_export.places": "PICTURE DKIM_KEY",
        "newsletter.operation.site_export.texts": "HEAD",
        "newsletter.delivery.sending.api_courier": "PLAIN_LINK",
        "newsletter.delivery.author.reminder_mails": "BODY",
        "newsletter.mail.colours": "_PAIR",
        "newsletter.delivery.provider.batch_apis": "PROVIDERS",
        "newsletter.delivery.letter.rendering": "SLOT MEDIA",
        "newsletter.delivery.readers.changes": "POST TASTE",
        "newsletter.delivery.links.rewriting": "LINK TAG SHOWN rewritten",
        "newsletter.delivery.rehearsal.checks": "ADDRESS ENCODED",
        "newsletter.delivery.letter.templates": "SLOT",
        "newsletter.delivery.provider.transports": "LEADING_DOT",
        "newsletter.issues.models": "_TAG _NAME",
        "newsletter.issues.volumes.book": "_HOST _POST _ISSUE",
        "newsletter.issues.volumes.xhtml": "_NAME _COUNT _VALUES _ILLEGAL _WITHIN",
        "newsletter.mail.html": "_fits CODE_JOINT AT_RULES PICTURE PRE LEADING SPACES ALIGNED HEADER TEXT LONG_RUN "
        "FIRST_ROW CELL ATOMS COLOURED HEADING CUT TAG PARAGRAPH ADDRESS_LINK ADDRESS_SHOWN BETWEEN_BLOCKS",
        "newsletter.mail.message": "shouted _signature_fields",
        "newsletter.mail.records": "TABLE ROW CELL MERGED BLOCK",
        "newsletter.mail.text.plaintext": "BETWEEN_HAN NOTE _Walker._words _collapsed",
        "newsletter.mail.text.salutations": "CODE FIELD SLOT",
        "newsletter.mail.text.spacing": "GAP ADDRESS TOKEN NAME ALT _words",
        "newsletter.mail.text.wrapping": "UNIT tidy",
        "newsletter.posts.syndication": "_ILLEGAL_IN_XML _PLAYER _LOCAL_ADDRESS",
        "newsletter.posts.markdown.highlighting": "_COLOUR allowed_styles",
        "newsletter.posts.responsive_images": "PICTURE",
        "newsletter.posts.markdown.scrolling": "PART CAPTION TAG",
        "newsletter.posts.writers": "_named",
        "newsletter.posts.markdown.sanitise": "_CELL _SWITCHED _aligned_by_class",
        "newsletter.posts.templatetags.outline": "HEADING NOTE",
        "newsletter.posts.templatetags.printed": "_LINK _TAG _SHOWN",
    },
    "servers that the author chose: a provider's replies, his domain's records": {
        "newsletter.delivery.rate.limiter": "THROTTLED GREYLISTED",
        "newsletter.delivery.provider.smtp_connection": "GOES_ON REPLY OF_A_LINE",
        "newsletter.mail.authentication.dmarc": "VERSION REPORT_TO",
        "newsletter.mail.authentication.questions": "PIECES",
        "newsletter.mail.authentication.spf": "ALL LOOKING ADDRESS MODIFIER VERSION",
    },
    "authors, who may lose a second of their own: tests/posts/test_long_texts.py": {
        "newsletter.issues.archiving": "_NUMBER",
        "newsletter.posts.old_addresses.desk": "_POST _WEB",
        "newsletter.issues.forms": "NUMBER",
        "newsletter.posts.markdown.blocks": "TABLE_RULE UNDERLINE ENDS_SENTENCE NOTE",
        "newsletter.posts.proofreading.brackets": "without_partner _unpaired _is_number_or_smile",
        "newsletter.posts.markdown.embeds": "YOUTUBE VIMEO START IFRAME",
        "newsletter.posts.text.han": "HAN_CHARACTER LATIN_WORD",
        "newsletter.publication.models": "Publication.spelled",
        "newsletter.posts.models.images": "ADDRESS Image.markdown",
        "newsletter.posts.importers.buttondown": "_MODE _HTML _TEMPLATE Source.keys",
        "newsletter.desk.moving_in.forms": "_SITE",
        "newsletter.posts.importers.folder.colons": "_END _FENCE _OPEN _TITLE _written",
        "newsletter.posts.importers.folder.fences": "_FILE _GIVEN _HEAD _INLINE_QUERY _PLAIN _WORDS _box _title",
        "newsletter.posts.importers.folder.indented": "_BOX _TITLE",
        "newsletter.posts.importers.folder.paired": "_RAW _Reading._literal _SCAN",
        "newsletter.posts.importers.folder.pairs": "_ADDRESS _COLOUR _COLOURS _boxed_words _code _code_title "
        "_without_looks",
        "newsletter.posts.importers.folder.singles": "_asset _bilibili _figure _file _include _link _shown",
        "newsletter.posts.importers.folder.tags": "TAG _KEY _NAMED named_of",
        "newsletter.posts.importers.html.places": "_HEADING _ID _LINK _MARK",
        "newsletter.posts.importers.mistaken": "_FEED _PAGE _READERS",
        "newsletter.posts.importers.moments": "_LOOSE _NAMED _UNIX _iso",
        "newsletter.posts.importers.folder.signs": "_ADDED _EMOJI _LINK _LOWERED _RAISED _WWW",
        "newsletter.posts.importers.folder.files.addresses": "_MADE",
        "newsletter.posts.importers.folder.files.fields": "_HEADING _LANGUAGE DAY_IN_NAME words",
        "newsletter.posts.importers.folder.boxes": "PICTURE",
        "newsletter.posts.importers.folder.docusaurus": "_PROGRAM _COMMENT _GIVEN _LITERAL _CLASS _LOOK _TAB _LABEL "
        "_AROUND _PART _HERE _VALUE _VALUE_OF_MDX _FILM",
        "newsletter.posts.importers.folder.code": "CODE",
        "newsletter.posts.importers.folder.formulas": "_BLOCK _INLINE _TEX",
        "newsletter.posts.importers.folder.kramdown": "_ATTRIBUTES _IDENTITY _CONTENTS _HIDDEN _UNMARKED _ANCHORED "
        "_HEADING _HIDDEN_BY_LIQUID",
        "newsletter.posts.importers.folder.notes": "_ABBREVIATION _with_abbreviations _with_notes.plain",
        "newsletter.posts.importers.folder.raw_html": "_MEDIA _SOURCE _SCRIPT _GIST _DROPPED _LAZY _MARKED _ANCHOR "
        "_FRAME _LOOK _kept _script _with_lines",
        "newsletter.posts.importers.folder.left_behind": "_LINK _ELSEWHERE",
        "newsletter.posts.importers.folder.files.settings": "_LINES",
        "newsletter.posts.importers.folder.files.titles": "_LINK",
        "newsletter.posts.importers.html.footnotes": "_NUMBER",
        "newsletter.posts.importers.folder.themes": "_COLOURED "
        "_TABS _TAB _TAB_END _BUTTON _LABEL _BOX _button _tab _PARTED "
        "_WORDS _checkbox _worded",
        "newsletter.posts.importers.folder.obsidian": "_WIKI _CONTENTS _HIDDEN _CALLOUT _SIZED _BLOCK _FILM _SIZE",
        "newsletter.posts.importers.folder.shortcodes": "_SITE _RELATIVE _VALUE _ESCAPED",
        "newsletter.posts.importers.front_matter": "_HEAD _OPEN _KEY _TOML _SEMICOLONS _json_in_front",
        "newsletter.posts.importers.ghost.source": "_PICTURE_HOST _OWN_LINK _PATTERN Source._without_place",
        "newsletter.posts.importers.html.blocks": "_LANGUAGE _BARE _heading _item_text _code_block _language _side",
        "newsletter.posts.importers.ghost.bodies": "_GATED _EDITOR",
        "newsletter.posts.importers.html.cards": "_PORTAL _GIST _LOOK _LOOK_BY_CLASS _dropped _link_of_a_program",
        "newsletter.posts.importers.html.converting": "_DATA",
        "newsletter.posts.importers.html.counts": "TOKEN _HAN",
        "newsletter.posts.importers.html.inlines": "_SPACE _ANYWHERE _BRACKETS _PUNCTUATION _TAG _ENTITY "
        "_CONTENTS _LINE_START _NUMBER_START _BREAK "
        "_OUTER_BREAKS _EDGES _code _link picture",
        "newsletter.posts.importers.html.leaving": "comment",
        "newsletter.posts.importers.html.other_boxes": "_CALLS _BACKGROUND youtube",
        "newsletter.posts.importers.html.tree": "_NAME _SCHEME serialised _NORMAL _BOLD _SLANTED _LINED",
        "newsletter.posts.importers.linking": "_LINK",
        "newsletter.posts.importers.markdown_breaks": "_WHOLE _ENDED _UNDERLINE _SIDES _NOTE _OPEN_TAG",
        "newsletter.posts.importers.markdown_folder": "_UNDERLINED",
        "newsletter.posts.importers.medium": "_ID _DAY",
        "newsletter.posts.importers.pictures.finding": "_DATA _SIZED _SMALLER _SUBSTACK",
        "newsletter.posts.importers.pictures.placing": "_PLACE _ALREADY_HERE unescaped",
        "newsletter.posts.importers.substack": "Source.keys",
        "newsletter.posts.importers.words": "_PATTERNS",
        "newsletter.posts.importers.wordpress.galleries": "_GALLERY _IDS _BLOCK",
        "newsletter.posts.importers.wordpress.items": "_CDATA _CONTROL _BARE",
        "newsletter.posts.importers.wordpress.plugins": "_NOTE _FORMULA _CODE",
        "newsletter.posts.importers.wordpress.source": "_words _plain",
        "newsletter.posts.importers.wordpress.texts": "_BLOCK _CAPTION _PICTURE _EMBED _DYNAMIC _CODE _MEDIA "
        "_UNKNOWN _ALONE _PRE _EMBED_BLOCK _BLOCK_MARK _MORE with_paragraphs _paragraph _code _media "
        "_CODE_BLOCK _ELSEWHERE _ESCAPED _ALONE_IN_TEXT _name_unknown",
        "newsletter.posts.markdown.inlines": "MARK TAGS RAW_PLACEHOLDER RAW_LINK "
        "NEAR EMPHASIS SOFT_BREAK _without_break",
        "newsletter.posts.markdown.lines": "FENCE HEADING QUOTE RULE MARKER "
        "SIGN DEFINITION INVITES_LIST HTML_BLOCK HTML_LONG",
        "newsletter.posts.markdown.lists": "end_of_fence",
        "newsletter.posts.markdown.render": "PLACEHOLDER TOC_MARK REFERENCE _blocks _latin_words",
        "newsletter.mail.signatures": "SPACES FIELD_END",
        "subscribers.importers.states": "_known_state",
        "subscribers.importers.suppression_file": "FINAL_CODE LATER_CODE _word _moment",
        "newsletter.posts.markdown.typed_tags": "TOKEN FRAME NAME OPENER SOURCE Ends.after",
        "newsletter.posts.text.comparison": "MARKUP LINE_MARKS NOT_COMPARED NOTE_TO_SELF UNSEEN SAID TYPED_SAID TAG",
        "newsletter.posts.proofreading.rules": "PUNCTUATION PARENTHESES ELLIPSIS NUMBERED BULLET GLUED_HEADING TITLE "
        "EMPTY_LINK TURNED_LINK LINK_TEXT HTTP NO_ALT BORDER NO_BORDER STARS UNSEEN_HTML _signature _punctuation "
        "_touches_han _url heavy_pictures HAN_NUMBERED OUTLINE",
        "newsletter.posts.proofreading.placeholders": "MERGE_FIELD",
        "newsletter.posts.proofreading.check": "line_numbers",
        "newsletter.posts.proofreading.masking": "FRONT_MATTER RAW _without_raw INLINE_CODE "
        "DESTINATION DEFINITION AUTOLINK TAG "
        "BARE_URL _hidden _inside _is_indented_code",
        "newsletter.posts.models.renderings": "rendered_anew",
        "newsletter.posts.search.snippets": "_window _word_begins",
        "newsletter.posts.markdown.structure": "CALLOUT TASK INDENTED LANGUAGE",
        "newsletter.posts.templatetags.reading": "_BREAKS _WIDE",
        "newsletter.posts.proofreading.terms": "ARROW _pattern",
        "newsletter.posts.text.measures": "BLOCK SENTENCE ENDS_SENTENCE CLAUSE_END "
        "WORD_IN_TITLE words_from_title _joined _cut",
    },
}
# Calls that look for a normal form of a text, by themselves or inside a library, and why each is no danger.
NORMALISING = {
    "newsletter.mail.characters": {
        "_normalised normalize": "of a text whose runs of marks were shortened",
        "_is_mark normalize": "of one character",
    },
    "newsletter.posts.search.folding": {"_Folding.__missing__ normalize": "of one character"},
    "subscribers.addresses": {
        "_examined validate_email": "of 254 characters at most",
        "_ascii_domain encode": "the same",
        "readable decode": "of what `normalise` stored",
    },
    "newsletter.delivery.management.commands.send_test": {"Command._send validate_email": "the operator's own words"},
    "newsletter.posts.importers.buttondown": {
        "Source.read slugify": "of 120 characters at most, or of a name of a file",
    },
    "newsletter.posts.importers.folder.files.fields": {
        "words slugify": "of 120 characters at most, or of a name of a file",
    },
    "newsletter.posts.importers.ghost.source": {
        "_words slugify": "of 120 characters at most, or of a name of a file",
    },
    "newsletter.posts.importers.substack": {
        "Source.read slugify": "of 120 characters at most, or of a name of a file",
    },
    "newsletter.posts.importers.wordpress.source": {
        "_words slugify": "of 120 characters at most, or of a name of a file",
    },
    "newsletter.posts.models.posts": {"TagQuerySet._make slugify": "of a tag, 40 characters"},
    "newsletter.publication.pictures.uploads": {"Picture.file_name slugify": "of 255 characters"},
}
LOOKED_FOR = {"normalize", "is_normalized", "slugify", "validate_email", "normalize_username", "normalize_email"}


def texts_of(alphabet: str) -> Callable[[int], Iterator[str]]:
    """Return what yields texts of a given length."""

    def texts(length: int) -> Iterator[str]:
        for first, second in product(dict.fromkeys(alphabet), repeat=2):
            yield repeated(first + second, length)
            yield first + repeated(second, length - 2) + alphabet[0]

    return texts


def slow_among(
    texts: Callable[[int], Iterator[str]], ask: Callable[[str], object], length: int = LENGTH
) -> Iterator[str]:
    """Yield how those of the texts begin that a pattern reads for more than SECONDS.

    Nearly none is read as a whole. What was cut before is: a part of 80 characters is too short to show what it costs.
    """
    parts = {part: list(texts(part)) for part in (length, length // 4, length // 8)}
    for number, text in enumerate(parts[length]):
        is_quick = (
            is_read_within(SECONDS, ask, lambda part, number=number: parts[part][number], length=length)
            if length == LENGTH
            else is_within(SECONDS, lambda text=text: ask(text))
        )
        if not is_quick:
            yield text[:4]


@cache
def uses() -> set[tuple[str, str]]:
    """Return each name that our code asks as a pattern, and by which method; our sources are read once for all."""
    texts = (path.read_text() for path in sources())
    return {
        use
        for text in texts
        for use in re.findall(r"\b(\w+)\.(fullmatch|match|search|finditer|findall|sub|split)\(", text)
    }


def used_by(name: str) -> list[str]:
    """Return the methods by which our code asks a pattern."""
    methods = {method for named, method in uses() if named == name}
    return sorted({"finditer" if method in {"sub", "split", "findall"} else method for method in methods})


def asked(pattern: re.Pattern, method: str) -> Callable[[str], object]:
    def ask(text: str) -> object:
        subject = text.encode() if isinstance(pattern.pattern, bytes) else text
        return list(pattern.finditer(subject)) if method == "finditer" else getattr(pattern, method)(subject)

    return ask


@pytest.mark.parametrize("path", STRANGERS)
def test_a_pattern_that_reads_a_strangers_text_is_linear(path):
    module, _dot, name = path.rpartition(".")
    pattern = getattr(import_module(module), name)
    assert isinstance(pattern, re.Pattern)

    texts, length = texts_of(STRANGERS[path]), CUT_BEFORE.get(path, LENGTH)
    slow = {method: list(slow_among(texts, asked(pattern, method), length)) for method in used_by(name)}

    assert not any(slow.values()), slow


def test_what_a_provider_would_take_for_its_own_is_looked_for_in_linear_time():
    patterns = [one.collides for one in batch_apis.PROVIDERS.values()]

    assert patterns
    for pattern in patterns:
        assert list(slow_among(texts_of("%{[n"), asked(pattern, "search"))) == []


def routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, re.Pattern]]:
    for one in resolver.url_patterns:
        yield before + str(one.pattern), one.pattern.regex
        if isinstance(one, URLResolver):
            yield from routes(one, before + str(one.pattern))
        else:
            assert isinstance(one, URLPattern)


def test_every_route_reads_an_address_in_linear_time():
    found = dict(routes(get_resolver()))

    def texts(length: int) -> Iterator[str]:
        yield from texts_of("a0-")(length)
        yield from (f"cards/p/1-{repeated(unit, length)}" for unit in ("a", "-", ".", "1-"))

    slow = {
        route: list(slow_among(texts, asked(pattern, "search")))
        for route, pattern in (*found.items(), ("address", re.compile(AddressConverter.regex)))
    }

    assert not any(slow.values()), slow
    assert len(found) > 50


# --- What is new ---


def sources() -> list[Path]:
    found = [path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def calls(tree: ast.AST, where: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with the name of the constant, or of the function, in which it stands."""
    for node in ast.iter_child_nodes(tree):
        here = where
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            here = (*where, node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not where:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            here = (target.id,) if isinstance(target, ast.Name) else where
        if isinstance(node, ast.Call):
            yield ".".join(here), node
        yield from calls(node, here)


def called(node: ast.Call) -> tuple[str, str]:
    """Return module and name of what is called, as it is written: ("re", "compile"), ("", "nfc")."""
    if isinstance(node.func, ast.Attribute):
        return (node.func.value.id if isinstance(node.func.value, ast.Name) else "?"), node.func.attr
    return "", node.func.id if isinstance(node.func, ast.Name) else "?"


class Call(NamedTuple):
    where: str  # module and function
    owner: str
    name: str


MAYBE = re.compile(r"\b(?:re|regex|unicodedata|idna)\b|" + "|".join(sorted(LOOKED_FOR)))


@cache
def read_sources() -> tuple[list[Call], set[str]]:
    """Return the calls in our code that the tests below ask for, and what it imports from modules of these.

    A file without any of their words has none of these: four files in five are not parsed.
    """
    found, imported = [], set()
    for path in sources():
        text = path.read_text()
        if not MAYBE.search(text):
            continue
        tree, module = ast.parse(text), ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found += [Call(f"{module}.{where}", *called(node)) for where, node in calls(tree)]
        imported |= {
            f"{path.relative_to(ROOT)}: {node.module}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in {"re", "unicodedata", "regex"}
        }
    return found, imported


def found_in_sources(is_meant: Callable[[str, str], bool], *, with_name: bool) -> set[str]:
    found, _imported = read_sources()
    return {f"{one.where} {one.name}" if with_name else one.where for one in found if is_meant(one.owner, one.name)}


@pytest.mark.xdist_group("sources")  # one process reads them
@pytest.mark.slow("reads all of the code")
def test_every_pattern_has_been_reviewed():
    written = found_in_sources(lambda owner, name: owner == "re" and name != "escape", with_name=False)
    others = {
        f"{module}.{name}" for group in BY_WHOM.values() for module, names in group.items() for name in names.split()
    }

    assert written - others - set(STRANGERS) == set(), (
        "Who wrote what this pattern reads? A stranger: put it among STRANGERS with the characters that its repeats "
        "take, and cut their text before. Anybody else: put it into BY_WHOM under them."
    )
    assert (others | set(STRANGERS)) - written == set(), "These patterns are gone: take them out of the list."


@pytest.mark.xdist_group("sources")  # one process reads them
@pytest.mark.slow("reads all of the code")
def test_only_the_module_for_it_asks_unicode_for_a_normal_form():
    written = found_in_sources(
        lambda owner, name: name in LOOKED_FOR or (owner == "idna" and name in {"encode", "decode"}), with_name=True
    )
    reviewed = {f"{module}.{call}" for module, found in NORMALISING.items() for call in found}

    assert written - reviewed == set(), (
        "A normal form takes the square of a run of marks: use nfc, nfkc or nfkd of newsletter.mail.characters. "
        "If a library must do it, cut the text before and put the call into NORMALISING with its bound."
    )
    assert reviewed - written == set(), "These calls are gone: take them out of the list."


@pytest.mark.xdist_group("sources")  # one process reads them
@pytest.mark.slow("reads all of the code")
def test_no_module_brings_in_its_own_way_to_a_pattern():
    """`from re import compile` would pass the list by."""
    _calls, imported = read_sources()

    assert imported == set()
