"""Classify SMTP and API refusals by codes and text patterns, with their sources. Pure.

A reply is one line: an SMTP reply with its lines joined ("550-5.1.1 The email account … 550 5.1.1 …"), or an e-mail
API's error. An address is DEAD only if code or text say that it does not exist or was closed: one copy too many costs
less than a lost subscriber.

Sources: RFC 5321 section 4.2 (reply codes), RFC 3463 and RFC 5248 with IANA's registry of enhanced status codes
(https://www.iana.org/assignments/smtp-enhanced-status-codes), and the receivers' own texts.
"""

import re
from enum import Enum, StrEnum
from smtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from newsletter.mail.mailers import anymail_exceptions


class RefusalReason(StrEnum):
    DEAD = "dead"  # no such address, or closed
    MAILBOX = "mailbox"  # the mailbox exists but accepts no mail: full, or a temporary error
    POLICY = "policy"  # block lists, authentication, content, rates
    OURS = "ours"  # our fault: sender, login, protocol, an invalid message
    UNKNOWN = "unknown"  # the text says too little


RECIPIENT_REASONS = frozenset({RefusalReason.DEAD, RefusalReason.MAILBOX, RefusalReason.UNKNOWN})

REPLY_CODE = re.compile(r"(?!406 )([45]\d\d)(?:[ -]|$)")  # of SMTP; 406 is Postmark's
REPLY_MAX = 500  # characters of a reply that are examined
# After the reply code (RFC 2034 section 4), or in brackets as by qmail and IronPort: "(#5.1.1)".
ENHANCED_CODE = re.compile(r"\d{3}[ -]#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])|\(?#([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# Quoted addresses, and links but those to a block list, are removed. Chinese touches an address without a space.
QUOTED_TEXT = re.compile(
    r"<[^<>]{0,320}>|[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,9}"
    r"|https?://(?!\S{0,60}(?:spamhaus|spamcop|sorbs|barracuda|[bk]list|\.rbl))\S+"
)
# Split "UserUnknown" and "BAD_RECIPIENT" into words.
CAMEL_OR_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
# Removed: the command (Postfix), the envelope (mobile gateways), the host (qmail), the state (Google), "returned to
# sender", and Cisco's "unknown address error".
BOILERPLATE = re.compile(
    r"unknown address error|mail from: {1,9}(?=rcpt to:)|giving up on [\d.:a-f]{3,45}"
    r"|\((?:in reply to [^()]{1,60}|sent \w{1,10})\)|after (?:pipelined )?(?:mail from|rcpt to)\b"
    r"|return(?:ed|ing) (?:(?:the |your )?(?:mail|message) )?to (?:the )?sender",
    re.IGNORECASE,
)

# RFC 3463, RFC 5248, RFC 7293 and RFC 7505. Other codes decide nothing.
REASON_BY_CODE = {
    "5.1.1": RefusalReason.DEAD,  # bad destination mailbox address
    "5.1.2": RefusalReason.DEAD,  # bad destination system address: there is no such domain
    "5.1.3": RefusalReason.DEAD,  # bad destination mailbox address syntax
    "5.1.6": RefusalReason.DEAD,  # the mailbox has moved, and left no forwarding address
    "5.1.7": RefusalReason.OURS, "5.1.8": RefusalReason.OURS,  # the sender's mailbox, the sender's system
    "5.1.10": RefusalReason.DEAD,  # null MX: the domain takes no mail; at Microsoft: recipient not found
    "5.2.3": RefusalReason.POLICY,  # the message is longer than the mailbox takes
    "5.3.3": RefusalReason.OURS,  # the system cannot do what the message asks for
    "5.3.4": RefusalReason.POLICY,  # the message is too big for the system
    "5.5.2": RefusalReason.OURS, "5.5.3": RefusalReason.OURS,  # syntax, too many recipients
    "5.5.4": RefusalReason.OURS,  # arguments
    "5.7.13": RefusalReason.DEAD,  # the account is disabled
    "5.7.17": RefusalReason.DEAD, "5.7.18": RefusalReason.DEAD,  # the mailbox, the domain has a new owner
}  # fmt: skip
REASON_BY_SUBJECT = {
    "5.2": RefusalReason.MAILBOX, "4.2": RefusalReason.MAILBOX,
    "5.6": RefusalReason.POLICY,  # content
    "5.7": RefusalReason.POLICY, "4.7": RefusalReason.POLICY,  # security or policy
}  # fmt: skip
# RFC 5321 section 4.2.2, RFC 4954 section 6, RFC 7504, RFC 7505.
REASON_BY_REPLY_CODE = dict.fromkeys(
    ("500", "502", "503", "504", "530", "534", "535", "538", "555"), RefusalReason.OURS
)
REASON_BY_REPLY_CODE["556"] = RefusalReason.DEAD


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


def _phrases(reason: RefusalReason, *patterns: str) -> tuple[RefusalReason, re.Pattern[str]]:
    return reason, _any_of(*patterns)


RECIPIENT_WORDS = (
    r"(?:user|recip(?:ient)?|rcpt|account|mail[ -]?box|mail[ -]?drop|alias|addressee|address|inbox|receiver|customer)"
)
DISABLED_WORDS = r"(?:disabled|inactive|deactivated|locked|suspended|unavailable)"
NO_SUCH_ADDRESS = _any_of(
    rf"{RECIPIENT_WORDS}(?:e?s)?\b.{{0,40}}\b(?:(?:not|\w{{2,6}}n't) (?:be )?found|unknown)",
    rf"{RECIPIENT_WORDS}(?:e?s)?\b.{{0,40}}\bnot (?:listed|present|ok|known)",
    rf"{RECIPIENT_WORDS}(?:e?s)?\b.{{0,30}}\binvalid\b|nosuch{RECIPIENT_WORDS}",
    r"\b(?:do(?:es)? ?n[o']t|not) exist(?! in the header)",
    r"(?:could not|couldn't|cannot|unable to|fails? to) (?:find|locate|identify|resolve)"
    r".{0,40}(?:user|recipient|account|mail ?box|address)",
    rf"(?:invalid|bad|illegal|unknown|wrong|non-?existent|no such)[ _-]?(?:e-?mail |user |local |virtual )?"
    rf"(?:{RECIPIENT_WORDS}(?:e?s)?|e-?mail|destination|person|local ?part|id)\b",
    rf"{RECIPIENT_WORDS} (?:is )?not (?:a member of|activated)",
    r"(?:not|n't) (?:have an? (?:\S{1,40} )?account|handle mail for)",
    rf"no (?:one|body|{RECIPIENT_WORDS}|e-?mail)s? (?:with|by|of|for|at|here|found|available|exists)",
    rf"{RECIPIENT_WORDS} (?:is )?(?:no longer|not|isn't) (?:a )?(?:valid|available|active|here|on|known|exists?)\b",
    r"not (?:found|listed) in (?:the )?(?:ldap|domino|public|directory)|account (?:is )?unavailable|not recogni[sz]ed",
    r"not our customer|\bnot (?:a )?(?:valid )?user\b|\b(?:was not|wasn't) found at\b|un(?:routeable|routable) address",
    r"recipient mail ?box is not allowed|\binac?tiv[oa]\b|(?:account|mail ?box|address) (?:has |is )?(?:been )?expired",
    r"no longer (?:in use|works?|working|employed|an employee|with|exists?|on (?:the |this )?server)",
    r"^[\W\d]*(?:is (?:now |currently )?(?:disabled|deactivated|inactive)\b|not (?:used|in use)\b)",
    r"(?:bad|invalid) (?:recipient )?address syntax|previously bounced|to a bounced address",
    r"(?:用[户戶]|收件[人者]|[邮郵]箱|信箱|地址|帳號|账号|使用者).{0,6}(?:不存在|未找到|找不到)|找不到您?[输輸]入的",
    r"(?:找不到|[查无無没沒]有?此?個?此)(?:電子郵件|电子邮件)?(?:人|[帳账帐][號号]|使用者|收件[人者]|用[户戶]|[邮郵信]箱|地址)",
    r"(?:見つか(?:り|らな|りませんで)|見当たり|存在し|リストにあり|ござい)(?:ません|い|した)",
)
# The first match counts. Sources: receivers' postmaster pages, listed with each sentence in
# tests/delivery/events/parsing/said.txt, and the texts of Postfix, Sendmail, Exim, qmail, Courier, Exchange, Domino and
# GroupWise.
REASON_PHRASES = (
    # Sender reputation, whatever the code: "5.1.1 User unknown, or your server is on …".
    _phrases(
        RefusalReason.POLICY,
        r"(?:sending|relay) (?:quota|limit)|too many (?:\w{1,12} )?(?:sessions|connections)",
        r"(?:too many|excessive) (?:bad|invalid|unknown|illegal|unavailable|non-?existent|incorrect) \w",
        r"(?:block|black|deny|white|allow) ?list|白名[單单]|dnsbl|\brbl\b|spamhaus|spamcop|\bbanned\b",
        r"dmarc|\bspf\b|dkim|unauthenticated|reverse dns|\brdns\b|\bptr\b|\bhelo\b|\behlo\b",
    ),
    # The mailbox exists, but accepts nothing now.
    _phrases(
        RefusalReason.MAILBOX,
        r"\bquota\b|mail ?box (?:is |for user is )?full|out of storage|over(?: its)? storage|storage limit",
        r"insufficient (?:system )?storage|(?:no|not enough|insufficient) (?:disk )?space|disk (?:is )?full",
        r"too quickly|at a rate that|space (?:is )?not enough|too much mail data|error writing message",
        r"mail[ -]?(?:box|folder|dir).{0,20}\b(?:exc?eed|over|full)|[邮郵信]箱.{0,6}[满滿]|容量[不已]",
        r"(?:exc?eed|over|exhaust)\w*.{0,30}(?:quota|allowed size|storage|mail ?box)",
        r"(?:暂时|暫時)(?:不可用|不能|无法|無法|停用)|too many (?:delivery )?failures\b",
        rf"\btempora\w{{1,6}}\b.{{0,40}}\b(?:{DISABLED_WORDS}|deferred by user)|{DISABLED_WORDS}.{{0,20}}\btempora",
        r"currently (?:suspended|deactivated)|exceed\w* (?:its |the )?receiving limit|(?:mailer|system) error",
        r"recipient (?:thread |rate )?limit|too many messages on the server",
        r"(?:account|mail ?box|user|recipient)\b[^.():;]{0,30}\b(?:blocked|locked|suspended)"
        r"\b(?! (?:your|the|this|our)\b)",
    ),
    # The sender and its host.
    _phrases(
        RefusalReason.OURS,
        r"\bsender|from address|(?:return|envelope) mx\b|\bfrom: ?(?:domain|address)|\ba/aaaa\b",
        r"(?:your|sending|originating|source|client) (?:mail ?)?(?:host|ips?\b|server|domain)",
        r"(?:unverifiable|unresolvable|cannot (?:find|resolve)|not resolve).{0,30}(?:host ?name|ip|domain)",
        r"[寄发發]件[者人].{0,12}(?:拒|[無无]效|不正|[黑封])|(?:送信者|差出人).{0,12}(?:拒|無効|不明|ブロック)",
    ),
    (RefusalReason.DEAD, NO_SUCH_ADDRESS),
    _phrases(
        RefusalReason.DEAD,
        r"host(?: or domain)?(?: name)? (?:is )?(?:unknown|not found|does not exist)|unroute?able mail domain",
        r"domain (?:name )?(?:not found|does not exist|unknown|is not valid|invalid)|no such (?:host|domain)",
        r"unknown host|indicated no smtp service",
        r"does(?: not|n't) (?:accept|receive) (?:any )?(?:e?-?mail|messages)(?! (?:in|over|from|with|to|via)\b)",
        r"(?:account|mail ?box|address|user|recipient)\b.{0,60}\b"
        r"(?:disabled|inactive|deactivated|discontinued|closed|terminated|frozen|no longer)\b",
        r"(?:disabled|inactive|deactivated|closed) (?:account|mail ?box|e-?mail address|user|recipient)",
    ),
    _phrases(
        RefusalReason.UNKNOWN,
        r"(?:for|queue) too long|timed? ?out|giv(?:en|ing) up|too many hops|no route",
        r"connection (?:was |has been )?(?:refused(?! (?:due|because|by (?![\w-]+\.)))|reset|lost|dropped|failed)",
    ),
    _phrases(
        RefusalReason.OURS,
        r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not|prohibited|disabled)|configured to relay|rcpthosts",
        r"(?:no|unable to|not) relay(?:ing)?\b|(?:\bas a|mail|open) relay\b|mail from|not verified|line limit",
        r"protocol (?:violation|error)|bad sequence|sequence of commands|rfc ?\d{3,4}|before greeting|dns check",
    ),
    _phrases(
        RefusalReason.POLICY,
        r"spam|\bube\b|\buce\b|unsolicited|unwanted|junk|\babus|block(?:ed|ing)|barracuda|suspected",
        r"reputation|complain|\bpolic(?:y|ies)\b|suspicious|preference|filter|\bauth(?:enticat\w*)?\b|domain ?keys",
        r"virus|malware|phish|content|attachment|\bheaders?\b|too (?:large|big|long)|message size|size limit",
        r"too many|too much (?:mail|recipient)|limit(?:ed|s)?\b|frequency|throttl|greylist|\bthreshold\b",
        r"host rejected|host network|\bip\b|local user only|\bcompl(?:y|iant|iance)\b",
        r"malformed (?:address|message|header)|not welcome|\bmacros?\b|\bviolation\b|n't want",
        r"not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|prohibit|forbidden|administrative|refus[eé]",
        r"(?<!rejected: )(?<!rejected : )access denied|^\W*550 (?:\d\.\d\.\d )?permission denied",
        r"(?<!address )(?<!recipient )\breject(?:ed|ing)?\b|\b(?:has|is) restricted\b|\baup\b|\bmx only",
        r"(?-i:\b(?:HL|MI|RP|DT|IB):[A-Z]{3}\b)",  # NetEase: http://mail.163.com/help/help_spam_16.htm
        r"垃圾|拒[絕绝收]|黑名[單单]|廣告信|违规|違規|拒否され|迷惑メール|スパム",
    ),
)
NO_SUCH_ADDRESS_AT_MICROSOFT = re.compile(r"requested action not taken: mailbox unavailable", re.IGNORECASE)  # 5.5.0

