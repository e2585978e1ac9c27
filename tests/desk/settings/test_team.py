"""Accounts and roles on the desk: made, changed and let in by owners, and by nobody else."""

import re

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from newsletter.desk.settings import team
from newsletter.mail import outbox
from newsletter.mail.mailers import mailer_from_url
from newsletter.operation.accounts import author
from tests.factories import make_helper, make_publication
from tests.support.page_checks import markup

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/auth/user/add/", "/admin/auth/user/"


@pytest.fixture
def owner(client):
    make_publication()
    client.user = make_helper("owner", name="gipi", password="leverage-2026")
    client.force_login(client.user)
    return client


def key(role: str) -> int:
    return Group.objects.get(name=role).pk


def change(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def fields(user: User, *roles: str, **more: str) -> dict[str, object]:
    return {"username": user.username, "email": user.email, "groups": [key(role) for role in roles]} | more


def shown_link(page: str) -> str:
    return re.search(r'value="(https://[^"]+/admin/start/[^"]+)"', page)[1]


# --- A helper comes ---


def test_the_link_is_mailed_and_opens_the_account(owner, settings, tmp_path):
    box = tmp_path / "outbox"
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("", outbox=box)}
    mei = make_helper("writer", name="mei", email="mei@example.org")

    response = owner.post(f"{LIST}{mei.pk}/start-link/", {"mail": "1"}, follow=True)
    [name] = outbox.mail_names(box)
    octets = outbox.read_mail(box, name)
    text = outbox.body_part(octets, "plain")
    [address] = set(re.findall(r"https://news\.example\.org(/admin/start/\S+/)", text))

    assert response.redirect_chain == [(LIST, 302)]
    assert "mei@example.org" in str(next(iter(response.context["messages"])))
    assert address not in response.text
    assert "gipi has opened an account for you" in " ".join(text.split())
    assert Client().get(address).status_code == 200
    assert "A start link was mailed." in owner.get(f"{LIST}{mei.pk}/history/").text


def test_a_link_that_cannot_leave_is_said_and_can_be_shown(owner, settings):
    settings.MAILERS = settings.MAILERS | {"default": mailer_from_url("smtp://127.0.0.1:1", outbox=None)}
    mei = make_helper("writer", name="mei", email="mei@example.org")
    page = f"{LIST}{mei.pk}/start-link/"

    response = owner.post(page, {"mail": "1"}, follow=True)

    assert response.redirect_chain == [(page, 302)]
    assert "nothing was sent" in str(next(iter(response.context["messages"])))
    assert "/admin/start/" in shown_link(owner.post(page).text)


@pytest.mark.parametrize("language", ["en", "zh-hant"])
@pytest.mark.parametrize("is_new", [True, False])
def test_the_invitation_is_in_the_language_of_the_publication(language, is_new):
    make_publication(name="Gipi", language=language)
    mei = make_helper("writer", name="mei", email="mei@example.org", **({} if is_new else {"password": "x"}))

    letter = team.build_invitation(mei, by="gipi", link="https://news.example.org/admin/start/1/2/")
    octets = letter.message().as_bytes()

    assert letter.subject.isascii() is (language == "en")
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        assert "https://news.example.org/admin/start/1/2/" in outbox.body_part(octets, kind)
        assert "gipi" in outbox.body_part(octets, kind)


def test_an_owner_makes_an_account_with_a_role_and_a_link_opens_it(owner):
    made = owner.post(ADD, {"username": "mei", "email": "", "groups": [key("writer")], "is_active": "on"})
    asked = owner.get(made["Location"])
    link = shown_link(owner.post(made["Location"]).text)

    mei, guest = User.objects.get(username="mei"), Client()
    before = mei.has_usable_password()
    answer = guest.post(
        link.partition("news.example.org")[2],
        {"username": "mei", "email": "", "password1": "a-long-leverage", "password2": "a-long-leverage"},
    )

    assert (mei.is_staff, mei.is_superuser, before) == (True, False, False)
    assert "start/" not in asked.content.decode().replace("start-link/", "")
    assert answer["Location"] == "/admin/"
    assert guest.get("/admin/posts/post/").status_code == 200


def test_a_link_is_shown_once_and_kept_nowhere(owner):
    helper = make_helper("writer")

    page = owner.post(f"{LIST}{helper.pk}/start-link/")

    assert author.user_of_link(*shown_link(page.text).rstrip("/").split("/")[-2:]) == helper
    assert "no-store" in page.headers["Cache-Control"]
    assert shown_link(page.text) not in owner.get(f"{LIST}{helper.pk}/history/").text
    assert "A start link was made." in owner.get(f"{LIST}{helper.pk}/history/").text


