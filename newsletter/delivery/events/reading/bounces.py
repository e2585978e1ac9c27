"""What mail servers say of mails: reports by RFC 3464, complaints by RFC 5965, and bounces in words of their own. Pure.

The server's words count first (mail/replies.py), its codes second. Whatever says too little is soft: a copy too many
costs less than a reader.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import parseaddr
from functools import lru_cache
from itertools import islice
from typing import Any

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.events.reading.message import address, blocks, field, parts, returned, text_of
from newsletter.delivery.models.events import Event
from newsletter.mail import replies
from newsletter.mail.replies import NO_SUCH_ADDRESS

# --- Reports of delivery (RFC 3464, RFC 6533) and complaints (RFC 5965, RFC 6650), of each recipient ---


REPORTS = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
CODE = re.compile(r"^[\d.\s]{0,20}")  # at the beginning of a Status
TYPED = re.compile(r"^\s{0,9}[\w-]{1,40}\s{0,9};\s{0,9}")  # "rfc822; a@example.org", "smtp; 550 …"

BLOCKS_MAX = 200  # of one report
FAILED = {"failed", "failure", "expired", "error"}  # SendGrid's and OpenSMTPD's words


@dataclass(frozen=True)
class Recipient:
    """What a report says of one recipient. action: failed, delayed, delivered, relayed or expanded."""

    address: str
    action: str
    status: str
    words: str

    @property
    def has_failed(self) -> bool:
        return self.action in FAILED or (not self.action and self.status[:1] == "5")


def recipients(message: Message) -> list[Recipient]:
    found = [one for block in _blocks(message) if (one := _recipient(block))]
    return [one for one in found if one.address] or found  # some write fields of a recipient beside those of the mail


def _blocks(message: Message) -> Iterator[Message]:
    found = (block for part in parts(message) if part.get_content_type() in REPORTS for block in blocks(part))
    return islice(found, BLOCKS_MAX)


def _recipient(block: Message) -> Recipient | None:
    action = field(block, "Action").partition(" ")[0].strip(";,").lower()
    status = re.match(r"\s*(\d\.\d{1,3}\.\d{1,3})", field(block, "Status"))
    if not action and not status:
        return None
    # What we mailed comes before what a forwarding server made of it.
    named = [_untyped(field(block, name)).strip("<>") for name in ("Original-Recipient", "Final-Recipient")]
    address = next((one for one in named if "@" in one), "")
    said = _untyped(field(block, "Diagnostic-Code")) or _beside_status(field(block, "Status"))
    return Recipient(address, action, status[1] if status else "", said)


def _beside_status(value: str) -> str:
    """Return what stands behind the code: old servers give their words there, "5.0.0 (mailbox full)"."""
    return CODE.sub("", value).strip("() ")


def _untyped(value: str) -> str:
    return TYPED.sub("", value, count=1).strip()


COMPLAINTS = {"abuse", "opt-out", "opt-out-list", "fraud", "virus", "other", ""}
JUNK = "X-HmXmrOriginalRecipient"


@dataclass(frozen=True)
class Report:
    """kind: abuse, opt-out, auth-failure … recipients: whose mail it was, where the receiver tells."""

    kind: str
    recipients: tuple[str, ...]
    mail_from: str
    agent: str

    @property
    def is_complaint(self) -> bool:
        """Return whether its reader wants no such mail: not that a check failed, or that it was no spam after all."""
        return self.kind in COMPLAINTS


def report(message: Message) -> Report | None:
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            fields = next(iter(blocks(part)), None)
            return _report(fields) if fields is not None else None
    return None


def _report(fields: Message) -> Report:
    named = [str(one) for name in ("Original-Rcpt-To", "Removal-Recipient") for one in fields.get_all(name, [])]
    recipients = tuple(dict.fromkeys(found for one in named if "@" in (found := parseaddr(one)[1])))
    kind = field(fields, "Feedback-Type").lower()
    return Report(kind, recipients, field(fields, "Original-Mail-From").strip("<>"), field(fields, "User-Agent"))


def junk_report(message: Message) -> Report | None:
    """Return a report of Microsoft's Junk Mail Reporting Program, which follows no standard; None if it is none.

    The mail comes back, within another one or as it is, with a field of the address it was sent to.
    Source: https://sendersupport.olc.protection.outlook.com/snds/JMRP.aspx
    """
    inner = complained_of(message)
    recipient = field(inner, JUNK).strip("<>") if inner is not None else ""
    return Report("abuse", (recipient,), "", "JMRP") if "@" in recipient else None


def complained_of(message: Message) -> Message | None:
    """Return the mail that a report brings back, which may be the report itself; None if there is none."""
    return message if field(message, JUNK) else returned(message)


def complaint_words(message: Message) -> str:
    first = next((text_of(part) for part in parts(message) if part.get_content_type() == "text/plain"), "")
    return " ".join(first.split())[:300]


# --- What is said of an address ---


# What providers call a bounce in fields of their own: "HardBounce", "Transient", "activity.soft_bounced".
PASSING = re.compile(r"soft_?bounce|transient|temporary")
FINAL = re.compile(r"hard_?bounce|permanent")
ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# A server that refuses so early knows of no recipient: Postfix and Exim say at which command it was.
BEFORE_RECIPIENT = re.compile(
    r"in reply to (?:MAIL FROM|[EHL]{2}LO) command|after (?:pipelined )?(?:MAIL FROM|[EHL]{2}LO\b|initial connection)",
    re.IGNORECASE,
)
OF_REPLY = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: Verdict.SOFT,
}


def of(said: Sequence[str], status: str = "", around: Iterable[str] = ()) -> Event.Verdict:
    """Return what a report says of an address by the first of its texts that says something.

    said: the server's words, the most exact first: its own reply, "" if the report has none; then what stands beside.
    status: an enhanced code that stands apart, "5.1.1". A final one counts more than what is only beside.
    around: what else the report says, much of which is its form.
    """
    found = _of(said, status, around)
    if any(BEFORE_RECIPIENT.search(one) for one in said) and found != Verdict.POLICY:
        is_final = any(re.match(r"\W{0,3}5\d\d\b", one) for one in said) or status.startswith("5")
        return Verdict.POLICY if found == Verdict.HARD or is_final else found
    return found


def _of(said: Sequence[str], status: str, around: Iterable[str]) -> Event.Verdict:
    own, *beside = [" ".join(one.split())[: replies.WORDS_MAX] for one in said] or [""]
    around = [*beside, *(" ".join(one.split())[: replies.WORDS_MAX] for one in around)]
    codes = [status, *(match[1] for one in [own, *around] if (match := ENHANCED.search(one)))]
    if not own and status.startswith("5") and (by_status := _by_code(status)):
        return by_status
    exact = own or next(filter(None, beside), "")
    refusal = ENHANCED.search(exact)  # of its own words: the status beside it may be the reporting server's
    if refusal and refusal[1].startswith("5.7."):
        codes = [refusal[1], *codes]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    by_form = (_by_words(one, codes) for one in around if one != exact)
    return _by_words(exact, codes) or by_code or next(filter(None, by_form), None) or Verdict.SOFT


def _by_words(text: str, codes: list[str]) -> Event.Verdict | None:
    status = next((one for one in codes if one in {"5.1.7", "5.1.8"}), next(filter(None, codes), ""))
    found = replies.by_words(text, status)
    return OF_REPLY[found] if found else None


def _by_code(status: str) -> Event.Verdict | None:
    found = replies.by_code(status)
    if found is None:
        return Verdict.SOFT if status.startswith("4") else None
    return OF_REPLY[found]


def of_provider(raw: Mapping[str, Any], reason: str | None, said: Iterable[str], status: str = "") -> Event.Verdict:
    """Return what a provider's request says of an address.

    raw: its own event. reason: Anymail's. said: the receiver's words. Where the provider calls an address dead and the
    words are about us, the words count: in doubt nobody is suppressed.
    """
    texts = [one for one in said if one.strip()]
    found, kind = of(texts[:1], status, texts[1:]), " ".join(_words_in(raw)).lower()
    if reason in {"spam", "blocked"} or (texts and found == Verdict.POLICY):
        return Verdict.POLICY
    if reason == "invalid" or raw.get("hard_bounce") is True:
        return Verdict.HARD
    if PASSING.search(kind):
        return Verdict.SOFT
    says_nothing = all(replies.by_words(one, status) is None for one in texts)
    return Verdict.HARD if says_nothing and FINAL.search(kind) else found


def _words_in(raw: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the values that are one word, however deep they stand in a provider's event."""
    for value in raw.values():
        if isinstance(value, Mapping) and depth < 3:
            yield from _words_in(value, depth + 1)
        elif isinstance(value, str) and " " not in value:
            yield value


# --- Bounces that follow no standard, and what machines answer with (RFC 3834, RFC 5436) ---


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
REPORT_KINDS = {"multipart/report", "message/delivery-status"}
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
    if message.get_content_type() in REPORT_KINDS or field(message, "X-Failed-Recipients"):
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