# Errors of e-mail APIs about one recipient: each provider's documentation.
# Postmark's 406 is a recipient that is inactive after a hard bounce, a complaint, or by hand:
# https://postmarkapp.com/developer/api/overview#error-codes
API_REASONS = (
    (re.compile(r"invalid$"), RefusalReason.DEAD),  # Anymail's status: an invalid address
    (re.compile(r"(?:rejected|failed)$"), RefusalReason.UNKNOWN),  # Anymail's statuses: for any reason
    (re.compile(r"406 .*inactive", re.DOTALL), RefusalReason.DEAD),
    (re.compile(r"300 .*'To'", re.DOTALL), RefusalReason.DEAD),
    (re.compile(r".*'to' parameter is not a valid address", re.DOTALL), RefusalReason.DEAD),  # Mailgun
    (re.compile(r"(?is).*does not contain a valid address.*\bto\b"), RefusalReason.DEAD),  # SendGrid
    (re.compile(r".*email is not valid in to\b", re.DOTALL), RefusalReason.DEAD),  # Brevo
    (re.compile(r".*Invalid `to` field", re.DOTALL), RefusalReason.DEAD),  # Resend
    (re.compile(r"(?s).*(?:Illegal address|Missing final '@domain'|Local address contains)"), RefusalReason.DEAD),
    (re.compile(r".*(?:API response 4|message recipients were)", re.DOTALL), RefusalReason.UNKNOWN),
)


