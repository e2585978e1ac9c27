"""Files as ten programs write them, and as people make them by hand: who is taken for what."""

import codecs
from datetime import UTC, datetime

import pytest

from subscribers.importers import csv_file, merging
from subscribers.importers.columns import KEPT
from subscribers.importers.csv_file import TableError, encoding_of
from subscribers.importers.rows import InvalidRow, ReaderRow, parse_time
from subscribers.models import Note, Subscriber, Suppression
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW
from tests.support.exhaustive import first_of

MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,{more}LEID,EUID,NOTES,TAGS"
FILES = {
    "Ghost": (
        (
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
            "1,a@x.tw,A,,true,false,,2024-05-01T08:00:00.000Z,,vip,\n"
            "2,b@x.tw,B,,false,false,,2024-05-01T08:00:00.000Z,,,\n"
        ),
        ["active", "unsubscribed"],
    ),
    "Substack": (
        (
            "email,active_subscription,expiry,email_disabled,prefer_digests,created_at\n"
            "a@x.tw,true,9999-12-31T23:59:59.000Z,false,false,2018-08-27T15:06:27.713Z\n"
            "b@x.tw,true,,true,false,2018-08-27T15:06:27.713Z\n"
        ),
        ["active", "unsubscribed"],
    ),
    "Substack dashboard": (
        (
            "Email,Name,Stripe plan,Start date,Paid upgrade date,Type,Emails received (6mo),num_emails_opened,"
            "Emails opened (7d),Last email open,Links clicked,Post views (30d),Subscription source (free),Revenue,"
            "Country,State/Province,Expiration date,Days active (30d),Activity\n"
            "a@x.tw,A,,2024-05-01T08:00:00.000Z,,Free,20,9,1,,3,2,direct,$0.00,TW,TPE,,4,5\n"
            "b@x.tw,B,Monthly,2024-05-01T08:00:00.000Z,,Monthly,20,9,1,,3,2,direct,$5.00,US,CA,,4,5\n"
        ),
        ["active", "active"],
    ),
    "Mailchimp": (
        MAILCHIMP.format(more="") + "\na@x.tw,,,2,2018-02-05 19:28:22,2018-02-05 19:28:22,1,e,,\n",
        ["active"],
    ),
    "Mailchimp (bought, and never asked for mail)": (
        MAILCHIMP.format(more="LAST_CHANGED,")
        + "\na@x.tw,,,2,,,2018-02-05 19:28:22,1,e,,\nb@x.tw,,,2,2018-02-05 19:28:22,,2018-02-05 19:28:22,1,e,,\n",
        ["pending", "active"],
    ),
    "Mailchimp (unsubscribed)": (
        MAILCHIMP.format(more="UNSUB_TIME,UNSUB_REASON,") + "\na@x.tw,,,2,,,2023-06-06 12:56:15,NORMAL,1,e,,\n"
        "b@x.tw,,,2,,,,,1,e,,\n",
        ["unsubscribed", "unsubscribed"],
    ),
    "Mailchimp (cleaned)": (
        MAILCHIMP.format(more="CLEAN_TIME,") + "\na@x.tw,,,2,,,2023-06-06 12:56:15,1,e,,\nb@x.tw,,,2,,,,1,e,,\n",
        ["bounced", "bounced"],
    ),
    "listmonk": (
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            'u1,a@x.tw,A,"{""city"": ""Taipei""}",enabled,2024-05-01T08:00:00Z,2024-05-01T08:00:00Z\n'
            "u2,b@x.tw,B,{},disabled,2024-05-01 10:00:00.123456 +0200 CEST,2024-05-01T08:00:00Z\n"
            "u3,c@x.tw,C,{},blocklisted,2024-05-01T08:00:00Z,2024-05-01T08:00:00Z\n"
        ),
        ["active", "unsubscribed", "manual"],
    ),
    "listmonk own format": (
        'email,name,attributes\na@x.tw,"A","{""city"": ""Taipei""}"\nb@x.tw,B,{}\n',
        ["active", "active"],
    ),
    "Curated": (
        (
            "Email,Status,Source,Subscribed On\na@x.tw,Active,Publication Site,2024-05-01\n"
            "b@x.tw,Spam,API,2024-05-01\nc@x.tw,Pending Confirmation,Manual,2024-05-01\n"
        ),
        ["active", "complained", "pending"],
    ),
    "Keila without states": ("Email,First name,Last name,Data\na@x.tw,A,B,{}\n", ["active"]),
    "beehiiv in full": (
        (
            "id,email,status,created,subscription_tier,subscription_premium_tier_names,utm_source,utm_medium,utm_channel,"
            "utm_campaign,referring_site,referral_code,total_sent,total_unique_opened,total_clicked,open_rate\n"
            "s1,a@x.tw,active,2023-03-24 10:23:10 UTC,free,,,,website,,https://e.org/,r1,9,3,1,33.3\n"
            "s2,b@x.tw,needs_approval,2023-03-24 10:23:10 UTC,free,,,,,,,r2,0,0,0,0\n"
        ),
        ["active", "pending"],
    ),
    "Kit": (
        (
            "first_name,email_address,state,created_at,tags\nA,a@x.tw,active,2023-01-27T11:43:55Z,\n"
            "B,b@x.tw,cancelled,2023-01-27T11:43:55Z,\nC,c@x.tw,bounced,2023-01-27T11:43:55Z,\n"
            "D,d@x.tw,complained,2023-01-27T11:43:55Z,\nE,e@x.tw,inactive,2023-01-27T11:43:55Z,\n"
        ),
        ["active", "unsubscribed", "bounced", "complained", "pending"],
    ),
    "beehiiv": (
        (
            "id,email,status,created_at,subscription_tier,utm_source,utm_medium,stripe_customer_id\n"
            "s1,a@x.tw,active,2023-03-24 10:23:10 UTC,free,,,\ns2,b@x.tw,inactive,2023-03-24 10:23:10 UTC,premium,,,\n"
            "s3,c@x.tw,invalid,2023-03-24 10:23:10 UTC,free,,,\n"
            "s4,d@x.tw,needs_attention,2023-03-24 10:23:10 UTC,free,,,\n"
        ),
        ["active", "unsubscribed", "bounced", "pending"],
    ),
    "Buttondown": (
        (
            "email_address,notes,metadata,tags,subscriber_type,creation_date,source\n"
            'a@x.tw,met in Tainan,{},"a,b",regular,2023-03-24T10:23:10Z,api\n'
            "b@x.tw,,{},,unsubscribed,2023-03-24T10:23:10Z,api\n"
            "c@x.tw,,{},,undeliverable,2023-03-24T10:23:10Z,api\nd@x.tw,,{},,unactivated,2023-03-24T10:23:10Z,api\n"
            "e@x.tw,,{},,churned,2023-03-24T10:23:10Z,api\nf@x.tw,,{},,spammy,2023-03-24T10:23:10Z,api\n"
            "g@x.tw,,{},,paused,2023-03-24T10:23:10Z,api\nh@x.tw,,{},,removed,2023-03-24T10:23:10Z,api\n"
        ),
        ["active", "unsubscribed", "bounced", "pending", "active", "manual", "active", "unsubscribed"],
    ),
    "Keila": (
        (
            "Email,First name,Last name,Data,Status\n"
            "a@x.tw,A,B,{},active\nb@x.tw,,,{},unsubscribed\nc@x.tw,,,{},unreachable\n"
        ),
        ["active", "unsubscribed", "bounced"],
    ),
    "MailerLite": (
        (
            "Subscriber,Name,Last name,State,Country,Sent,Opened,Clicked,Subscribed,Unsubscribed,Groups\n"
            "a@x.tw,A,B,CA,US,10,5,1,2023-03-24 10:23:10,,vip\n"
            "b@x.tw,C,,,,10,5,1,2023-03-24 10:23:10,2024-01-01 08:00:00,\n"
        ),
        ["active", "unsubscribed"],
    ),
    "Google Forms": (
        "時間戳記,電子郵件地址,姓名\n2024/5/1 下午 3:14:15,a@x.tw,小明\n2024/5/1 上午 12:14:15,b@x.tw,\n",
        ["active", "active"],
    ),
    "TinyNews": (
        (
            '"Channel id",Status,Tier,"Tier title",Tags,"Created at","Deleted at","Engagement OptIn",Email,'
            "Id,Name,Surname,"
            '"Updated At","User id"\n1,1,0,default,,"2022-10-28 22:18:42",,1,a@x.tw,1,A,,"2022-10-28 22:22:20",0\n'
            '1,0,0,default,,"2022-10-26 18:56:45",,1,b@x.tw,2,B,,"2022-10-26 18:56:45",0\n'
            '1,4,0,default,"a | b","2022-10-26 18:56:45",,1,c@x.tw,2,C,,"2022-10-26 18:56:45",0\n'
        ),
        ["active", "unsubscribed", "unsubscribed"],
    ),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "readers.csv"

    def write(content: str | bytes):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path, choices=None):
    with csv_file.open_table(path, *([choices] if choices else [])) as table:
        return table.columns.export_format.name, [row for row, _cells in table.rows_and_cells()]


