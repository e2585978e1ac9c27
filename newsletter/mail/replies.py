"""What a refusal says of the address it was for: tables of codes and words, with their sources. Pure.

A reply is one line of text, as `delivery` keeps it: an SMTP reply whose lines were joined ("550-5.1.1 The email
account … 550 5.1.1 …"), or what an e-mail API answered. An address is called dead only where code or words say
that it does not exist, or was closed. In doubt it is not: a copy too many costs less than a reader.

Sources: RFC 5321 section 4.2 (reply codes), RFC 3463 and RFC 5248 with IANA's registry of enhanced status codes
(https://www.iana.org/assignments/smtp-enhanced-status-codes), and what receivers say, beside each pattern.
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

from anymail.exceptions import AnymailAPIError, AnymailInvalidAddress, AnymailRecipientsRefused


class Verdict(StrEnum):
    DEAD = "dead"  # there is no such address, or it was closed
    MAILBOX = "mailbox"  # the mailbox exists and takes no mail: full, or in other trouble
    POLICY = "policy"  # the receiver does not like us, or the letter: block lists, authentication, content, rates
    OURS = "ours"  # a fault of this side: sender, login, protocol, a message that could not be written
    UNKNOWN = "unknown"  # a refusal whose words say too little


BLAMES_THE_READER = frozenset({Verdict.DEAD, Verdict.MAILBOX, Verdict.UNKNOWN})

CODE = re.compile(r"(?!406 )([45]\d\d)(?:[ -]|$)")  # of SMTP; 406 is Postmark's
WORDS_MAX = 500  # characters of a reply that are read
# As the first word behind the code (RFC 2034 section 4), or in brackets as qmail and IronPort write it: "(#5.1.1)".
ENHANCED = re.compile(r"\d{3}[ -]#?([245]\.\d{1,3}\.\d{1,3})(?![\d.])|\(?#([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# What is quoted from us says nothing, nor a link unless it is to a block list. Chinese stands beside an address
# without a space.
QUOTED = re.compile(
    r"<[^<>]{0,320}>|[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,9}"
    r"|https?://(?!\S{0,60}(?:spamhaus|spamcop|sorbs|barracuda|[bk]list|\.rbl))\S+"
)
# "UserUnknown" and "BAD_RECIPIENT" are words, too.
TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
# Postfix says at which command it was, gateways of mobile phones repeat the envelope, qmail ends with the host, Google
# says in which state; "returned to sender" is what bounces are called; Cisco's reports begin with "unknown address".
NEEDLESS = re.compile(
    r"unknown address error|mail from: {1,9}(?=rcpt to:)|giving up on [\d.:a-f]{3,45}"
    r"|\((?:in reply to [^()]{1,60}|sent \w{1,10})\)|after (?:pipelined )?(?:mail from|rcpt to)\b"
    r"|return(?:ed|ing) (?:(?:the |your )?(?:mail|message) )?to (?:the )?sender",
    re.IGNORECASE,
)

# RFC 3463, RFC 5248, RFC 7293 and RFC 7505. A code that is not here decides nothing by itself.
BY_CODE = {
    "5.1.1": Verdict.DEAD,  # bad destination mailbox address
    "5.1.2": Verdict.DEAD,  # bad destination system address: there is no such domain
    "5.1.3": Verdict.DEAD,  # bad destination mailbox address syntax
    "5.1.6": Verdict.DEAD,  # the mailbox has moved, and left no forwarding address
    "5.1.7": Verdict.OURS, "5.1.8": Verdict.OURS,  # the sender's mailbox, the sender's system
    "5.1.10": Verdict.DEAD,  # null MX: the domain takes no mail; at Microsoft: recipient not found
    "5.2.3": Verdict.POLICY,  # the message is longer than the mailbox takes
    "5.3.3": Verdict.OURS,  # the system cannot do what the message asks for
    "5.3.4": Verdict.POLICY,  # the message is too big for the system
    "5.5.2": Verdict.OURS, "5.5.3": Verdict.OURS, "5.5.4": Verdict.OURS,  # syntax, too many recipients, arguments
    "5.7.13": Verdict.DEAD,  # the account is disabled
    "5.7.17": Verdict.DEAD, "5.7.18": Verdict.DEAD,  # the mailbox, the domain has a new owner
}  # fmt: skip
BY_SUBJECT = {
    "5.2": Verdict.MAILBOX, "4.2": Verdict.MAILBOX,
    "5.6": Verdict.POLICY, "5.7": Verdict.POLICY, "4.7": Verdict.POLICY,  # content; security or policy
}  # fmt: skip
# RFC 5321 section 4.2.2, RFC 4954 section 6, RFC 7504, RFC 7505.
BY_REPLY_CODE = dict.fromkeys(("500", "502", "503", "504", "530", "534", "535", "538", "555"), Verdict.OURS)
BY_REPLY_CODE["556"] = Verdict.DEAD


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


OF_A_READER = (
    r"(?:user|recip(?:ient)?|rcpt|account|mail[ -]?box|mail[ -]?drop|alias|addressee|address|inbox|receiver|customer)"
)
GONE_NOW = r"(?:disabled|inactive|deactivated|locked|suspended|unavailable)"
NO_SUCH_ADDRESS = _any(
    rf"{OF_A_READER}(?:e?s)?\b.{{0,40}}\b(?:(?:not|\w{{2,6}}n't) (?:be )?found|unknown)",
    rf"{OF_A_READER}(?:e?s)?\b.{{0,40}}\bnot (?:listed|present|ok|known)",
    rf"{OF_A_READER}(?:e?s)?\b.{{0,30}}\binvalid\b|nosuch{OF_A_READER}",
    r"\b(?:do(?:es)? ?n[o']t|not) exist(?! in the header)",
    r"(?:could not|couldn't|cannot|unable to|fails? to) (?:find|locate|identify|resolve)"
    r".{0,40}(?:user|recipient|account|mail ?box|address)",
    rf"(?:invalid|bad|illegal|unknown|wrong|non-?existent|no such)[ _-]?(?:e-?mail |user |local |virtual )?"
    rf"(?:{OF_A_READER}(?:e?s)?|e-?mail|destination|person|local ?part|id)\b",
    rf"{OF_A_READER} (?:is )?not (?:a member of|activated)",
    r"(?:not|n't) (?:have an? (?:\S{1,40} )?account|handle mail for)",
    rf"no (?:one|body|{OF_A_READER}|e-?mail)s? (?:with|by|of|for|at|here|found|available|exists)",
    rf"{OF_A_READER} (?:is )?(?:no longer|not|isn't) (?:a )?(?:valid|available|active|here|on|known|exists?)\b",
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
# The first that is found counts. Sources: the receivers' own pages for senders, which
# tests/delivery/events/reading/said.txt names beside each sentence, and the forms of Postfix, Sendmail, Exim, qmail,
# Courier, Exchange, Domino and GroupWise.
PHRASES = (
    # Of what we may send, or who we are. Whatever code stands in front: "5.1.1 User unknown, or your server is on …".
    (
        Verdict.POLICY,
        _any(
            r"(?:sending|relay) (?:quota|limit)|too many (?:\w{1,12} )?(?:sessions|connections)",
            r"(?:too many|excessive) (?:bad|invalid|unknown|illegal|unavailable|non-?existent|incorrect) \w",
            r"(?:block|black|deny|white|allow) ?list|白名[單单]|dnsbl|\brbl\b|spamhaus|spamcop|\bbanned\b",
            r"dmarc|\bspf\b|dkim|unauthenticated|reverse dns|\brdns\b|\bptr\b|\bhelo\b|\behlo\b",
        ),
    ),
    # The mailbox is there, and takes nothing now.
    (
        Verdict.MAILBOX,
        _any(
            r"\bquota\b|mail ?box (?:is |for user is )?full|out of storage|over(?: its)? storage|storage limit",
            r"insufficient (?:system )?storage|(?:no|not enough|insufficient) (?:disk )?space|disk (?:is )?full",
            r"too quickly|at a rate that|space (?:is )?not enough|too much mail data|error writing message",
            r"mail[ -]?(?:box|folder|dir).{0,20}\b(?:exc?eed|over|full)|[邮郵信]箱.{0,6}[满滿]|容量[不已]",
            r"(?:exc?eed|over|exhaust)\w*.{0,30}(?:quota|allowed size|storage|mail ?box)",
            r"(?:暂时|暫時)(?:不可用|不能|无法|無法|停用)|too many (?:delivery )?failures\b",
            rf"\btempora\w{{1,6}}\b.{{0,40}}\b(?:{GONE_NOW}|deferred by user)|{GONE_NOW}.{{0,20}}\btempora",
            r"currently (?:suspended|deactivated)|exceed\w* (?:its |the )?receiving limit|(?:mailer|system) error",
            r"recipient (?:thread |rate )?limit|too many messages on the server",
            r"(?:account|mail ?box|user|recipient)\b[^.():;]{0,30}\b(?:blocked|locked|suspended)"
            r"\b(?! (?:your|the|this|our)\b)",
        ),
    ),
    # The sender, and where it comes from.
    (
        Verdict.OURS,
        _any(
            r"\bsender|from address|(?:return|envelope) mx\b|\bfrom: ?(?:domain|address)|\ba/aaaa\b",
            r"(?:your|sending|originating|source|client) (?:mail ?)?(?:host|ips?\b|server|domain)",
            r"(?:unverifiable|unresolvable|cannot (?:find|resolve)|not resolve).{0,30}(?:host ?name|ip|domain)",
            r"[寄发發]件[者人].{0,12}(?:拒|[無无]效|不正|[黑封])|(?:送信者|差出人).{0,12}(?:拒|無効|不明|ブロック)",
        ),
    ),
    (Verdict.DEAD, NO_SUCH_ADDRESS),
    (
        Verdict.DEAD,
        _any(
            r"host(?: or domain)?(?: name)? (?:is )?(?:unknown|not found|does not exist)|unroute?able mail domain",
            r"domain (?:name )?(?:not found|does not exist|unknown|is not valid|invalid)|no such (?:host|domain)",
            r"unknown host|indicated no smtp service",
            r"does(?: not|n't) (?:accept|receive) (?:any )?(?:e?-?mail|messages)(?! (?:in|over|from|with|to|via)\b)",
            r"(?:account|mail ?box|address|user|recipient)\b.{0,60}\b"
            r"(?:disabled|inactive|deactivated|discontinued|closed|terminated|frozen|no longer)\b",
            r"(?:disabled|inactive|deactivated|closed) (?:account|mail ?box|e-?mail address|user|recipient)",
        ),
    ),
    (
        Verdict.UNKNOWN,
        _any(
            r"(?:for|queue) too long|timed? ?out|giv(?:en|ing) up|too many hops|no route",
            r"connection (?:was |has been )?(?:refused(?! (?:due|because|by (?![\w-]+\.)))|reset|lost|dropped|failed)",
        ),
    ),
    (
        Verdict.OURS,
        _any(
            r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not|prohibited|disabled)|configured to relay|rcpthosts",
            r"(?:no|unable to|not) relay(?:ing)?\b|(?:\bas a|mail|open) relay\b|mail from|not verified|line limit",
            r"protocol (?:violation|error)|bad sequence|sequence of commands|rfc ?\d{3,4}|before greeting|dns check",
        ),
    ),
    (
        Verdict.POLICY,
        _any(
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
    ),
)
NO_SUCH_ADDRESS_AT_MICROSOFT = re.compile(r"requested action not taken: mailbox unavailable", re.IGNORECASE)  # 5.5.0

# What e-mail APIs say of one recipient, when they do not speak SMTP: each provider's page of errors.
# Postmark's 406 is a recipient that is inactive after a hard bounce, a complaint, or by hand:
# https://postmarkapp.com/developer/api/overview#error-codes
BY_API = (
    (re.compile(r"invalid$"), Verdict.DEAD),  # Anymail's word: the provider calls the address invalid
    (re.compile(r"(?:rejected|failed)$"), Verdict.UNKNOWN),  # Anymail's words: its own list, or something else
    (re.compile(r"406 .*inactive", re.DOTALL), Verdict.DEAD),
    (re.compile(r"300 .*'To'", re.DOTALL), Verdict.DEAD),
    (re.compile(r".*'to' parameter is not a valid address", re.DOTALL), Verdict.DEAD),  # Mailgun
    (re.compile(r".*does not contain a valid address.*\bto\b", re.DOTALL | re.IGNORECASE), Verdict.DEAD),  # SendGrid
    (re.compile(r".*email is not valid in to\b", re.DOTALL), Verdict.DEAD),  # Brevo
    (re.compile(r".*Invalid `to` field", re.DOTALL), Verdict.DEAD),  # Resend
    (re.compile(r".*(?:Illegal address|Missing final '@domain'|Local address contains)", re.DOTALL), Verdict.DEAD),
    (re.compile(r".*(?:API response 4|message recipients were)", re.DOTALL), Verdict.UNKNOWN),
)


def verdict(reply: str) -> Verdict:
    """Return what a final refusal says of its recipient's address.

    reply: the receiver's words, or what this program wrote itself when no message could be made: that is OURS.
    """
    reply = reply[:WORDS_MAX]
    code = CODE.match(reply)
    if code is None:
        return next((found for pattern, found in BY_API if pattern.match(reply)), Verdict.OURS)
    status = enhanced(reply)
    found = by_words(reply, status) or by_code(status) or BY_REPLY_CODE.get(code[1], Verdict.UNKNOWN)
    is_final = code[1] >= "500" and not status.startswith("4")
    return found if is_final or found is not Verdict.DEAD else Verdict.UNKNOWN


def enhanced(reply: str) -> str:
    found = ENHANCED.search(reply)
    return (found[1] or found[2]) if found else ""


def by_words(text: str, status: str) -> Verdict | None:
    """Return what words say, without the addresses and links in them; None if they say nothing that is known.

    status: the enhanced code beside them. A server that says 4.x.x or 5.4.x of a host may have asked a name server that
    was out of order.
    """
    if status in {"5.1.7", "5.1.8"}:
        return Verdict.OURS
    text = " ".join(NEEDLESS.sub("", TOGETHER.sub(" ", QUOTED.sub(" ", text))).replace("’", "'").split())
    number, found = next(((n, found) for n, (found, words) in enumerate(PHRASES) if words.search(text)), (0, None))
    if found is not Verdict.DEAD:
        is_dead = status == "5.5.0" and NO_SUCH_ADDRESS_AT_MICROSOFT.search(text)
        return Verdict.DEAD if is_dead else found
    is_named = PHRASES[number][1] is NO_SUCH_ADDRESS
    may_come_back = status.startswith(("4", "5.4.")) or "try again" in text.lower()
    return Verdict.UNKNOWN if may_come_back and not is_named else found


def by_code(status: str) -> Verdict | None:
    """Return what an enhanced code says by itself: "5.1.1", "" where there is none."""
    return BY_CODE.get(status) or BY_SUBJECT.get(status[:3])


class Trouble(Enum):
    AWAY = "away"  # no server, or one that takes nothing from us: no try at the address
    LATER = "later"  # not now, says the server of this address
    NEVER = "never"  # this address will never do


class NotSent(Exception):
    """A mail was not sent, and whose trouble that is: for a mailer that knows it already."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(words)
        self.trouble = trouble


