"""What every answer carries; static files are guarded as pages are."""

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from newsletter.publication import response_headers
from newsletter.publication.response_headers import MinifyingStorage

pytestmark = pytest.mark.django_db  # the handler of requests looks after its connections


@pytest.fixture
def shelf(settings, tmp_path):
    """A folder of static files with one style sheet, one script and one picture."""
    settings.STATIC_ROOT = tmp_path
    files = [tmp_path / name for name in ("guarded.css", "guarded.js", "guarded.svg")]
    for file in files:
        file.write_text("")
    return [f"/static/{file.name}" for file in files]


def test_no_static_file_can_be_framed_or_load_anything(shelf):
    client = Client()

    for address in shelf:
        response = client.get(address)
        response.close()

        sent = response.headers
        assert sent["X-Frame-Options"] == "DENY"
        assert sent["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert sent["X-Content-Type-Options"] == "nosniff"
        assert sent["Referrer-Policy"] == "same-origin"


def test_a_picture_of_a_post_is_guarded_as_they_are(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    (tmp_path / ("a" * 16)).mkdir()
    (tmp_path / ("a" * 16) / "a.png").write_bytes(b"")

    response = Client().get(f"/media/{'a' * 16}/a.png")
    response.close()

    assert response.status_code == 200
    assert {name: response.headers[name] for name in response_headers.STATIC_HEADERS} == response_headers.STATIC_HEADERS
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/look.css", 200),
        ("/nowhere/", 404),
        ("/healthz", 200),
        ("/admin/", 302),
        ("/admin/login/", 200),
        ("/favicon.ico", 200),
        ("/archive", 301),
        ("/confirm/x/", 404),
    ],
)
def test_no_page_may_ask_for_a_camera(client, path, status):
    first, kept = client.get(path), client.get(path)

    assert (first.status_code, kept.status_code) == (status, status)
    assert "camera=(), " in first.headers["Permissions-Policy"]
    assert first.headers["Permissions-Policy"] == kept.headers["Permissions-Policy"] == response_headers.PERMISSIONS


def test_a_sheet_is_kept_without_what_only_its_authors_need(tmp_path):
    storage = MinifyingStorage(location=tmp_path)

    sheet = ContentFile(b"/* why */\na {\n  color: red;\n  margin: calc(1px + 2px);\n}\n")
    sheet.read()  # as collectstatic does, for its hash
    storage.save("site.css", sheet)
    storage.save("site.js", ContentFile(b"// why\n"))

    assert (tmp_path / "site.css").read_text() == "a{color:red;margin:calc(1px + 2px)}"
    assert (tmp_path / "site.js").read_text() == "// why\n"


def test_a_module_imports_another_by_the_name_under_which_it_is_kept(tmp_path):
    storage = MinifyingStorage(location=tmp_path)
    storage.save("desk/field.js", ContentFile(b"export const one = 1;\n"))
    storage.save("desk/editor.js", ContentFile(b'import { one } from "./field.js";\n'))
    found = [(storage, name) for name in ("desk/field.js", "desk/editor.js")]

    names = {name: kept for name, kept, _done in storage.post_process({name: (on, name) for on, name in found})}

    kept = names["desk/field.js"].removeprefix("desk/")
    assert f'from "./{kept}"' in (tmp_path / names["desk/editor.js"]).read_text()
