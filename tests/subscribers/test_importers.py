import codecs
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from subscribers import departures
from subscribers.importers.merging import merge
from subscribers.importers.rows import InvalidRow, ReaderRow
from subscribers.models import Invitation, Pause, Subscriber, Suppression
from subscribers.models.tags import Tagging
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW

State = Subscriber.State
FILES = Path(__file__).parent / "exports"


@pytest.fixture
def bring(tmp_path, capsys):
    """Import a file, and return its summary and what was said of rows that were not taken."""

    def call(content: str | bytes | Path, *arguments: str):
        path = content
        if not isinstance(content, Path):
            path = tmp_path / "readers.csv"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        call_command("import_subscribers", path, *arguments)
        out, err = capsys.readouterr()
        said = [line for line in err.splitlines() if not line.startswith(("Columns ", "Read as: "))]
        return json.loads(out.splitlines()[-1]), said

    return call


def counts(**numbers: int) -> dict[str, int]:
    return {"rows": 0, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0} | numbers


def test_an_address_is_enough(bring):
    summary, said = bring("email\nreader@example.org\n")

    reader = Subscriber.objects.get()
    assert (summary, said) == (counts(rows=1, created=1), [])
    assert (reader.state, reader.confirmed_at, reader.welcomed_at) == (State.ACTIVE, NOW, NOW)
    (line,) = reader.consents.all()
    assert (line.kind, line.source, line.at) == ("imported", f"import on {NOW:%Y-%m-%d}", reader.confirmed_at)
    assert list(Subscriber.objects.mailable(NOW)) == [reader]


def test_every_column_is_read(bring):
    bring(
        "email,name,state,consent_at,tags,paused_until\n"
        'r@example.org,小明,paused,2024-05-01T08:00:00+08:00,"a, b",2027-01-01T00:00:00+08:00\n'
    )

    reader = Subscriber.objects.get()
    assert (reader.name, reader.state, reader.tag_names) == ("小明", State.PAUSED, ["a", "b"])
    assert reader.consents.get().at == reader.confirmed_at == datetime(2024, 5, 1, tzinfo=UTC)
    assert reader.paused_until == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_a_second_run_changes_nothing(bring):
    content = "email,name\nA@example.org,甲\nb@example.org,乙\n"
    bring(content)

    assert bring(content)[0] == counts(rows=2, unchanged=2)


def test_a_rehearsal_lets_nobody_leave_at_the_next_restore(bring, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    make_subscriber("r@example.org")

    summary, _said = bring("email,state\nr@example.org,unsubscribed\nb@example.org,bounced\n", "--dry-run")

    assert summary == counts(rows=2, updated=1, rejected=1)
    assert departures.read_departures() == []


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + "email;name\r\nr@example.org;小明\r\n".encode(),
        "email\tname\rr@example.org\t小明".encode(),
        "Email Address,Full Name\n\n  r@example.org , 小明 \n\n".encode(),
        "電子郵件,姓名\nr@example.org,小明\n".encode("cp950"),
        "sep=;\r\nE-Mail;Name\r\nr@example.org;小明\r\n".encode(),
        "sep=;\r\n電子郵件;姓名\r\nr@example.org;小明\r\n".encode("cp950"),
        "sep=\t\nemail\tname\nr@example.org\t小明\n".encode("utf-16"),
        "email,name\nr@example.org,小明\n".encode("utf-16"),
        'email,First Name,Last Name\n"r@example.org","小明",'.encode(),
    ],
)
def test_a_file_of_any_spreadsheet_is_read(bring, content):
    assert bring(content)[0] == counts(rows=1, created=1)
    assert Subscriber.objects.get().name == "小明"


def test_a_list_of_bare_addresses_needs_no_heading(bring):
    assert bring("a@example.org\nb@example.org\n")[0] == counts(rows=2, created=2)


