"""Parses delivery reports (RFC 3464, RFC 6533), complaints (RFC 5965), non-standard bounces, automatic replies. Pure.

The text of the reply counts first (mail/smtp_replies.py), its codes second. If in doubt a bounce is soft: one mail too
many costs less than a lost reader.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import parseaddr
from functools import lru_cache
from itertools import islice
from typing import Any

from newsletter.delivery.events.parsed import BounceType
from newsletter.delivery.events.parsing.mime import address, field_blocks, header, leaf_parts, returned_mail
from newsletter.delivery.models.events import Event
from newsletter.mail import smtp_replies
from newsletter.mail.smtp_replies import NO_SUCH_ADDRESS

REPORT_TYPES = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
STATUS_PREFIX = re.compile(r"^[\d.\s]{0,20}")  # at the beginning of a Status
TYPE_PREFIX = re.compile(r"^\s{0,9}[\w-]{1,40}\s{0,9};\s{0,9}")  # "rfc822; a@example.org", "smtp; 550 …"

BLOCKS_MAX = 200  # of one report
FAILED_ACTIONS = {"failed", "failure", "expired", "error"}  # SendGrid's and OpenSMTPD's words


@dataclass(frozen=True)
class RecipientStatus:
    """A recipient's fields in a report. action: failed, delayed, delivered, relayed or expanded."""

    address: str
    action: str
    status: str
    diagnostic: str

    @property
    def has_failed(self) -> bool:
        return self.action in FAILED_ACTIONS or (not self.action and self.status[:1] == "5")


def recipient_statuses(message: Message) -> list[RecipientStatus]:
    reports = (part for part in leaf_parts(message) if part.get_content_type() in REPORT_TYPES)
    blocks = islice((block for part in reports for block in field_blocks(part)), BLOCKS_MAX)
    found = [status for block in blocks if (status := _recipient_status(block))]
    # Some servers put recipient fields into the message block.
    return [status for status in found if status.address] or found


def _recipient_status(block: Message) -> RecipientStatus | None:
    action = header(block, "Action").partition(" ")[0].strip(";,").lower()
    status = re.match(r"\s*(\d\.\d{1,3}\.\d{1,3})", header(block, "Status"))
    if not action and not status:
        return None
    # First the address that we mailed, then that of a forwarding server.
    named = [_without_type(header(block, name)).strip("<>") for name in ("Original-Recipient", "Final-Recipient")]
    address = next((one for one in named if "@" in one), "")
    # Old servers put their reply behind the code: "5.0.0 (mailbox full)".
    reply_in_status = STATUS_PREFIX.sub("", header(block, "Status")).strip("() ")
    diagnostic = _without_type(header(block, "Diagnostic-Code")) or reply_in_status
    return RecipientStatus(address, action, status[1] if status else "", diagnostic)


def _without_type(value: str) -> str:
    return TYPE_PREFIX.sub("", value, count=1).strip()


COMPLAINT_TYPES = {"abuse", "opt-out", "opt-out-list", "fraud", "virus", "other"}
JMRP_FIELD = "X-HmXmrOriginalRecipient"


@dataclass(frozen=True)
class FeedbackReport:
    """kind: abuse, opt-out, auth-failure … recipients: who complained, if the receiver discloses it."""

    kind: str
    recipients: tuple[str, ...]
    mail_from: str

    @property
    def is_complaint(self) -> bool:
        """False for reports of failed authentication and of "not spam"."""
        return self.kind in COMPLAINT_TYPES


def feedback_report(message: Message) -> FeedbackReport | None:
    reports = [part for part in leaf_parts(message) if part.get_content_type() == "message/feedback-report"]
    fields = next(iter(field_blocks(reports[0])), None) if reports else None
    if fields is None:
        return None
    named = [str(one) for name in ("Original-Rcpt-To", "Removal-Recipient") for one in fields.get_all(name, [])]
    recipients = tuple(dict.fromkeys(found for one in named if "@" in (found := parseaddr(one)[1])))
    kind = header(fields, "Feedback-Type").lower()
    return FeedbackReport(kind, recipients, header(fields, "Original-Mail-From").strip("<>"))


def junk_report(message: Message) -> FeedbackReport | None:
    """Parse a report of Microsoft's Junk Mail Reporting Program, which is non-standard; None for other mails.

    It contains the mail, or is the mail itself, with a header field for the recipient.
    Source: https://sendersupport.olc.protection.outlook.com/snds/JMRP.aspx
    """
    reported = reported_mail(message)
    recipient = header(reported, JMRP_FIELD).strip("<>") if reported is not None else ""
    return FeedbackReport("abuse", (recipient,), "") if "@" in recipient else None


