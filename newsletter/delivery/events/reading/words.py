"""What receivers say, sorted by what it means for an address: tables, with their sources. Pure.

Beside the tables by which replies during the sending are judged (newsletter/mail/replies.py): a report says what no
reply does, that a server gave up, found no way, or has no such host, and servers say it in their own language
(languages.py).

Sources. Codes: RFC 3463, RFC 5248, RFC 7293, RFC 7372, RFC 7505 and IANA's registry
(https://www.iana.org/assignments/smtp-enhanced-status-codes). Words: the receivers' own pages for senders, which
tests/delivery/events/reading/said.txt names beside each sentence, and the forms of mail servers: Postfix, Sendmail,
Exim, qmail, Courier, Exchange, Domino, GroupWise, MailEnable.
"""

import re

from newsletter.delivery.events.reading import languages
from newsletter.mail import replies


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


OF_A_READER = (
    r"(?:user|recipient|rcpt|account|mail[ -]?box|mail[ -]?drop|alias|addressee|address|inbox|receiver|customer)"
)
GONE_NOW = r"(?:disabled|inactive|deactivated|locked|suspended|unavailable)"

# The mailbox is there, and takes nothing now.
FULL = _any(
    replies.FULL.pattern,
    r"(?:not |in)(?:enough|sufficient) (?:\w{1,10} )?(?:space|storage|disk)|space (?:is )?not enough",
    r"mail[ -]?(?:box|folder|dir).{0,20}\b(?:exc?eed|over|full)|(?:exc?eed|over|exhaust)\w*.{0,30}"
    r"(?:quota|allowed size|storage|mail ?box)",
    r"too (?:many|much) (?:messages|mails?)\b.{0,20}\b(?:on the server|in (?:the |this )?(?:mail ?box|inbox))",
    r"(?:account|inbox|storage|mail) (?:space )?(?:is )?full\b|space has been used up|full mail ?box|storage limit"
    r"|too much mail data|error writing message|(?:domain|account|user|folder|disk|mail ?box) size limit",
    *languages.FULL.values(),
)
ABANDONED = _any(r"^(?!.{0,500}\btempora).{0,500}\b(?:due to|because of|for|after) (?:\w{1,12} ){0,3}inactivity\b")
NOT_NOW = _any(
    *languages.NOT_NOW.values(),
    r"tried all (?:mx(?:e?s)?|hosts|servers)\b|too many (?:delivery )?failures\b",
    rf"\btempora\w{{1,6}}\b.{{0,40}}\b(?:{GONE_NOW}|deferred by user)|{GONE_NOW}.{{0,20}}\btempora",
    r"currently (?:suspended|deactivated)",
    r"exceed\w* (?:its |the )?receiving limit|receiving rate",
    r"(?:account|mail ?box|user|recipient|compte)\b[^.():;]{0,30}\b(?:blocked|bloque|locked|suspended)"
    r"\b(?! (?:your|the|this|our)\b)",
    r"mail ?box unavailable or access denied",  # QQ: it gets too many at the moment
    r"mailer error|internal (?:system |server )?error|local (?:configuration )?error|mail system error",
    # Of one recipient, not of us: Exchange 4.3.2 and 5.2.122, Gmail 4.2.1, iCloud 4.7.1
    r"recipient (?:thread |rate |message )?limit|recipientthreshold|recipient has exceeded (?:their|its) limit",
)
# What a receiver says of what we may send, or of how much it takes from us.
OUR_LIMIT = _any(
    r"(?:relay|sending|daily|hourly) (?:relay |sending )?(?:quota|limit)|sending quota",
    r"(?:mails|messages|recipients) per (?:minute|hour|day)|too many (?:\w{1,12} )?(?:sessions|connections)",
    r"(?:too many|excessive) (?:bad|invalid|unknown|illegal|unavailable|non-?existent|incorrect) \w",
)
# It is about us: where we come from, or what we are called.
OF_THE_SENDER = _any(
    r"\bsender|from address|mail from\b|reverse|\brdns\b|\bptr\b|\bhelo|\behlo\b|client host",
    r"\blisted (?:on|in|at|by)\b.{0,60}(?:block|black|\w?bl\b)|(?:return|envelope) mx\b",
    r"\bfrom: ?(?:domain|address)|responsible address",
    *languages.OF_THE_SENDER.values(),
    r"(?:invalid|bad) dns\b|\ba/aaaa\b|[\"']from[\"'] header",
    r"(?:your|sending|originating|source|client) (?:mail ?)?(?:host|ips?\b|server|domain)",
    r"(?:unverifiable|unresolvable|cannot (?:find|resolve)|not resolve).{0,30}(?:host ?name|ip|domain)",
)
NO_SUCH_HOST = _any(
    r"host(?: or domain)?(?: name)? (?:is )?(?:unknown|not found|does not exist)|unknown host|no such (?:host|domain)",
    r"(?:couldn't|could not|cannot|can't|unable to) (?:find|locate) (?:any |a |your )?(?:host|mail exchanger"
    r"|domain|mx)",
    r"name service error .{0,80}not found|domain (?:name )?(?:not found|does not exist|unknown|is not valid|invalid)",
    r"domain \S{0,80} ?does not exist|name or service not known|no such domain|\bunknown domain\b",
    r"nullmx|null mx|nxdomain|does(?:n't| not) (?:accept|receive) (?:any )?(?:e-?mail|messages|mail)"
    r"(?! (?:in|over|from|with|to|via)\b)",
    r"unroute?able (?:mail )?domain|illegal host/domain name|bad destination (?:host|system)|no mx record",
    r"domain must exist|(?:dead|non-?existent) domain|domain.{0,40}\b(?:obsolete|retired|no longer)\b",
    r"no mail hosts? for|indicated no smtp service|(?:domain|host).{0,60}(?:cannot|can't|could not) be found",
)
NO_SUCH_ADDRESS = _any(
    replies.NO_SUCH_ADDRESS.pattern,
    rf"{OF_A_READER}(?:e?s)?\b.{{0,40}}\b(?:(?:not|\w{{2,6}}n't) (?:be )?found|not listed|not present"
    r"|not ok|unknown|unavaiable)",
    rf"{OF_A_READER}(?:not ?found|unknown)|nosuch{OF_A_READER}|not found {OF_A_READER}|^[\W\d]*not found\b",
    r"(?<!record )(?<!header )(?<!file )(?<!directory )\bdo(?:es)? ?n[o']t exist",
    r"(?:could not|couldn't|cannot|unable to|fails? to) (?:find|locate|identify|resolve)"
    r".{0,40}(?:user|recipient|account|mail ?box|address)",
    rf"(?:invalid|bad|illegal|unknown|wrong|non-?existent|no such)[ _-]?(?:e-?mail |user |local |virtual )?"
    rf"(?:{OF_A_READER}(?:e?s)?|e-?mail|destination|id)\b",
    rf"{OF_A_READER}(?:e?s)?\b.{{0,30}}\binvalid\b|(?:invalid|unknown) .{{0,20}}\buser ?(?:id|name)"
    r"|did not (?:exactly )?match",
    r"(?:account|mail ?box|address|casilla) (?:has |is |ha )?(?:been )?expir(?:ed|ado)",
    rf"{OF_A_READER} (?:is )?not (?:a member of|activated)|(?:not|n't) (?:have an account|handle mail for)",
    r"account (?:is )?unavailable|not (?:found|listed) in (?:the )?(?:ldap|domino|public|directory)"
    r"|no \S{1,64} in (?:the )?name directory",
    r"bad(?:rcpt|recipient)to|validrcptto|mail ?box invalid|address invalid|(?:can't|cannot) accept (?:user|recipient)",
    rf"not an? (?:known|local|valid|registered|e-?mail) (?:gateway )?{OF_A_READER}|not e-?mail addresses",
    rf"{OF_A_READER}\b.{{0,20}}\b(?:no exist|not (?:yet |currently )?activ(?:e|ated)\b|unrecogni[sz]ed)"
    r"|recipient mail ?box is not allowed",
    rf"no (?:one|body|{OF_A_READER}|e-?mail)s? (?:with|by|of|for|at|here|found|available|exists)",
    r"no mail ?box|delivery error: dd|not (?:an? )?active (?:address|user|mail ?box|account)|not our customer",
    r"not recogni[sz]ed|(?:address|recipient).{0,30}\b(?:incorrect|misspelled|mistyped|wrong)\b|recipnotfound",
    r"exrecipnotfound|no valid recipients(?! from)|\bnot (?:a )?user of this server|has been replaced by",
    r"(?:user|account|address|recipient|mail ?box).{0,20}\b(?:has|was|is) (?:been )?(?:moved|relocated|changed to)",
    r"no longer (?:in use|works?|working|employed|an employee|with|exists?|on (?:the |this )?server)",
    rf"{OF_A_READER}\b.{{0,20}}\bno longer (?:valid|accepts)|^[\W\d]*is no longer valid",
    r"(?:person|recipient|employee|user) has (?:left|departed)|have (?:their|an) e-?mail address registered"
    r"|mail to (?:that|this) (?:recipient|address) is not accepted|directory entry does not",
    r"addressee unknown|^[\W\d]*is (?:now |currently )?(?:disabled|deactivated|inactive)\b|\bina(?:c)?tiv[oa]\b",
    r"^[\W\d]*not (?:used|in use)\b",
    r"(?:user|mail ?box) (?:is )?(?:no longer|not) (?:valid|available|active|here|on|known|exists?)\b",
    rf"\b(?:was not|wasn't) found at\b|{OF_A_READER} isn't (?:valid|available|active|here|on|known)\b",  # Microsoft
    *languages.NO_SUCH_ADDRESS.values(),
)
# RFC 5321 section 4.2.3 of 550; Outlook.com and GMX say it of mailboxes that do not exist. QQ's is of a busy one.
# "Address rejected", and nothing else, is Cisco's for recipients outside the directory.
NO_SUCH_MAILBOX = _any(
    r"\bmail ?box unavailable\b|mail ?box name not allowed|(?:^|recipient |\d )(?:address |recipient )?rejected[\s.:]*$"
)

