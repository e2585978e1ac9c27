"""The language in which management commands answer."""

import pytest

from newsletter.operation.command_language import command_language
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


def test_the_publication_decides_and_before_there_is_one_the_terminal(monkeypatch):
    answers = {}
    for name in ("", "Morning Notes"):
        make_publication(name=name, language="en")
        for variables in ("LANG=zh_TW.UTF-8", "LANG=de_DE.UTF-8", "LANG=C.UTF-8", "", "LC_ALL=en_US LANG=zh_TW"):
            given = dict(pair.split("=") for pair in variables.split())
            [monkeypatch.setenv(name, given.get(name, "")) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
            answers[name, variables] = command_language()

    assert answers == dict.fromkeys(answers, "en") | {("", "LANG=zh_TW.UTF-8"): "zh-hant", ("", ""): "zh-hant"}
