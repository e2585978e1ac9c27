"""Readers out of a workbook, as Excel and Google Sheets write one."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from subscribers.importers import packed
from subscribers.importers.csv_file import TableError
from subscribers.models import Subscriber

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def workbook(rows: list[list[str | float]]) -> bytes:
    """Return a workbook of one sheet; numbers are shown as dates."""
    cells = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/></Types>',
        "_rels/.rels": _links(f'<Relationship Id="r1" Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/>'),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>'
        '<sheet name="表單回應" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _links(
            f'<Relationship Id="r1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="r2" Type="{LINKS}/styles" Target="styles.xml"/>'
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs>'
        '<xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
    }
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return octets.getvalue()


def _links(inner: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{inner}</Relationships>'


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c s="1"><v>{value}</v></c>'


ANSWERS = [
    ["時間戳記", "電子郵件地址", "姓名"],
    [45413.634895833334, "a@example.org", "小明"],  # 2024-05-01 15:14:15
    [45413.5, "b@example.org", "=1+1"],
]


def test_the_answers_of_a_form_become_readers_with_their_times(db, tmp_path, capsys):
    path = tmp_path / "answers.xlsx"
    path.write_bytes(workbook(ANSWERS))

    call_command("import_subscribers", path)

    out, err = capsys.readouterr()
    assert json.loads(out)["created"] == 2
    assert "Google Forms" in err
    reader = Subscriber.objects.get(email="a@example.org")
    assert (reader.name, reader.confirmed_at) == ("小明", datetime(2024, 5, 1, 7, 14, 15, tzinfo=UTC))
    assert Subscriber.objects.get(email="b@example.org").name == "=1+1"


def test_the_command_reads_the_table_in_a_zip(db, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "list.zip", "w") as made:
        made.writestr("list.csv", "email\na@example.org\n")

    call_command("import_subscribers", tmp_path / "list.zip")

    assert json.loads(capsys.readouterr().out)["created"] == 1


def test_a_workbook_that_is_broken_is_explained(db, tmp_path):
    path = tmp_path / "answers.xlsx"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(packed.WORKBOOK, "no workbook")

    with pytest.raises(CommandError, match="The workbook cannot be opened"):
        call_command("import_subscribers", path)


def test_a_workbook_that_would_fill_the_memory_is_refused_unread(monkeypatch):
    monkeypatch.setattr(packed, "UNPACKED_MAX", 1000)

    with pytest.raises(TableError, match="too large"):
        list(packed.csv_pieces(io.BytesIO(workbook(ANSWERS))))


@pytest.mark.parametrize("last", ["XFD1048576", "CV1048576"])
def test_a_cell_that_is_far_away_ends_no_process_of_ours(caplog, last):
    """Half a terabyte is asked for, or 3.3 GB: more than a machine has, or a small one."""
    with zipfile.ZipFile(io.BytesIO(workbook([]))) as made:
        files = {name: made.read(name) for name in made.namelist()}
    cells = f'<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row><row><c r="{last}"><v>1</v></c></row>'
    files["xl/worksheets/sheet1.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'.encode()
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)

    with pytest.raises(TableError, match="cannot be opened"):
        list(packed.csv_pieces(octets))

    assert "memory allocation" in caplog.text


@pytest.mark.parametrize("octets", [b"email\na@example.org\n", b""])
def test_what_is_not_packed_is_taken_as_it_is(octets):
    assert b"".join(packed.csv_pieces(io.BytesIO(octets))) == octets