def test_rows_that_cannot_be_read_are_named_and_left_out(bring):
    summary, said = bring(
        "email,name,state,consent_at\n"
        "good@example.org\n"
        "nobody\n"
        ",no address\n"
        "ömil@example.org,,,\n"
        "long@example.org,a,active,,more,cells\n"
        "odd@example.org,,vip,\n"
        "date@example.org,,,31/01/2027\n"
        "paused@example.org,,paused,\n"
        "fine@example.org,,,\n"
    )

    assert summary == counts(rows=9, created=2, rejected=7)
    assert said == [
        "Line 3: This is not an e-mail address. One looks like you@example.com.",
        "Line 4: Enter your e-mail address.",
        "Line 5: The part before @ has letters that most mail servers refuse. Use only a–z, 0–9 and signs like . _ -",
        "Line 6: has 6 cells, the first line names 4",
        "Line 7: has an unknown state 'vip'",
        "Line 8: has '31/01/2027', which is not a time like 2027-01-31T08:00:00+08:00",
        "Line 9: is paused, but paused_until is empty",
    ]


def test_a_line_that_names_the_sign_between_cells_is_counted(bring):
    summary, said = bring("sep=;\na@example.org;A\nnobody;B\n")

    assert (summary, said) == (
        counts(rows=2, created=1, rejected=1),
        ["Line 3: This is not an e-mail address. One looks like you@example.com."],
    )


def test_only_the_first_twenty_reasons_are_told(bring):
    _summary, said = bring("email\n" + "nobody\n" * 30)

    assert len(said) == 21
    assert said[-1] == "… and 10 more rows were rejected."


def test_a_reader_who_left_is_never_brought_back(bring):
    reader = make_subscriber("reader@example.org", state=State.UNSUBSCRIBED)

    summary, _said = bring("email,state,name\nReader@example.org,active,小明\n")

    reader.refresh_from_db()
    assert summary == counts(rows=1, unchanged=1)
    assert (reader.state, reader.name) == (State.UNSUBSCRIBED, "")


def test_a_file_can_take_a_reader_off_the_list(bring):
    make_subscriber("reader@example.org")

    summary, _said = bring("email,state\nreader@example.org,unsubscribed\n")

    assert summary == counts(rows=1, updated=1)
    assert Subscriber.objects.get().unsubscribed_at == NOW


def test_a_file_leaves_a_reader_s_own_pause_alone(bring):
    make_subscriber("reader@example.org", state=State.PAUSED, paused_until=NOW)

    assert bring("email,state\nreader@example.org,active\n")[0] == counts(rows=1, unchanged=1)


@pytest.mark.parametrize(("days", "kept"), [(-10, 0), (10, 10)])
def test_of_two_pauses_the_longer_one_stands(bring, days, kept):
    make_subscriber("reader@example.org", state=State.PAUSED, paused_until=NOW)
    until = NOW + timedelta(days=days)

    bring(f"email,state,paused_until\nreader@example.org,paused,{until.isoformat()}\n")

    reader = Subscriber.objects.get()
    assert (reader.state, reader.paused_until) == (State.PAUSED, NOW + timedelta(days=kept))


def test_a_file_confirms_who_had_only_signed_up(bring):
    make_subscriber("reader@example.org", state=State.PENDING, confirmed_at=None, confirmation_due_at=NOW)

    summary, _said = bring("email,name\nreader@example.org,小明\n")

    reader = Subscriber.objects.get()
    assert summary == counts(rows=1, updated=1)
    assert (reader.state, reader.name, reader.confirmation_due_at) == (State.ACTIVE, "小明", None)


@pytest.mark.parametrize("reason", list(Suppression.Reason))
def test_a_suppressed_address_is_refused(bring, reason):
    reader = make_subscriber("reader@example.org")
    reader.suppress(reason)
    reader.delete()

    summary, said = bring("email\nreader@example.org\n")

    assert summary == counts(rows=1, rejected=1)
    assert said == [f"Line 2: must not be mailed: {reason.label}"]
    assert not Subscriber.objects.exists()


