import re

import pytest
from django.contrib.auth.models import User
from django.core.mail import mailers
from django.urls import reverse

from newsletter.mail import outbox
from newsletter.mail.message import MailContent, build_mail
from tests.factories import make_helper, make_publication
from tests.support.page_checks import markup

pytestmark = pytest.mark.django_db
HTML = "<!DOCTYPE html><html><head><title>x</title></head><body><a href='https://e.x/'>看</a></body></html>"
PAGES = ["outbox_mail", "outbox_text", "outbox_headers", "outbox_frame", "outbox_file"]


@pytest.fixture(autouse=True)
def directory(settings, tmp_path):
    make_publication()
    options = {"directory": str(tmp_path)}
    settings.MAILERS = {"default": {"BACKEND": outbox.BACKEND, "OPTIONS": options}}
    settings.SITE_URL = "http://127.0.0.1:8000"
    return tmp_path


def send(number=1, to="reader@example.com", subject="第 <42> 期"):
    letter = MailContent(subject, HTML, "你好 https://e.x/ <b>\n")
    headers = {"Message-ID": f"<{number}@example.org>", "Date": "Tue, 24 Nov 2026 08:00:00 +0800"}
    mail = build_mail(letter, sender=("Gipi", "news@example.org"), to=("", to), reply_to="", headers=headers)
    mailers["default"].send_messages([mail])
    return outbox.mail_names(outbox.directory())[0]


def page(client, view, name=None, **headers):
    return client.get(reverse(f"mail:{view}", args=[name] if name else []), **headers)


# --- who may look ---


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.8.8.8"])
def test_a_client_on_this_machine_may_look(client, address):
    assert page(client, "outbox", REMOTE_ADDR=address).status_code == 200


def test_before_the_newsletter_is_set_up_no_menu_leads_to_pages_that_are_closed(client):
    make_publication(name="")

    assert "<nav" not in page(client, "outbox").text


@pytest.mark.parametrize("address", ["203.0.113.5", "10.0.0.7", "", "unix:"])
def test_a_stranger_finds_nothing(client, address):
    name = send()

    assert page(client, "outbox", REMOTE_ADDR=address).status_code == 404
    assert {page(client, view, name, REMOTE_ADDR=address).status_code for view in PAGES} == {404}


@pytest.mark.parametrize("site", ["https://news.example.org", "http://192.0.2.7:8000", "https://localhost.example.org"])
def test_on_a_public_site_nobody_is_taken_for_its_tester_by_his_address(client, settings, site):
    """A proxy on the same machine need not say that it is one: every request of a stranger comes from there."""
    name = send()
    settings.SITE_URL = site

    assert page(client, "outbox", REMOTE_ADDR="127.0.0.1").status_code == 404
    assert {page(client, view, name, REMOTE_ADDR="127.0.0.1").status_code for view in PAGES} == {404}


@pytest.mark.parametrize("site", ["http://localhost:8000", "http://[::1]:8000", "http://desk.localhost:8000"])
def test_a_site_of_this_machine_alone_is_on_trial(client, settings, site):
    settings.SITE_URL = site

    assert page(client, "outbox", REMOTE_ADDR="127.0.0.1").status_code == 200


FIELDS = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host", "Via"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_stranger_behind_a_proxy_on_this_machine_finds_nothing(client, field):
    assert client.get("/outbox/", headers={field: "203.0.113.5"}).status_code == 404
    assert client.get("/outbox/", headers={field: "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize(
    ("hops", "status"),
    [("127.0.0.1", 200), ("203.0.113.5", 404), ("127.0.0.1, 203.0.113.5", 404), ("203.0.113.5, 127.0.0.1", 200)],
)
def test_behind_a_trusted_proxy_the_hop_that_it_wrote_counts(client, settings, hops, status):
    settings.TRUSTED_PROXIES = 1

    assert client.get("/outbox/", headers={"X-Forwarded-For": hops}).status_code == status


def test_fewer_hops_than_trusted_proxies_is_a_stranger(client, settings):
    settings.TRUSTED_PROXIES = 2

    assert client.get("/outbox/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


@pytest.mark.parametrize("site", ["https://news.example.org", "http://127.0.0.1:8000"])
def test_who_may_see_all_mail_looks_from_anywhere(client, settings, site):
    settings.SITE_URL = site
    client.force_login(make_helper("reader-care"))

    assert page(client, "outbox", REMOTE_ADDR="203.0.113.5").status_code == 200


def test_a_helper_without_that_right_is_told_so(client):
    name = send()
    client.force_login(make_helper("editor"))

    answers = [page(client, "outbox", REMOTE_ADDR="203.0.113.5")]
    answers += [page(client, view, name, REMOTE_ADDR="203.0.113.5") for view in PAGES]

    assert {answer.status_code for answer in answers} == {403}
    assert all("read the mails in the outbox" in answer.text for answer in answers)


def test_an_account_that_does_not_open_the_desk_finds_nothing(client):
    client.force_login(User.objects.create_user("gipi"))

    assert page(client, "outbox", REMOTE_ADDR="203.0.113.5").status_code == 404


def test_with_a_real_mailer_there_is_no_outbox_for_anybody(client, settings):
    name = send()
    client.force_login(User.objects.create_superuser("gipi"))

    settings.MAILERS = {
        "default": {"OPTIONS": {"host": "localhost"}, "BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
    }

    assert page(client, "outbox").status_code == 404
    assert {page(client, view, name).status_code for view in PAGES} == {404}


def test_nothing_can_be_posted(client):
    assert client.post("/outbox/").status_code == 405


def test_mails_are_never_cached(client):
    assert "no-store" in page(client, "outbox_mail", send())["Cache-Control"]


# --- the list ---


def test_the_list_shows_who_what_and_when_newest_first(client):
    send(1, to="first@example.com")
    second = send(2, to="second@example.com")

    html = page(client, "outbox").content.decode()

    assert html.index("second@example.com") < html.index("first@example.com")
    assert f'href="/outbox/{second}/"' in html
    assert "第 &lt;42&gt; 期" in html
    assert "2026-11-24 08:00" in html  # the publication's zone
    assert "2 mails" in html


# --- one mail ---


def test_a_mail_is_shown_in_a_frame_that_can_do_nothing_but_open_links(client):
    name = send()

    html = markup(page(client, "outbox_mail", name))

    assert re.search(
        rf'<iframe [^>]*sandbox="allow-popups allow-popups-to-escape-sandbox" src="/outbox/{name}/html/"', html
    )


def test_the_frame_has_a_policy_of_its_own(client):
    response = page(client, "outbox_frame", send())

    policy = dict(part.split(" ", 1) for part in response["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'unsafe-inline'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["form-action"] == "'none'"
    assert policy["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_links_in_the_frame_open_beside_the_outbox(client):
    assert '<head><base target="_blank">' in page(client, "outbox_frame", send()).content.decode()


def test_the_text_part_is_escaped_and_its_links_can_be_followed(client):
    html = page(client, "outbox_text", send()).content.decode()

    assert 'href="https://e.x/"' in html
    assert "&lt;b&gt;" in html


def test_the_file_can_be_taken_home(client, directory):
    name = send()

    response = page(client, "outbox_file", name)

    assert response["Content-Type"] == "message/rfc822"
    assert response["Content-Disposition"] == f'attachment; filename="{name}.eml"'
    assert response.content == (directory / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("view", PAGES)
def test_a_mail_that_does_not_exist_is_not_found(client, view):
    assert page(client, view, "20261124T010204000456-" + "0" * 20).status_code == 404
    assert page(client, view, "secret_key").status_code == 404
