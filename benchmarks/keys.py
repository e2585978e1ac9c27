"""What the mirror behind a post's text costs from a key to its frame: a post's page with it and without, in turns.

DATA_DIR=./keys uv run manage.py up --demo            # in one shell; it prints a link to create the account
uv run --dev python -m benchmarks.keys LINK           # in another

Asked: at most 1.6 times, at 20,000 characters.
"""

import sys
from statistics import median
from urllib.parse import urljoin

from playwright.sync_api import Page, sync_playwright

from benchmarks.screenshots import create_account
from tests.support.browser import ARGUMENTS, chromium

CHARACTERS = 20_000
TURNS = 15  # of ten keys
PART = (
    "## 小標\n\n這一段寫**重點**、`code`與[連結](https://example.org/)。" + "再寫一句話。" * 40 + "\n\n- 甲\n- 乙\n\n"
)
WITHOUT = """export const mirrored = null; export const lines = [];
export const pictures = () => []; export const unseen = (act) => act();
export const spot = () => ({ top: 0, left: 0, line: 32 });"""
WATCH = """(text) => {
    const field = document.querySelector('#id_body');
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    const middle = text.indexOf('\\n', text.length / 2);
    field.focus();
    field.setSelectionRange(middle, middle);
    window.times = [];
    field.addEventListener('keydown', ({ timeStamp }) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel(); // its turn comes after the frame
        port1.onmessage = () => window.times.push(performance.now() - timeStamp);
        port2.postMessage(0);
    }));
}"""


def open_post(tab: Page, link: str, *, mirror: bool) -> Page:
    if not mirror:
        tab.route("**/mirror*.js", lambda route: route.fulfill(body=WITHOUT, content_type="text/javascript"))
    tab.goto(urljoin(link, "/admin/posts/post/add/"))
    tab.evaluate(WATCH, PART * (CHARACTERS // len(PART) + 1))
    tab.wait_for_timeout(2_500)  # saved, checked and compared
    assert tab.locator(".has-mirror").count() == mirror
    return tab


def main(link: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        context = browser.new_context(locale="zh-TW")
        create_account(context.new_page(), link)
        tabs = {mirror: open_post(context.new_page(), link, mirror=mirror) for mirror in (False, True)}
        for _turn in range(TURNS):
            for tab in tabs.values():
                tab.bring_to_front()
                for key in "abcdefgh12":
                    tab.keyboard.press(key)
                    tab.wait_for_timeout(20)
        times = {mirror: sorted(tab.evaluate("window.times")) for mirror, tab in tabs.items()}
        browser.close()
    for mirror, found in times.items():
        slow = found[int(len(found) * 0.95)]
        print(f"{'mirror' if mirror else 'plain':7} median {median(found):5.1f} ms, 95 % within {slow:5.1f} ms")
    print(f"ratio   {median(times[True]) / median(times[False]):.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
