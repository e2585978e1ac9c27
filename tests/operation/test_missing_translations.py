"""A translator sees what the language lacks."""

import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

CATALOGUE = Path("LC_MESSAGES") / "django.po"


@pytest.fixture
def german(tmp_path, settings):
    """Three texts, translated from English into German without a fault."""
    complete, german = polib.POFile(), polib.POFile()
    for english, text in [("Save", "Sichern"), ("%(name)s left", "%(name)s ging"), ("Menu", "Menü")]:
        complete.append(polib.POEntry(msgid=english, msgstr="好"))
        german.append(polib.POEntry(msgid=english, msgstr=text))
    plural = {"msgid": "one reader", "msgid_plural": "%(count)s readers"}
    complete.append(polib.POEntry(**plural, msgstr_plural={0: "%(count)s 位"}))
    german.append(polib.POEntry(**plural, msgstr_plural={0: "eine", 1: "%(count)s Leser"}))
    for language, catalogue in (("zh_Hant", complete), ("de", german)):
        path = tmp_path / language / CATALOGUE
        path.parent.mkdir(parents=True)
        catalogue.save(str(path))
    settings.LOCALE_PATHS = [tmp_path]
    return german


def lacks(german, capsys):
    german.save(str(Path(settings.LOCALE_PATHS[0]) / "de" / CATALOGUE))
    with pytest.raises(CommandError) as raised:
        call_command("missing_translations", "de")
    return capsys.readouterr().out.splitlines(), str(raised.value)


def test_a_whole_language_lacks_nothing(german, capsys):
    call_command("missing_translations", "de")

    assert capsys.readouterr().out == "de: 0 missing, 0 fuzzy, 0 other placeholders\n"


def test_each_text_that_is_missing_fuzzy_or_filled_in_otherwise_is_named(german, capsys):
    german[0].msgstr = ""
    german[1].msgstr = "%(nam)s ging"
    german[2].flags = ["fuzzy"]
    german[3].msgstr_plural[1] = "%(cuont)s Leser"

    lines, summary = lacks(german, capsys)

    assert lines == [
        "missing: 'Save'",
        "other placeholders: '%(name)s left'",
        "fuzzy: 'Menu'",
        "other placeholders: 'one reader'",
    ]
    assert summary == "de: 1 missing, 1 fuzzy, 2 other placeholders"


def test_a_text_that_the_catalogue_does_not_have_yet_is_missing(german, capsys):
    german.pop(0)

    assert lacks(german, capsys)[0] == ["missing: 'Save'"]


def test_a_language_without_a_folder_is_sent_to_the_page_for_translators(german):
    shutil.rmtree(Path(settings.LOCALE_PATHS[0]) / "de")

    with pytest.raises(CommandError, match=r"docs/translating\.md"):
        call_command("missing_translations", "de")
