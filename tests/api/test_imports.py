"""Readers from a file by the API: sent, its columns named, tried, written, and the lines that were refused."""

import csv
import io
import zipfile

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from newsletter.desk import tasks
from newsletter.desk.models import Errand
from newsletter.operation.accounts.roles import READER_CARE
from subscribers.models import Consent, Subscriber
from tests.api.conftest import Program
from tests.factories import make_helper, make_publication, make_subscriber
from tests.subscribers.test_sheets import ANSWERS, workbook

pytestmark = pytest.mark.django_db
PROOF = "在舊的電子報服務訂閱"
TABLE = "電子郵件,姓名,電話\na@example.org,小明,x\nb@example.org,小華,\n"


def packed(*names):
    """A ZIP with tables of these names."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as file:
        for name in names:
            file.writestr(name, TABLE)
    return octets.getvalue()


def broken():
    """A ZIP with a table whose compressed octets are no longer what they were."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", "email\n" + "".join(f"r{one * 7919 % 104729}@example.org\n" for one in range(999)))
    octets = bytearray(packed.getvalue())
    octets[300:340] = bytes(one ^ 0xFF for one in octets[300:340])
    return bytes(octets)


@pytest.fixture
def carer(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    make_publication()
    return Program(make_helper(READER_CARE, name="clara"))


def send(program, content, name="readers.csv", consent=PROOF, **more):
    octets = content.encode() if isinstance(content, str) else content
    fields = {"file": SimpleUploadedFile(name, octets)} | ({"consent": consent} if consent is not None else {})
    program.count += 1
    headers = {"authorization": f"Bearer {program.secret}", "idempotency-key": f"file-{program.count}"} | more
    data = encode_multipart(BOUNDARY, fields)
    return program.client.generic("POST", "/api/v1/imports", data, content_type=MULTIPART_CONTENT, headers=headers)


def work():
    while Errand.objects.filter(state__in=Errand.ACTIVE_STATES).exists():
        tasks.work_on_errands()


def tried(program, content, **columns):
    answer = send(program, content)
    assert answer.status_code == 201, answer.text
    address = answer.headers["Location"]
    begun = program.post(f"{address}/try", {"columns": columns})
    assert begun.status_code == 202, begun.text
    work()
    return address


def test_readers_come_by_a_file_whose_columns_were_named(carer):
    sent = send(carer, TABLE)

    assert (sent.status_code, sent.json()["state"], sent.json()["bytes"]) == (201, "draft", len(TABLE.encode()))
    assert sent.json()["columns"] == [
        {"name": "電子郵件", "samples": ["a@example.org", "b@example.org"], "means": "email"},
        {"name": "姓名", "samples": ["小明", "小華"], "means": "name"},
        {"name": "電話", "samples": ["x"], "means": ""},
    ]
    address = sent.headers["Location"]
    begun = carer.post(f"{address}/try", {})
    work()
    found = carer.get(address).json()

    assert (begun.status_code, begun.json()["state"]) == (202, "trying")
    assert (found["state"], found["rows"], found["created"], found["rejected"]) == ("tried", 2, 2, 0)
    assert not Subscriber.objects.exists()

    started = carer.post(f"{address}/start")
    work()
    done = carer.get(address).json()

    assert (started.status_code, done["state"], done["created"]) == (202, "done", 2)
    assert done["bytes_read"] == done["bytes"]
    reader = Subscriber.objects.get(email="a@example.org")
    assert (reader.name, reader.state) == ("小明", "active")
    assert Consent.objects.get(subscriber=reader).source.endswith(f": {PROOF}")
    assert mail.outbox == []
    assert Errand.objects.get().by == "clara (Obsidian)"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TABLE.encode("cp950"), "big5.csv"),
        (TABLE.replace("\n", "\r").encode("cp950"), "from-an-old-mac.csv"),
        (TABLE.replace(",", "\t"), "a.tsv"),
        (workbook(ANSWERS), "answers.xlsx"),
    ],
)
def test_every_kind_of_table_is_taken(carer, content, name):
    answer = send(carer, content, name)

    assert answer.status_code == 201, answer.text
    assert "email" in {column["means"] for column in answer.json()["columns"]}


