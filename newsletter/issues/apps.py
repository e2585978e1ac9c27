from typing import ClassVar

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IssuesConfig(AppConfig):
    name = "newsletter.issues"
    label = "issues"
    verbose_name = _("Issues")
    tables_shown: ClassVar = [
        "issues_issue",
        "issues_issueitem",
        "issues_correction",
        "issues_startingpoint",
        "issues_shift",
    ]  # page_cache counts their changes