def test_addresses_that_another_program_gave_up_are_suppressed(bring):
    make_subscriber("known@example.org")

    summary, said = bring("email,state\nknown@example.org,bounced\nnew@example.org,cleaned\nnew@example.org,active\n")

    assert summary == counts(rows=3, rejected=3)
    assert said[2] == "Line 4: must not be mailed: bounced"
    assert set(Suppression.objects.values_list("email", "reason")) == {
        ("known@example.org", "bounced"),
        ("new@example.org", "bounced"),
    }
    assert not Subscriber.objects.mailable(NOW).exists()


@pytest.mark.parametrize(
    ("name", "created", "states"),
    [
        ("beehiiv.csv", 4, ["active", "unsubscribed", "pending", "unsubscribed"]),
        ("ghost.csv", 2, ["active", "unsubscribed"]),
        ("mailchimp_subscribed.csv", 2, ["active", "active"]),
        ("mailchimp_unsubscribed.csv", 2, ["unsubscribed", "unsubscribed"]),
        ("mailchimp_cleaned.csv", 0, []),
        ("substack.csv", 2, ["active", "unsubscribed"]),
    ],
)
def test_the_exports_of_other_programs_are_read(bring, name, created, states):
    tiers = ("Free Tier", "Bronze Tier", "Silver Tier", "Gold Tier", "Subscription Date (Substack)")
    summary, _said = bring(FILES / name, *(f"--ignore={tier}" for tier in tiers if name == "beehiiv.csv"))

    assert summary["created"] == created
    assert list(Subscriber.objects.order_by("pk").values_list("state", flat=True)) == states


def test_names_tags_and_consent_of_other_programs_are_kept(bring):
    bring(FILES / "mailchimp_subscribed.csv")

    reader = Subscriber.objects.get(email="s5@example.com")
    assert (reader.name, reader.tag_names) == ("Dolor Simet", ["Lorem Editors"])
    assert reader.confirmed_at == datetime(2018, 2, 5, 19, 28, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", "The first line must name a column “email”; it has nothing"),
        (b"name,age\nx,1\n", "The first line must name a column “email”; it has name, age"),
        (b"email\n\xff\xfe\xfa\n", "It is not certain how the file is encoded. Save it as “CSV UTF-8” and try again."),
        (
            b"email," + b"x" * 200_000 + b"\na@example.org,x\n",
            "Line 1 is not CSV: field larger than field limit (131072)",
        ),
        (b'email,name\na@example.org,"' + b"x" * 200_000, "Line 2 is not CSV: field larger than field limit (131072)"),
    ],
)
def test_a_table_without_readers_is_explained(bring, content, answer):
    with pytest.raises(CommandError) as refused:
        bring(content)

    assert str(refused.value) == answer


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"db": []}',
        b"[]",
        b'<?xml version="1.0"?><rss>',
        b"PK\x03\x04\x14",
        b"%PDF-1.7",
        b"\xd0\xcf\x11\xe0\xa1",
    ],
)
def test_a_file_that_is_no_table_says_where_posts_move_in(bring, content):
    with pytest.raises(CommandError) as refused:
        bring(content)

    assert str(refused.value) == "This is no table of readers. Posts move in under Settings, “Move in”."


def test_a_file_that_is_not_there_is_explained(bring, tmp_path):
    with pytest.raises(CommandError, match="No such file or directory"):
        bring(tmp_path / "nothing.csv")


# --- Tags ---


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a，b、c", ["a", "b", "c"]),
        ("a | b|c", ["a", "b", "c"]),
        ('"""Lorem Editors"",""old"""', ["Lorem Editors", "old"]),
        ('"a, a , ,b"', ["a", "b"]),
        (f'"{"x" * 150},{"y" * 60},z"', ["x" * 150]),
        ("x" * 201, []),
    ],
)
def test_a_cell_holds_tags_as_the_admin_takes_them(bring, cell, names):
    bring(f"email,tags\nreader@example.org,{cell}\n")

    assert Subscriber.objects.get().tag_names == names