def bring(path, choices=None, now=NOW):
    with csv_file.open_table(path, *([choices] if choices else [])) as table:
        return merging.merge([row for row, _cells in table.rows_and_cells()], now, lambda _line, _reason: None)


@pytest.mark.parametrize("program", FILES)
@pytest.mark.parametrize("ends", first_of("\n", "\r\n"))
@pytest.mark.parametrize("mark", first_of(b"", codecs.BOM_UTF8))
def test_a_program_is_known_by_its_heading_and_its_states_are_understood(file, program, ends, mark):
    content, states = FILES[program]

    name, rows = read(file(mark + content.replace("\n", ends).encode()))

    more = (" dashboard", " (bought, and never asked for mail)", " own format", " without states", " in full")
    assert name == next((program.removesuffix(one) for one in more if program.endswith(one)), program)
    assert [row.state if isinstance(row, ReaderRow) else row.reason for row in rows] == states


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("電子郵件;姓名;狀態\na@x.tw;許功蓋;已退訂\n", "cp950"),
        ("メールアドレス,名前,購読状態\na@x.tw,山田,配信停止\n", "cp932"),
        ("电子邮件,姓名,状态\na@x.tw,刘海,已退订\n", "gb18030"),
        ("E-Mail-Adresse;Vorname;Nachname;Status\na@x.tw;Jürgen;Groß;abgemeldet\n", "cp1252"),
        ("E-Mail-Adresse;Vorname;Nachname;Status\na@x.tw;Jürgen;Groß;abgemeldet\n", "utf-8"),
        ("電子郵件\t姓名\t狀態\na@x.tw\t小明\t取消訂閱\n", "utf-16"),
    ],
)
def test_the_encoding_and_the_language_of_a_heading_are_found_out(file, content, encoding):
    _program, (row,) = read(file(content.encode(encoding)))

    assert (row.email, row.state) == ("a@x.tw", "unsubscribed")
    assert row.name in {"許功蓋", "山田", "刘海", "Jürgen Groß", "小明"}


