"""What the columns of other programs' exports mean, and the words in them. Pure.

What is peculiar to one program is in programs.py. Written after the exports of beehiiv, Benchmark, Buttondown, Ghost,
HubSpot, Kit, Mailchimp, NewsLeopard (電子豹), Shopify and Substack; where a program's own words were not at hand, after
what the word means. A column that is in no table stops an import: it may be the one that says who left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from subscribers.importers.programs import LEFT_OUT, NONE, Program, recognised
from subscribers.importers.times import moment

# What each field is called in them: in small letters, without spaces and signs. Several columns may be about a state.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "email": (
        *("email", "emailaddress", "mail", "subscriberemail", "電子郵件", "電子郵件地址", "電子信箱", "信箱"),
        *(
            "电子邮件",
            "电子邮箱",
            "邮箱",
            "邮箱地址",
            "メール",
            "メールアドレス",
            "eメール",
            "emailadresse",
            "mailadresse",
        ),
    ),
    "name": ("name", "fullname", "姓名", "名稱", "稱呼", "名前", "氏名", "お名前", "vollständigername"),
    "first_name": ("firstname", "名字", "vorname"),
    "last_name": ("lastname", "surname", "姓氏", "姓", "nachname"),
    "state": (
        *("state", "status", "type", "subscriptionstatus", "subscriberstatus", "emailstatus", "marketingstatus"),
        *("subscribertype", "狀態", "訂閱狀態", "信箱狀態", "状态", "订阅状态", "ステータス", "状態", "購読状態"),
    ),
    "tags": ("tags", "labels", "標籤", "标签", "タグ", "schlagwörter"),
    "note": ("note", "notes", "備註", "备注", "メモ", "備考", "notiz", "notizen", "bemerkung"),
    "consent_at": (
        *("consentat", "confirmtime", "optintime", "subscribedat", "createdat", "creationdate", "signupdate"),
        *("subscriptiondate", "subscribedon", "dateadded", "訂閱時間", "訂閱日期", "建立時間", "加入時間"),
        *("timestamp", "時間戳記", "时间戳记", "订阅时间", "タイムスタンプ", "登録日", "登録日時", "zeitstempel"),
        *("anmeldedatum", "angemeldetam"),
    ),
    "paused_until": ("pauseduntil",),
    "left_at": (
        *("unsubscribedat", "unsubtime", "unsubscriptiondate", "unsubscribedate", "unsubscribedon", "optouttime"),
        *("cancelledat", "canceledat", "deletedat", "退訂時間", "退訂日期", "取消訂閱時間"),
        *("退订时间", "解除日", "配信停止日", "abmeldedatum", "abgemeldetam"),
    ),
    "cleaned_at": ("cleantime", "bouncedat", "bouncedate", "退信時間"),
    "complained_at": ("complainedat", "complaintdate"),
    "wants_mail": (
        *("subscribedtoemails", "subscribed", "optin", "optedin", "acceptsmarketing", "acceptsemailmarketing"),
        *("訂閱", "是否訂閱", "訂閱電子報", "订阅", "是否订阅"),
    ),
    "refuses_mail": (
        *("emaildisabled", "unsubscribed", "unsubscribedfromallemail", "optout", "optedout", "emailoptout"),
        *("hasoptedoutofemail", "blocklisted", "emailblacklist", "退訂", "是否退訂", "取消訂閱"),
        *("退订", "取消订阅", "配信停止", "abgemeldet"),
    ),
    "kept": (),
}
# What such exports have besides, and a newsletter of ours has no place for.
NEEDLESS: Final = frozenset(
    {
        *(
            "id",
            "subscriberid",
            "subscriptionid",
            "metadata",
            "source",
            "address",
            "phonenumber",
            "birthday",
            "company",
            "position",
            "zipcode",
        ),
        *("memberrating", "optinip", "confirmip", "latitude", "longitude", "gmtoff", "dstoff", "timezone", "cc"),
        *(
            "region",
            "lastchanged",
            "leid",
            "euid",
            "unsubcampaigntitle",
            "unsubcampaignid",
            "unsubreason",
        ),
        *("refusedbecause", "heard"),  # our own: why an import has refused a line, and how a reader heard of us
        *(
            "unsubreasonother",
            "cleancampaigntitle",
            "cleancampaignid",
            "complimentaryplan",
            "stripecustomerid",
            "preferdigests",
            "tiers",
        ),
        *("activesubscription", "expiry", "plan", "firstpaymentat", "stripeplan", "subscriptiontier", "tier"),
        *(
            "referralcode",
            "referralcount",
            "utmsource",
            "utmmedium",
            "utmcampaign",
            "utmcontent",
            "utmterm",
            "acquisitionsource",
        ),
        *("opens", "clicks", "openrate", "clickrate", "emailsreceived", "lastopenedat", "lastclickedat", "ipaddress"),
        *("編號", "電話", "手機", "生日", "性別", "地址", "公司", "職稱"),
    }
)
_PENDING = ("needs attention", "未確認", "待確認", "尚未確認", "未确认", "unbestätigt")
STATES: Final = {
    "active": (
        *("", "active", "subscribed", "confirmed", "enabled", "regular", "free", "paid", "premium", "gift", "gifted"),
        *(
            "comp",
            "trial",
            "trialed",
            "founding",
            "author",
            "deliverable",
            "opted in",
            "訂閱",
            "訂閱中",
            "已訂閱",
            "有效",
            "正常",
            "订阅",
            "已订阅",
            "購読中",
            "登録済み",
            "aktiv",
            "angemeldet",
        ),
    ),
    "pending": ("pending", "unconfirmed", "unactivated", "validating", "not confirmed", *_PENDING),
    "paused": ("paused",),
    "unsubscribed": (
        *(
            "unsubscribed",
            "inactive",
            "disabled",
            "cancelled",
            "canceled",
            "removed",
            "archived",
            "deleted",
            "opted out",
        ),
        *("opt out", "not subscribed", "non subscribed", "退訂", "已退訂", "取消訂閱", "已取消訂閱", "未訂閱", "停用"),
        *("退订", "已退订", "取消订阅", "配信停止", "解除", "abgemeldet", "inaktiv"),
    ),
    "bounced": (
        *("bounced", "cleaned", "invalid", "hard bounce", "hard bounced", "undeliverable", "unreachable"),
        *("退信", "已退信", "硬退信", "無效", "無效信箱"),
    ),
    "complained": (
        "complained",
        "complaint",
        "spam",
        "abuse",
        "spam complaint",
        "marked as spam",
        "檢舉",
        "檢舉垃圾信",
    ),
    "manual": ("manual", "suppressed", "blocklisted", "blacklisted", "blocked", "黑名單", "封鎖"),
    "erased": ("erased",),
}
STATE_OF: Final = {word: state for state, words in STATES.items() for word in words}
YES: Final = frozenset({"true", "yes", "y", "t", "1", "on", "x", "是", "有", "已", "ja", "はい"})
NO: Final = frozenset({"false", "no", "n", "f", "0", "off", "否", "無", "未", "nein", "いいえ"})


class ColumnError(ValueError):
    """What whoever imports says of a column does not fit the file."""


@dataclass(frozen=True)
class Choices:
    """What whoever imports says of columns: which field each is (by its name in the file), and which to leave out.

    A column that is KEPT stays to be read, in a note.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: Iterable[str] = ()


