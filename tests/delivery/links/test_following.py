"""Following a counted link: one leads where the letter led, whatever happens; nobody else is led anywhere."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from newsletter.delivery import rehearsal as checks
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import CompiledMailing
from newsletter.delivery.letter.losses import weigh_letter
from newsletter.delivery.links import counting
from newsletter.delivery.models import Link, Mailing, Visit
from newsletter.delivery.planning import approving
from newsletter.mail import logs, tokens
from tests.delivery.conftest import NOW
from tests.factories import make_publication

BOOK, PAPER, SHOWN = (
    "https://books.example/lever?a=1&b=2",
    "https://papers.example/x",
    "https://shown.example/page",
)
OWN = re.compile(r"https://news\.example\.org/r/\w+/")


def copies(mailing):
    rows = mailing.deliveries.select_related("subscriber").order_by("seq")
    return [rendering.build_copy(mailing, row.subscriber, ids=(mailing.pk, row.seq)) for row in rows]


def html_of(mail):
    return str(mail.alternatives[0][0])


def link_to(url):
    return Link.objects.get(url=url)


# --- The letter ---


def test_the_links_of_a_letter_lead_over_this_site_the_same_for_every_reader(mailing):
    first, second, _third = copies(mailing)
    book = link_to(BOOK)

    assert book.words == "這本書"
    assert f'href="{book.address}"' in html_of(first)
    assert "books.example" not in html_of(first) + first.body
    assert OWN.findall(html_of(first)) == OWN.findall(html_of(second))
    assert OWN.findall(first.body) == OWN.findall(second.body)


def test_what_is_a_readers_own_leads_there_directly(mailing):
    mail = copies(mailing)[0]
    direct = [url for url in checks.find_references(html_of(mail)).links if "/r/" not in url]

    assert SHOWN in direct
    assert "https://news.example.org/issues/7/" in direct
    assert any("/unsubscribe/" in url for url in direct)
    assert any("/preferences/" in url for url in direct)
    assert any("/feedback/" in url for url in direct)
    assert len(mail.extra_headers["List-Unsubscribe"].strip("<>")) < 74


def test_the_compiled_copy_says_the_same(mailing):
    assert CompiledMailing(mailing).describe_difference(mailing) == ""


def test_the_letter_that_was_approved_stays_as_it_was_seen(mailing):
    assert BOOK.replace("&", "&amp;") in mailing.html
    assert "/r/" not in mailing.html + mailing.text


def test_switched_off_no_letter_has_such_a_link(make_mailing):
    make_publication(counts_links=False)

    mailing = make_mailing("a")

    assert not Link.objects.exists()
    assert not OWN.search(html_of(copies(mailing)[0]))


def test_a_mailing_keeps_what_was_on_when_it_was_approved(make_mailing):
    mailing = make_mailing("a")

    make_publication(counts_links=False)

    assert OWN.search(html_of(copies(mailing)[0]))


def test_the_weight_is_that_of_the_letter_with_its_counted_links(mailing, issue):
    sent = len(html_of(copies(mailing)[0]).encode())

    assert sent <= weigh_letter(issue, mailing).size <= sent + 1_000


# --- The door ---


def test_a_link_leads_where_the_letter_led(mailing, follow):
    response = follow(link_to(BOOK))

    assert response.status_code == 302
    assert response["Location"] == BOOK
    assert response["Cache-Control"] == "no-store, private"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]
    assert not response.cookies


def test_head_is_answered_and_not_counted(mailing, follow):
    response = follow(link_to(BOOK), method="head")

    assert (response.status_code, response["Location"]) == (302, BOOK)
    assert not Visit.objects.exists()


def test_a_token_that_is_none_leads_nowhere(mailing, client):
    token = link_to(BOOK).token
    forged = [
        f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
        "x",
        "1" * 24,
        "https:",
        tokens.sign("bounce", mailing.pk),
    ]

    assert [client.get(f"/r/{one}/").status_code for one in forged] == [404] * 5
    assert client.get(f"/r/{token}/?url=https://evil.example/")["Location"] == BOOK
    assert client.post(f"/r/{token}/").status_code == 405


def test_who_tries_many_tokens_waits(client, mailing, monkeypatch, follow):
    monkeypatch.setattr(counting, "INVALID_TOKENS_MAX", 2)
    statuses = [client.get("/r/1abcdefghijklmnop/").status_code for _time in range(3)]

    assert statuses == [404, 404, 429]
    assert follow(link_to(BOOK), network="127.0.0.1").status_code == 302


def test_a_letter_that_was_replaced_still_leads_on(make_mailing, issue, follow):
    mailing = make_mailing("a", planned=False)
    before = link_to(BOOK)
    issue.posts.update(body="[新的](https://new.example/)")

    approving.refreeze(mailing, now=NOW)

    assert follow(before)["Location"] == BOOK
    assert follow(link_to("https://new.example/"))["Location"] == "https://new.example/"


def test_links_work_while_the_database_is_away(mailing, follow):
    book, paper = link_to(BOOK), link_to(PAPER)
    follow(book)

    def gone(*_args):
        raise OperationalError("the database is away")

    with connection.execute_wrapper(gone):
        response = follow(paper)  # nobody has followed this one yet

    assert (response.status_code, response["Location"]) == (302, PAPER)
    assert Visit.objects.count() == 1


def test_the_log_does_not_show_which_link_somebody_followed(mailing):
    line = logs.mask_tokens(f'"GET /r/{link_to(BOOK).token}/ HTTP/1.1" 302')

    assert line == '"GET /r/***/ HTTP/1.1" 302'


@pytest.mark.django_db(transaction=True)
def test_a_link_does_not_wait_for_a_locked_database(make_mailing, follow):
    mailing = make_mailing("a")
    book = link_to(BOOK)
    follow(book)
    has_it, ends = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            Mailing.objects.filter(pk=mailing.pk).update(reason="another writes")
            has_it.set()
            ends.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as other:
        writing = other.submit(write)
        assert has_it.wait(10)
        began = time.monotonic()
        response = follow(book)
        seconds = time.monotonic() - began
        ends.set()
        writing.result()

    assert response["Location"] == BOOK
    assert seconds < 2
