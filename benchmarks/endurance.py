"""Two hours of everyday load: do processes grow?

    uv run --dev python -m benchmarks.endurance [--engine sqlite|servers] [--minutes 120]

Readers read, search, sign up and confirm; the author works at the desk; an issue goes out every five minutes. Each
minute the memory of every process is read (PSS: what processes share counts once). What the first quarter of the time
brought is warming up. Exit code 1: a process that lived on grew by more than 10 MB after it.
"""

import argparse
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.attack.readers import sign_up
from benchmarks.attack.run import world
from benchmarks.attack.world import Client, World
from benchmarks.installation import machine
from tests.support.letters import links_in_text

GROWTH_MB = 10
ISSUE_SECONDS = 300
READERS = 500
ISSUE = """
from datetime import timedelta
from django.utils import timezone
from newsletter.delivery.planning import approving
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post

now = timezone.now()
issue = Issue.objects.create(number={number}, subject="Issue {number}", introduction="Hello.")
IssueItem.objects.create(issue=issue, post=Post.objects.order_by("pk").first())
approving.approve(issue, send_at=now, now=now, hold=timedelta())
"""


def bring_readers(world: World) -> None:
    file = world.product.folder / "readers.csv"
    rows = [f"reader{number}@example.org,active" for number in range(READERS)]
    file.write_text("\n".join(["email,state", *rows]) + "\n")
    world.product.manage("import_subscribers", str(file))


def send_issue(world: World, number: int) -> None:
    world.product.shell(ISSUE.format(number=number))


def everyday(world: World, author: Client, turn: int) -> None:
    """What happens within about two seconds."""
    reader = world.stranger()
    for path in ("/", world.post_path, "/posts/", f"/search/?q=lever{turn % 7}", "/feed.xml"):
        assert reader.get(path).status < 500, path
    if turn % 10 == 0:
        email = f"new{turn}@people.example.org"
        sign_up(reader, email)
        mail = world.smtp.wait_for(email)
        link = next(url for url in links_in_text(mail.text) if "/confirm/" in url)
        assert reader.post(urlsplit(link).path, {}).status < 400
    if turn % 5 == 0:
        for path in ("/admin/", "/admin/posts/post/", "/admin/subscribers/subscriber/", "/admin/issues/issue/"):
            assert author.get(path).status == 200, path


def memory(world: World) -> dict[tuple[int, str], float]:
    """MB of each process, by its number and name."""
    measured = {}
    for pid in world.product.pids():
        process = Path(f"/proc/{pid}")
        try:
            rollup = (process / "smaps_rollup").read_text()
            command = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended
            continue
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        measured[pid, command[-60:]] = pss / 1024
    return measured


def endure(world: World, minutes: int) -> float:
    """Return by how many MB the process that grew most has grown after warming up."""
    bring_readers(world)
    author = world.stranger()
    author.log_in("gipi")
    begun, turn, issues, samples = time.monotonic(), 0, 0, []
    while (passed := time.monotonic() - begun) < minutes * 60:
        if passed >= issues * ISSUE_SECONDS:
            issues += 1
            send_issue(world, issues)
        if passed >= len(samples) * 60:
            samples.append(memory(world))
        everyday(world, author, turn)
        turn += 1
        time.sleep(2)
    warm = samples[len(samples) // 4 :]
    grown = {}
    for process in set.intersection(*map(set, warm)):
        row = [sample[process] for sample in warm]
        grown[process] = max(row[-5:]) - max(row[:5])
        print(f"  {row[0]:6.1f} → {row[-1]:6.1f} MB, {grown[process]:+.1f}  {process[1]}")
    assert all(world.mails_to(f"reader{number}@example.org") == issues for number in range(READERS - 1)), "copies"
    print(f"  {turn} turns, {issues} issues to {READERS} readers each, each once")
    return max(grown.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "servers"], default="sqlite")
    parser.add_argument("--minutes", type=int, default=120)
    options = parser.parse_args()
    print(machine(), options.engine, flush=True)
    with world(options.engine, "none", is_short=False) as made:
        sys.exit(1 if endure(made, options.minutes) > GROWTH_MB else 0)


if __name__ == "__main__":
    main()
