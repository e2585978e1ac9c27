"""The author's admin site."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class DeskSite(admin.AdminSite):
    site_header = _("Desk")
    site_title = _("Desk")
    index_title = _("Today")
