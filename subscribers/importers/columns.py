"""Which field each column of a table is, and which programs are recognised by their headings. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

IGNORED_FIELD: Final = ""  # the field of a column that is recognised and has no place here
KEPT: Final = "kept"  # the field of a column whose cells go into a note


def _names(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


def _signs(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(names.split()) for names in alternatives)


def _unused(*lines: str) -> dict[str, str]:
    return dict.fromkeys(_names(*lines), IGNORED_FIELD)


@dataclass(frozen=True, eq=False)
class ExportFormat:
    """A program's export, with column names as `column_key` writes them.

    signatures: sets of columns, one of which suffices to recognise it. fields: columns that are something else
    elsewhere. state_values: states in words of its own.
    default_state: of rows that have no more severe one; a list of who has left says so by being that list.
    ignored_suffixes: of the names of columns that the author of the export has made up.
    opt_in_columns: opt-in time columns; a row without any of them is not active.
    """

    name: str
    signatures: tuple[frozenset[str], ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    state_values: Mapping[str, str] = field(default_factory=dict)
    default_state: str = "active"
    ignored_suffixes: tuple[str, ...] = ()
    opt_in_columns: tuple[str, ...] = ()

    def field_of(self, name: str) -> str | None:
        """The field of a column by its column_key, IGNORED_FIELD if it has no place here; None if it is unknown."""
        if name in self.fields:
            return self.fields[name]
        if self.ignored_suffixes and name.endswith(self.ignored_suffixes):
            return IGNORED_FIELD
        return FIELD_OF.get(name, IGNORED_FIELD if name in IGNORED_COLUMNS else None)


REGION: Final = _unused("state country city region zip stateprovince")  # where somebody lives, not whether they read
UNKNOWN_FORMAT: Final = ExportFormat("", ())
# The first that fits counts: the more peculiar ones come first.
EXPORT_FORMATS: Final = (
    ExportFormat("Mailchimp (cleaned)", _signs("leid cleantime"), default_state="bounced"),
    ExportFormat("Mailchimp (unsubscribed)", _signs("leid unsubtime"), default_state="unsubscribed"),
    # Buyers who never asked for mail are in a file with the same heading (nonsubscribed_…).
    ExportFormat(
        "Mailchimp", _signs("leid euid", "memberrating optintime"), opt_in_columns=_names("optintime confirmtime")
    ),
    ExportFormat(
        "TinyNews",
        _signs("channelid engagementoptin"),
        _unused("channelid tiertitle engagementoptin updatedat userid"),
        {"1": "active", "2": "active", "0": "unsubscribed", "3": "unsubscribed", "4": "unsubscribed"},
    ),
    ExportFormat(
        "Substack",
        _signs("emaildisabled preferdigests", "useremailaddress subscriptiontype")
        + _signs("emaildisabled activesubscription", "email startdate emailsreceived6mo"),
        # “Cancel date” of the dashboard's own file is in no table: it may be the end of what was paid, or of all.
        {"useremailaddress": "email", "username": "name", "subscriptiontype": "state", **REGION}
        | {"subscriptioncreatedat": "consent_at", "startdate": "consent_at"}
        | _unused(
            "stripeconnectedcustomerid subscriptionexpiresat lastsubscribedat subscriptioninterval",
            "paidupgradedate firstpaiddate expirationdate bestseller bestsellertier revenue bundleorigin",
            "lastemailopen linksclicked postviews uniquepostsseen comments shares activity sections bundle",
            "subscriptionsourcefree subscriptionsourcepaid subscriptionsgifted canseepaidcontent numemailsopened",
        ),
        dict.fromkeys(("monthly", "yearly", "annual", "lifetime", "subscriber", "founding member"), "active"),
        ignored_suffixes=("6mo", "30d", "7d"),
    ),
    ExportFormat(
        *("beehiiv", _signs("status tier freetier", "subscriptiontier utmsource", "status tier stripecustomerid")),
        ignored_suffixes=("tier",),
    ),
    ExportFormat("Ghost", _signs("subscribedtoemails"), _unused("tiers products complimentaryplan giftid")),
    ExportFormat(
        "listmonk",
        _signs("uuid attributes status", "email name attributes"),
        {"attributes": KEPT, **_unused("uuid updatedat lists")},
    ),
    ExportFormat(
        "Keila",
        _signs("email firstname lastname data", "email externalid data"),
        {"data": KEPT, **_unused("externalid insertedat updatedat doubleoptinat")},
        {"unreachable": "bounced"},
    ),
    ExportFormat(
        "Buttondown",
        _signs("subscribertype", "creationdate metadata", "emailaddress metadata secondaryid"),
        {"metadata": KEPT, **_unused("secondaryid referrerurl source undeliverabilityreason unsubscriptionreason")},
        dict.fromkeys(("paused", "churned", "churning", "past due"), "active")  # all of what is paid
        | {"unpaid": "pending", "spammy": "manual"},
    ),
    ExportFormat(
        "MailerLite",
        _signs("subscriber subscribed", "opened clicked sent", "subscribed opens clicks sent"),
        {"subscriber": "email", "groups": "tags", "optintimestamp": "consent_at", **REGION}
        | _unused("sent opened clicked opens clicks openrate clickrate location ip optinip phone"),
        {"junk": "complained"},
    ),
    ExportFormat(
        "Kit",
        _signs("emailaddress firstname state createdat", "email firstname state createdat"),
        _unused("referrer"),
        {"inactive": "pending", "cold": "active"},  # who has not confirmed; who has not opened for long
    ),
    ExportFormat("Curated", _signs("email status source subscribedon")),
    ExportFormat("Google Forms", _signs("timestamp", "時間戳記", "タイムスタンプ", "zeitstempel", "时间戳记")),
)


def recognised(names: Iterable[str]) -> ExportFormat:
    """The program whose export has these columns; UNKNOWN for a table by hand or of another one."""
    there = frozenset(names)
    return next((one for one in EXPORT_FORMATS if any(signs <= there for signs in one.signatures)), UNKNOWN_FORMAT)


# Known column names per field, normalized by `column_key`. Several columns may be about a state.
COLUMN_NAMES: Final[dict[str, tuple[str, ...]]] = {
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
# Other known columns, which are ignored.
IGNORED_COLUMNS: Final = frozenset(
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
FIELD_OF: Final = {name: field for field, names in COLUMN_NAMES.items() for name in names}
STATE_FIELDS: Final = {"state", "left_at", "cleaned_at", "complained_at", "wants_mail", "refuses_mail"}
# Columns that are something else in a suppression list than in a table of readers.
SUPPRESSION_LIST_COLUMNS: Final = {
    **dict.fromkeys(_names("address recipient recipientaddress destination"), "email"),
    **dict.fromkeys(_names("suppressionreason bouncetype classification reason code error 原因 類型"), "state"),
    **dict.fromkeys(_names("date lastupdatetime lastupdatedtime"), "consent_at"),
}


def column_key(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


class ColumnError(ValueError):
    """A chosen field does not fit the columns of the file."""


NO_CHOICES: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class ColumnMapping:
    """The positions of the columns of each field, and the names of the others as the file writes them.

    note_columns: the names of those whose cells go into a note, by position.
    opt_in_columns: the positions of the opt-in time columns.
    default_state: of a row that has no more severe one; in a suppression list, of a row that has none.
    """

    positions: dict[str, list[int]]
    used: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    export_format: ExportFormat = UNKNOWN_FORMAT
    note_columns: dict[int, str] = field(default_factory=dict)
    opt_in_columns: list[int] = field(default_factory=list)
    default_state: str = "active"
    is_suppression_list: bool = False

    @classmethod
    def from_heading(cls, heading: list[str], choices: Mapping[str, str], reason: str) -> "ColumnMapping":
        """Raises ColumnError for an unknown column or field. reason: default state of a suppression list."""
        keys, chosen = [*map(column_key, heading)], {column_key(name): target for name, target in choices.items()}
        for name, target in choices.items():
            if column_key(name) not in keys:
                raise ColumnError(f"The file has no column “{name}”; it has {', '.join(heading)[:200]}")
            if target not in {*COLUMN_NAMES, IGNORED_FIELD}:
                raise ColumnError(f"“{name}” cannot be {target!r}; it can be {', '.join(COLUMN_NAMES)}")
        program = recognised(keys)
        default_state = reason if reason and program.default_state == "active" else program.default_state
        found = cls({}, export_format=program, default_state=default_state, is_suppression_list=bool(reason))
        for place, (name, key) in enumerate(zip(heading, keys, strict=True)):
            if key in program.opt_in_columns:
                found.opt_in_columns.append(place)
            if key:
                found._add(place, name.strip(), chosen[key] if key in chosen else found._field_of(key))
        for places in found.positions.values():
            places.sort(key=lambda place: _rank(keys[place], last=bool(reason)))
        return found

    @classmethod
    def without_heading(cls, email: int, width: int, reason: str) -> "ColumnMapping":
        """For a file of addresses. In a suppression list any other cell may be the reason."""
        if not reason:
            return cls({"email": [email]})
        others = [place for place in range(width) if place != email]
        positions, notes = {"email": [email], "state": others}, dict.fromkeys(others, "")
        return cls(positions, note_columns=notes, default_state=reason, is_suppression_list=True)

    def _field_of(self, key: str) -> str | None:
        if not self.is_suppression_list:
            return self.export_format.field_of(key)
        target = SUPPRESSION_LIST_COLUMNS.get(key) or self.export_format.field_of(key)
        return target if target in {"email", "consent_at", *STATE_FIELDS} else IGNORED_FIELD

    def _add(self, place: int, name: str, target: str | None) -> None:
        if target is None:
            self.unknown.append(name)
        elif target == IGNORED_FIELD:
            self.unused.append(name)
        else:
            self.used[name] = target
            self.positions.setdefault(target, []).append(place)
            if target == KEPT or (self.is_suppression_list and target != "email"):
                self.note_columns[place] = name

    def question(self) -> str:
        """Ask about unknown columns: one of them may say who has left."""
        names, first = ", ".join(f"“{name[:40]}”" for name in self.unknown), self.unknown[0][:40]
        return (
            f"Unknown columns: {names}. One of them may say who has left. For each, say which field it is "
            f'(--map "{first}=FIELD", of {", ".join(COLUMN_NAMES)}), keep it in a note (--keep "{first}") or leave it '
            f'out (--ignore "{first}").'
        )


def _rank(key: str, *, last: bool) -> int:
    """Precedence among the columns of one field. last: columns of other names come last instead of first."""
    names = COLUMN_NAMES.get(FIELD_OF.get(key, ""), ())
    return names.index(key) if key in names else len(FIELD_OF) if last else -1
