"""Merge fields of other mail programs, such as `{{ first_name }}`: nobody fills them in here. Pure."""

import re
from typing import Final

from newsletter.posts.proofreading import masking

LENGTH_MAX: Final = 80  # characters between the marks
NAMES: Final = (
    r"(?:first|last|full|user|your|company)?[ _.-]?name|fname|lname|recipient|subscriber|contact|e-?mail"
    r"|(?:recipient|subscriber|contact|user|person)[._][\w.]{1,40}|unsubscribe(?:[ _-]?(?:url|link))?"
    r"|姓名|名字|稱呼|暱稱"
)
# Doubled marks are no prose whatever stands between them; a single pair is a field only around one of NAMES.
MERGE_FIELD: Final = re.compile(
    rf"\{{\{{\{{?[^{{}}\n]{{1,{LENGTH_MAX}}}\}}\}}\}}?"  # {{ name }}: Liquid, Handlebars, Jinja
    rf"|\{{%[^{{}}%\n]{{1,{LENGTH_MAX}}}%\}}"  # {% if name %}
    rf"|%%[^\W\d_][^%\n]{{0,{LENGTH_MAX}}}%%"  # %%name%%: Salesforce
    rf"|\*\|[^|\n]{{1,{LENGTH_MAX}}}\|\*"  # *|FNAME|*: Mailchimp
    rf"|\[%[^%\n]{{1,{LENGTH_MAX}}}%\]|<%[^%<>\n]{{1,{LENGTH_MAX}}}%>"
    rf"|[$#]?\{{[ ]?\$?(?:{NAMES})(?:[|:, ][^{{}}\n]{{0,{LENGTH_MAX}}})?[ ]?\}}"  # {name}, ${name}, {$name|default}
    rf"|%(?:{NAMES})%|\[\[?(?:{NAMES})(?:,[^\[\]\n]{{0,{LENGTH_MAX}}})?\]\]?(?![(\[:])|<<(?:{NAMES})>>",
    re.IGNORECASE,
)


def merge_fields(source: str) -> list[tuple[int, str]]:
    """Return each merge field in the prose of `source` (Markdown) with its line, from 1; in code it is as it is."""
    if not any(mark in source for mark in "{%|[<"):
        return []
    plain = masking.without_code(source)
    return [(plain.count("\n", 0, match.start()) + 1, match[0]) for match in MERGE_FIELD.finditer(plain)]
