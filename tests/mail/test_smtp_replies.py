"""What refusals say: real replies of receivers and relays, and of e-mail APIs."""

import time
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

from newsletter.mail.smtp_replies import (
    NotSent,
    RefusalReason,
    SendFailure,
    classify_error,
    classify_refusal,
    enhanced_code,
    is_refusal,
    is_unreachable,
)

DEAD = [
    (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
        "recipient's email address for typos or 550-5.1.1 unnecessary spaces. Learn more at 550 5.1.1 "
        "https://support.google.com/mail/?p=NoSuchUser z15si12960527wrv.143 - gsmtp"
    ),
    (
        "550-5.2.1 The email account that you tried to reach is inactive. For more 550-5.2.1 information, go to "
        "550 5.2.1 https://support.google.com/mail/?p=DisabledUser k16-20020a17090aaa1000 - gsmtp"
    ),
    "550 5.2.1 The email account that you tried to reach is disabled.",
    "550 5.2.1 <reader@docomo.ne.jp>... User Unknown",
    "525 5.7.13 <reader@example.org>: Recipient address rejected: User account disabled.",
    "554 delivery error: dd This user doesn't have a yahoo.com account (reader@yahoo.com) [0] - mta1061",
    (
        "554 delivery error: dd Sorry your message to reader@yahoo.com.tw cannot be delivered. This account has been "
        "disabled or discontinued [#102]."
    ),
    "550 5.1.1 <reader@icloud.com>: inactive email address",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [AM7EUR06FT041.eop-eur06]",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found",
    "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable -> 550 <a@ezweb.ne.jp>: User unknown",
    "550 5.1.1 <reader@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.1 <reader@example.org>: Recipient address rejected: User unknown in relay recipient table",
    "550 5.1.1 <reader@ms12.hinet.net>... User unknown",
    "550 5.1.1 <antispam-policy@example.org>: User unknown",
    "550 Unrouteable address",
    "550 sorry, no mailbox here by that name (#5.1.1 - chkusr)",
    "550 5.1.2 <reader@example.invalid>: Recipient address rejected: Bad destination system address",
    "500 5.1.1 <reader@example.org>: User unknown",
    "501 5.1.3 Bad recipient address syntax",
    "550 5.1.6 recipient no longer on server: reader@example.jp",
    "551 not our customer",
    "556 Host does not accept mail",
    "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000728",
    "550 User not found: reader@163.com",
    "550 Unknown user reader@docomo.ne.jp",
    "550 <reader@ezweb.ne.jp>: User unknown",
    "550 reader@example.com... No such user",
    "550 5.0.0 <reader@mineo.jp>... User unknown",
    "553 5.3.0 <reader@example.com>... No such user here",
    "550 <reader@example.co.jp>... User not exist",
    "550 550 5.1.1 user unknown (UserSearch) (state 14).",
    "invalid",
    "406 You tried to send to a recipient that has been marked as inactive.",
    "300 Invalid 'To' address: 'reader@'.",
    (
        'Sending a message to r@e Mailgun API response 400 (Bad Request): { "message": "\'to\' parameter is not a '
        'valid address. please check documentation" }'
    ),
]
MAILBOX = [
    "552 5.2.2 <reader@example.org> Quota exceeded (mailbox for user is full)",
    "552-5.2.2 The recipient's inbox is out of storage space. 552 5.2.2 https://support.google.com/mail/?p=OverQuotaPerm",
    "550 5.2.2 <reader@example.jp>... Mailbox Full",
    "552 sorry, mailbox reader@example.org is over quota temporarily (#5.1.1)",
    "552 Error: disk quota exceeded",
    (
        "550-5.2.1 The user you are trying to contact is receiving mail at a rate that 550-5.2.1 prevents additional "
        "messages from being delivered. For more 550-5.2.1 information, please visit 550 5.2.1 https://support.google.com"
    ),
    "450 4.2.2 <reader@example.jp>... Mailbox Full",
]
POLICY = [
    "550 5.7.1 IP address blacklisted by recipient",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    "550 5.1.1 <reader@example.com> - 203.0.113.222 has sent to too many recipients this hour. IB607",
    "550 5.1.1 RCP-P2 http://postmaster.facebook.com/response_codes Refused due to recipient preferences",
    "550 5.1.0 192.0.2.222 is not allowed to send from <example.net> per it's SPF Record.",
    "550 5.1.1 User unknown, or your server is on our block list",
    "550-5.7.26 This mail has been blocked because the sender is unauthenticated. 550-5.7.26 Gmail requires all",
    "554 5.7.9 Message not accepted for policy reasons. See https://senders.yahooinc.com/error-codes",
    "550 5.7.606 Access denied, banned sending IP [198.51.100.222].",
    (
        "550 SC-004 (COL0-MC1-F1) Unfortunately, messages from 192.0.2.22 weren't sent. The problem is that too many "
        "unwanted messages have been sent from the following"
    ),
    "550 DMARC check failed. http://service.mail.qq.com/cgi-bin/help?subtype=1&&no=1001508&&id=16.",
    "554 5.7.1 [HM08] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
    "550 5.7.1 <no-such-user@gmail.com>... Access denied (state 13)",
    "554 5.6.0 This message has been scored as spam with a probability of more than 90%",
    "552 5.3.4 Message too large",
    "550 no spam mail.",
    "571 No PTR Record found. Reverse DNS required:",
]
OURS = [
    "553 5.1.8 <httpd@host1.example.jp>... Domain of sender address httpd@host1.example.jp does not exist",
    "550 Unroutable sender address",
    "550 5.1.7 No such domain news.example.com.",
    "554 Relaying denied",
    "554 Message rejected: Email address is not verified.",
    "503 5.5.1 RCPT first",
    "the worker died before the answer was written down",
    "the name holds a line break",
    "",
]
UNKNOWN = [
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
    "550 Requested action not taken: mailbox unavailable",  # RFC 5321: "mailbox not found, no access, or … policy"
    "550 #5.1.0 Address rejected.",
    "554 Transaction failed",
    "550 4.4.7 QUEUE.Expired; message expired",
    "450 4.1.1 <reader@example.org>: Recipient address rejected: User unknown in local recipient table",
    "451 4.3.0 This message could not be delivered due to a recipient error. Please try again later.",
    "550 5.4.4 <reader@example.org>: Host not found",
    "550 5.0.0 <reader@example.net>: Recipient address rejected: On hold.",
    "rejected",
    "Sending a message Resend API response 400 (Bad Request)",
]