def reported_mail(message: Message) -> Message | None:
    """The mail that a report is about, which may be the report itself; None without one."""
    return message if header(message, JMRP_FIELD) else returned_mail(message)


# Providers' own bounce types: "HardBounce", "Transient", "activity.soft_bounced".
TRANSIENT_TYPE = re.compile(r"soft_?bounce|transient|temporary")
PERMANENT_TYPE = re.compile(r"hard_?bounce|permanent")
ENHANCED_CODE = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# A refusal before RCPT is not about the recipient: Postfix and Exim name the command.
BEFORE_RECIPIENT = re.compile(
    r"in reply to (?:MAIL FROM|[EHL]{2}LO) command|after (?:pipelined )?(?:MAIL FROM|[EHL]{2}LO\b|initial connection)",
    re.IGNORECASE,
)
TYPE_OF_REASON = {
    smtp_replies.RefusalReason.DEAD: BounceType.HARD,
    smtp_replies.RefusalReason.MAILBOX: BounceType.SOFT,
    smtp_replies.RefusalReason.POLICY: BounceType.POLICY,
    smtp_replies.RefusalReason.OURS: BounceType.POLICY,
    smtp_replies.RefusalReason.UNKNOWN: BounceType.SOFT,
}


def classify_bounce(texts: Sequence[str], status: str = "", around: Iterable[str] = ()) -> Event.BounceType:
    """Classify a bounce by the first of its texts that is conclusive.

    texts: the most exact first: the server's reply ("" if there is none), then the text near the address.
    status: an enhanced code in a field of its own, "5.1.1". A permanent one counts more than text near the address.
    around: other texts of the report, mostly boilerplate.
    """
    found = _classify(texts, status, around)
    if any(BEFORE_RECIPIENT.search(one) for one in texts) and found != BounceType.POLICY:
        is_final = any(re.match(r"\W{0,3}5\d\d\b", one) for one in texts) or status.startswith("5")
        return BounceType.POLICY if found == BounceType.HARD or is_final else found
    return found


def _classify(texts: Sequence[str], status: str, around: Iterable[str]) -> Event.BounceType:
    own, *beside = [" ".join(text.split())[: smtp_replies.REPLY_MAX] for text in texts] or [""]
    around = [*beside, *(" ".join(text.split())[: smtp_replies.REPLY_MAX] for text in around)]
    codes = [status, *(match[1] for text in [own, *around] if (match := ENHANCED_CODE.search(text)))]
    if not own and status.startswith("5") and (by_status := _by_code(status)):
        return by_status
    exact = own or next(filter(None, beside), "")
    refusal = ENHANCED_CODE.search(exact)  # from the reply itself: the status may be the reporting server's
    if refusal and refusal[1].startswith("5.7."):
        codes = [refusal[1], *codes]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    by_others = (_by_text(text, codes) for text in around if text != exact)
    return _by_text(exact, codes) or by_code or next(filter(None, by_others), None) or BounceType.SOFT


def _by_text(text: str, codes: list[str]) -> Event.BounceType | None:
    status = next((one for one in codes if one in {"5.1.7", "5.1.8"}), next(filter(None, codes), ""))
    found = smtp_replies.reason_by_text(text, status)
    return TYPE_OF_REASON[found] if found else None


def _by_code(status: str) -> Event.BounceType | None:
    found = smtp_replies.reason_by_code(status)
    if found is None:
        return BounceType.SOFT if status.startswith("4") else None
    return TYPE_OF_REASON[found]


def classify_provider_bounce(
    raw: Mapping[str, Any], reason: str | None, replies: Iterable[str], status: str = ""
) -> Event.BounceType:
    """Classify a bounce in a provider's event.

    raw: the provider's event. reason: Anymail's. replies: the receiver's. If the provider calls an address dead
    but the reply is about us, the reply counts: if in doubt nobody is suppressed.
    """
    texts = [one for one in replies if one.strip()]
    found, kind = classify_bounce(texts[:1], status, texts[1:]), " ".join(_single_words(raw)).lower()
    if reason in {"spam", "blocked"} or (texts and found == BounceType.POLICY):
        return BounceType.POLICY
    if reason == "invalid" or raw.get("hard_bounce") is True:
        return BounceType.HARD
    if TRANSIENT_TYPE.search(kind):
        return BounceType.SOFT
    is_inconclusive = all(smtp_replies.reason_by_text(one, status) is None for one in texts)
    return BounceType.HARD if is_inconclusive and PERMANENT_TYPE.search(kind) else found


