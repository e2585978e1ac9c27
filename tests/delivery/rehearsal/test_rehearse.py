"""A rehearsal writes what would be sent, to those who would get it, and leaves no trace but its report."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.delivery import rehearsal
from newsletter.delivery.models import Batch, Delivery, Mailing, rehearsals
from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import audience
from newsletter.delivery.rehearsal import EXAMPLE_READERS, rehearse, unsaved_mailing
from newsletter.mail import outbox
from newsletter.mail.mailers import mailer_from_url
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.processes import free_port


def report(issue, segment=""):
    return rehearse(unsaved_mailing(issue, segment, NOW), NOW)


def told(found, topic):
    return [(one.level, one.text) for one in found.remarks if one.topic == topic]


# --- Test copies ---


def test_a_test_copy_is_the_real_letter_with_a_mark_and_counted_nowhere(issue, settings, tmp_path):
    settings.MAILERS = settings.MAILERS | {"bulk": mailer_from_url("", outbox=tmp_path)}
    make_subscriber("gipi@example.org")

    rehearsal.send_test_copy(issue, "gipi@example.org")

    [name] = outbox.mail_names(tmp_path)
    reader = rehearsal.example_reader("gipi@example.org")
    sent = outbox.read_mail(tmp_path, name)
    real = rehearsal.build_copy(unsaved_mailing(issue, "", timezone.now()), reader, ids=(0,)).message()
    assert dict(outbox.header_fields(sent))["Subject"] == "[Test] 第七期"
    assert outbox.body_part(sent, "html") == outbox.body_part(real.as_bytes(), "html")
    assert outbox.body_part(sent, "plain") == outbox.body_part(real.as_bytes(), "plain")
    assert set(dict(outbox.header_fields(sent))) == set(real.keys())
    assert (Mailing.objects.count(), Delivery.objects.count(), Batch.objects.count()) == (0, 0, 0)
    issue.refresh_from_db()
    assert issue.sent_at is None


# --- Whose copies are written ---


def test_the_hardest_of_the_audience_are_found(issue):
    for name, address in {
        "王小明": "a@example.org",
        "歐" * 80: "b@example.org",
        "": "c@example.org",
        "無": f"{'f' * 60}@example.org",
    }.items():
        make_subscriber(address, name=name)
    make_subscriber("gone@example.org", name="歐" * 79, state=Subscriber.State.UNSUBSCRIBED)

    found = rehearsal.extreme_rows(unsaved_mailing(issue, "", NOW), NOW)

    assert [row.email[0] for row in found] == ["b", "f", "c"]


def test_of_equally_hard_readers_the_first_is_taken(issue):
    for name in "abc":
        make_subscriber(f"{name}@example.org", name="王小明")

    assert [row.email for row in rehearsal.extreme_rows(unsaved_mailing(issue, "", NOW), NOW)] == ["a@example.org"]


def test_a_rehearsal_asks_as_often_for_many_readers_as_for_one(issue):
    def asked():
        with CaptureQueriesContext(connection) as found:
            report(issue)
        return sum('FROM "subscribers_subscriber"' in one["sql"] for one in found.captured_queries)

    make_subscriber("first@example.org", name="王小明")
    once = asked()
    for number in range(60):
        make_subscriber(f"{'r' * number}@example.org", name='𠮷"'[: number % 3] * (number // 2))

    assert asked() == once == 3


def test_only_the_segment_is_written_to(issue):
    make_subscriber("student@example.org", tags="課程")
    make_subscriber("other@example.org")

    found = report(issue, "+課程")

    written = {copy["address"] for copy in found.copies}
    assert "student@example.org" in written
    assert "other@example.org" not in written


# --- What is found ---


def test_a_letter_that_is_right_has_no_error(issue):
    make_subscriber("reader@example.org", name="王小明")

    found = report(issue)

    assert {one.level for one in found.remarks} == {"ok"}
    assert {one.topic for one in found.remarks} == {"copies", "size", "headers", "links", "pictures", "format"}
    assert told(found, "copies") == [("ok", "6 copies were written whole.")]


def test_made_up_readers_are_written_to_when_there_is_nobody(issue):
    found = report(issue)

    assert [(copy["name"], copy["address"]) for copy in found.copies] == list(EXAMPLE_READERS)
    assert not any(copy["problem"] for copy in found.copies)


def test_nothing_is_kept_and_nothing_sent(issue):
    make_subscriber("reader@example.org")

    report(issue)

    counts = [model.objects.count() for model in (Mailing, Delivery, Batch, Rehearsal)]
    assert counts == [0, 0, 0, 0]


def test_a_reader_who_cannot_be_mailed_is_a_warning_and_stops_nothing(issue):
    Subscriber.objects.create(email="名@example.org", address_hash="x", state="active", confirmed_at=NOW)

    found = report(issue)

    [(level, text), whole] = told(found, "copies")
    assert level == "warning"
    assert text.startswith("The copy of 名@example.org: Cannot mail to")
    assert whole == ("ok", "5 copies were written whole.")


def test_a_template_that_says_something_else_is_an_error(issue, monkeypatch):
    make_subscriber("reader@example.org")
    whole = rehearsal.build_copy
    monkeypatch.setattr(rehearsal, "build_copy", lambda *args, **kwargs: whole(*args, **kwargs, subject_prefix="!"))

    found = [one for one in report_of_copies(issue) if one.level == "error"]

    assert found[0].text == "The copy of reader@example.org: The two ways to write it differ."


def report_of_copies(issue):
    mailing = unsaved_mailing(issue, "", NOW)
    compiled = rehearsal.CompiledMailing(mailing)
    rows = rehearsal.extreme_rows(mailing, NOW)
    return list(rehearsal._about_copies([rehearsal._write_copy(mailing, compiled, row) for row in rows]))


def test_what_the_format_check_objects_to_is_told(issue):
    issue = make_issue(make_post("甲", body="**重點** 文字,半形"), number=9)

    [objection, whole] = told(report(issue), "format")

    assert objection == ("warning", "“甲”: 1 place")
    assert whole == ("ok", "Every letter and digit of the texts is shown in all their forms.")


def test_what_readers_would_not_be_shown_is_an_error_with_its_place(issue):
    issue = make_issue(make_post("甲", body="開頭\n\n<style>\n.乙 { color: red }\n</style>\n\n結尾"), number=9)

    found = told(report(issue), "format")

    assert ("error", "“甲”, line 4, not shown (Mail, Plain text, Web page, Feed): .乙 { color: red }") in found


def test_a_letter_that_is_too_large_is_an_error_with_advice(publication):
    issue = make_issue(make_post("長", body="字" * 30_120), number=9)

    [remark] = [one for one in report(issue).remarks if one.topic == "size"]

    assert remark.level == "error"
    assert remark.hint == "Set post 1 to excerpt."
    assert remark.text == "137 KB of the 102 KB that Gmail shows"


def test_links_to_others_are_kept_for_later(publication):
    body = "[甲](https://a.example/x) [甲](https://a.example/x) [我們](/about/) ![圖](https://b.example/c.png)"
    issue = make_issue(make_post("甲", body=body), number=9)

    links = report(issue).links

    assert links.count("https://a.example/x") == 1
    assert "https://b.example/c.png" in links
    assert not any(link.startswith("https://news.example.org") for link in links)


def test_of_each_link_it_is_said_whether_a_reader_far_away_could_open_it(publication, settings):
    body = "[甲](http://intranet/x) [乙](http://192.168.1.5/) [丙](https://a.example/) [我們](/about/)"
    issue = make_issue(make_post("甲", body=body), number=9)

    far = report(issue)
    settings.SITE_URL = "http://localhost:8000"
    near = report(issue)

    closed = [
        ("warning", f"No reader far away can open this link: {url}")
        for url in ("http://intranet/x", "http://192.168.1.5/")
    ]
    [works, *others] = told(far, "links")
    assert re.fullmatch(r"All \d+ links to this site work, and any reader can open them\.", works[1])
    assert others == closed
    assert far.links == ["https://a.example/"]
    [site, *others] = told(near, "links")
    assert site[0] == "warning"
    assert site[1].endswith("links lead to this site, which no reader far away can open: http://localhost:8000")
    assert others == closed


# --- What is outside ---


@pytest.fixture
def site():
    class Site(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def kept(issue, *links):
    return Rehearsal.objects.create(issue=issue, digest="x", started_at=NOW, told_at=NOW, links=list(links))


def test_links_to_others_are_asked_and_told(issue, site):
    found = kept(issue, f"{site}/200", f"{site}/204", f"{site}/404", f"{site}/503", f"{site}/403")

    remarks = rehearsal.check_other_sites(found, is_allowed=lambda address, port: True)

    assert [(one.level, one.text) for one in remarks] == [
        ("error", f"Nothing is there (404): {site}/404"),
        ("warning", f"Could not be looked at (503): {site}/503"),
        ("info", f"Lets only people in (403): {site}/403"),
        ("ok", "2 links to other sites work."),
    ]
    found.refresh_from_db()
    assert found.asked == 5


def test_a_link_into_this_network_is_told_and_not_asked(issue):
    link = f"http://127.0.0.1:{free_port()}/"

    [remark] = rehearsal.check_other_sites(kept(issue, link))

    assert (remark.level, remark.text) == (
        "warning",
        f"Leads into a private network (127.0.0.1), so it was not asked: {link}",
    )


def test_a_machine_without_a_way_out_says_so_once():
    found = [rehearsal.LinkCheck(f"https://{name}.example/", "offline") for name in "ab"]

    [remark] = rehearsal._about_others(found)

    assert (remark.level, remark.text) == (
        "info",
        "2 links to other sites were not asked: this machine has no way to them.",
    )


def test_the_audience_of_a_rehearsal_is_that_of_the_mailing(issue):
    make_subscriber("a@example.org")

    would_get = {row.email for row in rehearsal.extreme_rows(unsaved_mailing(issue, "", NOW), NOW)}

    mailing = approving.approve(issue, send_at=None, now=NOW, hold=NOW - NOW)
    assert would_get == set(audience(mailing, NOW).values_list("email", flat=True))
    assert rehearsals.rehearsal_digest(mailing.content_hash, "") == rehearsals.rehearsal_digest(
        unsaved_mailing(issue, "", NOW).content_hash, ""
    )
