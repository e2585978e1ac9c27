"""No new form without somebody who has pressed its button: every door stands on a journey, or here with its reason."""

from importlib import import_module
from pkgutil import iter_modules

from tests.flows import journeys
from tests.flows.journeys import doors

NOT_FOR_PERSONS = {
    "delivery:webhook": "mail providers post to it",
    "delivery:feedback": "forms in letters of before 0.2",
}
# By namespace. Only older tests post to them, by calls or in a browser. None is added; what has a journey leaves.
WITHOUT_JOURNEY = {
    "admin": """
        api_token_add api_token_change api_token_delete auth_group_add auth_group_change auth_group_delete
        auth_user_add auth_user_change auth_user_delete auth_user_start_link by_passkey calendar_holiday
        calendar_link calendar_slot delivery_mailing_add delivery_mailing_change delivery_mailing_delete
        end_session factor_app factor_codes factor_passkey factor_remove issue_trial issue_trial_away
        issues_issue_change issues_issue_changelist issues_issue_delete issues_kepttext_add
        issues_kepttext_change issues_kepttext_changelist issues_kepttext_delete issues_startingpoint_add
        issues_startingpoint_change issues_startingpoint_changelist issues_startingpoint_delete login
        mailing_decide mailing_judge mailing_public mailing_question mailing_refreeze mailing_switch move_in
        move_in_begin move_in_go_on move_in_numbers move_in_stop move_in_try passkey_creation passkey_options
        posts_image_add posts_image_change posts_image_delete posts_image_describe posts_pattern_add
        posts_pattern_change posts_pattern_delete posts_post_delete posts_post_preview posts_post_restore
        posts_post_working_copy posts_redirect_add posts_redirect_change posts_redirect_delete
        posts_series_changelist posts_tag_changelist publication_publication_add
        publication_publication_change publication_publication_delete reader_act reader_bulk
        reader_errand_stop reader_health_believe reader_health_dismiss reader_import_consent reader_quote_ask
        reader_quote_place restored second_factor settings_security settings_sender settings_words
        setup_preview start subscribers_subscriber_delete subscribers_suppression_add
        subscribers_suppression_change subscribers_suppression_changelist subscribers_suppression_delete
        webhook_act webhook_add webhook_again webhook_change webhook_delete webhook_rotate writing_check
        writing_posts
    """,
    "delivery": """
        approve cancel quote
    """,
}


def test_every_form_is_sent_on_a_journey_but_for_those_that_wait_for_one():
    modules = [import_module(f"{journeys.__name__}.{module.name}") for module in iter_modules(journeys.__path__)]
    travelled = {door for module in modules for value in vars(module).values() for door in doors.named_by(value)}
    waiting = {f"{space}:{name}" for space, names in WITHOUT_JOURNEY.items() for name in names.split()}

    assert doors.all_doors() - travelled == set(NOT_FOR_PERSONS) | waiting
    assert travelled <= doors.all_doors()
