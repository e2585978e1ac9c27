"""What the columns of other programs' exports mean, and the words in them. Pure.

Written after the exports of beehiiv, Benchmark, Buttondown, Ghost, HubSpot, Kit, Mailchimp, NewsLeopard (電子豹),
Shopify and Substack; where a program's own words were not at hand, after what the word means. A column that is in no
table below stops an import: it may be the one that says who left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

# What each field is called in them: in small letters, without spaces and signs. Several columns may be about a state.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "email": ("email", "emailaddress", "mail", "subscriberemail", "電子郵件", "電子郵件地址", "電子信箱", "信箱"),
    "name": ("name", "fullname", "姓名", "名稱"),
    "first_name": ("firstname", "名字"),
    "last_name": ("lastname", "surname", "姓氏", "姓"),
    "state": (
        *("state", "status", "type", "subscriptionstatus", "subscriberstatus", "emailstatus", "marketingstatus"),
        *("狀態", "訂閱狀態", "信箱狀態"),
    ),
    "tags": ("tags", "labels", "標籤"),
    "consent_at": (
        *("consentat", "confirmtime", "optintime", "subscribedat", "createdat", "creationdate", "signupdate"),
        *("subscriptiondate", "subscribedon", "dateadded", "訂閱時間", "訂閱日期", "建立時間", "加入時間"),
    ),
    "paused_until": ("pauseduntil",),
    "left_at": (
        *("unsubscribedat", "unsubtime", "unsubscriptiondate", "unsubscribedate", "unsubscribedon", "optouttime"),
        *("cancelledat", "canceledat", "deletedat", "退訂時間", "退訂日期", "取消訂閱時間"),
    ),
    "cleaned_at": ("cleantime", "bouncedat", "bouncedate", "退信時間"),
    "complained_at": ("complainedat", "complaintdate"),
    "wants_mail": (
        *("subscribedtoemails", "subscribed", "optin", "optedin", "acceptsmarketing", "acceptsemailmarketing"),
        *("訂閱", "是否訂閱", "訂閱電子報"),
    ),
    "refuses_mail": (
        *("emaildisabled", "unsubscribed", "unsubscribedfromallemail", "optout", "optedout", "emailoptout"),
        *("hasoptedoutofemail", "blocklisted", "emailblacklist", "退訂", "是否退訂", "取消訂閱"),
    ),
}
# What such exports have besides, and a newsletter of ours has no place for.
NEEDLESS: Final = frozenset(
    {
        *(
            "id",
            "subscriberid",
            "subscriptionid",
            "note",
            "notes",
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
        *("編號", "備註", "電話", "手機", "生日", "性別", "地址", "公司", "職稱"),
    }
)
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
        ),
    ),
    "pending": ("pending", "unconfirmed", "unactivated", "validating", "not confirmed", "未確認", "待確認", "尚未確認"),
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
    ),
    "bounced": (
        *("bounced", "cleaned", "invalid", "hard bounce", "hard bounced", "undeliverable"),
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
YES: Final = frozenset({"true", "yes", "y", "t", "1", "on", "x", "是", "有", "已"})
NO: Final = frozenset({"false", "no", "n", "f", "0", "off", "否", "無", "未"})


class ColumnError(ValueError):
    """What whoever imports says of a column does not fit the file."""


@dataclass(frozen=True)
class Choices:
    """What whoever imports says of columns: which field each is (by its name in the file), and which to leave out."""

    fields: Mapping[str, str] = field(default_factory=dict)
    ignored: Iterable[str] = ()


NOTHING: Final = Choices()


@dataclass(frozen=True)
class Columns:
    """Where the columns of each field stand, and the names of the others as the file writes them."""

    places: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, heading: list[str], choices: Choices) -> "Columns":
        """Sort the columns of a heading; raise ColumnError when a choice names none of them, or no field."""
        chosen = {plain(name): meant for name, meant in choices.fields.items()}
        ignored = {plain(name) for name in choices.ignored}
        _insist(heading, choices)
        found = cls({})
        for place, name in enumerate(heading):
            meant = chosen.get(plain(name)) or FIELD_OF.get(plain(name))
            if plain(name) in ignored or not plain(name):
                found.unused.extend([name.strip()] if plain(name) else [])
            elif meant:
                found.places.setdefault(meant, []).append(place)
                found.used[name.strip()] = meant
            else:
                (found.unused if plain(name) in NEEDLESS else found.unknown).append(name.strip())
        for places in found.places.values():
            places.sort(key=lambda place: _rank(heading[place]))
        return found

    def question(self) -> str:
        """Return what whoever imports must say before anything is written."""
        names = ", ".join(f"“{name[:40]}”" for name in self.unknown)
        first = self.unknown[0][:40]
        return (
            f"Unknown columns: {names}. One of them may say who has left. For each, say which field it is "
            f'(--map "{first}=FIELD", of {", ".join(COLUMNS)}) or leave it out (--ignore "{first}").'
        )


def plain(name: str) -> str:
    """Return a column's name as the tables above have it."""
    return "".join(filter(str.isalnum, name.casefold()))


def is_yes(word: str) -> bool | None:
    """Return whether a cell says yes, as a time does; None when it says nothing. Raise ValueError for anything else."""
    said = word.strip().casefold()
    if not said or said in YES | NO:
        return said in YES if said else None
    datetime.fromisoformat(word.strip().removesuffix(" UTC"))
    return True


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
