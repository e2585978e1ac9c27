"""What readers see of webhooks: recipients in the privacy notice, and calls in their own data."""

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.api.hooks import erasure
from newsletter.api.hooks.models import Call, HookEventType
from subscribers import own_data, privacy
from tests.factories import make_subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def notice():
    return {part.heading: part.body for part in privacy.notice_sections(privacy.NoticeFacts.now())}[
        "Where, and who sees it"
    ]


def test_the_privacy_notice_names_who_gets_addresses_and_nobody_else(make_hook):
    here = (
        "On the server of this site. Programs there use it to send letters and to answer you; the author and who helps "
        "see it at their desk. Letters are handed over to locmem, which sees your address and the letter."
    )
    assert notice() == f"{here} Nobody else gets it."
    make_hook("https://numbers.example.org/")
    make_hook("https://posts.example.org/", HookEventType.PUBLISHED, shows_addresses=True)
    assert notice() == f"{here} Nobody else gets it."

    make_hook("https://crm.example.org/in", shows_addresses=True)

    told = "When you confirm, leave, or no letter goes to you any more, crm.example.org is notified, with your address."
    assert notice() == f"{here} {told} Nobody else gets it."


def test_the_page_that_is_kept_learns_of_it(client, make_hook):
    assert b"crm.example.org" not in client.get(reverse("subscribers:privacy")).content

    make_hook("https://crm.example.org/in", shows_addresses=True)

    assert b"crm.example.org" in client.get(reverse("subscribers:privacy")).content


def test_a_reader_sees_what_was_told_of_them(make_hook):
    hook = make_hook("https://crm.example.org/in")
    reader, other = make_subscriber(), make_subscriber()
    reader.unsubscribe(timezone.now())
    other.unsubscribe(timezone.now())
    Call.objects.create(
        hook=hook, event=HookEventType.RESULT, about=reader.pk, at=timezone.now()
    )  # an issue of this number
    Call.objects.filter(event=HookEventType.LEFT).update(state=Call.State.SENT)

    chapter = next(one for one in own_data.all_chapters(reader, "") if one.name == "webhooks")

    assert [(line.what, line.details) for line in chapter.lines] == [("crm.example.org: A reader has left", ("taken",))]
    assert chapter.intro == "Kept for 45 days."


def test_who_is_erased_is_struck_out_of_what_was_told_and_of_its_answers(make_hook):
    make_hook()
    reader, other = make_subscriber(), make_subscriber()
    for one in (reader, other):
        one.unsubscribe(timezone.now())
    Call.objects.update(state=Call.State.SENT, answer="stored ann@example.org")

    erasure.redact_reader(reader)

    assert list(Call.objects.order_by("pk").values_list("about", "answer")) == [
        (None, ""),
        (other.pk, "stored ann@example.org"),
    ]