def test_a_file_gives_a_known_reader_its_tags_and_an_empty_cell_takes_none_away(bring):
    known, other = make_subscriber("a@example.org", tags="old,vip"), make_subscriber("b@example.org", tags="vip")

    summary, _said = bring('email,tags\na@example.org,"new,vip"\nb@example.org,\nc@example.org,vip\n')

    assert summary == counts(rows=3, created=1, updated=1, unchanged=1)
    assert (known.tag_names, other.tag_names) == (["new", "vip"], ["vip"])
    assert Subscriber.objects.get(email="c@example.org").tag_names == ["vip"]


def test_who_has_left_gets_no_tag_from_a_file(bring):
    reader = make_subscriber("a@example.org", state=State.UNSUBSCRIBED)

    assert bring("email,tags\na@example.org,vip\n")[0] == counts(rows=1, unchanged=1)
    assert reader.tag_names == []


def test_who_is_erased_while_a_file_is_read_gets_no_tag(db):
    reader = make_subscriber("a@example.org", tags="old")
    rows = [ReaderRow(2, "a@example.org", tags=("new",)), InvalidRow(3, "is no reader")]

    merge(rows, NOW, lambda _line, _reason: reader.erase())

    assert not Subscriber.objects.exists()
    assert not Tagging.objects.exists()


def test_an_address_that_stands_twice_has_the_tags_of_its_last_line(bring):
    bring("email,tags\na@example.org,one\nA@EXAMPLE.org,two\n")

    assert Subscriber.objects.get().tag_names == ["two"]


def told(readers):
    return [(one.email, one.name, one.state, one.tag_names, one.paused_until) for one in readers.order_by("pk")]


def test_what_is_exported_comes_back_the_same(bring, tmp_path):
    make_subscriber("+plus@example.org", name="=1+1", tags="b,a", confirmed_at=NOW)
    make_subscriber("paused@example.org", state=State.PAUSED, paused_until=NOW)
    make_subscriber("left@example.org", state=State.UNSUBSCRIBED)
    make_subscriber("spam@example.org").suppress(Suppression.Reason.COMPLAINED)
    before = told(Subscriber.objects.exclude(email="spam@example.org"))
    call_command("export_subscribers", tmp_path / "out.csv")
    Subscriber.objects.all().delete()
    Suppression.objects.all().delete()

    summary, _said = bring(tmp_path / "out.csv")

    assert summary == counts(rows=4, created=3, rejected=1)
    assert told(Subscriber.objects.all()) == before
    assert Suppression.objects.get().reason == "complained"


def test_an_export_can_be_read_by_its_owner_only(tmp_path):
    call_command("export_subscribers", tmp_path / "out.csv")

    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0


def test_many_rows_cross_the_edges_of_batches(bring):
    rows = "".join(f"reader{number}@example.org\n" for number in [*range(2500), 0])

    assert bring("email\n" + rows)[0] == counts(rows=2501, created=2500, unchanged=1)


# --- Who has left elsewhere ---


@pytest.mark.parametrize(
    ("column", "word", "state"),
    [
        *(("subscribed", word, "unsubscribed") for word in ("false", "FALSE", "no", "0", "否")),
        *(("subscribed", word, "active") for word in ("true", "yes", "1", "")),
        *(("unsubscribed", word, "unsubscribed") for word in ("true", "2024-05-01", "2024-05-01T08:00:00Z", "是")),
        ("unsubscribed", "false", "active"),
        ("Unsubscribed from all email", "TRUE", "unsubscribed"),
        ("Type", "unsubscribed", "unsubscribed"),
        ("type", "regular", "active"),
        ("Subscriber Status", "Cancelled", "unsubscribed"),
        ("Subscription Status", "opted_out", "unsubscribed"),
        ("訂閱狀態", "已退訂", "unsubscribed"),
        ("訂閱狀態", "已訂閱", "active"),
        ("退訂時間", "2024-05-01", "unsubscribed"),
        ("Opt-out", "yes", "unsubscribed"),
    ],
)
def test_who_left_elsewhere_stays_away(bring, column, word, state):
    bring(f"email,{column}\nreader@example.org,{word}\n")

    assert Subscriber.objects.get().state == state


