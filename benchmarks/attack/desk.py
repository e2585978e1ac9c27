"""Attacks on the author: guessed passwords, false addresses, helpers, pictures, and what files and logs give away."""

import struct
import zlib
from http import HTTPStatus
from urllib.parse import urlsplit

from benchmarks.attack.verdict import Outcome, held
from benchmarks.attack.world import PASSWORD, Client, World, files_of_everybody, manage
from tests.support.migrated import migrated_file
from tests.support.product import Product

GUESSES = 40
ASKED = "Please prove that it is you"


def look_alike_names(world: World) -> Outcome:
    """Guesses under names that look alike, which the login folds into one."""
    names = ["chief", "ｃhief", "cｈief", "chｉef", "chiｅf", "CHIEF", "Ｃhief", "chieｆ"]
    refused = [
        world.stranger().log_in(names[n % len(names)], f"wrong-{n}").status == HTTPStatus.TOO_MANY_REQUESTS
        for n in range(GUESSES)
    ]
    return held(refused.index(True) <= 11 if True in refused else False, _after(refused))


def guessing_helper(world: World) -> Outcome:
    """A helper who is logged in guesses another's password."""
    client = world.stranger()
    client.log_in("helper")
    refused = [client.log_in("second", f"wrong-{n}").status == HTTPStatus.TOO_MANY_REQUESTS for n in range(GUESSES)]
    return held(True in refused, _after(refused))


def lock_out(world: World) -> Outcome:
    """A stranger guesses until the name is locked; the author comes with the browser they have used before."""
    author = world.stranger()
    author.log_in("gipi")
    author.cookies = {name: value for name, value in author.cookies.items() if name != "sessionid"}
    for n in range(20):
        world.stranger().log_in("gipi", f"wrong-{n}")
    author.log_in("gipi")
    is_in = author.is_in
    return held(is_in, f"the author is in: {is_in}")


def _after(refused: list[bool]) -> str:
    return (
        f"refused after {refused.index(True)} guesses" if True in refused else f"{len(refused)} guesses, none refused"
    )


def invented_address(world: World) -> Outcome:
    """A client invents the address it comes from, by headers that the server may fold into the proxy's."""
    client = world.stranger()
    refused = []
    for n in range(GUESSES):
        names = ("X_Forwarded_For", "X-Forwarded_For", "X-Forwarded-For")
        forged = dict.fromkeys(names, f"203.0.113.{n}")
        refused.append(client.log_in(f"nobody{n}", "wrong", **forged).status == HTTPStatus.TOO_MANY_REQUESTS)
    return held(True in refused, _after(refused))


