"""Out of one house and into another: what is equal, what is refused, and what is not sent."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.tasks import send_welcomes
from newsletter.issues.models import Issue
from newsletter.moving.folder import exporting, places
from newsletter.moving.folder.exporting import ALIAS, snapshot
from newsletter.moving.folder.layout import FolderError
from newsletter.moving.folder.sheets import SHEETS
from newsletter.moving.taking import site
from newsletter.posts.models import Image, Post, Series
from newsletter.publication.models import Publication
from subscribers import departures
from subscribers.departures import Departure, DepartureKind
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.tasks import send_confirmations
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.moving.site import house

pytestmark = pytest.mark.django_db(transaction=True)
OURS = ("newsletter", "subscribers")
FROZEN = Path(__file__).parent / "export_of_0_2.zip"  # every table has a row

# What has a form of its own: posts/*.md, issues/*/, settings.yaml, deliveries/.
BY_THEMSELVES = (
    *("posts.Post", "posts.Post_tags", "issues.Issue", "issues.IssueItem"),
    *("publication.Publication", "delivery.Delivery", "auth.User"),
)

LEFT_OUT = {
    "api.Token": "opens this installation to a program",
    "api.KeptAnswer": "is about the last 24 hours",
    "posts.Rendering": "is made anew of the text",
    "posts.SearchDocument": "is made anew of the text",
    "publication.MailServer": "opens the account at a mail server; only this installation's key reads it",
    "publication.SiteVersion": "counts changes of this database",
    "delivery.Trial": "is in the outbox of this installation, and nobody has it",
    "delivery.Rehearsal": "is of no use elsewhere: an issue is rehearsed again before it is sent",
    "delivery.Restoration": "tells of this machine",
    "delivery.LedgerPlace": "is about this database",
    "delivery.RateLimitState": "is about the last seconds of sending",
    "delivery.MailFetch": "is about the last look into the mailbox",
    "delivery.InboundMessage": "is kept for 30 days, until it is applied: events tell what came of it",
    "delivery.Visit": "could be traced to a network together with the salt of its day",
    "delivery.DaySalt": "is kept for a day, so that nobody can trace visits",
    "background.RunningProgram": "tells of this installation's machines",
    "operation.NightlyBackup": "tells of this machine's backups",
    "operation.Look": "tells of this machine",
    "operation.Trouble": "tells of this machine",
    "hooks.Hook": "has the secret of a program elsewhere, which would be sent twice",
    "hooks.HookEvent": "goes with its webhook",
    "hooks.Call": "is kept for 45 days, for the webhooks of this installation",
    "subscribers.LinkWish": "is a wish for a mail within the next minutes",
    "subscribers.FreshLink": "opens for half an hour",
    "subscribers.MailBudget": "is about the last 24 hours",
    "desk.Errand": "is work of this machine, and its files",
    "desk.PostImport": "is work of this machine, and its files",
    "desk.PostImportEntry": "is work of this machine, and its files",
    "desk.FailureCount": "is about the last minutes",
}


@pytest.fixture
def old(settings, tmp_path):
    house.move(settings, tmp_path / "old")
    make_publication()
    return tmp_path / "old"


@pytest.fixture
def moved(settings, tmp_path):
    """Empty the database and return the folder of a new house; call it when the old one is exported."""

    def move():
        house.empty()
        house.move(settings, tmp_path / "new")
        return tmp_path / "new"

    return move


@pytest.fixture
def export(tmp_path):
    def write(name="export", **options):
        return exporting.export(tmp_path / name, timezone.now(), **options).path

    return write


def a_sent_issue() -> Mailing:
    """Return a mailing of a sent issue, as post 1 and issue 42 are its contents."""
    image = Image.objects.create(digest="ab" * 8, name="a.png", alt="圖", width=2, height=1)
    post = make_post("標題: true", body="內文\r\n---\nkey: value\n\n", words="a-post", tags=("管理", "AI"), cover=image)
    Post.objects.filter(pk=post.pk).update(created_by=User.objects.create_user("eva", password="long enough 123"))
    issue = make_issue(post, number=42, introduction="開頭\n", closing="", sent_at=house.AT)
    return Mailing.objects.create(
        issue=issue,
        state=Mailing.State.SENT,
        approved_at=house.AT,
        send_at=house.AT,
        planned_at=house.AT,
        finished_at=house.AT,
        sender_email="a@example.org",
        subject="第 42 期",
        html="<p>\x02name\x03，信\r\n</p>",
        text="\x02name\x03\nletter",
        total=2,
        counted_at=house.AT,
    )


def the_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rewrite(folder, name, change):
    """Change a file, and the manifest with it, as an author who writes an export by hand would."""
    octets = change((folder / name).read_bytes().decode()).encode()
    (folder / name).write_bytes(octets)
    facts = house.facts(folder)
    facts["files"][name] |= {"bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(facts))


def test_every_model_is_in_a_table_or_left_out_for_a_reason():
    known = [*(sheet.label for sheet in SHEETS), *BY_THEMSELVES, *LEFT_OUT]
    ours = [
        model._meta.label for model in apps.get_models(include_auto_created=True) if model.__module__.startswith(OURS)
    ]

    assert len(known) == len(set(known))
    assert set(known) - {"auth.User"} == set(ours)


def test_an_empty_cell_means_one_thing():
    texts = [
        field for sheet in SHEETS for field in sheet.fields if isinstance(field, (models.CharField, models.TextField))
    ]

    assert texts
    assert [field for field in texts if field.null] == []


def test_every_table_comes_back_as_it_was(old, moved, export):
    a_sent_issue()
    house.fill_every_table()
    Post.objects.update(series=Series.objects.get(), series_number=3)
    (old / "media" / ("ab" * 8)).mkdir(parents=True)
    (old / "media" / ("ab" * 8) / "a.png").write_bytes(b"png")
    first = export(with_keys=True)
    new = moved()

    done = site.import_site(first, timezone.now() - timedelta(days=365))  # nothing is due yet: all is as it was
    second = export("again", with_keys=True)

    before, after = the_files(first), the_files(second)
    data, again = (json.loads(files.pop("manifest.json")) for files in (before, after))
    assert after == before
    assert all(data["files"][sheet.file]["rows"] for sheet in SHEETS)
    assert again | {"exported_at": data["exported_at"]} == data
    assert done.counts == {"posts": 1, "issues": 1, "readers": 1, "mailings": 1, "deliveries": 0}
    assert (new / "media" / ("ab" * 8) / "a.png").read_bytes() == b"png"
    assert Post.objects.get().body == "內文\r\n---\nkey: value\n\n"
    assert (Post.objects.get().series, Post.objects.get().series_number) == (Series.objects.get(), 3)
    assert Post.objects.get().created_by.username == "eva"


def test_a_folder_of_an_older_version_is_still_taken_in(old, moved, export, tmp_path):
    shutil.unpack_archive(FROZEN, tmp_path / "frozen")
    moved()

    done = site.import_site(tmp_path / "frozen" / "site", timezone.now() - timedelta(days=365))

    before, after = the_files(tmp_path / "frozen" / "site"), the_files(export())
    data = json.loads(before["manifest.json"])
    assert done.counts == data["counts"] == {"posts": 2, "issues": 1, "readers": 2, "mailings": 1, "deliveries": 2}
    assert done.unsent == 2  # welcomes: with who was welcomed when, readers.csv alone differs
    of_this_version = {"manifest.json", "README.md", "TABLES.md"}
    different = {name for name in before | after if before.get(name) != after.get(name)}
    new_keys = {
        line.partition(b":")[0].decode()
        for name in different & before.keys()
        if name.endswith((".md", ".yaml")) and name not in of_this_version
        for line in set(after[name].splitlines()) - set(before[name].splitlines())
    }
    assert {name for name in different - of_this_version if not name.startswith("posts/")} == {
        *("readers.csv", "redirects.csv", "settings.yaml", "issues/votes.csv", "issues/0042/issue.yaml")
    }
    assert new_keys == {
        *("cadence_rule", "menu", "gift", "gift_bytes", "gift_count", "planned_at", "is_page"),
        *("question", "question_choices", "question_salt", "shows_result"),
    }


def test_copies_come_back_as_they_were(old, moved, export):
    mailing = a_sent_issue()
    readers = [make_subscriber() for _n in range(3)]
    Batch.objects.create(mailing=mailing, no=0, lo=0, hi=2, cursor=2, state=Batch.State.DONE, sent=2)
    sent = {"state": 1, "attempts": 1, "sent_at": house.AT, "provider_id": "id", "reply": "250 =ok"}
    for n in range(2):
        Delivery.objects.create(mailing=mailing, seq=n, subscriber=readers[n], **sent)
    other = make_issue(number=43)
    second = Mailing.objects.create(
        issue=other, approved_at=house.AT, send_at=house.AT, planned_at=house.AT, sender_email="a@example.org", total=3
    )
    Batch.objects.create(mailing=second, no=0, lo=0, hi=3, cursor=0)
    for seq, reader in enumerate([*readers[:2], None]):
        Delivery.objects.create(mailing=second, seq=seq, subscriber=reader)
    counted = mailing.counts(), second.counts()
    folder = export()
    moved()

    done = site.import_site(folder, timezone.now())

    assert done.counts["deliveries"] == 5
    assert Delivery.objects.filter(mailing=mailing, **sent).count() == 2
    found = second.deliveries.order_by("seq").values_list("mailing", "seq", "subscriber", "state")
    assert list(found) == [(second.pk, 0, readers[0].pk, 0), (second.pk, 1, readers[1].pk, 0), (second.pk, 2, None, 0)]
    assert (mailing.counts(), second.counts()) == counted
    assert restore_detection.is_restore_undecided(), "the old house may have sent it meanwhile"


@pytest.mark.parametrize(
    "make", [make_post, make_subscriber, lambda: Suppression.objects.create(address_hash="a" * 32)]
)
def test_a_house_with_anything_in_it_is_refused_and_stays(old, export, make, capsys):
    folder = export()
    make()
    name = Publication.objects.fresh().name
    Publication.objects.update(name="Another")

    with pytest.raises(CommandError, match="Nothing was brought in: this installation is not empty"):
        call_command("import_site", str(folder))

    assert Publication.objects.get().name == "Another" != name
    assert not restore_detection.is_restore_undecided()


def test_a_file_that_was_changed_is_refused(old, moved, export):
    make_post("One", words="one")
    folder = export()
    post = next((folder / "posts").glob("*.md"))
    post.write_text(post.read_text().replace("One", "Two"))
    moved()

    with pytest.raises(FolderError, match=f"posts/{post.name} is not what was written"):
        site.import_site(folder, timezone.now())

    assert not Post.objects.exists()


def test_what_stops_in_the_middle_has_changed_nothing_and_is_run_again(old, moved, export, monkeypatch):
    a_sent_issue()
    make_subscriber()
    folder = export()
    moved()

    def full(*_args):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(places, "put_files", full)
        with pytest.raises(OSError, match="No space"):
            site.import_site(folder, timezone.now())
    assert not Post.objects.exists()
    assert not Issue.objects.exists()

    site.import_site(folder, timezone.now())
    assert Mailing.objects.get().html == "<p>\x02name\x03，信\r\n</p>"


def test_a_newer_export_is_refused_and_an_older_one_gets_defaults(old, moved, export):
    make_subscriber("a@example.org")
    folder = export()
    moved()
    rewrite(folder, "readers.csv", lambda text: text.replace("token_salt", "newer_salt", 1))
    with pytest.raises(FolderError, match=r"readers.csv has the column 'newer_salt', which this version does not know"):
        site.import_site(folder, timezone.now())
    lines = (folder / "readers.csv").read_text().splitlines()
    older = "\r\n".join(",".join(line.split(",")[:1] + line.split(",")[2:]) for line in lines) + "\r\n"
    rewrite(folder, "readers.csv", lambda _text: older)

    site.import_site(folder, timezone.now())

    assert len(Subscriber.objects.get().token_salt) == 12


def test_an_export_of_a_later_migration_is_refused(old, moved, export):
    folder = export()
    facts = house.facts(folder)
    (folder / "manifest.json").write_text(
        json.dumps(facts | {"migrations": [*facts["migrations"], "posts.9999_later"]})
    )
    moved()

    with pytest.raises(site.ImportRefused, match=r"newer version of this program, which knows posts.9999_later"):
        site.import_site(folder, timezone.now())


def test_no_mail_leaves_that_the_old_house_owed(old, moved, export):
    now = timezone.now()
    soon = now + timedelta(hours=1)
    make_subscriber("waits@example.org", state="pending", confirmed_at=None, confirmation_due_at=now)
    make_subscriber("later@example.org", state="pending", confirmed_at=None, confirmation_due_at=soon)
    make_subscriber("new@example.org", welcomed_at=None)
    folder = export()
    moved()

    done = site.import_site(folder, now)
    mail.outbox.clear()
    send_confirmations()
    send_welcomes()

    assert done.unsent == 2
    assert mail.outbox == []
    assert Subscriber.objects.get(email="later@example.org").confirmation_due_at == soon


def test_who_left_or_must_not_be_mailed_stays_so(old, moved, export):
    make_subscriber("left@example.org", state="unsubscribed", unsubscribed_at=house.AT)
    make_subscriber("stays@example.org")
    late = make_subscriber("late@example.org")
    Suppression.objects.create(address_hash=address_hash("bad@example.org"), email="bad@example.org", reason="bounced")
    salt = Publication.objects.get().salt
    # A line of somebody who has left since the database was read.
    departures.append_to_file([Departure(timezone.now(), DepartureKind.LEFT, late.address_hash, salt)])
    folder = export()
    new = moved()

    site.import_site(folder, timezone.now())
    restore_detection.detect_restore(timezone.now())

    assert (new / "departures").exists()
    mailable = Subscriber.objects.mailable(timezone.now()).values_list("email", flat=True)
    assert list(mailable) == ["stays@example.org"]
    assert Suppression.objects.get().email == "bad@example.org"


def test_without_keys_no_secret_is_in_it(old, export):
    user = User.objects.create_user("eva", password="long enough 123")
    user.groups.add(Group.objects.get(name="editor"))
    places.settings.DKIM_DIR.mkdir()
    (places.settings.DKIM_DIR / "s1.pem").write_text("PRIVATE")

    without, having = (b"".join(the_files(export(name, with_keys=name == "with")).values()) for name in ("not", "with"))

    secret = places.settings.SECRET_KEY.encode()
    assert (secret in without, secret in having) == (False, True)
    assert (b"PRIVATE" in without, b"PRIVATE" in having) == (False, True)
    assert user.password.encode() not in without + having


def test_links_in_old_letters_open_in_the_new_house(old, moved, export, settings, client):
    settings.SECRET_KEY_IS_GIVEN = False
    token = make_subscriber("a@example.org").token("unsubscribe")
    folder = export(with_keys=True)
    new = moved()

    done = site.import_site(folder, timezone.now())

    assert done.has_secret
    assert (new / "secret_key").read_text() == settings.SECRET_KEY
    assert client.get(f"/unsubscribe/{token}/").status_code == 200


def test_a_number_that_was_given_is_not_given_again(old, moved, export):
    make_post("One", words="one")
    last = make_post("Two", words="two")
    number = last.pk
    last.delete()
    folder = export()
    moved()

    site.import_site(folder, timezone.now())

    assert make_post("Three", words="three").pk == number + 1


def test_an_export_is_of_one_moment(old):
    make_post("One", words="one")

    with snapshot():
        make_post("Two", words="two")
        seen = Post.objects.using(ALIAS).count()

    assert (seen, Post.objects.count()) == (1, 2)


def test_accounts_come_without_passwords_and_one_that_is_there_stays(old, moved, export):
    User.objects.create_user("eva", password="old words here").groups.add(Group.objects.get(name="editor"))
    User.objects.create_superuser("author", password="old words here")
    folder = export()
    moved()
    User.objects.create_superuser("author", password="new words here")

    site.import_site(folder, timezone.now())

    author, eva = User.objects.order_by("username")
    assert author.check_password("new words here")
    assert not eva.has_usable_password()
    assert [group.name for group in eva.groups.all()] == ["editor"]


def test_the_folder_is_its_owners_alone(old, export):
    make_post("One", words="one")
    folder = export()

    assert {oct(path.stat().st_mode & 0o777) for path in folder.rglob("*") if path.is_file()} == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in [folder, *folder.rglob("*")] if path.is_dir()} == {"0o700"}
