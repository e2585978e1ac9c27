"""How the copies of a mailing divide: ledger/breakdown.py counts them, and a page reads one row."""

from django.db import models

REST = ""  # the domains that are not counted by themselves


class Breakdown(models.Model):
    """How the copies of one mailing divided when they were counted last."""

    mailing = models.OneToOneField(
        "delivery.Mailing", on_delete=models.CASCADE, primary_key=True, related_name="breakdown"
    )
    domains = models.JSONField(default=list, help_text="those counted by themselves, the largest first")
    by_domain = models.JSONField(default=dict, help_text="of each name the numbers in the order of Delivery.State")
    by_verdict = models.JSONField(default=dict, help_text="failed copies by what newsletter.mail.replies says of them")

    def __str__(self) -> str:
        return f"{self.mailing_id}"
