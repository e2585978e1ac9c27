"""How static files are kept."""

from django.core.files.base import ContentFile

from newsletter.publication.static_files import MinifyingStorage


def test_a_sheet_is_kept_without_what_only_its_authors_need(tmp_path):
    storage = MinifyingStorage(location=tmp_path)

    sheet = ContentFile(b"/* why */\na {\n  color: red;\n  margin: calc(1px + 2px);\n}\n")
    sheet.read()  # as collectstatic does, for its hash
    storage.save("site.css", sheet)
    storage.save("site.js", ContentFile(b"// why\n"))

    assert (tmp_path / "site.css").read_text() == "a{color:red;margin:calc(1px + 2px)}"
    assert (tmp_path / "site.js").read_text() == "// why\n"