def _single_words(raw: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for value in raw.values():
        if isinstance(value, Mapping) and depth < 3:
            yield from _single_words(value, depth + 1)
        elif isinstance(value, str) and " " not in value:
            yield value


AUTO_REPLY_SUBJECT = re.compile(
    r"^\W{0,9}(?:auto(?:matic|mated|matische)?[- ]?(?:reply|response|answer|antwort)|auto:|"
    r"(?:(?:[^:]{1,60} )?is )?out[- ]of[- ](?:the[- ])?office|ooo\b|vacation|away from|i am away|"
    r"on (?:holiday|leave|vacation)|absence|abwesen|urlaub|r[ée]ponse automatique|yahoo! auto|"
    r"自動(?:回覆|回复|回信|返信|応答)|自动(?:回复|答复)|不在(?:通知|連絡|のお知らせ)?|休假|外出中|離職|离职)",
    re.IGNORECASE,
)
AUTO_REPLY_TEXT = re.compile(r"^\s{0,99}这是来自QQ邮箱的假期自动回复")
CHALLENGE_SENDER = re.compile(
    r"@(?:[\w-]+\.)*(?:boxbe|spamarrest)\.com$", re.IGNORECASE
)  # asks strangers to prove themselves
AUTO_REPLY_PRECEDENCE = {"auto_reply", "auto-reply", "autoreply"}
LIST_PRECEDENCE = {"bulk", "junk"}  # never in a personal mail
READ_RECEIPT = "disposition-notification"  # RFC 8098
# Of DMARC and TLS reports, whoever sends them: RFC 9990 section 2.6, RFC 8460 section 5.3.
AUTHENTICATION_SUBJECT = re.compile(r"^\W{0,9}(?:preview\W{1,3})?Report[ -]Domain:", re.IGNORECASE)


def is_authentication_report(message: Message) -> bool:
    """Is it an aggregate report about DMARC or TLS? It is no reader's mail, whatever its sender is called."""
    if report_type(message) == "tlsrpt" or header(message, "TLS-Report-Domain"):
        return True
    return bool(AUTHENTICATION_SUBJECT.search(header(message, "Subject")))


def is_marked_automatic(message: Message, text: str = "") -> bool:
    if AUTO_REPLY_TEXT.search(text) or CHALLENGE_SENDER.search(address(message, "From")):
        return True
    submitted = header(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if submitted.startswith("auto-"):
        return True
    if any(header(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply")):
        return True
    if any(header(message, name).lower() in AUTO_REPLY_PRECEDENCE for name in ("Precedence", "X-Precedence")):
        return True
    return bool(AUTO_REPLY_SUBJECT.search(header(message, "Subject")))


EXCERPT_MAX = 450  # characters read around a recipient
REPORT_MAX = 16 * 1024  # of a text: the server's reply is at its beginning
LINES_MAX = 200  # lines that begin with an address
WHOLE_REPORT_TYPES = {"multipart/report", "message/delivery-status"}
# Local parts and names of bounce senders.
DAEMON_NAME = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[-_.]?master|mmdf|uucp|mdaemon|root|bounces?|"
    r"mail[-_.]?administrator|microsoftexchange[0-9a-f]*|smtp|emailsecurity|mailsubsystem|no-?reply)\b"
    r"|mail(?:er)? ?delivery|delivery (?:sub)?system|mail (?:system|administrator)|mailer-daemon",
    re.IGNORECASE,
)
NEVER_A_PERSON = re.compile(r"daemon|^(?:bounces?|no-?reply)\b", re.IGNORECASE)
BOUNCE_SUBJECT = re.compile(
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
# In the languages of mail programs; "[Fwd: …]" is an old form of Thunderbird, "[club] Re: …" of lists.
REPLY_SUBJECT = re.compile(
    r"\s{0,9}(?:\[[^\[\]]{1,40}\]\s{0,9})?\[?"
    r"(?:re|fwd?|aw|wg|tr|rv|enc|sv|vs|回[覆复信]|轉寄|转发|答[复覆]|返信|転送)(?:\[\d{1,3}\])?\s{0,3}[:：]",
    re.IGNORECASE,
)
TAGGED_SUBJECT = re.compile(r"\s{0,9}\[[^\[\]]{1,60}\]\s")  # "[club/site] …", of sites and lists
# The line where the returned mail begins.
RETURNED_MAIL_START = re.compile(
    r"^(?:[-_=* ]{2,200}.{0,60}(?:copy of|original|returned|unsent|forwarded|begin|below this line).{0,60}"
    r"|.{0,20}(?:original|returned|unsent) message (?:follows|headers?|text|attached|below|is).{0,60}"
    r"|(?:the )?(?:header|text|body|first \d+ lines) of (?:the |your )?(?:original )?message.{0,40}"
    r"|(?:below this line|here is).{0,40}(?:copy|message).{0,40}"
    r"|(?:Received|Return-Path|X-Original-To|DKIM-Signature|MIME-Version|Message-ID):.*)$",
    re.IGNORECASE | re.MULTILINE,
)
DELAY_SUBJECT = re.compile(r"\bdelay(?:ed)?\b|\bwarning\b|still being", re.IGNORECASE)
STILL_RETRYING = re.compile(
    r"no action is required|will (?:be re-?(?:tried|attempted)|keep trying|retry|continue to try|try again)|"
    r"warning only|still (?:trying|being retried)|do not need to resend|not yet been delivered|"
    r"delivery attempts will continue|this is (?:just )?a warning",
    re.IGNORECASE,
)
# Success reports, which a sender may request.
DELIVERED = re.compile(
    r"success(?:ful|fully)?\b.{0,30}\bdeliver|\bdeliver(?:ed|y)\b.{0,20}\bsuccess|return receipt|"
    r"(?:was|were|has been|have been) (?:successfully )?delivered\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"[A-Za-z0-9._%+=/'*!#$&?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,200}[A-Za-z0-9]")
ADDRESS_LINE = re.compile(rf"^([ \t]{{0,8}})<?({ADDRESS.pattern})", re.MULTILINE)
SERVER_REPLY = re.compile(
    r"(?<![\d.])(?<!\d:)[45]\d\d[ -][#<(]*(?:[45]\.\d{1,3}\.\d{1,3}|[A-Za-z<])"
    r"|(?<=\n-- )[45]\.\d{1,3}\.\d{1,3}(?= )"  # Mimecast
)


def is_by_daemon(message: Message) -> bool:
    return bool(DAEMON_NAME.search(address(message, "From")) or DAEMON_NAME.search(header(message, "From")))


def looks_like_report(message: Message) -> bool:
    """Whether a mail with report parts is a report: a forwarded bounce may contain them too."""
    if message.get_content_type() in WHOLE_REPORT_TYPES or header(message, "X-Failed-Recipients"):
        return True
    return _has_bounce_subject(message) or is_by_daemon(message) or has_empty_return_path(message)


def has_reply_subject(message: Message) -> bool:
    return bool(REPLY_SUBJECT.match(header(message, "Subject")))


def _has_bounce_subject(message: Message) -> bool:
    """Whether the subject is that of a bounce, and the sender neither a person nor a site."""
    subject = header(message, "Subject")
    if not BOUNCE_SUBJECT.search(subject) or has_reply_subject(message) or from_matches_return_path(message):
        return False
    return not TAGGED_SUBJECT.match(subject) or is_by_daemon(message) or has_empty_return_path(message)


def from_matches_return_path(message: Message) -> bool:
    """Whether From and Return-Path are equal, as in personal mail, but not in bounces."""
    sender = address(message, "From").lower()
    return "@" in sender and sender == address(message, "Return-Path").lower() and not NEVER_A_PERSON.search(sender)


def has_empty_return_path(message: Message) -> bool:
    return bool({header(message, name) for name in ("Return-Path", "X-Envelope-From")} & {"<>", "< >"})


def is_bounce(message: Message, text: str, scanned: Callable[[], list[str]]) -> bool:
    """Whether a mail is a bounce: two of four signs are needed.

    They are sender, empty return path, subject and content. A forwarded bounce has only one.
    scanned: returns the addresses found by flufl.bounce; slow.
    """
    subject = header(message, "Subject")
    is_report = message.get_content_type() == "multipart/report" and not REPLY_SUBJECT.match(subject)
    if is_report and report_type(message) not in {"", "delivery-status"}:  # Dovecot rejects by a read receipt
        return is_by_daemon(message) and "reject" in subject.lower()
    if is_report or header(message, "X-Failed-Recipients"):
        return True
    is_titled, has_no_sender = _has_bounce_subject(message), has_empty_return_path(message)
    if is_marked_automatic(message) and not is_titled and not is_by_daemon(message):
        return False  # an out-of-office reply that quotes the letter
    if re.match("no-?reply", address(message, "From"), re.IGNORECASE):  # shops write about deliveries too
        return (is_titled or has_no_sender) and returned_mail(message) is not None
    signs = [
        is_by_daemon(message),
        has_no_sender,
        is_titled,
        not has_reply_subject(message) and _describes_failure(message, text, scanned),
    ]
    return sum(signs) > 1


def report_type(message: Message) -> str:
    """The report-type parameter, "delivery-status", "disposition-notification" …; "" without one."""
    return str(message.get_param("report-type", "")).lower()


def _describes_failure(message: Message, text: str, scanned: Callable[[], list[str]]) -> bool:
    """Whether it contains a server's reply and the returned mail, or a format that flufl.bounce knows."""
    if returned_mail(message) is not None and NOT_DELIVERED.search(text[:1000]):
        return True
    has_original = returned_mail(message) is not None or len(text_above_original(text)) < len(text[:4000])
    return (has_original and bool(SERVER_REPLY.search(text_above_original(text)))) or bool(scanned())


def is_success_report(message: Message, text: str) -> bool:
    report = f"{header(message, 'Subject')[:EXCERPT_MAX]} {text_above_original(text)[: 2 * EXCERPT_MAX]}"
    is_failure = NOT_DELIVERED.search(report) or SERVER_REPLY.search(report) or NO_SUCH_ADDRESS.search(report)
    return bool(DELIVERED.search(report)) and not is_failure


def is_delay_report(message: Message, text: str) -> bool:
    """Whether a server will retry. A "warning" about an unknown address is no delay."""
    subject, report = header(message, "Subject"), text_above_original(text)
    is_called_late = DELAY_SUBJECT.search(subject) and not NO_SUCH_ADDRESS.search(
        f"{subject[:EXCERPT_MAX]} {report[:EXCERPT_MAX]}"
    )
    return bool(is_called_late or STILL_RETRYING.search(report))


@lru_cache(maxsize=8)  # called for each recipient of a report
def text_above_original(text: str) -> str:
    """The server's text, without the returned mail below it."""
    text = text[:REPORT_MAX]
    ends = [match.end() for match in (ADDRESS.search(text), SERVER_REPLY.search(text)) if match]
    original = RETURNED_MAIL_START.search(text, min(ends)) if ends else None
    return text[: original.start()] if original else text[:4000]


def failed_addresses(message: Message, text: str, own: list[str], scanned: list[str]) -> list[str]:
    """The bounced addresses, by header, format or text.

    own: the mail's recipients. scanned: addresses found by flufl.bounce.
    """
    report = text_above_original(text)
    named = ADDRESS.findall(header(message, "X-Failed-Recipients"))
    if not named:
        lower = report.lower()
        named = [one for one in scanned if one.lower() in lower]
    if not named:
        others = {one.lower() for one in [*own, address(message, "From")]}
        lines = [(len(indent), one) for indent, one in ADDRESS_LINE.findall(report)[:LINES_MAX]]
        least = min(lines)[0] if lines else 0
        first = [one for indent, one in lines if indent == least]  # continuation lines of a reply are indented further
        found = [one for one in [*first, *ADDRESS.findall(report)[:20]] if one.lower() not in others]
        found = [one for one in found if not DAEMON_NAME.match(one)]
        named = [one for one in found if one in first] or found[:1]
    return list(dict.fromkeys(one.lower() for one in named))


def texts_about(recipient: str, text: str, others: Iterable[str] = ()) -> list[str]:
    """The texts about a recipient, the most exact first: the server's reply, and the text after the address."""
    report = text_above_original(text)
    near = _text_after_address(recipient, report, others)
    replies = [
        _first_paragraph(within[found.start() :]) for within in (near, report) if (found := SERVER_REPLY.search(within))
    ]
    return [*replies[:1], _first_paragraph(near)]


def _text_after_address(recipient: str, report: str, others: Iterable[str]) -> str:
    lower = report.lower()
    at = lower.find(recipient.lower()) if recipient else -1
    if at < 0:
        return ""
    ends = [lower.find(other.lower(), at) for other in others if other.lower() != recipient.lower()]
    return report[at : min([end for end in ends if end > at], default=len(report))]


def _first_paragraph(text: str) -> str:
    """The first paragraph on one line, with the next one if it is only an address."""
    paragraphs = re.split(r"\n[ \t]{0,9}\n", text.strip(), maxsplit=2)[:2]
    is_address = len(paragraphs) > 1 and not re.search(r"\w", ADDRESS.sub("", paragraphs[0]))
    return " ".join(" ".join(paragraphs if is_address else paragraphs[:1]).split())[:EXCERPT_MAX]