def outbox(world: World) -> Outcome:
    """The outbox of a public site, which shows every token, behind a proxy on the same machine that says nothing."""
    site = Product(world.product.folder / "without-mail", forks=True)
    try:
        site.env["SITE_URL"] = "http://news.example.org"
        site.env["STATIC_ROOT"] = world.product.env.get("STATIC_ROOT", str(world.product.data / "static"))
        site.begin_with(migrated_file())
        site.serve_web()
        client = Client(World(site, world.smtp))
        forged = ({}, {"X_Forwarded_For": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"})
        answers = [client.get("/outbox/", **headers).status for headers in forged]
    finally:
        site.kill()
    refused = {HTTPStatus.FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
    return held(set(answers) <= refused, f"answered {answers}")


def helper(world: World) -> Outcome:
    """A helper without any right looks at a draft, the mails, figures and readers."""
    client = world.stranger()
    client.log_in("helper")
    paths = [
        f"/admin/posts/post/{world.draft}/read/",
        f"/admin/posts/post/{world.draft}/change/",
        "/admin/posts/post/",
        "/admin/issues/issue/",
        "/admin/subscribers/subscriber/",
        "/admin/delivery/mailing/",
        "/admin/publication/publication/",
    ]
    home, answers = client.get("/admin/"), [client.get(path) for path in paths]
    open_ones = [path for path, answer in zip(paths, answers, strict=True) if answer.status == 200]
    leaks = [answer for answer in (home, *answers) if "A draft that is a secret" in answer.text]
    return held(
        home.status == 200 and not open_ones and not leaks,
        f"{len(open_ones)} pages open {open_ones}, {len(leaks)} name the draft",
    )


READERS_TO_LOSE = """
from django.contrib.sessions.backends.db import SessionStore
from subscribers.models import Subscriber
from django.utils import timezone
reader, _is_new = Subscriber.objects.get_or_create(
    email="kept@stale.example.org",
    address_hash="s" * 32,
    defaults={{"state": "active", "confirmed_at": timezone.now()}},
)
session = SessionStore({key!r})
session["desk_proven_at"] = 0
session.save()
answer = reader.pk
"""
LOST = """
from newsletter.desk.models import Errand
from subscribers.models import Subscriber, Suppression
grave = ("export", "suppress", "unsubscribe", "bar")
is_there = Subscriber.objects.filter(email="kept@stale.example.org", unsubscribed_at=None).exists()
is_barred = Suppression.objects.filter(email="kept@stale.example.org").exists()
answer = Errand.objects.filter(kind__in=grave).count() + (not is_there) + is_barred
"""


def stale_session(world: World) -> Outcome:
    """A browser left open for hours at every door that gives readers away, bars or erases them: each asks who it is."""
    thief = world.stranger()
    thief.log_in("gipi")
    reader = manage(world, READERS_TO_LOSE.format(key=thief.cookies["sessionid"]))
    desk = "/admin/subscribers"
    asked = {
        "the whole list": thief.get(f"{desk}/subscriber/export/"),
        **{
            f"{kind} of all": thief.get(f"{desk}/subscriber/bulk/{kind}/?all=1")
            for kind in ("export", "suppress", "unsubscribe")
        },
        "a list that bars": thief.get(f"{desk}/subscriber/bar/"),
    }
    token = {"csrfmiddlewaretoken": thief.cookies["csrftoken"]}
    address = {"email": "kept@stale.example.org", "reason": "manual"}
    ticked = {"_selected_action": str(reader), "index": "0", "confirmed": "1"}
    posted = {
        "erasing": (f"{desk}/subscriber/", ticked | {"action": "erase"}),
        "barring one": (f"{desk}/subscriber/{reader}/act/suppress/", {"reason": "x"}),
        "barring an address": (f"{desk}/suppression/add/", address),
        "a token": ("/admin/api/token/add/", {"name": "x", "scopes": "readers:read", "ends": "30"}),
        "a webhook": ("/admin/settings/webhooks/add/", {"url": "https://evil.example/", "events": "reader.left"}),
    }
    asked |= {name: thief.post(path, token | form, **thief.own_page) for name, (path, form) in posted.items()}
    open_ones = [name for name, answer in asked.items() if answer.status != 403 or ASKED not in answer.text]
    lost = manage(world, LOST)
    return held(not open_ones and not lost, f"{len(asked)} doors, open: {open_ones or 'none'}, readers lost: {lost}")


def picture_bombs(world: World) -> Outcome:
    """A PNG of 5 KB that says to be 40,000,000 pixels wide, uploaded by somebody with an account."""
    author = world.stranger()
    author.log_in("gipi")
    page = author.get("/admin/posts/post/add/")
    fields = {"csrfmiddlewaretoken": page.fields()["csrfmiddlewaretoken"], "alt": "bomb"}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = "".join([*parts, file]).encode() + _png(40_000_000, 1) + b"\r\n--x--\r\n"
    before = world.cpu()
    answer = author.post("/admin/posts/image/upload/", body, kind="multipart/form-data; boundary=x", **author.own_page)
    spent = world.cpu() - before
    figures = (
        f"answered {answer.status} in {answer.seconds:.1f} s, {spent:.1f} s of CPU, highest {world.peak_mb():.0f} MB"
    )
    return held(answer.seconds < 2 and answer.status == HTTPStatus.BAD_REQUEST, figures)


def _png(width: int, height: int) -> bytes:
    """Return a PNG of one colour, which is small however many pixels it has."""
    squeeze = zlib.compressobj(9)
    data = b"".join(squeeze.compress(b"\0" * (width // 8 + 1)) for _line in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tokens_in_the_log(world: World) -> Outcome:
    """A token that somebody used is read in the log."""
    client = world.stranger()
    token = "1zAbCdEfGhIjKlMn9"
    for door in ("preferences", "unsubscribe", "confirm", "undo", "address", "approve", "mine"):
        for rest in ("", "pause/", "address/", "undo/"):
            client.get(f"/{door}/{token}/{rest}")
            client.post(f"/{door}/{token}/{rest}", {"email": "x"}, Origin="https://evil.example")
    client.get(f"/preview/{token}/")
    log = world.log()
    return held(token not in log, f"{log.count(token)} times in the log")


def files(world: World) -> Outcome:
    """Somebody else on the machine reads the database."""
    others = files_of_everybody(world.product.data)
    return held(not others, f"{len(others)} files and folders that others may read")


def headers(world: World) -> Outcome:
    """A page in a frame, with scripts of its own, sniffed, or with the camera on."""
    answer = world.stranger().get("/")
    wanted = [
        "Content-Security-Policy",
        "X-Frame-Options",
        "X-Content-Type-Options",
        "Referrer-Policy",
        "Permissions-Policy",
    ]
    missing = [name for name in wanted if name not in answer.headers]
    contact = world.stranger().get("/.well-known/security.txt")
    return held(not missing and contact.status == 200, f"missing: {missing or 'none'}, security.txt: {contact.status}")


def foreign_origins(world: World) -> Outcome:
    """Another site's page posts our forms: a sign-up there only fills ours in, and everything else is refused."""
    kinds = ({"Origin": "https://evil.example"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"})
    statuses = [
        world.stranger().post(path, {"email": "a@foreign.example.org"}, **kind).status
        for path in ("/preferences/", "/subscribe/")
        for kind in kinds
    ]
    mailed = world.mails_to("a@foreign.example.org")
    return held(statuses == [403, 403, 200, 200] and not mailed, f"answered {statuses}, mailed {mailed}")


def foreign_hosts(world: World) -> Outcome:
    """Another host name, which would be built into links or kept with a page."""
    client = world.stranger()
    foreign = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answers = [
        client.send("GET", path, headers=foreign) for path in ("/", "/subscribe/?a", "/feed.xml?a", "/admin/login/")
    ]
    answers += [client.get(path) for path in ("/", "/feed.xml?a")]
    named = [answer for answer in answers if "evil.example" in answer.text + str(answer.headers)]
    return held(not named and answers[3].status in {400, 404, 421}, f"{len(named)} of {len(answers)} answers name it")


def redirects(world: World) -> Outcome:
    """The login leads to another site."""
    client: Client = world.stranger()
    page = client.get("/admin/login/")
    targets = ["//evil.example/", "https://evil.example/", r"/\evil.example", "javascript:alert(1)"]
    places = []
    for target in targets:
        form = page.fields() | {"username": "helper", "password": PASSWORD, "next": target}
        answer = client.post("/admin/login/", form, **client.own_page)
        places.append(answer.headers.get("Location", ""))
    return held(not any("evil" in place or "script" in place for place in places), f"leads to {sorted(set(places))}")


OLD_TOKENS = """
from django.utils import timezone
from newsletter.mail import tokens
from subscribers.models import Subscriber
lost = Subscriber.objects.create(email="lost@restore.example.org", address_hash="l" * 32)
old = [lost.confirm_url, lost.unsubscribe_url, lost.preferences_url]
pk = lost.pk
lost.delete()
Subscriber.objects.create(
    pk=pk, email="new@restore.example.org", address_hash="n" * 32, state="active", confirmed_at=timezone.now()
)
answer = old
"""


def restored_ids(world: World) -> Outcome:
    """After a restore an id is given anew: an old mail's links open somebody else's subscription."""
    links = manage(world, OLD_TOKENS)
    answers = [world.stranger().get(urlsplit(link).path) for link in links]
    opened = [answer for answer in answers if answer.status == 200 or "new@restore" in answer.text]
    return held(not opened, f"{len(opened)} of {len(links)} old links open another's row")
