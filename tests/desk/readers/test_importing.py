"""An import as an author goes through it, from the file to the lines that were refused."""

import csv
import io
import zipfile
from contextlib import closing

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from newsletter.desk import tasks
from newsletter.desk.jobs import files, working
from newsletter.desk.models import FILES_LIFETIME, Errand
from newsletter.publication.changes import Change
from subscribers.models import Consent, Subscriber
from tests.factories import make_publication, make_subscriber
from tests.subscribers.test_sheets import ANSWERS, workbook

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"
IMPORT = f"{READERS}import/"
PROOF = "在舊的電子報服務訂閱"


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication(language="en")


def send(client, content: bytes | str, name: str = "readers.csv", consent: str = PROOF):
    octets = content.encode() if isinstance(content, str) else content
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, octets), "consent": consent}, follow=True)


def say(client, **columns: str):
    """Say what the columns are, by their numbers, and let the import be tried."""
    url = f"{READERS}errands/{Errand.objects.latest('pk').pk}/columns/"
    page = client.post(url, {name.replace("_", "-"): meant for name, meant in columns.items()}, follow=True)
    tasks.work_on_errands()
    return page


def start(client) -> Errand:
    client.post(f"{READERS}errands/{Errand.objects.latest('pk').pk}/import/", follow=True)
    tasks.work_on_errands()
    return Errand.objects.latest("pk")


def refused(client) -> list[list[str]]:
    errand = Errand.objects.latest("pk")
    response = client.get(f"{READERS}errands/{errand.pk}/files/refused.csv")
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))


def test_readers_come_by_a_file_whose_columns_were_looked_at(admin_client):
    columns = send(admin_client, "電子郵件,姓名,電話\na@example.org,小明,x\nb@example.org,小華,\n".encode("cp950"))

    assert "<bdi>小明</bdi>" in columns.text
    assert '<option value="email" selected>' in columns.text
    assert "Read as Big5: where names look wrong" in columns.text
    assert '<option value="" selected>' in columns.text  # telephones are left out
    # An empty cell says nothing.
    assert (columns.text.count("<bdi>x</bdi>"), columns.text.count("<bdi></bdi>")) == (1, 0)

    say(admin_client, column_0="email", column_1="name", column_2="")

    errand = Errand.objects.get()
    page = admin_client.get(f"{READERS}errands/{errand.pk}/").text
    assert (errand.state, errand.counts["created"]) == ("tried", 2)
    assert not Subscriber.objects.exists()
    assert "Nothing was written yet, and an import mails nobody." in page
    assert not Change.objects.exists()

    errand = start(admin_client)

    assert (errand.state, errand.counts) == ("done", {"rows": 2, "created": 2})
    reader = Subscriber.objects.get(email="a@example.org")
    assert (reader.name, reader.state, reader.welcomed_at is not None) == ("小明", "active", True)
    assert Consent.objects.get(subscriber=reader).source == f"import on {errand.begun_at:%Y-%m-%d}: {PROOF}"
    assert mail.outbox == []
    assert Change.objects.get().title == "Import from a file: readers.csv"


def test_the_program_that_wrote_a_file_is_named_beside_its_columns(admin_client):
    page = send(admin_client, "Email,First name,Last name,Data,Status\na@example.org,A,B,{},active\n")

    assert "From Keila." in page.text
    assert "Read as UTF-8:" in page.text


def test_a_workbook_is_taken_as_it_is(admin_client):
    page = send(admin_client, workbook(ANSWERS), name="answers.xlsx")

    assert "<bdi>小明</bdi>" in page.text
    say(admin_client, column_0="consent_at", column_1="email", column_2="name")
    assert start(admin_client).counts == {"rows": 2, "created": 2}


