"""The sign-up elsewhere: a frame on any site, a form on any site, a code on a wall."""

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from xml.etree import ElementTree

import pytest

from subscribers.models import Subscriber
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible_in_both_schemes

FOREIGN = {"Origin": "https://blog.example", "Sec-Fetch-Site": "cross-site", "Referer": "https://blog.example/"}


# --- A frame ---


def test_any_site_may_frame_the_form_and_no_other_page(client):
    frame, page = client.get("/embed/"), client.get("/subscribe/")

    assert "frame-ancestors *" in frame["Content-Security-Policy"]
    assert "X-Frame-Options" not in frame
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"


def test_a_kept_frame_may_be_framed_too(client):
    client.get("/embed/")

    again = client.get("/embed/?utm_source=blog")

    assert "frame-ancestors *" in again["Content-Security-Policy"]
    assert "X-Frame-Options" not in again


def test_it_has_no_script_no_cookie_and_nothing_of_another_site(client):
    frame = client.get("/embed/")

    assert "<script" not in frame.text
    assert "script-src 'none'" in frame["Content-Security-Policy"]
    assert not frame.cookies
    assert not re.findall(r'(?:src|href|action)="(?!/)', frame.text)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?scheme=dark", 'data-scheme="dark">'),
        ("?scheme=light", 'data-scheme="light">'),
    ],
)
def test_what_another_site_chooses_is_taken(client, query, shown):
    assert shown not in client.get("/embed/").text
    assert shown in client.get(f"/embed/{query}").text


def test_another_site_may_have_the_field_alone(client):
    make_publication(promise="Every two weeks.")

    assert "Every two weeks." in client.get("/embed/").text
    assert "Every two weeks." not in client.get("/embed/?lead=none").text


@pytest.mark.parametrize("query", ["?scheme=red", '?scheme="><script>', "?lead=all", "?scheme=dark&lead=x"])
def test_nothing_else_is(client, query):
    answer = client.get(f"/embed/{query}")

    assert answer.status_code == 404
    assert "<script>" not in answer.text.replace("<script data-src", "")


@pytest.mark.parametrize(("query", "place"), [("", "embed"), ("?lead=none", "field")])
def test_who_signs_up_there_agreed_to_the_words_that_stood_there(client, sign_up, query, place):
    make_publication(promise="Every two weeks.")
    shown = " ".join(client.get(f"/embed/{query}").text.split())

    assert f'name="place" value="{place}"' in shown
    sign_up("gipi@example.org", place=place, HTTP_REFERER="https://news.example.org/embed/?utm_source=blog")

    line = Subscriber.objects.get().consents.get()
    assert line.source == f"web:{place} /embed/ utm_source=blog"
    assert ("Every two weeks." in line.text.words) == ("Every two weeks." in shown)
    assert all(words in shown for words in line.text.words.split("\n"))


def test_a_publication_that_takes_nobody_says_so_there(client):
    make_publication(takes_readers=False)

    assert "takes no new readers at present" in " ".join(client.get("/embed/").text.split())


# --- A form ---


def test_a_form_of_another_site_fills_in_the_address_and_does_no_more(client, letters):
    page = client.post("/subscribe/", {"email": "gipi@example.org", "person": "x", "sure": "yes"}, headers=FOREIGN)

    assert page.status_code == 200
    assert 'value="gipi@example.org"' in page.text
    assert 'name="came" value="from blog.example"' in page.text
    assert not Subscriber.objects.exists()
    assert letters() == []


def test_it_cannot_write_into_the_page(client):
    page = client.post("/subscribe/", {"email": '"><script>alert(1)</script>'}, headers=FOREIGN)

    assert "<script>alert" not in page.text


# --- A code ---


def test_the_code_is_a_drawing_that_leads_to_the_sign_up(client, settings):
    answer = client.get("/qr.svg")

    drawing = ElementTree.fromstring(answer.content)
    assert answer["Content-Type"] == "image/svg+xml"
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    side = int(drawing.attrib["viewBox"].split()[2])
    assert (side - 8 - 17) % 4 == 0  # a version of QR with four modules of quiet around it
    settings.SITE_URL = "https://another.example.org"
    make_publication(name="Another")  # moves the site on, so that the kept one is not shown
    assert client.get("/qr.svg").content != answer.content


def test_the_sheet_shows_the_code_and_the_address_to_type(client):
    page = client.get("/qr/")

    assert 'src="/qr.svg"' in page.text
    assert "https://news.example.org/subscribe/" in page.text


@pytest.mark.parametrize("path", ["/embed/", "/qr.svg", "/qr/"])
def test_these_pages_are_kept_and_only_looked_at(client, path):
    first, second = client.get(path), client.get(f"{path}?utm_source=x")

    assert first["ETag"] == second["ETag"]
    assert client.post(path).status_code in {403, 405}


@pytest.mark.exhaustive
@pytest.mark.browser
class TestInABrowser:
    @pytest.fixture
    def clock(self):
        """The system's own."""

    @pytest.fixture
    def host(self):
        """Another site, on an address of its own: show a page of it."""
        pages = {}

        class Site(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(pages.get(self.path, "").encode())

            def log_message(self, *_words):
                """Say nothing."""

        site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        Thread(target=site.serve_forever, daemon=True).start()

        def show(page, body: str) -> None:
            pages["/blog/"] = body
            page.goto(f"http://127.0.0.1:{site.server_port}/blog/")

        yield show
        site.shutdown()
        site.server_close()

    def test_somebody_signs_up_in_a_frame_of_another_site(self, server, browser, host):
        page = browser.new_context(java_script_enabled=False).new_page()
        host(page, f'<iframe src="{server.url}/embed/" width="320" height="380"></iframe>')
        frame = page.frame_locator("iframe")
        frame.locator("input[type=email]").fill("gipi@example.org")
        page.wait_for_timeout(2100)  # a person's hand
        with page.expect_popup() as opened:
            frame.get_by_role("button").click()
        opened.value.get_by_role("heading", name="Look into your mailbox").wait_for()
        page.context.close()

        assert Subscriber.objects.get().consents.get().source == "web:embed /embed/"

    def test_a_plain_form_leads_to_our_button(self, server, browser, host):
        page = browser.new_context(java_script_enabled=False).new_page()
        fields = '<input type="email" name="email"><button>x</button>'
        host(page, f'<form action="{server.url}/subscribe/" method="post">{fields}</form>')
        page.fill("input", "gipi@example.org")
        page.click("button")
        page.wait_for_timeout(2100)  # a person's hand
        page.locator("main form button").click()
        page.get_by_role("heading", name="Look into your mailbox").wait_for()
        page.context.close()

        assert Subscriber.objects.get().consents.get().source == "web:subscribe from 127.0.0.1"

    @pytest.mark.parametrize("path", ["/embed/", "/embed/?scheme=dark", "/embed/?lead=none", "/qr/"])
    def test_they_have_no_barrier_and_fit_a_small_phone(self, server, page, path):
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(server.url + path)

        page.emulate_media(reduced_motion="reduce")
        assert_accessible_in_both_schemes(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