@pytest.mark.parametrize(
    ("column", "word", "reason"),
    [
        ("Type", "complained", "complained"),
        ("Subscriber Status", "Bounced", "bounced"),
        ("Email Status", "hard_bounce", "bounced"),
        ("訂閱狀態", "退信", "bounced"),
        ("status", "Blacklisted", "manual"),
    ],
)
def test_an_address_that_failed_or_complained_elsewhere_is_suppressed(bring, column, word, reason):
    bring(f"email,{column}\nreader@example.org,{word}\n")

    assert not Subscriber.objects.exists()
    assert Suppression.objects.get().reason == reason


def test_who_left_elsewhere_leaves_nothing_that_waits(bring):
    paused = make_subscriber("paused@example.org", state=State.PAUSED, paused_until=NOW + timedelta(days=9))
    Pause.objects.begin([paused.pk], NOW + timedelta(days=9), NOW)
    asked = make_subscriber("asked@example.org", state=State.PENDING, confirmed_at=None, asked_at=NOW, asked_times=2)
    Invitation.objects.note(asked.pk, paused.pk)

    bring("email,subscribed\npaused@example.org,false\nasked@example.org,false\n")

    asked.refresh_from_db()
    assert (Pause.objects.count(), Invitation.objects.count()) == (0, 0)
    assert (asked.state, asked.asked_at, asked.asked_times) == (State.UNSUBSCRIBED, None, 0)


def test_of_two_columns_about_a_state_the_graver_counts(bring):
    bring("email,status,訂閱狀態,subscribed\na@example.org,active,已退訂,true\nb@example.org,active,,false\n")

    assert set(Subscriber.objects.values_list("state", flat=True)) == {"unsubscribed"}


def test_a_word_that_is_neither_yes_nor_no_brings_nobody(bring):
    summary, said = bring("email,subscribed\na@example.org,perhaps\n")

    assert summary == counts(rows=1, rejected=1)
    assert said == ["Line 2: has 'perhaps' where only yes or no, or a time, says whether mail is wanted"]


# --- Columns ---


def test_an_unknown_column_stops_the_import_before_anything_is_written(bring):
    with pytest.raises(CommandError) as refused:
        bring("email,Abmeldung,Farbe\na@example.org,ja,rot\n")

    assert "Unknown columns: “Abmeldung”, “Farbe”." in str(refused.value)
    assert '--ignore "Abmeldung"' in str(refused.value)
    assert not Subscriber.objects.exists()


def test_a_column_is_mapped_or_ignored_by_name(bring):
    bring(
        "Post,Austritt,Farbe=Ton\na@example.org,2024-05-01,rot\n",
        "--map=Post=email",
        "--map",
        "austritt=left_at",
        "--ignore",
        "Farbe=Ton",
    )

    assert Subscriber.objects.get().state == State.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--map", "x=state"], "The file has no column “x”; it has email, name"),
        (["--ignore", "x"], "The file has no column “x”; it has email, name"),
        (["--map", "name=colour"], "“name” cannot be 'colour'; it can be email, name, first_name"),
        (["--map", "name"], "--map wants COLUMN=FIELD, got 'name'"),
    ],
)
def test_a_choice_that_fits_nothing_is_explained(bring, arguments, answer):
    with pytest.raises(CommandError, match=re.escape(answer)):
        bring("email,name\na@example.org,a\n", *arguments)


def test_the_columns_that_are_used_and_not_used_are_told(tmp_path, capsys):
    path = tmp_path / "readers.csv"
    path.write_text("Email Address,FNAME x,LEID\na@example.org,a,1\n")

    call_command("import_subscribers", path, "--ignore", "FNAME x")

    assert capsys.readouterr().err.splitlines() == [
        "Read as: a table by hand; UTF-8, commas",
        "Columns used: Email Address → email",
        "Columns not used: FNAME x, LEID",
    ]