def test_the_list_tells_each_account_with_its_roles(owner):
    make_helper("editor", "reader-care", name="mei")
    User.objects.create_superuser("boss")

    text = markup(owner.get(LIST))

    assert "Editor, Reader care" in text
    assert text.count('<td class="field-role_names">Owner</td>') == 2


def test_the_form_knows_no_password_and_no_right_beside_the_roles(owner):
    page = owner.get(change(make_helper("writer"))).text

    for name in ("password", "is_superuser", "is_staff", "user_permissions"):
        assert f'name="{name}' not in page
    assert owner.get(f"{LIST}{owner.user.pk}/password/", follow=True).request["PATH_INFO"] == "/admin/"


def test_no_forged_field_makes_a_superuser(owner):
    helper = make_helper("writer")

    owner.post(change(helper), fields(helper, "writer", is_active="on", is_superuser="on", password="x"))

    helper.refresh_from_db()
    assert (helper.is_superuser, helper.has_usable_password()) == (False, False)


# --- The last owner ---


@pytest.mark.parametrize("form", [{"roles": ["owner"]}, {"roles": ["editor"], "is_active": "on"}])
def test_the_last_owner_neither_leaves_the_role_nor_is_shut_out(owner, form):
    sent = fields(owner.user, *form["roles"]) | {name: on for name, on in form.items() if name == "is_active"}

    page = owner.post(change(owner.user), sent)

    assert "Nobody else who can log in is an owner." in page.text
    owner.user.refresh_from_db()
    assert owner.user.is_active
    assert [group.name for group in owner.user.groups.all()] == ["owner"]


def test_a_superuser_who_leaves_the_owners_is_none_any_more(owner):
    boss = User.objects.create_superuser("boss", password="leverage-2027")
    page = owner.get(change(boss)).text

    owner.post(change(boss), fields(boss, "editor", is_active="on"))

    assert re.search(rf'value="{key("owner")}"[^>]* checked', page)
    boss.refresh_from_db()
    assert not boss.is_superuser


def test_nobody_deletes_himself_or_the_last_owner(owner):
    boss = User.objects.create_superuser("boss", password="leverage-2027")

    itself = owner.post(f"{LIST}{owner.user.pk}/delete/", {"post": "yes"})
    owner.user.set_unusable_password()
    owner.user.save()
    owner.force_login(owner.user)
    last = owner.post(f"{LIST}{boss.pk}/delete/", {"post": "yes"})

    assert (itself.status_code, last.status_code) == (403, 403)
    assert User.objects.count() == 2


# --- Nobody climbs ---


@pytest.fixture
def climber(owner):
    """Somebody with every role but the owners', and every permission that Django knows."""
    helper = make_helper("editor", "writer", "reader-care", name="climber")
    helper.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(helper)
    client.user = helper
    return client


def test_a_helper_with_every_permission_gives_himself_no_role(climber):
    before = set(climber.user.groups.all())

    answer = climber.post(change(climber.user), fields(climber.user, "owner", is_active="on", is_superuser="on"))

    climber.user.refresh_from_db()
    assert answer.status_code == 403
    assert (set(climber.user.groups.all()), climber.user.is_superuser) == (before, False)


def test_a_helper_with_every_permission_touches_no_account_and_no_role(climber, owner):
    password = owner.user.password
    for address in (ADD, LIST, change(owner.user), f"{LIST}{owner.user.pk}/delete/", "/admin/auth/group/add/"):
        assert climber.get(address).status_code == climber.post(address, {"post": "yes"}).status_code == 403
    for address in (f"{LIST}{owner.user.pk}/start-link/", f"/admin/auth/group/{key('writer')}/change/"):
        assert climber.post(address).status_code == 403

    assert User.objects.get(pk=owner.user.pk).password == password


# --- Roles ---


def test_an_owner_widens_a_role(owner):
    group = Group.objects.get(name="writer")
    wanted = Permission.objects.get(codename="see_mail")
    page = owner.get(f"/admin/auth/group/{group.pk}/change/")

    owner.post(f"/admin/auth/group/{group.pk}/change/", {"permissions": [wanted.pk]})

    assert "read the mails in the outbox" in page.text
    assert list(group.permissions.all()) == [wanted]


def test_no_role_can_be_given_a_right_over_accounts(owner):
    group, forbidden = Group.objects.get(name="writer"), Permission.objects.get(codename="change_user")

    owner.post(f"/admin/auth/group/{group.pk}/change/", {"permissions": [forbidden.pk]})

    assert forbidden not in group.permissions.all()


def test_the_owners_role_stays_as_it_is(owner):
    address, before = (
        f"/admin/auth/group/{key('owner')}/change/",
        Permission.objects.filter(group__name="owner").count(),
    )

    page, answer = owner.get(address), owner.post(address, {"name": "x", "permissions": []})

    assert "Everything, with the accounts of others" in page.text
    assert answer.status_code == 403
    assert Permission.objects.filter(group__name="owner").count() == before
