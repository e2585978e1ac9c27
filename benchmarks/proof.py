"""How long a browser works out the proof of a sign-up, and what it costs the server. Chromium, loopback, half a minute.

uv run --dev python -m benchmarks.proof [--sums 12]
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = """async ([sum, count]) => {
    const begin = performance.now()
    const workers = Array.from({ length: count }, () => new Worker("/altcha-3.2.2/pbkdf2.js"))
    const solution = await new Promise((resolve, reject) => workers.forEach((worker, number) => {
        worker.onmessage = ({ data }) => resolve(data)
        worker.onerror = reject
        worker.postMessage({ type: "work", challenge: sum, counterStart: number, counterStep: count, timeout: 60000 })
    }))
    workers.forEach(worker => worker.terminate())
    return [performance.now() - begin, solution.counter + 1]
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sums", type=int, default=12)
    sums = options.parse_args().sums
    server = ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=ROOT / "newsletter" / "static"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    make = _maker()
    print(f"server: {_making_ms(make):.1f} ms of CPU a sum; load {os.getloadavg()[0]:.1f}")
    for count, rows in _solve(make, f"http://localhost:{server.server_port}/icon.svg", sums).items():
        times = [milliseconds for milliseconds, _tries in rows]
        a_try = statistics.median(milliseconds / tries for milliseconds, tries in rows)
        print(f"{count} workers: median {statistics.median(times):.0f} ms, longest {max(times):.0f}, {a_try:.2f} a try")


def _maker():
    os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATA_DIR": tempfile.mkdtemp()}
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright keeps an event loop in this thread
    import django
    from django.utils import timezone

    django.setup()
    from subscribers.signup import make_challenge

    return lambda: make_challenge("reader@example.org", timezone.now())


def _making_ms(make) -> float:
    begin = time.process_time()
    for _sum in range(50):
        make()
    return (time.process_time() - begin) / 50 * 1000


def _solve(make, url: str, sums: int) -> dict[int, list[list[float]]]:
    from playwright.sync_api import sync_playwright

    from tests.support.browser import ARGUMENTS, chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page()
        page.goto(url)
        found = {count: [page.evaluate(WORK, [make(), count]) for _sum in range(sums)] for count in (1, 2, 4)}
        browser.close()
    return found


if __name__ == "__main__":
    main()
