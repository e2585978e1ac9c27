"""What can go stale without any other test noticing it."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import polib
import pytest
from django.core.management import get_commands
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "newsletter" / "locale" / "zh_Hant" / "LC_MESSAGES"
ALLOWED_IN_ROOT = {
    *(".ci", ".dockerignore", ".env.example", ".github", ".gitignore", ".pre-commit-config.yaml", ".python-version"),
    *("Dockerfile", "compose.yaml"),
    *("CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "manage.py", "pyproject.toml", "uv.lock"),
    *("benchmarks", "docs", "newsletter", "subscribers", "templates", "tests"),
}
TRANSLATES = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
TEMPLATE_MESSAGE = re.compile(rf"\b(n?gettext|pgettext|_)\(\s*((?:u?(?:{LITERAL.pattern})[\s,]*)+)")
LINK = re.compile(r"\]\((?!https?:|mailto:|#|/)([^)#\s]+)")  # of a document, to another file
FOR_PEOPLE = ("docs/", "benchmarks/")  # folders with documents
CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
ANCHOR = re.compile(r"\]\((?!https?:|mailto:|/)([^)#\s]*)#([^)\s]+)\)")  # of a document, to a heading
# Folders and registries of the machine that wrote this; in pieces, so that this file does not find itself.
FOLDERS = (f"/{name}/" for name in ("work", "root", r"home/\w+", "Users"))
REGISTRIES = (r"files\.python" + "hosted", r"pypi\." + "org/simple", "index-" + "url")
MACHINE = re.compile("|".join((*FOLDERS, *REGISTRIES)))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:  # a picture
        return ""


def documents() -> dict[str, str]:
    """Return every document for people, by name."""
    names = ((str(path.relative_to(ROOT)), path) for path in tracked() if path.suffix == ".md")
    return {name: path.read_text() for name, path in names if "/" not in name or name.startswith(FOR_PEOPLE)}


def anchor(heading: str) -> str:
    """Return the fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sources(suffix: str) -> list[Path]:
    rooms = ("newsletter", "subscribers", "templates")
    found = [path for room in rooms for path in (ROOT / room).rglob(f"*{suffix}")]
    return [path for path in found if "migrations" not in path.parts]


def messages_in_python(path: Path) -> set[str]:
    """Return the first argument of every call of gettext, as a translator would see it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATES and node.args:
            argument = node.args[1 if node.func.id.startswith("p") else 0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.add(argument.value)
    return found


def messages_in_template(path: Path) -> set[str]:
    found = set()
    for kind, arguments in TEMPLATE_MESSAGE.findall(templatize(path.read_text())):
        literals = [ast.literal_eval(literal) for literal in LITERAL.findall(arguments)]
        found.add(literals[1] if kind == "pgettext" else literals[0])
    return found


@pytest.fixture(scope="module")
def chinese() -> polib.POFile:
    return polib.pofile((LOCALE / "django.po").read_text())


def test_every_string_of_the_program_has_a_chinese_one(chinese):
    known = {entry.msgid for entry in chinese}
    spoken = {
        message: path.relative_to(ROOT)
        for suffix, read in (
            (".py", messages_in_python),
            (".html", messages_in_template),
            (".txt", messages_in_template),
        )
        for path in sources(suffix)
        for message in read(path)
    }

    with translation.override("zh-hant"):  # Django's own catalogue says some of them
        silent = {text: str(path) for text, path in spoken.items() if text not in known and gettext(text) == text}

    assert silent == {}


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_chinese_lacks_no_text(domain):
    entries = [entry for entry in polib.pofile((LOCALE / f"{domain}.po").read_text()) if not entry.obsolete]

    assert [entry.msgid for entry in entries if entry.fuzzy or not entry.translated()] == []
    single = [entry for entry in entries if not entry.msgid_plural]
    assert [entry.msgid for entry in single if placeholders(entry.msgid) != placeholders(entry.msgstr)] == []


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", text))


def test_no_string_is_translated_that_nobody_says(chinese):
    assert [entry.msgid for entry in chinese if entry.obsolete] == []


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_what_is_shown_is_what_was_translated(domain):
    compiled, chinese = polib.mofile(str(LOCALE / f"{domain}.mo")), polib.pofile((LOCALE / f"{domain}.po").read_text())

    shown = {(entry.msgctxt, entry.msgid): entry.msgstr or entry.msgstr_plural for entry in compiled}

    written = {(entry.msgctxt, entry.msgid): entry.msgstr or entry.msgstr_plural for entry in chinese}
    assert shown == written, "compile it: manage.py compilemessages, or polib's save_as_mofile"


def test_nothing_tells_of_the_machine_it_was_written_on():
    telling = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in tracked()
        if path.name != "uv.lock" and (found := MACHINE.search(text_of(path)))
    ]

    assert telling == []


def test_the_root_is_short():
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} - ALLOWED_IN_ROOT == set()


def test_every_command_in_the_documents_exists():
    known = get_commands()
    named = {
        (name, command)
        for name, text in documents().items()
        for command in re.findall(r"manage\.py ([a-z][a-z_]+)", text)
    }

    assert {(name, command) for name, command in named if command not in known} == set()
    assert ("README.md", "up") in named


def test_every_link_between_documents_leads_somewhere():
    broken = [
        f"{name}: {target}"
        for name, text in documents().items()
        for target in LINK.findall(CODE.sub("", text))
        if not (ROOT / name).parent.joinpath(target).exists()
    ]

    assert broken == []


def test_every_link_to_a_heading_leads_to_one():
    pages = {name: text for name, text in documents().items() if name != "docs/changelog.md"}
    headings = {name: set(map(anchor, HEADING.findall(FENCED.sub("", text)))) for name, text in pages.items()}
    linked = {
        (name, str((ROOT / name).parent.joinpath(target).resolve().relative_to(ROOT)) if target else name, heading)
        for name, text in pages.items()
        for target, heading in ANCHOR.findall(CODE.sub("", text))
    }

    assert {(name, page, heading) for name, page, heading in linked if heading not in headings.get(page, ())} == set()
    assert len(linked) > 40


def test_every_variable_of_the_environment_is_listed():
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "newsletter" / "settings.py").read_text()))
    listed = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert read == listed
