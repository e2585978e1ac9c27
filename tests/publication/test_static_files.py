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


def test_a_module_imports_another_by_the_name_under_which_it_is_kept(tmp_path):
    storage = MinifyingStorage(location=tmp_path)
    storage.save("desk/field.js", ContentFile(b"export const one = 1;\n"))
    storage.save("desk/editor.js", ContentFile(b'import { one } from "./field.js";\n'))
    found = [(storage, name) for name in ("desk/field.js", "desk/editor.js")]

    names = {name: kept for name, kept, _done in storage.post_process({name: (on, name) for on, name in found})}

    kept = names["desk/field.js"].removeprefix("desk/")
    assert f'from "./{kept}"' in (tmp_path / names["desk/editor.js"]).read_text()
