"""The way in: an address that looks mistyped is asked about, and one that is thrown away soon may be refused."""

import re
from datetime import date

import pytest

from newsletter.issues.models import StartingPoint
from subscribers.models import LinkWish, Subscriber
from subscribers.models.address_changes import AddressChange
from tests.factories import make_post, make_publication
from tests.subscribers.conftest import NOW, path_of
from tests.support.page_checks import assert_accessible_in_both_schemes

OTHER_SITE = '<a href="%s/?utm_source=x">A newsletter</a>'
SITE = "https://news.example.org"


def text_of(response) -> str:
    return " ".join(response.text.split())


def hidden_fields(response) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', response.text))


# --- Slips ---


def test_a_slip_is_asked_about_before_anything_is_kept_or_sent(sign_up, letters):
    answer = sign_up("gipi@gmial.com")

    assert answer.status_code == 200
    assert "Is it gmail.com?" in text_of(answer)
    assert "You wrote <strong>gipi@gmial.com</strong>." in text_of(answer)
    assert not Subscriber.objects.exists()
    assert letters() == []


@pytest.mark.parametrize("chosen", ["gipi@gmail.com", "gipi@gmial.com"])
def test_one_button_takes_what_was_meant_and_one_keeps_what_was_typed(sign_up, letters, chosen):
    asked = sign_up("gipi@gmial.com", place="post")
    assert f'name="email" value="{chosen}"' in text_of(asked)

    answer = sign_up(chosen, **hidden_fields(asked))

    assert "Look into your mailbox" in answer.text
    assert [letter.to for letter in letters()] == [[chosen]]
    assert Subscriber.objects.get().consents.get().source == "web:post"


def test_a_question_is_no_way_around_the_door(client, sign_up, monkeypatch):
    monkeypatch.setattr("subscribers.signup.SIGNUPS_PER_HOUR_MAX", 0)

    assert sign_up("gipi@gmial.com").status_code == 200
    assert sign_up("gipi@gmail.com", sure="yes").status_code == 429


def test_a_machine_that_presses_the_question_s_button_costs_one_more(client):
    answer = client.post("/subscribe/", {"email": "gipi@gmail.com", "sure": "yes"})

    assert "I am a person, subscribe me" in answer.text


@pytest.fixture
def pages(client, reader):
    """The URL of each page with a field for an address, by what a request at it stores."""
    return {LinkWish: "/preferences/", AddressChange: path_of(reader.data_url(NOW)) + "address/"}


@pytest.mark.parametrize("stored", [LinkWish, AddressChange])
def test_a_slip_is_asked_about_wherever_an_address_is_typed(client, pages, stored):
    asked = client.post(pages[stored], {"email": "gipi@hotmial.com"})
    before = stored.objects.exists()
    client.post(pages[stored], hidden_fields(asked) | {"email": "gipi@hotmial.com"})

    assert "Is it hotmail.com?" in text_of(asked)
    assert (before, stored.objects.count()) == (False, 1)


def test_no_browser_refuses_an_address_that_the_page_would_take(client, reader):
    """A browser wants a narrow @, and no 。 at the end."""
    for path in ("/", "/subscribe/", "/embed/", "/preferences/", path_of(reader.data_url(NOW))):
        forms = [form for form in re.findall(r"<form.*?</form>", client.get(path).text, re.DOTALL) if "email" in form]
        assert forms, path
        assert all("novalidate" in form for form in forms), path


def test_an_address_is_shown_as_it_was_typed(client, sign_up, pages):
    answers = [sign_up("gipi@例子.台灣"), sign_up("gipi@例子.台灣", stamp="")]
    answers.append(client.post(pages[LinkWish], {"email": "gipi@例子.台灣"}))
    answers.append(client.post(pages[AddressChange], {"email": "gipi@例子.台灣"}, follow=True))

    assert ["gipi@例子.台灣" in one.text for one in answers] == [True] * 4
    assert ["xn--" in re.sub(r"<input[^>]*>", "", one.text) for one in answers] == [False] * 4


# --- Where they came from ---


@pytest.fixture
def source(letters):
    """What the record says of the way of the one who has signed up."""

    def kept() -> str:
        return Subscriber.objects.get().consents.get().source

    return kept


def test_the_page_and_the_marks_of_its_link_are_kept_without_a_script(client, sign_up, source):
    client.get("/?utm_source=talk")
    sign_up("gipi@example.org", HTTP_REFERER="https://news.example.org/?utm_source=talk")

    assert source() == "web:home / utm_source=talk"


def test_a_link_to_the_form_tells_it_what_it_knows_and_the_form_carries_it(client, sign_up, source):
    page = client.get("/subscribe/?utm_campaign=qr", headers={"referer": "https://www.example.com/a/b?c=d"})
    fields = hidden_fields(page)

    sign_up(
        "gipi@example.org", place="subscribe", came=fields["came"], HTTP_REFERER=f"{SITE}/subscribe/?utm_campaign=qr"
    )

    assert source() == "web:subscribe utm_campaign=qr from www.example.com"


def test_what_is_known_comes_through_every_question(client, sign_up, source):
    first = {"place": "post", "came": "from t.co", "stamp": ""}
    asked = client.post("/subscribe/", first | {"email": "gipi@gmial.com"}, headers={"referer": f"{SITE}/p/7/"})
    again = client.post("/subscribe/", hidden_fields(asked) | {"email": "gipi@gmail.com"})
    client.post("/subscribe/", hidden_fields(again))

    assert source() == "web:post /p/7/ from t.co"


