"""Bounces that follow no standard, and what machines answer with: away from work, a ticket (RFC 3834, RFC 5436)."""

import re
from collections.abc import Callable, Iterable
from email.message import Message
from functools import lru_cache

from newsletter.delivery.events.reading.message import address, field, returned
from newsletter.mail.replies import NO_SUCH_ADDRESS

AWAY = re.compile(
    r"^\W{0,9}(?:auto(?:matic|mated|matische)?[- ]?(?:reply|response|answer|antwort)|auto:|"
    r"(?:(?:[^:]{1,60} )?is )?out[- ]of[- ](?:the[- ])?office|ooo\b|vacation|away from|i am away|"
    r"on (?:holiday|leave|vacation)|absence|abwesen|urlaub|r[ée]ponse automatique|yahoo! auto|"
    r"自動(?:回覆|回复|返信|応答)|自动(?:回复|答复)|不在(?:通知|連絡|のお知らせ)?|休假)",
    re.IGNORECASE,
)
ANSWERING = {"auto_reply", "auto-reply", "autoreply"}
BY_A_LIST = {"bulk", "junk"}  # no person writes to one reader so
READ_RECEIPT = "disposition-notification"  # RFC 8098: that it was shown, or deleted unread


def is_auto_reply(message: Message) -> bool:
    """Return whether a machine wrote this as an answer: no person's mail has an empty return path."""
    return is_bare(message) or _calls_itself_automatic(message)


