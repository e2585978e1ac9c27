""""""

import hmac
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from django.conf import settings

from newsletter.mail import tokens
from newsletter.mail.tokens import load_or_create_secret
from tests.support.product import ROOT


def test_a_token_opens_the_purpose_it_was_signed_for():
    token = tokens.sign("unsubscribe", 4711)

    assert tokens.is_valid(token, "unsubscribe")
    assert tokens.unverified_id(token) == 4711


def test_a_token_that_is_bound_opens_only_while_the_bound_is_the_same():
    token = tokens.sign("confirm", 7, "round 1")

    assert tokens.is_valid(token, "confirm", "round 1")
    assert not tokens.is_valid(token, "confirm", "round 2")
    assert not tokens.is_valid(token, "confirm")


def test_a_token_with_one_other_character_opens_nothing():
    token = tokens.sign("unsubscribe", 4711)
    others = [token[:at] + ("B" if letter == "A" else "A") + token[at + 1 :] for at, letter in enumerate(token)]

    assert [other for other in others if tokens.is_valid(other, "unsubscribe")] == []


@pytest.mark.parametrize(
    "token", ["", "a", "x" * 16, "x" * 25, "中" * 20, "../../etc/passwd-----", "0" + "A" * 16 + "\n"]
)
def test_what_is_no_token_opens_nothing(token):
    assert not tokens.is_valid(token, "unsubscribe")


def test_a_leading_zero_is_another_token_and_opens_nothing():
    token = tokens.sign("unsubscribe", 4711)

    assert not tokens.is_valid("0" + token, "unsubscribe")


def test_links_in_old_mails_live_on_after_the_secret_has_changed(settings):
    token = tokens.sign("unsubscribe", 4711)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]

    assert tokens.is_valid(token, "unsubscribe")
    assert tokens.sign("unsubscribe", 4711) != token


def test_a_secret_that_is_forgotten_opens_nothing(settings):
    token = tokens.sign("unsubscribe", 4711)

    settings.SECRET_KEY = "another"

    assert not tokens.is_valid(token, "unsubscribe")


@pytest.mark.parametrize("number", [0, 1, 61, 62, 10**6, 62**8 - 1])
def test_a_token_is_at_most_24_characters_of_base62_and_keeps_the_number(number):
    token = tokens.sign("unsubscribe", number)

    assert len(token) <= tokens.TOKEN_LENGTH_MAX
    assert token.isascii()
    assert token.isalnum()
    assert tokens.unverified_id(token) == number


def test_a_number_that_no_database_holds_is_no_number():
    assert tokens.unverified_id("z" * 8 + "A" * 16) == 62**8 - 1
    assert tokens.unverified_id("z" * 9 + "A" * 16) is None


def test_the_digest_stands_for_a_text_by_purpose_and_tells_nothing():
    digest = tokens.keyed_digest("limit", "reader@example.org")

    assert digest == tokens.keyed_digest("limit", "reader@example.org")
    assert digest != tokens.keyed_digest("other", "reader@example.org")
    assert len(digest) == 32
    assert "reader" not in digest
    assert str(settings.SECRET_KEY) not in digest


def test_many_are_signed_as_one_is(settings):
    settings.SECRET_KEY = "secret"

    assert tokens.signer("unsubscribe")(4711, "") == tokens.sign("unsubscribe", 4711) == "1DzZAl8cRF7F5xUeTm3"


def test_the_tokens_of_several_purposes_are_those_of_each():
    signed = tokens.signers(["unsubscribe", "preferences"])

    assert signed(4711, "bound") == [tokens.sign(one, 4711, "bound") for one in ("unsubscribe", "preferences")]


def test_a_random_value_is_new_each_time_and_of_one_length():
    salts = [tokens.new_salt() for _ in range(100)]

    assert len(set(salts)) == 100
    assert {len(salt) for salt in salts} == {tokens.SALT_LENGTH}


@pytest.mark.parametrize("number", [1, 61, 128, 2**31, 2**63 - 1])
def test_a_token_ends_in_sixteen_base62_digits_of_hmac_as_those_in_old_mails_do(number, settings):
    key = sha256(f"newsletter.unsubscribe.{settings.SECRET_KEY}".encode()).digest()
    rest, digits = int.from_bytes(hmac.digest(key, f"{number}.".encode(), "sha256")[:12]), ""

    for _digit in range(16):
        rest, digit = divmod(rest, 62)
        digits = tokens.ALPHABET[digit] + digits

    assert tokens.sign("unsubscribe", number)[-16:] == digits
    assert tokens.signer("unsubscribe")(number, "") == tokens.sign("unsubscribe", number)


MAKE = """
import sys, pathlib
from newsletter.mail.tokens import load_or_create_secret
sys.stdin.readline()
print(load_or_create_secret(pathlib.Path(sys.argv[1]), sys.argv[2]))
"""
DIE = """
import os, signal, sys, pathlib
from newsletter.mail.tokens import load_or_create_secret
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
target = sys.argv[2]
if target == "named":
    os.link = die
elif target == "written":
    os.fsync = die
elif target == "opened":
    os.fdopen = die
load_or_create_secret(pathlib.Path(sys.argv[1]), "x" * 50)
"""


def test_a_secret_is_made_once(tmp_path):
    path = tmp_path / "data" / "secret_key"

    assert [load_or_create_secret(path, "first"), load_or_create_secret(path, "second")] == ["first", "first"]


def test_only_its_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        load_or_create_secret(tmp_path / "data" / "secret_key", "first")
    finally:
        os.umask(before)

    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_secret_that_somebody_wrote_is_kept_as_it_is(tmp_path):
    path = tmp_path / "secret_key"
    path.write_text("by hand\n")

    assert load_or_create_secret(path, "other") == "by hand"
    assert path.read_text() == "by hand\n"


@pytest.mark.parametrize("moment", ["opened", "written", "named"])
def test_a_kill_at_any_moment_leaves_no_broken_file(tmp_path, moment):
    path = tmp_path / "secret_key"

    done = subprocess.run([sys.executable, "-c", DIE, path, moment], cwd=ROOT, check=False)

    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    assert load_or_create_secret(path, "first") == "first"


def test_of_many_processes_at_once_all_have_the_same(tmp_path):
    path = tmp_path / "secret_key"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    processes = [subprocess.Popen([sys.executable, "-c", MAKE, path, f"secret {n}"], **pipes) for n in range(4)]

    with ThreadPoolExecutor(4) as threads:
        said = set(threads.map(lambda process: process.communicate("\n", timeout=30)[0], processes))

    assert len(said) == 1
    assert said == {path.read_text() + "\n"}
