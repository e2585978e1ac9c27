"""What an author says when posts move in."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.desk.models import PostImport
from newsletter.publication import bodies

_SITE = re.compile(r"https?://[\w.-]{1,190}(?::\d{1,5})?(?:/[^\s?#]*)?", re.IGNORECASE)


class UploadForm(forms.Form):
    """The file that another program gave."""

    file = forms.FileField(
        label=gettext_lazy("The file that the other program gave you"),
        label_suffix="",
        widget=forms.FileInput({"accept": ".zip,.json,.xml,.csv,.md,.tsv,.xlsx"}),
        help_text=gettext_lazy(
            "As it is, packed or not: ZIP, JSON, XML or CSV, 64 MB at most. Pack a folder of Markdown as a ZIP."
        ),
    )

    def clean_file(self) -> "UploadedFile[Any]":
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > bodies.READERS:
            raise ValidationError(_("This file is too large for the browser."))
        return file


class TrialForm(forms.Form):
    """Where the posts were read until now, and whether their pictures are asked for there."""

    site = forms.CharField(
        label=gettext_lazy("Where the posts were read until now"),
        label_suffix="",
        max_length=200,
        required=False,
        widget=forms.URLInput({"placeholder": "https://"}),
        help_text=gettext_lazy("Links between your posts are known by it, and lead to the new place afterwards."),
    )
    fetches = forms.BooleanField(
        label=gettext_lazy("Fetch pictures that are not in the file from the web"),
        label_suffix="",
        required=False,
        help_text=gettext_lazy("Only from public addresses. Pictures that are not found stay where they are."),
    )

    def clean_site(self) -> str:
        site: str = self.cleaned_data["site"].strip()
        if site and "://" not in site:
            site = f"https://{site}"
        if site and not _SITE.fullmatch(site):
            raise ValidationError(_("This is no address of a site. It begins with https://."))
        return site.rstrip("/")

    @classmethod
    def of(cls, found: PostImport) -> "TrialForm":
        return cls(initial={"site": found.site, "fetches": found.fetches})