def test_what_a_form_claims_is_cleaned(sign_up, source):
    sign_up("gipi@example.org", came="/mine/abc/ utm_source=<script> utm_evil=1 from a@b.org x" + "y" * 9000)

    assert source() == "web:home utm_source=script"


def test_the_marks_of_a_link_make_no_page_of_their_own(client):
    plain, marked = client.get("/"), client.get("/?utm_source=talk", headers={"referer": "https://t.co/"})

    assert plain.content == marked.content
    assert plain["ETag"] == marked["ETag"]


def test_a_link_may_bring_the_address_along(client):
    page = client.get("/subscribe/", {"email": 'gipi"><b>@example.org'})

    assert 'value="gipi&quot;&gt;&lt;b&gt;@example.org"' in page.text
    assert len(client.get("/subscribe/", {"email": "x" * 5000}).text) < len(page.text) + 300
    assert not page.cookies
    assert not Subscriber.objects.exists()


def test_an_address_in_a_link_is_never_a_part_of_the_record(client, sign_up, source):
    sign_up("gipi@example.org", HTTP_REFERER=f"{SITE}/subscribe/?email=other@example.org&utm_source=mail")

    assert source() == "web:home utm_source=mail"


# --- The page after the confirmation ---


def test_whoever_has_confirmed_is_told_when_the_next_issue_comes_and_where_to_begin(client, sign_up, letters):
    make_publication(welcome_question="What do you hope to read?", cadence_anchor_on=date(2026, 12, 1))
    StartingPoint.objects.create(post=make_post("管理槓桿"), reason="It explains the name.")
    sign_up("gipi@example.org")
    letters()

    page = text_of(client.post(path_of(Subscriber.objects.get().confirm_url)))

    for shown in ("due on Dec. 1, 2026.", "管理槓桿", "It explains the name.", "What do you hope to read?"):
        assert shown in page


def test_nothing_is_asked_and_nothing_handed_over_unless_the_author_has_chosen_it(client, sign_up, letters):
    sign_up("gipi@example.org")
    letters()

    page = text_of(client.post(path_of(Subscriber.objects.get().confirm_url)))

    assert "Welcome, you are subscribed" in page
    assert "Begin with these" not in page
    assert "question" not in page


# --- Throw-away addresses ---


def test_a_throw_away_address_is_taken_as_long_as_the_author_says_nothing(sign_up):
    assert sign_up("gipi@mailinator.com").status_code == 200
    assert Subscriber.objects.get().email == "gipi@mailinator.com"


@pytest.mark.parametrize("email", ["gipi@mailinator.com", "gipi@Sub.Mailinator.COM", "gipi@10minutemail.com"])
def test_it_is_refused_with_a_reason_if_the_author_says_so(sign_up, email):
    make_publication(refuses_throwaway=True)

    answer = sign_up(email)

    assert answer.status_code == 422
    assert "Mailboxes at this address soon end. Write one that you keep." in answer.text
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("email", ["gipi@gmail.com", "gipi@ntu.edu.tw", "gipi@ms1.hinet.net", "gipi@example.org"])
def test_all_others_come_in(sign_up, email):
    make_publication(refuses_throwaway=True)

    assert sign_up(email).status_code == 200


@pytest.mark.exhaustive
@pytest.mark.browser
class TestInABrowser:
    @pytest.fixture
    def clock(self):
        """The system's own."""

    @pytest.mark.parametrize("scripts", [True, False])
    def test_the_question_is_answered_by_one_press(self, server, browser, scripts):
        profile = browser.new_context(java_script_enabled=scripts)
        page = profile.new_page()
        page.goto(f"{server.url}/subscribe/")
        page.fill("main input[type=email]", "gipi@gmial.com")
        page.wait_for_timeout(2100)  # a person's hand
        page.press("main input[type=email]", "Enter")

        page.get_by_role("button", name="Yes, gipi@gmail.com").click()
        page.get_by_role("heading", name="Look into your mailbox").wait_for()
        profile.close()

        assert Subscriber.objects.get().email == "gipi@gmail.com"

    @pytest.mark.parametrize(
        ("scripts", "came"), [(True, "web:home / utm_source=x from 127.0.0.1"), (False, "web:home / utm_source=x")]
    )
    def test_a_kept_page_tells_where_its_reader_came_from(self, server, browser, scripts, came):
        profile = browser.new_context(java_script_enabled=scripts)
        page = profile.new_page()
        page.route(
            "http://127.0.0.1/**", lambda route: route.fulfill(body=OTHER_SITE % server.url, content_type="text/html")
        )
        page.goto("http://127.0.0.1/")
        page.get_by_role("link").click()
        page.wait_for_load_state("load")
        page.wait_for_timeout(2100)  # a person's hand
        page.fill("main input[type=email]", "gipi@example.org")
        page.press("main input[type=email]", "Enter")
        page.get_by_role("heading", name="Look into your mailbox").wait_for()
        profile.close()

        assert Subscriber.objects.get().consents.get().source == came

    @pytest.mark.parametrize("language", ["en", "zh-hant"])
    def test_the_question_and_the_head_fit_a_small_phone(self, server, page, language):
        make_publication(language=language)
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(f"{server.url}/subscribe/")
        page.fill("main input[type=email]", "a-rather-long-name.of.somebody+newsletter@gmial.com")
        page.press("main input[type=email]", "Enter")
        page.locator("main button").first.wait_for()

        assert page.locator("main button").count() == 2
        page.emulate_media(reduced_motion="reduce")
        assert_accessible_in_both_schemes(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        links = page.locator(".masthead-nav a")
        assert links.count() == 5
        assert len({links.nth(at).bounding_box()["y"] for at in range(5)}) == 1
