"""Whose trouble it is that a mail was not sent."""

from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from socket import gaierror
from ssl import SSLCertVerificationError

import pytest
from anymail.exceptions import AnymailAPIError, AnymailInvalidAddress, AnymailRecipientsRefused

from newsletter.mail.trouble import NotSent, Trouble, is_refusal, is_unreachable, trouble


def refused(code, words):
    return SMTPRecipientsRefused({"reader@example.org": (code, words)})


def api(status):
    return AnymailAPIError("no", status_code=status)


AWAY = [
    ConnectionRefusedError(),
    TimeoutError(),
    gaierror(-2, "Name or service not known"),
    SSLCertVerificationError("certificate has expired"),  # a ValueError as well
    SMTPConnectError(421, b"too busy"),
    SMTPServerDisconnected("gone"),
    SMTPAuthenticationError(535, b"bad password"),
    SMTPSenderRefused(550, b"not you", "news@example.org"),
    SMTPDataError(554, b"5.7.1 looks like spam"),
    SMTPDataError(421, b"closing"),
    refused(421, b"too many connections"),
    refused(554, b"5.7.1 blocked using zen.spamhaus.org"),
    refused(550, b"relay access denied"),
    api(None),
    api(401),
    api(429),
    api(503),
]
LATER = [refused(450, b"busy"), refused(451, b"4.3.0 try again"), SMTPDataError(451, b"later"), api(422)]
NEVER = [
    refused(550, b"5.1.1 user unknown"),
    refused(550, b"no"),
    refused(552, b"5.2.2 mailbox full"),
    SMTPDataError(550, b"5.1.1 user unknown"),
    AnymailRecipientsRefused(),
    AnymailInvalidAddress("?"),
    ValueError("no message can be written to such an address"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_server_that_takes_nothing_from_us_is_away(error):
    assert trouble(error) is Trouble.AWAY


@pytest.mark.parametrize("error", LATER, ids=repr)
def test_an_address_may_be_refused_for_now(error):
    assert trouble(error) is Trouble.LATER


@pytest.mark.parametrize("error", NEVER, ids=repr)
def test_an_address_may_never_do(error):
    assert trouble(error) is Trouble.NEVER


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (SSLCertVerificationError("certificate has expired"), True),
        (NotSent(Trouble.AWAY, "421 closing"), True),
        (NotSent(Trouble.LATER, "450 busy"), False),
        (SMTPConnectError(421, b""), True),
        (SMTPAuthenticationError(535, b""), True),
        (SMTPServerDisconnected("gone"), False),  # perhaps only for this mail
        (refused(450, b"busy"), False),
    ],
    ids=repr,
)
def test_only_where_no_server_is_there_at_all_the_next_mail_waits_too(error, expected):
    assert is_unreachable(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (SMTPAuthenticationError(535, b""), True),
        (refused(450, b"busy"), True),
        (NotSent(Trouble.AWAY, "421 closing"), True),
        (ValueError("no such name"), True),
        (TimeoutError(), False),
        (SMTPServerDisconnected("gone"), False),
    ],
    ids=repr,
)
def test_a_silence_does_not_say_that_the_mail_was_not_taken(error, expected):
    assert is_refusal(error) is expected
