"""Which field each column of a table is, and which programs are recognised by their headings. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

LEFT_OUT: Final = ""  # the field of a column that is recognised and has no place here
KEPT: Final = "kept"  # the field of a column whose cells go into a note


@dataclass(frozen=True, eq=False)
class Program:
    """A program's export. signs: sets of columns, one of which suffices to recognise it; names as `plain` writes them.

    fields: columns that are something else elsewhere. words: states in words of its own.
    floor: the state of every row that says no graver one; a list of who has left says so by being that list.
    endings: of the names of columns that the author of the export has made up.
    proofs: columns one of which has a time in the row of everybody who asked for mail; nobody else is active.
    """

    name: str
    signs: tuple[frozenset[str], ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    floor: str = "active"
    endings: tuple[str, ...] = ()
    proofs: frozenset[str] = frozenset()

    def field_of(self, name: str) -> str | None:
        """Return the field of a column, LEFT_OUT for one without a use; None where this program is no exception."""
        if name in self.fields:
            return self.fields[name]
        return LEFT_OUT if self.endings and name.endswith(self.endings) else None


def _signs(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split()) for names in alternatives)


def _nothing(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), LEFT_OUT)


_REGION = _nothing("state country city region zip")  # where somebody lives, and not whether they read
UNKNOWN: Final = Program("", ())
# The first that fits counts: the more peculiar ones come first.
PROGRAMS: Final = (
    Program("Mailchimp (cleaned)", _signs("leid cleantime"), floor="bounced"),
    Program("Mailchimp (unsubscribed)", _signs("leid unsubtime"), floor="unsubscribed"),
    # Whoever bought something and never asked for mail is in a file of the same heading (nonsubscribed_…).
    Program("Mailchimp", _signs("leid euid", "memberrating optintime"), proofs=frozenset({"optintime", "confirmtime"})),
    Program(
        "TinyNews",
        _signs("channelid engagementoptin"),
        _nothing("channelid tiertitle engagementoptin updatedat userid"),
        {"1": "active", "2": "active", "0": "unsubscribed", "3": "unsubscribed", "4": "unsubscribed"},
    ),
    Program(
        "Substack",
        _signs(
            "emaildisabled preferdigests",
            "useremailaddress subscriptiontype",
            "emaildisabled activesubscription",
            "email startdate emailsreceived6mo",
        ),
        {
            "useremailaddress": "email",
            "username": "name",
            "subscriptioncreatedat": "consent_at",
            "subscriptiontype": "state",
            **_REGION,
            **_nothing("stripeconnectedcustomerid subscriptionexpiresat lastsubscribedat subscriptioninterval"),
            # The dashboard's own file. “Cancel date” is in no table: it may be the end of what was paid, or of all.
            "startdate": "consent_at",
            **_nothing("paidupgradedate firstpaiddate expirationdate bestseller bestsellertier revenue"),
            **_nothing("lastemailopen linksclicked postviews uniquepostsseen comments shares activity sections bundle"),
            **_nothing("subscriptionsourcefree subscriptionsourcepaid subscriptionsgifted stateprovince bundleorigin"),
            **_nothing("canseepaidcontent numemailsopened"),
        },
        dict.fromkeys(("monthly", "yearly", "annual", "lifetime", "subscriber", "founding member"), "active"),
        endings=("6mo", "30d", "7d"),
    ),
    Program(
        "beehiiv",
        _signs("status tier freetier", "subscriptiontier utmsource", "status tier stripecustomerid"),
        _nothing("tier stripecustomerid acquisitionsource referralcode"),
        endings=("tier",),
    ),
    Program("Ghost", _signs("subscribedtoemails"), _nothing("tiers products complimentaryplan giftid")),
    Program(
        "listmonk",
        _signs("uuid attributes status", "email name attributes"),
        {"attributes": KEPT, **_nothing("uuid updatedat lists")},
    ),
    Program(
        "Keila",
        _signs("email firstname lastname data", "email externalid data"),
        {"data": KEPT, **_nothing("externalid insertedat updatedat doubleoptinat")},
        {"unreachable": "bounced"},
    ),
    Program(
        "Buttondown",
        _signs("subscribertype", "creationdate metadata", "emailaddress metadata secondaryid"),
        {"metadata": KEPT, **_nothing("secondaryid referrerurl source undeliverabilityreason unsubscriptionreason")},
        {
            **dict.fromkeys(("paused", "churned", "churning", "past due"), "active"),  # all of what is paid
            "unpaid": "pending",
            "spammy": "manual",
        },
    ),
    Program(
        "MailerLite",
        _signs("subscriber subscribed", "opened clicked sent", "subscribed opens clicks sent"),
        {
            "subscriber": "email",
            "groups": "tags",
            **_REGION,
            **_nothing("sent opened clicked opens clicks openrate clickrate location ip optinip optintimestamp phone"),
            "optintimestamp": "consent_at",
        },
        {"junk": "complained"},
    ),
    Program(
        "Kit",
        _signs("emailaddress firstname state createdat", "email firstname state createdat"),
        _nothing("referrer"),
        {"inactive": "pending", "cold": "active"},  # who has not confirmed; who has not opened for long
    ),
    Program("Curated", _signs("email status source subscribedon")),
    Program("Google Forms", _signs("timestamp", "時間戳記", "タイムスタンプ", "zeitstempel", "时间戳记")),
)


def recognised(names: Iterable[str]) -> Program:
    """Return the program whose export has these columns; UNKNOWN for a table by hand or of another one."""
    there = frozenset(names)
    return next((one for one in PROGRAMS if any(signs <= there for signs in one.signs)), UNKNOWN)


def _names(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


# What each field is called in them: in small letters, without spaces and signs. Several columns may be about a state.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "email": _names(
        "email emailaddress mail subscriberemail",
        "電子郵件 電子郵件地址 電子信箱 信箱 电子邮件 电子邮箱 邮箱 邮箱地址",
        "メール メールアドレス eメール emailadresse mailadresse",
    ),
    "name": _names("name fullname 姓名 名稱 稱呼 名前 氏名 お名前 vollständigername"),
    "first_name": _names("firstname 名字 vorname"),
    "last_name": _names("lastname surname 姓氏 姓 nachname"),
    "state": _names(
        "state status type subscriptionstatus subscriberstatus emailstatus marketingstatus subscribertype",
        "狀態 訂閱狀態 信箱狀態 状态 订阅状态 ステータス 状態 購読状態",
    ),
    "tags": _names("tags labels 標籤 标签 タグ schlagwörter"),
    "note": _names("note notes 備註 备注 メモ 備考 notiz notizen bemerkung"),
    "consent_at": _names(
        "consentat confirmtime optintime subscribedat createdat creationdate signupdate",
        "subscriptiondate subscribedon dateadded timestamp created subscribedate subscriptioncreatedat",
        "datesubscribed signupat signedupat joinedat joined confirmedat",
        "訂閱時間 訂閱日期 建立時間 加入時間 時間戳記 时间戳记 订阅时间",
        "タイムスタンプ 登録日 登録日時 zeitstempel anmeldedatum angemeldetam",
    ),
    "paused_until": ("pauseduntil",),
    "left_at": _names(
        "unsubscribedat unsubtime unsubscriptiondate unsubscribedate unsubscribedon optouttime",
        "cancelledat canceledat deletedat",
        "退訂時間 退訂日期 取消訂閱時間 退订时间 解除日 配信停止日 abmeldedatum abgemeldetam",
    ),
    "cleaned_at": _names("cleantime bouncedat bouncedate 退信時間"),
    "complained_at": _names("complainedat complaintdate"),
    "wants_mail": _names(
        "subscribedtoemails subscribed optin optedin acceptsmarketing acceptsemailmarketing",
        "訂閱 是否訂閱 訂閱電子報 订阅 是否订阅",
    ),
    "refuses_mail": _names(
        "emaildisabled unsubscribed unsubscribedfromallemail optout optedout emailoptout hasoptedoutofemail",
        "blocklisted emailblacklist 退訂 是否退訂 取消訂閱 退订 取消订阅 配信停止 abgemeldet",
    ),
    KEPT: ("data", "attributes"),  # Keila's and listmonk's
}
# What such exports have besides, and a newsletter of ours has no place for.
NEEDLESS: Final = frozenset(
    _names(
        "id subscriberid subscriptionid metadata source address phonenumber birthday company position zipcode",
        "memberrating optinip confirmip latitude longitude gmtoff dstoff timezone cc region lastchanged leid euid",
        "unsubcampaigntitle unsubcampaignid unsubreason unsubreasonother cleancampaigntitle cleancampaignid",
        "complimentaryplan stripecustomerid preferdigests tiers activesubscription expiry plan firstpaymentat",
        "stripeplan subscriptiontier tier referralcode referralcount acquisitionsource",
        "utmsource utmmedium utmcampaign utmcontent utmterm utmchannel referringsite referredby",
        "premiumtiernames subscriptionpremiumtiernames freetier audience audiences issuessent issuesreceived",
        "totalsent totaldelivered totalopened totalclicked totaluniqueopened totaluniqueclicked",
        "uniqueopens uniqueclicks emailssent emailsdelivered emailsopened emailsclicked clickthroughrate lastseenat",
        "unsubscribereason",
        "opens clicks openrate clickrate emailsreceived lastopenedat lastclickedat ipaddress",
        "編號 電話 手機 生日 性別 地址 公司 職稱",
        "refusedbecause heard",  # our own: why an import has refused a line, and how a reader heard of us
    )
)
FIELD_OF: Final = {name: field for field, names in COLUMNS.items() for name in names}
STATE_FIELDS: Final = {"state", "left_at", "cleaned_at", "complained_at", "wants_mail", "refuses_mail"}
# Names of columns that mean something else in a suppression list than in a table of readers.
LISTED_ADDRESS: Final = (*COLUMNS["email"], *_names("address recipient recipientaddress destination"))
LISTED_REASON: Final = _names("suppressionreason bouncetype classification reason code error 原因 類型")
LISTED_TIME: Final = _names("date lastupdatetime lastupdatedtime")


def plain(name: str) -> str:
    """Return a column's name as the tables above have it."""
    return "".join(filter(str.isalnum, name.casefold()))


