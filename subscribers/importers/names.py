"""What columns are called in other programs' exports, and by hand. Pure.

What is peculiar to one program is in programs.py. Written after the exports of beehiiv, Benchmark, Buttondown, Curated,
Ghost, HubSpot, Kit, Mailchimp, NewsLeopard (電子豹), Shopify and Substack.
"""

from typing import Final

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
