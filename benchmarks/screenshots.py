"""Take the pictures of README and of the authors' guide anew, from a sample publication that nobody has opened yet.

DATA_DIR=./pictures uv run manage.py up --demo            # in one shell; it prints a link to create the account
uv run --dev python -m benchmarks.screenshots LINK         # in another
"""

import io
import sys
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.browser import ARGUMENTS, chromium

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 900}
COLOURS = 64  # of a palette: a third of the size, and nobody sees it


def take(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def create_account(page: Page, link: str) -> None:
    page.goto(link)
    page.fill("[name=username]", "gipi")
    for name in ("password1", "password2"):
        page.fill(f"[name={name}]", "only for these pictures")
    page.locator("main button[type=submit], main input[type=submit]").first.click()
    page.wait_for_url("**/admin/")
    page.reload()  # without its welcome


def main(link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, locale="zh-TW", timezone_id="Asia/Taipei", reduced_motion="reduce")
        create_account(page, link)
        take(page, "desk-today")
        page.goto(urljoin(link, "/admin/issues/issue/"))
        page.locator(".issues-title").first.click()
        page.locator("iframe:visible").first.wait_for()
        page.wait_for_load_state("networkidle")
        take(page, "desk-issue")
        page.goto(urljoin(link, "/admin/posts/post/?q=留一點空白"))
        page.locator("#result_list tbody th a").first.click()
        page.get_by_role("button", name="預覽").click()
        page.wait_for_load_state("networkidle")
        take(page, "desk-writing")
        page.goto(urljoin(link, "/"))
        page.set_viewport_size({"width": 1280, "height": 860})
        take(page, "home")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