def classify_refusal(reply: str) -> RefusalReason:
    """The reason of a final refusal. A text without a code is our own error: OURS."""
    reply = reply[:REPLY_MAX]
    code = REPLY_CODE.match(reply)
    if code is None:
        return next((found for pattern, found in API_REASONS if pattern.match(reply)), RefusalReason.OURS)
    status = enhanced_code(reply)
    by_code = reason_by_code(status) or REASON_BY_REPLY_CODE.get(code[1], RefusalReason.UNKNOWN)
    reason = reason_by_text(reply, status) or by_code
    is_final = code[1] >= "500" and not status.startswith("4")
    return reason if is_final or reason is not RefusalReason.DEAD else RefusalReason.UNKNOWN


def enhanced_code(reply: str) -> str:
    found = ENHANCED_CODE.search(reply)
    return (found[1] or found[2]) if found else ""


def reason_by_text(text: str, status: str) -> RefusalReason | None:
    """Match REASON_PHRASES, ignoring addresses and links; None without a match.

    status: the enhanced code. With 4.x.x or 5.4.x an unknown host may be a DNS failure.
    """
    if status in {"5.1.7", "5.1.8"}:
        return RefusalReason.OURS
    text = " ".join(BOILERPLATE.sub("", CAMEL_OR_SNAKE.sub(" ", QUOTED_TEXT.sub(" ", text))).replace("’", "'").split())
    number, found = next(
        ((n, found) for n, (found, pattern) in enumerate(REASON_PHRASES) if pattern.search(text)), (0, None)
    )
    if found is not RefusalReason.DEAD:
        is_dead = status == "5.5.0" and NO_SUCH_ADDRESS_AT_MICROSOFT.search(text)
        return RefusalReason.DEAD if is_dead else found
    is_named = REASON_PHRASES[number][1] is NO_SUCH_ADDRESS
    may_come_back = status.startswith(("4", "5.4.")) or "try again" in text.lower()
    return RefusalReason.UNKNOWN if may_come_back and not is_named else found


