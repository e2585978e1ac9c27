"""Nothing that a stranger sends costs more than its length: every door and every pattern, with 16 KB of the worst."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import BytesIO
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.exceptions import BadRequest, ValidationError
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from newsletter.delivery.sending import api_courier
from newsletter.limits import client_ip, public_views
from newsletter.mail import headers, tokens
from newsletter.posts.models import parse_tag_names
from newsletter.posts.search import folding
from newsletter.posts.search.folding import fold, hit_pattern, parse_query
from newsletter.posts.urls import PostPathConverter
from newsletter.publication.pictures.uploads import Picture
from subscribers.addresses import AddressError, comparison_key, normalise, one_line
from subscribers.forms import AddressField, NameForm, OwnPauseForm, SignupForm, SuppressionForm
from subscribers.importers import csv_file
from subscribers.models.tags import split_tags
from tests.factories import make_publication, make_subscriber
from tests.support.cpu import is_parsed_within, is_within

pytestmark = pytest.mark.exhaustive

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
    assert list(csv_file.Table(BytesIO(table.encode()), "utf-8").rows_and_cells())
    refusing(lambda line: csv_file.Table(BytesIO(line.encode()), "utf-8"), csv_file.TableError)(text)


def behind_a_proxy(text: str) -> None:
    client_ip.client_address(RequestFactory().get("/", headers={"X-Forwarded-For": f"{text}, {text}"}))


def origin(text: str) -> None:
    request = RequestFactory().post("/subscribe/", headers={"Origin": f"https://{text}", "Sec-Fetch-Site": text})
    public_views.is_same_origin(request)


DOORS: dict[str, Callable[[str], object]] = {
    "an address": refusing(normalise, AddressError),
    "the key of an address": comparison_key,
    "a field of addresses": refusing(AddressField().clean, ValidationError),
    "the sign-up form": sign_up_form,
    "a reader's name": lambda text: NameForm({"name": text}).is_valid(),
    "the end of a pause": lambda text: OwnPauseForm(
        {"length": text, "until_on": text}, today=timezone.localdate()
    ).is_valid(),
    "a suppressed address": lambda text: SuppressionForm({"email": text, "note": text, "reason": text}).errors,
    "one line": one_line,
    "a reader's tags": split_tags,
    "a post's tags": parse_tag_names,
    "the words of a search": lambda text: hit_pattern(tuple(parse_query(text[:100]))).search(fold(text)),
    "folding": fold,
    "a table of readers": csv_table,
    "a token": lambda text: (tokens.is_valid(text, "confirm"), tokens.unverified_id(text)),
    "a proxy's header": behind_a_proxy,
    "an origin": origin,
    "an IP address": client_ip.client_network,
    "a mailbox": headers.parse_mailbox,
    "a display name in a header": refusing(
        lambda text: headers.format_address_header("To", [(one_line(text), "a@example.org")], "\r\n"), ValueError
    ),
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
    "subscribers.importers.csv_file.SEP_LINE": "sep=; ",
    "newsletter.page_cache.pages.GZIP": "gzip;q=0. ,",
    "newsletter.delivery.sending.api_courier.PLAIN_ADDRESS": "a@.-0",
    "newsletter.delivery.events.matching.OUR_MESSAGE_ID": "issue.10a<@",
    "newsletter.delivery.events.parsing.provider_requests.OUR_MESSAGE_ID": "issue.10a@",
    "newsletter.delivery.events.sns.SNS_HOST": "sns.a-1mazoncm",
    "newsletter.delivery.events.parsing.bounces.AUTO_REPLY_SUBJECT": "auto: -",
    "newsletter.delivery.events.parsing.bounces.TYPE_PREFIX": "a-; ",
    "newsletter.delivery.events.parsing.bounces.STATUS_PREFIX": "5. ",
    "newsletter.delivery.events.parsing.bounces.DELIVERED": "successfully delivered was been",
    "newsletter.delivery.events.parsing.bounces.NOT_DELIVERED": "could not be delivered",
    "newsletter.delivery.events.parsing.bounces.ADDRESS": "a@.-",
    "newsletter.delivery.events.parsing.bounces.DAEMON_NAME": "mail -_",
    "newsletter.delivery.events.parsing.bounces.REPLY_SUBJECT": "re :",
    "newsletter.delivery.events.parsing.bounces.ADDRESS_LINE": "\n <a@.",
    "newsletter.delivery.events.parsing.bounces.DELAY_SUBJECT": "delay ",
    "newsletter.delivery.events.parsing.bounces.STILL_RETRYING": "will be ",
    "newsletter.delivery.events.parsing.bounces.RETURNED_MAIL_START": "-=\nthe original message",
    "newsletter.delivery.events.parsing.bounces.SERVER_REPLY": "5 -#<.a",
    "newsletter.delivery.events.parsing.bounces.BOUNCE_SUBJECT": "mail delivery fail",
    "newsletter.delivery.events.parsing.bounces.NEVER_A_PERSON": "bounces-",
    "newsletter.delivery.events.parsing.bounces.TAGGED_SUBJECT": " [a]\n",
    "newsletter.delivery.events.parsing.personal_mail.INVISIBLE_ELEMENT": "<!--head/> ",
    "newsletter.delivery.events.parsing.personal_mail.TAG": "<a/ >",
    "newsletter.delivery.events.parsing.personal_mail.HREF": "href= 'http://",
    "newsletter.delivery.events.parsing.personal_mail.FROM_FIELD": "*from: ",
    "newsletter.delivery.events.parsing.personal_mail.QUOTE_INTRODUCTION": "on wrote: <@>",
    "newsletter.delivery.events.parsing.personal_mail.OTHER_FIELD": "*to: ",
    "newsletter.delivery.events.parsing.personal_mail.QUOTE_SEPARATOR": "- _original message",
    "newsletter.delivery.events.parsing.mime.CONTROL_CHARACTERS": "\x00a",
    "newsletter.delivery.events.parsing.mime.PLUS_TOKEN": "+a@",
    "newsletter.delivery.events.parsing.mime.QUOTED_ID": "message-id: <\n",
    "newsletter.delivery.events.parsing.mime.TOKEN_IN_LINK": "/+a",
    "newsletter.delivery.events.parsing.bounces.ENHANCED_CODE": "5.1",
    "newsletter.delivery.events.parsing.bounces.BEFORE_RECIPIENT": "after piped HELO",
    "newsletter.delivery.letter.compiled.COMMON_ADDRESS": "a@.-!",
    "newsletter.delivery.letter.compiled.COMMON_NAME": "a !'",
    "newsletter.delivery.letter.compiled.PLAIN_ADDRESS": "a@. ",
    "newsletter.mail.characters._PERHAPS_MARKS": "a\u0315\u0316中\u0400",
    "newsletter.mail.characters._LINE_BREAK": "\r\na\x0b",
    "newsletter.mail.characters._CONTROL_CHARACTER": "\x02a中",
    "newsletter.mail.characters._LINE_BREAKS_OR_TABS": "\r\na ",
    "newsletter.desk.accounts.login_attempts.COOKIE_VALUE": "0.a",
    "newsletter.mail.headers.ATOM_WORDS": "a !\u0315",
    "newsletter.mail.headers.CONTROL_CHARACTER": "a\n\x85",
    "newsletter.mail.headers.LOOKS_ENCODED": "=?bq",
    "newsletter.mail.headers.MAILBOX": ' a"\\<>',
    "newsletter.mail.logs.CONTROL_CHARACTER": "a\n\u202e",
    "newsletter.mail.logs.TOKEN": "/a0 undo",
    "newsletter.mail.outbox.MAIL_NAME": "0T-",
    "newsletter.mail.smtp_replies.REPLY_CODE": "5 -",
    "newsletter.mail.smtp_replies.ENHANCED_CODE": "5.1 -#(",
    "newsletter.mail.smtp_replies.NO_SUCH_ADDRESS_AT_MICROSOFT": "re ",
    "newsletter.mail.smtp_replies.BOILERPLATE": "(in reply to )",
    "newsletter.mail.smtp_replies.QUOTED_TEXT": "<a@.>:/ ",
    "newsletter.mail.smtp_replies.CAMEL_OR_SNAKE": "aA_",
    "newsletter.posts.search.folding.IS_CJK": "中a ",
    "newsletter.posts.search.folding.JOINED_PART": "a.+#",
    "newsletter.posts.search.folding.NEEDLESS_SPACES": "中a ",
    "newsletter.posts.search.folding.WORD_PART": "中a_",
    "newsletter.posts.search.folding.PHRASE": '"a「」 ',
    "newsletter.posts.search.folding.TOKEN_RUN": "中a.+#",
    "subscribers.addresses._IN_TEXT": "a@. ",
    "newsletter.page_cache.pages.NUMBER": "10a",
    "newsletter.mail.salutations.UNSAFE_RUN": "a<&",
    "subscribers.forms.ADVERTISEMENT": "aw.",
    "subscribers.addresses._ORDINARY": "a@.-_",
    "subscribers.models.tags.SEPARATOR": "a,、",
    "subscribers.origins._HOST": "a.-",
    "subscribers.origins._NOT_KEPT": "a@ .",
    "subscribers.origins._PAGE": "/a-",
}
CUT_BEFORE = {
    "newsletter.posts.search.folding.PHRASE": folding.QUERY_MAX,
    "newsletter.mail.smtp_replies.QUOTED_TEXT": 500,
    "newsletter.mail.salutations.UNSAFE_RUN": 80,
    "subscribers.forms.ADVERTISEMENT": 80,
    "subscribers.origins._HOST": 2000,
    "subscribers.origins._NOT_KEPT": 40,
    "subscribers.origins._PAGE": 2000,
}  # characters, where it is less than a door takes


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
            is_parsed_within(SECONDS, ask, lambda part, number=number: parts[part][number], length=length)
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
    patterns = [one.collides for one in api_courier.PROVIDERS.values()]

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
        for route, pattern in (*found.items(), ("address", re.compile(PostPathConverter.regex)))
    }

    assert not any(slow.values()), slow
    assert len(found) > 50


# --- What is new ---


def sources() -> list[Path]:
    found = [path for room in ("newsletter", "subscribers") for path in (ROOT / room).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)
