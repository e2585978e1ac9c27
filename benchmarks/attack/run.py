"""Which attacks there are, in which order, and the installation that each faces."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.attack import desk, floods, mails, readers
from benchmarks.attack.verdict import Outcome, held
from benchmarks.attack.world import World
from tests.support import proxies
from tests.support.postgres import Postgres
from tests.support.processes import free_port
from tests.support.product import Product
from tests.support.redis import Redis
from tests.support.smtp import Smtp

type Attack = Callable[[World], Outcome]

# Those that leave counters behind for everybody stand at the end.
ATTACKS: tuple[Attack, ...] = (
    desk.headers,
    desk.files,
    desk.foreign_origins,
    desk.foreign_hosts,
    desk.redirects,
    desk.helper,
    desk.stale_session,
    desk.outbox,
    desk.restored_ids,
    desk.tokens_in_the_log,
    readers.one_click,
    readers.scanners,
    readers.enumeration,
    readers.forwarded_letter,
    readers.false_consent,
    readers.a_class,
    readers.bombing,
    mails.newlines,
    mails.forged_reports,
    mails.small_domain,
    floods.combining_marks,
    floods.silent_connections,
    floods.slow_readers,
    floods.large_bodies,
    floods.endless_body,
    floods.kept_pages,
    floods.icons,
    desk.picture_bombs,
    desk.lock_out,
    desk.guessing_helper,
    desk.look_alike_names,
    desk.invented_address,
    readers.shut_door,
    floods.full_redis,
    floods.hung_web,
)
NEED_REDIS = {floods.full_redis}


def attempt(attack: Attack, world: World) -> Outcome:
    """Return the outcome; an attack that cannot be carried out has not been held."""
    try:
        return attack(world)
    except (AssertionError, LookupError, ValueError, TypeError) as error:
        return held(False, f"cannot tell: {type(error).__name__} {str(error)[:300]}")


def run(world: World, attacks: tuple[Attack, ...] = ATTACKS) -> list[str]:
    """Carry out the attacks, print a line for each, and return the names of those that were not held."""
    lost = []
    for attack in attacks:
        if attack in NEED_REDIS and not world.redis:
            continue
        begun = time.monotonic()
        outcome = attempt(attack, world)
        name = attack.__name__.replace("_", " ")
        said = "held    " if outcome.is_held else "NOT HELD"
        print(f"  {said}  {name:20} {outcome.figures}  ({time.monotonic() - begun:.1f} s)", flush=True)
        if not outcome.is_held:
            lost.append(name)
    return lost


@contextmanager
def world(engine: str, proxy: str, *, is_short: bool) -> Iterator[World]:
    """Yield a running installation on an engine, behind a proxy or bare."""
    folder = Path(tempfile.mkdtemp(prefix="newsletter-attack-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls: dict[str, str] = {}
        redis: Redis | None = None
        if engine == "servers":
            redis, postgres = Redis(), Postgres()
            for server in (redis, postgres):
                stack.callback(server.stop)
                server.start()
            urls = {"database_url": postgres.new_database(), "redis_url": redis.url}
        (folder / "smtp").mkdir()
        smtp = Smtp(folder / "smtp")
        smtp.start()
        stack.callback(smtp.kill)
        product = Product(folder / "product", mail_url=smtp.url, **urls)
        stack.callback(product.kill)
        port = product.port if proxy == "none" else free_port()
        if proxy != "none":
            product.env |= {"SITE_URL": "http://news.example.org", "TRUSTED_PROXIES": "1"}
        made = World(product, smtp, port=port, redis=redis, is_short=is_short)
        made.start()
        if proxy != "none":
            stack.enter_context(proxies.start(proxy, port, product.port))
        made.assert_open()
        yield made