def test_lines_that_were_refused_are_a_file_that_can_be_mended(carer):
    make_subscriber("gone@example.org").suppress("bounced")
    address = tried(carer, "email,name\na@example.org,甲\nno address,=乙\ngone@example.org,丙\n")

    found = carer.get(address).json()
    file = carer.get(f"{address}/refused")

    rows = list(csv.reader(io.StringIO(b"".join(file.streaming_content).decode("utf-8-sig"))))
    assert (found["created"], found["rejected"]) == (1, 2)
    assert [one["line"] for one in found["problems"]] == [3, 4]
    assert "must not be mailed: bounced" in found["problems"][1]["detail"]
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [row[:2] for row in rows[1:]] == [["no address", "'=乙"], ["gone@example.org", "丙"]]


def test_what_nobody_knows_has_to_be_said(carer):
    answer = send(carer, "email,status code\na@example.org,7\n")
    address = answer.headers["Location"]

    unsaid = carer.post(f"{address}/try", {})
    wrong = carer.post(f"{address}/try", {"columns": {"status code": "soul"}})
    nowhere = carer.post(f"{address}/try", {"columns": {"shoe size": ""}})
    twice = carer.post(f"{address}/try", {"columns": {"status code": "email"}})
    said = carer.post(f"{address}/try", {"columns": {"status code": ""}})

    assert answer.json()["columns"][1]["means"] == "?"
    assert "status code" in unsaid.json()["errors"][0]["detail"]
    assert wrong.json()["errors"][0]["pointer"] == "/columns/status code"
    assert nowhere.json()["errors"][0]["pointer"] == "/columns/shoe size"
    assert "must be the address" in twice.json()["errors"][0]["detail"]
    assert said.status_code == 202


@pytest.mark.parametrize(
    ("content", "consent", "pointer"),
    [
        (TABLE, None, "/consent"),
        (TABLE, "", "/consent"),
        (TABLE, "  ", "/consent"),
        (TABLE, "x" * 151, "/consent"),
        (packed("a.csv", "b.csv"), PROOF, "/file"),
        ("", PROOF, "/file"),
        (b"\xff\xfea", PROOF, "/file"),  # UTF-16, cut off
        (broken(), PROOF, "/file"),
    ],
)
def test_what_cannot_be_taken_is_named_and_nothing_is_kept(carer, tmp_path, content, consent, pointer):
    answer = send(carer, content, consent=consent)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Errand.objects.exists()
    assert not list(tmp_path.glob("readers/*/*"))


def test_nothing_is_written_that_was_not_tried_and_nothing_twice(carer):
    address = send(carer, TABLE).headers["Location"]

    early = carer.post(f"{address}/start")
    carer.post(f"{address}/try", {})
    work()
    carer.post(f"{address}/start")
    work()
    late = carer.post(f"{address}/start")
    again = carer.post(f"{address}/try", {})

    assert (early.status_code, early.json()["detail"]) == (
        409,
        "Try the import first: it says which lines would be refused.",
    )
    assert (late.status_code, again.status_code) == (409, 409)
    assert Subscriber.objects.count() == 2


def test_an_import_is_stopped(carer):
    address = send(carer, TABLE).headers["Location"]
    idle = carer.post(f"{address}/stop")
    carer.post(f"{address}/try", {})

    stopped = carer.post(f"{address}/stop")

    assert idle.status_code == 409
    assert stopped.json()["state"] == "stopped"


def test_a_file_is_its_senders_alone(carer):
    address = tried(carer, "email\nno address\n")
    owner = Program(make_helper("owner"))

    assert owner.get(address).status_code == 404
    assert owner.get(f"{address}/refused").status_code == 404
    assert owner.post(f"{address}/start").status_code == 404
    assert owner.get("/imports").json()["items"] == []
    [own] = carer.get("/imports").json()["items"]
    assert (own["name"], own["state"], own["rejected"]) == ("readers.csv", "tried", 1)
