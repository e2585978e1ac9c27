"""Merge fields of other mail programs: found where readers would see them, and nowhere else."""

import pytest

from newsletter.posts.proofreading.masking import merge_fields


@pytest.mark.parametrize(
    "field",
    [
        *(
            "{{ first_name }}",
            "{{name}}",
            "{{{unsubscribe}}}",
            "{{ user.name|default:'朋友' }}",
            "{{姓名}}",
            "{% if name %}",
        ),
        *("%%name%%", "%%First Name%%", "*|FNAME|*", "*|IF:FNAME|*", "[%name%]", "<%= name %>", "{name}", "{ email }"),
        *("${first_name}", "{$name|default:'you'}", "{姓名}", "%FIRSTNAME%", "%recipient.name%", "%名字%", "[FNAME]"),
        *("[[firstname]]", "[name,fallback=朋友]", "[姓名]", "<<First Name>>", "{unsubscribe_url}"),
    ],
)
def test_a_merge_field_is_found_with_its_line(field):
    assert merge_fields(f"早。\n\n親愛的{field}，你好。") == [(3, field)]


@pytest.mark.parametrize(
    "source",
    [
        "`{{ name }}` 是樣板語言。",
        "```\n{% for name in names %}\n```",
        "漲了 50%，其中 30% 是新客，%%，100%%。",
        "集合 {a, b}、{1, 2} 和 f(x) = {x}。",
        "[name](https://a.tw) 和 [email][1]\n\n[1]: mailto:a@b.tw\n\n[name]: https://a.tw",
        "[x] 完成、[註]、[1] 和 [^1]",
        "<name@example.org> 或 <b>name</b>",
        "| {甲} | 乙 |",
        "* | 甲 | *",
        "C:\\{user}\\ 與 #{id}",
        "",
    ],
)
def test_what_only_looks_like_one_is_none(source):
    assert merge_fields(source) == []
