"""Second factors: which codes are right, how often, and how many may be wrong."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import connection

from newsletter.operation.accounts import second_factors
from tests.factories import make_publication
from tests.support.second_factor import SECRET, add_totp_app

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 8, 0, 10, tzinfo=UTC)


@pytest.fixture
def gipi() -> User:
    return User.objects.create_superuser("gipi", password="leverage-2026")


def shown(off: int = 0, now: datetime = NOW) -> str:
    return format_hotp_value(hotp_value(SECRET, int(now.timestamp()) // 30 + off))


def accepts(user: User, code: str, now: datetime = NOW, *, is_known_browser: bool = False) -> str:
    return second_factors.check_code(user, code, now, is_known_browser=is_known_browser)


# --- Codes of an app ---


def test_codes_are_those_of_rfc_6238():
    """The RFC's own secret and its time of 59 seconds, whose code of eight digits is 94287082."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    step = second_factors.time_step_of(secret, "287082", datetime.fromtimestamp(59, UTC))

    assert step == 1


@pytest.mark.parametrize(("off", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_right_for_one_step_before_and_after_its_own(gipi, off, is_right):
    add_totp_app(gipi)

    assert bool(accepts(gipi, shown(off))) is is_right


def test_a_code_is_accepted_once_even_after_the_cache_has_forgotten_it(gipi):
    add_totp_app(gipi)

    first = accepts(gipi, shown())
    for cache in caches.all():
        cache.clear()
    second = accepts(gipi, shown(), NOW + timedelta(seconds=40))

    assert (first, second) == ("totp", "")


def test_after_a_code_no_earlier_one_is_accepted(gipi):
    add_totp_app(gipi)

    assert accepts(gipi, shown(1)) == "totp"
    assert accepts(gipi, shown(0)) == ""


def test_the_code_that_added_the_app_does_not_log_in(gipi):
    step = int(NOW.timestamp()) // 30
    second_factors.add_totp(gipi, SECRET, step)

    assert accepts(gipi, shown()) == ""
    assert accepts(gipi, shown(1)) == "totp"


def test_a_code_may_be_typed_as_an_app_shows_it(gipi):
    add_totp_app(gipi)

    assert accepts(gipi, f"{shown()[:3]} {shown()[3:]}") == "totp"


@pytest.mark.parametrize("typed", ["", "1", "１２３４５６", "\x00", "9" * 33, "9" * 100_000, "密碼"])
def test_what_is_no_code_is_wrong(gipi, typed):
    add_totp_app(gipi)

    assert accepts(gipi, typed) == ""


def test_another_account_has_other_codes(gipi):
    add_totp_app(gipi)
    other = User.objects.create_user("other")
    second_factors.add_totp(other, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0)

    assert accepts(other, shown()) == ""


# --- Recovery codes ---


def test_ten_recovery_codes_come_with_the_first_factor_and_each_opens_once(gipi):
    codes = add_totp_app(gipi)

    first, second = (accepts(gipi, codes[4]) for _ in range(2))

    assert len(set(codes)) == 10
    assert (first, second) == ("recovery_codes", "")
    assert second_factors.factors_of(gipi).recovery_codes_left == 9


def test_new_recovery_codes_replace_the_former_ones(gipi):
    former = add_totp_app(gipi)

    renewed = second_factors.renew_codes(gipi)

    assert not set(former) & set(renewed)
    assert accepts(gipi, former[0]) == ""
    assert accepts(gipi, renewed[0]) == "recovery_codes"


# --- Guessing ---


def guess(user: User, times: int, now: datetime = NOW, *, is_known_browser: bool = False) -> None:
    for _ in range(times):
        assert accepts(user, "no code", now, is_known_browser=is_known_browser) == ""


def test_after_ten_wrong_codes_the_right_one_waits_for_ten_minutes(gipi):
    add_totp_app(gipi)
    guess(gipi, 10)

    with pytest.raises(second_factors.TooManyFailures):
        accepts(gipi, shown())
    later = NOW + timedelta(minutes=10, seconds=1)

    assert accepts(gipi, shown(now=later), later) == "totp"


def test_thirty_wrong_codes_are_all_that_a_day_has(gipi):
    add_totp_app(gipi)
    for turn in range(3):
        guess(gipi, 10, NOW + timedelta(hours=turn))
    at_the_end, next_day = NOW + timedelta(hours=23), NOW + timedelta(hours=24, seconds=30)

    with pytest.raises(second_factors.TooManyFailures):
        accepts(gipi, shown(now=at_the_end), at_the_end)
    assert accepts(gipi, shown(now=next_day), next_day) == "totp"


def test_a_stranger_who_has_the_password_does_not_lock_out_a_browser_that_is_known(gipi):
    add_totp_app(gipi)
    guess(gipi, 10)

    assert accepts(gipi, shown(), is_known_browser=True) == "totp"


def test_a_known_browser_is_counted_too(gipi):
    add_totp_app(gipi)
    guess(gipi, 10, is_known_browser=True)

    with pytest.raises(second_factors.TooManyFailures):
        accepts(gipi, shown(), is_known_browser=True)


def test_a_right_code_ends_the_counting(gipi):
    add_totp_app(gipi)
    guess(gipi, 9)
    accepts(gipi, shown())
    guess(gipi, 9)

    assert accepts(gipi, shown(1)) == "totp"


def test_failures_are_counted_without_a_cache(gipi, settings):
    """Must not use the cache: it may be unavailable or evicted."""
    settings.CACHES = settings.CACHES | {"default": {"BACKEND": "no.such.cache"}}
    add_totp_app(gipi)
    guess(gipi, 10)

    with pytest.raises(second_factors.TooManyFailures):
        accepts(gipi, shown())


# --- What is stored ---


def test_neither_secret_nor_recovery_codes_can_be_read_in_the_database(gipi):
    codes = add_totp_app(gipi)

    stored = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert SECRET not in stored
    assert not any(code in stored or code.replace(" ", "") in stored for code in codes)


def test_a_new_secret_key_reads_what_a_former_one_has_written(gipi, settings):
    add_totp_app(gipi)

    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one, of which nobody knows anything"

    assert accepts(gipi, shown()) == "totp"


def test_without_the_former_secret_key_no_code_is_right_and_the_reason_is_told(gipi, settings):
    add_totp_app(gipi)

    settings.SECRET_KEY = "another one, of which nobody knows anything"

    with pytest.raises(ValidationError, match=r"SECRET_KEY .*author_link"):
        accepts(gipi, shown())


# --- What there is ---


def test_with_the_last_factor_the_recovery_codes_go(gipi):
    add_totp_app(gipi)

    second_factors.remove_factor(second_factors.factors_of(gipi).totp)

    assert not Authenticator.objects.exists()


def test_removing_all_says_whether_there_was_one(gipi):
    add_totp_app(gipi)

    assert [second_factors.remove_all(gipi) for _ in range(2)] == [True, False]
    assert second_factors.factors_of(gipi) == second_factors.Factors(totp=None, passkeys=[], recovery_codes_left=0)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    ("is_superuser", "group", "is_owner"), [(True, "", True), (False, "owner", True), (False, "writer", False)]
)
def test_only_owners_must_have_one_and_only_when_the_publication_says_so(asks, is_superuser, group, is_owner):
    make_publication(owners_need_second_factor=asks)
    user = User.objects.create_user("somebody", is_superuser=is_superuser)
    user.groups.set([Group.objects.get_or_create(name=group)[0]] if group else [])

    assert second_factors.is_factor_missing(user) is (asks and is_owner)


def test_who_has_one_misses_none(gipi):
    make_publication(owners_need_second_factor=True)
    add_totp_app(gipi)

    assert not second_factors.is_factor_missing(gipi)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_type_the_same_code_at_the_same_moment_one_gets_in():
    gipi = User.objects.create_superuser("gipi", password="leverage-2026")
    codes = add_totp_app(gipi)

    def use(code: str) -> str:
        try:
            return accepts(gipi, code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        by_app = list(pool.map(use, [shown()] * 4))
        by_recovery = list(pool.map(use, [codes[0]] * 4))

    assert sorted(by_app) == ["", "", "", "totp"]
    assert sorted(by_recovery) == ["", "", "", "recovery_codes"]