def test_lines_that_were_refused_are_mended_and_imported(admin_client):
    make_subscriber("gone@example.org").suppress("bounced")
    send(
        admin_client,
        "email,name,state\na@example.org,甲,\nnot an address,=乙,\ngone@example.org,丙,\nd@example.org,丁,odd\n",
    )
    say(admin_client, column_0="email", column_1="name", column_2="state")

    tried = refused(admin_client)
    page = admin_client.get(f"{READERS}errands/{Errand.objects.get().pk}/").text
    assert "Line 3" in page
    assert "must not be mailed: bounced" in page
    start(admin_client)

    rows = refused(admin_client)
    assert rows == tried
    assert rows[0] == ["email", "name", "state", "refused_because"]
    assert [row[:2] for row in rows[1:]] == [
        ["not an address", "'=乙"],
        ["gone@example.org", "丙"],
        ["d@example.org", "丁"],
    ]

    rows[1][0], rows[3][2] = "b@example.org", "active"
    mended = io.StringIO()
    csv.writer(mended).writerows(rows)
    send(admin_client, mended.getvalue(), name="mended.csv")
    say(admin_client, column_0="email", column_1="name", column_2="state", column_3="")
    errand = start(admin_client)

    assert {name: errand.counts[name] for name in ("created", "rejected")} == {"created": 2, "rejected": 1}
    assert Subscriber.objects.get(email="b@example.org").name == "=乙"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\xff\xff\x81\x20", "It is not certain how the file is encoded. Save it as “CSV UTF-8” and try again."),
        ("", "The submitted file is empty."),
        ("\n\n", "There is nothing in the file."),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_clear_words_and_not_kept(admin_client, settings, content, error):
    response = send(admin_client, content)

    assert response.status_code == 400
    assert error in response.text
    assert not Errand.objects.exists()
    assert list(settings.DATA_DIR.glob("readers/*")) == []


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"column_0": "email", "column_1": "?"}, "Say what these are, or leave them out: 訂閱嗎."),
        ({"column_0": "email"}, "Say what these are, or leave them out: 訂閱嗎."),
        ({"column_0": "email", "column_1": "email"}, "One column, and one alone, must be the address."),
        ({"column_0": "", "column_1": ""}, "One column, and one alone, must be the address."),
    ],
)
def test_nothing_is_tried_before_every_column_is_decided(admin_client, columns, problem):
    send(admin_client, "email,訂閱嗎\na@example.org,是\n")

    page = say(admin_client, **columns)

    assert page.status_code == 400
    assert problem in page.text
    assert Errand.objects.get().state == "draft"


def test_a_quotation_mark_that_eats_readers_ends_the_try(admin_client):
    good = "".join(f"r{number}@example.org,\n" for number in range(3))
    send(admin_client, f'email,name\n{good}a@example.org,"小明\nb@example.org,"小華\nc@example.org,小美\n')
    say(admin_client, column_0="email", column_1="name")

    errand = Errand.objects.get()
    assert errand.state == "failed"
    assert "Line 5" in admin_client.get(f"{READERS}errands/{errand.pk}/").text
    assert not Subscriber.objects.exists()


def test_a_quotation_mark_that_eats_the_first_readers_is_refused_at_once(admin_client):
    page = send(admin_client, 'email,name\na@example.org,"小明\nb@example.org,"小華\nc@example.org,小美\n')

    assert page.status_code == 400
    assert "Line 2" in page.text
    assert not Errand.objects.exists()


