"""What is done in each profile: the first start, the first issue, a mailing with faults, and what comes after it."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.compose.machine import ADDRESS, HOST, Tree, confinement
from benchmarks.compose.site import Site
from benchmarks.image import Engine
from benchmarks.installation import ROOT
from tests.flows import test_flow as flow
from tests.flows.seeds import speak_english
from tests.support.browser import ARGUMENTS, chromium
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

RATE = 50  # messages a second
LANES = 16  # connections of a worker: as many copies may be uncertain after its kill
DOCUMENT = (ROOT / "docs" / "deploy.md").read_text()
START = r"^    (install -m 600 \.env\.example \.env)\n    (docker compose .* up .*)\n    (docker compose .* logs)$"
RESTORE = (
    r"^    (docker compose .* stop .*)\n    (docker .* -c 'cat .*)\n    (docker .* restore .*)\n    (docker .* up .*)$"
)
KEPT = "newsletter-2026-11-28.tar"  # as the document names a backup
ISSUE = """
from django.utils import timezone
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post

post = Post.objects.create(title="Another", words="another", body="A *second* post.", published_at=timezone.now())
IssueItem.objects.create(issue=Issue.objects.create(number=2, subject="Second"), post=post)
"""


# --- What somebody does who reads docs/deploy.md for the first time ---


def first_start(tree: Tree, profile: str, mail_url: str) -> str:
    """Type what the page has for its profile; return what the logs say."""
    copy, start, logs = (line.replace("single", profile) for line in documented(START))
    tree.paste(copy)
    if profile != "single":
        tree.paste(*documented(r"^    (install -d -m 700 secrets .*)$"))
    add(tree, f"SITE_URL={site_url(profile)}\n")
    if profile == "large":
        add(tree, f"TRUSTED_PROXIES=1\nMAIL_URL={mail_url}\n")
    tree.paste(start)
    return tree.paste(logs)


def site_url(profile: str) -> str:
    return f"https://{HOST}" if profile == "large" else f"http://{HOST}:8000"


def documented(lines: str) -> Sequence[str]:
    """Return lines of docs/deploy.md, which an expression knows."""
    found = re.search(lines, DOCUMENT, re.MULTILINE)
    assert found, lines
    return found.groups()


def add(tree: Tree, lines: str) -> None:
    with (tree.folder / ".env").open("a") as env:
        env.write(lines)


@contextmanager
def browser_pages() -> Iterator[Callable[[str], Any]]:
    """Yield what opens a page in a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)

        def page(locale: str) -> Any:
            profile = browser.new_context(locale=locale, timezone_id="Asia/Taipei", ignore_https_errors=True)
            profile.set_default_timeout(60_000)  # ms
            return profile.new_page()

        yield page
        browser.close()


def first_issue(site: Site, tree: Tree, smtp: Smtp, mail_url: str) -> None:
    """From the account to a reader who has left, as tests/flows/test_flow.py has it without containers."""
    speak_english(site)
    with browser_pages() as new_page:
        page, reader = new_page("en"), new_page("zh-TW")
        flow.enter_the_desk(site, page)
        if site.profile == "single":
            look_into_the_outbox(site, page, reader)
            add(tree, f"MAIL_URL={mail_url}\n")
            site.compose("up", "--detach", "--build", "--wait")
        elif site.profile == "standard":
            add(tree, f"MAIL_URL={mail_url}\n")
            site.compose("up", "--detach", "--wait")
        site.shell(flow.WITHOUT_HOLD)
        address = flow.write_and_publish(site, page)
        flow.subscribe(site, reader)
        flow.confirm(smtp, reader)
        flow.compose(site, page)
        flow.preview(page)
        flow.try_on_myself(smtp, page)
        flow.rehearse(page)
        flow.send_now(page)
        mail = smtp.wait_for(flow.READER, subject="第一期")
        flow.read(site, mail, reader, address)
        flow.leave_by_one_click(mail, reader)
        assert flow.state_of_the_reader(site) == "unsubscribed"
    print(f"{site.profile}: an account, a post, a sign-up, a confirmation, an issue, and the reader has left")


def look_into_the_outbox(site: Site, page: Any, stranger: Any) -> None:
    """The outbox is for users who are logged in."""
    shown = page.goto(f"{site.url}/outbox/")
    hidden = stranger.request.get(f"{site.url}/outbox/", max_redirects=0)
    assert (shown.status, hidden.status) == (200, 404), (shown.status, hidden.status)


# --- A mailing, while the containers come and go ---


