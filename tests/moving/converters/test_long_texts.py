"""No text of an export takes longer than the same number of words, neither to convert nor to count."""

import pytest

from newsletter.moving.converters.addresses import with_addresses
from newsletter.moving.converters.markdown import fields
from newsletter.moving.converters.markdown.marks import as_markdown
from newsletter.moving.converters.markdown_folder import with_hard_breaks
from newsletter.moving.counting import count_html, count_markdown
from tests.support.cpu import is_within

pytestmark = pytest.mark.exhaustive

SECONDS = 10.0  # of CPU time: quadratic reading takes minutes, and processors differ by more than twice


@pytest.mark.parametrize(
    "text",
    [
        *("# a" + " " * 20_000 + "b", "![" * 20_000, "```" * 10_000, "`a" * 20_000, "# " + "#" * 20_000 + "b"),
        *("^[" * 20_000, "$a" * 20_000, "{% a %}" * 8_000, "{{< note >}}" * 8_000, "{% highlight a %}" * 5_000),
        *("%%" * 20_001, "<div markdown=1>" * 5_000, "[a](" * 10_000, "{%" * 20_000, "<!--" * 10_000, "[[a|" * 10_000),
        *(
            "<pre lang=x>" * 5_000,
            "[code]" * 8_000,
            "**a" * 15_000,
            "\n- a" * 10_000,
            '{{< a "' * 8_000,
            "[^a" * 10_000,
        ),
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        fields._HEADING.match,
        lambda text: with_addresses(text, lambda _address, _is_picture: ""),
        as_markdown,
        with_hard_breaks,
        count_html,
        count_markdown,
    ],
)
def test_a_long_text_is_read_in_no_time(read, text):
    assert is_within(SECONDS, lambda: read(text))
