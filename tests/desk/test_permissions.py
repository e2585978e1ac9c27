"""Who may open what: every screen of the desk and of the outbox, tried by every role.

The table is held against the addresses of the site: a screen that is not in it fails.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import mailers
from django.db import transaction
from django.test import Client, override_settings
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from newsletter.api.hooks.models import Call, Hook
from newsletter.api.models import Token
from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Batch, Delivery, Mailing, Refusal, Reply, ReplyMail
from newsletter.delivery.models.rehearsals import Rehearsal, RehearsalRemark
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.issues import composer
from newsletter.desk.jobs import files
from newsletter.desk.jobs.selection import Selection
from newsletter.desk.models import Errand, PostImport, PostImportEntry
from newsletter.desk.readers.bulk_actions import ChosenReaders
from newsletter.desk.readers.reader_actions import BULK_FORMS, READER_ACTIONS
from newsletter.issues import schedule
from newsletter.issues.models import Issue, KeptText, StartingPoint
from newsletter.mail import outbox
from newsletter.mail.message import MailContent, build_mail
from newsletter.posts.models import Image, Pattern, Post, Redirect, Revision, Series, Tag
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, Suppression, address_hash
from tests.delivery.events.test_reply_storing import FILE
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber, make_token
from tests.support.page_checks import markup
from tests.support.second_factor import expire_proof

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
ROLES = ("stranger", "nobody", "writer", "reader-care", "editor", "owner")
# One letter for each of ROLES. L: the page to log in. R: refused by a page of the desk. P: a page. N: not found.
# B, G, M: 400, 410 and 405, by the view itself. J: refused in JSON, to a script.
STAFF, OWNERS, NO_ONE = "LPPPPP", "LRRRRP", "LRRRRR"
EDITORS, WRITERS, CARERS = "LRRRPP", "LRPRPP", "LRRPRP"
MAIL = "NRRPRP"


def _stock(model: str, look: str, *, add: str, change: str, delete: str) -> dict[str, str]:
    """The rows of the screens that the admin makes for a model."""
    return {
        f"admin/{model}/": look,
        f"admin/{model}/add/": add,
        f"admin/{model}/<path:object_id>/history/": look,
        f"admin/{model}/<path:object_id>/change/": change,
        f"admin/{model}/<path:object_id>/delete/": delete,
        f"admin/{model}/<path:object_id>/": change,
    }


TABLE: dict[str, str] = {
    "outbox/": MAIL,
    "outbox/<slug:name>/": MAIL,
    "outbox/<slug:name>/text/": MAIL,
    "outbox/<slug:name>/headers/": MAIL,
    "outbox/<slug:name>/html/": MAIL,
    "outbox/<slug:name>/mail.eml": MAIL,
    "admin/": STAFF,
    "admin/login/": STAFF,
    "admin/login/code/": STAFF,
    "admin/login/passkey/": "MMMMMM",
    "admin/login/passkey/options/": "MMMMMM",
    "admin/account/": STAFF,
    "admin/account/app/": STAFF,
    "admin/account/passkey/": STAFF,
    "admin/account/passkey/options/": "LMMMMM",
    "admin/account/codes/": STAFF,
    "admin/account/remove/<int:pk>/": "LNNNNN",
    "admin/account/sessions/": "LMMMMM",
    "admin/settings/": STAFF,
    **{
        f"admin/settings/{name}/": OWNERS
        for name in ("letter", "look", "sender", "rhythm", "newcomers", "words", "menu", "feeds", "security")
    },
    "admin/settings/look/preview/<str:kind>/": OWNERS,
    "admin/settings/sender/dns/": OWNERS,
    "admin/settings/sender/test/": OWNERS,
    "admin/settings/mail/": OWNERS,
    "admin/settings/record/": OWNERS,
    "admin/settings/advanced/": OWNERS,
    "admin/settings/machines/": OWNERS,
    "admin/setup/": OWNERS,
    "admin/setup/<str:kind>/": OWNERS,
    "admin/writing/check/": "LMMMMM",
    "admin/writing/posts/": WRITERS,
    "admin/writing/texts/": WRITERS,
    "admin/restored/": EDITORS,
    "admin/calendar/": EDITORS,
    "admin/calendar/<int:year>/": EDITORS,
    "admin/calendar/slot/<str:day>/": EDITORS,
    "admin/calendar/slot/<str:day>/skip/": EDITORS,
    "admin/calendar/slot/<str:day>/restore/": EDITORS,
    "admin/calendar/vacation/": EDITORS,
    "admin/calendar/vacation/<int:pk>/end/": EDITORS,
    "admin/calendar/holiday/<str:day>/": EDITORS,
    "admin/calendar/link/": EDITORS,
    "admin/logout/": "MMMMMM",
    "admin/start/<str:uid>/<str:token>/": "GGGGGG",
    "admin/password_change/": STAFF,
    "admin/password_change/done/": STAFF,
    "admin/jsi18n/": STAFF,
    "admin/autocomplete/": WRITERS,  # of the cover of a post
    "admin/r/<int:content_type_id>/<int:object_id>/": EDITORS,  # of a tag
    "admin/^(?P<app_label>ROOMS)/$": "LNPNPP",  # of the posts
    "admin/(?P<url>.*)$": "LNNNNN",
    **_stock("auth/user", OWNERS, add=OWNERS, change=OWNERS, delete=OWNERS),
    "admin/auth/user/<int:pk>/start-link/": OWNERS,
    **_stock("auth/group", OWNERS, add=OWNERS, change=OWNERS, delete=NO_ONE),
    **_stock("posts/post", WRITERS, add=WRITERS, change=WRITERS, delete=EDITORS),
    "admin/posts/post/trash/": EDITORS,
    "admin/posts/post/trash/<int:pk>/": "LRRRNN",
    "admin/issues/issue/trash/": EDITORS,
    "admin/issues/issue/trash/<int:pk>/": "LRRRNN",
    "admin/posts/post/preview/": WRITERS,
    "admin/posts/post/<int:pk>/read/": WRITERS,
    "admin/posts/post/<int:pk>/preview-link/": WRITERS,
    "admin/posts/post/back/": STAFF,
    "admin/posts/post/<int:pk>/versions/": WRITERS,
    "admin/posts/post/<int:pk>/versions/<int:number>/": WRITERS,
    "admin/posts/post/<int:pk>/versions/<int:number>/restore/": WRITERS,
    "admin/posts/post/<int:pk>/working-copy/": WRITERS,
    **_stock("posts/tag", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    **_stock("posts/series", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    **_stock("posts/redirect", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    **_stock("posts/pattern", WRITERS, add=WRITERS, change=WRITERS, delete=WRITERS),
    **_stock("posts/image", WRITERS, add=WRITERS, change=WRITERS, delete=NO_ONE),
    "admin/posts/image/upload/": "LJBJBB",
    "admin/posts/image/describe/": "LJBJBB",
    "admin/posts/image/choices/": "LJPJPP",
    **_stock("api/token", "LRPPPP", add="LRPPPP", change="LRPRRP", delete="LRPRRP")
    | {"admin/api/token/<path:object_id>/history/": "LRPRRP"},
    **_stock("issues/issue", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    "admin/issues/issue/<int:pk>/preview/": EDITORS,
    "admin/issues/issue/<int:pk>/preview/<str:tab>/": EDITORS,
    "admin/issues/issue/<int:pk>/frame/web/": EDITORS,
    "admin/issues/issue/<int:pk>/frame/mail/": EDITORS,
    "admin/issues/issue/<int:pk>/take-in/<int:post_pk>/": EDITORS,
    "admin/issues/issue/<int:pk>/test/": EDITORS,
    "admin/issues/issue/<int:pk>/trial/": EDITORS,
    "admin/issues/issue/<int:pk>/trial/away/": EDITORS,
    "admin/issues/issue/<int:pk>/rehearsal/": EDITORS,
    "admin/issues/issue/<int:pk>/rehearsal/dot/": EDITORS,
    "admin/issues/issue/<int:pk>/send/": EDITORS,
    "admin/issues/issue/<int:pk>/correct/": EDITORS,
    **_stock("issues/startingpoint", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    **_stock("issues/kepttext", EDITORS, add=EDITORS, change=EDITORS, delete=EDITORS),
    **_stock("delivery/mailing", EDITORS, add=NO_ONE, change=EDITORS, delete=NO_ONE),
    "admin/delivery/mailing/<int:pk>/": EDITORS,
    "admin/delivery/mailing/<int:pk>/moving/": EDITORS,
    "admin/delivery/mailing/<int:pk>/move/": EDITORS,
    "admin/delivery/mailing/<int:pk>/pause/": EDITORS,
    "admin/delivery/mailing/<int:pk>/resume/": EDITORS,
    "admin/delivery/mailing/<int:pk>/refreeze/": EDITORS,
    "admin/delivery/mailing/<int:pk>/switch/": EDITORS,
    "admin/delivery/mailing/<int:pk>/cancel/": EDITORS,
    "admin/delivery/mailing/<int:pk>/at_once/": EDITORS,
    "admin/delivery/mailing/<int:pk>/public/": EDITORS,
    "admin/delivery/mailing/<int:pk>/copies/<str:state>/": OWNERS,
    "admin/delivery/mailing/<int:pk>/copies/<str:which>.csv": OWNERS,
    "admin/delivery/mailing/<int:pk>/uncertain/<str:decision>/": EDITORS,
    "admin/delivery/mailing/<int:pk>/refused/<str:judgement>/": EDITORS,
    "admin/delivery/mailing/<int:pk>/question/": "LRRRMM",
    "admin/delivery/mailing/<int:pk>/result.json": EDITORS,
    **_stock("subscribers/subscriber", CARERS, add=CARERS, change=CARERS, delete=NO_ONE),
    "admin/subscribers/subscriber/export/": OWNERS,
    "admin/subscribers/subscriber/<int:pk>/note/": "LRRMRM",
    "admin/subscribers/subscriber/<int:pk>/act/<str:name>/": "LRRMRM",
    "admin/subscribers/subscriber/bulk/": CARERS,
    "admin/subscribers/subscriber/bulk/<str:kind>/": CARERS,
    "admin/subscribers/subscriber/import/": CARERS,
    "admin/subscribers/subscriber/errands/<int:pk>/columns/": "LRRNRN",  # of somebody else
    "admin/subscribers/subscriber/errands/<int:pk>/consent/": "LRRNRN",
    "admin/subscribers/subscriber/errands/<int:pk>/import/": "LRRMRM",
    "admin/subscribers/subscriber/bar/": CARERS,
    "admin/subscribers/subscriber/errands/<int:pk>/bar/": "LRRMRM",
    "admin/subscribers/subscriber/sentences/": CARERS,
    "admin/subscribers/subscriber/sentences/<int:pk>/answered/": "LRRMRM",
    "admin/subscribers/subscriber/sentences/replies/": CARERS,
    "admin/subscribers/subscriber/sentences/replies/<int:pk>/": CARERS,
    "admin/subscribers/subscriber/sentences/replies/<int:pk>/answer/": "LRRMRM",
    "admin/subscribers/subscriber/sentences/replies/<int:pk>/mark/": "LRRMRM",
    "admin/subscribers/subscriber/sentences/replies/<int:pk>/files/<int:number>/": CARERS,
    "admin/subscribers/subscriber/sentences/replies/<int:pk>/quote/": "LRRMRM",
    "admin/subscribers/subscriber/sentences/quotes/": CARERS,
    "admin/subscribers/subscriber/sentences/quotes/<int:pk>/place/": "LRRRRM",
    "admin/subscribers/subscriber/health/": CARERS,
    "admin/subscribers/subscriber/health/unproven/<int:pk>/": "LRRMRM",
    "admin/subscribers/subscriber/health/unproven/dismissed/": "LRRMRM",
    "admin/subscribers/subscriber/growth/": CARERS,
    "admin/subscribers/subscriber/growth.csv": CARERS,
    "admin/subscribers/subscriber/errands/": CARERS,
    "admin/subscribers/subscriber/errands/<int:pk>/": CARERS,
    "admin/subscribers/subscriber/errands/<int:pk>/moving/": CARERS,
    "admin/subscribers/subscriber/errands/<int:pk>/stop/": "LRRMRM",
    "admin/subscribers/subscriber/errands/<int:pk>/files/<str:name>": "LRRNRN",  # of somebody else
    **_stock("subscribers/suppression", CARERS, add=CARERS, change=CARERS, delete=OWNERS),
    **_stock("publication/publication", OWNERS, add=NO_ONE, change=OWNERS, delete=NO_ONE),
}
TABLE |= {
    f"admin/settings/move-in/{route}": letters
    for route, letters in {
        **dict.fromkeys(("", "<int:pk>/", "<int:pk>/moving/", "<int:pk>/numbers/"), EDITORS),
        "<int:pk>/account.html": EDITORS,
        **dict.fromkeys(("<int:pk>/try/", "<int:pk>/begin/", "<int:pk>/stop/", "<int:pk>/go-on/"), "LRRRMM"),
    }.items()
}
TABLE |= {
    f"admin/settings/webhooks/{route}": letters
    for route, letters in {
        **dict.fromkeys(("", "add/", "<int:pk>/", "<int:pk>/change/", "<int:pk>/delete/"), OWNERS),
        **dict.fromkeys(("<int:pk>/secret/", "<int:pk>/do/<str:name>/"), "LRRRRM"),
        "<int:pk>/calls/<int:number>/again/": "LRRRRM",
    }.items()
}
POSTED = {
    *("admin/posts/image/upload/", "admin/posts/image/describe/"),
    *("admin/posts/post/preview/", "admin/posts/post/<int:pk>/preview-link/"),
    *("admin/calendar/slot/<str:day>/skip/", "admin/calendar/slot/<str:day>/restore/"),
    *("admin/calendar/vacation/<int:pk>/end/", "admin/calendar/holiday/<str:day>/"),
    "admin/posts/post/<int:pk>/versions/<int:number>/restore/",
    *("admin/posts/post/trash/<int:pk>/", "admin/issues/issue/trash/<int:pk>/"),
    *("admin/issues/issue/<int:pk>/take-in/<int:post_pk>/", "admin/settings/sender/test/"),
    *("admin/issues/issue/<int:pk>/trial/", "admin/issues/issue/<int:pk>/trial/away/"),
}

READER, SECRET_TITLE, COMING = "secret.reader@example.org", "還沒有人知道的題目", "準備中的一期"
SECRETS = {  # by role: what none of its pages may say
    "stranger": [READER, SECRET_TITLE, COMING],
    "nobody": [READER, SECRET_TITLE, COMING],
    "writer": [READER, SECRET_TITLE, COMING],
    "reader-care": [SECRET_TITLE, COMING],
    "editor": [READER],
    "owner": [],
}


@dataclass
class World:
    """One row of each kind, and where each screen is tried: its address by its route."""

    addresses: dict[str, str]
    helpers: dict[str, User | None]


@pytest.fixture(scope="module")
def made(shared_rows, tmp_path_factory) -> Iterator[tuple[dict[str, Any], World]]:
    """Mailers whose outbox has a mail in it, and the world in which it was written, for all tests of this module."""
    box = {"BACKEND": outbox.BACKEND, "OPTIONS": {"directory": str(tmp_path_factory.mktemp("outbox"))}}
    own = {"default": box, "bulk": box}
    with shared_rows(lambda: _world(own)) as world:
        yield own, world


@pytest.fixture
def world(settings, made, db) -> World:
    settings.MAILERS, world = made
    return world


def _world(mailers: dict[str, Any]) -> World:
    """A reader whose address stands wherever one can stand, a draft of somebody else, and an issue in preparation."""
    make_publication()
    helpers = {role: make_helper(role, name=role) for role in ROLES[2:]} | {"nobody": make_helper(), "stranger": None}
    reader, tag = make_subscriber(READER, name="某人"), Tag.objects.create(name="題", slug="t")
    by_hand = {"email": "gone@example.org", "reason": Suppression.Reason.MANUAL}
    gone = Suppression.objects.create(address_hash=address_hash("gone@example.org"), **by_hand)
    draft = make_post(SECRET_TITLE, published_at=None, tags=("t",))
    make_post("大家都知道的題目", tags=("t",))  # so that the tag has a page
    own = make_post("自己的草稿", published_at=None, created_by=helpers["writer"])
    version = Revision.objects.record(own.pk, own, at=timezone.now())
    keys = {
        "auth/user": make_helper().pk,
        "auth/group": Group.objects.get(name="editor").pk,
        "posts/post": own.pk,
        "api/token": make_token(helpers["writer"], ["posts:read"])[0].pk,
        "posts/tag": tag.pk,
        "posts/series": Series.objects.create(title="慢工作", slug="slow").pk,
        "posts/redirect": Redirect.objects.create(path="/old", target="/posts/").pk,
        "posts/pattern": Pattern.objects.create(title="每週選讀", body="## 一").pk,
        "posts/image": Image.objects.create(name="x.png", alt="圖", digest="x" * 16, width=1, height=1).pk,
        "issues/issue": _issue_in_preparation(draft).pk,
        "issues/startingpoint": StartingPoint.objects.create(post=make_post("開始讀"), reason="好").pk,
        "issues/kepttext": KeptText.objects.create(kind="closing", name="一個問題", text="哪一場？").pk,
        "delivery/mailing": _paused_mailing().pk,
        "subscribers/subscriber": reader.pk,
        "subscribers/suppression": gone.pk,
        "publication/publication": 1,
    }
    closed = _closed_mailing().pk
    with override_settings(MAILERS=mailers):
        return World(_addresses(keys, closed=closed, mail=_mail(), version=version.pk), helpers)


def _issue_in_preparation(draft: Post) -> Issue:
    issue = make_issue(draft, make_post("發布了的"), subject=COMING)
    composer.start_rehearsal(issue, "", timezone.now())
    remark = RehearsalRemark(Rehearsal.Topic.READERS, "error", f"The copy of {READER}: too large")
    copy = {"name": "某人", "address": READER, "bytes": 9, "problem": f"{READER} is too long"}
    Rehearsal.objects.update(remarks=[asdict(remark)], copies=[copy], links=[])
    return issue


def _paused_mailing() -> Mailing:
    """A mailing whose copy is uncertain, once called dead, and whose provider names the reader in all that it says."""
    now = timezone.now()
    mailing = approving.approve(make_issue(make_post("寄到一半的")), send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    mailing.deliveries.update(state=Delivery.State.UNCERTAIN, reply=f"451 {READER} later", sent_at=now)
    mailing.batches.update(uncertain=1)
    reader = mailing.deliveries.values_list("subscriber", flat=True).first()
    Refusal.objects.create(mailing=mailing, seq=0, subscriber_id=reader, verdict="dead", at=now)
    mailing.pause(f"550 <{READER}> refused")
    return mailing


def _closed_mailing() -> Mailing:
    now = timezone.now()
    mailing = approving.approve(make_issue(make_post("寄過的")), send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    mailing.deliveries.update(state=Delivery.State.FAILED, reply=f"550 5.1.1 <{READER}> unknown")
    mailing.batches.update(failed=1, state=Batch.State.DONE)
    mailing.finish(now)
    Issue.objects.filter(pk=mailing.issue_id).update(sent_at=now)
    breakdown.count_next_mailing(now)
    return mailing


def _mail() -> str:
    letter = MailContent("Leverage", "<html><head></head><body>x</body></html>", "x\n")
    headers = {"Message-ID": "<1@example.org>", "Date": "Tue, 24 Nov 2026 08:00:00 +0800"}
    mail = build_mail(letter, sender=("Gipi", "news@example.org"), to=("", READER), reply_to="", headers=headers)
    mailers["default"].send_messages([mail])
    return str(outbox.mail_names(outbox.directory())[0])


def _addresses(keys: dict[str, int], *, closed: int, mail: str, version: int) -> dict[str, str]:
    """Where each route of the table is tried: with a row of its kind in the place of each variable."""
    tag = ContentType.objects.get_for_model(Tag).pk
    special = {
        "admin/autocomplete/": "admin/autocomplete/?app_label=posts&model_name=post&field_name=cover&term=",
        "admin/r/<int:content_type_id>/<int:object_id>/": f"admin/r/{tag}/{keys['posts/tag']}/",
        "admin/^(?P<app_label>ROOMS)/$": "admin/posts/",
        "admin/(?P<url>.*)$": "admin/no-such-page/",
        "admin/setup/<str:kind>/": "admin/setup/site/",
        "admin/calendar/vacation/<int:pk>/end/": "admin/calendar/vacation/1/end/",
        "admin/delivery/mailing/<int:pk>/public/": f"admin/delivery/mailing/{closed}/public/",
        "admin/delivery/mailing/<int:pk>/result.json": f"admin/delivery/mailing/{closed}/result.json",
    }
    errand = Errand.objects.create(kind="tag", about="all", by="gipi", created_at=timezone.now(), state="done").pk
    move = PostImport.objects.create(program="Ghost", name="x.zip", by="gipi", created_at=timezone.now(), state="done")
    PostImportEntry.objects.create(post_import=move, place=1, name="x", outcome="rejected")
    readers = "admin/subscribers/subscriber/"
    wrote = {"sender": "x@example.net", "received_at": timezone.now(), "files": [{"number": 1, "name": "a.pdf"}]}
    reply = Reply.objects.create(key="k", **wrote)
    ReplyMail.objects.create(reply=reply, body=FILE)
    special |= {f"{readers}bulk/": f"{readers}bulk/?all=1", f"{readers}bulk/<str:kind>/": f"{readers}bulk/tag/?all=1"}
    hook = Hook.objects.create(url="https://hooks.example.org/in", created_at=timezone.now())
    call = Call.objects.create(hook=hook, event="reader.left", at=timezone.now(), state="sent")
    values = {
        "webhooks/<int:pk>": f"webhooks/{hook.pk}",
        "calls/<int:number>": f"calls/{call.pk}",
        "do/<str:name>": "do/test",
        "replies/<int:pk>": f"replies/{reply.pk}",
        "files/<int:number>": "files/1",
        "move-in/<int:pk>": f"move-in/{move.pk}",
        "compare/<int:number>": "compare/1",
        "errands/<int:pk>": f"errands/{errand}",
        "files/<str:name>": "files/readers.csv",
        "act/<str:name>": "act/tag",
        "<slug:name>": mail,
        "versions/<int:number>": f"versions/{version}",
        "<int:post_pk>": str(StartingPoint.objects.get().post_id),
        "<str:uid>": "MQ",
        "<str:token>": "x",
        "<str:tab>": "mail",
        "<str:kind>": "letter",
        "<str:state>": "uncertain",
        "<str:which>": "failed",
        "<str:judgement>": "doubted",
        "<int:year>": str(timezone.localdate().year),
        "<str:day>": _slot_ahead().isoformat(),
    }
    return {route: "/" + (special.get(route) or _filled(route, values, keys)) for route in TABLE}


def _slot_ahead() -> date:
    """The day of a slot that a screen of the calendar can be asked for."""
    return next(schedule.cadence_of(Publication.objects.fresh()).days_from(timezone.localdate() + timedelta(days=1)))


def _filled(route: str, values: dict[str, str], keys: dict[str, int]) -> str:
    key = next((str(key) for model, key in keys.items() if route.startswith(f"admin/{model}/")), "")
    filled = route.replace("uncertain/<str:decision>/", "uncertain/sent/?row=0:0")
    for name, value in (values | {"<int:pk>": key, "<path:object_id>": key}).items():
        filled = filled.replace(name, value)
    return filled


def _routes(patterns: Any, before: str = "") -> Iterator[str]:
    for one in patterns:
        route = before + str(one.pattern)
        yield from _routes(one.url_patterns, route) if isinstance(one, URLResolver) else [route]


def _browser(world: World, role: str) -> Client:
    client = Client()
    if user := world.helpers[role]:
        client.force_login(user)
    return client


def _answer(client: Client, route: str, address: str) -> Any:
    """Where the screen leads in the end. A browser follows redirects; where to log in, the first one says."""
    return _led(client, client.post(address) if route in POSTED else client.get(address), {})


def _led(client: Client, response: Any, known: dict[str, Any]) -> Any:
    """Where an answer leads in the end. known: by address, pages that are not opened again."""
    while response.has_header("Location") and not _leads_to_login(response):
        address = urljoin(response.request["PATH_INFO"], response.headers["Location"])
        response = known.get(address) or client.get(address)
    return response


def _leads_to_login(response: Any) -> bool:
    """Whether a page sends a stranger to log in. Which page that is, the row of `admin/login/` says."""
    is_sent = urlsplit(response.headers.get("Location", "")).path == LOGIN
    return is_sent and not response.wsgi_request.user.is_authenticated


def _letter(response: Any) -> str:
    status, is_refusal = response.status_code, "desk/refused.html" in [one.name for one in response.templates]
    if status == 200:
        return "L" if response.request["PATH_INFO"] == LOGIN else "P"
    if status == 302 and _leads_to_login(response):
        return "L"
    if status == 403:
        return "R" if is_refusal else "J" if response.headers["Content-Type"] == "application/json" else "public 403"
    return {404: "N", 405: "M", 400: "B", 410: "G"}.get(status, str(status))


def _text(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(errors="replace")


def test_every_screen_of_the_desk_and_the_outbox_is_in_the_table():
    rooms = re.compile(r"\(\?P<app_label>[^)]*\)")
    routes = {rooms.sub("(?P<app_label>ROOMS)", route) for route in _routes(get_resolver().url_patterns)}

    assert {route for route in routes if route.startswith(("admin", "outbox"))} == set(TABLE)


LINK = re.compile(r'<a\b[^>]*?\shref="([^"#]+)', re.DOTALL)
PUBLIC = ("/", "/posts/", "/issues/", "/search/?q=a", "/about/", "/start/")
PAGES_MAX = 400
FOLLOWED = {"writer", "reader-care", "editor"}  # an owner may open all, and nobody has a list


@dataclass
class Opened:
    """What a role was answered: by route, and of the pages it got, by path, their status and where they link to.

    known: what it was answered by address, for the redirects that lead there. One request in ten is spared.
    """

    answers: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    forged: set[str] = field(default_factory=set)
    pages: dict[str, tuple[int, set[str]]] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)


A_HANDFUL = (
    *("admin/", "admin/settings/sender/", "admin/posts/post/", "admin/issues/issue/", "admin/subscribers/subscriber/"),
    *("admin/issues/issue/<int:pk>/send/", "admin/auth/user/add/", "outbox/<slug:name>/headers/"),
)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_a_handful_of_screens_as_the_table_says(world, role):
    opened = Opened()

    _open(_browser(world, role), world, role, list(A_HANDFUL), opened)

    assert opened.answers == {route: TABLE[route][ROLES.index(role)] for route in A_HANDFUL}
    assert opened.told == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_the_table_says_and_neither_secrets_nor_links_that_are_not_for_it(world, role):
    """Of a role with some rights, links are followed from the home, its screens and the pages for readers.

    A page takes 10 ms: each is opened once, for the table, for what it tells and for its links.
    """
    client, opened = _browser(world, role), Opened()
    expected = {route: letters[ROLES.index(role)] for route, letters in TABLE.items()}
    _open(client, world, role, [route for route in TABLE if route not in POSTED], opened)
    found = _followed(client, opened) if role in FOLLOWED else {}
    opened.known.clear()  # what is posted now may change them
    _open(client, world, role, sorted(POSTED), opened)

    assert opened.answers == expected
    assert opened.forged <= {"R", "J", "M"}  # some take no form at all
    assert opened.told == set()
    assert {address: source for address, (status, source) in found.items() if status in {403, 405}} == {}
    assert role not in FOLLOWED or 10 < len(found) < PAGES_MAX


def _open(client: Client, world: World, role: str, routes: list[str], opened: Opened) -> None:
    for route in routes:
        address, is_posted = world.addresses[route], route in POSTED
        asked = client.post(address) if is_posted else opened.known.get(address) or client.get(address)
        response = _led(client, asked, opened.known)
        opened.answers[route] = _letter(response)
        opened.told |= {(fact, route) for fact in SECRETS[role] if fact in _text(response)}
        if not is_posted and not response.streaming:
            opened.known[address] = response
        if opened.answers[route] == "P":
            opened.pages[_path(address)] = _seen(response)
        if TABLE[route][ROLES.index(role)] in "RJ":  # and a form, typed by hand
            forged = client.post(address, {"_save": "1", "_publish": "1"})
            opened.forged.add(_letter(_led(client, forged, opened.known)))


def _followed(client: Client, opened: Opened) -> dict[str, tuple[int, str]]:
    """Status and source of each page that is opened, or that a link leads to; no link is followed twice."""
    found, seen = {}, set()
    waiting = [("", address) for address in ("/admin/", *PUBLIC, *opened.pages)]
    while waiting:
        source, address = waiting.pop()
        path = _path(address)
        if path in seen or path.startswith(("/media/", "/static/")):
            continue
        seen.add(path)
        status, links = opened.pages.get(path) or _seen(_led(client, client.get(address), opened.known))
        found[address] = (status, source)
        waiting += [(address, link) for link in links]
    return found


def _path(address: str) -> str:
    """An address without its query: a list sorted another way leads to the same pages."""
    return address.partition("?")[0]


def _seen(response: Any) -> tuple[int, set[str]]:
    """The status of a page and its links. A file has none, and is read: then it is closed."""
    if response.headers["Content-Type"].startswith("text/html") and response.status_code == 200:
        return response.status_code, _links(response)
    if response.streaming:
        list(response)
    return response.status_code, set()


def _links(response: Any) -> set[str]:
    """The addresses on this site that a page links to, in full."""
    here = response.request["PATH_INFO"]
    links = {urljoin(here, unescape(link)) for link in LINK.findall(_text(response))}
    return {link.removeprefix("http://testserver") for link in links if link.startswith(("/", "http://testserver/"))}


def test_the_world_of_the_table_has_secrets_to_tell(world):
    client, told = _browser(world, "owner"), ""
    for route in ("copies/<str:state>/", "", "uncertain/<str:decision>/"):
        told = _text(_answer(client, "", world.addresses[f"admin/delivery/mailing/<int:pk>/{route}"]))
        assert READER in told, route
    for route, fact in (("rehearsal/", READER), ("preview/<str:tab>/", COMING)):
        assert fact in _text(_answer(client, "", world.addresses[f"admin/issues/issue/<int:pk>/{route}"]))
    assert READER in client.get("/admin/").text
    assert SECRET_TITLE in client.get("/admin/posts/post/").text


# --- Beyond the table: rows of others, lists, and what a forged form asks for ---


def _status(client: Client, address: str, **data: Any) -> str:
    return _letter(client.post(address, data, follow=True) if data else client.get(address, follow=True))


def test_a_right_that_is_half_given_opens_nothing(world):
    """Rights of the stock admin alone show no reader, and send nothing."""
    half = make_helper()
    names = ["view_subscriber", "change_subscriber", "add_subscriber", "view_suppression", "change_issue", "view_issue"]
    half.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(half)
    by_route = world.addresses

    asked = {route: _status(client, by_route[route]) for route in by_route if route.startswith("admin/subscribers/")}
    page = client.get(by_route["admin/issues/issue/<int:pk>/preview/"]).text

    assert set(asked.values()) == {"R"}
    assert _status(client, by_route["admin/issues/issue/<int:pk>/send/"], seen="x") == "R"
    assert "/send/" not in page
    assert "/rehearsal/" not in page
    assert "/send/" not in client.get("/admin/").text


@pytest.mark.parametrize("screen", ["change/", "history/", "delete/", "read/"])
def test_a_draft_of_somebody_else_looks_to_a_writer_like_one_that_is_not_there(world, screen):
    client, draft = _browser(world, "writer"), Post.objects.get(title=SECRET_TITLE)

    foreign, missing = (client.get(f"/admin/posts/post/{pk}/{screen}") for pk in (draft.pk, 999_999))

    assert (_letter(foreign), _letter(missing)) == ("R", "R")
    assert _words(foreign) == _words(missing)


def _words(response: Any) -> str:
    return re.sub(r'(nonce|value)="[^"]*"', "", markup(response))


@pytest.mark.parametrize("button", ["open", "close"])
def test_a_writer_does_not_touch_the_link_to_a_draft_of_somebody_else(world, button):
    draft = Post.objects.get(title=SECRET_TITLE)
    draft.open_preview(timezone.now())

    status = _status(_browser(world, "writer"), f"/admin/posts/post/{draft.pk}/preview-link/", **{button: ""})

    assert status == "R"
    assert Post.objects.get(pk=draft.pk).preview_until == draft.preview_until


def test_a_list_of_posts_to_choose_from_offers_a_writer_his_own(world):
    answer = _browser(world, "writer").get(
        "/admin/autocomplete/?app_label=issues&model_name=startingpoint&field_name=post&term="
    )

    assert [one["text"] for one in answer.json()["results"]] == ["自己的草稿"]


@pytest.mark.parametrize(
    ("role", "rooms"),
    [
        ("nobody", set()),
        ("writer", {"posts"}),
        ("reader-care", {"subscribers"}),
        ("editor", {"posts", "issues", "delivery"}),
        ("owner", {"posts", "issues", "delivery", "subscribers", "publication", "auth"}),
    ],
)
def test_a_role_enters_its_rooms_and_no_other(world, role, rooms):
    client = _browser(world, role)
    everything = ("posts", "issues", "delivery", "subscribers", "publication", "auth")

    assert {room for room in everything if _status(client, f"/admin/{room}/") == "P"} == rooms


@pytest.mark.parametrize(
    ("role", "cards"),
    [
        ("nobody", set()),
        ("writer", {"drafts"}),
        ("reader-care", {"readers"}),
        ("editor", {"left-out", "last", "drafts", "upcoming", "readers"}),
        ("owner", {"left-out", "last", "drafts", "upcoming", "readers"}),
    ],
)
def test_a_role_sees_at_home_the_figures_that_are_for_it(world, role, cards):
    page = _browser(world, role).get("/admin/").text

    assert set(re.findall(r'aria-labelledby="(left-out|last|drafts|upcoming|readers)"', page)) == cards


def test_an_editor_decides_about_uncertain_copies_without_seeing_whose_they_are(world):
    client, mailing = _browser(world, "editor"), Mailing.objects.get(state="paused")
    address = f"/admin/delivery/mailing/{mailing.pk}/"

    page = client.get(address).text
    chosen = client.get(f"{address}uncertain/sent/?row=0:0")
    client.post(f"{address}uncertain/sent/", {"row": "0:0"})

    assert f"{address}uncertain/sent/?all=1" in page
    assert f"{address}copies/" not in page
    assert "451 •••@••• later" in chosen.text
    assert "No. 0" in markup(chosen)
    assert mailing.deliveries.get().state == Delivery.State.SENT


# --- The page that refuses ---


def test_the_refusal_says_what_is_missing_which_roles_have_it_and_who_gives_it(world):
    response = _browser(world, "writer").get(world.addresses["admin/issues/issue/<int:pk>/send/"])

    text = markup(response)
    assert response.status_code == 403
    assert "send issues to readers" in text
    assert "Roles that have it: Owner, Editor." in text
    assert "An owner of" in text
    assert 'href="/admin/"' in text
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("/admin/subscribers/subscriber/", "see who the readers are"),
        ("/admin/subscribers/subscriber/export/", "take the list of readers away as a file"),
        ("/admin/auth/user/add/", "manage accounts and roles"),
        ("/admin/publication/publication/1/change/", "change: publication"),
        ("/admin/posts/tag/add/", "add: tags"),
        ("/admin/posts/post/1/delete/", "publish posts, and work on those of others"),
        ("/outbox/", "read the mails in the outbox"),
    ],
)
def test_each_refusal_names_its_right(world, address, right):
    assert f">{right}</p>" in _browser(world, "writer").get(address, follow=True).text


def test_an_account_that_does_not_open_the_desk_is_told_so_and_can_log_out(world):
    client = Client()
    client.force_login(User.objects.create_user("guest"))

    answers = {_status(client, world.addresses[route]) for route in TABLE if route.startswith("admin/posts/")}
    page = client.get("/admin/")
    client.post("/admin/logout/")

    assert answers == {"R"}
    assert "this account does not open the desk" in markup(page)
    assert 'action="/admin/logout/"' in page.text
    assert _status(client, "/admin/") == "L"


# --- What a session does that has proved nothing for an hour ---

DEEDS = {  # by route: what a variable of it may be
    "admin/subscribers/subscriber/bulk/<str:kind>/": [(kind, f"bulk/{kind}/?all=1") for kind in BULK_FORMS],
    "admin/subscribers/subscriber/<int:pk>/act/<str:name>/": [(name, f"act/{name}/") for name in READER_ACTIONS],
    "admin/delivery/mailing/<int:pk>/copies/<str:which>.csv": [("all", "copies/all.csv")],
}
LIST = b"email,reason\nnew@example.org,complained\n"
CSV_FILES = "admin/subscribers/subscriber/errands/<int:pk>/files/<str:name>"
BAR_START = "admin/subscribers/subscriber/errands/<int:pk>/bar/"
LOSSES = {  # the doors through which readers leave, are barred or are erased
    "admin/subscribers/subscriber/export/",
    "admin/subscribers/subscriber/ erase",
    *(f"admin/subscribers/subscriber/bulk/<str:kind>/ {kind}" for kind in ("export", "suppress", "unsubscribe")),
    *(f"admin/subscribers/subscriber/<int:pk>/act/<str:name>/ {name}" for name in ("suppress", "lift")),
    "admin/subscribers/subscriber/bar/",
    BAR_START,
    f"{CSV_FILES} readers.csv",
    f"{CSV_FILES} refused.csv",
    "admin/delivery/mailing/<int:pk>/copies/<str:which>.csv all",
    "admin/subscribers/suppression/add/",
    "admin/subscribers/suppression/<path:object_id>/delete/",
    "admin/subscribers/suppression/ delete_selected",
    "admin/api/token/add/",
    "admin/settings/webhooks/add/",
    "admin/settings/webhooks/<int:pk>/change/",
}


ONE_BY_ONE = "admin/subscribers/subscriber/<int:pk>/act/<str:name>/ unsubscribe"
AS_ON_ITS_PAGE = "admin/delivery/mailing/<int:pk>/moving/"  # why it is paused, for the script of the page
ROOMS = sorted({route.split("/")[1] for route in TABLE if route.startswith("admin")})


@pytest.mark.parametrize("room", ROOMS)
def test_an_old_session_takes_no_readers_away_and_bars_or_erases_none(world, settings, tmp_path, room):
    """Every screen is opened and posted to; a new one as well, because the table has it.

    Handling one reader at a time is allowed: those who answer mails need it.
    """
    settings.DATA_DIR = tmp_path
    client = _browser(world, "owner")
    expire_proof(client)

    assert _losses(client, world, [route for route in TABLE if route.split("/")[1] == room]) <= {
        ONE_BY_ONE,
        AS_ON_ITS_PAGE,
    }


def test_a_fresh_proof_opens_the_doors_at_which_an_old_session_is_asked(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    routes = {door.partition(" ")[0] for door in LOSSES}

    assert _losses(_browser(world, "owner"), world, routes) == LOSSES | {ONE_BY_ONE}


def _losses(client: Client, world: World, routes: Collection[str]) -> set[str]:
    """The doors of the desk through which readers leave, are barred or are erased. Each is tried by itself."""
    found = set()
    for route, name, address, data in _tries(world):
        if route not in routes:
            continue
        with transaction.atomic():
            if name == "lift":
                Suppression.objects.create(address_hash=address_hash(READER), email=READER, reason="manual")
            before = _at_stake()
            given = [_given(client.get(address))]
            given.append(_given(client.post(address, data())))
            if any(given) or _at_stake() != before:
                found.add(f"{route} {name}".strip())
            transaction.set_rollback(True)
    return found


def _tries(world: World) -> Iterator[tuple[str, str, str, Callable[[], dict[str, Any]]]]:
    """Yield each route with what it is tried with: its name, an address and a form that has what any screen asks."""
    for route, address in (world.addresses | _errands(world)).items():
        if route.startswith("outbox/") or route == "admin/logout/":
            continue  # a mail at a time, and only where none is sent
        for name, end in DEEDS.get(route, [("", "")]):
            own = f"{address.rpartition('/' + end.partition('/')[0] + '/')[0]}/{end}" if end else address
            yield route, name, own, _form(world)
        for name in _actions(route):
            yield route, name, address, _form(world, action=name)
    for name in ("readers.csv", "refused.csv"):
        yield CSV_FILES, name, _file(world, name), dict


def _form(world: World, **more: Any) -> Callable[[], dict[str, Any]]:
    """What makes a form with a value for whatever the screens ask for; a file is read once."""
    chosen = ChosenReaders(Selection.of_all({}), "all", 1)
    reader = Subscriber.objects.get(email=READER).pk
    ticked = Suppression.objects.get(email="gone@example.org").pk
    today = timezone.localdate()
    return lambda: {
        "chosen": chosen.signed(world.helpers["owner"]),
        "_selected_action": [reader, ticked],
        "file": SimpleUploadedFile("list.csv", LIST),
        "confirmed": "1",
        "post": "1",
        "index": "0",
        "reason": "manual",
        "tag": "x",
        "name": "x",
        "email": "new@example.org",
        "until_on": f"{today + timedelta(days=3):%F}",
        "consent": "x",
        "ends": "30",
        "scopes": ["readers:read"],
        "url": "https://hooks.example.org/new",
        "events": ["reader.left"],
        "shows_addresses": "on",
        "password": "x",
        "note": "",
        **(more or {"_save": "1"}),  # which an action of a list goes without
    }


def _actions(route: str) -> list[str]:
    """The actions of a list of the stock admin that are no more than its own, by the address of the list."""
    for model in filter(admin.site.is_registered, apps.get_models()):
        options = admin.site.get_model_admin(model)
        if route == f"admin/{options.opts.app_label}/{options.opts.model_name}/" and options.actions is not None:
            own = [one if isinstance(one, str) else one.__name__ for one in options.actions]
            return [*own, *({"delete_selected"} - set(own))]
    return []


def _errands(world: World) -> dict[str, str]:
    """A prepared suppression list: starting it suppresses addresses."""
    tried = _errand(world, kind="bar", state="tried", name="given.csv")
    return {BAR_START: f"/admin/subscribers/subscriber/errands/{tried}/bar/"}


def _file(world: World, name: str) -> str:
    done = _errand(world, kind="export" if name == "readers.csv" else "import", state="done", name=name)
    return f"/admin/subscribers/subscriber/errands/{done}/files/{name}"


def _errand(world: World, *, kind: str, state: str, name: str) -> int:
    """The number of work that the owner had done, with a file of it."""
    folder, now = files.make_folder(Errand), timezone.now()
    errand = Errand.objects.create(
        kind=kind, state=state, about="x", by="owner", user=world.helpers["owner"], folder=folder, created_at=now
    )
    errand.size = files.write_upload(errand, name, [f"email\n{READER}\n".encode()])
    errand.save()
    return errand.pk


def _given(response: Any) -> bool:
    """Whether an answer is a file with a reader in it."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    return READER in _text(response) and not is_page


def _at_stake() -> tuple[Any, ...]:
    """What of readers can be lost: who is one, who is barred, what a worker was given to do, who else reads."""
    grave = ("export", "suppress", "unsubscribe", "bar")
    errands = Errand.objects.filter(kind__in=grave).exclude(state="tried").order_by("pk")
    return (
        list(Subscriber.objects.filter(email=READER).values_list("unsubscribed_at")),
        list(Suppression.objects.order_by("pk").values_list("email", "reason")),
        list(errands.values_list("kind", "state")),
        Token.objects.count(),
        list(Hook.objects.order_by("pk").values_list("url", "shows_addresses")),
    )