def trouble(error: Exception) -> Trouble:
    """Return whose trouble it is that a mail was not sent; a message that cannot be written will never do."""
    if isinstance(error, NotSent):
        return error.trouble
    if is_unwritable(error):
        return Trouble.NEVER
    if isinstance(error, SMTPRecipientsRefused):
        return _of_recipients([_reply(code, words) for code, words in error.recipients.values()])
    if isinstance(error, SMTPDataError):
        return _of_message(_reply(error.smtp_code, error.smtp_error))
    if isinstance(error, AnymailRecipientsRefused | AnymailInvalidAddress):
        return Trouble.NEVER
    status = error.status_code if isinstance(error, AnymailAPIError) else None
    is_about_it = status is not None and 400 <= status < 500 and status not in {401, 403, 429}
    return Trouble.LATER if is_about_it else Trouble.AWAY


def is_unwritable(error: Exception) -> bool:
    """Return whether no message can be written to such an address or name.

    A mail server's certificate that is out of date is a ValueError to Python as well, and an OSError.
    """
    return isinstance(error, ValueError) and not isinstance(error, OSError)


def is_unreachable(error: Exception) -> bool:
    """Return whether no server takes anything from us, so that the next mail would only wait for it as well."""
    if isinstance(error, NotSent):
        return error.trouble is Trouble.AWAY
    if isinstance(error, SMTPException):
        return isinstance(error, SMTPConnectError | SMTPAuthenticationError)
    return isinstance(error, OSError) and getattr(error, "status_code", None) is None


