import base64
import json
from datetime import timedelta

import altcha
import pytest
from django.core.cache import cache

from subscribers import signup
from tests.subscribers.conftest import NOW

READER = "reader@example.org"


@pytest.fixture(autouse=True)
def _short_sums(monkeypatch):
    monkeypatch.setattr(signup, "TRIES_MAX", 3)


def solved(made: dict) -> str:
    """Return what a browser sends for a sum."""
    challenge = altcha.Challenge.from_dict(made)
    solution = altcha.solve_challenge(challenge)
    return altcha.Payload(challenge, solution).to_base64()


def changed(payload: str, **parameters: object) -> str:
    found = json.loads(base64.b64decode(payload))
    found["challenge"]["parameters"] |= parameters
    return base64.b64encode(json.dumps(found).encode()).decode()


def test_a_solved_sum_is_a_proof_once():
    payload = solved(signup.make_challenge(READER, NOW))

    assert [signup.redeem_proof(payload, READER) for _time in range(3)] == [True, False, False]


def test_any_spelling_of_the_address_may_have_it():
    payload = solved(signup.make_challenge(READER, NOW))

    assert signup.redeem_proof(payload, "Reader@Example.ORG")


def test_a_sum_is_for_its_own_address():
    payload = solved(signup.make_challenge(READER, NOW))

    assert not signup.redeem_proof(payload, "other@example.org")
    assert signup.redeem_proof(payload, READER)  # not spent by the wrong one


def test_a_sum_is_good_for_twenty_minutes(clock):
    payloads = [solved(signup.make_challenge(READER, NOW)) for _sum in range(2)]

    clock.shift(timedelta(minutes=20))
    assert signup.redeem_proof(payloads[0], READER)
    clock.shift(timedelta(seconds=1))
    assert not signup.redeem_proof(payloads[1], READER)


@pytest.mark.parametrize(
    "parameters",
    [{"cost": 1}, {"expiresAt": 99_999_999_999}, {"keySignature": None}, {"keyPrefix": "0"}, {"data": None}],
)
def test_a_sum_that_was_made_easier_is_none_of_ours(parameters):
    assert not signup.redeem_proof(changed(solved(signup.make_challenge(READER, NOW)), **parameters), READER)


def test_a_guess_is_no_solution():
    found = json.loads(base64.b64decode(solved(signup.make_challenge(READER, NOW))))
    found["solution"] = {"counter": 0, "derivedKey": "00" * 32}

    assert not signup.redeem_proof(base64.b64encode(json.dumps(found).encode()).decode(), READER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "e30=",
        "bnVsbA==",
        base64.b64encode(b"[" * 1_400).decode(),
        base64.b64encode(b'{"challenge": {"parameters": []}, "solution": 1}').decode(),
        "A" * 16_000,
    ],
)
def test_what_is_no_answer_is_no_proof(text):
    assert not signup.redeem_proof(text, READER)


def test_a_true_answer_fits():
    made = signup.make_challenge("x" * 64 + "@" + "y" * 180 + ".example", NOW)

    assert len(solved(made)) < signup.PAYLOAD_LENGTH_MAX


def test_an_old_secret_opens_nothing(settings):
    payload = solved(signup.make_challenge(READER, NOW))
    settings.SECRET_KEY = "another"

    assert not signup.redeem_proof(payload, READER)


def test_the_sum_tells_no_address():
    assert "reader" not in json.dumps(signup.make_challenge(READER, NOW))


def test_a_server_that_forgot_lets_an_answer_pass_once_more_for_its_own_address_alone():
    payload = solved(signup.make_challenge(READER, NOW))
    signup.redeem_proof(payload, READER)
    cache.clear()

    assert not signup.redeem_proof(payload, "other@example.org")
    assert signup.redeem_proof(payload, READER)
