"""What a report says of an address: the server's words first, by one table of phrases, its codes second. Pure.

Whatever says too little is soft: a copy too many costs less than a reader.
Sources. Codes: RFC 3463, RFC 5248, RFC 7293, RFC 7372, RFC 7505 and IANA's registry
(https://www.iana.org/assignments/smtp-enhanced-status-codes). Words: the receivers' own pages for senders, which
tests/delivery/events/reading/said.txt names beside each sentence, and the forms of Postfix, Sendmail, Exim, qmail,
Courier, Exchange, Domino and GroupWise.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from newsletter.delivery.events.facts import Verdict
from newsletter.delivery.models.events import Event
from newsletter.mail import replies


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


OF_A_READER = (
    r"(?:user|recipient|rcpt|account|mail[ -]?box|mail[ -]?drop|alias|addressee|address|inbox|receiver|customer)"
)
GONE_NOW = r"(?:disabled|inactive|deactivated|locked|suspended|unavailable)"
NO_SUCH_ADDRESS = _any(
    replies.NO_SUCH_ADDRESS.pattern,
    rf"{OF_A_READER}(?:e?s)?\b.{{0,40}}\b(?:(?:not|\w{{2,6}}n't) (?:be )?found|not (?:listed|present|ok)|unknown)",
    rf"{OF_A_READER}(?:e?s)?\b.{{0,30}}\binvalid\b|nosuch{OF_A_READER}|\bdo(?:es)? ?n[o']t exist(?! in the header)",
    r"(?:could not|couldn't|cannot|unable to|fails? to) (?:find|locate|identify|resolve)"
    r".{0,40}(?:user|recipient|account|mail ?box|address)",
    rf"(?:invalid|bad|illegal|unknown|wrong|non-?existent|no such)[ _-]?(?:e-?mail |user |local |virtual )?"
    rf"(?:{OF_A_READER}(?:e?s)?|e-?mail|destination|id)\b",
    rf"{OF_A_READER} (?:is )?not (?:a member of|activated)|(?:not|n't) (?:have an account|handle mail for)",
    rf"no (?:one|body|{OF_A_READER}|e-?mail)s? (?:with|by|of|for|at|here|found|available|exists)",
    rf"{OF_A_READER} (?:is )?(?:no longer|not|isn't) (?:valid|available|active|here|on|known|exists?)\b",
    r"not (?:found|listed) in (?:the )?(?:ldap|domino|public|directory)|account (?:is )?unavailable|not recogni[sz]ed",
    r"not our customer|\bnot (?:a )?user of this server|\b(?:was not|wasn't) found at\b",
    r"recipient mail ?box is not allowed|\binac?tiv[oa]\b|(?:account|mail ?box|address) (?:has |is )?(?:been )?expired",
    r"no longer (?:in use|works?|working|employed|an employee|with|exists?|on (?:the |this )?server)",
    r"^[\W\d]*(?:is (?:now |currently )?(?:disabled|deactivated|inactive)\b|not (?:used|in use)\b)",
    # Microsoft's, of what is not in a customer's directory:
    # https://learn.microsoft.com/exchange/mail-flow-best-practices/use-directory-based-edge-blocking
    r"5\.4\.1 (?:all )?recipient address(?:es)? rejected ?: ?access denied|previously bounced|to a bounced address",
    # Most servers speak English whatever their reader does. Microsoft and Google write in the sender's language.
    r"(?:用[户戶]|收件[人者]|[邮郵]箱|信箱|地址|帳號|账号|使用者).{0,6}(?:不存在|未找到|找不到)|找不到您?[输輸]入的",
    r"(?:找不到|[查无無没沒]有?此?個?此)(?:電子郵件|电子邮件)?(?:人|[帳账帐][號号]|使用者|收件[人者]|用[户戶]|[邮郵信]箱|地址)",
    r"(?:見つか(?:り|らな|りませんで)|見当たり|存在し|リストにあり|ござい)(?:ません|い|した)|찾을 수 없",
    r"(?:empfänger|adress(?:e|at)|benutzer|postfach).{0,30}(?:unbekannt|nicht (?:bekannt|gefunden)|existiert nicht)",
    r"(?<!erreur )inconnu|n'existe pas|adresse.{0,40}introuvable|pas trouv.{0,10}adresse",
    r"destinatari[oa] (?:errat|inexist)|no se (?:ha )?enc(?:ontr|uentr)|(?<!errore )\bsconosciut|inesistente",
    r"mail\S{0,20} (?:não foi encontrado|non trovato|nie został znaleziony|niet gevonden)",
    r"messagerie n'a pas été trouvée|n[ãa]o existe",
    r"nie ma takiego|не найден|не существует|adresu nelze najít|osoitetta ei|aadressi ei leitud",
)
# The first that is found counts.
PHRASES = (
    # Of what we may send, or of how much a receiver takes from us.
    (
        Verdict.POLICY,
        _any(
            r"(?:sending|relay) (?:quota|limit)|too many (?:\w{1,12} )?(?:sessions|connections)",
            r"(?:too many|excessive) (?:bad|invalid|unknown|illegal|unavailable|non-?existent|incorrect) \w",
        ),
    ),
    # The mailbox is there, and takes nothing now.
    (
        Verdict.SOFT,
        _any(
            replies.FULL.pattern,
            r"space (?:is )?not enough|storage limit|too much mail data|error writing message",
            r"mail[ -]?(?:box|folder|dir).{0,20}\b(?:exc?eed|over|full)|[邮郵信]箱.{0,6}[满滿]|容量[不已]",
            r"(?:exc?eed|over|exhaust)\w*.{0,30}(?:quota|allowed size|storage|mail ?box)",
            r"(?:暂时|暫時)(?:不可用|不能|无法|無法|停用)|too many (?:delivery )?failures\b",
            rf"\btempora\w{{1,6}}\b.{{0,40}}\b(?:{GONE_NOW}|deferred by user)|{GONE_NOW}.{{0,20}}\btempora",
            r"currently (?:suspended|deactivated)|exceed\w* (?:its |the )?receiving limit|(?:mailer|system) error",
            r"recipient (?:thread |rate )?limit|too many messages on the server",
            r"(?:account|mail ?box|user|recipient|compte)\b[^.():;]{0,30}\b(?:blocked|bloque|locked|suspended)"
            r"\b(?! (?:your|the|this|our)\b)",
        ),
    ),
    # It is about us: where we come from, or what we are called.
    (
        Verdict.POLICY,
        _any(
            r"\bsender|from address|\brdns\b|\bptr\b|\bhelo\b|\behlo\b|(?:return|envelope) mx\b",
            r"\bfrom: ?(?:domain|address)|\ba/aaaa\b",
            r"(?:your|sending|originating|source|client) (?:mail ?)?(?:host|ips?\b|server|domain)",
            r"(?:unverifiable|unresolvable|cannot (?:find|resolve)|not resolve).{0,30}(?:host ?name|ip|domain)",
            r"[寄发發]件[者人].{0,12}(?:拒|[無无]效|不正|[黑封])|(?:送信者|差出人).{0,12}(?:拒|無効|不明|ブロック)",
            r"absender.{0,30}(?:abgelehnt|gesperrt|ungültig)|[eé]metteur|(?:exp[eé]diteur|remitente|mittente|remetente).{0,30}"
            r"(?:inv[aá]lid|non valid|inconnu|refus|rejet|rechaz|rifiut|rejeit|blo[qc])",
        ),
    ),
    (Verdict.HARD, NO_SUCH_ADDRESS),
    (
        Verdict.HARD,
        _any(
            r"host(?: or domain)?(?: name)? (?:is )?(?:unknown|not found|does not exist)|unroute?able mail domain",
            r"domain (?:name )?(?:not found|does not exist|unknown|is not valid|invalid)|no such (?:host|domain)",
            r"unknown host|indicated no smtp service",
            r"does(?: not|n't) (?:accept|receive) (?:any )?(?:e?-?mail|messages)(?! (?:in|over|from|with|to|via)\b)",
            replies.DISABLED.pattern,
        ),
    ),
    (
        Verdict.SOFT,
        _any(
            r"(?:for|queue) too long|timed? ?out|giv(?:en|ing) up|too many hops|no route",
            r"connection (?:was |has been )?(?:refused(?! (?:due|because|by (?![\w-]+\.)))|reset|lost|dropped|failed)",
        ),
    ),
    (
        Verdict.POLICY,
        _any(
            replies.POLICY.pattern,
            replies.OURS.pattern,
            r"suspected|\bauth\b|rfc ?\d{3,4}|malformed (?:address|message|header)|not welcome|too much recipient",
            r"local user only|relaying? disabled|configured to relay|domain ?keys|\bcompl(?:y|iant|iance)\b|rcpthosts",
            r"^\W*550 (?:\d\.\d\.\d )?permission denied|\bmacros?\b|(?<!address )(?<!recipient )\breject(?:ed|ing)?\b",
            r"(?-i:\b(?:HL|MI|RP|DT|IB):[A-Z]{3}\b)",  # NetEase: http://mail.163.com/help/help_spam_16.htm
            r"(?:\bas a|mail|open) relay\b|before greeting|dns check|sequence of commands|\b(?:has|is) restricted\b",
            r"\bviolation\b|n't want|\bthreshold\b|\baup\b|\bmx only|垃圾|拒[絕绝收]|黑名[單单]|廣告信|违规|違規",
            r"拒否され|迷惑メール|スパム|refus[eé]|taille (?:limite|maximale)|abgelehnt|rechazad|rifiutat|rejeitad",
        ),
    ),
    # RFC 5321 section 4.2.3 of 550; Outlook.com and GMX say it of mailboxes that do not exist. "Address rejected", and
    # nothing else, is Cisco's for recipients outside the directory.
    (
        Verdict.HARD,
        _any(
            r"550\b.*\bmail ?box (?:unavailable|name not allowed)",
            r"550[ #\d.]*(?:address|recipient)? ?rejected[\s.:]*$",
        ),
    ),
)
# What providers call a bounce in fields of their own, where Anymail's reason does not say whether the address is gone.
CLASS_FIELDS = (
    *("bounceSubType", "subType", "SuppressionReason", "Type", "bounce_classification", "bounce_category"),
    *("delivery_status", "error", "bounceType", "type", "event"),
)
CLASSES = (
    (Verdict.POLICY, _any(r"virus|spam|content|attachment|block|polic|dmarc|denied|large|reputation|frequency")),
    (Verdict.SOFT, _any(r"soft|transient|temporary|full|quota|unavailable|technical|greylist|unreachable|retry")),
    (
        Verdict.HARD,
        _any(r"hard|permanent|invalid|unknown|inactive|suppress|no ?e?mail|bad ?(?:mail ?box|domain)"),
    ),
)

ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
# What is quoted from us says nothing, nor a link unless it is to a block list. Chinese stands beside an address
# without a space.
QUOTED = re.compile(
    r"<[^<>]{0,320}>|[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,9}"
    r"|https?://(?!\S{0,60}(?:spamhaus|spamcop|sorbs|barracuda|[bk]list|\.rbl))\S+"
)
# "UserUnknown" and "BAD_RECIPIENT" are words, too.
TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
# Postfix says at which command it was, gateways of mobile phones repeat the envelope, qmail ends with the host, Google
# says in which state; "returned to sender" is what bounces are called; whatever a receiver says of a recipient, Cisco's
# reports begin with the first.
NEEDLESS = re.compile(
    r"unknown address error|mail from: {1,9}(?=rcpt to:)|giving up on [\d.:a-f]{3,45}"
    r"|\((?:in reply to [^()]{1,60}|sent \w{1,10})\)|after (?:pipelined )?(?:mail from|rcpt to)\b"
    r"|return(?:ed|ing) (?:(?:the |your )?(?:mail|message) )?to (?:the )?sender",
    re.IGNORECASE,
)
REASON = re.compile(r"\breject(?:ion|ed)? reason ?: ?(.{3,200})", re.IGNORECASE)
# A server that refuses so early knows of no recipient: Postfix and Exim say at which command it was.
BEFORE_RECIPIENT = re.compile(
    r"in reply to (?:MAIL FROM|[EHL]{2}LO) command|after (?:pipelined )?(?:MAIL FROM|[EHL]{2}LO\b|initial connection)",
    re.IGNORECASE,
)
BY_STATUS = {
    replies.Verdict.DEAD: Verdict.HARD,
    replies.Verdict.MAILBOX: Verdict.SOFT,
    replies.Verdict.POLICY: Verdict.POLICY,
    replies.Verdict.OURS: Verdict.POLICY,
    replies.Verdict.UNKNOWN: None,
}
# What only reports say, beside replies.BY_CODE. RFC 3463 section 3, RFC 5248, RFC 7293 section 14.
BY_CODE = {
    "5.7.13": Verdict.HARD,  # the account is disabled
    "5.7.17": Verdict.HARD,  # the mailbox has a new owner
    "5.7.18": Verdict.HARD,  # the domain has a new owner
    "5.3.3": Verdict.POLICY,  # the system cannot do what the message asks for
    "5.5.2": Verdict.POLICY, "5.5.3": Verdict.POLICY, "5.5.4": Verdict.POLICY,  # syntax, too many recipients, arguments
}  # fmt: skip


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
    exact = _reason_in([own, *around]) or own or next(filter(None, beside), "")
    refusal = ENHANCED.search(exact)  # of its own words: the status beside it may be the reporting server's
    if refusal and refusal[1].startswith("5.7."):
        codes = [refusal[1], *codes]
    by_code = next((found for code in codes if (found := _by_code(code))), None)
    by_form = (_by_words(one, codes) for one in around if one != exact)
    return _by_words(exact, codes) or by_code or next(filter(None, by_form), None) or Verdict.SOFT


def _reason_in(texts: Iterable[str]) -> str:
    """Return what is called the reason of a refusal, which counts more than that it is one."""
    return next((found[1] for one in texts if (found := REASON.search(one))), "")


def _by_words(text: str, codes: list[str]) -> Event.Verdict | None:
    """Return what words say, without the addresses and links in them; None if they say nothing that is known."""
    text = " ".join(NEEDLESS.sub("", TOGETHER.sub(" ", QUOTED.sub(" ", text))).replace("’", "'").split())
    if {"5.1.7", "5.1.8"} & set(codes):  # the sender's address
        return Verdict.POLICY
    found = next((verdict for verdict, pattern in PHRASES if pattern.search(text)), None)
    # A server that says 4.x.x of a host may have asked a name server that was out of order.
    may_come_back = codes[0].startswith("4") or "try again" in text.lower()
    return Verdict.SOFT if found == Verdict.HARD and may_come_back and not NO_SUCH_ADDRESS.search(text) else found


def _by_code(status: str) -> Event.Verdict | None:
    if status in BY_CODE:
        return BY_CODE[status]
    if status.startswith("4"):
        return Verdict.POLICY if status.startswith("4.7.") else Verdict.SOFT
    found = replies.BY_CODE.get(status) or replies.BY_SUBJECT.get(status[:3])
    return BY_STATUS[found] if found else None


def of_provider(raw: Mapping[str, Any], reason: str | None, said: Iterable[str], status: str = "") -> Event.Verdict:
    """Return what a provider's request says of an address.

    raw: its own event. reason: Anymail's. said: the receiver's words. Where the provider calls an address dead and the
    words are about us, the words count: in doubt nobody is suppressed.
    """
    texts = [one for one in said if one.strip()]
    by_words = of(texts[:1], status, texts[1:])
    if reason in {"spam", "blocked"}:
        return Verdict.POLICY
    by_class = Verdict.HARD if reason == "invalid" or raw.get("hard_bounce") is True else _by_class(raw)
    return by_words if by_class is None or (texts and by_words == Verdict.POLICY) else by_class


def _by_class(raw: Mapping[str, Any]) -> Event.Verdict | None:
    named = dict[str, str]()
    _name_classes(raw, named)
    texts = [TOGETHER.sub(" ", named[name]) for name in CLASS_FIELDS if name in named]
    return next((found for one in texts for found, pattern in CLASSES if pattern.search(one)), None)


def _name_classes(raw: Mapping[str, Any], named: dict[str, str], depth: int = 0) -> None:
    """Collect the fields that name a class, however deep they stand in a provider's event."""
    for name, value in raw.items():
        if isinstance(value, Mapping) and depth < 3:
            _name_classes(value, named, depth + 1)
        elif isinstance(value, str) and name in CLASS_FIELDS:
            named[name] = value
