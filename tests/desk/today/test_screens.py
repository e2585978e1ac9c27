"""The first page in a real browser: no barrier, nothing too wide, by day and by night."""

import pytest
from django.utils import timezone

from tests.desk.today.states import STATES
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible_in_both_schemes

pytestmark = pytest.mark.browser


@pytest.mark.exhaustive
@pytest.mark.parametrize("state", ["empty", "composed", "paused", "finished"])
def test_no_state_has_a_barrier_or_is_wider_than_a_small_phone(desk, server, state):
    make_publication(language="zh-hant")
    STATES[state][0](timezone.now())

    for width in (1280, 375, 320):
        desk.set_viewport_size({"width": width, "height": 800})
        desk.goto(f"{server.url}/admin/")
        assert desk.evaluate("document.documentElement.scrollWidth") <= width
        if width != 320:
            assert_accessible_in_both_schemes(desk)
