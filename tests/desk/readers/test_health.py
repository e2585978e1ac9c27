"""The health of the list: who can be reached, what came back, and what was not understood."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from newsletter.delivery.events import applying, list_health
from newsletter.delivery.models import Breakdown, Delivery, Event, InboundMessage, Mailing
from subscribers.models import Subscriber, Suppression
from tests.delivery.events.mails import complaint, returned
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
PAGE = "/admin/subscribers/subscriber/health/"
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _english():
    make_publication(name="Gipi電子報")
    with translation.override("en"):
        yield


@pytest.fixture
def carer(client):
    client.force_login(make_helper("reader-care", name="mei"))
    return client


@pytest.fixture
def owner(client):
    client.force_login(make_helper("owner", name="gipi"))
    return client


def make_mailing(subject="第一期", *, sent=1000, days_ago=1):
    at = NOW - timedelta(days=days_ago)
    mailing = Mailing.objects.create(
        issue=make_issue(make_post(), subject=subject),
        state="sent",
        total=sent,
        approved_at=at,
        send_at=at,
        planned_at=at,
    )
    mailing.batches.create(no=0, lo=0, hi=sent, cursor=sent, state="done", sent=sent)
    return mailing


def tell(mailing, kind="bounced", *, verdict="", domain="gmail.com", count=1, who=""):
    start = Event.objects.count()
    facts = {"source": "mail", "kind": kind, "verdict": verdict, "mailing_id": mailing.pk, "at": NOW}
    Event.objects.bulk_create(
        Event(source_id=str(start + n), seq=n, domain=domain, address_hash=who or f"h{start + n}", **facts)
        for n in range(count)
    )


def test_who_can_be_reached_and_why_the_others_cannot(carer):
    for number in range(3):
        make_subscriber(f"r{number}@example.org")
    make_subscriber("gone@example.org").suppress("bounced")
    make_subscriber("angry@example.org").suppress("complained")

    page = " ".join(carer.get(PAGE).text.split())

    assert "<dt>Can be reached</dt> <dd> 3 </dd>" in page
    assert "<dt>Suppressed</dt> <dd> 2 </dd>" in page
    assert "<span>bounced 1</span> · <span>complained 1</span>" in page


def test_each_issue_says_what_came_back(carer):
    mailing = make_mailing("管理槓桿", sent=2000)
    tell(mailing, verdict="hard", count=7)
    tell(mailing, verdict="soft", count=5)
    tell(mailing, verdict="policy", count=3)
    tell(mailing, "complained", domain="")
    tell(mailing, "delivered", domain="", count=9)

    (row,) = list_health.stats_by_issue(list_health.recent_issue_mailings())

    assert (row.sent, row.hard, row.soft, row.policy, row.complained) == (2000, 7, 5, 3, 1)
    assert "管理槓桿" in carer.get(PAGE).text


def test_each_domain_says_what_came_back_from_it_of_twelve_issues(carer):
    for number in range(13):
        mailing = make_mailing(f"第 {number} 期", days_ago=200 - number)
        tell(mailing, verdict="hard", domain="gmail.com", count=2)
        numbers = {"gmail.com": [0, 400, 0, 0, 0, 0]}
        Breakdown.objects.create(mailing=mailing, domains=["gmail.com"], by_domain=numbers)
    tell(mailing, verdict="policy", domain="hinet.net", count=40)

    first, second = list_health.stats_by_domain(list_health.recent_issue_mailings())

    assert (first.name, first.sent, first.policy) == ("hinet.net", None, 40)
    assert (second.name, second.sent, second.hard) == ("gmail.com", 4800, 24)
    assert "hinet.net" in carer.get(PAGE).text


def test_who_took_no_mail_lately_is_counted_once_and_not_if_suppressed():
    mailing, before, old = make_mailing(), make_mailing(days_ago=15), make_mailing(days_ago=90)
    full, gone = make_subscriber("full@example.org"), make_subscriber("gone@example.org")
    for one in (mailing, before):
        tell(one, verdict="soft", who=full.address_hash)
    tell(mailing, verdict="soft", who=gone.address_hash)
    tell(old, verdict="soft", who="long ago")
    gone.suppress("bounced")

    assert list_health.address_stats(NOW).soft == 1


def test_owners_see_the_text_of_what_was_not_understood_and_others_do_not(owner, client):
    InboundMessage.objects.store("brevo", b'{"event": "<teleported>", "ts_epoch": 1520363423000}', NOW)
    InboundMessage.objects.store("postmark", b"\xff no JSON", NOW)
    applying.apply_waiting(NOW, 5)

    page = owner.get(PAGE).text

    assert "unknown: &lt;teleported&gt;" in page
    assert "{&quot;event&quot;: &quot;&lt;teleported&gt;&quot;" in page
    assert "� no JSON" in page
    client.force_login(make_helper("reader-care", name="mei"))
    assert "teleported" not in client.get(PAGE).text


def test_the_page_costs_the_same_for_many_issues_and_arrivals(owner, django_assert_max_num_queries):
    for number in range(14):
        tell(make_mailing(f"第 {number} 期", days_ago=number), verdict="hard", domain=f"d{number}.example")
        InboundMessage.objects.store("brevo", f"no JSON {number}".encode(), NOW)
    applying.apply_waiting(NOW, 5)
    owner.get(PAGE)

    with django_assert_max_num_queries(23):
        owner.get(PAGE)


@pytest.fixture
def unproven():
    """Two complaints about readers that prove nothing."""
    mailing = make_mailing()
    for number, name in enumerate("ab"):
        reader = make_subscriber(f"{name}@example.org")
        mailing.deliveries.create(seq=number, subscriber=reader, state=Delivery.State.SENT, sent_at=NOW)
        InboundMessage.objects.store("mail", complaint(returned(), recipient=f"{name}@example.org"), NOW)
    Subscriber.objects.update(created_at=NOW - timedelta(days=30))
    applying.apply_waiting(NOW, 5)
    return InboundMessage.objects.unproven()


def test_a_mail_that_proves_nothing_is_shown_and_taken_as_proven_by_a_button(carer, unproven):
    assert "a@example.org" in carer.get(PAGE).text
    first = unproven.earliest("pk")

    page = carer.post(f"{PAGE}unproven/{first.pk}/", follow=True).text
    applying.apply_waiting(NOW, 5)

    assert "It is taken as proven." in page
    assert "a@example.org" not in page
    assert list(Suppression.objects.values_list("email", "reason")) == [("a@example.org", "complained")]


@pytest.mark.parametrize(("chosen", "left"), [("first", 1), ("all", 0)])
def test_mails_that_prove_nothing_are_dismissed_by_a_button(carer, unproven, chosen, left):
    one = {"mail": unproven.earliest("pk").pk} if chosen == "first" else {}

    page = carer.post(f"{PAGE}unproven/dismissed/", one, follow=True).text
    applying.apply_waiting(NOW, 5)

    assert f"{2 - left} mail" in page
    assert unproven.count() == left
    assert not Suppression.objects.exists()


def test_the_page_of_a_reader_says_what_was_reported(carer):
    reader = make_subscriber("a@example.org")
    mailing = make_mailing()
    facts = {"source": "mail", "mailing_id": mailing.pk, "seq": 0, "address_hash": reader.address_hash, "at": NOW}
    Event.objects.create(source_id="1", kind="bounced", verdict="soft", words="552 5.2.2 mailbox full", **facts)
    Event.objects.create(source_id="2", kind="delivered", words="250 ok and needless", **facts)

    page = carer.get(f"/admin/subscribers/subscriber/{reader.pk}/change/").text

    assert "Reported: was sent back" in page
    assert "552 5.2.2 mailbox full" in page
    assert "needless" not in page
