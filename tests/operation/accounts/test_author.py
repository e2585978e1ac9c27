"""The author's account and the one-time link to it."""

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from newsletter.operation.accounts import author
from tests.factories import make_helper

pytestmark = pytest.mark.django_db


def _parts(link: str) -> tuple[str, str]:
    uid, token = link.rstrip("/").split("/")[-2:]
    return uid, token


def test_the_first_start_makes_a_superuser_that_nobody_can_log_in_as():
    made = author.get_or_create_author()

    assert (made.username, made.is_superuser, made.has_usable_password()) == ("author", True, False)


def test_a_second_start_makes_no_second_author():
    assert author.get_or_create_author() == author.get_or_create_author()


def test_an_existing_superuser_is_the_author():
    boss = User.objects.create_superuser("gipi", password="leverage-2026")

    assert author.get_or_create_author() == boss


def test_nobody_can_log_in_until_the_author_has_a_password():
    made = author.get_or_create_author()
    before = author.nobody_can_log_in()

    author.claim_account(made, username="gipi", email="", password="leverage-2026")

    assert (before, author.nobody_can_log_in()) == (True, False)


def test_staff_that_was_switched_off_does_not_count_as_somebody():
    User.objects.create_superuser("gone", password="leverage-2026", is_active=False)

    assert author.nobody_can_log_in()


def test_a_link_leads_to_its_author():
    made = author.get_or_create_author()

    link = author.start_link(made, base_url="https://news.example.org")

    assert link.startswith("https://news.example.org/admin/start/")
    assert author.user_of_link(*_parts(link)) == made


def test_one_use_spends_all_links_made_before():
    made = author.get_or_create_author()
    links = [author.start_link(made, base_url="") for _ in range(2)]

    author.claim_account(author.user_of_link(*_parts(links[0])), username="gipi", email="", password="leverage-2026")

    assert author.user_of_link(*_parts(links[1])) is None


def test_a_link_expires_after_a_day():
    with time_machine.travel("2026-11-24 08:00", tick=False):
        parts = _parts(author.start_link(author.get_or_create_author(), base_url=""))
    with time_machine.travel("2026-11-25 08:00", tick=False):
        at_the_end = author.user_of_link(*parts)
    with time_machine.travel("2026-11-25 08:01", tick=False):
        after_it = author.user_of_link(*parts)

    assert at_the_end is not None
    assert after_it is None


@pytest.mark.parametrize(
    ("uid", "token"),
    [
        ("MQ", "abc"),
        ("MQ", "d00000-5d97d442a0f5031cbe15a902c376451b"),
        ("not base64!", "abc"),
        ("AAAA", "abc"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw", "abc"),  # 123456789012345678901234567890
        ("", ""),
    ],
)
def test_what_is_no_link_of_ours_leads_nowhere(uid, token):
    author.get_or_create_author()

    assert author.user_of_link(uid, token) is None


def test_of_two_simultaneous_uses_one_wins():
    author.get_or_create_author()
    first, second = User.objects.get(), User.objects.get()

    won = author.claim_account(first, username="gipi", email="", password="leverage-2026")
    lost = author.claim_account(second, username="mallory", email="", password="leverage-2027")

    assert (won, lost) == (True, False)
    assert User.objects.get().username == "gipi"


def test_a_lost_password_works_until_its_replacement_is_chosen(client):
    boss = User.objects.create_superuser("gipi", password="leverage-2026")

    author.start_link(boss, base_url="")

    assert client.login(username="gipi", password="leverage-2026")


def test_the_command_prints_a_link_that_works(capsys):
    call_command("author_link")

    said = capsys.readouterr()
    assert author.user_of_link(*_parts(said.out.strip())) is not None
    assert said.err == "It works once, within 24 hours. The old password works until then.\n"


def test_the_command_lets_a_helper_in_who_is_named(capsys):
    helper = make_helper("writer", name="mei")
    User.objects.create_superuser("gipi", password="leverage-2026")

    call_command("author_link", user="mei")

    assert author.user_of_link(*_parts(capsys.readouterr().out.strip())) == helper


@pytest.mark.parametrize("name", ["nobody", "gone", "Mei"])
def test_the_command_says_when_no_account_has_the_name(name):
    make_helper("writer", name="gone", is_active=False)
    make_helper("writer", name="mei")

    with pytest.raises(CommandError, match=f"No account that may log in is called '{name}'."):
        call_command("author_link", user=name)


def test_an_owner_by_role_is_the_author_where_no_superuser_is():
    make_helper("editor")
    owner = make_helper("owner")

    assert author.get_or_create_author() == owner


def test_where_every_owner_is_shut_out_a_new_one_is_made():
    User.objects.create_superuser("author", password="leverage-2026", is_active=False)
    make_helper("owner", is_active=False)

    made = author.get_or_create_author()

    assert (made.username, made.is_superuser, made.is_active) == ("author-2", True, True)
