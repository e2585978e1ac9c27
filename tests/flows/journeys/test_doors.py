"""No new form without somebody who has pressed its button: every door stands on a journey, or here with its reason."""

from importlib import import_module
from pkgutil import iter_modules

from tests.flows import journeys
from tests.flows.journeys import doors

NOT_FOR_PERSONS = {
    "delivery:webhook": "mail providers post to it",
    "delivery:feedback": "forms in letters of before 0.2",
    "admin:api_token_change": "a token is deleted, never changed: the desk refuses",
    "admin:delivery_mailing_add": "sending an issue makes it: the desk refuses",
    "admin:delivery_mailing_change": "leads to the page of the mailing",
    "admin:delivery_mailing_delete": "what was sent stays: the desk refuses",
    "admin:posts_image_delete": "pictures stay, as old letters show them: the desk refuses",
    "admin:publication_publication_add": "there is one: the desk refuses",
    "admin:publication_publication_change": "leads to the settings",
    "admin:publication_publication_delete": "there is one: the desk refuses",
    "admin:subscribers_subscriber_delete": "readers are erased instead: the desk refuses",
    "admin:mailing_switch": "shown only where a second provider is in the environment",
    "admin:posts_series_changelist": "Django's list without a form: nothing is ticked there",
    "admin:posts_tag_changelist": "as that of the series",
    "admin:issues_kepttext_changelist": "as that of the series",
    "admin:subscribers_suppression_changelist": "as that of the series",
    "admin:issues_issue_changelist": "as that of the series",
}
# With these screens their doors will go, too.
LEAVING = {
    "the editor of roles": "admin:auth_group_add admin:auth_group_change admin:auth_group_delete",
    "quotes by consent": "admin:reader_quote_ask admin:reader_quote_place delivery:quote",
    "the screens of webhooks": """
        admin:webhook_act admin:webhook_add admin:webhook_again admin:webhook_change admin:webhook_delete
        admin:webhook_rotate
    """,
}


def test_every_form_is_sent_on_a_journey():
    modules = [import_module(f"{journeys.__name__}.{module.name}") for module in iter_modules(journeys.__path__)]
    travelled = {door for module in modules for value in vars(module).values() for door in doors.named_by(value)}
    leaving = {door for names in LEAVING.values() for door in names.split()}

    assert doors.all_doors() - travelled == set(NOT_FOR_PERSONS) | leaving
    assert travelled <= doors.all_doors()
