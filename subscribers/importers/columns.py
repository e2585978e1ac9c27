"""Which field each column of a table is, and which programs are known by their headings. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

LEFT_OUT: Final = ""  # a column that is known, and that a newsletter of ours has no place for


@dataclass(frozen=True, eq=False)
class Program:
    """A program's export. signs: columns that only it has, one set of them suffices; all names as `plain` writes them.

    fields: what a column is that means something else elsewhere. words: states in words of its own.
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

    def meaning(self, name: str) -> str | None:
        """Return the field of a column, LEFT_OUT for one without a use; None if this program says nothing of it."""
        if name in self.fields:
            return self.fields[name]
        return LEFT_OUT if self.endings and name.endswith(self.endings) else None


def _signs(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split()) for names in alternatives)


def _nothing(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), LEFT_OUT)


_REGION = _nothing("state country city region zip")  # where somebody lives, and not whether they read
NONE: Final = Program("", ())
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
        {"attributes": "kept", **_nothing("uuid updatedat lists")},
    ),
    Program(
        "Keila",
        _signs("email firstname lastname data", "email externalid data"),
        {"data": "kept", **_nothing("externalid insertedat updatedat doubleoptinat")},
        {"unreachable": "bounced"},
    ),
    Program(
        "Buttondown",
        _signs("subscribertype", "creationdate metadata", "emailaddress metadata secondaryid"),
        {"metadata": "kept", **_nothing("secondaryid referrerurl source undeliverabilityreason unsubscriptionreason")},
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
    Program("Google Forms", _signs("timestamp", "時間戳記", "タイムスタンプ", "zeitstempel", "时间戳记")),
)


def recognised(names: Iterable[str]) -> Program:
    """Return the program whose export has these columns; NONE for a table by hand, or of one that is not known."""
    there = frozenset(names)
    return next((one for one in PROGRAMS if any(signs <= there for signs in one.signs)), NONE)


KEPT: Final = "kept"  # the field of a column that stays to be read, in a note


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
FIELD_OF: Final = {name: meant for meant, names in COLUMNS.items() for name in names}


def plain(name: str) -> str:
    """Return a column's name as the tables above have it."""
    return "".join(filter(str.isalnum, name.casefold()))


class ColumnError(ValueError):
    """What whoever imports says of a column does not fit the file."""


@dataclass(frozen=True)
class Choices:
    """What whoever imports says of columns: which field each is (by its name in the file), and which to leave out.

    A column that is KEPT stays to be read, in a note.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: Iterable[str] = ()


NOTHING: Final = Choices()


@dataclass(frozen=True)
class Columns:
    """Where the columns of each field stand, and the names of the others as the file writes them.

    kept: the names of those whose cells go into a note, by their places.
    proofs: the places of those one of which has a time for everybody who asked for mail.
    """

    places: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    program: Program = NONE
    kept: dict[int, str] = field(default_factory=dict)
    proofs: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, heading: list[str], choices: Choices) -> "Columns":
        """Sort the columns of a heading; raise ColumnError when a choice names none of them, or no field."""
        chosen = {plain(name): meant for name, meant in choices.fields.items()}
        ignored = {plain(name) for name in choices.ignored}
        _insist(heading, choices)
        keys = [plain(name) for name in heading]
        found = cls({}, program=recognised(keys))
        for place, (name, key) in enumerate(zip(heading, keys, strict=True)):
            if not key:
                continue
            if key in found.program.proofs:
                found.proofs.append(place)
            meant = LEFT_OUT if key in ignored else chosen.get(key) or meaning(key, found.program)
            found._sort(place, name.strip(), meant)
        for places in found.places.values():
            places.sort(key=lambda place: _rank(heading[place]))
        return found

    def _sort(self, place: int, name: str, meant: str | None) -> None:
        if meant is None:
            self.unknown.append(name)
        elif meant == LEFT_OUT:
            self.unused.append(name)
        else:
            self.used[name] = meant
            self.places.setdefault(meant, []).append(place)
            if meant == KEPT:
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


def meaning(name: str, program: Program = NONE) -> str | None:
    """Return the field of a column by its plain name, LEFT_OUT if it has no use here; None if nobody knows."""
    said = program.meaning(name)
    if said is not None:
        return said
    return FIELD_OF.get(name) or (LEFT_OUT if name in NEEDLESS else None)


def _insist(heading: list[str], choices: Choices) -> None:
    there = {plain(name) for name in heading}
    for name in (*choices.fields, *choices.ignored):
        if plain(name) not in there:
            raise ColumnError(f"The file has no column “{name}”; it has {', '.join(heading)[:200]}")
    for name, meant in choices.fields.items():
        if meant not in COLUMNS:
            raise ColumnError(f"“{name}” cannot be {meant!r}; it can be {', '.join(COLUMNS)}")


def _rank(name: str) -> int:
    """Return how soon a name is asked among those of its field; what somebody chose comes first."""
    names = COLUMNS.get(FIELD_OF.get(plain(name), ""), ())
    return names.index(plain(name)) if plain(name) in names else -1