KEPT: Final = "kept"
NOTHING: Final = Choices()


@dataclass(frozen=True)
class Columns:
    """Where the columns of each field stand, and the names of the others as the file writes them.

    kept: the names of those whose cells go into a note, by their places.
    """

    places: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    program: Program = NONE
    kept: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, heading: list[str], choices: Choices) -> "Columns":
        """Sort the columns of a heading; raise ColumnError when a choice names none of them, or no field."""
        chosen = {plain(name): meant for name, meant in choices.fields.items()}
        ignored = {plain(name) for name in choices.ignored}
        _insist(heading, choices)
        found = cls({}, program=recognised(map(plain, heading)))
        for place, name in enumerate(heading):
            key = plain(name)
            if not key:
                continue
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


def plain(name: str) -> str:
    """Return a column's name as the tables above have it."""
    return "".join(filter(str.isalnum, name.casefold()))


def meaning(name: str, program: Program = NONE) -> str | None:
    """Return the field of a column by its plain name, LEFT_OUT if it has no use here; None if nobody knows."""
    said = program.meaning(name)
    if said is not None:
        return said
    return FIELD_OF.get(name) or (LEFT_OUT if name in NEEDLESS else None)


def is_yes(word: str) -> bool | None:
    """Return whether a cell says yes, as a time does; None when it says nothing. Raise ValueError for anything else."""
    said = word.strip().casefold()
    if not said or said in YES | NO:
        return said in YES if said else None
    return moment(word.strip()) is not None


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


FIELD_OF: Final = {name: meant for meant, names in COLUMNS.items() for name in names}
