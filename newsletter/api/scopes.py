"""What a token may be for: each scope, in words, and the rights without which it opens nothing. Pure."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SCHEDULE = "issues:schedule"


@dataclass(frozen=True)
class Scope:
    """needs: the rights of the desk that its user must have; each endpoint asks for those that it needs again."""

    label: Promise
    needs: tuple[str, ...]


SEE, CARE = "subscribers.see_readers", "subscribers.change_subscriber"
SCOPES: dict[str, Scope] = {
    "posts:read": Scope(_("read posts, drafts too, pictures and tags"), ("posts.view_post",)),
    "posts:write": Scope(_("write drafts, change texts, upload pictures"), ("posts.change_post",)),
    "posts:publish": Scope(_("publish posts, and take them back"), ("posts.publish_post",)),
    "issues:read": Scope(_("read issues, and what became of their mailings"), ("issues.view_issue",)),
    "issues:write": Scope(_("compose issues and rehearse them"), ("issues.change_issue",)),
    SCHEDULE: Scope(_("schedule issues, and pause or cancel their mailings"), ("issues.send_issue",)),
    "readers:read": Scope(_("see who the readers are"), (SEE,)),
    "readers:write": Scope(_("add, tag, pause, unsubscribe and erase readers"), (SEE, CARE)),
    "readers:export": Scope(_("take the list of readers away"), (SEE, "subscribers.export_readers")),
    "deliveries:read": Scope(_("see which copies a reader got"), (SEE, "delivery.view_mailing")),
    "events:read": Scope(_("see bounces, complaints and other events"), (SEE, "delivery.view_mailing")),
    "imports:write": Scope(_("import readers"), (SEE, "subscribers.add_subscriber")),
    "health:read": Scope(_("see whether the installation is well"), ("publication.view_publication",)),
}
