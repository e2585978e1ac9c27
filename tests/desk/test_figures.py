"""Numbers and words as the templates of the desk write them."""

import pytest

from newsletter.desk.templatetags.figures import breaks, thousands


def test_a_number_has_a_comma_after_each_thousand():
    assert [thousands(count) for count in (999, 1204, 1_000_000)] == ["999", "1,204", "1,000,000"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("see https://example.org/help/550", "see https://<wbr>example.org/<wbr>help/<wbr>550"),
        ("250 2.0.0 Ok", "250 2.0.0 Ok"),
        ("<b>a/b</b>", "&lt;b&gt;a/<wbr>b&lt;/<wbr>b&gt;"),
        ("", ""),
    ],
)
def test_the_words_of_a_server_break_behind_slashes_and_stay_words(said, shown):
    assert breaks(said) == shown