def packed(**tables: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in tables.items():
            made.writestr(name, text)
    return file.getvalue()


def test_a_zip_is_opened(admin_client):
    send(admin_client, packed(**{"list.csv": "email\na@example.org\n", "__MACOSX/._list.csv": "x"}), name="list.zip")
    say(admin_client, column_0="email")

    assert start(admin_client).counts["created"] == 1


MANY = "email\n" + "".join(f"r{one * 7919 % 104729}@example.org\n" for one in range(999))


def broken(method: int, offset: int) -> bytes:
    """A ZIP with one table, of whose compressed octets some are others, from `offset` on."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("a.csv", MANY)
        size = made.infolist()[0].compress_size
    octets = bytearray(file.getvalue())
    begin = 30 + len("a.csv")  # behind the header of the file in the ZIP
    for place in range(begin + offset, begin + min(size, offset + 40)):
        octets[place] ^= 0xFF
    return bytes(octets)


@pytest.mark.parametrize("offset", [0, 4, 300])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_broken_zip_is_refused_and_nothing_of_it_is_kept(admin_client, settings, method, offset):
    response = send(admin_client, broken(method, offset), name="x.zip")

    assert response.status_code == 400
    assert "The ZIP cannot be opened." in response.text
    assert not Errand.objects.exists()
    assert not list((settings.DATA_DIR / "readers").iterdir())


def test_a_file_that_cannot_be_kept_leaves_nothing_behind(admin_client, settings, monkeypatch):
    def full(*_given, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("subscribers.importers.csv_file.open_table", full)
    with pytest.raises(OSError, match="No space left"):
        send(admin_client, "email\na@example.org\n")

    assert not Errand.objects.exists()
    assert not list((settings.DATA_DIR / "readers").iterdir())


def test_a_zip_that_grows_too_large_is_refused(admin_client, monkeypatch):
    monkeypatch.setattr("subscribers.importers.packed.UNPACKED_MAX", 100)

    response = send(admin_client, packed(**{"a.csv": "email\n" + "a@example.org\n" * 1000}), name="x.zip")

    assert response.status_code == 400
    assert "too large" in response.text
    assert not Errand.objects.exists()


def test_a_kill_in_the_middle_imports_nobody_twice(admin_client, monkeypatch):
    monkeypatch.setattr("subscribers.importers.chunks.BATCH_SIZE", 2)
    send(admin_client, "email\n" + "".join(f"r{number}@example.org\n" for number in range(4)) + "x\n")
    say(admin_client, column_0="email")
    admin_client.post(f"{READERS}errands/{Errand.objects.get().pk}/import/")
    killed = working.claim(Errand, timezone.now())
    steps = working.steps_of(killed)
    working.commit(killed, next(steps), timezone.now())
    monkeypatch.setattr(Errand, "save", _dies)
    with pytest.raises(SystemExit):
        working.commit(killed, next(steps), timezone.now())
    steps.close()
    monkeypatch.undo()
    monkeypatch.setattr("subscribers.importers.chunks.BATCH_SIZE", 2)
    assert Subscriber.objects.count() == 2

    Errand.objects.update(lease_until=None)
    tasks.work_on_errands()

    errand = Errand.objects.get()
    assert (errand.state, errand.counts["created"], errand.counts["rejected"]) == ("done", 4, 1)
    assert Consent.objects.count() == 4
    assert len(refused(admin_client)) == 2


def _dies(*_arguments, **_options):
    raise SystemExit


def test_an_import_is_its_author_s_alone_and_begins_once(admin_client):
    send(admin_client, "email\na@example.org\n")
    say(admin_client, column_0="email")
    pk = Errand.objects.get().pk
    other = Client()
    other.force_login(User.objects.create_superuser("other", "o@example.org", "pw"))

    assert other.get(f"{READERS}errands/{pk}/columns/").status_code == 404
    assert other.post(f"{READERS}errands/{pk}/import/").status_code == 404
    start(admin_client)
    again = admin_client.post(f"{READERS}errands/{pk}/import/", follow=True)

    assert "It was begun already, or its file is gone." in again.text
    assert Change.objects.count() == 1


def test_a_file_that_has_had_its_day_is_asked_for_again(admin_client):
    send(admin_client, "email\na@example.org\n")
    pk = Errand.objects.get().pk
    Errand.objects.update(created_at=timezone.now() - FILES_LIFETIME * 2)
    files.remove_old(Errand, timezone.now())

    page = admin_client.get(f"{READERS}errands/{pk}/columns/")

    assert page.status_code == 404
    assert "send it once more" in page.text


def turn() -> bool:
    """Do one step as a worker does that is called away after it; return whether it was the last."""
    errand = working.claim(Errand, timezone.now())
    with closing(working.steps_of(errand)) as going:
        is_last = working.commit(errand, next(going), timezone.now())
    Errand.objects.filter(pk=errand.pk).update(lease_until=None, worker="")
    return is_last


def test_an_import_goes_on_turn_after_turn_where_it_was(admin_client, monkeypatch):
    monkeypatch.setattr("subscribers.importers.chunks.BATCH_SIZE", 2)  # rows of a step
    rows = "".join(f"r{number}@example.org\n" for number in range(5))
    send(admin_client, f"email\n{rows}nobody\nlast@example.org\n")
    say(admin_client, column_0="email")
    admin_client.post(f"{READERS}errands/{Errand.objects.latest('pk').pk}/import/")

    ends = [turn() for _ in range(4)]

    errand = Errand.objects.latest("pk")
    assert ends == [False, False, False, True]
    assert (errand.counts["created"], errand.counts["rejected"]) == (6, 1)
    assert refused(admin_client)[1][0] == "nobody"
