"""The first page in a real browser: no barrier, nothing too wide, by day and by night."""

import pytest
from django.utils import timezone

from tests.desk.today.states import STATES
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible_wide_and_narrow

pytestmark = pytest.mark.browser


@pytest.mark.exhaustive
@pytest.mark.parametrize("state", ["empty", "composed", "paused", "finished"])
def test_no_state_has_a_barrier_or_is_wider_than_a_small_phone(desk, server, state):
    make_publication(language="zh-hant")
    STATES[state][0](timezone.now())

    desk.goto(f"{server.url}/admin/")

    assert_accessible_wide_and_narrow(desk)