def test_an_address_that_does_not_exist_or_was_closed_is_dead():
    assert {reply: classify_refusal(reply) for reply in DEAD} == dict.fromkeys(DEAD, RefusalReason.DEAD)


def test_a_mailbox_in_trouble_is_not_dead():
    assert {reply: classify_refusal(reply) for reply in MAILBOX} == dict.fromkeys(MAILBOX, RefusalReason.MAILBOX)


def test_a_receiver_that_does_not_like_us_or_the_letter_says_nothing_of_the_reader():
    assert {reply: classify_refusal(reply) for reply in POLICY} == dict.fromkeys(POLICY, RefusalReason.POLICY)


def test_a_fault_of_this_side_is_ours():
    assert {reply: classify_refusal(reply) for reply in OURS} == dict.fromkeys(OURS, RefusalReason.OURS)


@pytest.mark.parametrize("reply", UNKNOWN)
def test_words_that_say_too_little_decide_nothing(reply):
    assert classify_refusal(reply) is RefusalReason.UNKNOWN


def test_no_temporary_reply_calls_an_address_dead():
    temporary = ["4" + one[1:].replace("-5.", "-4.").replace(" 5.", " 4.") for one in DEAD if one[:1] == "5"]

    assert len(temporary) > 20
    assert [reply for reply in temporary if classify_refusal(reply) is RefusalReason.DEAD] == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("550 5.1.1 no", "5.1.1"),
        ("550-5.1.10 no", "5.1.10"),
        ("550 #5.1.0 no", "5.1.0"),
        ("550 no (#5.1.1)", "5.1.1"),
        ("550 5.1.1.4 is an address", ""),
        ("550 no 5.1.1 here", ""),
    ],
)
def test_the_enhanced_code_stands_behind_the_reply_code_or_in_brackets(reply, code):
    assert enhanced_code(reply) == code


@pytest.mark.parametrize("piece", ["a", "user ", "<", "a@", "5.1.", "address inactive ", "mailbox ", "http://", "\n"])
def test_the_longest_reply_is_read_at_once(piece):
    begin = time.process_time()

    classify_refusal("550 " + piece * 16_384)

    assert time.process_time() - begin < 0.05


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
    assert classify_error(error) is SendFailure.SERVER_UNAVAILABLE


@pytest.mark.parametrize("error", LATER, ids=repr)
def test_an_address_may_be_refused_for_now(error):
    assert classify_error(error) is SendFailure.TEMPORARY


@pytest.mark.parametrize("error", NEVER, ids=repr)
def test_an_address_may_never_do(error):
    assert classify_error(error) is SendFailure.PERMANENT


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (SSLCertVerificationError("certificate has expired"), True),
        (NotSent(SendFailure.SERVER_UNAVAILABLE, "421 closing"), True),
        (NotSent(SendFailure.TEMPORARY, "450 busy"), False),
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
        (NotSent(SendFailure.SERVER_UNAVAILABLE, "421 closing"), True),
        (ValueError("no such name"), True),
        (TimeoutError(), False),
        (SMTPServerDisconnected("gone"), False),
    ],
    ids=repr,
)
def test_a_silence_does_not_say_that_the_mail_was_not_taken(error, expected):
    assert is_refusal(error) is expected
