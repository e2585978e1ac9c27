"""What every page owes its readers: no barrier, and HTML as the standard has it."""

import re
from typing import TYPE_CHECKING

from django.http import HttpResponse

if TYPE_CHECKING:
    from playwright.sync_api import Page


def assert_accessible(page: "Page") -> None:
    """Fail with axe-core's own words if it finds a barrier (WCAG 2.2 A and AA, and its best practices)."""
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(page)

    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def markup(response: HttpResponse) -> str:
    """Return a page without the white space that only its source needs: how a template is laid out is no promise."""
    text = re.sub(r"\s+", " ", response.content.decode())
    return re.sub(r"> | <", lambda gap: gap[0].strip(), text)
