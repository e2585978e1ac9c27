"""Suppression lists of other programs: read as they write them, nobody brought back, twice is once."""

import json

import pytest
from django.core.management import CommandError, call_command

from subscribers import departures
from subscribers.importers.csv_file import open_table
from subscribers.importers.rows import ReaderRow
from subscribers.models import Subscriber, Suppression, address_hash
from tests.factories import make_publication, make_subscriber
from tests.subscribers.conftest import NOW

pytestmark = pytest.mark.django_db

MAILCHIMP = """Email Address,First Name,Last Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,LEID
a@example.org,A,B,2024-05-01 08:00:00,No 1,123
"""
SENDGRID = """email,created,reason,status
a@example.org,1714521600,"550 5.1.1 The email account that you tried to reach does not exist",5.1.1
b@example.org,1714521600,"550 5.7.1 refused by policy",5.7.1
"""
SES = """EmailAddress,Reason,LastUpdateTime
a@example.org,BOUNCE,2024-05-01T00:00:00Z
b@example.org,COMPLAINT,2024-05-02T00:00:00Z
"""
SES_BARE = "a@example.org,BOUNCE\nb@example.org,COMPLAINT\n"
MAILGUN = """address,code,error,created_at
a@example.org,550,No such mailbox,"Wed, 01 May 2024 00:00:00 UTC"
"""
POSTMARK = """EmailAddress,SuppressionReason,Origin,CreatedAt
a@example.org,HardBounce,Recipient,2024-05-01T00:00:00-05:00
b@example.org,SpamComplaint,Recipient,2024-05-01T00:00:00-05:00
c@example.org,ManualSuppression,Customer,2024-05-01T00:00:00-05:00
"""
LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
x,a@example.org,A,"{""city"": ""Taipei""}",blocklisted,2024-05-01T00:00:00Z,2024-05-01T00:00:00Z
y,b@example.org,B,{},enabled,2024-05-01T00:00:00Z,2024-05-01T00:00:00Z
"""
GHOST = """id,email,name,note,subscribed_to_emails,complimentary_plan,created_at
1,a@example.org,A,,false,false,2024-05-01T00:00:00.000Z
2,b@example.org,B,,true,false,2024-05-01T00:00:00.000Z
"""
BY_HAND = "a@example.org\nb@example.org\n"
SOFT = "email,type\na@example.org,hard\nb@example.org,soft\nc@example.org,Transient\n"


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication()


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "list.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def bring(written, capsys):
    def call(content, *arguments):
        call_command("import_suppressions", written(content), *arguments)
        out, err = capsys.readouterr()
        said = [line for line in err.splitlines() if not line.startswith(("Columns ", "Read as: "))]
        return json.loads(out.splitlines()[-1]), said

    return call


def counts(**numbers):
    return {"rows": 0, "suppressed": 0, "known": 0, "mailed": 0, "rejected": 0, "readers": 0} | numbers


def reasons():
    return {one.email[0]: one.reason for one in Suppression.objects.all()}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MAILCHIMP, {"a": "bounced"}),
        (SENDGRID, {"a": "manual", "b": "manual"}),
        (SES, {"a": "bounced", "b": "complained"}),
        (SES_BARE, {"a": "bounced", "b": "complained"}),
        (MAILGUN, {"a": "manual"}),
        (POSTMARK, {"a": "bounced", "b": "complained", "c": "manual"}),
        (LISTMONK, {"a": "manual"}),
        (GHOST, {"a": "manual"}),
        (BY_HAND, {"a": "manual", "b": "manual"}),
        (SOFT, {"a": "bounced"}),
        (POSTMARK.replace(",", ";"), {"a": "bounced", "b": "complained", "c": "manual"}),
        (f"\ufeff{SES}", {"a": "bounced", "b": "complained"}),
        (
            "電子郵件,原因\na@example.org,退信\nb@example.org,檢舉\n".encode("cp950"),
            {"a": "bounced", "b": "complained"},
        ),
    ],
)
def test_the_lists_of_other_programs_are_read(bring, content, expected):
    bring(content)

    assert reasons() == expected


@pytest.mark.parametrize("content", [MAILCHIMP, SENDGRID, SES, MAILGUN, POSTMARK, LISTMONK])
def test_since_when_and_the_words_are_kept(bring, content):
    bring(content)

    note = Suppression.objects.get(email="a@example.org").note
    assert any(since in note for since in ("2024-05-01", "01 May 2024", "1714521600"))


def test_the_words_of_a_server_stand_beside_the_reason(bring):
    bring(SENDGRID)

    assert "5.1.1 The email account" in Suppression.objects.get(email="a@example.org").note


def test_where_the_list_gives_no_reason_the_author_does(bring):
    summary, _said = bring(f"{BY_HAND}c@example.org,SpamComplaint\n", "--reason", "bounced")

    assert summary["suppressed"] == 3
    assert reasons() == {"a": "bounced", "b": "bounced", "c": "bounced"}  # the first line has no second column


def test_a_reader_gets_no_mail_any_more_and_a_stranger_never_will(bring):
    reader = make_subscriber("A@example.org")

    summary, _said = bring(BY_HAND)

    assert summary == counts(rows=2, suppressed=2, readers=1)
    assert not Subscriber.objects.mailable(NOW).exists()
    reader.refresh_from_db()
    assert reader.state == "active"  # their wish stays what it was: suppressions stand beside it
    assert Suppression.objects.filter(address_hash=address_hash("b@EXAMPLE.org")).exists()


KIT = "first_name,email_address,state,created_at\n" + "".join(
    f"A,{state[0]}@example.org,{state},2024-05-01\n" for state in ("active", "inactive", "cancelled", "bounced")
)
BY_WISH = "email,unsubscribed,created\na@example.org,true,\nb@example.org,false,\nc@example.org,,\n"
MAILERLITE = "Subscriber,State,Sent,Opened,Clicked,Unsubscribed\na@example.org,CA,1,1,1,2024-05-01\n"
LEFT = "email,unsubscribed_at,bounced_at\na@example.org,2024-05-01,\nb@example.org,,2024-05-01\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (KIT, {"c": "manual", "b": "bounced"}),  # there “inactive” has not confirmed, and may be asked
        (BY_WISH, {"a": "manual", "c": "complained"}),
        (MAILERLITE, {"a": "manual"}),
        (LEFT, {"a": "manual", "b": "bounced"}),
    ],
)
def test_a_list_is_read_like_a_table_of_readers(bring, content, expected):
    bring(content, "--reason", "complained")

    assert reasons() == expected


@pytest.mark.parametrize("row", ["a@example.org,true,bounce", "a@example.org,,bounce", "a@example.org,true,complained"])
def test_of_what_a_list_says_of_an_address_the_least_mail_counts(bring, row):
    summary, _said = bring(f"email,subscribed,reason\n{row}\n")

    assert summary["suppressed"] == 1
    assert Suppression.objects.get().reason == row.rpartition(",")[2].replace("bounce", "bounced")


@pytest.mark.parametrize("state", ["active", "paused", "pending", "subscribed"])
def test_a_list_raises_nobody_above_what_they_are_here(bring, state):
    left, barred = make_subscriber("a@example.org", state="unsubscribed"), make_subscriber("b@example.org")
    barred.suppress("bounced")

    summary, _said = bring(f"email,status\na@example.org,{state}\nb@example.org,{state}\nc@example.org,{state}\n")

    left.refresh_from_db()
    assert summary == counts(rows=3, mailed=3)
    assert (left.state, reasons(), Subscriber.objects.count()) == ("unsubscribed", {"b": "bounced"}, 2)


def test_refused_rows_of_a_list_are_a_file(bring, tmp_path):
    bring("email,reason\nnobody,bounce\n", f"--rejected={tmp_path / 'rejected.csv'}")

    assert (tmp_path / "rejected.csv").read_text(encoding="utf-8-sig").splitlines() == [
        "email,reason,refused_because",
        "nobody,bounce,This is not an e-mail address. One looks like you@example.com.",
    ]


def test_the_same_file_twice_changes_nothing(bring):
    bring(POSTMARK)
    before, lines = list(Suppression.objects.values()), departures.read_departures()

    summary, _said = bring(POSTMARK)

    assert summary == counts(rows=3, known=3)
    assert list(Suppression.objects.values()) == before
    assert departures.read_departures() == lines


def test_an_earlier_reason_stands_and_nobody_is_brought_back(bring):
    make_subscriber("a@example.org").erase()
    make_subscriber("b@example.org").suppress("complained", "called it spam")

    summary, _said = bring("email,status\na@example.org,active\nb@example.org,HardBounce\nb@example.org,active\n")

    assert summary == counts(rows=3, known=1, mailed=2)
    assert set(Suppression.objects.values_list("reason", "note")) == {("erased", ""), ("complained", "called it spam")}


def test_a_restored_database_is_told_again(bring):
    bring(SES)

    assert {(one.why.value, one.who) for one in departures.read_departures()} == {
        ("bounced", address_hash("a@example.org")),
        ("complained", address_hash("b@example.org")),
    }


def test_bad_rows_are_reported_and_stop_no_other(bring):
    summary, said = bring("email,reason\nnobody,bounce\na@example.org,bounce\n@,bounce\n")

    assert summary == counts(rows=3, suppressed=1, rejected=2)
    assert [line.partition(":")[0] for line in said] == ["Line 2", "Line 4"]


def test_a_dry_run_writes_nothing(bring):
    summary, _said = bring(BY_HAND, "--dry-run")

    assert summary == counts(rows=2, suppressed=2)
    assert not Suppression.objects.exists()
    assert departures.read_departures() == []


@pytest.mark.parametrize("content", ["", "name,city\nA,Taipei\n", b"\xff\xfe\xfd\xfc\xff" * 9])
def test_what_is_no_list_is_refused(bring, content):
    with pytest.raises(CommandError):
        bring(content)

    assert not Suppression.objects.exists()


def test_rows_can_be_gone_on_with(written):
    with open_table(written(POSTMARK), reason="manual") as table:
        found = [(row.email, row.line) for row, _cells in table.rows_and_cells(skipped=1) if isinstance(row, ReaderRow)]

    assert found == [("b@example.org", 3), ("c@example.org", 4)]
