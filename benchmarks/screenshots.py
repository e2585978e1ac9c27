"""Take the pictures of README and of the authors' guide anew, in both languages, from an unopened sample publication.

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

DOCS = Path(__file__).parent.parent / "docs"
FOLDERS = {"zh-hant": DOCS / "zh-Hant" / "screenshots", "en": DOCS / "screenshots"}
SIZE = {"width": 1280, "height": 900}
COLOURS = 64  # of a palette: a third of the size, and nobody sees it


def take(page: Page, path: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def create_account(page: Page, link: str) -> None:
    page.goto(link)
    page.fill("[name=username]", "gipi")
    for name in ("password1", "password2"):
        page.fill(f"[name={name}]", "only for these pictures")
    page.locator("main button[type=submit], main input[type=submit]").first.click()
    page.wait_for_url("**/admin/")


def choose_language(page: Page, link: str, language: str) -> None:
    page.goto(urljoin(link, "/admin/settings/letter/"))
    page.select_option("[name=language]", language)
    page.locator(".submit-row [type=submit]").first.click()
    page.wait_for_load_state("networkidle")
    page.evaluate("localStorage.clear()")  # which preview was open


def take_all(page: Page, link: str, folder: Path) -> None:
    page.set_viewport_size(SIZE)
    page.goto(urljoin(link, "/admin/"))
    page.reload()  # without its welcome
    take(page, folder / "desk-today.png")
    page.goto(urljoin(link, "/admin/issues/issue/"))
    page.locator(".issues-title").first.click()
    page.frame_locator(".compose-frame").locator("h2").first.wait_for()
    page.wait_for_load_state("networkidle")  # its pictures
    take(page, folder / "desk-issue.png")
    page.goto(urljoin(link, "/admin/posts/post/?q=留一點空白"))
    page.locator("#result_list tbody th a").first.click()
    page.locator("[data-preview]").click()
    page.frame_locator(".editor-preview").locator("h2").first.wait_for()
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")  # its pictures
    take(page, folder / "desk-writing.png")
    page.goto(urljoin(link, "/"))
    page.set_viewport_size({"width": 1280, "height": 860})
    take(page, folder / "home.png")


def main(link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport=SIZE, locale="zh-TW", timezone_id="Asia/Taipei", reduced_motion="reduce")
        create_account(page, link)
        for language, folder in FOLDERS.items():
            folder.mkdir(exist_ok=True)
            choose_language(page, link, language)
            take_all(page, link, folder)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
