"""A hub is told of what was published: once, again when it did not answer, and never inside this network."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from newsletter.delivery import hub
from newsletter.delivery.models import HubNotice
from newsletter.delivery.models.hub import RETRY_AFTER
from newsletter.delivery.tasks import tell_hub
from newsletter.publication.models import Publication
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication

pytestmark = pytest.mark.django_db
NOW = PUBLISHED_AT + timedelta(days=1)
SITE = "https://news.example.org"
FEEDS = [f"{SITE}/feed.xml", f"{SITE}/feed.json", f"{SITE}/issues/feed.xml", f"{SITE}/issues/feed.json"]


def anybody(_address, _port):
    return True


class Hub(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.forms.append((self.headers["Content-Type"], parse_qs(body)))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as http:
        http.forms, http.status = [], 204
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        make_publication(hub=f"http://127.0.0.1:{http.server_port}/?key=1")
        yield http
        http.shutdown()
        thread.join()


def topics(server):
    return [form["hub.url"][0] for _kind, form in server.forms]


def test_a_hub_is_told_of_a_post_once(server):
    make_post()

    assert hub.tell(NOW, anybody) == 4
    assert hub.tell(NOW + timedelta(hours=1), anybody) == 0

    assert topics(server) == FEEDS
    assert server.forms[0] == (
        "application/x-www-form-urlencoded",
        {"hub.mode": ["publish"], "hub.url": [f"{SITE}/feed.xml"]},
    )


def test_nobody_learns_of_an_unlisted_post_by_its_tags(server):
    make_post(tags=("old",))
    hub.tell(NOW, anybody)
    make_post(tags=("quiet",), published_at=NOW, is_unlisted=True)
    make_post(tags=("loud",), published_at=NOW)

    hub.tell(NOW + timedelta(hours=1), anybody)

    assert topics(server)[4:] == [*FEEDS, f"{SITE}/tags/loud/feed.xml"]


def test_a_post_that_waits_for_its_time_is_told_then_with_the_feeds_of_its_tags(server):
    make_post(tags=("old",))
    hub.tell(NOW, anybody)
    make_post(published_at=NOW + timedelta(hours=2), tags=("ai",))
    server.forms.clear()

    assert hub.tell(NOW + timedelta(hours=1), anybody) == 0
    assert hub.tell(NOW + timedelta(hours=3), anybody) == 5

    assert topics(server) == [*FEEDS, f"{SITE}/tags/ai/feed.xml"]


def test_an_issue_is_told_when_it_is_sent(server):
    make_post()
    hub.tell(NOW, anybody)
    issue = make_issue(number=1)

    assert hub.tell(NOW, anybody) == 0
    issue.mark_sent(NOW + timedelta(hours=1))

    assert hub.tell(NOW + timedelta(hours=1), anybody) == 4


@pytest.mark.parametrize("status", [301, 400, 500])
def test_a_hub_that_does_not_take_it_is_told_again_later_each_time(server, status):
    make_post()
    server.status, now = status, NOW

    for wait in RETRY_AFTER[:2]:
        assert hub.tell(now, anybody) == 0
        count = len(server.forms)
        assert hub.tell(now + wait - timedelta(seconds=1), anybody) == 0
        assert len(server.forms) == count  # not asked before its time
        now += wait
    server.status = 202

    assert hub.tell(now, anybody) == 4
    assert HubNotice.objects.get().failures == 0


def test_after_the_last_try_a_hub_is_left_alone_until_there_is_news(server):
    make_post()
    server.status, now = 500, NOW
    for _try in range(len(RETRY_AFTER) + 1):
        hub.tell(now, anybody)
        now += max(RETRY_AFTER)
    tries = len(server.forms)

    assert hub.tell(now, anybody) == 0
    assert tries == len(server.forms) == len(RETRY_AFTER) + 1
    make_post(published_at=now)
    server.status = 204

    assert hub.tell(now, anybody) == 4


def test_nobody_is_told_before_a_hub_is_configured():
    make_post()
    make_publication()

    assert hub.tell(NOW, anybody) == 0
    assert not HubNotice.objects.exists()


def test_an_address_inside_this_network_is_not_called(server, caplog):
    make_post()

    tell_hub()

    assert server.forms == []
    assert "The hub http://127.0.0.1" in caplog.text


def test_a_hub_that_is_away_is_a_try_in_vain(caplog):
    make_post()
    make_publication(hub="https://127.0.0.1:1/")

    assert hub.tell(NOW, anybody) == 0

    assert HubNotice.objects.get().failures == 1
    assert "Connection refused" in caplog.text


def test_two_workers_do_not_tell_the_same(server):
    make_post()
    first = HubNotice.objects.take(PUBLISHED_AT, NOW)

    assert HubNotice.objects.take(PUBLISHED_AT, NOW) is None
    first.settle(PUBLISHED_AT, is_told=True)
    assert HubNotice.objects.take(PUBLISHED_AT, NOW + timedelta(days=1)) is None


@pytest.mark.parametrize("address", ["http://hub.example.org/", "ftp://hub.example.org/", "hub"])
def test_a_hub_has_an_address_that_nobody_reads_on_the_way(address):
    field = Publication._meta.get_field("hub")

    with pytest.raises(Exception, match="valid URL"):
        field.clean(address, None)
