"""The readers in a real browser: by thumb, by day and by night."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from newsletter.delivery.events import applying
from newsletter.delivery.models import Event, InboundMessage, Mailing
from newsletter.desk.jobs import files
from newsletter.desk.models import Errand
from subscribers.models import Consent, Note
from subscribers.models.consents import ConsentDetails
from tests.desk.readers.test_list import make_sent
from tests.factories import make_subscriber
from tests.support.page_checks import assert_accessible_wide_and_narrow

pytestmark = [pytest.mark.browser, pytest.mark.exhaustive]
READERS = "/admin/subscribers/subscriber/"
LONG = "tree.by.the.river.in.the.evening.of.a.long.day@mail.example.net"


def make_reports() -> None:
    """Events of the last mailing, and a request that was not understood."""
    mailing = Mailing.objects.latest("pk")
    facts = {"source": "mail", "mailing_id": mailing.pk, "seq": 0, "at": timezone.now()}
    for number, verdict in enumerate(("hard", "soft", "policy")):
        name = {"source_id": str(number), "domain": f"a-long-name-{number}.mail.example.net"}
        Event.objects.create(kind="bounced", verdict=verdict, **name, **facts)
    Event.objects.create(kind="complained", source_id="c", **facts)
    InboundMessage.objects.store("brevo", b'{"event": "teleported", "text": "' + b"x" * 300 + b'"}', timezone.now())
    applying.apply_waiting(timezone.now(), 5)


@pytest.fixture
def screens(desk, settings, tmp_path) -> list[str]:
    """The addresses of the pages of readers, with a reader of each kind."""
    settings.DATA_DIR = tmp_path
    now = timezone.now()
    reader = make_subscriber(LONG, name="名字很長的讀者", tags="老朋友,同業")
    Consent.objects.add(reader, Consent.Kind.CONFIRMED, ConsentDetails("web:page", "每兩週一封信"), timezone.now())
    Note.objects.create(subscriber=reader, at=timezone.now(), by="gipi", text="讀書會認識的，在做教材設計。")
    make_sent()
    make_reports()
    make_subscriber("camellia@example.org", state="unsubscribed")
    make_subscriber("info@studio.example").suppress("bounced")
    errands = [
        Errand.objects.create(kind=kind, state=state, about="標籤：老朋友", by="gipi", created_at=now, **facts)
        for kind, state, facts in (
            ("tag", "running", {"options": {"tag": "同業"}, "total": 3124, "position": 2000, "counts": {"done": 1990}}),
            ("suppress", "stopped", {"ended_at": now, "counts": {"done": 12, "already": 3}}),
            ("pause", "failed", {"ended_at": now, "counts": {"no-reader": 1}}),
        )
    ]
    asking = [f"{READERS}bulk/{kind}/?all=1&state=active&tag=老朋友" for kind in ("tag", "pause", "suppress", "export")]
    user = User.objects.get()
    facts = {
        "kind": "import",
        "about": "名單.csv",
        "by": "gipi",
        "user": user,
        "created_at": now,
        "chosen": {"信箱": "email"},
    }
    draft, tried = (
        Errand.objects.create(**facts, state=state, options={"consent": "舊名單"}, folder=files.make_folder(Errand))
        for state in ("draft", "tried")
    )
    files.write_upload(draft, files.UPLOADED_FILE, ["信箱,姓名,備註,訂閱嗎\na@example.org,小明,朋友,是\n".encode()])
    Errand.objects.filter(pk=tried.pk).update(
        size=9, counts={"rows": 9, "created": 7, "rejected": 2}, problems=[[3, "an address has one @"], [5, LONG]]
    )
    importing = [
        f"{READERS}bar/",
        f"{READERS}import/",
        f"{READERS}errands/{draft.pk}/columns/",
        f"{READERS}errands/{tried.pk}/",
    ]
    bulk = [
        *importing,
        f"{READERS}bulk/?all=1",
        *asking,
        f"{READERS}health/",
        f"{READERS}errands/",
        *(f"{READERS}errands/{one.pk}/" for one in errands),
    ]
    return [
        *bulk,
        f"{READERS}?state=active&tag=老朋友",
        READERS,
        f"{READERS}?state=active&tag=老朋友&q=tree",
        f"{READERS}{reader.pk}/change/",
    ]


def test_no_page_has_a_barrier_or_is_wider_than_a_phone(desk, server, screens):
    for path in screens:
        desk.goto(server.url + path)
        assert_accessible_wide_and_narrow(desk)