# --- A quotation mark too few ---


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ('a@x.tw,"小明\nb@x.tw,"小華"\nc@x.tw,小美\n', "Line 2"),
        ('a@x.tw,"小明\nb@x.tw,小華\nc@x.tw,小美\n', "unexpected end of data"),
        ('a@x.tw,"小明\nb@x.tw,小華\nc@x.tw,小美"\n', "Line 2: a quotation mark opens here and is closed in line 4"),
        ('z@x.tw,z\na@x.tw,小明,"note\nb@x.tw,小華,\nc@x.tw,小美,done"\n', "Line 3: a quotation mark opens here"),
    ],
)
def test_a_quotation_mark_that_eats_readers_stops_the_import(bring, rows, answer):
    with pytest.raises(CommandError, match=re.escape(answer)):
        bring("email,name,notes\n" + rows if "note" in rows else "email,name\n" + rows)

    assert not Subscriber.objects.exists()


def test_a_note_may_have_lines(bring):
    summary, _said = bring('email,notes\na@example.org,"one\ntwo, three\n\nfour"\nb@example.org,\n')

    assert summary == counts(rows=2, created=2)


# --- The file of what was refused ---


def test_refused_lines_come_back_mended_as_often_as_it_takes(bring, tmp_path):
    make_subscriber("gone@example.org").suppress("bounced")
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    bring(
        "電子郵件;姓名;狀態\na@example.org;甲;\nnobody;=乙;\ngone@example.org;丙;\nd@example.org;丁;odd\n".encode(
            "cp950"
        ),
        f"--rejected={first}",
    )
    lines = first.read_text(encoding="utf-8-sig").splitlines()
    assert lines == [
        "電子郵件,姓名,狀態,refused_because",
        "nobody,'=乙,,This is not an e-mail address. One looks like you@example.com.",
        "gone@example.org,丙,,must not be mailed: bounced",
        "d@example.org,丁,odd,has an unknown state 'odd'",
    ]

    mended = "\n".join(lines).replace("nobody", "b@example.org").encode()
    summary, _said = bring(mended, f"--rejected={second}")

    assert summary == counts(rows=3, created=1, rejected=2)
    assert Subscriber.objects.get(email="b@example.org").name == "=乙"
    assert second.read_text(encoding="utf-8-sig").splitlines() == [lines[0], *lines[2:]]

    assert bring(second.read_bytes().replace(b"odd,", b"active,"))[0] == counts(rows=2, created=1, rejected=1)
    assert set(Subscriber.objects.mailable(NOW).values_list("name", flat=True)) == {"甲", "=乙", "丁"}


def test_a_trial_writes_the_refused_lines_and_nothing_else(bring, tmp_path):
    rejected = tmp_path / "rejected.csv"

    bring("a@example.org,1\nnobody,2\n,3,4\n", "--dry-run", f"--rejected={rejected}")

    assert rejected.read_text(encoding="utf-8-sig").splitlines() == [
        "email,column 2,refused_because",
        "nobody,2,This is not an e-mail address. One looks like you@example.com.",
        ',3,"has 3 cells, the first line names 2",4',
    ]
    assert not Subscriber.objects.exists()


def test_where_nothing_is_refused_an_older_file_does_not_stay(bring, tmp_path):
    rejected = tmp_path / "rejected.csv"
    rejected.write_text("email,refused_because\nnobody,x\n")

    bring("email\na@example.org\n", f"--rejected={rejected}")

    assert rejected.read_text(encoding="utf-8-sig") == "email,refused_because\n"


@pytest.mark.parametrize("name", ["readers.csv", "nowhere/rejected.csv"])
def test_a_file_that_cannot_take_refused_lines_stops_the_import_before_it_begins(bring, tmp_path, name):
    with pytest.raises(CommandError, match=r"written over|No such file"):
        bring("email\na@example.org\n", f"--rejected={tmp_path / name}")

    assert (tmp_path / "readers.csv").read_text() == "email\na@example.org\n"
    assert not Subscriber.objects.exists()
