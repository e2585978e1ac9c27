"""What is wrong, each with the link that mends it, as far as the desk can: the rest says what the operator does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy

from newsletter.desk.today.facts import Facts
from newsletter.desk.today.steps import READERS, SEND, SETTINGS, WATCH, Step
from newsletter.operation import diagnosis
from newsletter.operation.findings import Finding

ABOUT = -1  # the argument of an address is the mailing that the finding is about


@dataclass(frozen=True)
class Cure:
    """Where something is mended, and which right that place asks for."""

    words: Any
    right: str
    name: str
    args: tuple[int, ...] = ()
    tail: str = ""

    def url(self, finding: Finding) -> str:
        args = [finding.about if arg == ABOUT else arg for arg in self.args]
        return reverse(self.name, args=args) + self.tail


@dataclass(frozen=True)
class Trouble:
    """One finding as the page shows it. words: of the link; empty if nothing on the desk mends it."""

    level: str
    message: str
    hint: str
    words: str
    url: str


SENDER = "admin:settings_sender"
WAITING = ("admin:subscribers_subscriber_changelist", (), "?state=pending")
CURES: dict[str, Cure] = {
    "sender.made_up": Cure(gettext_lazy("Set the sender"), SETTINGS, SENDER, tail="#id_sender_email"),
    "postal_address.empty": Cure(gettext_lazy("Fill in the address"), SETTINGS, SENDER, tail="#id_postal_address"),
    "data_place.empty": Cure(gettext_lazy("Name the place"), SETTINGS, "admin:settings_letter", tail="#id_data_place"),
    "mail.outbox": Cure(gettext_lazy("Open the outbox"), "publication.see_mail", "mail:outbox"),
    "mail.waiting": Cure(gettext_lazy("See who waits"), READERS, *WAITING),
    "mail.given_up": Cure(gettext_lazy("See who waits"), READERS, *WAITING),
    "mailing.paused": Cure(gettext_lazy("Go on or cancel"), WATCH, "admin:mailing", (ABOUT,)),
    "mailing.late": Cure(gettext_lazy("Open the mailing"), WATCH, "admin:mailing", (ABOUT,)),
    "mailing.stands_still": Cure(gettext_lazy("Open the mailing"), WATCH, "admin:mailing", (ABOUT,)),
    "mailing.refused_addresses": Cure(gettext_lazy("Look at the addresses"), WATCH, "admin:mailing", (ABOUT,)),
    "result_letter.waiting": Cure(gettext_lazy("See the result"), WATCH, "admin:mailing", (ABOUT,)),
    "mailing.uncertain": Cure(gettext_lazy("Choose the mailing"), WATCH, "admin:delivery_mailing_changelist"),
    "webhook.off": Cure(gettext_lazy("See its answers"), SETTINGS, "admin:webhook", (ABOUT,)),
    "webhook.failing": Cure(gettext_lazy("See its answers"), SETTINGS, "admin:webhook", (ABOUT,)),
    "database.restored": Cure(gettext_lazy("Read and decide"), SEND, "admin:restored"),
}


SAID_BY = {"sender.made_up": "sender", "mailing.paused": "paused"}  # by the finding, the key of a step


def troubles(facts: Facts, step: Step, now: datetime) -> list[Trouble]:
    """Return what is wrong, as far as the user could mend it; nothing to those who neither send nor run it.

    What the step says already is left out, but for why a mailing is paused; the button of the step leads there.
    """
    if facts.may(SETTINGS):
        found = diagnosis.for_the_author(now)
    else:
        found = diagnosis.for_an_editor(now) if facts.may(SEND) else []
    said = [one for one in found if _is_said(one, step)]
    reasons = [Trouble(one.level, one.message, "", "", "") for one in said if one.about]
    return [*reasons, *(_shown(one, facts) for one in found if one not in said)]


def _is_said(finding: Finding, step: Step) -> bool:
    if SAID_BY.get(finding.id) != step.key:
        return False
    return not finding.about or finding.about in step.place[1]


def _shown(finding: Finding, facts: Facts) -> Trouble:
    cure = CURES.get(finding.id)
    if cure is None or not facts.may(cure.right) or (ABOUT in cure.args and not finding.about):
        return Trouble(finding.level, finding.message, finding.hint, "", "")
    return Trouble(finding.level, finding.message, finding.hint, str(cure.words), cure.url(finding))