def is_refusal(error: Exception) -> bool:
    """Return whether no server has the mail: it was refused, or none was there. A silence says nothing."""
    if isinstance(error, NotSent | ConnectionRefusedError | SMTPResponseException | SMTPRecipientsRefused):
        return True
    return is_unwritable(error) or getattr(error, "status_code", None) is not None


def _of_recipients(replies: list[str]) -> Trouble:
    """Sort the replies to RCPT: a final one that is about the address ends it (RFC 5321 section 4.2.1, 5yz)."""
    if any(reply.startswith("421") or verdict(reply) not in BLAMES_THE_READER for reply in replies):
        return Trouble.AWAY
    return Trouble.NEVER if replies and all(reply >= "5" for reply in replies) else Trouble.LATER


def _of_message(reply: str) -> Trouble:
    """Sort the reply to a message: only that there is no such address ends it."""
    found = verdict(reply)
    if reply.startswith("421") or found not in BLAMES_THE_READER:
        return Trouble.AWAY
    return Trouble.NEVER if found is Verdict.DEAD else Trouble.LATER


def _reply(code: int, words: bytes | str) -> str:
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    return " ".join(f"{code} {text}".split())


def reason(error: Exception) -> str:
    """Return what went wrong in a word and a code; servers quote addresses in their texts."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = sorted({str(code) for code, _text in error.recipients.values()})
        return f"recipient refused with {', '.join(codes)}"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__