class ColumnError(ValueError):
    """A choice of whoever imports does not fit the columns of the file."""


@dataclass(frozen=True)
class Choices:
    """Fields that whoever imports has chosen for columns, by their names in the file, and columns to leave out."""

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: Iterable[str] = ()


NO_CHOICES: Final = Choices()


@dataclass(frozen=True)
class Columns:
    """The places of the columns of each field, and the names of the others as the file writes them.

    kept: the names of those whose cells go into a note, by their places.
    proofs: the places of those one of which has a time for everybody who asked for mail.
    floor: the state of a row that says no graver one; of a suppression list, of a row that says none.
    """

    places: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    program: Program = UNKNOWN
    kept: dict[int, str] = field(default_factory=dict)
    proofs: list[int] = field(default_factory=list)
    floor: str = "active"
    is_list: bool = False

    @classmethod
    def of(cls, heading: list[str], choices: Choices) -> "Columns":
        """Sort the columns of a heading; raise ColumnError when a choice names none of them, or no field."""
        chosen = {plain(name): target for name, target in choices.fields.items()}
        chosen |= dict.fromkeys(map(plain, choices.ignored), LEFT_OUT)
        _check_choices(heading, choices)
        keys = [plain(name) for name in heading]
        program = recognised(keys)
        found = cls({}, program=program, floor=program.floor)
        for place, (name, key) in enumerate(zip(heading, keys, strict=True)):
            if key in program.proofs:
                found.proofs.append(place)
            if key:
                found._add(place, name.strip(), chosen[key] if key in chosen else field_of(key, program))
        for places in found.places.values():
            places.sort(key=lambda place: _rank(heading[place]))
        return found

    @classmethod
    def of_list(cls, heading: list[str], reason: str) -> "Columns":
        """Find who, why and since when in the heading of a suppression list; nothing else of it counts.

        reason: the state of an address for which the list gives none.
        """
        keys = [plain(name) for name in heading]
        program = recognised(keys)
        found = cls({}, program=program, floor=reason if program.floor == "active" else program.floor, is_list=True)
        fields = [_listed_field(key, program) for key in keys]
        addresses = (keys.index(name) for name in LISTED_ADDRESS if name in keys)
        if (email := next(addresses, fields.index("email") if "email" in fields else -1)) >= 0:
            found.places["email"], found.used[heading[email].strip()] = [email], "email"
        for place, target in enumerate(fields):
            if target in STATE_FIELDS:
                found.places.setdefault(target, []).append(place)
            if target in {*STATE_FIELDS, "consent_at"}:
                found.kept[place] = heading[place].strip()
                found.used[heading[place].strip()] = target
        return found

    @classmethod
    def without_heading(cls, email: int, width: int, reason: str) -> "Columns":
        """Return those of a file of addresses. In a suppression list any cell beside the address may say why."""
        if not reason:
            return cls({"email": [email]})
        others = [place for place in range(width) if place != email]
        return cls({"email": [email], "state": others}, kept=dict.fromkeys(others, ""), floor=reason, is_list=True)

    def _add(self, place: int, name: str, target: str | None) -> None:
        if target is None:
            self.unknown.append(name)
        elif target == LEFT_OUT:
            self.unused.append(name)
        else:
            self.used[name] = target
            self.places.setdefault(target, []).append(place)
            if target == KEPT:
                self.kept[place] = name

    def question(self) -> str:
        """Return what whoever imports must say before anything is written."""
        names = ", ".join(f"“{name[:40]}”" for name in self.unknown)
        first = self.unknown[0][:40]
        return (
            f"Unknown columns: {names}. One of them may say who has left. For each, say which field it is "
            f'(--map "{first}=FIELD", of {", ".join(COLUMNS)}), keep it in a note (--keep "{first}") or leave it out '
            f'(--ignore "{first}").'
        )


def field_of(name: str, program: Program = UNKNOWN) -> str | None:
    """Return the field of a column by its plain name, LEFT_OUT if it has no place here; None if it is unknown."""
    own = program.field_of(name)
    return FIELD_OF.get(name, LEFT_OUT if name in NEEDLESS else None) if own is None else own


def _listed_field(name: str, program: Program) -> str:
    if name in LISTED_REASON:
        return "state"
    return "consent_at" if name in LISTED_TIME else field_of(name, program) or LEFT_OUT


def _check_choices(heading: list[str], choices: Choices) -> None:
    names = {plain(name) for name in heading}
    for name in (*choices.fields, *choices.ignored):
        if plain(name) not in names:
            raise ColumnError(f"The file has no column “{name}”; it has {', '.join(heading)[:200]}")
    for name, target in choices.fields.items():
        if target not in COLUMNS:
            raise ColumnError(f"“{name}” cannot be {target!r}; it can be {', '.join(COLUMNS)}")


def _rank(name: str) -> int:
    """Return how soon a column is asked among those of its field; one that was chosen comes first."""
    names = COLUMNS.get(FIELD_OF.get(plain(name), ""), ())
    return names.index(plain(name)) if plain(name) in names else -1