def _calls_itself_automatic(message: Message) -> bool:
    submitted = field(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted.startswith("auto-"):
        return True
    if any(field(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply")):
        return True
    if field(message, "Precedence").lower() in ANSWERING or field(message, "X-Precedence").lower() in ANSWERING:
        return True
    return bool(AWAY.search(field(message, "Subject")))


def is_by_list(message: Message) -> bool:
    """Return whether a mailing list wrote this, about its own matters or to all."""
    return bool(field(message, "X-List-Administrivia")) or field(message, "Precedence").lower() in BY_A_LIST


WORDS = 450  # characters around a recipient that are read
REPORT_MAX = 16 * 1024  # of a text: what a server says stands at its beginning
LINES_MAX = 200  # that begin with an address
REPORTS = {"multipart/report", "message/delivery-status"}
# The local parts of programs that return mail, and what they call themselves.
DAEMON = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[-_.]?master|mmdf|uucp|mdaemon|root|bounces?|"
    r"mail[-_.]?administrator|microsoftexchange[0-9a-f]*|smtp|emailsecurity|mailsubsystem|no-?reply)\b"
    r"|mail(?:er)? ?delivery|delivery (?:sub)?system|mail (?:system|administrator)|mailer-daemon",
    re.IGNORECASE,
)
CERTAIN = re.compile(r"daemon|^(?:bounces?|no-?reply)\b", re.IGNORECASE)  # of these nobody is a person
TITLE = re.compile(
    r"undeliver|un(?:able|successful) (?:to )?deliver|return(?:ed|ing) (?:mail|message|to sender)|failure notice|"
    r"deliver(?:y|ing)?.{0,20}(?:fail|error|problem|status|report|notification)|(?:mail|delivery).{0,20}fail|"
    r"not (?:be )?deliver|non[- ]?deliver|could not send|mail error|message status|dsn:|ndn:|user unknown|"
    r"bounced? (?:mail|message)|mail system error|mail transaction failed|m(?:ail)?(?:daemon|server) notification|"
    r"mail administrator|unzustellbar|non remis|mancata consegna|"
    r"退信|无法投递|無法(?:傳遞|投遞)|投递失败|送信エラー|配信(?:エラー|不能|失敗)|メールエラー",
    re.IGNORECASE,
)
NOT_DELIVERED = re.compile(
    r"(?:could|was|can) ?not (?:be )?delivered|undeliver|unable to deliver|delivery (?:has )?failed", re.IGNORECASE
)
ERROR = re.compile(r"^Error:", re.MULTILINE)  # all that some gateways of mobile phones say
ENVELOPE = re.compile(r"^\s{0,9}RCPT TO:", re.MULTILINE)
# In the languages of mail programs; "[Fwd: …]" is Thunderbird's old form, "[club] Re: …" a list's.
ANSWER = re.compile(
    r"\s{0,9}(?:\[[^\[\]]{1,40}\]\s{0,9})?\[?"
    r"(?:re|fwd?|aw|wg|tr|rv|enc|sv|vs|回[覆复信]|轉寄|转发|答[复覆]|返信|転送)(?:\[\d{1,3}\])?\s{0,3}[:：]",
    re.IGNORECASE,
)
TAGGED = re.compile(r"\s{0,9}\[[^\[\]]{1,60}\]\s")  # "[club/site] …", as sites and lists call their mails
# Where the mail that is returned begins.
ORIGINAL = re.compile(
    r"^(?:[-_=* ]{2,200}.{0,60}(?:copy of|original|returned|unsent|forwarded|begin|below this line).{0,60}"
    r"|.{0,20}(?:original|returned|unsent) message (?:follows|headers?|text|attached|below|is).{0,60}"
    r"|(?:the )?(?:header|text|body|first \d+ lines) of (?:the |your )?(?:original )?message.{0,40}"
    r"|(?:below this line|here is).{0,40}(?:copy|message).{0,40}"
    r"|(?:Received|Return-Path|X-Original-To|DKIM-Signature|MIME-Version|Message-ID):.*)$",
    re.IGNORECASE | re.MULTILINE,
)
LATE = re.compile(r"\bdelay(?:ed)?\b|\bwarning\b|still being", re.IGNORECASE)
GOES_ON = re.compile(
    r"no action is required|will (?:be re-?(?:tried|attempted)|keep trying|retry|continue to try|try again)|"
    r"warning only|still (?:trying|being retried)|do not need to resend|not yet been delivered|"
    r"delivery attempts will continue|this is (?:just )?a warning",
    re.IGNORECASE,
)
# All went well: a report that a sender asked for.
ARRIVED = re.compile(
    r"success(?:ful|fully)?\b.{0,30}\bdeliver|\bdeliver(?:ed|y)\b.{0,20}\bsuccess|return receipt|"
    r"(?:was|were|has been|have been) (?:successfully )?delivered\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"[A-Za-z0-9._%+=/'*!#$&?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,200}[A-Za-z0-9]")
ALONE = re.compile(rf"^<({ADDRESS.pattern})>:[ \t]*$", re.MULTILINE)  # https://cr.yp.to/proto/qsbmf.txt
AT_LINE_START = re.compile(rf"^([ \t]{{0,8}})<?({ADDRESS.pattern})", re.MULTILINE)
STRONG = re.compile(
    r"(?<![\d.])(?<!\d:)[45]\d\d[ -][#<(]*(?:[45]\.\d{1,3}\.\d{1,3}|[A-Za-z<])"
    r"|(?<=\n-- )[45]\.\d{1,3}\.\d{1,3}(?= )"  # Mimecast, below its own guess
)


def is_by_daemon(message: Message) -> bool:
    return bool(DAEMON.search(address(message, "From")) or DAEMON.search(field(message, "From")))


def is_by_machine(message: Message) -> bool:
    """Return whether a mail with a report is one: a person who forwards one may send its parts along."""
    if message.get_content_type() in REPORTS or field(message, "X-Failed-Recipients"):
        return True
    return _is_titled(message) or is_by_daemon(message) or is_bare(message)


def is_answer(message: Message) -> bool:
    """Return whether a mail answers or forwards another one, by its subject: programs write none so."""
    return bool(ANSWER.match(field(message, "Subject")))


def _is_titled(message: Message) -> bool:
    """Return whether a mail has the subject of a bounce, and is from nobody who can be answered, nor from a site."""
    subject = field(message, "Subject")
    if not TITLE.search(subject) or is_answer(message) or is_by_its_sender(message):
        return False
    return not TAGGED.match(subject) or is_by_daemon(message) or is_bare(message)


def is_by_its_sender(message: Message) -> bool:
    """Return whether a mail comes from the address that it names, as mail of people does and bounces do not."""
    sender = address(message, "From").lower()
    return "@" in sender and sender == address(message, "Return-Path").lower() and not CERTAIN.search(sender)


def is_bare(message: Message) -> bool:
    return bool({field(message, name) for name in ("Return-Path", "X-Envelope-From")} & {"<>", "< >"})


def looks_returned(message: Message, text: str, scanned: Callable[[], list[str]]) -> bool:
    """Return whether a mail was written by a mail server about one that it could not deliver: two signs say so.

    Who writes it, an empty return path, its subject, and what stands in it. A person who forwards a bounce has one.
    scanned: returns whom flufl.bounce finds in it, which takes longest.
    """
    subject = field(message, "Subject")
    is_report = message.get_content_type() == "multipart/report" and not ANSWER.match(subject)
    if is_report and report_type(message) not in {"", "delivery-status"}:  # Dovecot rejects by a read receipt
        return is_by_daemon(message) and "reject" in subject.lower()
    if is_report or field(message, "X-Failed-Recipients"):
        return True
    is_titled, has_no_sender = _is_titled(message), is_bare(message)
    if _calls_itself_automatic(message) and not is_titled and not is_by_daemon(message):
        return False  # away, with the letter and a code in its words
    if re.match("no-?reply", address(message, "From"), re.IGNORECASE):  # shops speak of deliveries, too
        return (is_titled or has_no_sender) and returned(message) is not None
    signs = [
        is_by_daemon(message),
        has_no_sender,
        is_titled,
        not is_answer(message) and _tells_of_failure(message, text, scanned),
    ]
    is_gateway = bool(ERROR.search(text)) and (not is_answer(message) or bool(ENVELOPE.search(text)))
    return sum(signs) > 1 or (signs[0] and is_gateway)


def is_about_failure(message: Message, text: str, scanned: Callable[[], list[str]]) -> bool:
    return _is_titled(message) or _tells_of_failure(message, text, scanned)


def report_type(message: Message) -> str:
    """Return what a report is about, "delivery-status", "disposition-notification" …; "" if it is not said."""
    return str(message.get_param("report-type", "")).lower()


def _tells_of_failure(message: Message, text: str, scanned: Callable[[], list[str]]) -> bool:
    """Return whether there are a server's reply and the mail that it was about, or a form that flufl.bounce knows."""
    if returned(message) is not None and NOT_DELIVERED.search(text[:1000]):
        return True
    has_original = returned(message) is not None or len(report_of(text)) < len(text[:4000])
    return (has_original and bool(STRONG.search(report_of(text)))) or bool(scanned())


def has_arrived(message: Message, text: str) -> bool:
    said = f"{field(message, 'Subject')[:WORDS]} {report_of(text)[: 2 * WORDS]}"
    is_bad = NOT_DELIVERED.search(said) or STRONG.search(said) or NO_SUCH_ADDRESS.search(said)
    return bool(ARRIVED.search(said)) and not is_bad


def is_only_late(message: Message, text: str) -> bool:
    """Return whether a server says that it goes on trying. A warning may also be of an address that is unknown."""
    subject, report = field(message, "Subject"), report_of(text)
    is_called_late, first = bool(LATE.search(subject)), f"{subject[:WORDS]} {report[:WORDS]}"
    return (is_called_late and not NO_SUCH_ADDRESS.search(first)) or bool(GOES_ON.search(report))


@lru_cache(maxsize=8)  # asked for each recipient of a report
def report_of(text: str) -> str:
    """Return what a server says in a text, without the mail that it returns below."""
    text = text[:REPORT_MAX]
    said = [found.end() for found in (ADDRESS.search(text), STRONG.search(text)) if found]
    begins = ORIGINAL.search(text, min(said)) if said else None
    return text[: begins.start()] if begins else text[:4000]


def failed_addresses(message: Message, text: str, own: list[str], scanned: list[str]) -> list[str]:
    """Return whom a bounce is about: as its fields, its form or its words say.

    own: to whom it came. scanned: whom flufl.bounce finds in it.
    """
    report = report_of(text)
    named = ADDRESS.findall(field(message, "X-Failed-Recipients")) or ALONE.findall(report)
    if not named:
        lower = report.lower()
        named = [one for one in scanned if one.lower() in lower]
    if not named:
        others = {one.lower() for one in [*own, address(message, "From")]}
        lines = [(len(indent), one) for indent, one in AT_LINE_START.findall(report)[:LINES_MAX]]
        least = min(lines)[0] if lines else 0
        first = [one for indent, one in lines if indent == least]  # a reply that goes on stands further in
        found = [one for one in [*first, *ADDRESS.findall(report)[:20]] if one.lower() not in others]
        found = [one for one in found if not DAEMON.match(one)]
        named = [one for one in found if one in first] or found[:1]
    return list(dict.fromkeys(one.lower() for one in named))


def words_about(recipient: str, text: str, others: Iterable[str] = ()) -> list[str]:
    """Return what a server says of a recipient, the most exact first: its reply, and the words beside the address."""
    report = report_of(text)
    near = _beside(recipient, report, others)
    replies = [_joined(within[found.start() :]) for within in (near, report) if (found := STRONG.search(within))]
    return [*replies[:1], _joined(near)]


def _beside(recipient: str, report: str, others: Iterable[str]) -> str:
    """Return the words from a recipient's address on, up to that of another one."""
    lower = report.lower()
    at = lower.find(recipient.lower()) if recipient else -1
    if at < 0:
        return ""
    ends = [lower.find(other.lower(), at) for other in others if other.lower() != recipient.lower()]
    return report[at : min([end for end in ends if end > at], default=len(report))]


def _joined(words: str) -> str:
    """Return one paragraph in one line, with the next one if it is only an address."""
    paragraphs = re.split(r"\n[ \t]{0,9}\n", words.strip(), maxsplit=2)[:2]
    is_address = len(paragraphs) > 1 and not re.search(r"\w", ADDRESS.sub("", paragraphs[0]))
    return " ".join(" ".join(paragraphs if is_address else paragraphs[:1]).split())[:WORDS]