def send(site: Site, smtp: Smtp, readers: int, steps: Sequence[Callable[[], object]]) -> None:
    """Send issue 2 while the steps are taken one after the other; end the program unless each has one copy."""
    addresses = [f"reader{number}@example.org" for number in range(readers)]
    site.type_in("/data/readers.csv", "email,state\n" + "".join(f"{address},active\n" for address in addresses))
    site.manage("import_subscribers", "/data/readers.csv")
    site.shell(ISSUE)
    site.manage("send_issue", "2", "--no-hold")
    for number, step in enumerate(steps, start=1):
        await_copies(site, smtp, max(readers * number // (len(steps) + 2), 1))
        step()
    wait_until(lambda: site.status(2)["status"] == "sent", 300, what=lambda: str(site.status(2)), every=2)
    judge(site, smtp, addresses)


def await_copies(site: Site, smtp: Smtp, due: int) -> None:
    def got() -> int:
        return sum(copy.rcpt.startswith("reader") for copy in smtp.received())

    wait_until(lambda: got() >= due, 120, what=lambda: f"{due} copies:\n{site.output('up')[-3000:]}")
    print(f"         after {got()} copies:")


def judge(site: Site, smtp: Smtp, addresses: list[str]) -> None:
    copies, status = smtp.copies(), site.status(2)
    twice = [address for address in addresses if copies[address] > 1]
    never = [address for address in addresses if not copies[address]]
    if twice or len(never) > status["uncertain"] or status["sent"] + status["uncertain"] != len(addresses):
        raise SystemExit(f"{len(twice)} readers have two copies, {len(never)} none: {status}")
    print(f"{site.profile}: {len(addresses)} readers, {len(never)} without a copy, {status['uncertain']} uncertain")


def steps_of(site: Site) -> list[Callable[[], object]]:
    """Return what happens in the middle of a mailing."""

    def upgrade() -> None:
        if site.profile != "single":
            site.compose("stop", "worker", "clock")
        site.compose("up", "--detach", "--build", "--wait", COMMIT="the-next-one")
        assert "the-next-one" in site.manage("version"), site.manage("version")

    many = Site(site.engine, site.tree, "large", site.url)
    return {
        "single": [lambda: site.compose("restart"), upgrade, lambda: site.crash("newsletter")],
        "standard": [
            lambda: site.compose("restart", "redis"),
            lambda: site.compose("restart", "postgres"),
            lambda: many.compose("up", "--detach", "--wait"),
            lambda: many.compose("stop", "worker-2", "worker-3", "caddy"),
            upgrade,
        ],
        "large": [
            lambda: site.compose("restart", "caddy", "web", "clock"),
            lambda: site.crash("worker-2"),
            lambda: site.compose("stop", "worker", "worker-3"),
            lambda: site.compose("up", "--detach", "--wait"),
        ],
    }[site.profile]


# --- Afterwards ---


def keep_and_bring_back(site: Site, readers: int) -> None:
    """Take a backup, lose the readers, and bring them back as on another machine; then end it and start again."""
    site.manage("backup", f"/backup/{KEPT}")
    site.compose("cp", f"{site.container}:/backup", ".")
    (site.tree.folder / "backup" / KEPT).rename(site.tree.folder / KEPT)
    site.manage("shell", "-v", "0", "-c", f"import pathlib; pathlib.Path('/backup/{KEPT}').unlink()")
    site.shell("from subscribers.models import Subscriber\nSubscriber.objects.all().delete()")
    for line in documented(RESTORE):
        site.tree.paste(of_profile(line, site))
    count = "from subscribers.models import Subscriber\nanswer = Subscriber.objects.count()"
    assert site.shell(count) == readers + 1, site.shell(count)
    site.compose("down")
    site.compose("up", "--detach", "--wait")
    assert site.shell(count) == readers + 1, site.shell(count)


def of_profile(line: str, site: Site) -> str:
    """Return a line that the document has for `single` as it tells to change it for another profile."""
    line = line.replace("single", site.profile).replace(" stop newsletter", f" stop {' '.join(site.ours)}")
    return re.sub(r"(run --rm|sh) newsletter ", rf"\1 {site.container} ", line)


def last_words(site: Site) -> list[str]:
    """Return what the containers wrote before something failed; afterwards they are gone."""
    return [site.compose("logs", "--no-color", "--tail", "80", may_fail=True)]


def play(engine: Engine, profile: str, readers: int) -> None:
    tree = Tree.make(engine)
    folder = engine.folder / f"mail-{profile}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with ExitStack() as stack:
        smtp = Smtp(folder, host="0.0.0.0")  # the machine has no way out, and nobody in
        smtp.start()
        stack.callback(smtp.kill)
        site = Site(engine, tree, profile, site_url(profile))
        away_with_it = "docker compose --profile '*' down --volumes --remove-orphans"  # of the other workers too
        tree.paste(away_with_it, may_fail=True)
        stack.callback(lambda: tree.paste(away_with_it, may_fail=True))
        stack.push(lambda kind, *_error: print(*last_words(site)) if kind else None)
        mail_url = f"smtp://{ADDRESS}:{smtp.port}?rate={RATE}&lines={LANES}"
        first_start(tree, profile, mail_url)
        confinement(engine, site.ours)
        first_issue(site, tree, smtp, mail_url)
        send(site, smtp, readers, steps_of(site))
        keep_and_bring_back(site, readers)