@pytest.mark.parametrize("name", ["王小明", "李芳", "陈静", "欧阳", "张伟 李娜", "刘海"])
@pytest.mark.parametrize("heading", ["email,name", "E-Mail,Name,note"])
def test_a_short_file_of_china_is_not_read_as_one_of_taiwan(file, heading, name):
    content = f"{heading}\na@x.tw,{name}{',' * (heading.count(',') - 1)}\n"
    _program, (row,) = read(file(content.encode("gb18030")), {heading.split(",")[0]: "email"})

    assert row.name == name
    assert encoding_of(file(content.encode("gb18030"))) == "gb18030"


@pytest.mark.parametrize("name", ["陳怡君", "王小明", "林志豪", "許功蓋", "李芳", "歐陽"])
def test_a_short_file_of_taiwan_is_not_read_as_one_of_china(file, name):
    assert encoding_of(file(f"email,name\na@x.tw,{name}\n".encode("cp950"))) == "cp950"


@pytest.mark.parametrize("name", ["山田太郎", "さくら", "ﾔﾏﾀﾞ", "中村"])
def test_a_short_file_of_japan_is_read_as_such(file, name):
    assert encoding_of(file(f"email,name\na@x.tw,{name} タロウ\n".encode("cp932"))) == "cp932"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("heading", ["email,name", "電子郵件,姓名"])