POLICY = _any(
    replies.POLICY.pattern,
    replies.OURS.pattern,
    r"(?:mail|message|content|letter)s? (?:was |were |is |has been )?(?:rejected|refused|rejete|denied|discarded)",
    r"service refus|suspected|not rfc|rfc ?\d{3,4}|\bauth\b|verification",
    r"not accept(?:ed|ing)? (?:e?-?mails? )?(?:from|with)|refused to talk to|spoof|impersonat|requires confirmation",
    r"malformed (?:address|message|header)|(?:message|mail|header) is malformed|syntactically",
    r"quarantin|infected|malicious|dangerous|listed (?:in|at|on|by)",
    r"unauthenticated|not welcome|undesired|\bmax(?:imum)? (?:message|mail|connection|session)s?\b",
    r"(?:connections?|mails?|messages) from .{0,40}(?:refused|rejected|deferred|limited)|\brate\b|volume"
    r"|too much recipient|too many (?:sessions|connections)|slow down|local user only|members-only|not subscribed",
    r"relay(?:ing)? disabled|configured to relay|domain ?keys|\bcompl(?:y|iant|iance)\b|due to abuse",
    r"^\W*550 (?:\d\.\d\.\d )?permission denied|\bmacros?\b|executable",
    r"(?-i:\b(?:HL|MI|RP|DT|IB):[A-Z]{3}\b)",  # NetEase: http://mail.163.com/help/help_spam_16.htm
    r"(?<!address )(?<!recipient )\breject(?:ed|ing)?\b",
    r"\bbatv\b|backscatter|bounce ?deny|third-party dsn|unsigned dsn|returned mail not accepted|rcpthosts",
    r"(?:\bas a|mail|open) relay\b|not a gateway|(?<!or )not (?:a )?local\b|no access from|your isp\b|authentifi[ck]",
    r"mailing list (?:is )?closed|closed mailing list|organi[sz]ational settings|low priority|mass mail|captcha",
    r"fully qualified|multiple addresses|\bscored?\b|confirm this mail server|imposed",
    r"n't (?:allowed|permitted|authori[sz]ed)|(?<!permission )\bdenied\b|not accepted here|before greeting|dns check",
    r"sequence of commands|\b(?:has|is) restricted\b|\bviolation\b",
    r"n't relay|no valid cert|have permissions?|n't want|must verify|that you verify|invalid .{0,10}structure",
    r"\bthreshold\b|\baup\b|\b[78][- ]?bit\b|openrelay|denies|no permit\b|\bmx only",
    *languages.POLICY.values(),
)
# Where a text is not one reply, "content" and "limit" are words of its form.
POLICY_IN_PROSE = _any(
    r"spam|\bube\b|unsolicited|unwanted|\babuse|block(?:ed|ing| ?list)|black ?list|deny ?list|\bbanned\b|dnsbl"
    r"|\brbl\b",
    r"reputation|\bpolic(?:y|ies)\b|dmarc|\bspf\b|dkim|authenticat|virus|malware|phish|relay|access denied"
    r"|to talk to me",
    r"not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|prohibit|forbidden|too (?:large|big)|size limit",
    r"(?:mail|message|content)s? (?:was |were |is |has been )?(?:rejected|refused|denied|discarded)|service refus"
    r"|not accepting (?:e?-?mails? )?(?:from|with)",
)
GAVE_UP = _any(
    r"timed? ?out|time ?out|retry time|(?:for|queue) too long|giv(?:en|ing) up|expired|unreachable|not reachable",
    r"still undelivered|(?:have been failing|undeliverable) for|name server reply",
    r"connection (?:was |has been )?(?:refused(?! (?:due|because|by (?![\w-]+\.)))|reset|lost|died|dropped|failed)",
    r"no route|network (?:error|is unreachable|is busy)|lost connection",
    r"resources? (?:is |are )?(?:temporarily )?(?:un|not )available",
    r"establish an smtp connection|mx records point|mail loop|loops? back|looping|too many hops|hop count",
)
# What receivers say whatever the matter is: it counts where nothing else was said.
LATER = _any(r"try (?:again|it) later|server (?:is )?(?:too )?busy|system problem|not (?:now|available) at this time")
