import pytest

pytestmark = pytest.mark.exhaustive