def test_utf_16_without_a_mark_is_read(file, heading, encoding):
    with csv_file.open_table(file(f"{heading}\na@x.tw,小明\n".encode(encoding))) as table:
        ((row, _cells),) = table.rows_and_cells()

    assert (row.email, row.name, table.format_text) == ("a@x.tw", "小明", "UTF-16, commas")


def test_utf_16_that_cannot_be_read_is_called_so(file):
    with pytest.raises(TableError, match=r"^The file looks like UTF-16 and cannot be read as such\."):
        encoding_of(file("email,name\na@x.tw,小明\n".encode("utf-16-le")[:-1]))


def test_the_states_of_curated_are_understood(file):
    words = ["Active", "Unsubscribed", "Spam", "Bounced", "Pending Confirmation"]
    lines = "".join(f"a{n}@x.tw,{word},Publication Site,2024-05-01\n" for n, word in enumerate(words))

    _program, rows = read(file(f"Email,Status,Source,Subscribed On\n{lines}"))

    assert [row.state for row in rows] == ["active", "unsubscribed", "complained", "bounced", "pending"]


def test_a_name_may_go_on_in_a_second_line(file):
    _program, rows = read(file('email,first name,last name\na@x.tw,"小\n明",王\nb@x.tw,小華,"\n李"\n'))

    assert [row.name for row in rows] == ["小 明 王", "小華 李"]


@pytest.mark.parametrize("name", ['"小\nb@x.tw"', '"小\n明\n華"', '"小\nb@x.tw,華"'])
def test_a_name_that_takes_in_a_reader_stops_the_import(file, name):
    with pytest.raises(TableError, match="a quotation mark opens here"):
        read(file(f"email,name\na@x.tw,{name}\n"))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("张疹齐", "gb18030"),  # as probable in Big5
        ("龙凤", "gb18030"),
        ("김민수", "cp949"),
        ("김민수\nb@x.tw,이영희\nc@x.tw,박지훈\nd@x.tw,최서연", "cp949"),
        ("Иванов", "cp1251"),
    ],
)
def test_an_encoding_that_is_not_certain_is_refused(file, name, encoding):
    with pytest.raises(TableError, match="It is not certain how the file is encoded"):
        encoding_of(file(f"email,name\na@x.tw,{name}\n".encode(encoding)))


@pytest.mark.parametrize("name", ["O’Brien", "“Jürgen”", "Zoë – Labs"])
def test_signs_of_western_print_are_not_taken_for_japanese(file, name):
    assert encoding_of(file(f"email,name\na@x.tw,{name}\n".encode("cp1252"))) == "cp1252"


@pytest.mark.parametrize(("name", "encoding"), [("张伟", "gb18030"), ("林志豪", "cp950"), ("山田太郎 さくら", "cp932")])
def test_the_first_name_beyond_ascii_may_stand_far_below(file, name, encoding):
    rows = "".join(f"reader{number}@example.org,\n" for number in range(1000))

    assert encoding_of(file(f"email,name\n{rows}a@x.tw,{name}\n".encode(encoding))) == encoding


