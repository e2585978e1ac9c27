"""Numbers and words as the templates of the desk write them."""

import pytest
from django.utils.translation import override

from newsletter.desk.templatetags.figures import file_size, thousands


def test_a_number_has_a_comma_after_each_thousand():
    assert [thousands(count) for count in (999, 1204, 1_000_000)] == ["999", "1,204", "1,000,000"]


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KB")]
)
def test_a_size_below_a_kilobyte_has_its_comma_too(size, shown):
    with override("en"):
        assert file_size(size).replace("\xa0", " ") == shown
