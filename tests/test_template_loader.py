"""Templates without the white space of their source."""

import pytest
from django.template import engines
from django.template.loader import get_template

from newsletter.template_loader import trim_tag_lines


def shown(source, **context):
    return engines["django"].from_string(trim_tag_lines(source)).render(context)


@pytest.mark.parametrize(
    "source",
    [
        "<p>\n  {% if yes %}\n  one\n  {% else %}\n  two\n  {% endif %}\n</p>\n",
        "<ul>\n  {% for n in numbers %}\n    <li>{{ n }}</li>\n  {% empty %}\n  {% endfor %}\n</ul>\n",
        "{# a word #}\n{% comment %}another{% endcomment %}\n<p>\n</p>\n",
        "<p>\n  {% if no %}<b\n  >b</b>{% endif %}\n  {% for n in none %}{{ n }}{% endfor %}</p>\n",
        "{% load i18n %}\n<p>\n  {% blocktranslate asvar a with n=1 %}\n    {{ n }}\n  {% endblocktranslate %}\n</p>\n",
        "{% with a=1 %}\n  {% if yes %}{% if not no %}\n<p>a</p>\n  {% endif %}{% endif %}\n{% endwith %}\n",
    ],
)
def test_a_line_of_tags_alone_leaves_no_line_behind(source):
    page = shown(source, yes=True, no=False, numbers=[1, 2])

    assert [line for line in page.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("a\n{% if yes %}\nb\n{% endif %}\nc", "a\nb\nc"),
        ("a {% if yes %}b{% endif %} c\n", "a b c\n"),
        ("{% if yes %}a{% endif %}\n{% if yes %}b{% endif %}\n", "a\nb\n"),
        ("<pre>\n\n{{ text }}\n\n</pre>\n", "<pre>\n\n x \n\n</pre>\n"),
    ],
)
def test_what_is_said_keeps_its_white_space(source, page):
    assert shown(source, yes=True, text=" x ") == page


def test_mails_are_laid_out_by_hand():
    mail = get_template("email/base.html").template.source

    assert trim_tag_lines(mail) != mail, "the mail has lines of tags, which stay"
