"""Webhooks on the desk: made with a secret that is shown once, tested, looked at, replayed, switched off and on."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from newsletter.api.hooks import worker
from newsletter.api.hooks.models import Call, Hook, HookEventType
from newsletter.desk.today import REMEDIES
from newsletter.operation import doctor_checks
from newsletter.operation.diagnosis import ALL_CHECKS, DESK_CHECKS
from newsletter.publication.changes import Change
from tests.factories import make_helper, make_publication
from tests.support.hook_receiver import has_valid_signature
from tests.support.page_checks import assert_valid

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/in"


@pytest.fixture
def desk(author):
    make_publication(time_zone="Asia/Taipei")
    author.get("/admin/")
    return author


def make_hook(url=URL, **fields):
    hook = Hook.objects.create(url=url, created_at=timezone.now(), **fields)
    hook.subscribe_to([HookEventType.LEFT], timezone.now() - timedelta(hours=1))
    return hook


def make_call(hook, **fields):
    return Call.objects.create(
        **({"hook": hook, "event": HookEventType.LEFT, "about": 7, "at": timezone.now()} | fields)
    )


def text_of(response):
    return response.content.decode()


def posted(client, name, *args, **fields):
    return client.post(reverse(f"admin:{name}", args=args), fields, follow=True)


def test_an_author_makes_one_sends_a_test_and_sees_the_answer(desk, receiver):
    made = posted(desk, "webhook_add", url=receiver.url, note="customer list", events=["reader.left", "issue.sent"])
    hook = Hook.objects.get()
    assert hook.secret in text_of(made)
    assert "customer list" in text_of(made)
    again = text_of(desk.get(reverse("admin:webhook", args=[hook.pk])))
    assert hook.secret not in again
    assert "It has not been called yet." in again

    posted(desk, "webhook_act", hook.pk, "test")
    worker.run_turn(timezone.now())

    shown = text_of(desk.get(reverse("admin:webhook", args=[hook.pk])))
    assert "Answer 200" in shown
    assert "thanks" in shown
    assert has_valid_signature(hook.secret, receiver.calls[0])
    assert receiver.calls[0].said["type"] == "webhook.test"
    assert list(hook.events.values_list("event", flat=True)) == ["reader.left", "issue.sent"]
    assert Change.objects.filter(about="hooks.hook", what="added", by="gipi").count() == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"url": "http://hooks.example.org/in"}, "begins with https://"),
        ({"url": "https://me:pw@hooks.example.org/"}, "without a password"),
        ({"url": "https://hooks.example.org:22/"}, "at port 443 or 8443"),
        ({"url": "nonsense"}, "Enter a valid URL"),
        ({"events": []}, "This field is required"),
    ],
)
def test_what_cannot_be_called_is_refused_with_the_reason_and_nothing_is_lost(desk, fields, message):
    typed = {"url": URL, "note": "my note", "events": ["reader.left"]} | fields
    response = posted(desk, "webhook_add", **typed)

    assert response.status_code == 400
    assert message in text_of(response)
    assert "my note" in text_of(response)
    assert not Hook.objects.exists()


def test_what_is_changed_counts_from_now_on_and_the_secret_stays(desk):
    hook = make_hook()
    began = hook.events.get().since

    posted(desk, "webhook_change", hook.pk, url=URL + "2", events=["reader.left", "post.published"])

    changed = Hook.objects.get()
    assert (changed.url, changed.secret) == (URL + "2", hook.secret)
    since = dict(changed.events.values_list("event", "since"))
    assert since["reader.left"] == began
    assert since["post.published"] > began


def test_addresses_of_readers_leave_only_by_somebody_who_may_take_them_away(client):
    make_publication()
    helper = make_helper()
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_publication", "change_publication"]))
    client.force_login(helper)
    client.get("/admin/")

    response = posted(client, "webhook_add", url=URL, events=["reader.left"], shows_addresses="on")
    assert response.status_code == 403
    assert not Hook.objects.exists()
    assert posted(client, "webhook_add", url=URL, events=["reader.left"]).status_code == 200


def test_a_new_secret_is_shown_once_and_the_former_one_signs_for_a_day(desk):
    hook = make_hook()

    shown = text_of(posted(desk, "webhook_rotate", hook.pk))

    changed = Hook.objects.get()
    assert changed.secret != hook.secret
    assert changed.secret in shown
    assert hook.secret not in shown
    assert "For 24 hours" in shown
    assert changed.valid_secrets(timezone.now()) == [changed.secret, hook.secret]


def test_one_that_is_off_is_switched_on_and_says_what_that_means(desk):
    hook = make_hook(off=Hook.Off.FAILING, failures=13, failing_since=timezone.now())
    assert "took nothing for three days" in text_of(desk.get(reverse("admin:webhook", args=[hook.pk])))
    assert "Switch it on first" in text_of(posted(desk, "webhook_act", hook.pk, "test"))
    assert not Call.objects.exists()

    posted(desk, "webhook_act", hook.pk, "on")
    assert (Hook.objects.get().off, Hook.objects.get().failures) == ("", 0)
    posted(desk, "webhook_act", hook.pk, "off")
    assert Hook.objects.get().off == Hook.Off.AUTHOR
    assert Change.objects.filter(about="hooks.hook", what="changed").count() == 2


def test_one_call_or_all_since_a_time_are_made_once_more(desk):
    hook = make_hook()
    now = datetime(2026, 5, 1, 2, tzinfo=UTC)  # 10:00 in Taipei
    old, new = (make_call(hook, at=now + timedelta(hours=hours), state="sent") for hours in (-1, 1))

    posted(desk, "webhook_act", hook.pk, "replay", since="2026-05-01T10:00")
    assert list(Call.objects.waiting()) == [new]
    posted(desk, "webhook_again", hook.pk, old.pk)
    assert list(Call.objects.waiting()) == [old, new]
    assert {call.message_id for call in Call.objects.all()} == {old.message_id, new.message_id}

    said = text_of(posted(desk, "webhook_again", hook.pk, old.pk))
    assert "It waits already" in said
    assert "enter a day and a time" in text_of(posted(desk, "webhook_act", hook.pk, "replay", since="soon"))


def test_what_is_not_there_is_not_found(desk):
    hook, other = make_hook(), make_hook()
    call = make_call(other, state="sent")

    assert posted(desk, "webhook_again", hook.pk, call.pk).status_code == 404
    assert posted(desk, "webhook_act", hook.pk, "nonsense").status_code == 404
    assert desk.get(reverse("admin:webhook", args=[10**6])).status_code == 404


def test_it_is_deleted_with_its_calls_after_a_question(desk):
    hook = make_hook()
    make_call(hook)

    assert "Yes, delete it" in text_of(desk.get(reverse("admin:webhook_delete", args=[hook.pk])))
    assert Hook.objects.exists()
    posted(desk, "webhook_delete", hook.pk)
    assert not Hook.objects.exists()
    assert not Call.objects.exists()
    assert Change.objects.filter(about="hooks.hook", what="deleted").count() == 1


def test_an_answer_is_text_and_never_markup(desk):
    hook = make_hook()
    make_call(hook, state="sent", status=200, answer="<script>alert(1)</script>", tried_at=timezone.now())

    shown = text_of(desk.get(reverse("admin:webhook", args=[hook.pk])))
    assert "<script>alert(1)" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_every_page_is_html_as_the_standard_has_it(desk):
    hook = make_hook()
    for state, trouble in (("sent", ""), ("waiting", "no answer")):
        make_call(hook, state=state, tries=2, status=None if trouble else 200, trouble=trouble, tried_at=timezone.now())
    pages = [reverse("admin:webhooks"), reverse("admin:webhook_add")]
    pages += [reverse(f"admin:{name}", args=[hook.pk]) for name in ("webhook", "webhook_change", "webhook_delete")]

    for page in pages:
        assert_valid(text_of(desk.get(page)))
    assert_valid(text_of(posted(desk, "webhook_add", url="x")))
    assert_valid(text_of(posted(desk, "webhook_rotate", hook.pk)))


def test_the_page_asks_as_much_for_many_calls_as_for_few(desk, django_assert_max_num_queries):
    hook = make_hook()
    for _ in range(120):
        make_call(hook, state="sent", status=200, tried_at=timezone.now())

    with django_assert_max_num_queries(30):
        shown = text_of(desk.get(reverse("admin:webhook", args=[hook.pk])))
    assert shown.count("Answer 200") == 50


def test_the_doctor_and_the_home_say_that_one_is_off_and_where_it_is_mended():
    now = timezone.now()
    assert doctor_checks.hook_findings in ALL_CHECKS
    assert doctor_checks.hook_findings in DESK_CHECKS
    assert list(doctor_checks.hook_findings(now)) == []
    make_hook(off=Hook.Off.AUTHOR)
    gone = make_hook(off=Hook.Off.GONE)
    failing = make_hook(failures=3, failing_since=now - timedelta(hours=7))
    make_hook(failures=1, failing_since=now)

    found = list(doctor_checks.hook_findings(now))

    assert [(one.id, one.about) for one in found] == [("webhook.off", gone.pk), ("webhook.failing", failing.pk)]
    assert REMEDIES["webhook.off"].url(found[0]) == reverse("admin:webhook", args=[gone.pk])