def test_what_is_no_text_is_of_no_encoding(file):
    with pytest.raises(TableError):
        encoding_of(file(b"\x89PNG\r\n\x1a\n\x00\xff\xff\x81"))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-05-01T08:00:00.000Z", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01 08:00:00 +0000 UTC", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01 16:00:00.123456789 +0800 CST", datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2024-05-01 08:00:00 +0000 +0000", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01T10:00:00+0200", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("01.05.2024 15:14:15", datetime(2024, 5, 1, 7, 14, 15, tzinfo=UTC)),
        ("1.5.2024", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("2024/5/1 下午 3:14:15", datetime(2024, 5, 1, 7, 14, 15, tzinfo=UTC)),
        ("2024/05/01 上午 12:00", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("1714550400", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001/1/1 上午 12:00:00", None),
        ("01.01.0001 00:00:00", None),
        ("9999-12-31T23:59:59Z", datetime(9000, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", datetime(9000, 1, 1, tzinfo=UTC)),
        ("9999/12/31", datetime(9000, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_programs_and_spreadsheets_write_them(settings, text, at):
    assert settings.TIME_ZONE == "Asia/Taipei"

    assert parse_time(text) == at


@pytest.mark.parametrize(
    "text", ["31/01/2027", "2024/13/1", "yesterday", "2024/5/1 25:00", "31.13.2024", "00010101T000000+0800"]
)
def test_what_is_no_time_is_none(text):
    with pytest.raises(ValueError, match=f"^{text.replace('+', '.')}$"):
        parse_time(text)


def test_a_consent_of_the_year_9999_is_of_now_and_nobody_is_lost(db, file):
    bring(file("email,consent_at\na@x.tw,9999-12-31T23:59:59Z\n"))

    assert Subscriber.objects.get().confirmed_at == NOW


@pytest.mark.parametrize("word", ["soon", "31/12/2024", "9999-12-31"])
def test_who_has_left_has_left_however_the_day_is_written(db, file, word):
    make_subscriber("a@x.tw")

    bring(file(f"email,unsubscribed_at,created_at\na@x.tw,{word},31/12/2020\n"))

    assert (Subscriber.objects.get().state, Subscriber.objects.get().unsubscribed_at) == ("unsubscribed", NOW)


def test_no_time_at_all_is_no_leaving(file):
    _program, rows = read(file("email,unsubscribed_at\na@x.tw,0000-00-00 00:00:00\nb@x.tw,\n"))

    assert [row.state for row in rows] == ["active", "active"]


def test_a_time_instead_of_yes_is_when_it_was_said(file):
    _program, (row, other) = read(file("email,subscribed,unsubscribed\na@x.tw,2024-05-01,\nb@x.tw,,2024-06-01\n"))

    assert (row.state, row.consent_at) == ("active", datetime(2024, 5, 1, tzinfo=UTC))
    assert (other.state, other.left_at) == ("unsubscribed", datetime(2024, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("state", ["bounced", "complained", "unsubscribed"])
def test_whoever_is_gone_in_one_line_is_gone_in_all_in_any_order_and_case(db, file, order, state):
    lines = ["a@X.tw,active\n", f"A@x.tw,{state}\n", "ａ@x.tw,active\n"][::order]

    bring(file("email,status\n" + "".join(lines)))

    assert not Subscriber.objects.mailable(NOW).exists()
    assert Suppression.objects.exists() is (state != "unsubscribed")


def test_rows_of_any_length_are_named_or_read(file):
    _program, rows = read(file("email,name,tags\na@x.tw\nb@x.tw,B,c,,\nc@x.tw,C,c,d\n"))

    assert [type(row) for row in rows] == [ReaderRow, ReaderRow, InvalidRow]


def test_a_cell_that_a_spreadsheet_would_compute_is_a_word(db, file):
    bring(file('email,name\na@x.tw,"=HYPERLINK(""http://x"")"\nb@x.tw,\'=1+1\n'))

    assert list(Subscriber.objects.order_by("pk").values_list("name", flat=True)) == ['=HYPERLINK("http://x")', "=1+1"]


def test_what_ends_a_paid_plan_or_all_is_decided_by_the_author(file):
    with pytest.raises(TableError, match="“Cancel date”"):
        read(file("Email,Start date,Emails received (6mo),Cancel date\na@x.tw,2024-05-01,2,2024-06-01\n"))


# --- What is kept to be read ---


def test_an_empty_box_of_a_program_makes_no_note(db, file):
    bring(file(FILES["listmonk"][0]))

    assert [note.text for note in Note.objects.all()] == ['attributes: {"city": "Taipei"}']


def test_notes_and_kept_columns_stand_in_a_note_once(db, file):
    path = file("email,備註,Firma,Farbe\na@x.tw,在台南認識,台積電,紅\nb@x.tw,,,\nc@x.tw,,聯電,\n")
    choices = {"Firma": KEPT, "Farbe": KEPT}

    first, second = bring(path, choices), bring(path, choices)

    notes = dict(Note.objects.values_list("subscriber__email", "text"))
    assert notes == {"a@x.tw": "在台南認識\nFirma: 台積電\nFarbe: 紅", "c@x.tw": "Firma: 聯電"}
    assert (first["created"], second["unchanged"], Note.objects.count()) == (3, 3, 2)


def test_a_known_reader_gets_a_note_and_who_has_left_gets_none(db, file):
    make_subscriber("a@x.tw")
    make_subscriber("b@x.tw", state="unsubscribed")

    summary = bring(file("email,note\na@x.tw,new\nb@x.tw,new\n"))

    assert (summary["updated"], summary["unchanged"]) == (1, 1)
    assert Note.objects.get().subscriber.email == "a@x.tw"


# --- Every word of every program ---

# By program: what its manual or its source says that a state can be, and what becomes of it.
EVERY_STATE = {
    "Buttondown": {
        "active": "regular premium trialed gifted churning paused past_due churned",
        "pending": "unactivated unpaid",
        "unsubscribed": "unsubscribed removed",
        "bounced": "undeliverable",
        "complained": "complained",
        "manual": "spammy blocked",
    },
    "listmonk": {"active": "enabled", "unsubscribed": "disabled", "manual": "blocklisted"},
    "Kit": {
        "active": "active cold",
        "pending": "inactive",
        "unsubscribed": "cancelled",
        "bounced": "bounced",
        "complained": "complained",
    },
    "beehiiv": {
        "active": "active",
        "pending": "pending validating needs_attention",
        "unsubscribed": "inactive",
        "bounced": "invalid",
    },
    "Keila": {"active": "active", "unsubscribed": "unsubscribed", "bounced": "unreachable"},
}
HEADINGS = {
    "Buttondown": "email_address,subscriber_type,creation_date,metadata",
    "listmonk": "email,status,uuid,attributes",
    "Kit": "email_address,state,first_name,created_at",
    "beehiiv": "email,status,tier,stripe_customer_id",
    "Keila": "Email,Status,Data,First name,Last name",
}
STATES = [
    (program, word, state)
    for program, states in EVERY_STATE.items()
    for state, words in states.items()
    for word in words.split()
]


@pytest.mark.parametrize(("program", "word", "state"), STATES)
def test_every_state_of_a_program_is_what_it_means_there(file, program, word, state):
    heading = HEADINGS[program]

    name, (row, shouted) = read(
        file(f"{heading}\na@x.tw,{word}{',' * (heading.count(',') - 1)}\nb@x.tw,{word.upper()}\n")
    )

    assert (name, row.state, shouted.state) == (program, state, state)


@pytest.mark.parametrize("program", HEADINGS)
@pytest.mark.parametrize("word", first_of("left", "bounced hard!", "opt-outed", "已離開", "???"))
def test_a_state_that_nobody_knows_makes_nobody_active(file, program, word):
    _name, (row,) = read(file(f"{HEADINGS[program]}\na@x.tw,{word}\n"))

    assert isinstance(row, InvalidRow)
    assert "has an unknown state" in row.reason


@pytest.mark.parametrize("separator", first_of(",", ";", "\t"))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp950"])
def test_lines_within_quotes_and_every_separator_and_encoding_are_read(file, separator, encoding):
    lines = [
        ["電子郵件", "姓名", "備註", "狀態"],
        ["a@x.tw", "許功蓋", '"兩行\n的「備註」"', "退訂"],
        ["b@x.tw", "小明", "", "訂閱"],
    ]
    text = "\r\n".join(separator.join(cells) for cells in lines) + "\r\n"

    _program, rows = read(file(text.encode(encoding)))

    assert [(row.email, row.name, row.state) for row in rows] == [
        ("a@x.tw", "許功蓋", "unsubscribed"),
        ("b@x.tw", "小明", "active"),
    ]
    assert rows[0].note == "兩行\n的「備註」"