def reason_by_code(status: str) -> RefusalReason | None:
    """status: an enhanced code such as "5.1.1", or ""."""
    return REASON_BY_CODE.get(status) or REASON_BY_SUBJECT.get(status[:3])


class SendFailure(Enum):
    SERVER_UNAVAILABLE = "away"  # or it accepts nothing from us: not about the address
    TEMPORARY = "later"  # for this address
    PERMANENT = "never"  # for this address


class NotSent(Exception):
    """Raised by a mailer that knows the kind of failure."""

    def __init__(self, failure: SendFailure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


def classify_error(error: Exception) -> SendFailure:
    """An invalid message is a permanent failure."""
    if isinstance(error, NotSent):
        return error.failure
    if is_invalid_message(error):
        return SendFailure.PERMANENT
    if isinstance(error, SMTPRecipientsRefused):
        return _recipients_failure([_reply_line(code, text) for code, text in error.recipients.values()])
    if isinstance(error, SMTPDataError):
        return _message_failure(_reply_line(error.smtp_code, error.smtp_error))
    if isinstance(error, anymail_exceptions().AnymailRecipientsRefused):
        return SendFailure.PERMANENT
    status = getattr(error, "status_code", None)  # of an e-mail API
    is_about_message = status is not None and 400 <= status < 500 and status not in {401, 403, 429}
    return SendFailure.TEMPORARY if is_about_message else SendFailure.SERVER_UNAVAILABLE


def is_invalid_message(error: Exception) -> bool:
    """Whether address or name are invalid. An expired certificate is a ValueError too, but also an OSError."""
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def is_unreachable(error: Exception) -> bool:
    """Whether the server accepts nothing, so that the next mail would fail too."""
    if isinstance(error, NotSent):
        return error.failure is SendFailure.SERVER_UNAVAILABLE
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPConnectError | SMTPAuthenticationError)
    return isinstance(error, OSError) and getattr(error, "status_code", None) is None


