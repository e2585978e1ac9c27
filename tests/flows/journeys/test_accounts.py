"""What somebody does with an account of the desk: the first login, second factors, helpers, the way back."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from newsletter.operation.accounts import second_factors
from newsletter.posts.models import Post
from tests.flows.journeys.people import Author
from tests.support.second_factor import totp_code

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "leverage-2026"


@pytest.fixture
def owner(new_person):
    """An owner in front of a browser that nobody has logged in with."""
    User.objects.create_superuser("gipi", "gipi@example.org", PASSWORD)
    person = new_person(Author, address="gipi@example.org")
    person.logs_in("gipi", PASSWORD)
    return person


def log_out(person):
    person.opens_desk("settings")
    person.goes("Log out", inside="main")


@pytest.mark.doors(
    "admin:login", "admin:factor_app", "admin:second_factor", "admin:factor_codes", "admin:factor_remove"
)
def test_an_app_is_added_and_asked_for_until_it_is_removed(owner):
    owner.opens_desk("account")
    owner.goes("Add an app")
    secret = owner.page.locator(".secret").inner_text().replace(" ", "")
    owner.types(code=totp_code(0, secret))
    owner.goes("Add it")
    owner.goes("I have kept them")
    owner.goes("Make new ones")
    owner.goes("Yes, make ten new ones")
    code = owner.page.locator(".codes code").first.inner_text()
    assert owner.downloads("Download").decode().startswith(code)
    log_out(owner)

    owner.logs_in("gipi", PASSWORD, at="/admin/posts/post/")
    owner.types(code=code)
    owner.goes("Log in", inside="#login-form")
    owner.sees("Posts", inside="h1")
    owner.opens_desk("account")
    owner.sees("9 left")
    owner.goes("Remove Authenticator app")
    owner.sees("after that your password alone opens the desk")
    owner.goes("Yes, remove it")
    log_out(owner)
    owner.logs_in("gipi", PASSWORD)
    owner.sees("Today", inside="main, nav")


@pytest.mark.doors("admin:factor_passkey", "admin:passkey_creation", "admin:passkey_options", "admin:by_passkey")
def test_a_passkey_opens_the_desk_without_name_and_password(owner):
    owner.has_a_passkey_in_the_browser()
    owner.opens_desk("factor_passkey")
    owner.types(name="blue key")
    owner.goes("Make the passkey")
    owner.goes("I have kept them")
    owner.sees("blue key")
    log_out(owner)

    owner.opens("/admin/login/?next=/admin/issues/issue/")
    owner.goes("Log in with a passkey")
    owner.page.wait_for_url("**/admin/issues/issue/")


@pytest.mark.doors("admin:end_session")
def test_a_browser_left_elsewhere_is_logged_out_from_here(owner, new_person):
    elsewhere = new_person(Author)
    elsewhere.logs_in("gipi", PASSWORD)
    owner.opens_desk("account")
    owner.goes("End all others")
    elsewhere.opens("/admin/")
    elsewhere.sees("Log in", inside="h1")


@pytest.mark.doors("admin:password_change", "admin:logout")
def test_a_new_password_is_the_one_that_opens(owner):
    owner.opens_desk("password_change")
    owner.types(old_password=PASSWORD, new_password1="shelves-2027", new_password2="shelves-2027")
    owner.goes("Change my password")
    log_out(owner)
    owner.logs_in("gipi", "shelves-2027")
    owner.sees("Today", inside="main, nav")


@pytest.mark.doors("admin:auth_user_add", "admin:auth_user_start_link", "admin:start", "admin:posts_post_add")
def test_a_writer_comes_in_by_a_link_and_cannot_publish(owner, new_person):
    owner.opens_desk("auth_user_add")
    owner.types(username="ben")
    owner.ticks("Writer")
    owner.goes("Save")
    owner.opens_desk("auth_user_start_link", User.objects.get(username="ben").pk)
    owner.goes("Make a start link")
    link = owner.page.locator("#start-link").input_value()

    ben = new_person(Author)
    ben.opens(link)
    ben.types(username="ben", password1=PASSWORD, password2=PASSWORD)
    ben.goes("Go to the desk")
    ben.writes_a_post("A draft of Ben", "Not yet.")
    ben.does_not_see("Publish…")
    ben.does_not_see("Readers")
    ben.waits_until_saved()
    owner.opens_desk("posts_post_changelist")
    owner.sees("A draft of Ben")
    assert not Post.objects.get().published_at


@pytest.mark.doors("admin:auth_user_change", "admin:auth_user_delete")
def test_who_helps_no_longer_is_shut_out(owner, new_person):
    User.objects.create_user("ben", "", PASSWORD, is_staff=True)
    ben = new_person(Author)
    owner.opens_desk("auth_user_changelist")
    owner.goes("ben", inside="#result_list")
    owner.ticks("May log in")
    owner.goes("Save")
    ben.logs_in("ben", PASSWORD)
    ben.sees("Log in", inside="h1")

    owner.deletes("ben")
    owner.does_not_see("ben", inside="#result_list")


@pytest.mark.doors("admin:start")
def test_the_operator_gets_an_owner_in_again_who_has_lost_the_password(owner, new_person):
    said = StringIO()
    call_command("author_link", stdout=said)
    again = new_person(Author)
    again.opens(said.getvalue().strip())
    again.types(password1="shelves-2027", password2="shelves-2027")
    again.goes("Go to the desk")
    again.sees("Welcome, gipi. This is your desk.")
    assert not second_factors.has_second_factor(User.objects.get())
