import pytest
from django.utils import translation

from subscribers.addresses import (
    AddressError,
    canonical_mailbox,
    key,
    masked,
    normalise,
    one_line,
    readable,
    without_addresses,
)
from tests.support.cpu import cpu_seconds


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("reader@example.org", "reader@example.org"),
        ("  reader@example.org \n", "reader@example.org"),
        ("Reader.Name+news@EXAMPLE.org", "Reader.Name+news@example.org"),
        ("reader@例子.台灣", "reader@xn--fsqu00a.xn--kpry57d"),
        ("reader@bücher.example", "reader@xn--bcher-kva.example"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("reader@mail.test", "reader@mail.test"),
    ],
)
def test_an_address_is_stored_in_one_spelling(typed, stored):
    assert normalise(typed) == stored


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "Write your e-mail address."),
        ("   ", "Write your e-mail address."),
        ("reader", "This is not an e-mail address. Write it like you@example.com."),
        ("a b@example.org", "This is not an e-mail address. Write it like you@example.com."),
        ("reader@exa mple.org", "This is not an e-mail address. Write it like you@example.com."),
        (".reader@example.org", "This is not an e-mail address. Write it like you@example.com."),
        ("reader@-example.org", "This is not an e-mail address. Write it like you@example.com."),
        ('"quoted"@example.org', "This is not an e-mail address. Write it like you@example.com."),
        ("reader@[192.0.2.1]", "This is not an e-mail address. Write it like you@example.com."),
        ("Reader <reader@example.org>", "This is not an e-mail address. Write it like you@example.com."),
        ("reader@example.org,other@example.org", "This is not an e-mail address. Write it like you@example.com."),
        ("reader@localhost", "The part after @ is not complete. Write it like you@example.com."),
        ("x" * 250 + "@example.org", "This address is too long. An address has at most 254 characters."),
        (
            "ömil@example.org",
            "The part before @ has letters that most mail servers refuse. Use only a–z, 0–9 and signs like . _ -",
        ),
    ],
)
def test_what_is_no_address_is_explained(typed, answer):
    with translation.override("en"), pytest.raises(AddressError) as refused:
        normalise(typed)

    assert str(refused.value) == answer


@pytest.mark.parametrize(
    "spelling",
    [
        "reader@例子.台灣",
        "READER@例子.台灣",
        "reader@xn--fsqu00a.xn--kpry57d",
        "ｒｅａｄｅｒ＠例子.台灣",
        " reader@例子。台灣",
    ],
)
def test_every_spelling_of_one_address_has_one_key(spelling):
    assert key(spelling) == "reader@xn--fsqu00a.xn--kpry57d"


@pytest.mark.parametrize("text", ["", "@", "no address", "a@xn--\udcff", "a@" + "長" * 300])
def test_a_key_never_fails(text):
    assert isinstance(key(text), str)


def test_dots_and_tags_are_not_ignored():
    assert len({key("a.b@gmail.com"), key("ab@gmail.com"), key("ab+x@gmail.com")}) == 3


def test_an_international_domain_is_shown_in_its_own_letters():
    assert readable("reader@xn--fsqu00a.xn--kpry57d") == "reader@例子.台灣"
    assert readable("reader@xn--zzzzzzzzz.org") == "reader@xn--zzzzzzzzz.org"
    assert readable("reader@example.org") == "reader@example.org"


def test_a_name_cannot_break_out_of_a_header():
    assert one_line(" 小明\r\nBcc: x@example.org\u2028\x00 ") == "小明 Bcc: x@example.org"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("550 5.1.1 <anna@example.org>: unknown", "550 5.1.1 <•••@•••>: unknown"),
        ("to=anna+news@例子.tw;status=5", "•••@•••;status=5"),
        ("安娜「anna@example.org」、bob@example.org", "安娜「•••@•••」、•••@•••"),
        ("421 later, no address", "421 later, no address"),
        ("a" * 200 + "@example.org", "a" * 136 + "•••@•••"),
    ],
)
def test_addresses_in_words_of_others_are_masked(said, shown):
    assert without_addresses(said) == shown


# --- One mailbox ---


@pytest.mark.parametrize(
    ("mailbox", "spellings"),
    [
        ("reader@example.org", ["reader+news@example.org", "READER+a+b@Example.ORG", " reader@example.org. "]),
        ("victim@gmail.com", ["v.ictim+1@gmail.com", "V.I.C.T.I.M@googlemail.com", "victim+x.y@GoogleMail.com"]),
        ("reader@xn--fsqu00a.xn--kpry57d", ["reader+1@例子.台灣", "reader@xn--fsqu00a.xn--kpry57d"]),
        ("reader@fastmail.com", ["shop@reader.fastmail.com", "any.thing+1@Reader.Fastmail.COM"]),
        ("base@yahoo.com.tw", ["base-shop@yahoo.com.tw", "base-a-b+c@yahoo.com.tw"]),
        ("aliceuser@proton.me", ["alice.user@pm.me", "alice_user@protonmail.com", "Alice-User+1@protonmail.ch"]),
        ("reader@icloud.com", ["reader@me.com", "reader+1@mac.com"]),
        ("ivanov@yandex.ru", ["ivan.ov@ya.ru", "ivan-ov+1@yandex.com"]),
    ],
)
def test_every_spelling_of_one_mailbox_is_one(mailbox, spellings):
    assert {canonical_mailbox(spelling) for spelling in [mailbox, *spellings]} == {mailbox}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.b@example.org", "ab@example.org"),
        ("a-b@example.org", "a@example.org"),
        ("a.b@yahoo.com", "ab@yahoo.com"),
        ("a-b@gmail.com", "ab@gmail.com"),
        ("shop@reader.example.org", "reader@example.org"),
        ("a@gmail.com", "a@gmail.com.example"),
        ("+1@example.org", "+2@example.org"),
    ],
)
def test_people_of_one_provider_stay_apart(one, other):
    assert canonical_mailbox(one) != canonical_mailbox(other)


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "+@gmail.com", ".@gmail.com", "a@b@c", "x" * 200])
def test_a_mailbox_is_found_for_any_text(text):
    assert canonical_mailbox(text) == canonical_mailbox(canonical_mailbox(text))


def test_a_name_turns_nobody_elses_words():
    assert one_line("\u202eemos gnihtyna\u202c 小\u200b明 \u2066x\u2069") == "emos gnihtyna 小明 x"


@pytest.mark.parametrize("length", [255, 5_000_000])
def test_what_is_longer_than_an_address_is_refused_before_anything_looks_at_it(length):
    marks = "a" + "\u0315" * (length // 2) + "\u0316" * (length // 2)

    with translation.override("en"), pytest.raises(AddressError, match="too long"):
        normalise(marks)
    assert cpu_seconds(lambda: key(marks), tries=1) < 0.5
    assert cpu_seconds(lambda: one_line(marks), tries=1) < 0.5


def test_spaces_around_an_address_do_not_count():
    assert normalise(" " * 300 + "reader@example.org" + "\n" * 300) == "reader@example.org"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("reader@example.org", "r•••@e•••.org"),
        ("gipi.long@mail.example.co.uk", "g•••@m•••.uk"),
        ("r@x.org", "•••@•••.org"),
        ("r@xn--ols95ej89e.tw", "•••@電•••.tw"),
    ],
)
def test_an_address_is_recognised_by_its_owner_and_learnt_by_nobody(address, shown):
    assert masked(address) == shown