def is_refusal(error: Exception) -> bool:
    """Whether certainly no server has the mail: it was refused, or there was no connection. A timeout is uncertain."""
    if isinstance(error, NotSent | ConnectionRefusedError | SMTPResponseException | SMTPRecipientsRefused):
        return True
    return is_invalid_message(error) or getattr(error, "status_code", None) is not None


def _recipients_failure(replies: list[str]) -> SendFailure:
    """Replies to RCPT: permanent only if all are 5yz and about the address (RFC 5321 section 4.2.1)."""
    if any(reply.startswith("421") or classify_refusal(reply) not in RECIPIENT_REASONS for reply in replies):
        return SendFailure.SERVER_UNAVAILABLE
    return SendFailure.PERMANENT if replies and all(reply >= "5" for reply in replies) else SendFailure.TEMPORARY


def _message_failure(reply: str) -> SendFailure:
    """The reply to DATA: permanent only if it says that there is no such address."""
    found = classify_refusal(reply)
    if reply.startswith("421") or found not in RECIPIENT_REASONS:
        return SendFailure.SERVER_UNAVAILABLE
    return SendFailure.PERMANENT if found is RefusalReason.DEAD else SendFailure.TEMPORARY


def _reply_line(code: int, text: bytes | str) -> str:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {text}".split())


def error_summary(error: Exception) -> str:
    """Class and code of an error, without the server's text, which may quote addresses."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _text in error.recipients.values()})
        return f"recipient refused with {', '.join(codes)}"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__
